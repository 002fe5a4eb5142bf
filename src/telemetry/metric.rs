//! Counters, in the ecosystem's names (`genops_…_total`), with labels in Envoy's stat-tag form.
//!
//! A label set is a small closed set by construction: results, reason codes, outcomes. Never a client's string.

use crate::decision::Decision;
use crate::usage::Completeness;

/// One counter to raise by one, or by a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// `genops_policy_evaluations_total{result,reason_code}`.
    PolicyEvaluation(Decision),
    /// `genops_reconciliations_total{complete}`.
    Reconciliation(Completeness),
    /// `genops_reservations_voided_total`: reserved, never executed.
    Voided,
    /// `genops_settlement_failures_total`: the ledger could not settle; the reservation expires instead.
    SettlementFailure,
    /// `genops_reservations_expired_total`: nobody settled them in time, so the configured expiry did.
    Expired,
    /// `genops_ungoverned_total`: traffic let through because it is not recognised or not readable.
    Ungoverned,
    /// `genops_events_dropped_total`: OTLP events that the bounded queue or the collector did not take.
    EventsDropped,
    /// `genops_tokens_total{type="input"}`.
    InputTokens,
    /// `genops_tokens_total{type="output"}`.
    OutputTokens,
}

impl Metric {
    /// The stat's full name: base name and labels, as the shipped `stats_tags` take them apart
    /// (`genops_reconciliations_total_genops_complete.=.true;.;`).
    pub fn stat_name(self) -> String {
        match self {
            Self::PolicyEvaluation(decision) => {
                let result = label("result", decision.result().as_str());
                let reason = decision.reason_code().map(|code| label("reason_code", code.as_str()));
                format!("genops_policy_evaluations_total{result}{}", reason.unwrap_or_default())
            }
            Self::Reconciliation(completeness) => {
                let complete = if completeness == Completeness::Complete { "true" } else { "false" };
                format!("genops_reconciliations_total{}", label("complete", complete))
            }
            Self::Voided => "genops_reservations_voided_total".to_owned(),
            Self::SettlementFailure => "genops_settlement_failures_total".to_owned(),
            Self::Expired => "genops_reservations_expired_total".to_owned(),
            Self::Ungoverned => "genops_ungoverned_total".to_owned(),
            Self::EventsDropped => "genops_events_dropped_total".to_owned(),
            Self::InputTokens => format!("genops_tokens_total{}", label("type", "input")),
            Self::OutputTokens => format!("genops_tokens_total{}", label("type", "output")),
        }
    }
}

fn label(name: &str, value: &str) -> String {
    format!("_genops_{name}.=.{value};.;")
}
