//! An issuer of ES256 or RS256 tokens, and Envoy's `jwt_authn` that verifies them.

use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents as Components;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};
use std::process::{Command, Stdio};

const ISSUER: &str = "https://issuer.example";

/// A key pair that signs tokens.
pub(crate) struct Issuer {
    keys: Keys,
    random: SystemRandom,
}

enum Keys {
    Elliptic(Box<EcdsaKeyPair>),
    Rsa(Box<RsaKeyPair>),
}

impl Issuer {
    /// With a fresh key on the curve P-256.
    pub(crate) fn new() -> Self {
        let random = SystemRandom::new();
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let keys = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random);
        Self { keys: Keys::Elliptic(Box::new(keys.expect("the key that was just made"))), random }
    }

    /// With a fresh RSA key of 2,048 bits. Nothing in Rust here makes one; `GENOPS_PYTHON` does.
    pub(crate) fn rsa() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/identity/rsa_key.py");
        let output = Command::new(lab::artifacts::python()).arg(script).stdin(Stdio::null()).output();
        let output = output.expect("the interpreter can be run");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let keys = RsaKeyPair::from_pkcs8(&output.stdout).expect("an RSA key");
        Self { keys: Keys::Rsa(Box::new(keys)), random: SystemRandom::new() }
    }

    /// The algorithm of its signatures.
    pub(crate) fn algorithm(&self) -> &'static str {
        match self.keys {
            Keys::Elliptic(_) => "ES256",
            Keys::Rsa(_) => "RS256",
        }
    }

    /// A token with these claims, as `authorization` carries it. It expires unless they say otherwise in 2100.
    pub(crate) fn bearer(&self, claims: &Value) -> String {
        let mut all = json!({"iss": ISSUER, "exp": 4_102_444_800_u64});
        all.as_object_mut().expect("claims").extend(claims.as_object().expect("claims").clone());
        let header = json!({"alg": self.algorithm(), "typ": "JWT", "kid": "test"});
        let signed = format!("{}.{}", text(header.to_string()), text(all.to_string()));
        format!("Bearer {signed}.{}", text(self.sign(signed.as_bytes())))
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.keys {
            Keys::Elliptic(keys) => keys.sign(&self.random, message).expect("a signature").as_ref().to_vec(),
            Keys::Rsa(keys) => {
                let mut signature = vec![0; keys.public().modulus_len()];
                keys.sign(&RSA_PKCS1_SHA256, &self.random, message, &mut signature).expect("a signature");
                signature
            }
        }
    }

    /// The public key as a JSON Web Key (RFC 7518 §6).
    fn public(&self) -> Value {
        let mut key = match &self.keys {
            Keys::Elliptic(keys) => {
                // An uncompressed point: one byte, then the two coordinates.
                let (x, y) = keys.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "x": text(x), "y": text(y)})
            }
            Keys::Rsa(keys) => {
                let Components { n, e } = Components::<Vec<u8>>::from(keys.public());
                json!({"kty": "RSA", "n": text(n), "e": text(e)})
            }
        };
        key["kid"] = json!("test");
        key["alg"] = json!(self.algorithm());
        key
    }

    /// A token that anybody can make who has the public key: that key is the secret of an HMAC.
    pub(crate) fn confused(&self, claims: &Value) -> String {
        let token = self.bearer(claims);
        let claims = token.split('.').nth(1).expect("three parts");
        let signed = format!("{}.{claims}", text(r#"{"alg":"HS256","typ":"JWT","kid":"test"}"#));
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, self.public().to_string().as_bytes());
        format!("Bearer {signed}.{}", text(ring::hmac::sign(&key, signed.as_bytes())))
    }

    /// The filter that verifies this issuer's tokens, and refuses calls that have none or a bad one.
    pub(crate) fn strict_jwt_authn(&self) -> Value {
        let mut filter = self.jwt_authn();
        filter["typed_config"]["rules"][0]["requires"] = json!({"provider_name": "test"});
        filter
    }

    /// The filter that verifies this issuer's tokens, and lets calls pass that have none or a bad one.
    pub(crate) fn jwt_authn(&self) -> Value {
        json!({
            "name": "envoy.filters.http.jwt_authn",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
                "providers": {"test": {
                    "issuer": ISSUER,
                    "local_jwks": {"inline_string": json!({"keys": [self.public()]}).to_string()},
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
