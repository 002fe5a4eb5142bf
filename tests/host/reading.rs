//! What commands take: headers as changes of a good caller's, and times.

use super::headers::HeaderMap;
use super::text::unescape;

/// The default pairs, with a script's changes: `name: value` replaces or adds, `+ name: value` adds another, `- name`
/// takes away.
pub fn headers<'a>(defaults: impl IntoIterator<Item = &'a str>, changes: &[String]) -> HeaderMap {
    let mut map = HeaderMap::default();
    let split = |line: &str| {
        let at = line.char_indices().skip(1).find(|(_, letter)| *letter == ':').expect("name: value").0;
        (unescape(&line[..at]), unescape(line[at + 1..].trim_start_matches(' ')))
    };
    for line in defaults {
        let (name, value) = split(line);
        map.set(&name, &value);
    }
    for line in changes {
        if let Some(name) = line.strip_prefix("- ") {
            map.remove(name.as_bytes());
        } else if let Some(line) = line.strip_prefix("+ ") {
            let pair = split(line);
            map.0.push(pair);
        } else {
            let (name, value) = split(line);
            map.set(&name, &value);
        }
    }
    map
}

/// `+90s`, `-500ms`, `+1h`, `+1d` in nanoseconds.
pub fn nanos(text: &str) -> i64 {
    let units = [("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000)];
    let days = ("d", 86_400_000_000_000);
    let (figure, unit) = units
        .into_iter()
        .chain([days])
        .find_map(|(unit, nanos)| Some((text.strip_suffix(unit)?.parse::<i64>().ok()?, nanos)))
        .unwrap_or_else(|| panic!("no such time: {text}"));
    figure * unit
}
