//! Whose work a call is: resolves each attribute from its configured sources (§2.3).
//!
//! Knows rules, headers and the host's properties; knows nothing of budgets or decisions. Invariants: an untrusted source
//! never wins over a trusted one; the same inputs give the same values; what no configured source needs is not asked
//! for, and nothing is asked for twice. A value that is no meaningful value (§9.1(8)) counts as missing, and so does
//! what is ambiguous: a header that occurs twice or is not UTF-8, two different keys. No credential leaves this module.

mod api_key;
mod baggage;
mod certificate;
mod lookup;

use std::fmt;

use crate::awu::{Attribute, Attribution};
use crate::config::{AttributeRule, Attributing, OnConflict, OnMissing, Place, Source};
use crate::headers::Headers;
use crate::ports::Properties;
use lookup::Lookup;

/// An attribute that no source resolved, while the configuration demands it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Which attribute.
    pub attribute: Attribute,
    /// The sources that were tried, for the operator.
    pub tried: Vec<String>,
}

/// An untrusted source that said something else than the trusted one, whose value counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// About which attribute.
    pub attribute: Attribute,
    /// The untrusted source, for people.
    pub claimed_by: String,
    /// What the configuration wants done about it.
    pub on_conflict: OnConflict,
}

/// The outcome of resolving: what is known, and what a refusal or a warning would be about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// The attributes that have a value.
    pub attribution: Attribution,
    /// The first attribute that is missing although it must not be.
    pub missing: Option<Missing>,
    /// Every contradiction between untrusted and trusted sources.
    pub conflicts: Vec<Conflict>,
}

/// Resolves every attribute.
pub fn resolve(rules: &Attributing, headers: Headers<'_>, host: &dyn Properties) -> Resolved {
    let lookup = Lookup::new(rules, headers, host);
    let (mut missing, mut conflicts) = (None, Vec::new());
    let values = rules.rules.iter().filter_map(|rule| match value(rule, &lookup) {
        Some((source, value)) => {
            log::debug!("genops: {} is what {source} says", rule.attribute.as_str());
            if rule.contradictable && source.trusted {
                note_conflicts(rule, &value, &lookup, &mut conflicts);
            }
            Some((rule.attribute, value))
        }
        None => Some((rule.attribute, without_source(rule, &mut missing)?)),
    });
    Resolved { attribution: Attribution::new(values), missing, conflicts }
}

/// What an attribute is that no source has a value for.
fn without_source(rule: &AttributeRule, missing: &mut Option<Missing>) -> Option<Box<str>> {
    match &rule.on_missing {
        OnMissing::Constant(constant) => {
            log::debug!("genops: {} is what on_missing says", rule.attribute.as_str());
            Some(constant.as_str().into())
        }
        OnMissing::Refuse => {
            let tried = || rule.sources.iter().map(|source| source.place.to_string()).collect();
            missing.get_or_insert_with(|| Missing { attribute: rule.attribute, tried: tried() });
            None
        }
        OnMissing::Omit => None,
    }
}

/// The first source, trusted ones before the others, that has a meaningful value.
fn value<'r>(rule: &'r AttributeRule, lookup: &Lookup<'r>) -> Option<(&'r Source, Box<str>)> {
    rule.sources.iter().find_map(|source| Some((source, lookup.meaningful(&source.place)?)))
}

fn note_conflicts(rule: &AttributeRule, value: &str, lookup: &Lookup<'_>, conflicts: &mut Vec<Conflict>) {
    for source in rule.sources.iter().filter(|source| source.is_claim()) {
        if lookup.meaningful(&source.place).is_some_and(|claim| *claim != *value) {
            log::debug!(
                "genops: {source} says another {}, which counts for nothing",
                rule.attribute.as_str()
            );
            conflicts.push(Conflict {
                attribute: rule.attribute,
                claimed_by: source.place.to_string(),
                on_conflict: rule.on_conflict,
            });
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trust = if self.trusted { "trusted" } else { "untrusted" };
        write!(f, "the {trust} {}", self.place)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header {name}"),
            Self::Baggage(key) => write!(f, "baggage member {key}"),
            Self::Property { described, .. } => f.write_str(described),
            Self::ApiKey(attribute) => write!(f, "API key's {}", attribute.as_str()),
            Self::Constant(_) => f.write_str("constant"),
        }
    }
}

#[cfg(test)]
mod tests;
