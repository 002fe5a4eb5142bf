//! The envelope: a compact JWS (RFC 7515) of which nothing is believed before its signature.
//!
//! `alg` must be that of the configured key that `kid` names; a token cannot choose it, nor bring a key of its own. Any
//! other header parameter, `crit` included, refuses the token. Knows no claim.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::Invalid;
use crate::gate::Key;
use crate::strict_json;

/// The longest token.
pub const MAX_BYTES: usize = 4_096;

/// What the header's `typ` has to be, so that no other token under the same key can pass for a grant (RFC 8725 §3.11).
pub const TYPE: &str = "genops-grant+jwt";

/// The payload that one of `keys` signed, and which did.
pub(super) fn open<'k>(token: &str, keys: &'k [Key]) -> Result<(&'k Key, Vec<u8>), Invalid> {
    let Parts { signed, header, payload, signature } = split(token)?;
    let header = decode(header).and_then(|bytes| strict_json::object(&bytes)).ok_or(Invalid::Malformed)?;
    let parameter = |name| header.get(name).and_then(Value::as_str).ok_or(Invalid::Malformed);
    let (alg, kid, typ) = (parameter("alg")?, parameter("kid")?, parameter("typ")?);
    if header.len() != 3 || typ != TYPE {
        return Err(Invalid::Malformed);
    }
    let (payload, signature) = decode(payload).zip(decode(signature)).ok_or(Invalid::Malformed)?;
    keys.iter()
        .find(|key| key.kid() == kid && key.algorithm().as_str() == alg)
        .filter(|key| key.verifies(signed.as_bytes(), &signature))
        .map(|key| (key, payload))
        .ok_or(Invalid::Unverified)
}

struct Parts<'t> {
    /// Header and payload with the dot between them.
    signed: &'t str,
    header: &'t str,
    payload: &'t str,
    signature: &'t str,
}

fn split(token: &str) -> Result<Parts<'_>, Invalid> {
    if token.len() > MAX_BYTES {
        return Err(Invalid::Malformed);
    }
    // What is left of the last dot has exactly one more.
    let (signed, signature) = token.rsplit_once('.').ok_or(Invalid::Malformed)?;
    let (header, payload) = signed.split_once('.').ok_or(Invalid::Malformed)?;
    Ok(Parts { signed, header, payload, signature })
}

/// Base64url in its one canonical form: no padding, no blanks, no stray bits. A dot is no character of it.
fn decode(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok().filter(|bytes| !bytes.is_empty())
}

/// Header, payload and their encoding: what a signature is made over.
#[cfg(not(target_family = "wasm"))]
pub fn signing_input(key: &str, algorithm: crate::gate::Algorithm, payload: &str) -> String {
    let header = serde_json::json!({"alg": algorithm.as_str(), "kid": key, "typ": TYPE}).to_string();
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload))
}

/// The whole token.
#[cfg(not(target_family = "wasm"))]
pub fn assemble(signing_input: &str, signature: &[u8]) -> String {
    format!("{signing_input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Header and payload of a token, **unverified**: for people who want to know what they hold.
#[cfg(not(target_family = "wasm"))]
pub fn unverified(token: &str) -> Option<(Value, Value)> {
    let parts = split(token).ok()?;
    let read = |part| decode(part).and_then(|bytes| strict_json::object(&bytes)).map(Value::Object);
    read(parts.header).zip(read(parts.payload))
}
