//! What needs an approval, and whose signature gives one.
//!
//! Validated data; the configuration builds it, [`crate::approval`] judges grants by it. A gate says of one unit how much a
//! single call may be estimated at before somebody has to have approved it. Without a key no grant is valid, and a gate
//! is a plain cap on each call.

mod key;

#[cfg(not(target_family = "wasm"))]
pub use key::sign_hmac;
pub use key::{Algorithm, Key, KeyError, MIN_SECRET_BYTES};

use crate::amount::{Amount, Unit};
use crate::budget::Enforcement;
use crate::selector::Selector;

/// The `approvals` section.
#[derive(Clone, Debug)]
pub struct Approvals {
    /// Whose signatures count; several while one replaces another.
    pub keys: Vec<Key>,
    /// What needs a grant.
    pub gates: Vec<Gate>,
    /// What this gateway is called in the `aud` of grants; a grant for another one is no grant here.
    pub audience: Option<Box<str>>,
    /// The longest time between a grant's `nbf` and `exp`, in milliseconds: so long its uses have to be remembered.
    pub max_lifetime_ms: u64,
    /// How many grants in use can be remembered at once; memory is bounded in proportion.
    pub capacity: u32,
}

impl Approvals {
    /// A day.
    pub const DEFAULT_MAX_LIFETIME_MS: u64 = 86_400_000;
    /// Unless configured.
    pub const DEFAULT_CAPACITY: u32 = 10_000;

    /// Whether no call needs a grant.
    pub fn is_empty(&self) -> bool {
        self.gates.is_empty()
    }
}

impl Default for Approvals {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            gates: Vec::new(),
            audience: None,
            max_lifetime_ms: Self::DEFAULT_MAX_LIFETIME_MS,
            capacity: Self::DEFAULT_CAPACITY,
        }
    }
}

/// One threshold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// Unique among gates; named in refusals.
    pub name: Box<str>,
    /// What it counts.
    pub unit: Unit,
    /// A call that is estimated at more needs a grant.
    pub above: Amount,
    /// Which calls it watches; a model that may come to be used is enough, else a fallback would be the way round it.
    pub selector: Selector,
    /// What the lack of a grant does.
    pub enforcement: Enforcement,
}
