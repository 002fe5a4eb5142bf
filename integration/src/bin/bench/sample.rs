//! One round of one workload: each Envoy's processor time over its share of the load.
//!
//! A round is cut into slices in which the variants take turns, so that whatever else the machine does falls
//! on all of them alike. Envoy's clock is read once before the first slice and once after the last: an Envoy
//! whose turn it is not does nothing, and the clock's 10 ms grains then count once per round.

use crate::load;
use crate::variants::{Fleet, Member, Variant};
use crate::workloads::Workload;
use std::time::Duration;

/// Turns that each variant gets within a round.
const SLICES: usize = 4;

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

/// Runs `percent` of the workload's requests against every variant.
pub(crate) async fn round(fleet: &Fleet, workload: &Workload, percent: usize, round: usize) -> Vec<Sample> {
    let count = (workload.count * percent / 100 / SLICES).max(workload.connections);
    let taking_part = fleet.members().iter().filter(|member| workload.is_for(member.variant));
    let mut turns: Vec<Turns<'_>> = taking_part.map(Turns::new).collect();
    let members = turns.len();
    for slice in 0..SLICES {
        for place in 0..members {
            // Nobody is always first.
            turns[(place + slice + round) % members].take(workload, count).await;
        }
    }
    turns.into_iter().map(|turns| turns.sample(workload, round)).collect()
}

struct Turns<'a> {
    member: &'a Member,
    before: Duration,
    latencies: Vec<Duration>,
}

impl<'a> Turns<'a> {
    fn new(member: &'a Member) -> Self {
        Self { member, before: member.envoy.cpu_time(), latencies: Vec::new() }
    }

    async fn take(&mut self, workload: &Workload, count: usize) {
        let outcome = load::run(self.member.listener, &workload.request, count, workload.connections).await;
        let variant = self.member.variant;
        // A refusal is measured against the same request let through, since bare Envoy refuses nobody.
        let is_refusal = workload.is_refused && variant.governs();
        let is_right = if is_refusal { (400..500).contains(&outcome.status) } else { outcome.status == 200 };
        assert!(is_right, "{} answered {} to {}", variant.name(), outcome.status, workload.name);
        self.latencies.extend(outcome.latencies);
    }

    fn sample(mut self, workload: &Workload, round: usize) -> Sample {
        let spent = self.member.envoy.cpu_time() - self.before;
        self.latencies.sort_unstable();
        Sample {
            round,
            workload: workload.name,
            variant: self.member.variant,
            cpu_us: micros(spent) / self.latencies.len() as f64,
            p50_us: micros(self.latencies[self.latencies.len() / 2]),
        }
    }
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
