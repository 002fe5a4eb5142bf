//! Resolving by tables; the laws are in `tests/attribution.rs`.

use super::*;
use crate::config::parse;
use crate::headers::HeaderPairs;

/// A host that knows nothing.
struct Nothing;

impl Properties for Nothing {
    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        panic!("nobody needs {path:?}");
    }
}

/// What `pairs` resolve to under these sources of the team.
fn team(pairs: &[(&str, &[u8])], rule: &str) -> Resolved {
    let text = format!(
        r#"{{"attribution": {{"team": {rule}, "project": {{"on_missing": {{"constant": "p"}}}}, "environment": {{"on_missing": {{"constant": "e"}}}}}}}}"#
    );
    let rules = parse(&text).unwrap_or_else(|invalid| panic!("{invalid}")).attribution;
    let pairs: Vec<(&[u8], &[u8])> = pairs.iter().map(|(k, v)| (k.as_bytes(), *v)).collect();
    resolve(&rules, Headers::of(&HeaderPairs::new(&pairs)), &Nothing)
}

const TWO_HEADERS: &str = r#""sources": [{"header": "x-team"}, {"header": "x-group"}]"#;

#[test]
fn the_first_source_with_a_meaningful_value_wins() {
    type Case<'a> = (&'a [(&'a str, &'a [u8])], Option<&'a str>);
    let cases: [Case<'_>; 6] = [
        (&[("x-team", b"search"), ("x-group", b"ads")], Some("search")),
        (&[("x-team", b"unknown"), ("x-group", b"ads")], Some("ads")),
        (&[("x-team", b"\xff"), ("x-group", b"ads")], Some("ads")),
        (&[("x-team", b"a"), ("x-team", b"b"), ("x-group", b"ads")], Some("ads")),
        (&[("x-team", b"  search ")], Some("search")),
        (&[("x-other", b"search")], None),
    ];
    for (pairs, expected) in cases {
        let resolved = team(pairs, &format!("{{{TWO_HEADERS}}}"));
        assert_eq!(resolved.attribution.get(Attribute::Team), expected, "{pairs:?}");
        assert_eq!(resolved.missing.is_none(), expected.is_some());
    }
}

#[test]
fn a_missing_attribute_names_the_sources_that_were_tried() {
    let missing = team(&[], &format!("{{{TWO_HEADERS}}}")).missing.unwrap();
    assert_eq!(missing.attribute, Attribute::Team);
    assert_eq!(missing.tried, ["header x-team", "header x-group"]);
}

#[test]
fn a_constant_fills_in() {
    let rule = format!(r#"{{{TWO_HEADERS}, "on_missing": {{"constant": "platform"}}}}"#);
    assert_eq!(team(&[], &rule).attribution.get(Attribute::Team), Some("platform"));
    let rule = r#"{"sources": [{"header": "x-team"}, {"constant": "platform"}]}"#;
    assert_eq!(team(&[], rule).attribution.get(Attribute::Team), Some("platform"));
    assert_eq!(team(&[("x-team", b"ads")], rule).attribution.get(Attribute::Team), Some("ads"));
}

#[test]
fn a_trusted_source_wins_wherever_it_stands_and_the_contradiction_is_noted() {
    let rule = r#"{"sources": [{"header": "x-team"}, {"header": "x-gateway-team", "trusted": true}]}"#;
    let claim = ("x-team", &b"ads"[..]);
    let both = team(&[claim, ("x-gateway-team", b"search")], rule);
    assert_eq!(both.attribution.get(Attribute::Team), Some("search"));
    let conflict = Conflict {
        attribute: Attribute::Team,
        claimed_by: "header x-team".to_owned(),
        on_conflict: OnConflict::Ignore,
    };
    assert_eq!(both.conflicts, [conflict]);
    let alone = team(&[claim], rule);
    assert_eq!((alone.attribution.get(Attribute::Team), alone.conflicts.len()), (Some("ads"), 0));
    // The same value, or none that means anything, contradicts nothing.
    for same in [&b"search"[..], b"unknown", b"\xff"] {
        let agreed = team(&[("x-team", same), ("x-gateway-team", b"search")], rule);
        assert_eq!((agreed.attribution.get(Attribute::Team), agreed.conflicts.len()), (Some("search"), 0));
    }
}
