//! The journeys of `tests/journeys`, through the core as it is compiled natively.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test fails by panicking")]

mod host;

use host::native::Native;
use host::store::{CAS_MISMATCH, NOT_FOUND, SharedData};

#[test]
fn every_journey_goes_as_it_is_written() {
    host::golden::check_all(&Native::start, true);
}

#[test]
fn shared_data_compares_and_sets_as_envoy_does() {
    let mut shared = SharedData::default();
    assert_eq!(shared.get(b"k"), Err(NOT_FOUND));
    assert_eq!(shared.set(b"k", b"1", u32::MAX), Ok(()), "any number creates an absent key");
    assert_eq!(shared.set(b"k", b"2", u32::MAX), Err(CAS_MISMATCH), "and so creates it once");
    let (value, cas) = shared.get(b"k").unwrap();
    assert_eq!(value, b"1");
    assert_eq!(shared.set(b"k", b"2", cas), Ok(()));
    assert_eq!(shared.set(b"k", b"3", cas), Err(CAS_MISMATCH));
    assert_eq!(shared.set(b"k", b"4", 0), Ok(()), "0 overwrites whatever is there");
}
