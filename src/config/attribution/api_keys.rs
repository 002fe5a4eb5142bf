//! The `api_keys` section: digests of keys, and what their holders are. Keys themselves never stand in it, and a text that
//! is no digest is not repeated in its problem, since it may be a key.

use std::collections::BTreeSet;

use super::constant_value;
use super::model::ApiKey;
use crate::awu::{Attribute, Attribution};
use crate::config::section::Section;

/// The caller's digest is compared with every entry.
const MOST: usize = 10_000;

/// Reads every key; digests must be unique.
pub(super) fn read(root: &Section<'_>) -> Vec<ApiKey> {
    let mut keys = Vec::new();
    let mut seen = BTreeSet::new();
    for section in root.sections("api_keys") {
        let path = section.path_of("sha256");
        let Some(key) = key(section) else { continue };
        if !seen.insert(key.sha256) {
            root.problems().add(path, "is the digest of an earlier key");
        }
        keys.push(key);
    }
    if keys.len() > MOST {
        root.problem("api_keys", format!("expected at most {MOST} keys, got {}", keys.len()));
    }
    keys
}

fn key(section: Section<'_>) -> Option<ApiKey> {
    section.require("sha256");
    let text = section.get("sha256");
    let sha256 = text.and_then(|value| digest(value.as_str()?));
    if text.is_some() && sha256.is_none() {
        let problem = "expected the SHA-256 of a key, 64 hexadecimal digits; what is there is not shown, since it may be the key";
        section.problem("sha256", problem);
    }
    section.require("attributes");
    let attributes = section.section("attributes").map(attributes);
    section.finish();
    Some(ApiKey { sha256: sha256?, attributes: attributes? })
}

fn attributes(section: Section<'_>) -> Attribution {
    let value = |attribute: Attribute| {
        let text = section.string(attribute.as_str())?;
        Some((attribute, constant_value(&section, attribute.as_str(), text)?.into()))
    };
    let values: Vec<_> = Attribute::ALL.into_iter().filter_map(value).collect();
    if values.is_empty() {
        section.problems().add(section.path(), "states no attribute");
    }
    section.finish();
    Attribution::new(values)
}

fn digest(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(digest)
}
