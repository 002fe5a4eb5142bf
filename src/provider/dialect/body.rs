//! The bodies, statuses and headers of refusals.

use super::{Dialect, RefusalKind};
use serde_json::{Value, json};

/// The status that makes the SDK raise the right error, and retry only where that is of use.
pub(super) const fn status(dialect: Dialect, kind: RefusalKind) -> u16 {
    match (dialect, kind) {
        // botocore and Cohere's SDK retry every 429, whatever it says; these are the statuses that their providers have
        // for a spent quota. So is watsonx's.
        (Dialect::Bedrock, RefusalKind::Budget) => 400,
        (Dialect::Cohere, RefusalKind::Budget) => 402,
        (Dialect::Watsonx, RefusalKind::Budget) => 403,
        (_, RefusalKind::RateLimit | RefusalKind::Budget) => 429,
        (_, RefusalKind::Forbidden) => 403,
        (_, RefusalKind::BadRequest) => 400,
        (_, RefusalKind::Unavailable) => 503,
    }
}

/// The body of a refusal.
pub(super) fn write(
    dialect: Dialect,
    kind: RefusalKind,
    status: u16,
    message: &str,
    code: &str,
    retry_after_s: Option<u64>,
) -> Value {
    match dialect {
        Dialect::OpenAi => json!({"error": {
            "message": message, "type": openai_type(kind), "param": null, "code": openai_code(kind, code),
        }}),
        Dialect::Azure => {
            json!({"error": {"code": status.to_string(), "message": message, "innererror": {"code": code}}})
        }
        Dialect::Anthropic => {
            json!({"type": "error", "error": {"type": anthropic_type(kind), "message": message}})
        }
        Dialect::Google => google(kind, status, message, code, retry_after_s),
        Dialect::Bedrock | Dialect::Cohere => json!({"message": message}),
        Dialect::Mistral => json!({
            "object": "error", "message": message, "type": mistral_type(kind), "param": null,
            "code": code, "raw_status_code": status,
        }),
        Dialect::Ollama => json!({"error": message}),
        Dialect::Tgi => json!({"error": message, "error_type": tgi_type(kind)}),
        Dialect::Watsonx => json!({
            "errors": [{"code": watsonx_code(kind), "message": message}], "status_code": status,
        }),
        Dialect::Databricks => json!({"error_code": databricks_code(kind), "message": message}),
        Dialect::Detail => json!({"detail": message, "status": status}),
    }
}

/// The headers of a refusal.
pub(super) fn headers(
    dialect: Dialect,
    kind: RefusalKind,
    retry_after_s: Option<u64>,
) -> Vec<(&'static str, String)> {
    let mut headers = Vec::new();
    let waiting_helps = matches!(kind, RefusalKind::RateLimit | RefusalKind::Unavailable);
    // Many SDKs obey it, and the same SDK speaks several dialects: that of `openai` is used for most providers.
    if !waiting_helps {
        headers.push(("x-should-retry", "false".to_owned()));
    }
    if let Some(seconds) = retry_after_s {
        headers.push(("retry-after", seconds.to_string()));
    }
    if dialect == Dialect::Bedrock {
        if let Some(seconds) = retry_after_s.filter(|_| waiting_helps) {
            headers.push(("x-amz-retry-after", seconds.saturating_mul(1_000).to_string()));
        }
        headers.push(("x-amzn-errortype", bedrock_type(kind).to_owned()));
    }
    headers
}

fn google(kind: RefusalKind, status: u16, message: &str, code: &str, retry_after_s: Option<u64>) -> Value {
    let mut details = vec![json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": code, "domain": "genops",
    })];
    if let Some(seconds) = retry_after_s {
        details.push(json!({
            "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": format!("{seconds}s"),
        }));
    }
    json!({"error": {"code": status, "message": message, "status": google_status(kind), "details": details}})
}

const fn openai_type(kind: RefusalKind) -> &'static str {
    match kind {
        RefusalKind::RateLimit => "requests",
        RefusalKind::Budget => "insufficient_quota",
        RefusalKind::Forbidden | RefusalKind::BadRequest => "invalid_request_error",
        RefusalKind::Unavailable => "server_error",
    }
}

/// OpenAI's own codes where SDKs look at them; ours elsewhere.
fn openai_code(kind: RefusalKind, code: &str) -> &str {
    match kind {
        RefusalKind::RateLimit => "rate_limit_exceeded",
        RefusalKind::Budget => "insufficient_quota",
        _ => code,
    }
}

const fn anthropic_type(kind: RefusalKind) -> &'static str {
    match kind {
        RefusalKind::RateLimit | RefusalKind::Budget => "rate_limit_error",
        RefusalKind::Forbidden => "permission_error",
        RefusalKind::BadRequest => "invalid_request_error",
        RefusalKind::Unavailable => "api_error",
    }
}

const fn google_status(kind: RefusalKind) -> &'static str {
    match kind {
        RefusalKind::RateLimit | RefusalKind::Budget => "RESOURCE_EXHAUSTED",
        RefusalKind::Forbidden => "PERMISSION_DENIED",
        RefusalKind::BadRequest => "INVALID_ARGUMENT",
        RefusalKind::Unavailable => "UNAVAILABLE",
    }
}

const fn bedrock_type(kind: RefusalKind) -> &'static str {
    match kind {
        RefusalKind::RateLimit => "ThrottlingException",
        RefusalKind::Budget => "ServiceQuotaExceededException",
        RefusalKind::Forbidden => "AccessDeniedException",
        RefusalKind::BadRequest => "ValidationException",
        RefusalKind::Unavailable => "ServiceUnavailableException",
    }
}

const fn mistral_type(kind: RefusalKind) -> &'static str {
    match kind {
        RefusalKind::RateLimit | RefusalKind::Budget => "rate_limited",
        RefusalKind::Forbidden => "forbidden",
        RefusalKind::BadRequest => "invalid_request_error",
        RefusalKind::Unavailable => "service_unavailable",
    }
}

const fn tgi_type(kind: RefusalKind) -> &'static str {
    match kind {
        RefusalKind::BadRequest | RefusalKind::Forbidden => "validation",
        _ => "overloaded",
    }
}

const fn watsonx_code(kind: RefusalKind) -> &'static str {
    match kind {
        RefusalKind::RateLimit => "rate_limit_reached_requests",
        RefusalKind::Budget => "token_quota_reached",
        RefusalKind::Forbidden => "forbidden",
        RefusalKind::BadRequest => "invalid_request_entity",
        RefusalKind::Unavailable => "service_unavailable",
    }
}

const fn databricks_code(kind: RefusalKind) -> &'static str {
    match kind {
        RefusalKind::RateLimit | RefusalKind::Budget => "REQUEST_LIMIT_EXCEEDED",
        RefusalKind::Forbidden => "PERMISSION_DENIED",
        RefusalKind::BadRequest => "INVALID_PARAMETER_VALUE",
        RefusalKind::Unavailable => "TEMPORARILY_UNAVAILABLE",
    }
}
