//! The windows that budgets count in: minute, hour, day, week, month, or for ever.
//!
//! Pure calendar arithmetic at a fixed UTC offset; knows no clock, no time zone database and no daylight saving.
//! Windows of one definition are contiguous and their indices rise by one, so index distance counts windows. Everything
//! is total: a moment before the epoch or an anchor that a month lacks is clamped, never an error.

use std::fmt::Write as _;

use time::{Date, Month};

pub use time::Weekday;

use crate::timestamp::Timestamp;

const MINUTE_S: i64 = 60;
const HOUR_S: i64 = 3_600;
const DAY_S: i64 = 86_400;
const WEEK_S: i64 = 604_800;
const EPOCH_JULIAN_DAY: i64 = 2_440_588;
const MONTHS: i64 = 12;

/// How long a window is and where it is anchored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Period {
    /// From second 0 to second 59.
    Minute,
    /// From minute 0 to minute 59.
    Hour,
    /// From midnight to midnight.
    Day,
    /// Seven days.
    Week {
        /// The first of the seven days.
        starts_on: Weekday,
    },
    /// From a day of one month to the same day of the next.
    Month {
        /// 1 to 31; a month without that day starts on its last one.
        starts_on_day: u8,
    },
    /// One window that never ends.
    Total,
}

/// A window definition: a period at a fixed offset from UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// How long, anchored where.
    pub period: Period,
    /// Local time minus UTC, in minutes: 330 for +05:30.
    pub utc_offset_minutes: i16,
}

/// One window of a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// Rises by one from each window to the next.
    pub index: i32,
    /// The first moment inside.
    pub starts_at: Timestamp,
    /// The first moment after, `None` when it never ends.
    pub ends_at: Option<Timestamp>,
}

impl Window {
    /// A window at UTC.
    pub const fn utc(period: Period) -> Self {
        Self { period, utc_offset_minutes: 0 }
    }

    /// The window that contains `now`.
    pub fn span_at(self, now: Timestamp) -> Span {
        let local_s = i64::try_from(now.as_seconds()).unwrap_or(i64::MAX).saturating_add(self.offset_s());
        match self.grid() {
            Grid::Total => self.span_of(0),
            Grid::Even { length_s, phase_s } => {
                self.span_of(local_s.saturating_sub(phase_s).div_euclid(length_s))
            }
            Grid::Months { day } => {
                let date = date_of(local_s.div_euclid(DAY_S));
                let month = months_of(date);
                let started = date >= month_start(month, day);
                self.span_of(if started { month } else { month.saturating_sub(1) })
            }
        }
    }

    /// The window's name as `genops.budget.period` shows it, in local time at the definition's offset.
    ///
    /// `2026-02-17T14:05`, `2026-02-17T14`, `2026-02-17`, `2026-W08`, `2026-02`, `total`. A week bears the ISO week
    /// that its fourth day falls in; a month bears the month that it starts in.
    pub fn label(self, index: i32) -> String {
        let local_s = self.local_start_s(i64::from(index));
        let date = date_of(local_s.div_euclid(DAY_S));
        let (hour, minute) =
            (local_s.rem_euclid(DAY_S).div_euclid(HOUR_S), local_s.rem_euclid(HOUR_S).div_euclid(MINUTE_S));
        let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
        let mut label = String::new();
        // Writing to a string cannot fail.
        let _ = match self.period {
            Period::Minute => write!(label, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}"),
            Period::Hour => write!(label, "{year:04}-{month:02}-{day:02}T{hour:02}"),
            Period::Day => write!(label, "{year:04}-{month:02}-{day:02}"),
            Period::Week { .. } => {
                let (year, week, _) = date_of(local_s.div_euclid(DAY_S).saturating_add(3)).to_iso_week_date();
                write!(label, "{year:04}-W{week:02}")
            }
            Period::Month { .. } => write!(label, "{year:04}-{month:02}"),
            Period::Total => write!(label, "total"),
        };
        label
    }

    /// Four bytes that are equal exactly for equal definitions; stable across versions.
    pub fn to_bytes(self) -> [u8; 4] {
        let (kind, anchor) = match self.period {
            Period::Minute => (0, 0),
            Period::Hour => (1, 0),
            Period::Day => (2, 0),
            Period::Week { starts_on } => (3, starts_on.number_days_from_monday()),
            Period::Month { starts_on_day } => (4, starts_on_day.clamp(1, 31)),
            Period::Total => (5, 0),
        };
        let [low, high] = self.utc_offset_minutes.to_le_bytes();
        [kind, anchor, low, high]
    }

    fn offset_s(self) -> i64 {
        i64::from(self.utc_offset_minutes).saturating_mul(MINUTE_S)
    }

    fn grid(self) -> Grid {
        let even = |length_s| Grid::Even { length_s, phase_s: 0 };
        match self.period {
            Period::Minute => even(MINUTE_S),
            Period::Hour => even(HOUR_S),
            Period::Day => even(DAY_S),
            Period::Week { starts_on } => {
                // The epoch was a Thursday, the weekday with number 3.
                let days = i64::from(starts_on.number_days_from_monday()).saturating_sub(3).rem_euclid(7);
                Grid::Even { length_s: WEEK_S, phase_s: days.saturating_mul(DAY_S) }
            }
            Period::Month { starts_on_day } => Grid::Months { day: starts_on_day.clamp(1, 31) },
            Period::Total => Grid::Total,
        }
    }

    fn span_of(self, index: i64) -> Span {
        let utc = |local_s: i64| {
            let utc_s = local_s.saturating_sub(self.offset_s());
            Timestamp::from_seconds(u64::try_from(utc_s).unwrap_or(0))
        };
        let ends_at = match self.period {
            Period::Total => None,
            _ => Some(utc(self.local_start_s(index.saturating_add(1)))),
        };
        let starts_at = match self.period {
            Period::Total => Timestamp::default(),
            _ => utc(self.local_start_s(index)),
        };
        Span { index: i32::try_from(index).unwrap_or(i32::MAX), starts_at, ends_at }
    }

    fn local_start_s(self, index: i64) -> i64 {
        match self.grid() {
            Grid::Total => 0,
            Grid::Even { length_s, phase_s } => index.saturating_mul(length_s).saturating_add(phase_s),
            Grid::Months { day } => days_of(month_start(index, day)).saturating_mul(DAY_S),
        }
    }
}

/// How windows tile local time.
enum Grid {
    Total,
    Even { length_s: i64, phase_s: i64 },
    Months { day: u8 },
}

/// The date so many days after the epoch, clamped to what a calendar can say.
fn date_of(days: i64) -> Date {
    i32::try_from(days.saturating_add(EPOCH_JULIAN_DAY))
        .ok()
        .and_then(|julian| Date::from_julian_day(julian).ok())
        .unwrap_or(if days < 0 { Date::MIN } else { Date::MAX })
}

/// Days from the epoch to a date of the calendar; `None` where there is no such date, or it is earlier.
pub fn days_since_epoch(year: i32, month: u8, day: u8) -> Option<u64> {
    let month = Month::try_from(month).ok()?;
    u64::try_from(days_of(Date::from_calendar_date(year, month, day).ok()?)).ok()
}

fn days_of(date: Date) -> i64 {
    i64::from(date.to_julian_day()).saturating_sub(EPOCH_JULIAN_DAY)
}

/// Months since year 0.
fn months_of(date: Date) -> i64 {
    let month = i64::from(u8::from(date.month())).saturating_sub(1);
    i64::from(date.year()).saturating_mul(MONTHS).saturating_add(month)
}

/// The day on which the window of this month starts: `day`, or the month's last.
fn month_start(months: i64, day: u8) -> Date {
    let year = i32::try_from(months.div_euclid(MONTHS)).unwrap_or(i32::MAX);
    let month = u8::try_from(months.rem_euclid(MONTHS).saturating_add(1))
        .ok()
        .and_then(|number| Month::try_from(number).ok())
        .unwrap_or(Month::January);
    Date::from_calendar_date(year, month, day.min(month.length(year))).unwrap_or(Date::MAX)
}
