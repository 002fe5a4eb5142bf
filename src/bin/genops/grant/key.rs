//! The private side of a key, as a JSON Web Key (RFC 7517, RFC 8037).
//!
//! No message and no `Debug` shows any of it.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer, SigningKey};
use genops::gate::{Algorithm, Key, sign_hmac};
use serde_json::{Value, json};

use super::{Failed, random, text_of};

/// Where a key is looked for when no file is named.
const VARIABLE: &str = "GENOPS_GRANT_KEY";

/// A key that signs.
pub(super) struct PrivateKey {
    pub(super) kid: String,
    secret: Secret,
}

enum Secret {
    EdDsa(Box<SigningKey>),
    Hs256(Vec<u8>),
}

impl PrivateKey {
    /// A new key.
    pub(super) fn generate(kid: &str, algorithm: Algorithm) -> Result<Self, Failed> {
        let bytes = random::<32>()?;
        let secret = match algorithm {
            Algorithm::EdDsa => Secret::EdDsa(Box::new(SigningKey::from_bytes(&bytes))),
            Algorithm::Hs256 => Secret::Hs256(bytes.to_vec()),
        };
        Ok(Self { kid: kid.to_owned(), secret })
    }

    /// The key in a file, else the one in the environment.
    pub(super) fn load(file: Option<&Path>) -> Result<Self, Failed> {
        let (text, whence) = match file {
            Some(file) => (text_of(file)?, file.display().to_string()),
            None => {
                let missing = || format!("which key? --key FILE, or the environment's {VARIABLE}");
                (std::env::var(VARIABLE).map_err(|_| missing())?, VARIABLE.to_owned())
            }
        };
        Self::read(&text).map_err(|problem| format!("{whence}: {problem}").into())
    }

    fn read(text: &str) -> Result<Self, &'static str> {
        let jwk: Value = serde_json::from_str(text).map_err(|_| "no JSON Web Key")?;
        let word = |name| jwk.get(name).and_then(Value::as_str);
        let bytes = |name| word(name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let kid = word("kid").ok_or("a key without kid")?.to_owned();
        let secret = match (word("kty"), word("crv")) {
            (Some("OKP"), Some("Ed25519")) => {
                let seed = bytes("d").and_then(|seed| <[u8; 32]>::try_from(seed).ok());
                let key = SigningKey::from_bytes(&seed.ok_or("a key whose d is no 32 bytes of base64url")?);
                if bytes("x").is_some_and(|public| public != key.verifying_key().as_bytes()) {
                    return Err("a key whose x does not belong to its d");
                }
                Secret::EdDsa(Box::new(key))
            }
            (Some("oct"), None) => Secret::Hs256(bytes("k").ok_or("a key whose k is no base64url")?),
            _ => return Err("neither a key of Ed25519 (kty OKP) nor a secret (kty oct)"),
        };
        Ok(Self { kid, secret })
    }

    /// The JWK that [`Self::load`] reads.
    pub(super) fn to_jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match &self.secret {
            Secret::EdDsa(key) => json!({
                "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": self.kid,
                "d": text(key.as_bytes()), "x": text(key.verifying_key().as_bytes()),
            }),
            Secret::Hs256(secret) => {
                json!({"kty": "oct", "alg": "HS256", "use": "sig", "kid": self.kid, "k": text(secret)})
            }
        }
    }

    pub(super) const fn algorithm(&self) -> Algorithm {
        match self.secret {
            Secret::EdDsa(_) => Algorithm::EdDsa,
            Secret::Hs256(_) => Algorithm::Hs256,
        }
    }

    /// What the filter verifies with: the public key, or the secret itself.
    fn verification_bytes(&self) -> Vec<u8> {
        match &self.secret {
            Secret::EdDsa(key) => key.verifying_key().as_bytes().to_vec(),
            Secret::Hs256(secret) => secret.clone(),
        }
    }

    /// An entry of `approvals.keys`.
    pub(super) fn to_configuration(&self) -> Value {
        let key = STANDARD.encode(self.verification_bytes());
        json!({"kid": self.kid, "algorithm": self.algorithm().as_str(), "key": key})
    }

    /// The filter's view of it.
    pub(super) fn verification(&self) -> Result<Key, Failed> {
        let key = Key::new(&self.kid, self.algorithm(), &self.verification_bytes());
        key.map_err(|error| error.to_string().into())
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Failed> {
        match &self.secret {
            Secret::EdDsa(key) => Ok(key.sign(message).to_bytes().to_vec()),
            Secret::Hs256(secret) => sign_hmac(secret, message).map_err(|error| error.to_string().into()),
        }
    }
}
