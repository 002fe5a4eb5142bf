//! One measurement: Envoy's processor time over one load.

use crate::load;
use crate::variants::{Member, Variant};
use crate::workloads::Workload;
use std::time::Duration;

/// What one variant spent on one workload in one round.
pub(crate) struct Sample {
    pub(crate) round: usize,
    pub(crate) workload: &'static str,
    pub(crate) variant: Variant,
    /// Envoy's processor time per request, microseconds.
    pub(crate) cpu_us: f64,
    /// Median latency, microseconds; under full load, so only comparable within one workload.
    pub(crate) p50_us: f64,
}

impl Sample {
    /// Runs `percent` of the workload's requests. A refusal is measured against the same request let
    /// through, since bare Envoy refuses nobody.
    pub(crate) async fn take(
        member: &Member,
        workload: &Workload,
        percent: usize,
        round: usize,
    ) -> Option<Self> {
        let count = (workload.count * percent / 100).max(workload.connections);
        let before = member.envoy.cpu_time();
        let outcome = load::run(member.listener, &workload.request, count, workload.connections).await;
        let spent = member.envoy.cpu_time() - before;
        let is_refusal = workload.is_refused && member.variant == Variant::Genops;
        let as_expected =
            if is_refusal { (400..500).contains(&outcome.status) } else { outcome.status == 200 };
        assert!(as_expected, "{:?} answered {} to {}", member.variant, outcome.status, workload.name);
        let median = outcome.latencies.get(count / 2)?;
        Some(Self {
            round,
            workload: workload.name,
            variant: member.variant,
            cpu_us: micros(spent) / count as f64,
            p50_us: micros(*median),
        })
    }
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
