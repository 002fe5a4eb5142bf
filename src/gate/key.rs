//! A key that grants are verified with. Its algorithm is the configuration's word, never the token's (RFC 8725 §3.1).
//!
//! Holds a secret where the algorithm is symmetric, so nothing here shows more than names.

use std::fmt;

use ed25519_dalek::{Signature, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The shortest secret of an HMAC: that of its hash (RFC 7518 §3.2).
pub const MIN_SECRET_BYTES: usize = 32;
/// The longest; more adds nothing.
const MAX_SECRET_BYTES: usize = 256;

/// How a grant is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519 (RFC 8037): who verifies cannot sign.
    EdDsa,
    /// HMAC with SHA-256: fast, and everyone who verifies can sign.
    Hs256,
}

impl Algorithm {
    /// As the `alg` of a token spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Hs256 => "HS256",
        }
    }
}

/// A key with its name.
#[derive(Clone)]
pub struct Key {
    kid: Box<str>,
    material: Material,
}

#[derive(Clone)]
enum Material {
    /// Decompressed once, when the configuration is read.
    EdDsa(Box<VerifyingKey>),
    /// Keyed once likewise; each verification starts from a copy.
    Hs256(Box<Hmac<Sha256>>),
}

/// Why bytes are no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// Not of the algorithm's length.
    Length,
    /// No point of the curve, or one of small order, which would verify anything.
    Point,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => write!(
                f,
                "a key of EdDSA has 32 bytes, a secret of HS256 {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES}"
            ),
            Self::Point => f.write_str("these 32 bytes are no public key of Ed25519"),
        }
    }
}

impl Key {
    /// The key called `kid` of these bytes: a public key of Ed25519, or the secret of an HMAC.
    ///
    /// # Errors
    /// Why the bytes are no key; it says nothing of the bytes.
    pub fn new(kid: &str, algorithm: Algorithm, bytes: &[u8]) -> Result<Self, KeyError> {
        let material = match algorithm {
            Algorithm::EdDsa => {
                let point = bytes.try_into().map_err(|_| KeyError::Length)?;
                let key = VerifyingKey::from_bytes(point).map_err(|_| KeyError::Point)?;
                if key.is_weak() {
                    return Err(KeyError::Point);
                }
                Material::EdDsa(Box::new(key))
            }
            Algorithm::Hs256 => Material::Hs256(Box::new(keyed(bytes)?)),
        };
        Ok(Self { kid: kid.into(), material })
    }

    /// Its name.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The one algorithm it is for.
    pub fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::EdDsa(_) => Algorithm::EdDsa,
            Material::Hs256(_) => Algorithm::Hs256,
        }
    }

    /// Whether `signature` is this key's over `message`: canonical Ed25519 only, and an HMAC in constant time.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::EdDsa(key) => Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
            Material::Hs256(mac) => {
                mac.as_ref().clone().chain_update(message).verify_slice(signature).is_ok()
            }
        }
    }
}

/// The name and the algorithm; never the key.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({} {})", self.kid, self.algorithm().as_str())
    }
}

/// Signs with an HMAC's secret. The filter cannot: it only verifies.
///
/// # Errors
/// When the secret is too short or too long.
#[cfg(not(target_family = "wasm"))]
pub fn sign_hmac(secret: &[u8], message: &[u8]) -> Result<Vec<u8>, KeyError> {
    Ok(keyed(secret)?.chain_update(message).finalize().into_bytes().to_vec())
}

fn keyed(secret: &[u8]) -> Result<Hmac<Sha256>, KeyError> {
    if !(MIN_SECRET_BYTES..=MAX_SECRET_BYTES).contains(&secret.len()) {
        return Err(KeyError::Length);
    }
    Hmac::new_from_slice(secret).map_err(|_| KeyError::Length)
}
