//! Grants: what somebody approved beforehand, signed, bound to a call, and used up.
//!
//! Reads and verifies a grant, says whether it covers a call, and counts its uses in the shared store. Knows [`Approvals`]
//! and the [`Store`]; knows no exchange and no host. Invariants: nothing of a token is believed before its signature; a
//! grant of N uses admits N calls, whatever the number of workers; a use is remembered until its grant has expired, and
//! where there is no room to remember it the grant is refused; memory is bounded.
//!
//! [`Approvals`]: crate::gate::Approvals
//! [`Store`]: crate::ports::Store

mod claims;
mod jws;
mod uses;

use std::fmt;

pub use claims::{Claims, MAX_DELEGATION, MAX_USES, amount, unit_of};
pub use jws::{MAX_BYTES, TYPE};
#[cfg(not(target_family = "wasm"))]
pub use jws::{assemble, signing_input, unverified};
pub use uses::{Denied, Use, give_back, take};

use crate::amount::{Amount, Display, Unit};
use crate::awu::{Attribute, Attribution};
use crate::gate::Approvals;
use crate::timestamp::Timestamp;

/// A grant whose signature was verified. What it is worth for a call is still to be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    kid: Box<str>,
    claims: Claims,
}

/// Why a grant is none for this call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// There are several, or it is not text.
    Ambiguous,
    /// No compact JWS of a grant.
    Malformed,
    /// No configured key signed it. That is all that is said: not which part of it failed.
    Unverified,
    /// Signed, but this claim is absent, wrong, or not known.
    Claim(&'static str),
    /// Its `exp` has passed.
    Expired,
    /// Its `nbf` has not come.
    NotYet,
    /// It lives longer than uses are remembered.
    TooLong,
    /// It is for another gateway.
    Audience,
    /// It is for another value of this attribute.
    Attribute(Attribute),
    /// It is for other models.
    Model,
    /// The call is estimated at more than it allows, or in a unit of which it says nothing.
    Ceiling(Unit, Option<Amount>),
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ambiguous => f.write_str("it was sent more than once, or is not text"),
            Self::Malformed => f.write_str("it is no compact JWS of the type genops-grant+jwt"),
            Self::Unverified => f.write_str("no configured key verifies it"),
            Self::Claim(claim) => write!(f, "its claims cannot be accepted: {claim}"),
            Self::Expired => f.write_str("it has expired"),
            Self::NotYet => f.write_str("it is not valid yet"),
            Self::TooLong => f.write_str("it is valid for longer than approvals.max_lifetime_ms"),
            Self::Audience => f.write_str("it is for another gateway"),
            Self::Attribute(attribute) => write!(f, "it is for another {}", attribute.as_str()),
            Self::Model => f.write_str("it is for other models"),
            Self::Ceiling(unit, None) => write!(f, "it approves nothing in {}", unit.as_str()),
            Self::Ceiling(unit, Some(most)) => {
                write!(f, "it approves {} {} a call at most", Display(*most, *unit), unit.as_str())
            }
        }
    }
}

/// Verifies a token and its claims, those about time included.
///
/// # Errors
/// [`Invalid`]; with the grant where its signature was verified, so that it can be told whose it was.
pub fn verify(
    token: &str,
    approvals: &Approvals,
    now: Timestamp,
) -> Result<Approval, (Invalid, Option<Box<Approval>>)> {
    let (key, payload) = jws::open(token, &approvals.keys).map_err(|invalid| (invalid, None))?;
    let claims = Claims::read(&payload).map_err(|claim| (Invalid::Claim(claim), None))?;
    let grant = Approval { kid: key.kid().into(), claims };
    match grant.timely(approvals, now) {
        Ok(()) => Ok(grant),
        Err(invalid) => Err((invalid, Some(Box::new(grant)))),
    }
}

impl Approval {
    /// What it says.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Which key signed it.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    fn timely(&self, approvals: &Approvals, now: Timestamp) -> Result<(), Invalid> {
        let Claims { not_before_s, expires_s, audience, .. } = &self.claims;
        let now_s = now.as_seconds();
        let meant = match &approvals.audience {
            Some(name) => audience.contains(name),
            None => audience.is_empty(),
        };
        let lifetime_ms = expires_s.saturating_sub(*not_before_s).saturating_mul(1_000);
        if !meant {
            Err(Invalid::Audience)
        } else if now_s >= *expires_s {
            Err(Invalid::Expired)
        } else if now_s < *not_before_s {
            Err(Invalid::NotYet)
        } else if lifetime_ms > approvals.max_lifetime_ms {
            Err(Invalid::TooLong)
        } else {
            Ok(())
        }
    }

    /// Whether it is for a call of this attribution that any of `models` may serve.
    ///
    /// # Errors
    /// What it is bound to and the call is not.
    pub fn binds(&self, attribution: &Attribution, models: &[&str]) -> Result<(), Invalid> {
        for (attribute, value) in &self.claims.attribution {
            if attribution.get(*attribute) != Some(value) {
                return Err(Invalid::Attribute(*attribute));
            }
        }
        match &self.claims.model {
            Some(pattern) => {
                let fits = models.iter().all(|model| pattern.specificity(model).is_some());
                if fits && !models.is_empty() { Ok(()) } else { Err(Invalid::Model) }
            }
            None => Ok(()),
        }
    }

    /// Whether it covers so much.
    ///
    /// # Errors
    /// The ceiling that it has in this unit, if any.
    pub fn covers(&self, unit: Unit, amount: Amount) -> Result<(), Invalid> {
        let ceiling = self.claims.ceiling.iter().find(|(of, _)| *of == unit).map(|(_, most)| *most);
        match ceiling {
            Some(most) if amount <= most => Ok(()),
            ceiling => Err(Invalid::Ceiling(unit, ceiling)),
        }
    }
}
