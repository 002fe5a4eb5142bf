//! What entries of different lists have in common: a name that no other has, a mode, models, an offset from UTC.

use super::section::{Section, whole_number};
use crate::attribute_value;
use crate::budget::Enforcement;
use crate::model_pattern::ModelPattern;

/// Reads the entries of the list at `key`, each of which has a name of its own among them: it names what is stored.
pub(super) fn named<'a, T>(
    parent: &Section<'a>,
    key: &'static str,
    what: &str,
    name: impl Fn(&T) -> &str,
    mut read: impl FnMut(Section<'a>) -> Option<T>,
) -> Vec<T> {
    let mut entries: Vec<T> = Vec::new();
    for section in parent.sections(key) {
        let path = section.path_of("name");
        let Some(entry) = read(section) else { continue };
        if entries.iter().any(|other| name(other) == name(&entry)) {
            parent.problems().add(path, format!("{:?} is taken by an earlier {what}", name(&entry)));
        }
        entries.push(entry);
    }
    entries
}

/// The entry's name.
pub(super) fn name<'a>(section: &Section<'a>) -> Option<&'a str> {
    meaningful(section, "name")
}

/// A value that says something, and has to be there.
pub(super) fn meaningful<'a>(section: &Section<'a>, key: &'static str) -> Option<&'a str> {
    let text = section.required_string(key)?;
    let meaningful = attribute_value::meaningful(text);
    if meaningful.is_none() {
        section.problem(key, format!("{text:?} is no meaningful value: {}", attribute_value::RULE));
    }
    meaningful
}

/// What a violation, a shortage or a lack does; it is enforced unless stated.
pub(super) fn mode(section: &Section<'_>) -> Enforcement {
    let modes =
        [("enforce", Enforcement::Enforce), ("warn", Enforcement::Warn), ("shadow", Enforcement::Shadow)];
    section.one_of("mode", &modes).unwrap_or_default()
}

/// Local time minus UTC, in minutes.
pub(super) fn utc_offset_minutes(section: &Section<'_>) -> i16 {
    let offset = section.read("utc_offset_minutes", "minutes from -840 to 840", |value| {
        let minutes = value.as_i64().or_else(|| whole_number(value).and_then(|n| i64::try_from(n).ok()))?;
        i16::try_from(minutes).ok().filter(|minutes| (-840..=840).contains(minutes))
    });
    offset.unwrap_or(0)
}

/// The models that the entry says something of.
pub(super) fn model_pattern(section: &Section<'_>) -> Option<ModelPattern> {
    section.require("model");
    section.read("model", "a model name, with \"*\" at the end at most", |value| {
        value.as_str().and_then(ModelPattern::parse)
    })
}
