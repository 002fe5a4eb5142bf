//! An issuer of ES256 tokens, and Envoy's `jwt_authn` that verifies them.

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

const ISSUER: &str = "https://issuer.example";

/// A key pair that signs tokens.
pub(crate) struct Issuer {
    keys: EcdsaKeyPair,
    random: SystemRandom,
}

impl Issuer {
    /// With a fresh key.
    pub(crate) fn new() -> Self {
        let random = SystemRandom::new();
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let keys = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random);
        Self { keys: keys.expect("the key that was just made"), random }
    }

    /// A token with these claims, as `authorization` carries it.
    pub(crate) fn bearer(&self, claims: &Value) -> String {
        let mut claims = claims.clone();
        claims["iss"] = json!(ISSUER);
        claims["exp"] = json!(4_102_444_800_u64);
        let header = json!({"alg": "ES256", "typ": "JWT", "kid": "test"});
        let signed = format!("{}.{}", text(header.to_string()), text(claims.to_string()));
        let signature = self.keys.sign(&self.random, signed.as_bytes()).expect("a signature");
        format!("Bearer {signed}.{}", text(signature))
    }

    /// The filter that verifies this issuer's tokens, and lets calls pass that have none or a bad one.
    pub(crate) fn jwt_authn(&self) -> Value {
        // An uncompressed point: one byte, then the two coordinates.
        let (x, y) = self.keys.public_key().as_ref()[1..].split_at(32);
        let key =
            json!({"kty": "EC", "crv": "P-256", "kid": "test", "alg": "ES256", "x": text(x), "y": text(y)});
        json!({
            "name": "envoy.filters.http.jwt_authn",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
                "providers": {"test": {
                    "issuer": ISSUER,
                    "local_jwks": {"inline_string": json!({"keys": [key]}).to_string()},
                    "payload_in_metadata": "jwt_payload",
                    "forward": true,
                }},
                "rules": [{"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": [
                    {"provider_name": "test"}, {"allow_missing_or_failed": {}},
                ]}}}],
            },
        })
    }
}

/// Base64 as tokens write it: the URL's alphabet, without padding.
fn text(bytes: impl AsRef<[u8]>) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for group in bytes.as_ref().chunks(3) {
        let bits = group.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte))
            << (8 * (3 - group.len()));
        for place in 0..=group.len() {
            text.push(char::from(ALPHABET[bits >> (18 - 6 * place) & 63]));
        }
    }
    text
}
