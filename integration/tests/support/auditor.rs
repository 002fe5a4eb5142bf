//! An independent auditor: recomputes every account from the event log alone (§9.4).
//!
//! It knows the specification's events, and nothing of how the filter keeps its books. Amounts are kept in billionths of
//! their unit, which is exact for tokens and for the filter's money.

use lab::otlp::LogRecord;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// Billionths of a unit.
pub(crate) type Billionths = i128;

/// The books, as far as the events have told.
#[derive(Debug, Default)]
pub(crate) struct Auditor {
    /// What is known of each reservation, by AWU and budget. Batches of one worker travel side by side, so that a
    /// reconciliation may arrive before its reservation.
    reservations: HashMap<(String, String), Told>,
    /// Reservations of which only one of the two events has come.
    open: usize,
    /// What each account has posted: by budget, then team.
    pub(crate) posted: BTreeMap<(String, String), Billionths>,
    /// Decisions by result.
    pub(crate) decisions: BTreeMap<String, usize>,
    /// Reconciliations by whether they are complete.
    pub(crate) reconciliations: BTreeMap<bool, usize>,
    /// The least that any reservation left in its budget.
    pub(crate) least_remaining: Option<Billionths>,
}

/// The events of one reservation that have come: what each says was reserved.
#[derive(Debug, Default)]
struct Told {
    reserved: Option<Billionths>,
    reconciled: Option<Billionths>,
}

impl Auditor {
    /// Takes the next events, in the order of their arrival.
    pub(crate) fn take(&mut self, events: &[LogRecord]) {
        for event in events {
            match event.event_name.as_str() {
                "genops.policy.evaluated" => self.decided(event),
                "genops.budget.reservation" => self.reserved(event),
                "genops.budget.reconciliation" => self.reconciled(event),
                _ => {}
            }
        }
    }

    /// Decisions so far.
    pub(crate) fn decided_in_all(&self) -> usize {
        self.decisions.values().sum()
    }

    /// Reservations that nothing has reconciled yet, and the other way round.
    pub(crate) fn open(&self) -> usize {
        self.open
    }

    /// What all accounts of a budget have posted.
    pub(crate) fn posted_in(&self, budget: &str) -> Billionths {
        self.posted.iter().filter(|((name, _), _)| name == budget).map(|(_, posted)| posted).sum()
    }

    fn decided(&mut self, event: &LogRecord) {
        *self.decisions.entry(text(event, "genops.policy.result")).or_default() += 1;
    }

    fn reserved(&mut self, event: &LogRecord) {
        let remaining = amount(event, "genops.budget.remaining");
        self.least_remaining = Some(self.least_remaining.map_or(remaining, |least| least.min(remaining)));
        self.told(event, |told| &mut told.reserved);
    }

    /// Notes one event of a reservation; each comes once, and both say the same of what was reserved.
    fn told(&mut self, event: &LogRecord, side: impl Fn(&mut Told) -> &mut Option<Billionths>) {
        let told = self.reservations.entry(place(event)).or_default();
        let before = side(told).replace(amount(event, "genops.accounting.reserved"));
        assert_eq!(before, None, "told twice: {:?}", event.attributes);
        match (told.reserved, told.reconciled) {
            (Some(reserved), Some(reconciled)) => {
                assert_eq!(reserved, reconciled, "{:?}", event.attributes);
                self.open -= 1;
            }
            _ => self.open += 1,
        }
    }

    fn reconciled(&mut self, event: &LogRecord) {
        self.told(event, |told| &mut told.reconciled);
        let account = (text(event, "genops.budget.name"), text(event, "genops.team"));
        *self.posted.entry(account).or_default() += amount(event, "genops.accounting.actual");
        let complete = event.attributes["genops.accounting.complete"] == Value::Bool(true);
        *self.reconciliations.entry(complete).or_default() += 1;
    }
}

fn place(event: &LogRecord) -> (String, String) {
    (text(event, "genops.awu.id"), text(event, "genops.budget.name"))
}

/// An attribute that must be text.
pub(crate) fn text(event: &LogRecord, name: &str) -> String {
    let value = event.attributes.get(name).and_then(Value::as_str);
    value.unwrap_or_else(|| panic!("{} without {name}: {:?}", event.event_name, event.attributes)).to_owned()
}

/// An attribute that must be a figure.
pub(crate) fn amount(event: &LogRecord, name: &str) -> Billionths {
    let value = event.attributes.get(name).and_then(Value::as_f64);
    let value =
        value.unwrap_or_else(|| panic!("{} without {name}: {:?}", event.event_name, event.attributes));
    (value * 1e9).round() as Billionths
}
