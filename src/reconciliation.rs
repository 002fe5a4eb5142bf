//! Reserved against actual (§3.3(3)): the comparison that closes an AWU's accounting.

use crate::amount::{Amount, Unit};
use crate::usage::Completeness;

/// One budget's reconciliation of one AWU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reconciliation {
    /// What both amounts count.
    pub unit: Unit,
    /// What was reserved before execution.
    pub reserved: Amount,
    /// What was recorded after it.
    pub actual: Amount,
    /// Whether the actual is the provider's own statement (§3.5).
    pub completeness: Completeness,
}

impl Reconciliation {
    /// Actual minus reserved, in the unit's own measure: negative when less was used than was held.
    pub fn delta(&self) -> f64 {
        if self.actual >= self.reserved {
            self.actual.minus(self.reserved).to_telemetry(self.unit)
        } else {
            -self.reserved.minus(self.actual).to_telemetry(self.unit)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delta_is_actual_minus_reserved_in_both_directions() {
        let of = |reserved, actual| Reconciliation {
            unit: Unit::Tokens,
            reserved: Amount::new(reserved),
            actual: Amount::new(actual),
            completeness: Completeness::Complete,
        };
        assert_eq!(of(100, 40).delta(), -60.0);
        assert_eq!(of(40, 100).delta(), 60.0);
        assert_eq!(of(7, 7).delta(), 0.0);
    }
}
