//! The claims: what was approved, by whom, how often, until when. A closed set.
//!
//! A member that is not known refuses the grant: a restriction that was misspelt must not widen it. Pure; read only after
//! the signature was verified.

use serde_json::Value;

use crate::amount::{Amount, Currency, Unit};
use crate::attribute_value;
use crate::awu::Attribute;
use crate::model_pattern::ModelPattern;
use crate::strict_json::{self, Object};

/// The longest `jti`.
const MAX_ID_BYTES: usize = 64;
/// The most that a `delegation` names.
pub const MAX_DELEGATION: usize = 8;
/// The most that an `aud` names.
const MAX_AUDIENCES: usize = 8;
/// The largest `uses`.
pub const MAX_USES: u32 = 1_000_000;

/// Every claim there is.
const KNOWN: [&str; 11] =
    ["approver", "attribution", "aud", "ceiling", "delegation", "exp", "iat", "jti", "model", "nbf", "uses"];

/// The claims of one grant, each checked for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// `jti`: unique among the grants of one key.
    pub id: Box<str>,
    /// Who approved.
    pub approver: Box<str>,
    /// Who delegated the right to approve, the origin first; the last one delegated to the approver.
    pub delegation: Vec<Box<str>>,
    /// `aud`: the gateways it is for; any that has no name when empty.
    pub audience: Vec<Box<str>>,
    /// `nbf`, seconds of the epoch.
    pub not_before_s: u64,
    /// `exp`, seconds of the epoch: the first moment at which it is no longer valid.
    pub expires_s: u64,
    /// How many calls it admits.
    pub uses: u32,
    /// Values that the call must have.
    pub attribution: Vec<(Attribute, Box<str>)>,
    /// Models that the call may name; any when absent.
    pub model: Option<ModelPattern>,
    /// The most that one call may be estimated at, for each unit; a unit that is not here is not approved.
    pub ceiling: Vec<(Unit, Amount)>,
}

impl Claims {
    /// Reads a payload; `Err` names the claim that is wrong.
    pub(super) fn read(payload: &[u8]) -> Result<Self, &'static str> {
        let object = strict_json::object(payload).ok_or("payload")?;
        if object.keys().any(|name| !KNOWN.contains(&name.as_str())) {
            return Err("one of them is not known");
        }
        let claims = Self {
            id: text(&object, "jti").filter(|id| is_id(id)).ok_or("jti")?.into(),
            approver: object.get("approver").and_then(person).ok_or("approver")?,
            delegation: list(&object, "delegation", MAX_DELEGATION, person).ok_or("delegation")?,
            audience: audience(&object).ok_or("aud")?,
            not_before_s: seconds(&object, "nbf").ok_or("nbf")?,
            expires_s: seconds(&object, "exp").ok_or("exp")?,
            uses: uses(&object).ok_or("uses")?,
            attribution: attribution(&object).ok_or("attribution")?,
            model: model(&object).ok_or("model")?,
            ceiling: ceiling(&object).ok_or("ceiling")?,
        };
        if object.contains_key("iat") && seconds(&object, "iat").is_none() {
            return Err("iat");
        }
        if claims.expires_s <= claims.not_before_s { Err("exp") } else { Ok(claims) }
    }

    /// Who delegated to whom, down to the approver.
    pub fn chain(&self) -> String {
        let mut chain = String::new();
        for name in &self.delegation {
            chain.push_str(name);
            chain.push_str(" > ");
        }
        chain.push_str(&self.approver);
        chain
    }
}

fn text<'o>(object: &'o Object, name: &str) -> Option<&'o str> {
    object.get(name)?.as_str()
}

fn is_id(id: &str) -> bool {
    let valid = |b: u8| b.is_ascii_alphanumeric() || b"-_.:".contains(&b);
    (1..=MAX_ID_BYTES).contains(&id.len()) && id.bytes().all(valid)
}

/// A meaningful value that cannot be taken for two links of a chain.
fn person(value: &Value) -> Option<Box<str>> {
    let name = value.as_str()?;
    let meaningful = attribute_value::meaningful(name) == Some(name);
    (meaningful && !name.contains('>')).then(|| name.into())
}

/// A list that may be absent; `None` when it is there and wrong.
fn list(
    object: &Object,
    name: &str,
    most: usize,
    read: impl Fn(&Value) -> Option<Box<str>>,
) -> Option<Vec<Box<str>>> {
    let Some(value) = object.get(name) else { return Some(Vec::new()) };
    let elements = value.as_array().filter(|elements| elements.len() <= most)?;
    elements.iter().map(read).collect()
}

/// One name or a list of names (RFC 7519 §4.1.3).
fn audience(object: &Object) -> Option<Vec<Box<str>>> {
    let name = |value: &Value| value.as_str().filter(|name| !name.is_empty()).map(Into::into);
    match object.get("aud") {
        Some(Value::Array(names)) if names.is_empty() => None,
        Some(value @ Value::String(_)) => Some(vec![name(value)?]),
        _ => list(object, "aud", MAX_AUDIENCES, name),
    }
}

/// Whole seconds of the epoch, of this millennium or the next seven.
fn seconds(object: &Object, name: &str) -> Option<u64> {
    const YEAR_10000_S: u64 = 253_402_300_800;
    object.get(name)?.as_u64().filter(|seconds| *seconds < YEAR_10000_S)
}

fn uses(object: &Object) -> Option<u32> {
    let Some(value) = object.get("uses") else { return Some(1) };
    u32::try_from(value.as_u64()?).ok().filter(|uses| (1..=MAX_USES).contains(uses))
}

fn attribution(object: &Object) -> Option<Vec<(Attribute, Box<str>)>> {
    let Some(value) = object.get("attribution") else { return Some(Vec::new()) };
    let bound = value.as_object()?.iter().map(|(key, value)| {
        let value = value.as_str().filter(|text| attribute_value::meaningful(text) == Some(text))?;
        Some((Attribute::parse(key)?, value.into()))
    });
    bound.collect()
}

fn model(object: &Object) -> Option<Option<ModelPattern>> {
    let Some(value) = object.get("model") else { return Some(None) };
    value.as_str().and_then(ModelPattern::parse).map(Some)
}

fn ceiling(object: &Object) -> Option<Vec<(Unit, Amount)>> {
    let units = object.get("ceiling")?.as_object().filter(|units| !units.is_empty())?;
    let read = |(unit, figure): (&String, &Value)| {
        let unit = unit_of(unit)?;
        Some((unit, amount(figure, unit)?))
    };
    units.iter().map(read).collect()
}

/// `tokens`, or an ISO 4217 code.
pub fn unit_of(word: &str) -> Option<Unit> {
    if word == "tokens" { Some(Unit::Tokens) } else { Currency::parse(word).map(Unit::Money) }
}

/// A figure as JSON's number or, exactly, as text: whole tokens, or a decimal figure of the currency.
pub fn amount(figure: &Value, unit: Unit) -> Option<Amount> {
    let figure = match figure {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    match unit {
        Unit::Money(_) => Amount::parse_decimal(&figure),
        // Whatever else is counted is counted in whole units.
        _ => {
            let digits = figure.bytes().all(|b| b.is_ascii_digit());
            figure.parse().ok().filter(|_| digits).map(Amount::new)
        }
    }
}
