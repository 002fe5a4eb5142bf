//! The stage of approvals: a call above a gate's threshold needs a grant, of which it takes one use.
//!
//! Asked before anything else is taken, so a refusal that follows gives the use back; so does a call that was never sent.
//! A call below every threshold is not looked at further, and a grant that it brings stays unused.

use serde_json::{Value as Json, json};

use super::stage::Admission;
use crate::amount::{Amount, Display};
use crate::approval::{self, Approval, Denied, Invalid};
use crate::bucket::Failure;
use crate::budget::Enforcement;
use crate::call::RequestFacts;
use crate::config::FailMode;
use crate::cost;
use crate::exchange::call::Brought;
use crate::exchange::ground::Ground;
use crate::exchange::names;
use crate::exchange::unanswered::Counted;
use crate::gate::Gate;
use crate::provider::RefusalKind;
use crate::semconv::{ReasonCode, attribute};
use crate::telemetry::{Attribute, Value};

/// A gate that the call is above, and what the call is estimated at in its unit.
struct Need<'c> {
    gate: &'c Gate,
    amount: Amount,
}

/// Finds the gates that the call is above, judges its grant by them, and takes a use of it.
///
/// # Errors
/// The ground of the first enforcing gate whose approval is lacking.
#[inline(never)]
pub(super) fn judge(admission: &mut Admission<'_>) -> Result<(), Ground> {
    let needs = needs(admission)?;
    if needs.is_empty() {
        return Ok(());
    }
    let gates: Vec<&str> = needs.iter().map(|need| &*need.gate.name).collect();
    admission.findings.note((attribute::APPROVAL_GATE, Value::text(gates.join(","))));
    let judged = approved(admission);
    let mut covered = Vec::with_capacity(needs.len());
    for need in &needs {
        let lack = match &judged {
            Ok(approval) => approval.covers(need.gate.unit, need.amount).err().map(Lack::Invalid),
            Err(lack) => Some(lack.clone()),
        };
        match lack {
            Some(lack) => {
                let ground = lack.ground(admission, need, &needs);
                admission.findings.meet(need.gate.enforcement, ground)?;
            }
            None => covered.push(need),
        }
    }
    let (Ok(approval), false) = (judged, covered.is_empty()) else { return Ok(()) };
    let capacity = admission.config.approvals.capacity;
    match approval::take(admission.ports, admission.now, &approval, capacity) {
        Ok(taken) => admission.held.approve(taken),
        Err(denied) => {
            for need in covered {
                let ground = Lack::of(denied).ground(admission, need, &needs);
                admission.findings.meet(need.gate.enforcement, ground)?;
            }
        }
    }
    Ok(())
}

/// The gates that the call is above.
fn needs<'c>(admission: &mut Admission<'c>) -> Result<Vec<Need<'c>>, Ground> {
    let config = admission.config;
    let models = models(admission.facts);
    let mut needs = Vec::new();
    for gate in &config.approvals.gates {
        if !gate.selector.selects(&admission.subject()) {
            continue;
        }
        match estimated(admission, gate, &models) {
            Ok(amount) if amount > gate.above => needs.push(Need { gate, amount }),
            Ok(_) => {}
            Err(cost::Unpriced) => {
                let mode = match (gate.enforcement, config.failure.unpriced_model) {
                    (Enforcement::Enforce, FailMode::Pass) => Enforcement::Warn,
                    (enforcement, _) => enforcement,
                };
                let message = format!(
                    "GenOps: the approval gate {:?} counts money, and the model has no price in {}.",
                    gate.name,
                    gate.unit.as_str()
                );
                let ground = Ground::blocked(ReasonCode::ModelUnpriced, RefusalKind::Forbidden, message);
                admission.findings.meet(mode, Ground { by: Some(gate.name.clone()), ..ground })?;
            }
        }
    }
    Ok(needs)
}

/// Every model that may come to serve the call, each once, the one that it names first.
fn models(facts: &RequestFacts) -> Vec<&str> {
    let mut models: Vec<&str> = Vec::new();
    for model in facts.model.iter().chain(&facts.fallback_models) {
        if !models.contains(&model.as_str()) {
            models.push(model);
        }
    }
    models
}

/// The most that the call is estimated at, whichever of its models serves it.
fn estimated(admission: &Admission<'_>, gate: &Gate, models: &[&str]) -> Result<Amount, cost::Unpriced> {
    let config = admission.config;
    let model = admission.facts.model.as_deref();
    let (operation, provider) = (admission.call.endpoint.operation, admission.call.endpoint.provider.slug());
    let mut most = admission.amount(gate.unit)?;
    for fallback in models.iter().skip(usize::from(model.is_some())) {
        let facts = RequestFacts { model: Some((*fallback).to_owned()), ..admission.facts.clone() };
        let tariff = config.prices.tariff(provider, Some(fallback));
        let estimate = cost::estimate(&facts, operation, &config.estimation, tariff.max_output_tokens);
        most = most.max(estimate.most(gate.unit, &tariff)?);
    }
    Ok(most)
}

/// The grant, if it was brought, verified and bound to this call. Who approved is told once its signature is believed.
fn approved(admission: &mut Admission<'_>) -> Result<Approval, Lack> {
    let token = match &admission.call.grant {
        Brought::Nothing => return Err(Lack::Absent),
        Brought::Ambiguous => return Err(Lack::Invalid(Invalid::Ambiguous)),
        Brought::Token(token) => token,
    };
    let verified = approval::verify(token, &admission.config.approvals, admission.now);
    let signed = match &verified {
        Ok(approval) => Some(approval),
        Err((_, signed)) => signed.as_deref(),
    };
    for said in signed.into_iter().flat_map(said) {
        admission.findings.note(said);
    }
    let approval = verified.map_err(|(invalid, _)| Lack::Invalid(invalid))?;
    let attribution = admission.call.awu.attribution();
    approval.binds(attribution, &models(admission.facts)).map_err(Lack::Invalid)?;
    Ok(approval)
}

/// What telemetry tells of a grant.
fn said(approval: &Approval) -> impl Iterator<Item = Attribute> + use<> {
    let claims = approval.claims();
    let chain = (!claims.delegation.is_empty()).then(|| claims.chain());
    let chain = chain.map(|chain| (attribute::APPROVAL_CHAIN, Value::text(chain)));
    [
        (attribute::APPROVAL_APPROVER, Value::text(&*claims.approver)),
        (attribute::APPROVAL_GRANT_ID, Value::text(&*claims.id)),
    ]
    .into_iter()
    .chain(chain)
}

/// What is missing for an approval.
#[derive(Clone, Debug)]
enum Lack {
    /// No grant was brought.
    Absent,
    /// It is none for this call.
    Invalid(Invalid),
    /// It was used up.
    Exhausted,
    /// Its uses cannot be counted.
    Failed(Failure),
}

impl Lack {
    const fn of(denied: Denied) -> Self {
        match denied {
            Denied::Exhausted => Self::Exhausted,
            Denied::Expired => Self::Invalid(Invalid::Expired),
            Denied::Failed(error) => Self::Failed(error),
        }
    }

    fn ground(&self, admission: &Admission<'_>, need: &Need<'_>, needs: &[Need<'_>]) -> Ground {
        if let Self::Failed(failure) = self {
            return Ground::unanswered(Counted::Uses, *failure, Some(&need.gate.name));
        }
        let (code, problem) = match self {
            Self::Invalid(invalid) => {
                (ReasonCode::ApprovalInvalid, format!("Its grant is not accepted: {invalid}."))
            }
            Self::Exhausted => {
                (ReasonCode::ApprovalExhausted, "All uses of the grant were taken.".to_owned())
            }
            Self::Absent | Self::Failed(_) => {
                (ReasonCode::ApprovalRequired, format!("Send a grant in {}.", names::GRANT))
            }
        };
        let Need { gate, amount } = need;
        let message = format!(
            "GenOps: a call above {} {unit} needs an approval ({:?}), and this one is estimated at {} {unit}. {problem}",
            Display(gate.above, gate.unit),
            gate.name,
            Display(*amount, gate.unit),
            unit = gate.unit.as_str(),
        );
        let request = request(admission, needs);
        let ground = Ground::blocked(code, RefusalKind::Forbidden, message);
        Ground {
            by: Some(gate.name.clone()),
            headers: header(&request).map(|text| (names::APPROVAL_REQUEST, text)).into_iter().collect(),
            detail: Some(Box::new((DETAIL, request))),
            ..ground
        }
    }
}

/// What the body's error calls the request for an approval.
const DETAIL: &str = "approval_request";

/// What somebody has to approve, for programs: `genops grant new --from` reads it.
fn request(admission: &Admission<'_>, needs: &[Need<'_>]) -> Json {
    let attribution: serde_json::Map<String, Json> = admission
        .call
        .awu
        .attribution()
        .iter()
        .map(|(attribute, value)| (attribute.as_str().to_owned(), value.into()))
        .collect();
    let needs = needs.iter().map(|Need { gate, amount }| {
        json!({
            "gate": &*gate.name,
            "unit": gate.unit.as_str(),
            "above": Display(gate.above, gate.unit).to_string(),
            "estimated": Display(*amount, gate.unit).to_string(),
        })
    });
    json!({
        "audience": admission.config.approvals.audience.as_deref(),
        "attribution": attribution,
        "models": models(admission.facts),
        "provider": admission.call.endpoint.provider.name(),
        "needs": needs.collect::<Vec<_>>(),
    })
}

/// The request as a header's value: ASCII, and left out where the caller's own words make it long.
fn header(request: &Json) -> Option<String> {
    const MAX_BYTES: usize = 4_096;
    let mut ascii = String::new();
    for character in request.to_string().chars() {
        if (' '..='~').contains(&character) {
            ascii.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            ascii.push_str(&format!("\\u{unit:04x}"));
        }
    }
    (ascii.len() <= MAX_BYTES).then_some(ascii)
}
