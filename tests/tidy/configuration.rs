//! The parser, the JSON Schema and docs/configuration.md say the same of every key.

use std::collections::BTreeSet;

use genops::awu::Attribute;
use genops::catalogue::Provider;
use genops::config::{Invalid, parse};
use serde_json::{Map, Value, json};

use crate::schema::{Key, Schema, Section, around};
use crate::tree::{files, read};

/// A key that no section has.
const STRANGER: &str = "qqqqqqqqqqqq";

/// Whether the parser reads this object as a section; a constant is read by hand.
fn is_section(section: &Section) -> bool {
    !section.place.text().ends_with("on_missing")
}

/// The configuration in which `key` of `section` is `value`.
fn with(section: &Section, all: &[Section], key: &str, value: Value) -> String {
    around(section, all, Map::from_iter([(key.to_owned(), value)])).to_string()
}

#[test]
fn the_parser_knows_exactly_the_keys_of_the_schema() {
    let all = Schema::load().sections();
    for section in all.iter().filter(|section| is_section(section)) {
        let Invalid(problems) = parse(&with(section, &all, STRANGER, json!(true))).unwrap_err();
        let path = section.place.parsed();
        let path = if path.is_empty() { STRANGER.to_owned() } else { format!("{path}.{STRANGER}") };
        let problem = problems.iter().find(|problem| problem.path == path);
        let problem =
            problem.unwrap_or_else(|| panic!("{path}: the parser has no such section: {problems:?}"));
        let (_, known) = problem.message.split_once("known keys here: ").expect("the known keys");
        let known: BTreeSet<&str> = known.split(", ").collect();
        let stated: BTreeSet<&str> = section.keys.iter().map(|key| key.name.as_str()).collect();
        assert_eq!(
            known,
            stated,
            "keys of {:?}: parser on the left, schema on the right",
            section.place.text()
        );
    }
}

#[test]
fn required_keys_are_the_same() {
    let all = Schema::load().sections();
    for section in all.iter().filter(|section| is_section(section)) {
        let complete = around(section, &all, Map::new()).to_string();
        assert!(parse(&complete).is_ok(), "the schema's required keys are not enough: {complete}");
    }
}

#[test]
fn bounds_and_choices_of_the_schema_are_those_of_the_parser() {
    let all = Schema::load().sections();
    for section in all.iter().filter(|section| is_section(section)) {
        for key in &section.keys {
            check_bounds(section, &all, key);
            check_choices(section, &all, key);
        }
    }
}

fn check_bounds(section: &Section, all: &[Section], key: &Key) {
    let bound = |name: &str| key.rule.get(name).and_then(Value::as_i64);
    if key.rule["type"] != "integer" {
        return;
    }
    let (low, high) = (bound("minimum").expect("a minimum"), bound("maximum").expect("a maximum"));
    for (value, fits) in [(low, true), (high, true), (low - 1, false), (high + 1, false)] {
        let text = with(section, all, &key.name, json!(value));
        assert_eq!(parse(&text).is_ok(), fits, "{}: {text}", key.place(section).text());
    }
}

fn check_choices(section: &Section, all: &[Section], key: &Key) {
    let Some(choices) = key.rule.get("enum").and_then(Value::as_array) else { return };
    for choice in choices {
        let text = with(section, all, &key.name, choice.clone());
        assert!(parse(&text).is_ok(), "{text}");
    }
    let listed: Vec<&str> = choices.iter().map(|choice| choice.as_str().unwrap()).collect();
    let Invalid(problems) = parse(&with(section, all, &key.name, json!(STRANGER))).unwrap_err();
    let expected = format!("expected one of {}, got", listed.join(", "));
    assert!(problems[0].message.starts_with(&expected), "{}: {}", key.place(section).text(), problems[0]);
}

#[test]
fn the_defaults_of_the_schema_are_those_of_the_parser() {
    let all = Schema::load().sections();
    let mut checked = 0;
    for section in all.iter().filter(|section| is_section(section)) {
        let silent = around(section, &all, Map::new()).to_string();
        let silent = format!("{:?}", parse(&silent).unwrap());
        for key in section.keys.iter().filter(|key| key.rule.get("default").is_some()) {
            let stated = with(section, &all, &key.name, key.rule["default"].clone());
            let config = parse(&stated).unwrap_or_else(|invalid| panic!("{stated}: {invalid}"));
            let place = key.place(section).text();
            assert_eq!(format!("{config:?}"), silent, "{place}: the default is another one");
            if let Some(low) = key.rule.get("minimum").filter(|low| **low != key.rule["default"]) {
                let low = parse(&with(section, &all, &key.name, low.clone())).unwrap();
                // The day of the month says nothing in the sample's week.
                assert!(
                    place.ends_with("starts_on_day") || format!("{low:?}") != silent,
                    "{place} changes nothing"
                );
            }
            checked += 1;
        }
    }
    assert!(checked > 25, "only {checked} keys have a default");
}

#[test]
fn a_constant_and_the_keys_of_limits_are_read_as_the_schema_says() {
    assert!(parse(r#"{"attribution": {"team": {"on_missing": {"constant": "a"}}}}"#).is_ok());
    assert!(parse(r#"{"attribution": {"team": {"on_missing": {"constant": "a", "b": 1}}}}"#).is_err());
    let limits = |key: &str| {
        format!(
            r#"{{"budgets": [{{"name": "b", "per": ["team"], "unit": "tokens", "limit": 1, "window": "day", "limits": {{{key}}}}}]}}"#
        )
    };
    assert!(parse(&limits(r#""anything": 5"#)).is_ok());
    assert!(parse(&limits(r#""anything": -5"#)).is_err());
}

/// How the reference spells a key: all attributes are explained at once, and so is what every entry can match.
fn documented(place: &str) -> String {
    let matched = place.split_once("[].match.").filter(|(list, _)| *list != "upstreams");
    if let Some((_, key)) = matched {
        let attribute = Attribute::parse(key).is_some();
        return format!("match.{}", if attribute { "<attribute>" } else { key });
    }
    let Some(rest) = place.strip_prefix("attribution.") else { return place.to_owned() };
    match rest.split_once('.') {
        Some((_, key)) => format!("attribution.<attribute>.{key}"),
        None => "attribution.<attribute>".to_owned(),
    }
}

/// The rows of the reference: key and default.
fn reference() -> Vec<(String, String)> {
    let text = read("docs/configuration.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    let cells = rows.map(|row| row.split(" | ").collect::<Vec<_>>());
    cells.map(|cells| (cells[0].trim_end_matches('`').to_owned(), cells[2].trim().to_owned())).collect()
}

#[test]
fn the_reference_explains_every_key_once_with_its_default() {
    let all = Schema::load().sections();
    let reference = reference();
    let mut expected = BTreeSet::new();
    for section in &all {
        for key in &section.keys {
            let place = documented(&key.place(section).text());
            let rows: Vec<_> = reference.iter().filter(|(row, _)| *row == place).collect();
            assert_eq!(rows.len(), 1, "docs/configuration.md has {} rows for {place}", rows.len());
            if let Some(default) = key.rule.get("default").filter(|_| !place.ends_with("on_missing")) {
                let default = default.as_str().map_or(default.to_string(), str::to_owned);
                assert_eq!(
                    rows[0].1,
                    format!("`{default}`"),
                    "the default of {place} in docs/configuration.md"
                );
            }
            expected.insert(place);
        }
    }
    for (row, _) in &reference {
        assert!(expected.contains(row), "docs/configuration.md explains {row}, which does not exist");
    }
}

/// Every shipped configuration, and every one that a document shows as such.
#[test]
fn every_shipped_and_documented_configuration_is_valid() {
    let mut seen = 0;
    for file in files("", &["genops.json"]) {
        parse(&file.text).unwrap_or_else(|invalid| panic!("{}: {invalid}", file.path));
        seen += 1;
    }
    for file in files("", &[".md"]) {
        for block in file.text.split("\n```json genops\n").skip(1) {
            let block = block.split("\n```").next().unwrap();
            parse(block).unwrap_or_else(|invalid| panic!("{}: {invalid}\n{block}", file.path));
            seen += 1;
        }
    }
    assert!(seen >= 5, "only {seen} configurations were found");
}

#[test]
fn the_reference_lists_every_provider_that_can_be_named() {
    let text = read("docs/configuration.md");
    let (_, list) = text.split_once("by the names that `provider` takes").expect("the list");
    let list = list.split_once(":\n").expect("its begin").1.split("\n\n").next().unwrap();
    let listed: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
    let known = Provider::ALL.iter().filter(|provider| **provider != Provider::Unknown);
    assert_eq!(listed, known.map(|provider| provider.slug()).collect::<Vec<_>>());
}
