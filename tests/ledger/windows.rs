//! Windows: examples that calendars get wrong, and the laws of tiling as properties.

use genops::timestamp::Timestamp;
use genops::window::{Period, Span, Weekday, Window};
use proptest::prelude::*;
use time::{Date, Month};

const DAY_S: u64 = 86_400;

/// The moment that `2026-02-17T14:05:09` or `2026-02-17` names, in UTC.
pub(crate) fn moment(text: &str) -> Timestamp {
    let (date, clock) = text.split_once('T').unwrap_or((text, "00:00:00"));
    let numbers = |text: &str, by: char| -> Vec<u64> { text.split(by).map(|n| n.parse().unwrap()).collect() };
    let (date, clock) = (numbers(date, '-'), numbers(clock, ':'));
    let month = Month::try_from(date[1] as u8).unwrap();
    let date = Date::from_calendar_date(date[0] as i32, month, date[2] as u8).unwrap();
    let days = (date.to_julian_day() - 2_440_588) as u64;
    Timestamp::from_seconds(days * DAY_S + clock[0] * 3_600 + clock[1] * 60 + clock[2])
}

fn monthly(starts_on_day: u8) -> Period {
    Period::Month { starts_on_day }
}

#[test]
fn a_window_is_named_and_bounded_as_a_calendar_says() {
    let monday = Period::Week { starts_on: Weekday::Monday };
    let sunday = Period::Week { starts_on: Weekday::Sunday };
    let cases = [
        (
            Period::Minute,
            0,
            "2026-02-17T14:05:59",
            "2026-02-17T14:05",
            "2026-02-17T14:05:00",
            "2026-02-17T14:06:00",
        ),
        (
            Period::Hour,
            0,
            "2026-02-17T14:05:59",
            "2026-02-17T14",
            "2026-02-17T14:00:00",
            "2026-02-17T15:00:00",
        ),
        (Period::Day, 0, "2024-02-29T23:59:59", "2024-02-29", "2024-02-29", "2024-03-01"),
        (Period::Day, 330, "2026-02-17T18:29:59", "2026-02-17", "2026-02-16T18:30:00", "2026-02-17T18:30:00"),
        (Period::Day, 330, "2026-02-17T18:30:00", "2026-02-18", "2026-02-17T18:30:00", "2026-02-18T18:30:00"),
        (
            Period::Day,
            -480,
            "2026-01-01T07:59:59",
            "2025-12-31",
            "2025-12-31T08:00:00",
            "2026-01-01T08:00:00",
        ),
        (
            Period::Hour,
            345,
            "2026-02-17T14:14:59",
            "2026-02-17T19",
            "2026-02-17T13:15:00",
            "2026-02-17T14:15:00",
        ),
        (monday, 0, "2026-02-17T00:00:00", "2026-W08", "2026-02-16", "2026-02-23"),
        (monday, 0, "2026-01-01T00:00:00", "2026-W01", "2025-12-29", "2026-01-05"),
        (monday, 0, "2027-01-01T00:00:00", "2026-W53", "2026-12-28", "2027-01-04"),
        (sunday, 0, "2026-02-15T00:00:00", "2026-W08", "2026-02-15", "2026-02-22"),
        (sunday, 0, "2026-02-14T23:59:59", "2026-W07", "2026-02-08", "2026-02-15"),
        (monday, 720, "2026-02-15T12:00:00", "2026-W08", "2026-02-15T12:00:00", "2026-02-22T12:00:00"),
        (monthly(1), 0, "2026-02-28T23:59:59", "2026-02", "2026-02-01", "2026-03-01"),
        (monthly(1), 60, "2026-02-28T23:00:00", "2026-03", "2026-02-28T23:00:00", "2026-03-31T23:00:00"),
        (monthly(15), 0, "2026-02-14T23:59:59", "2026-01", "2026-01-15", "2026-02-15"),
        (monthly(15), 0, "2026-02-15T00:00:00", "2026-02", "2026-02-15", "2026-03-15"),
        (monthly(31), 0, "2026-02-27T23:59:59", "2026-01", "2026-01-31", "2026-02-28"),
        (monthly(31), 0, "2026-02-28T00:00:00", "2026-02", "2026-02-28", "2026-03-31"),
        (monthly(31), 0, "2024-02-28T23:59:59", "2024-01", "2024-01-31", "2024-02-29"),
        (monthly(29), 0, "2023-03-01T00:00:00", "2023-02", "2023-02-28", "2023-03-29"),
        (monthly(1), 0, "2100-02-28T12:00:00", "2100-02", "2100-02-01", "2100-03-01"),
        (monthly(1), 0, "1970-01-01T00:00:00", "1970-01", "1970-01-01", "1970-02-01"),
    ];
    for (period, utc_offset_minutes, now, label, starts, ends) in cases {
        let window = Window { period, utc_offset_minutes };
        let span = window.span_at(moment(now));
        assert_eq!(window.label(span.index), label, "{window:?} at {now}");
        assert_eq!(
            (span.starts_at, span.ends_at),
            (moment(starts), Some(moment(ends))),
            "{window:?} at {now}"
        );
    }
}

#[test]
fn a_total_window_never_ends() {
    let window = Window::utc(Period::Total);
    let span = window.span_at(moment("2026-02-17"));
    assert_eq!(span, Span { index: 0, starts_at: Timestamp::default(), ends_at: None });
    assert_eq!(window.label(span.index), "total");
    assert_eq!(window.span_at(Timestamp::from_nanos(u64::MAX)).index, 0);
}

#[test]
fn definitions_have_equal_bytes_only_when_they_are_equal() {
    let weekdays = (0..7).map(|n| Period::Week { starts_on: Weekday::Monday.nth_next(n) });
    let months = (1..=31).map(monthly);
    let periods =
        [Period::Minute, Period::Hour, Period::Day, Period::Total].into_iter().chain(weekdays).chain(months);
    let windows: Vec<Window> = periods
        .flat_map(|period| [-60, 0, 60].map(|utc_offset_minutes| Window { period, utc_offset_minutes }))
        .collect();
    for one in &windows {
        for other in &windows {
            assert_eq!(one.to_bytes() == other.to_bytes(), one == other, "{one:?} {other:?}");
        }
    }
}

pub(crate) fn any_window() -> impl Strategy<Value = Window> {
    let period = prop_oneof![
        Just(Period::Minute),
        Just(Period::Hour),
        Just(Period::Day),
        (0..7u8).prop_map(|n| Period::Week { starts_on: Weekday::Monday.nth_next(n) }),
        (1..=31u8).prop_map(monthly),
    ];
    (period, -720..=840_i16).prop_map(|(period, utc_offset_minutes)| Window { period, utc_offset_minutes })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn windows_tile_time_without_gap_or_overlap(window in any_window(), at_s in 5 * DAY_S..10_000_000_000) {
        let now = Timestamp::from_seconds(at_s);
        let span = window.span_at(now);
        let ends_at = span.ends_at.unwrap();
        prop_assert!(span.starts_at <= now && now < ends_at);
        prop_assert_eq!(window.span_at(span.starts_at), span);
        prop_assert_eq!(window.span_at(Timestamp::from_nanos(ends_at.as_nanos() - 1)), span);
        let next = window.span_at(ends_at);
        prop_assert_eq!(next.index, span.index + 1);
        prop_assert_eq!(next.starts_at, ends_at);
    }

    #[test]
    fn later_moments_never_have_earlier_windows(window in any_window(), a in 0..10_000_000_000_u64, b in 0..10_000_000_000_u64) {
        let (early, late) = (a.min(b), a.max(b));
        let index = |s| window.span_at(Timestamp::from_seconds(s)).index;
        prop_assert!(index(early) <= index(late));
    }

    #[test]
    fn a_window_starts_where_its_local_calendar_says(window in any_window(), at_s in 40 * DAY_S..10_000_000_000) {
        let span = window.span_at(Timestamp::from_seconds(at_s));
        let local_s = span.starts_at.as_seconds() as i64 + i64::from(window.utc_offset_minutes) * 60;
        let date = Date::from_julian_day((local_s.div_euclid(86_400) + 2_440_588) as i32).unwrap();
        let second = local_s.rem_euclid(86_400);
        match window.period {
            Period::Minute => prop_assert_eq!(second % 60, 0),
            Period::Hour => prop_assert_eq!(second % 3_600, 0),
            Period::Day => prop_assert_eq!(second, 0),
            Period::Week { starts_on } => prop_assert_eq!((second, date.weekday()), (0, starts_on)),
            Period::Month { starts_on_day } => {
                let day = starts_on_day.min(date.month().length(date.year()));
                prop_assert_eq!((second, date.day()), (0, day));
            }
            Period::Total => prop_assert!(false, "not generated"),
        }
    }

    #[test]
    fn no_moment_and_no_definition_panics(window in any_window(), nanos: u64, index: i32) {
        let span = window.span_at(Timestamp::from_nanos(nanos));
        prop_assert!(span.starts_at.as_nanos() <= nanos);
        prop_assert!(!window.label(index).is_empty());
    }
}
