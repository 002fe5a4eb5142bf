//! Circuit breakers over the shared store: ask before a call, report after it.
//!
//! Knows [`Breaker`]s and the [`Store`]; knows no provider's errors and no host. A circuit belongs to an upstream, a
//! provider and a model, and all workers share it. Invariants, whatever the interleaving: no more than `probes` calls
//! of one circuit are on their way while it is half open, unless one takes longer than `probe_ttl_ms`; what a call
//! reports counts only in the phase that let it through; a circuit that is open or half open is never forgotten; memory
//! is bounded.
//!
//! ```
//! # use std::sync::Arc;
//! use genops::breaker::{self, Asked, Outcome};
//! use genops::{config, testing::MemoryStore, timestamp::Timestamp};
//!
//! let config = config::parse(r#"{"breakers": [{"name": "b", "consecutive": 1, "open_ms": 5000}]}"#).unwrap();
//! let (store, now) = (MemoryStore::default(), Timestamp::from_seconds(1_771_286_400));
//! let ask = || breaker::ask(&store, now, &config.breakers[0], "cluster|openai|gpt-4o").unwrap();
//! let Asked::Go(ticket) = ask() else { panic!() };
//! breaker::report(&store, now, ticket, Outcome::Failure { at_least_ms: None }).unwrap();
//! assert_eq!(ask(), Asked::Stop { retry_after_ms: 5_000 });
//! ```

mod circuit;
mod record;
mod retry_after;
mod trouble;

use std::sync::Arc;

use crate::bucket::{self, Bucket, Failure, MAX_KEY_BYTES, Step};
use crate::config::Breaker;
use crate::ports::Store;
use crate::timestamp::Timestamp;

use self::circuit::{Sequence, Verdict};
use self::record::Record;

pub use self::circuit::Outcome;
pub use self::retry_after::retry_after_ms;
pub use self::trouble::{Ending, Trouble};

/// What a circuit answers.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    /// The call may go; what comes of it is to be reported.
    Go(Ticket),
    /// The provider is left alone.
    Stop {
        /// When another call may go.
        retry_after_ms: u64,
    },
}

/// A call that its circuit let go. Dropping it reports nothing: a probe's slot is free again when it expires.
#[derive(Debug, PartialEq, Eq)]
pub struct Ticket {
    breaker: Arc<Breaker>,
    key: Box<str>,
    generation: u64,
    probe: Option<u64>,
}

impl Ticket {
    /// The breaker as it was.
    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }
}

/// Asks the circuit of `key` for one call.
///
/// # Errors
/// The store's failure; then nothing is known of the provider.
pub fn ask<S: Store + ?Sized>(
    store: &S,
    now: Timestamp,
    breaker: &Arc<Breaker>,
    key: &str,
) -> Result<Asked, Failure> {
    change(store, now, breaker, key, |circuit, clock_ns, sequence| {
        match circuit.admit(breaker, clock_ns, sequence) {
            Verdict::Stop { retry_after_ms } => Asked::Stop { retry_after_ms },
            Verdict::Go { generation, probe } => {
                Asked::Go(Ticket { breaker: Arc::clone(breaker), key: key.into(), generation, probe })
            }
        }
    })
}

/// Reports what came of a call; whether that opened its circuit.
///
/// # Errors
/// The store's failure; then the call was not counted, and a probe's slot is free again when it expires.
pub fn report<S: Store + ?Sized>(
    store: &S,
    now: Timestamp,
    ticket: Ticket,
    outcome: Outcome,
) -> Result<bool, Failure> {
    let Ticket { breaker, key, generation, probe } = ticket;
    if outcome == Outcome::Unknown && probe.is_none() {
        return Ok(false);
    }
    change(store, now, &breaker, &key, |circuit, clock_ns, sequence| {
        circuit.report(&breaker, clock_ns, (generation, probe), outcome, sequence)
    })
}

/// Changes one circuit. What stays as it was is not written.
fn change<S: Store + ?Sized, R>(
    store: &S,
    now: Timestamp,
    breaker: &Breaker,
    key: &str,
    mut act: impl FnMut(&mut circuit::Circuit, u64, &mut Sequence<'_>) -> R,
) -> Result<R, Failure> {
    if key.len() > MAX_KEY_BYTES {
        return Err(Failure::KeyTooLong);
    }
    bucket::update(store, &Bucket::of(key).record("breaker", &breaker.name), |bytes| {
        let mut record = bytes.map_or(Ok(Record::default()), Record::decode)?;
        record.clock_ns = record.clock_ns.max(now.as_nanos());
        let before = record.circuit(key);
        let mut circuit = before.clone();
        let result = act(&mut circuit, record.clock_ns, &mut Sequence(&mut record.sequence));
        if circuit == before {
            return Ok(Step::Leave(result));
        }
        if !record.put(breaker, key, circuit) {
            return Err(Failure::Full);
        }
        Ok(Step::Write(record.encode(), result))
    })
}
