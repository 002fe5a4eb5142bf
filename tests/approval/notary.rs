//! Keys, and grants signed with them: what `genops grant` does, without its rules.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use genops::approval::{self, Approval, Invalid};
use genops::gate::{Algorithm, Approvals, Key, sign_hmac};
use genops::timestamp::Timestamp;
use serde_json::{Value, json};

/// When the grants of these tests begin; they live for an hour.
pub(crate) const START_S: u64 = 1_771_300_000;
pub(crate) const HOUR_S: u64 = 3_600;

pub(crate) const EDDSA: &str = "ops";
pub(crate) const HS256: &str = "ci";

fn signing_key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

/// The secret of [`HS256`].
pub(crate) const SECRET: [u8; 32] = [9; 32];

/// A configuration that takes both keys.
pub(crate) fn approvals() -> Approvals {
    let public = signing_key().verifying_key();
    let keys = vec![
        Key::new(EDDSA, Algorithm::EdDsa, public.as_bytes()).unwrap(),
        Key::new(HS256, Algorithm::Hs256, &SECRET).unwrap(),
    ];
    Approvals { keys, ..Approvals::default() }
}

/// The public key's bytes, for those who try them as a secret.
pub(crate) fn public_key() -> [u8; 32] {
    signing_key().verifying_key().to_bytes()
}

/// Claims that hold for an hour, with `changes`; `null` takes one away.
pub(crate) fn claims(changes: Value) -> Value {
    let mut claims = json!({
        "jti": "g-1", "approver": "alice", "nbf": START_S, "exp": START_S + HOUR_S, "ceiling": {"USD": "2.50"},
    });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => _ = claims.as_object_mut().unwrap().remove(name),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

pub(crate) fn header(alg: &str, kid: &str) -> Value {
    json!({"alg": alg, "kid": kid, "typ": "genops-grant+jwt"})
}

/// Any header over any payload, signed as `kid` signs whatever the header says.
pub(crate) fn token(header: &str, payload: &str, kid: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = match kid {
        HS256 => sign_hmac(&SECRET, signed.as_bytes()).unwrap(),
        _ => signing_key().sign(signed.as_bytes()).to_bytes().to_vec(),
    };
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A sound token of these claims.
pub(crate) fn grant(kid: &str, changes: Value) -> String {
    let alg = if kid == HS256 { "HS256" } else { "EdDSA" };
    token(&header(alg, kid).to_string(), &claims(changes).to_string(), kid)
}

/// What the filter makes of a token a minute after the start.
pub(crate) fn verify(token: &str) -> Result<Approval, Invalid> {
    verify_at(token, &approvals(), START_S + 60)
}

pub(crate) fn verify_at(token: &str, approvals: &Approvals, at_s: u64) -> Result<Approval, Invalid> {
    approval::verify(token, approvals, Timestamp::from_seconds(at_s)).map_err(|(invalid, _)| invalid)
}
