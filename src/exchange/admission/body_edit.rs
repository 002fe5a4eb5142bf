//! Edits of the request's body, and what they make necessary: its length, its answer, what is told of them.
//!
//! Which edits are wanted comes from the configuration and from [`super::output_cap`]; how they are made is the provider
//! layer's. Invariants: a body that its sender vouches for byte by byte is never edited; the length that goes upstream
//! is that of the body that goes upstream, or none.

use super::stage::Admission;
use crate::exchange::call::Call;
use crate::exchange::editable::{Editable, SIGNED_BODY};
use crate::exchange::effects::{Effects, HeaderEdit};
use crate::exchange::execution::Forwarded;
use crate::exchange::names;
use crate::provider::RequestEdits;
use crate::semconv::attribute;
use crate::telemetry::Value;
use crate::upstream::IncludeUsage;

/// Whether usage is to be asked for in the client's stead.
fn wants_usage(admission: &Admission<'_>) -> bool {
    let Admission { call, facts, .. } = admission;
    call.include_usage == IncludeUsage::Inject && call.endpoint.can_ask_for_usage(facts)
}

/// Why an edit that the configuration wants is not made.
pub(super) fn kept(admission: &Admission<'_>) -> Option<&'static str> {
    let is_bound = admission.call.editable == Editable::Bound && wants_usage(admission);
    admission.cap.kept.or(is_bound.then_some(SIGNED_BODY))
}

/// Makes the edits that an admitted call is to be forwarded with.
pub(super) fn forward(admission: &Admission<'_>, effects: &mut Effects) -> Forwarded {
    match admission.call.editable {
        Editable::Free { states_length } => edit(admission, states_length, effects),
        Editable::Unasked | Editable::Bound => Forwarded::default(),
    }
}

#[inline(never)]
fn edit(admission: &Admission<'_>, states_length: bool, effects: &mut Effects) -> Forwarded {
    let Admission { call, facts, body, cap, .. } = admission;
    let edits = RequestEdits { include_usage: wants_usage(admission), output_cap: cap.forwarded() };
    let Some(edited) = call.endpoint.edit_request(body, facts, &edits) else { return Forwarded::default() };
    if states_length {
        effects.request_headers.push(HeaderEdit::Set("content-length", edited.body.len().to_string().into()));
    }
    effects.request_body = Some(edited.body);
    let capped = edits.output_cap.filter(|_| edited.caps_output);
    tell(admission, edited.asks_for_usage, capped, effects);
    Forwarded { hides_usage: edited.asks_for_usage, headers: headers(capped, facts.max_output_tokens) }
}

/// What the answer's headers say of a cap that the filter wrote.
fn headers(capped: Option<u64>, requested: Option<u64>) -> Vec<(&'static str, String)> {
    let Some(cap) = capped else { return Vec::new() };
    let requested = requested.map(|cap| (names::OUTPUT_CAP_REQUESTED, cap.to_string()));
    std::iter::once((names::OUTPUT_CAP, cap.to_string())).chain(requested).collect()
}

fn tell(admission: &Admission<'_>, asks_for_usage: bool, capped: Option<u64>, effects: &mut Effects) {
    if !admission.call.has_span {
        return;
    }
    let edits = match (asks_for_usage, capped) {
        (true, Some(_)) => "include_usage,output_cap",
        (true, None) => "include_usage",
        (false, _) => "output_cap",
    };
    effects.attribute(attribute::REQUEST_EDITS, edits);
    if let Some(cap) = capped {
        effects.attribute(attribute::OUTPUT_CAP_FORWARDED, Value::count(cap));
        if let Some(requested) = admission.facts.max_output_tokens {
            effects.attribute(attribute::OUTPUT_CAP_REQUESTED, Value::count(requested));
        }
    }
}

/// Tells of an edit that was not made.
pub(super) fn tell_kept(kept: Option<&'static str>, call: &Call, effects: &mut Effects) {
    if let Some(why) = kept.filter(|_| call.has_span) {
        effects.attribute(attribute::REQUEST_EDITS_KEPT, why);
    }
}
