//! Counters, in the ecosystem's names (`genops_…_total`), with labels in Envoy's stat-tag form.
//!
//! A label set is a small closed set by construction: results, reason codes, outcomes. Never a client's string.

use crate::breaker::Trouble;
use crate::decision::Decision;
use crate::semconv::ReasonCode;
use crate::usage::Completeness;

/// One counter to raise by one, or by a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// `genops_policy_evaluations_total{result,reason_code}`.
    PolicyEvaluation(Decision),
    /// `genops_shadow_refusals_total{reason_code}`: what a budget, limit or policy in shadow mode would have refused.
    ShadowRefusal(ReasonCode),
    /// `genops_reconciliations_total{complete}`.
    Reconciliation(Completeness),
    /// `genops_reservations_voided_total`: reserved, never executed.
    Voided,
    /// `genops_settlement_failures_total`: the ledger could not settle; the reservation expires instead.
    SettlementFailure,
    /// `genops_reservations_expired_total`: nobody settled them in time, so the configured expiry did.
    Expired,
    /// `genops_slots_expired_total`: slots of calls in flight that nobody gave back in time.
    SlotsExpired,
    /// `genops_budget_alerts_total`: alert thresholds of budgets that consumption crossed.
    BudgetAlert,
    /// `genops_ungoverned_total`: traffic let through because it is not recognised or not readable.
    Ungoverned,
    /// `genops_attribution_conflicts_total`: untrusted sources that contradicted a trusted one.
    AttributionConflict,
    /// `genops_free_calls_total`: calls of known APIs that consume nothing, let through.
    FreeCall,
    /// `genops_provider_failures_total{failure}`: calls that ended in trouble at a provider which a breaker watches.
    ProviderFailure(Trouble),
    /// `genops_circuits_opened_total`: how often a breaker opened a circuit.
    CircuitOpened,
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
            Self::ShadowRefusal(code) => {
                format!("genops_shadow_refusals_total{}", label("reason_code", code.as_str()))
            }
            Self::Reconciliation(completeness) => {
                let complete = if completeness == Completeness::Complete { "true" } else { "false" };
                format!("genops_reconciliations_total{}", label("complete", complete))
            }
            Self::Voided => "genops_reservations_voided_total".to_owned(),
            Self::SettlementFailure => "genops_settlement_failures_total".to_owned(),
            Self::Expired => "genops_reservations_expired_total".to_owned(),
            Self::SlotsExpired => "genops_slots_expired_total".to_owned(),
            Self::BudgetAlert => "genops_budget_alerts_total".to_owned(),
            Self::Ungoverned => "genops_ungoverned_total".to_owned(),
            Self::AttributionConflict => "genops_attribution_conflicts_total".to_owned(),
            Self::FreeCall => "genops_free_calls_total".to_owned(),
            Self::ProviderFailure(trouble) => {
                format!("genops_provider_failures_total{}", label("failure", trouble.as_str()))
            }
            Self::CircuitOpened => "genops_circuits_opened_total".to_owned(),
            Self::EventsDropped => "genops_events_dropped_total".to_owned(),
            Self::InputTokens => format!("genops_tokens_total{}", label("type", "input")),
            Self::OutputTokens => format!("genops_tokens_total{}", label("type", "output")),
        }
    }
}

fn label(name: &str, value: &str) -> String {
    format!("_genops_{name}.=.{value};.;")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every metric there is.
    fn all() -> Vec<Metric> {
        let decisions = ReasonCode::ALL
            .into_iter()
            .flat_map(|code| [Decision::Blocked(code), Decision::Warning(code), Decision::RateLimited(code)]);
        let mut all: Vec<Metric> =
            decisions.chain([Decision::Allowed]).map(Metric::PolicyEvaluation).collect();
        all.extend(ReasonCode::ALL.map(Metric::ShadowRefusal));
        all.extend([Completeness::Complete, Completeness::Incomplete].map(Metric::Reconciliation));
        all.extend([Metric::Voided, Metric::SettlementFailure, Metric::Expired, Metric::Ungoverned]);
        all.extend([Metric::SlotsExpired, Metric::BudgetAlert]);
        all.push(Metric::AttributionConflict);
        all.extend(Trouble::ALL.map(Metric::ProviderFailure));
        all.extend([Metric::FreeCall, Metric::CircuitOpened]);
        all.extend([Metric::EventsDropped, Metric::InputTokens, Metric::OutputTokens]);
        all
    }

    /// What Envoy's `stats_tags` with `(_genops_NAME\.=\.(.*?);\.;)` make of a name.
    fn taken_apart(stat: &str) -> (String, Vec<(String, String)>) {
        let (mut name, mut labels) = (String::new(), Vec::new());
        for part in stat.split_inclusive(";.;") {
            match part.strip_suffix(";.;").and_then(|part| part.split_once(".=.")) {
                Some((before, value)) => {
                    let (base, label) = before.rsplit_once("_genops_").unwrap();
                    name.push_str(base);
                    labels.push((label.to_owned(), value.to_owned()));
                }
                None => name.push_str(part),
            }
        }
        (name, labels)
    }

    #[test]
    fn a_name_comes_apart_into_a_prometheus_name_and_its_labels() {
        let metric = Metric::PolicyEvaluation(Decision::Blocked(ReasonCode::BudgetExceeded));
        let labels = [("result", "BLOCKED"), ("reason_code", "BUDGET_EXCEEDED")];
        let labels = labels.map(|(label, value)| (label.to_owned(), value.to_owned())).to_vec();
        assert_eq!(taken_apart(&metric.stat_name()), ("genops_policy_evaluations_total".to_owned(), labels));
        for metric in all() {
            let (name, labels) = taken_apart(&metric.stat_name());
            let legal = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            assert!(name.starts_with("genops_") && name.ends_with("_total") && legal(&name), "{name}");
            assert!(labels.iter().all(|(label, value)| legal(label) && legal(value)), "{labels:?}");
        }
    }

    #[test]
    fn no_two_metrics_share_a_name() {
        let mut names: Vec<String> = all().into_iter().map(Metric::stat_name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
