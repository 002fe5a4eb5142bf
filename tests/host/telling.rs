//! What is told: counters and log lines in people's spelling, exports in short.

use super::exports;
use super::world::Call;

/// An export in one line: how many of which events.
pub fn tell_call(call: &Call) -> String {
    let names = exports::names(&call.body);
    let mut runs: Vec<(usize, String)> = Vec::new();
    for name in names {
        match runs.last_mut() {
            Some((times, last)) if *last == name => *times += 1,
            _ => runs.push((1, name)),
        }
    }
    let told: Vec<String> = runs.iter().map(|(times, name)| format!("{times} × {name}")).collect();
    format!("export to {} within {} ms: {}", call.cluster, call.timeout_ms, told.join(", "))
}

/// A stat's name with its labels as people write them.
pub fn readable(stat: &str) -> String {
    let parts = stat.split(";.;");
    let mut name = String::new();
    let mut labels = Vec::new();
    for part in parts {
        match part.rsplit_once(".=.") {
            Some((before, value)) => {
                let (base, label) = before.rsplit_once("_genops_").expect("a label's name");
                name.push_str(base);
                labels.push(format!("{label}={value:?}"));
            }
            None => name.push_str(part),
        }
    }
    if labels.is_empty() { name } else { format!("{name}{{{}}}", labels.join(",")) }
}

/// A log line, or several where it has several.
pub fn logged(line: &str) -> Vec<String> {
    let mut lines = line.lines();
    let first = lines.next().map(|first| format!("logs {first}"));
    first.into_iter().chain(lines.map(|line| format!("  {line}"))).collect()
}
