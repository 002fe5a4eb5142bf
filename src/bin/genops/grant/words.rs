//! A grant in words, and times and durations as people write them.

use std::fmt::Write as _;

use serde_json::Value;
use time::OffsetDateTime;

/// Every claim, one line each, in an order that reads well. Works on claims of any kind, also ones no filter would take.
pub(super) fn describe(header: &Value, claims: &Value, now_s: u64) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {name:<12} {value}");
    };
    let word = |value: &Value, name: &str| value.get(name).map(plain);
    for (name, key) in [("key", "kid"), ("algorithm", "alg")] {
        line(name, word(header, key).unwrap_or_else(|| "(none)".to_owned()));
    }
    for (name, key) in [("id", "jti"), ("approver", "approver"), ("audience", "aud")] {
        if let Some(value) = word(claims, key) {
            line(name, value);
        }
    }
    if let Some(delegation) = claims.get("delegation").and_then(Value::as_array) {
        line("delegated by", delegation.iter().map(plain).collect::<Vec<_>>().join(" > "));
    }
    for (name, key) in [("call has", "attribution"), ("one call", "ceiling")] {
        for (of, value) in claims.get(key).and_then(Value::as_object).into_iter().flatten() {
            let value = plain(value);
            line(
                name,
                if key == "ceiling" { format!("{value} {of} at most") } else { format!("{of}={value}") },
            );
        }
    }
    line("model", word(claims, "model").unwrap_or_else(|| "any".to_owned()));
    line("uses", word(claims, "uses").unwrap_or_else(|| "1".to_owned()));
    for (name, key) in [("from", "nbf"), ("until", "exp")] {
        if let Some(seconds) = claims.get(key).and_then(Value::as_u64) {
            line(name, format!("{} ({})", utc(seconds), distance(seconds, now_s)));
        }
    }
    text
}

/// A value on one line: escapes keep whatever a signer wrote from moving a terminal's cursor.
fn plain(value: &Value) -> String {
    match value.as_str() {
        Some(text) => text.escape_debug().to_string(),
        None => value.to_string(),
    }
}

fn utc(seconds: u64) -> String {
    let moment = i64::try_from(seconds).ok().and_then(|s| OffsetDateTime::from_unix_timestamp(s).ok());
    moment.map_or_else(
        || format!("{seconds} s of the epoch"),
        |at| {
            let (hour, minute, second) = at.to_hms();
            format!("{} {hour:02}:{minute:02}:{second:02} UTC", at.date())
        },
    )
}

fn distance(seconds: u64, now_s: u64) -> String {
    let apart = seconds.abs_diff(now_s);
    let (figure, unit) = match apart {
        0..=119 => (apart, "s"),
        120..=7_199 => (apart / 60, "min"),
        7_200..=172_799 => (apart / 3_600, "h"),
        _ => (apart / 86_400, "d"),
    };
    if seconds >= now_s { format!("in {figure} {unit}") } else { format!("{figure} {unit} ago") }
}

/// `90s`, `15m`, `8h`, `2d` in seconds.
pub(super) fn duration_s(text: &str) -> Option<u64> {
    let (figure, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    figure.parse::<u64>().ok()?.checked_mul(factor).filter(|seconds| *seconds > 0)
}
