//! Whose work a call is: resolves each attribute from its configured sources (§2.3).
//!
//! Knows headers and rules; knows nothing of budgets or decisions. A value that is no meaningful value (§9.1(8)) counts
//! as missing, and so does a header that occurs twice or is not UTF-8: an ambiguous claim is no claim.

use crate::attribute_value;
use crate::awu::{Attribute, Attribution};
use crate::config::{AttributeRule, OnMissing, Source};
use crate::headers::Headers;

/// An attribute that no source resolved, while the configuration demands it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Which attribute.
    pub attribute: Attribute,
    /// The sources that were tried, for the operator.
    pub tried: Vec<String>,
}

/// The outcome of resolving: what is known, and what a refusal would be about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// The attributes that have a value.
    pub attribution: Attribution,
    /// The first attribute that is missing although it must not be.
    pub missing: Option<Missing>,
}

/// Resolves every attribute.
pub fn resolve(rules: &[AttributeRule], headers: Headers<'_>) -> Resolved {
    let mut values: Vec<(Attribute, Box<str>)> = Vec::with_capacity(Attribute::COUNT);
    let mut missing = None;
    for rule in rules {
        match value(rule, headers) {
            Some(value) => values.push((rule.attribute, value.into())),
            None if rule.on_missing == OnMissing::Refuse => {
                missing.get_or_insert_with(|| Missing {
                    attribute: rule.attribute,
                    tried: rule.sources.iter().map(describe).collect(),
                });
            }
            None => {}
        }
    }
    Resolved { attribution: Attribution::new(values), missing }
}

fn value<'a>(rule: &'a AttributeRule, headers: Headers<'a>) -> Option<&'a str> {
    let found = rule
        .sources
        .iter()
        .find_map(|Source::Header(name)| attribute_value::meaningful(headers.unique(name)?));
    match &rule.on_missing {
        OnMissing::Constant(constant) => found.or(Some(constant)),
        OnMissing::Refuse | OnMissing::Omit => found,
    }
}

fn describe(source: &Source) -> String {
    match source {
        Source::Header(name) => format!("header {name}"),
    }
}

/// Whether `header` is one that some rule reads.
pub fn is_source(rules: &[AttributeRule], header: &str) -> bool {
    rules.iter().any(|rule| rule.sources.iter().any(|Source::Header(name)| name == header))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(attribute: Attribute, headers: &[&str], on_missing: OnMissing) -> AttributeRule {
        let sources = headers.iter().map(|name| Source::Header((*name).to_owned())).collect();
        AttributeRule { attribute, sources, on_missing }
    }

    /// The team that `pairs` resolve to under a rule that reads `x-team`, then `x-group`.
    fn team(pairs: &[(&str, &[u8])], on_missing: OnMissing) -> Resolved {
        let rules = [rule(Attribute::Team, &["x-team", "x-group"], on_missing)];
        let pairs: Vec<(&[u8], &[u8])> = pairs.iter().map(|(k, v)| (k.as_bytes(), *v)).collect();
        resolve(&rules, Headers::new(&pairs))
    }

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
            let resolved = team(pairs, OnMissing::Omit);
            assert_eq!(resolved.attribution.get(Attribute::Team), expected, "{pairs:?}");
            assert_eq!(resolved.missing, None);
        }
    }

    #[test]
    fn a_missing_attribute_names_the_sources_that_were_tried() {
        let missing = team(&[], OnMissing::Refuse).missing.unwrap();
        assert_eq!(missing.attribute, Attribute::Team);
        assert_eq!(missing.tried, ["header x-team", "header x-group"]);
    }

    #[test]
    fn a_constant_fills_in() {
        let resolved = team(&[], OnMissing::Constant("platform".to_owned()));
        assert_eq!(resolved.attribution.get(Attribute::Team), Some("platform"));
    }
}
