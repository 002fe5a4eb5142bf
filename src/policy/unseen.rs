//! What a policy forbids a connection that is to be upgraded because nothing is seen of what passes over it: no text, no
//! tools, no sizes, and a model only where the path names it.
//!
//! Invariant: a rule that cannot be checked never counts as kept, unless the policy says so (`on_upgrade: pass`).

use super::{Case, Violation, effects};
use crate::config::Policy;
use crate::semconv::ReasonCode;

/// Everything that cannot be checked, by reason, each reason once.
pub(super) fn violations<'v>(
    policy: &'v Policy,
    case: &'v Case<'_>,
) -> impl Iterator<Item = Violation> + use<'v> {
    let unseen = [
        (ReasonCode::PolicyDenyModel, "denies models, and the upgrade names none", hides_model(policy, case)),
        (ReasonCode::PolicyDenyTool, "sees no tools over an upgraded connection", policy.tools.is_some()),
        (ReasonCode::CeilingExceeded, "sees no sizes over an upgraded connection", hides_size(policy, case)),
        (
            ReasonCode::PolicyDenyContent,
            "sees no text over an upgraded connection",
            !policy.content.is_empty(),
        ),
    ];
    unseen.into_iter().filter(|(_, _, is_hidden)| *is_hidden).map(|(code, what, _)| Violation {
        code,
        message: format!("GenOps: policy {:?} {what}.", policy.name),
    })
}

/// A list of denied models, and no model that could be on it. That none is allowed, is found without this.
fn hides_model(policy: &Policy, case: &Case<'_>) -> bool {
    let denies = policy.models.as_ref().is_some_and(|models| !models.deny.is_empty());
    denies && case.call.model.is_none() && effects::model(policy, case).is_none()
}

/// A ceiling that is none of the whole: any of the flat amount may be input, and of bytes nothing is known.
fn hides_size(policy: &Policy, case: &Case<'_>) -> bool {
    let flat = case.estimate.total().unwrap_or(u64::MAX);
    let hidden = policy.ceilings.max_request_bytes.is_some()
        || policy.ceilings.max_input_tokens.is_some_and(|most| flat > most);
    hidden && effects::ceilings(policy, case).is_none()
}
