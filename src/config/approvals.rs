//! The `approvals` section.
//!
//! It holds secrets: no value of a key, and nothing that stands where keys should, is ever part of a problem's message.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::section::Section;
use super::{entry, selector, unit};
use crate::gate::{Algorithm, Approvals, Gate, Key};
use crate::price::PriceList;

const ALGORITHMS: [(&str, Algorithm); 2] = [("EdDSA", Algorithm::EdDsa), ("HS256", Algorithm::Hs256)];
/// Reads the section; without it nothing needs an approval.
pub(super) fn read(section: Option<Section<'_>>, prices: &PriceList) -> Approvals {
    let mut approvals = Approvals::default();
    let Some(section) = section else { return approvals };
    approvals.keys = keys(&section);
    approvals.gates =
        entry::named(&section, "gates", "gate", |gate: &Gate| &gate.name, |inner| gate(inner, prices));
    approvals.audience = section.string("audience").map(Into::into);
    const SECOND: u64 = 1_000;
    const DAYS_30: u64 = 2_592_000_000;
    if let Some(ms) = section.integer("max_lifetime_ms", SECOND, DAYS_30) {
        approvals.max_lifetime_ms = ms;
    }
    if let Some(capacity) = section.integer("capacity", 1, 200_000) {
        approvals.capacity = u32::try_from(capacity).unwrap_or(u32::MAX);
    }
    section.finish();
    approvals
}

fn keys(section: &Section<'_>) -> Vec<Key> {
    // By hand, since what stands in the wrong place may be a secret and the usual messages quote.
    let Some(value) = section.get("keys") else { return Vec::new() };
    let Some(elements) = value.as_array().filter(|elements| elements.iter().all(Value::is_object)) else {
        section.problem("keys", "expected a list of objects with kid, algorithm and key");
        return Vec::new();
    };
    const MOST: usize = 16;
    if elements.len() > MOST {
        section.problem("keys", format!("expected at most {MOST} keys, got {}", elements.len()));
    }
    let mut keys: Vec<Key> = Vec::new();
    for element in section.sections("keys") {
        let kid_path = element.path_of("kid");
        let Some(key) = key(element) else { continue };
        if keys.iter().any(|other| other.kid() == key.kid()) {
            section.problems().add(kid_path, "is taken by an earlier key");
        }
        keys.push(key);
    }
    keys
}

fn key(section: Section<'_>) -> Option<Key> {
    const MAX_KID_BYTES: usize = 64;
    section.require("kid");
    let kid = section.get("kid").map(|kid| {
        let valid = |b: u8| b.is_ascii_alphanumeric() || b"-_.:".contains(&b);
        let kid = kid.as_str().filter(|kid| (1..=MAX_KID_BYTES).contains(&kid.len()));
        let kid = kid.filter(|kid| kid.bytes().all(valid));
        if kid.is_none() {
            section.problem("kid", "expected 1 to 64 letters, digits, or any of - _ . :");
        }
        kid
    });
    section.require("algorithm");
    let algorithm = section.one_of("algorithm", &ALGORITHMS);
    section.require("key");
    let bytes = section.get("key").map(|key| {
        let bytes = key.as_str().and_then(|text| STANDARD.decode(text).ok());
        if bytes.is_none() {
            section.problem("key", "expected standard base64 with its padding");
        }
        bytes
    });
    let key = kid.flatten().zip(algorithm).zip(bytes.flatten());
    let key = key.and_then(|((kid, algorithm), bytes)| match Key::new(kid, algorithm, &bytes) {
        Ok(key) => Some(key),
        Err(error) => {
            section.problem("key", error.to_string());
            None
        }
    });
    section.finish();
    key
}

fn gate(section: Section<'_>, prices: &PriceList) -> Option<Gate> {
    let name = entry::name(&section);
    let unit = unit::tokens_or_money(&section, prices);
    section.require("above");
    let above =
        unit.and_then(|unit| section.read("above", unit::limit_rule(unit), |value| unit::limit(value, unit)));
    section.get("above");
    let selector = selector::read(&section);
    let enforcement = entry::mode(&section);
    section.finish();
    Some(Gate { name: name?.into(), unit: unit?, above: above?, selector, enforcement })
}
