//! `match`, which says of every entry that has one which calls it is about; and lists of patterns wherever there are any.

use super::section::{Section, describe};
use crate::glob::Glob;
use crate::selector::{Selector, Term};

/// Reads `match`; absent is every call.
pub(super) fn read(parent: &Section<'_>) -> Selector {
    let Some(section) = parent.section("match") else { return Selector::default() };
    let selector = Selector::new(Term::all().map(|term| (term, patterns(&section, term.as_str()))));
    section.finish();
    selector
}

/// One pattern, or a list of them that is not empty.
pub(super) fn patterns(section: &Section<'_>, key: &'static str) -> Vec<Glob> {
    let Some(value) = section.get(key) else { return Vec::new() };
    let one = std::slice::from_ref(value);
    let (values, is_list) = value.as_array().map_or((one, false), |values| (values.as_slice(), true));
    if values.is_empty() {
        section.problem(key, "is empty; leave it out, or state \"*\"");
    }
    let mut patterns = Vec::with_capacity(values.len());
    for (index, value) in values.iter().enumerate() {
        match value.as_str().and_then(Glob::parse) {
            Some(pattern) => patterns.push(pattern),
            None => {
                let path = section.path_of(key);
                let path = if is_list { format!("{path}[{index}]") } else { path };
                let list = if is_list { "" } else { ", or a list of such" };
                let message = format!("expected a pattern of {}{list}, got {}", Glob::RULE, describe(value));
                section.problems().add(path, message);
            }
        }
    }
    patterns
}
