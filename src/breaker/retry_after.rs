//! For how long a provider asks to be left alone: `retry-after-ms`, or `retry-after` as seconds or as a date.
//!
//! Knows the two headers and RFC 9110's dates; knows no clock until a date is there. Total: what is neither figure nor
//! date asks for nothing, a date in the past for no time.

use std::time::UNIX_EPOCH;

use crate::headers::Headers;
use crate::timestamp::Timestamp;

/// The time asked for, from `now` on where a date says until when.
///
/// ```
/// use genops::{breaker, headers::{HeaderPairs, Headers}, timestamp::Timestamp};
///
/// let date: [(&[u8], &[u8]); 1] = [(b"retry-after", b"Sun, 06 Nov 1994 08:49:37 GMT")];
/// let now = || Timestamp::from_seconds(784_111_767);
/// assert_eq!(breaker::retry_after_ms(Headers::of(&HeaderPairs::new(&date)), now), Some(10_000));
/// ```
pub fn retry_after_ms(headers: Headers<'_>, now: impl FnOnce() -> Timestamp) -> Option<u64> {
    let milliseconds = |text: &str| text.trim().parse().ok();
    if let Some(stated) = headers.unique("retry-after-ms").and_then(milliseconds) {
        return Some(stated);
    }
    let text = headers.unique("retry-after")?.trim();
    seconds(text).or_else(|| Some(millis_until(date(text)?, now())))
}

/// Seconds; a fraction counts as one more.
fn seconds(text: &str) -> Option<u64> {
    let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
    let round_up = u64::from(whole.len() < text.len());
    whole.parse::<u64>().ok().map(|s| s.saturating_add(round_up).saturating_mul(1_000))
}

/// Rounded up, so that nobody comes back too early.
fn millis_until(moment: Timestamp, now: Timestamp) -> u64 {
    moment.as_nanos().saturating_sub(now.as_nanos()).div_ceil(1_000_000)
}

/// In any of the three forms that a recipient has to read (RFC 9110 §5.6.7).
fn date(text: &str) -> Option<Timestamp> {
    let since = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp::from_seconds(since.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers::HeaderPairs;
    use proptest::prelude::*;

    const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

    fn asked(name: &str, value: &str, now_s: u64) -> Option<u64> {
        let pairs: [(&[u8], &[u8]); 1] = [(name.as_bytes(), value.as_bytes())];
        retry_after_ms(Headers::of(&HeaderPairs::new(&pairs)), || Timestamp::from_seconds(now_s))
    }

    /// Sun, 06 Nov 1994 08:49:37 GMT.
    const THEN_S: u64 = 784_111_777;

    #[test]
    fn milliseconds_seconds_and_dates_are_read() {
        for (name, value, expected) in [
            ("retry-after-ms", "250", 250),
            ("retry-after", "20", 20_000),
            ("retry-after", " 20 ", 20_000),
            ("retry-after", "0.2", 1_000),
            ("retry-after", "18446744073709551615", u64::MAX),
            ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT", 7_000),
            ("retry-after", "Mon, 07 Nov 1994 00:00:00 GMT", 54_630_000),
            ("retry-after", "Thu, 29 Feb 1996 08:49:30 GMT", 41_472_000_000),
            ("retry-after", "Sun, 06 Nov 1994 08:49:29 GMT", 0),
            // The two forms that nobody may write any more.
            ("retry-after", "Sunday, 06-Nov-94 08:49:37 GMT", 7_000),
            ("retry-after", "Sun Nov  6 08:49:37 1994", 7_000),
        ] {
            assert_eq!(asked(name, value, THEN_S - 7), Some(expected), "{value}");
        }
    }

    #[test]
    fn what_is_neither_figure_nor_date_asks_for_nothing() {
        for value in [
            "",
            "soon",
            "-5",
            "1e3",
            "Sun, 06 Nov 1994",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT GMT",
            "Sun, 06  Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37:00 GMT",
            "Wed, 29 Feb 1995 08:49:37 GMT",
            "Wed, 00 Nov 1994 08:49:37 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
            "Sat, 01 Jan 1938 00:00:00 GMT",
            "Sat, 31 Dec 1994 23:59:60 GMT",
        ] {
            assert_eq!(asked("retry-after", value, THEN_S), None, "{value}");
        }
    }

    #[test]
    fn a_fraction_of_the_last_millisecond_is_waited_for() {
        let now = Timestamp::from_nanos(THEN_S * 1_000_000_000 - 1);
        assert_eq!(millis_until(Timestamp::from_seconds(THEN_S), now), 1);
    }

    /// The date of a second after the epoch, counted out year by year.
    fn written(second: u64) -> String {
        let is_leap =
            |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let (mut day, of_day) = (second / 86_400, second % 86_400);
        let weekday = WEEKDAYS[((day + 3) % 7) as usize];
        let (mut year, mut month) = (1970, 0);
        loop {
            let february = if is_leap(year) { 29 } else { 28 };
            let length = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month];
            if day < length {
                break;
            }
            day -= length;
            month += 1;
            if month == 12 {
                (year, month) = (year + 1, 0);
            }
        }
        let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        format!("{weekday}, {:02} {} {year:04} {hour:02}:{minute:02}:{second:02} GMT", day + 1, MONTHS[month])
    }

    proptest! {
        #[test]
        fn every_second_up_to_the_year_9999_is_read_as_it_is_written(second in 0..253_402_300_800_u64) {
            prop_assert_eq!(date(&written(second)), Some(Timestamp::from_seconds(second)));
        }

        #[test]
        fn no_text_breaks_the_reader(text in "\\PC*", position in 0..29_usize, byte in any::<char>()) {
            let _ = asked("retry-after", &text, THEN_S);
            let mut changed: Vec<char> = "Sun, 06 Nov 1994 08:49:37 GMT".chars().collect();
            changed[position] = byte;
            let _ = date(&changed.into_iter().collect::<String>());
        }
    }
}
