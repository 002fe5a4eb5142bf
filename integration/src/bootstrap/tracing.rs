//! Envoy's tracer: every request, over OTLP/HTTP, with the filter's values as tags.

use super::OTLP;
use serde_json::{Value, json};

/// What the filter may put on a span. Envoy has no wildcard: a name that is not listed is not exported.
pub const SPAN_ATTRIBUTES: &[&str] = &[
    "genops.spec.version",
    "genops.team",
    "genops.project",
    "genops.environment",
    "genops.customer_id",
    "genops.feature",
    "genops.session_id",
    "genops.cost_center",
    "genops.operation.name",
    "genops.operation.type",
    "genops.awu.id",
    "genops.policy.result",
    "genops.policy.reason_code",
    "genops.policy.name",
    "genops.policy.reason",
    "genops.policy.warnings",
    "genops.policy.shadow",
    "genops.approval.gate",
    "genops.approval.approver",
    "genops.approval.grant_id",
    "genops.approval.chain",
    "genops.accounting.reserved",
    "genops.accounting.actual",
    "genops.accounting.unit",
    "genops.accounting.reconciliation_delta",
    "genops.accounting.complete",
    "genops.budget.name",
    "genops.budget.allocated",
    "genops.budget.consumed",
    "genops.budget.remaining",
    "genops.budget.period",
    "genops.cost.total",
    "genops.cost.currency",
    "genops.cost.provider",
    "genops.cost.model",
    "genops.tokens.input",
    "genops.tokens.output",
    "genops.tokens.total",
    "genops.request.edits",
    "genops.request.edits_kept",
    "genops.output_cap.requested",
    "genops.output_cap.forwarded",
    "genops.sla.tier",
    "genops.sla.latency_target_ms",
    "genops.sla.actual_latency_ms",
    "genops.sla.met",
    "genops.sla.time_to_first_token_ms",
];

/// Without it Envoy keeps spans for five seconds, or until it has five.
pub(super) fn spans_at_once() -> Value {
    json!({"layers": [{"name": "lab", "static_layer": {"tracing": {"opentelemetry": {
        "flush_interval_ms": 100, "min_flush_spans": 1,
    }}}}]})
}

pub(super) fn tracing() -> Value {
    // A tag whose value is only a missing formatter is left out by Envoy, so none of these needs a default.
    let tag = |name: &&str| json!({"tag": name, "value": format!("%FILTER_STATE(wasm.{name}:PLAIN)%")});
    json!({
        "random_sampling": {"value": 100},
        "custom_tags": SPAN_ATTRIBUTES.iter().map(tag).collect::<Vec<_>>(),
        "provider": {
            "name": "envoy.tracers.opentelemetry",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
                "service_name": "lab-envoy",
                "http_service": {
                    "http_uri": {
                        "uri": format!("http://{OTLP}/v1/traces"), "cluster": OTLP, "timeout": "1s",
                    },
                },
            },
        },
    })
}
