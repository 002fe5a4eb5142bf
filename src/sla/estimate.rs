//! What an upstream's latency is expected to be, from what was measured.
//!
//! The estimator of TCP's retransmission timer (RFC 6298): an exponentially weighted mean and mean deviation, with
//! weights of an eighth and a quarter. The first measurements weigh more, so that the first one alone does not linger.
//! Microseconds and integers only: the same measurements in the same order give the same estimate.

/// An estimate; the default knows nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Estimate {
    /// Measurements so far; saturates.
    pub(crate) observations: u32,
    pub(crate) mean_us: u64,
    pub(crate) deviation_us: u64,
    /// When the next probe may go.
    pub(crate) probe_from_ns: u64,
}

const MEAN_WEIGHT: u64 = 8;
const DEVIATION_WEIGHT: u64 = 4;

impl Estimate {
    /// Takes a measurement.
    pub(crate) fn observe(self, latency_us: u64) -> Self {
        let observations = self.observations.saturating_add(1);
        if observations == 1 {
            return Self { observations, mean_us: latency_us, deviation_us: 0, ..self };
        }
        let error_us = latency_us.abs_diff(self.mean_us);
        let weight = |most: u64| u64::from(observations).min(most);
        Self {
            observations,
            mean_us: towards(self.mean_us, latency_us, weight(MEAN_WEIGHT)),
            deviation_us: towards(self.deviation_us, error_us, weight(DEVIATION_WEIGHT)),
            ..self
        }
    }

    /// Takes the measurement of a probe: what was known before is what it is to find out about, so it starts anew.
    pub(crate) fn restart(self, latency_us: u64) -> Self {
        Self { mean_us: latency_us, deviation_us: 0, observations: self.observations.max(1), ..self }
    }

    /// The mean and so many deviations.
    pub(crate) fn predicted_us(&self, deviations: u64) -> u64 {
        self.mean_us.saturating_add(self.deviation_us.saturating_mul(deviations))
    }
}

/// One part in `weight` of the way from `from` to `to`, rounded towards `to` so that it is reached.
fn towards(from: u64, to: u64, weight: u64) -> u64 {
    let step = from.abs_diff(to).div_ceil(weight.max(1));
    if to > from { from.saturating_add(step) } else { from.saturating_sub(step) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(latencies: &[u64]) -> Estimate {
        latencies.iter().fold(Estimate::default(), |estimate, latency| estimate.observe(*latency))
    }

    #[test]
    fn a_constant_latency_is_predicted_exactly_and_soon_after_any_other() {
        assert_eq!(after(&[700; 9]).predicted_us(8), 700);
        let changed: Vec<u64> = [90_000; 50].into_iter().chain([700; 200]).collect();
        assert_eq!(after(&changed).predicted_us(1), 700);
    }

    #[test]
    fn the_estimate_stays_between_the_extremes_and_saturates() {
        let mut estimate = Estimate::default();
        let mut random = 7_u64;
        for _ in 0..10_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            estimate = estimate.observe(1_000 + (random >> 33) % 5_000);
            assert!((1_000..6_000).contains(&estimate.mean_us), "{estimate:?}");
            assert!(estimate.deviation_us <= 5_000, "{estimate:?}");
        }
        assert_eq!(after(&[u64::MAX, 0, u64::MAX]).predicted_us(8), u64::MAX);
    }

    #[test]
    fn spread_raises_the_prediction_and_a_probe_starts_anew() {
        let spread = after(&[1_000, 9_000].repeat(40));
        assert!(spread.predicted_us(1) > spread.mean_us + 3_000, "{spread:?}");
        let anew = spread.restart(800);
        assert_eq!(anew.predicted_us(8), 800);
        assert_eq!(anew.observations, spread.observations, "what may be predicted stays so");
    }
}
