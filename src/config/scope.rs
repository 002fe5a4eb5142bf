//! `match`: which calls an entry of a list is about.
//!
//! What is not stated matches every call. Of what is stated each part must match, by one of its values.

use serde_json::Value;

use super::model::ModelPattern;
use super::section::{Section, describe};
use crate::awu::{Attribute, Attribution};

/// What of a call is matched.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Whose call it is.
    pub attribution: &'a Attribution,
    /// Who answers, by the name that telemetry shows.
    pub provider: Option<&'a str>,
    /// The model as requested.
    pub model: Option<&'a str>,
    /// What the call does: `chat`, `embeddings` …
    pub operation: &'a str,
}

/// Which calls; the default is all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    attributes: Vec<(Attribute, Vec<Box<str>>)>,
    providers: Vec<Box<str>>,
    models: Vec<ModelPattern>,
    operations: Vec<Box<str>>,
}

impl Scope {
    /// Whether the call is one of these.
    pub fn contains(&self, call: Subject<'_>) -> bool {
        let one_of = |values: &[Box<str>], value: Option<&str>| {
            values.is_empty() || value.is_some_and(|value| values.iter().any(|one| **one == *value))
        };
        let of_model =
            || call.model.is_some_and(|model| self.models.iter().any(|one| one.specificity(model).is_some()));
        one_of(&self.providers, call.provider)
            && one_of(&self.operations, Some(call.operation))
            && (self.models.is_empty() || of_model())
            && self
                .attributes
                .iter()
                .all(|(key, values)| one_of(values, call.attribution.value(*key, call.operation)))
    }
}

/// Reads `match`; absent is every call.
pub(super) fn read(parent: &Section<'_>) -> Scope {
    let Some(section) = parent.section("match") else { return Scope::default() };
    let texts = |key| texts(&section, key).into_iter().map(|(_, text)| text.into()).collect::<Vec<_>>();
    let of_attribute = |attribute: Attribute| {
        Some((attribute, texts(attribute.as_str()))).filter(|(_, values)| !values.is_empty())
    };
    let scope = Scope {
        attributes: Attribute::ALL.into_iter().filter_map(of_attribute).collect(),
        providers: texts("provider"),
        models: models(&section),
        operations: texts("operation"),
    };
    section.finish();
    scope
}

fn models(section: &Section<'_>) -> Vec<ModelPattern> {
    let pattern = |(path, text): (String, &str)| {
        let pattern = ModelPattern::parse(text);
        if pattern.is_none() {
            let message = format!("expected a model name, with \"*\" at the end at most, got {text:?}");
            section.problems().add(path, message);
        }
        pattern
    };
    texts(section, "model").into_iter().filter_map(pattern).collect()
}

/// A text, or a list of texts that is not empty.
fn texts<'a>(section: &Section<'a>, key: &'static str) -> Vec<(String, &'a str)> {
    let (path, value) = match section.get(key) {
        None => return Vec::new(),
        Some(value) => (section.path_of(key), value),
    };
    let wrong = |path: String, value: &Value| {
        let message = format!("expected a text or a list of texts, none empty, got {}", describe(value));
        section.problems().add(path, message);
    };
    let text = |value: &'a Value| value.as_str().filter(|text| !text.trim().is_empty());
    match value {
        Value::Array(values) if !values.is_empty() => values
            .iter()
            .enumerate()
            .filter_map(|(i, value)| {
                let path = format!("{path}[{i}]");
                let found = text(value);
                if found.is_none() {
                    wrong(path.clone(), value);
                }
                Some((path, found?))
            })
            .collect(),
        value => match text(value) {
            Some(text) => vec![(path, text)],
            None => {
                wrong(path, value);
                Vec::new()
            }
        },
    }
}
