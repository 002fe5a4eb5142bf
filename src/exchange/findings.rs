//! What an admission came across that does not refuse the call: warnings, and what shadows would have done.

use super::ground::Ground;
use crate::budget::Enforcement;
use crate::decision::Decision;
use crate::semconv::{ReasonCode, attribute};
use crate::telemetry::{Attribute, Value};

/// One remark on a call that proceeds.
#[derive(Debug)]
pub(super) struct Finding {
    code: ReasonCode,
    by: Option<Box<str>>,
    message: String,
}

/// All remarks on one call, each kind in the order in which the stages made them.
#[derive(Debug, Default)]
pub(super) struct Findings {
    warnings: Vec<Finding>,
    shadows: Vec<Finding>,
    notes: Vec<Attribute>,
}

impl Findings {
    /// Does with a ground what its origin's mode wants.
    ///
    /// # Errors
    /// The ground, where it is enforced.
    #[cold]
    pub(super) fn meet(&mut self, enforcement: Enforcement, ground: Ground) -> Result<(), Ground> {
        let noted = match enforcement {
            Enforcement::Enforce => return Err(ground),
            Enforcement::Warn => &mut self.warnings,
            Enforcement::Shadow => &mut self.shadows,
        };
        noted.push(Finding { code: ground.code(), by: ground.by, message: ground.message });
        Ok(())
    }

    /// Keeps what span and event are to say of the call whatever is decided.
    pub(super) fn note(&mut self, attribute: Attribute) {
        self.notes.push(attribute);
    }

    /// The decision on a call that nothing refused: the first warning's code is its reason (§4.2).
    pub(super) fn decision(&self) -> Decision {
        self.warnings.first().map_or(Decision::Allowed, |first| Decision::Warning(first.code))
    }

    /// Who gave the decision's reason.
    pub(super) fn by(&self) -> Option<&str> {
        self.warnings.first()?.by.as_deref()
    }

    /// The decision's reason, for people.
    pub(super) fn reason(&self) -> Option<&str> {
        Some(self.warnings.first()?.message.as_str())
    }

    /// Every remark, as span and event list them.
    pub(super) fn attributes(&self) -> impl Iterator<Item = Attribute> {
        let list = |name, findings: &[Finding]| {
            (!findings.is_empty()).then(|| (name, Value::text(enumerate(findings))))
        };
        let warnings = list(attribute::POLICY_WARNINGS, &self.warnings);
        let shadows = list(attribute::POLICY_SHADOW, &self.shadows);
        warnings.into_iter().chain(shadows).chain(self.notes.iter().cloned())
    }

    /// The reason codes of what shadows would have refused.
    pub(super) fn shadowed(&self) -> impl Iterator<Item = ReasonCode> {
        self.shadows.iter().map(|finding| finding.code)
    }
}

/// `BUDGET_EXCEEDED:team-tokens,RATE_LIMITED:burst`.
fn enumerate(findings: &[Finding]) -> String {
    let items = findings.iter().map(|finding| match &finding.by {
        Some(by) => format!("{}:{by}", finding.code.as_str()),
        None => finding.code.as_str().to_owned(),
    });
    items.collect::<Vec<_>>().join(",")
}
