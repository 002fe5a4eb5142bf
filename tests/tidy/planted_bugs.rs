//! The list of planted bugs and the tree: whatever is to be replaced is still there, and the list is documented.
//!
//! That each bug is caught takes half an hour: `make planted-bugs`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::tree::{read, root};

const LIST: &str = "tests/planted_bugs.json";
const FIELDS: [&str; 7] = ["breaks", "by", "file", "name", "replace", "suite", "tests"];

fn list() -> Vec<Value> {
    serde_json::from_str(&read(LIST)).unwrap()
}

fn field<'b>(bug: &'b Value, name: &str) -> &'b str {
    bug[name].as_str().unwrap_or_else(|| panic!("{bug} has no {name}"))
}

#[test]
fn every_planted_bug_fits_the_tree() {
    let mut wrong = Vec::new();
    for bug in &list() {
        let fields: BTreeSet<&str> = bug.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, BTreeSet::from(FIELDS), "{bug}");
        let (name, replace) = (field(bug, "name"), field(bug, "replace"));
        assert_ne!(replace, field(bug, "by"), "{name} changes nothing");
        let found = read(field(bug, "file")).matches(replace).count();
        if found != 1 {
            wrong.push(format!("{name}: {found} times in {}", field(bug, "file")));
        }
        let suite = field(bug, "suite");
        let exists = |path: String| root().join(path).is_file();
        let is_there = exists(format!("tests/{suite}.rs")) || exists(format!("tests/{suite}/main.rs"));
        assert!(suite == "lib" || is_there, "{name}: no suite {suite}");
    }
    assert!(wrong.is_empty(), "the text to replace has to stand in its file once: {wrong:#?}");
}

#[test]
fn the_planted_bugs_documented_are_those_of_the_list() {
    let bugs = list();
    let listed: BTreeSet<&str> = bugs.iter().map(|bug| field(bug, "name")).collect();
    assert_eq!(listed.len(), bugs.len(), "a name stands twice");
    let text = read("docs/planted-bugs.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    let mut documented = BTreeSet::new();
    for row in rows {
        let (name, rest) = row.split_once('`').unwrap();
        assert!(rest.contains(" | `") && !rest.ends_with("|  |"), "{name}: by which test?");
        documented.insert(name);
    }
    assert_eq!(documented, listed, "documented on the left; scripts/check-planted-bugs --write");
}
