//! The `sla` section: how fast which calls have to be (§6).

use std::sync::Arc;

use super::section::Section;
use super::{entry, selector};
use crate::selector::{Selector, Subject};

/// One SLA boundary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sla {
    /// `genops.sla.tier`.
    pub tier: Box<str>,
    /// Which calls.
    pub selector: Selector,
    /// From the decision to the last byte, at most so long.
    pub latency_target_ms: u64,
    /// What a predicted violation does.
    pub on_predicted: OnPredicted,
    /// How many mean deviations are added to the mean.
    pub deviations: u64,
    /// How many answers must have been measured before anything is predicted.
    pub min_observations: u32,
    /// Where predictions refuse, one call in such a time goes through and is measured.
    pub probe_interval_ms: u64,
}

/// What happens to a call that is predicted to miss its target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnPredicted {
    /// Nothing is predicted.
    #[default]
    Ignore,
    /// It proceeds with a warning.
    Warn,
    /// It is refused.
    Refuse,
}

/// The first entry that is about the call.
pub fn sla_of<'c>(entries: &'c [Arc<Sla>], call: &Subject<'_>) -> Option<&'c Arc<Sla>> {
    entries.iter().find(|entry| entry.selector.selects(call))
}

/// Reads every entry.
pub(super) fn read(root: &Section<'_>) -> Vec<Arc<Sla>> {
    root.sections("sla").into_iter().filter_map(sla).map(Arc::new).collect()
}

fn sla(section: Section<'_>) -> Option<Sla> {
    const HOUR: u64 = 3_600_000;
    let tier = entry::meaningful(&section, "tier");
    let selector = selector::read(&section);
    section.require("latency_target_ms");
    let latency_target_ms = section.integer("latency_target_ms", 1, HOUR);
    let modes =
        [("ignore", OnPredicted::Ignore), ("warn", OnPredicted::Warn), ("refuse", OnPredicted::Refuse)];
    let on_predicted = section.one_of("on_predicted", &modes).unwrap_or_default();
    let deviations = section.integer("deviations", 0, 8).unwrap_or(1);
    let min_observations = section.integer("min_observations", 1, 10_000).unwrap_or(20);
    let probe_interval_ms = section.integer("probe_interval_ms", 10, HOUR).unwrap_or(5_000);
    section.finish();
    Some(Sla {
        tier: tier?.into(),
        selector,
        latency_target_ms: latency_target_ms?,
        on_predicted,
        deviations,
        min_observations: u32::try_from(min_observations).unwrap_or(u32::MAX),
        probe_interval_ms,
    })
}
