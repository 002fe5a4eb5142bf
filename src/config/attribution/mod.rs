//! The `attribution` and `api_keys` sections: for each attribute an ordered list of sources.
//!
//! Compiled so that a call pays only for what its configuration names: trusted sources stand first, and the host's
//! properties that sources need are listed once each.

mod api_keys;
mod model;
mod place;

pub use model::{
    ApiKey, AttributeRule, Attributing, HostProperty, OnConflict, OnMissing, Part, Place, Source,
};

use super::section::{Section, describe};
use crate::attribute_value;
use crate::awu::Attribute;
use place::Compiler;

/// Reads both sections.
pub(super) fn read(root: &Section<'_>) -> Attributing {
    let mut compiler = Compiler { properties: Vec::new(), api_keys: api_keys::read(root) };
    let section = root.section("attribution");
    let mut rules = Vec::with_capacity(Attribute::COUNT);
    for attribute in Attribute::ALL {
        let rule = section.as_ref().and_then(|section| section.section(attribute.as_str()));
        rules.push(attribute_rule(attribute, rule, &mut compiler));
    }
    if let Some(section) = section {
        section.finish();
    }
    rules.retain(|rule| !rule.sources.is_empty() || rule.on_missing != OnMissing::Omit);
    Attributing { rules, properties: compiler.properties, api_keys: compiler.api_keys }
}

fn attribute_rule(
    attribute: Attribute,
    section: Option<Section<'_>>,
    compiler: &mut Compiler,
) -> AttributeRule {
    let absent = if attribute.required() { OnMissing::Refuse } else { OnMissing::Omit };
    let Some(section) = section else {
        return AttributeRule::new(attribute, default_sources(attribute), absent);
    };
    let sources = match section.get("sources") {
        None => default_sources(attribute),
        Some(_) => section.sections("sources").into_iter().filter_map(|s| compiler.source(s)).collect(),
    };
    let on_missing = on_missing(&section, attribute).unwrap_or(absent);
    let states_none = section.get("sources").is_some_and(|value| value.as_array().is_some_and(Vec::is_empty));
    if states_none && on_missing == OnMissing::Refuse {
        section
            .problem("on_missing", "with no sources every call would be refused; add a source or a constant");
    }
    let choices =
        [("ignore", OnConflict::Ignore), ("warn", OnConflict::Warn), ("refuse", OnConflict::Refuse)];
    let on_conflict = section.one_of("on_conflict", &choices).unwrap_or_default();
    section.finish();
    AttributeRule { on_conflict, ..AttributeRule::new(attribute, sources, on_missing) }
}

/// The header that the GenOps SDKs send. An operation has its own name where no source is configured.
fn default_sources(attribute: Attribute) -> Vec<Source> {
    match attribute {
        Attribute::OperationName => Vec::new(),
        attribute => vec![Source::header(attribute.header())],
    }
}

fn on_missing(section: &Section<'_>, attribute: Attribute) -> Option<OnMissing> {
    let value = section.get("on_missing")?;
    if value == "refuse" {
        return Some(OnMissing::Refuse);
    }
    if value == "omit" && !attribute.required() {
        return Some(OnMissing::Omit);
    }
    if let Some(object) = value.as_object().filter(|object| object.len() == 1)
        && let Some(constant) = object.get("constant").and_then(serde_json::Value::as_str)
    {
        return constant_value(section, "on_missing.constant", constant).map(OnMissing::Constant);
    }
    let omit = if attribute.required() { "" } else { "\"omit\", " };
    let expected = format!("expected \"refuse\", {omit}or {{\"constant\": \"…\"}}, got {}", describe(value));
    section.problem("on_missing", expected);
    None
}

/// A value that the configuration states, or a problem.
fn constant_value(section: &Section<'_>, key: &str, text: &str) -> Option<String> {
    let value = attribute_value::meaningful(text);
    if value.is_none() {
        let rule = attribute_value::RULE;
        section.problem(key, format!("{text:?} is no meaningful value (§9.1): {rule}"));
    }
    value.map(str::to_owned)
}
