//! Predicts whether a call will meet its latency target, from what earlier calls took (§6).
//!
//! Knows [`Sla`]s and the [`Store`]; measures nothing itself. One estimate for each upstream, provider, model and
//! operation is shared by all workers and all tiers. Invariants: the forecast is a function of the measurements, their
//! order and the clock; nothing is predicted from fewer than `min_observations`; where predictions refuse, one call in
//! each `probe_interval_ms` goes through and what it took replaces the estimate, so that no refusal lasts longer than
//! its cause; memory is bounded.
//!
//! ```
//! # use std::sync::Arc;
//! use genops::sla::{self, Forecast};
//! use genops::{config, testing::MemoryStore, timestamp::Timestamp};
//!
//! let text = r#"{"sla": [{"tier": "gold", "latency_target_ms": 500, "on_predicted": "refuse", "min_observations": 2}]}"#;
//! let config = config::parse(text).unwrap();
//! let (store, now) = (MemoryStore::default(), Timestamp::from_seconds(1_771_286_400));
//! let forecast = || sla::forecast(&store, now, &config.sla[0], "cluster|openai|gpt-4o|chat").unwrap();
//! assert_eq!(forecast(), Forecast::Unknown);
//! for _ in 0..2 {
//!     sla::observe(&store, now, "cluster|openai|gpt-4o|chat", 800, false).unwrap();
//! }
//! assert_eq!(forecast(), Forecast::Probe { predicted_ms: 800 });
//! assert_eq!(forecast(), Forecast::Misses { predicted_ms: 800, probe_in_ms: 5_000 });
//! ```

mod estimate;
mod record;

use crate::bucket::{self, Bucket, Failure, MAX_KEY_BYTES, Step};
use crate::config::{OnPredicted, Sla};
use crate::ports::Store;
use crate::timestamp::Timestamp;

use self::estimate::Estimate;
use self::record::Record;

/// What is to be expected of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forecast {
    /// Too little was measured.
    Unknown,
    /// It meets its target.
    Meets,
    /// It misses its target.
    Misses {
        /// What it would take.
        predicted_ms: u64,
        /// Where predictions refuse: when the next call goes through to find out.
        probe_in_ms: u64,
    },
    /// It misses its target, and is the one that goes through to find out.
    Probe {
        /// What it would take.
        predicted_ms: u64,
    },
}

/// What is to be expected of a call under `key`.
///
/// # Errors
/// The store's failure; then nothing is known.
pub fn forecast<S: Store + ?Sized>(
    store: &S,
    now: Timestamp,
    sla: &Sla,
    key: &str,
) -> Result<Forecast, Failure> {
    let name = name(key)?;
    let judge = |record: &Record<'_>| {
        let estimate = record.estimate(key);
        let predicted_us = estimate.predicted_us(sla.deviations);
        let predicted_ms = predicted_us.div_ceil(1_000);
        if estimate.observations < sla.min_observations {
            return Forecast::Unknown;
        }
        if predicted_ms <= sla.latency_target_ms {
            return Forecast::Meets;
        }
        let probe_in_ns = estimate.probe_from_ns.saturating_sub(now.as_nanos());
        let probe_in_ms = probe_in_ns.div_ceil(1_000_000);
        // Further away than an interval is left over from a clock that has stepped back since.
        let probe_in_ms = if probe_in_ms > sla.probe_interval_ms { 0 } else { probe_in_ms };
        Forecast::Misses { predicted_ms, probe_in_ms }
    };
    if sla.on_predicted != OnPredicted::Refuse {
        return read(store, &name, judge);
    }
    bucket::update(store, &name, |bytes| {
        let mut record = bytes.map_or(Ok(Record::default()), Record::decode)?;
        let Forecast::Misses { predicted_ms, probe_in_ms: 0 } = judge(&record) else {
            return Ok(Step::Leave(judge(&record)));
        };
        let mut estimate = record.estimate(key);
        estimate.probe_from_ns = now.plus_millis(sla.probe_interval_ms).as_nanos();
        record.put(now.as_nanos(), key, estimate);
        Ok(Step::Write(record.encode(), Forecast::Probe { predicted_ms }))
    })
}

/// Gives a probe back that went nowhere: the next call finds out instead.
///
/// # Errors
/// The store's failure; then the next probe goes when this one's interval has passed.
pub fn withdraw<S: Store + ?Sized>(store: &S, now: Timestamp, key: &str) -> Result<(), Failure> {
    bucket::update(store, &name(key)?, |bytes| {
        let mut record = bytes.map_or(Ok(Record::default()), Record::decode)?;
        let estimate = Estimate { probe_from_ns: now.as_nanos(), ..record.estimate(key) };
        record.put(now.as_nanos(), key, estimate);
        Ok(Step::Write(record.encode(), ()))
    })
}

/// Takes what a call took; `probe` where the forecast said that it is one.
///
/// # Errors
/// The store's failure; then the measurement is lost.
pub fn observe<S: Store + ?Sized>(
    store: &S,
    now: Timestamp,
    key: &str,
    latency_ms: u64,
    probe: bool,
) -> Result<(), Failure> {
    let latency_us = latency_ms.saturating_mul(1_000);
    bucket::update(store, &name(key)?, |bytes| {
        let mut record = bytes.map_or(Ok(Record::default()), Record::decode)?;
        let before = record.estimate(key);
        let after = if probe { before.restart(latency_us) } else { before.observe(latency_us) };
        record.put(now.as_nanos(), key, after);
        Ok(Step::Write(record.encode(), ()))
    })
}

fn read<S: Store + ?Sized>(
    store: &S,
    name: &str,
    judge: impl Fn(&Record<'_>) -> Forecast,
) -> Result<Forecast, Failure> {
    match store.get(name)? {
        None => Ok(Forecast::Unknown),
        Some((bytes, _)) => Ok(judge(&Record::decode(&bytes)?)),
    }
}

fn name(key: &str) -> Result<String, Failure> {
    if key.len() > MAX_KEY_BYTES {
        return Err(Failure::KeyTooLong);
    }
    Ok(Bucket::of(key).record("sla", "latency"))
}
