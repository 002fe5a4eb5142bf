//! What becomes of a call in which an untrusted source contradicts a trusted one. The trusted value counts in any case.

use super::stage::Admission;
use crate::attribution::Conflict;
use crate::budget::Enforcement;
use crate::config::OnConflict;
use crate::exchange::ground::Ground;
use crate::provider::RefusalKind;
use crate::semconv::ReasonCode;

impl Ground {
    /// An untrusted source claims another value than the trusted one. Neither value is told: the caller learns nothing
    /// that it did not know.
    #[cold]
    fn contradicted(conflict: &Conflict) -> Self {
        let (attribute, claimed_by) = (conflict.attribute.as_str(), &conflict.claimed_by);
        let message = format!("GenOps: {claimed_by} names another {attribute} than what is trusted.");
        Self::blocked(ReasonCode::AttributionConflict, RefusalKind::Forbidden, message)
    }
}

/// The ground of the first conflict for which the configuration wants the call refused.
pub(crate) fn refuses(conflicts: &[Conflict]) -> Option<Ground> {
    let refused = |conflict: &&Conflict| conflict.on_conflict == OnConflict::Refuse;
    conflicts.iter().find(refused).map(Ground::contradicted)
}

/// Warns of the conflicts that are worth a warning.
#[cold]
pub(super) fn warn(admission: &mut Admission<'_>) -> Result<(), Ground> {
    let warned = |conflict: &&Conflict| conflict.on_conflict == OnConflict::Warn;
    for conflict in admission.call.conflicts.iter().filter(warned) {
        admission.findings.meet(Enforcement::Warn, Ground::contradicted(conflict))?;
    }
    Ok(())
}
