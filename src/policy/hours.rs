//! When a policy permits calls at all.

use super::Violation;
use crate::config::{Hours, Policy};
use crate::semconv::ReasonCode;
use crate::timestamp::Timestamp;
use crate::window::Weekday;

const MINUTE_S: i64 = 60;
const DAY_MINUTES: i64 = 1_440;

pub(super) fn violation(policy: &Policy, now: Timestamp) -> Option<Violation> {
    let refused = !policy.hours.is_empty() && !policy.hours.iter().any(|hours| contains(hours, now));
    refused.then(|| Violation {
        code: ReasonCode::PolicyDenyHours,
        message: format!("GenOps: policy {:?} permits no calls at this hour.", policy.name),
    })
}

/// Whether the moment is inside, the first minute included and the last one not.
fn contains(hours: &Hours, now: Timestamp) -> bool {
    let offset = i64::from(hours.utc_offset_minutes);
    let minutes =
        i64::try_from(now.as_seconds()).unwrap_or(i64::MAX).div_euclid(MINUTE_S).saturating_add(offset);
    let (day, minute) = (minutes.div_euclid(DAY_MINUTES), minutes.rem_euclid(DAY_MINUTES));
    let (from, to) = (i64::from(hours.from_minute), i64::from(hours.to_minute));
    let begins_on = |day: i64| hours.days.contains(&weekday(day));
    if from < to {
        return begins_on(day) && (from..to).contains(&minute);
    }
    // It belongs to the day on which it began.
    (minute >= from && begins_on(day)) || (minute < to && begins_on(day.saturating_sub(1)))
}

/// The weekday so many days after the epoch, which was a Thursday.
fn weekday(day: i64) -> Weekday {
    let days = u8::try_from(day.rem_euclid(7)).unwrap_or(0);
    Weekday::Thursday.nth_next(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-02-16 was a Monday.
    fn at(day: u64, hour: u64, minute: u64) -> Timestamp {
        Timestamp::from_seconds(1_771_200_000 + ((day * 24 + hour) * 60 + minute) * 60)
    }

    fn hours(days: &[Weekday], from: u16, to: u16, utc_offset_minutes: i16) -> Hours {
        Hours { days: days.to_vec(), from_minute: from * 60, to_minute: to * 60, utc_offset_minutes }
    }

    #[test]
    fn a_day_has_its_first_minute_and_not_its_last() {
        let office = hours(&[Weekday::Monday], 9, 17, 0);
        for (moment, inside) in
            [(at(0, 9, 0), true), (at(0, 8, 59), false), (at(0, 16, 59), true), (at(0, 17, 0), false)]
        {
            assert_eq!(contains(&office, moment), inside, "{moment:?}");
        }
        assert!(!contains(&office, at(1, 10, 0)), "Tuesday");
        assert!(contains(&hours(&[Weekday::Monday], 0, 24, 0), at(0, 23, 59)), "to the day's end");
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        let night = hours(&[Weekday::Monday], 22, 6, 0);
        assert!(contains(&night, at(0, 22, 0)) && contains(&night, at(1, 5, 59)));
        assert!(!contains(&night, at(0, 5, 0)), "Sunday's night");
        assert!(!contains(&night, at(1, 22, 0)), "Tuesday's night");
    }

    #[test]
    fn local_time_is_at_the_offset() {
        let morning = hours(&[Weekday::Tuesday], 0, 1, 120);
        assert!(contains(&morning, at(0, 22, 30)), "00:30 on Tuesday at +02:00");
        assert!(!contains(&morning, at(1, 0, 30)));
        assert!(contains(&hours(&[Weekday::Monday], 9, 9, 0), at(1, 8, 59)), "equal ends are a whole day");
    }
}
