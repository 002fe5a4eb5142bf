//! Grants for calls above a gate, signed without the product's code.
#![allow(clippy::disallowed_methods, reason = "grants are of now")]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// With what grants are signed.
const SECRET: [u8; 32] = [7; 32];

/// `approvals.keys`.
pub(crate) fn keys() -> Value {
    json!([{"kid": "ops", "algorithm": "HS256", "key": STANDARD.encode(SECRET)}])
}

/// A grant of now for one call of up to 1,000 tokens with these attributes.
pub(crate) fn once(id: &str, attribution: &Value) -> String {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "jti": id, "approver": "alice@example.com", "nbf": now_s - 60, "exp": now_s + 600, "uses": 1,
        "attribution": attribution, "model": "gpt-*", "ceiling": {"tokens": 1_000},
    });
    let header = json!({"alg": "HS256", "kid": "ops", "typ": "genops-grant+jwt"});
    let signed = format!("{}.{}", part(header), part(claims));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &SECRET);
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, signed.as_bytes())))
}
