//! What is to be granted: from arguments, and from what a refusal asks for.
//!
//! A refusal's request is the caller's word. It is taken over literally, so that it can narrow a grant and never widen it,
//! and the person who signs is shown all of it.

use std::collections::BTreeMap;

use genops::amount::{Amount, Display};
use genops::approval::{amount, unit_of};
use genops::awu::Attribute;
use genops::model_pattern::ModelPattern;
use serde_json::{Map, Value, json};

use super::Failed;

/// The member of a refusal's body, and with `x-genops-` and hyphens the header, that holds the request.
const DETAIL: &str = "approval_request";
const HEADER: &str = "x-genops-approval-request:";

/// The claims of a grant, while they gather.
#[derive(Default)]
pub(super) struct Order {
    pub(super) approver: Option<String>,
    pub(super) delegation: Vec<String>,
    pub(super) audience: Option<String>,
    pub(super) model: Option<String>,
    pub(super) uses: Option<u32>,
    attribution: BTreeMap<&'static str, String>,
    /// By the unit's name; figures as text, which is exact.
    ceiling: BTreeMap<String, String>,
    any: Vec<&'static str>,
}

impl Order {
    /// `team=search`.
    pub(super) fn attribute(&mut self, argument: &str) -> Result<(), Failed> {
        let (name, value) = argument.split_once('=').ok_or("--attribute: NAME=VALUE, such as team=search")?;
        self.attribution.insert(attribute(name)?, value.to_owned());
        Ok(())
    }

    /// An attribute that the grant is not to be bound to.
    pub(super) fn any(&mut self, name: &str) -> Result<(), Failed> {
        self.any.push(attribute(name)?);
        Ok(())
    }

    /// `USD=2.50`.
    pub(super) fn ceiling(&mut self, argument: &str) -> Result<(), Failed> {
        let (unit, figure) = argument.split_once('=').ok_or("--ceiling: UNIT=AMOUNT, such as USD=2.50")?;
        let known =
            unit_of(unit).ok_or_else(|| format!("--ceiling: tokens or an ISO 4217 code, not {unit:?}"))?;
        amount(&figure.into(), known)
            .ok_or_else(|| format!("--ceiling: {figure:?} is no amount of {unit}"))?;
        self.ceiling.insert(unit.to_owned(), figure.to_owned());
        Ok(())
    }

    /// Takes over what a refusal asks for, where no argument says otherwise.
    pub(super) fn adopt(&mut self, refusal: &str) -> Result<(), Failed> {
        let request = request_in(refusal).ok_or("--from: there is no request for an approval in it")?;
        for (name, value) in request.get("attribution").and_then(Value::as_object).into_iter().flatten() {
            let value = value.as_str().ok_or("--from: an attribute that is no text")?;
            let name = attribute(name)?;
            if !self.any.contains(&name) {
                self.attribution.entry(name).or_insert_with(|| value.to_owned());
            }
        }
        if self.model.is_none() {
            self.model = model_of(&request)?;
        }
        if self.audience.is_none() {
            self.audience = request.get("audience").and_then(Value::as_str).map(str::to_owned);
        }
        if self.ceiling.is_empty() {
            self.ceiling = ceiling_of(&request)?;
        }
        Ok(())
    }

    /// The claims, for so many seconds from a moment on.
    pub(super) fn payload(&self, id: &str, not_before_s: u64, expires_s: u64) -> Result<Value, Failed> {
        let approver = self.approver.as_deref().ok_or("new: who approves? --approver NAME")?;
        if self.ceiling.is_empty() {
            return Err("new: up to what? --ceiling UNIT=AMOUNT, or --from a refusal".into());
        }
        let mut claims = Map::new();
        let mut set = |name: &str, value: Value| _ = claims.insert(name.to_owned(), value);
        set("jti", id.into());
        set("approver", approver.into());
        if !self.delegation.is_empty() {
            set("delegation", json!(self.delegation));
        }
        if let Some(audience) = &self.audience {
            set("aud", audience.as_str().into());
        }
        if !self.attribution.is_empty() {
            set("attribution", json!(self.attribution));
        }
        if let Some(model) = &self.model {
            set("model", model.as_str().into());
        }
        set("ceiling", json!(self.ceiling));
        set("uses", self.uses.unwrap_or(1).into());
        set("nbf", not_before_s.into());
        set("exp", expires_s.into());
        Ok(Value::Object(claims))
    }
}

fn attribute(name: &str) -> Result<&'static str, Failed> {
    let known = || Attribute::ALL.map(Attribute::as_str).join(", ");
    let found = Attribute::parse(name).map(Attribute::as_str);
    found.ok_or_else(|| format!("{name:?} is no attribute; known are {}", known()).into())
}

/// The request in a refusal's header, anywhere in its body, or alone.
fn request_in(refusal: &str) -> Option<Value> {
    let header = |line: &str| {
        let value = line.get(HEADER.len()..)?;
        let named = line.get(..HEADER.len())?.eq_ignore_ascii_case(HEADER);
        named.then(|| serde_json::from_str(value).ok()).flatten()
    };
    // Curl marks response headers of a verbose run with "< ".
    let lines = refusal.lines().map(|line| line.strip_prefix("< ").unwrap_or(line));
    lines.into_iter().find_map(header).or_else(|| {
        let body = refusal.get(refusal.find('{')?..)?;
        let body: Value = serde_json::Deserializer::from_str(body).into_iter().next()?.ok()?;
        if body.get("needs").is_some() { Some(body) } else { find(&body).cloned() }
    })
}

fn find(value: &Value) -> Option<&Value> {
    match value {
        Value::Object(members) => members.get(DETAIL).or_else(|| members.values().find_map(find)),
        Value::Array(elements) => elements.iter().find_map(find),
        _ => None,
    }
}

/// The one model that is asked for. What has a `*` in its name could be taken for a pattern, and is for people to decide.
fn model_of(request: &Value) -> Result<Option<String>, Failed> {
    let models = request.get("models").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    match models {
        [] => Ok(None),
        [model] => {
            let model = model.as_str().ok_or("--from: a model that is no text")?;
            match ModelPattern::parse(model) {
                Some(ModelPattern::Exact(name)) => Ok(Some(name)),
                _ => Err("--from: the model's name is a pattern; say --model yourself".into()),
            }
        }
        _ => Err("--from: several models may serve the call; say --model yourself".into()),
    }
}

/// The largest estimate in each unit.
fn ceiling_of(request: &Value) -> Result<BTreeMap<String, String>, Failed> {
    let mut most: BTreeMap<String, (genops::amount::Unit, Amount)> = BTreeMap::new();
    for need in request.get("needs").and_then(Value::as_array).into_iter().flatten() {
        let unit = need.get("unit").and_then(Value::as_str).and_then(unit_of);
        let unit = unit.ok_or("--from: a need without its unit")?;
        let figure = need.get("estimated").and_then(|figure| amount(figure, unit));
        let figure = figure.ok_or("--from: a need without its estimate")?;
        let entry = most.entry(unit.as_str().to_owned()).or_insert((unit, figure));
        entry.1 = entry.1.max(figure);
    }
    let shown = most.into_iter().map(|(name, (unit, figure))| (name, Display(figure, unit).to_string()));
    Ok(shown.collect())
}
