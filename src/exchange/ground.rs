//! Why a call is refused, or would be if what found it enforced: what any stage of the admission can say.
//!
//! A value: each stage builds its own, [`super::refusal`] makes a reply of it and [`super::findings`] a remark.

use crate::attribution::Missing;
use crate::decision::Decision;
use crate::provider::RefusalKind;
use crate::semconv::ReasonCode;
use crate::telemetry::Attribute;

/// One reason not to let a call proceed.
#[derive(Debug)]
pub(super) struct Ground {
    /// What is decided: blocked or rate limited.
    pub(super) decision: Decision,
    /// What the caller's SDK is to raise, which also says whether it should try again by itself.
    pub(super) kind: RefusalKind,
    /// The budget, limit or policy that says so, by its configured name.
    pub(super) by: Option<Box<str>>,
    /// For people: what is wrong, and what to do about it.
    pub(super) message: String,
    /// Seconds after which the call can succeed; none where waiting does not help.
    pub(super) retry_after_s: Option<u64>,
    /// What span and event say of it beside the decision.
    pub(super) attributes: Vec<Attribute>,
    /// What the reply's headers say of it beside the decision.
    pub(super) headers: Vec<(&'static str, String)>,
    /// What the reply's body says of it for programs, under this name.
    pub(super) detail: Option<Box<(&'static str, serde_json::Value)>>,
}

impl Ground {
    /// A ground to block for `code`, with a sentence for people.
    pub(super) fn blocked(code: ReasonCode, kind: RefusalKind, message: impl Into<String>) -> Self {
        Self {
            decision: Decision::Blocked(code),
            kind,
            by: None,
            message: message.into(),
            retry_after_s: None,
            attributes: Vec::new(),
            headers: Vec::new(),
            detail: None,
        }
    }

    /// The reason code.
    pub(super) fn code(&self) -> ReasonCode {
        match self.decision {
            Decision::Blocked(code) | Decision::RateLimited(code) | Decision::Warning(code) => code,
            // No ground says so; a stage that did would be at fault.
            Decision::Allowed => ReasonCode::AccountingInvariantViolation,
        }
    }

    /// A required attribute is missing.
    pub(super) fn attribution_missing(missing: &Missing) -> Self {
        let tried = if missing.tried.is_empty() { "nothing".to_owned() } else { missing.tried.join(", ") };
        let message =
            format!("GenOps: the call names no {}; looked in: {tried}.", missing.attribute.as_str());
        Self::blocked(ReasonCode::AttributionMissing, RefusalKind::Forbidden, message)
    }

    /// The body cannot be read, for this problem.
    pub(super) fn unreadable(problem: &str) -> Self {
        let message = format!("GenOps: the request cannot be governed: {problem}.");
        Self::blocked(ReasonCode::RequestUnreadable, RefusalKind::BadRequest, message)
    }

    /// A money budget applies and the model has no price.
    pub(super) fn unpriced(model: Option<&str>) -> Self {
        let model = model.unwrap_or("(none)");
        let message =
            format!("GenOps: no price is configured for model {model:?}, and a budget counts money.");
        Self::blocked(ReasonCode::ModelUnpriced, RefusalKind::Forbidden, message)
    }
}
