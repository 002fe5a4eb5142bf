//! The specification's names: attributes, events, results and reason codes.
//!
//! Closed where the specification is closed: a [`ReasonCode`] outside §5.2 exists only as a variant that renders as a
//! legal `x_` extension (§5.5). Nothing here computes.

/// The specification version this filter implements (`genops.spec.version`, §11.3).
pub const SPEC_VERSION: &str = "0.1.0";

/// Attribute names (§7.1, §7.3), as they stand on spans and events.
pub mod attribute {
    #![allow(missing_docs, reason = "each constant is its own name")]
    pub const TEAM: &str = "genops.team";
    pub const PROJECT: &str = "genops.project";
    pub const ENVIRONMENT: &str = "genops.environment";
    pub const CUSTOMER_ID: &str = "genops.customer_id";
    pub const FEATURE: &str = "genops.feature";
    pub const SESSION_ID: &str = "genops.session_id";
    pub const COST_CENTER: &str = "genops.cost_center";
    pub const OPERATION_NAME: &str = "genops.operation.name";
    pub const OPERATION_TYPE: &str = "genops.operation.type";
    pub const ACCOUNTING_RESERVED: &str = "genops.accounting.reserved";
    pub const ACCOUNTING_ACTUAL: &str = "genops.accounting.actual";
    pub const ACCOUNTING_UNIT: &str = "genops.accounting.unit";
    pub const RECONCILIATION_DELTA: &str = "genops.accounting.reconciliation_delta";
    pub const POLICY_RESULT: &str = "genops.policy.result";
    pub const POLICY_REASON_CODE: &str = "genops.policy.reason_code";
    pub const POLICY_NAME: &str = "genops.policy.name";
    pub const POLICY_REASON: &str = "genops.policy.reason";
    pub const SPEC_VERSION: &str = "genops.spec.version";
    pub const BUDGET_NAME: &str = "genops.budget.name";
    pub const BUDGET_ALLOCATED: &str = "genops.budget.allocated";
    pub const BUDGET_CONSUMED: &str = "genops.budget.consumed";
    pub const BUDGET_REMAINING: &str = "genops.budget.remaining";
    pub const BUDGET_PERIOD: &str = "genops.budget.period";
    pub const COST_TOTAL: &str = "genops.cost.total";
    pub const COST_CURRENCY: &str = "genops.cost.currency";
    pub const COST_PROVIDER: &str = "genops.cost.provider";
    pub const COST_MODEL: &str = "genops.cost.model";
    pub const TOKENS_INPUT: &str = "genops.tokens.input";
    pub const TOKENS_OUTPUT: &str = "genops.tokens.output";
    pub const TOKENS_TOTAL: &str = "genops.tokens.total";
    pub const SLA_TIER: &str = "genops.sla.tier";
    pub const SLA_LATENCY_TARGET_MS: &str = "genops.sla.latency_target_ms";
    pub const SLA_ACTUAL_LATENCY_MS: &str = "genops.sla.actual_latency_ms";
    pub const SLA_MET: &str = "genops.sla.met";
    /// Ours: from the decision to the first byte of the answer's body.
    pub const SLA_TIME_TO_FIRST_TOKEN_MS: &str = "genops.sla.time_to_first_token_ms";
    pub const EVAL_METRIC: &str = "genops.eval.metric";
    pub const EVAL_SCORE: &str = "genops.eval.score";
    pub const EVAL_THRESHOLD: &str = "genops.eval.threshold";
    pub const EVAL_PASSED: &str = "genops.eval.passed";
    /// Ours: the AWU's opaque id (§2.2).
    pub const AWU_ID: &str = "genops.awu.id";
    /// Ours: the gates that the call is above.
    pub const APPROVAL_GATE: &str = "genops.approval.gate";
    /// Ours: who signed its grant.
    pub const APPROVAL_APPROVER: &str = "genops.approval.approver";
    /// Ours: the grant's `jti`.
    pub const APPROVAL_GRANT_ID: &str = "genops.approval.grant_id";
    /// Ours: who delegated the right to approve to whom, down to the approver.
    pub const APPROVAL_CHAIN: &str = "genops.approval.chain";
    /// Ours: every warning, as `CODE:name` separated by commas; the first is the decision's reason.
    pub const POLICY_WARNINGS: &str = "genops.policy.warnings";
    /// Ours: what shadows would have refused, as `CODE:name` separated by commas.
    pub const POLICY_SHADOW: &str = "genops.policy.shadow";
    /// Ours: whose account of a budget an alert is about: the values of `per`.
    pub const BUDGET_KEY: &str = "genops.budget.key";
    /// Ours: the part of a budget whose consumption is worth an alert.
    pub const BUDGET_ALERT_AT: &str = "genops.budget.alert_at";
    /// Ours: what was edited in the request, separated by commas: `include_usage`, `output_cap`.
    pub const REQUEST_EDITS: &str = "genops.request.edits";
    /// Ours: why a request that was to be edited was not: `signed_body`, `no_place`.
    pub const REQUEST_EDITS_KEPT: &str = "genops.request.edits_kept";
    /// Ours: the output cap of one choice as the client stated it.
    pub const OUTPUT_CAP_REQUESTED: &str = "genops.output_cap.requested";
    /// Ours: the output cap of one choice as the provider got it, where the filter wrote it.
    pub const OUTPUT_CAP_FORWARDED: &str = "genops.output_cap.forwarded";
    /// Ours: how many reservations an incomplete reconciliation of a budget stands for, all expired unsettled.
    pub const EXPIRED_RESERVATIONS: &str = "genops.budget.expired_reservations";
    /// Ours: `false` when a reconciliation rests on the best known data instead of the provider's statement (§3.5).
    pub const RECONCILIATION_COMPLETE: &str = "genops.accounting.complete";
}

/// Event names (§7.2, §8).
pub mod event {
    #![allow(missing_docs, reason = "each constant is its own name")]
    pub const POLICY_EVALUATED: &str = "genops.policy.evaluated";
    pub const BUDGET_RESERVATION: &str = "genops.budget.reservation";
    pub const BUDGET_RECONCILIATION: &str = "genops.budget.reconciliation";
    pub const COST_CALCULATED: &str = "genops.cost.calculated";
    pub const BUDGET_ALERT: &str = "genops.budget.alert";
    pub const EVALUATION_COMPLETE: &str = "genops.evaluation.complete";
}

/// The four results a decision can have (§4.1). No others exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PolicyResult {
    /// The AWU proceeds.
    Allowed,
    /// The AWU does not proceed.
    Blocked,
    /// The AWU proceeds and a condition was noted.
    Warning,
    /// The AWU is rejected or deferred because of its rate.
    RateLimited,
}

impl PolicyResult {
    /// The specification's spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "ALLOWED",
            Self::Blocked => "BLOCKED",
            Self::Warning => "WARNING",
            Self::RateLimited => "RATE_LIMITED",
        }
    }
}

/// Why a decision is not `ALLOWED` (§5.2), and this filter's own extensions (§5.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReasonCode {
    /// Nothing is left of the budget.
    BudgetExceeded,
    /// Something is left, not enough for this reservation.
    BudgetReservationFailed,
    /// The model is not permitted.
    PolicyDenyModel,
    /// The provider's region is not permitted.
    PolicyDenyRegion,
    /// A rule on the request's content denied it.
    PolicyDenyContent,
    /// Over the permitted request rate.
    RateLimited,
    /// Predicted or observed latency over the boundary.
    SlaLatencyViolation,
    /// The provider failed, so the request cannot be fulfilled.
    ProviderErrorUpstream,
    /// The invariant of §3 was, or would be, violated: the ledger cannot answer.
    AccountingInvariantViolation,
    /// Extension: a required attribute could not be resolved.
    AttributionMissing,
    /// Extension: an untrusted source contradicts the trusted value of an attribute.
    AttributionConflict,
    /// Extension: the request names an AI operation, but its body cannot be read.
    RequestUnreadable,
    /// Extension: no price is known for the model, and a budget counts money.
    ModelUnpriced,
    /// Extension: the budgets hold less than the call may consume, so its output cap was lowered.
    OutputCapLowered,
    /// Extension: the call is larger than may pass without a grant, and it brings none.
    ApprovalRequired,
    /// Extension: it brings a grant that is none for this call.
    ApprovalInvalid,
    /// Extension: all uses of its grant were taken.
    ApprovalExhausted,
    /// Extension: the call is not AI traffic that this filter recognises, and such traffic is refused.
    Ungoverned,
    /// Extension: the provider is not permitted.
    PolicyDenyProvider,
    /// Extension: a tool is offered that is not permitted.
    PolicyDenyTool,
    /// Extension: no calls are permitted at this hour.
    PolicyDenyHours,
    /// Extension: the call is larger than a ceiling permits.
    CeilingExceeded,
}

impl ReasonCode {
    /// Every code that this filter can emit.
    pub const ALL: [Self; 22] = [
        Self::BudgetExceeded,
        Self::BudgetReservationFailed,
        Self::PolicyDenyModel,
        Self::PolicyDenyRegion,
        Self::PolicyDenyContent,
        Self::RateLimited,
        Self::SlaLatencyViolation,
        Self::ProviderErrorUpstream,
        Self::AccountingInvariantViolation,
        Self::AttributionMissing,
        Self::AttributionConflict,
        Self::RequestUnreadable,
        Self::ModelUnpriced,
        Self::OutputCapLowered,
        Self::ApprovalRequired,
        Self::ApprovalInvalid,
        Self::ApprovalExhausted,
        Self::Ungoverned,
        Self::PolicyDenyProvider,
        Self::PolicyDenyTool,
        Self::PolicyDenyHours,
        Self::CeilingExceeded,
    ];

    /// The specification's spelling, or the `x_` extension's.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BudgetExceeded => "BUDGET_EXCEEDED",
            Self::BudgetReservationFailed => "BUDGET_RESERVATION_FAILED",
            Self::PolicyDenyModel => "POLICY_DENY_MODEL",
            Self::PolicyDenyRegion => "POLICY_DENY_REGION",
            Self::PolicyDenyContent => "POLICY_DENY_CONTENT",
            Self::RateLimited => "RATE_LIMITED",
            Self::SlaLatencyViolation => "SLA_LATENCY_VIOLATION",
            Self::ProviderErrorUpstream => "PROVIDER_ERROR_UPSTREAM",
            Self::AccountingInvariantViolation => "ACCOUNTING_INVARIANT_VIOLATION",
            Self::AttributionMissing => "x_attribution_missing",
            Self::AttributionConflict => "x_attribution_conflict",
            Self::RequestUnreadable => "x_request_unreadable",
            Self::ModelUnpriced => "x_model_unpriced",
            Self::OutputCapLowered => "x_output_cap_lowered",
            Self::ApprovalRequired => "x_approval_required",
            Self::ApprovalInvalid => "x_approval_invalid",
            Self::ApprovalExhausted => "x_approval_exhausted",
            Self::Ungoverned => "x_ungoverned",
            Self::PolicyDenyProvider => "x_policy_deny_provider",
            Self::PolicyDenyTool => "x_policy_deny_tool",
            Self::PolicyDenyHours => "x_policy_deny_hours",
            Self::CeilingExceeded => "x_ceiling_exceeded",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s5_5_every_extension_code_is_x_and_lower_case() {
        let standard = |code: &str| code.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        let extension = |code: &str| {
            code.strip_prefix("x_").is_some_and(|rest| {
                !rest.is_empty()
                    && rest.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            })
        };
        for code in ReasonCode::ALL {
            assert!(standard(code.as_str()) || extension(code.as_str()), "{}", code.as_str());
        }
        assert_eq!(ReasonCode::ALL.iter().filter(|c| standard(c.as_str())).count(), 9, "§5.2 has nine codes");
    }
}
