//! What `docs/reason-codes.md` and the filter's own list say of each code, read from their text.

use std::collections::{BTreeMap, BTreeSet};

const DOCUMENT: &str = include_str!("../../../docs/reason-codes.md");
const NAMES: &str = include_str!("../../../src/semconv.rs");

/// The results that a decision can have that is not `ALLOWED`.
const RESULTS: [&str; 3] = ["BLOCKED", "RATE_LIMITED", "WARNING"];

/// Every code with every result that the document says it comes with, and the status of those that are refusals.
pub(crate) fn outcomes() -> BTreeMap<(String, String), Option<u16>> {
    let (mut all, mut above) = (BTreeMap::new(), Vec::new());
    for row in DOCUMENT.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let code = cells[1].trim_matches('`').to_owned();
        if cells[2] != "as above" {
            above = results(cells[2]);
            assert!(!above.is_empty(), "{code} comes with no result: {}", cells[2]);
        }
        all.extend(above.iter().map(|(result, status)| ((code.clone(), result.clone()), *status)));
    }
    all
}

/// The results that a cell names, each with the status behind it.
fn results(cell: &str) -> Vec<(String, Option<u16>)> {
    let words: Vec<&str> = cell.split('`').collect();
    let mut found: Vec<(String, Option<u16>)> = Vec::new();
    // Every second piece stood between two of them.
    for (name, rest) in words.iter().zip(&words[1..]).skip(1).step_by(2) {
        let is_new = found.iter().all(|(known, _)| known != name);
        if RESULTS.contains(name) && is_new {
            let status = rest.split_whitespace().next().map(|word| word.trim_end_matches(';'));
            found.push(((*name).to_owned(), status.and_then(|word| word.parse().ok())));
        }
    }
    found
}

/// Every code that the filter can write.
pub(crate) fn codes() -> BTreeSet<String> {
    let of_codes = NAMES.split("impl ReasonCode").nth(1).expect("the list is there");
    let names = of_codes.lines().filter_map(|line| line.trim().strip_prefix("Self::")?.split_once(" => \""));
    names.map(|(_, name)| name.trim_end_matches("\",").to_owned()).collect()
}
