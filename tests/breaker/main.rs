//! Circuit breakers under test: by examples, against a naive model, and under conflicts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod model;

use std::cell::RefCell;
use std::sync::Arc;

use genops::breaker::{self, Asked, Ending, Outcome, Ticket, Trouble};
use genops::bucket::Bucket;
use genops::bucket::Failure;
use genops::config::{self, Breaker};
use genops::ports::Store;
use genops::testing::{MemoryStore, Racing};
use genops::timestamp::Timestamp;

const START_MS: u64 = 1_771_300_000_000;
const KEY: &str = "cluster|openai|gpt-4o";
const FAILURE: Outcome = Outcome::Failure { at_least_ms: None };

fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(START_MS + ms)
}

/// A breaker by its configuration, which is what its fields mean.
fn watching(keys: &str) -> Arc<Breaker> {
    let text = format!(r#"{{"breakers": [{{"name": "b", {keys}}}]}}"#);
    config::parse(&text).unwrap().breakers.remove(0)
}

/// Asks; the ticket, or when to try again.
fn ask(store: &dyn Store, ms: u64, breaker: &Arc<Breaker>) -> Result<Ticket, u64> {
    match breaker::ask(store, at(ms), breaker, KEY).unwrap() {
        Asked::Go(ticket) => Ok(ticket),
        Asked::Stop { retry_after_ms } => Err(retry_after_ms),
    }
}

/// One call that ends at once; whether it opened the circuit.
fn call(store: &dyn Store, ms: u64, breaker: &Arc<Breaker>, outcome: Outcome) -> bool {
    let ticket = ask(store, ms, breaker).unwrap();
    breaker::report(store, at(ms), ticket, outcome).unwrap()
}

#[test]
fn failures_in_a_row_open_a_circuit_and_a_success_between_starts_anew() {
    let (store, breaker) = (MemoryStore::default(), watching(r#""consecutive": 3, "open_ms": 1000"#));
    let outcomes = [FAILURE, FAILURE, Outcome::Success, FAILURE, Outcome::Unknown, FAILURE, FAILURE];
    let opened = outcomes.map(|outcome| call(&store, 0, &breaker, outcome));
    assert_eq!(opened, [false, false, false, false, false, false, true]);
    assert_eq!(ask(&store, 400, &breaker).unwrap_err(), 600);
}

#[test]
fn a_share_of_failures_opens_a_circuit_once_there_are_enough_calls() {
    let keys = r#""rate": {"percent": 50, "window_ms": 8000, "min_calls": 4}"#;
    let (store, breaker) = (MemoryStore::default(), watching(keys));
    assert!(![Outcome::Success, FAILURE, Outcome::Success].iter().any(|o| call(&store, 0, &breaker, *o)));
    // Eight slices of a second: what is older than the window does not count.
    assert!(![FAILURE; 3].iter().any(|o| call(&store, 8_500, &breaker, *o)), "three calls are too few");
    assert!(call(&store, 9_000, &breaker, Outcome::Success), "three of four");
}

#[test]
fn a_half_open_circuit_lets_so_many_probes_through_and_they_decide() {
    let keys = r#""consecutive": 1, "open_ms": 1000, "probes": 2, "close_after": 2"#;
    let (store, breaker) = (MemoryStore::default(), watching(keys));
    assert!(call(&store, 0, &breaker, FAILURE));
    let (first, second) = (ask(&store, 1_000, &breaker).unwrap(), ask(&store, 1_000, &breaker).unwrap());
    assert_eq!(ask(&store, 1_000, &breaker).unwrap_err(), 1_000);
    assert!(!breaker::report(&store, at(1_100), first, Outcome::Success).unwrap());
    let third = ask(&store, 1_100, &breaker).unwrap();
    assert!(!breaker::report(&store, at(1_200), second, Outcome::Success).unwrap());
    // Closed: the probe that is still out decides nothing any more.
    assert!(!breaker::report(&store, at(1_300), third, FAILURE).unwrap());
    assert!((0..5).all(|_| ask(&store, 1_300, &breaker).is_ok()));
    // And the other way round: one failure opens it again.
    assert!(call(&store, 2_000, &breaker, FAILURE));
    assert!(call(&store, 3_000, &breaker, FAILURE));
    assert_eq!(ask(&store, 3_000, &breaker).unwrap_err(), 1_000);
}

#[test]
fn a_probe_that_is_given_back_or_expires_makes_room_and_a_late_one_takes_nobodys() {
    let keys = r#""consecutive": 1, "open_ms": 1000, "probe_ttl_ms": 5000"#;
    let (store, breaker) = (MemoryStore::default(), watching(keys));
    assert!(call(&store, 0, &breaker, FAILURE));
    call(&store, 1_000, &breaker, Outcome::Unknown);
    // Its VM dies: nobody reports.
    let lost = ask(&store, 1_000, &breaker).unwrap();
    assert!(ask(&store, 5_999, &breaker).is_err());
    let _probe = ask(&store, 6_000, &breaker).unwrap();
    assert!(!breaker::report(&store, at(6_001), lost, FAILURE).unwrap());
    assert!(ask(&store, 6_001, &breaker).is_err(), "the slot is the second one's");
}

#[test]
fn a_call_from_before_the_opening_does_not_count_after_the_closing() {
    let (store, breaker) = (MemoryStore::default(), watching(r#""consecutive": 1, "open_ms": 1000"#));
    let slow = ask(&store, 0, &breaker).unwrap();
    assert!(call(&store, 0, &breaker, FAILURE));
    call(&store, 1_000, &breaker, Outcome::Success);
    assert!(!breaker::report(&store, at(1_001), slow, FAILURE).unwrap());
    assert!(ask(&store, 1_001, &breaker).is_ok());
}

#[test]
fn a_call_of_a_circuit_that_was_forgotten_does_not_count_in_the_one_after_it() {
    let (store, breaker) = (MemoryStore::default(), watching(r#""consecutive": 2, "open_ms": 1000"#));
    let slow = ask(&store, 0, &breaker).unwrap();
    assert!(!call(&store, 0, &breaker, FAILURE) && call(&store, 0, &breaker, FAILURE));
    call(&store, 1_000, &breaker, Outcome::Success);
    // Eight that live in the same record push out the one that was quiet for longest.
    let beside = (0..).map(|n| format!("cluster|openai|beside-{n}"));
    for key in beside.filter(|key| Bucket::of(key) == Bucket::of(KEY)).take(8) {
        let Asked::Go(ticket) = breaker::ask(&store, at(2_000), &breaker, &key).unwrap() else { panic!() };
        breaker::report(&store, at(2_000), ticket, FAILURE).unwrap();
    }
    assert!(!breaker::report(&store, at(2_000), slow, FAILURE).unwrap());
    assert!(!call(&store, 2_000, &breaker, FAILURE), "the second failure, but the first of this circuit");
    assert!(call(&store, 2_000, &breaker, FAILURE));
}

#[test]
fn the_providers_own_retry_after_is_respected_within_bounds() {
    let opens = |keys: &str, outcome| {
        let (store, breaker) = (MemoryStore::default(), watching(keys));
        assert!(call(&store, 0, &breaker, outcome));
        ask(&store, 0, &breaker).unwrap_err()
    };
    let keys = r#""consecutive": 1, "open_ms": 10000, "max_open_ms": 60000"#;
    let failure = |ms| Outcome::Failure { at_least_ms: Some(ms) };
    assert_eq!(opens(keys, failure(20_000)), 20_000);
    assert_eq!(opens(keys, failure(2_000)), 10_000, "no shorter than a failure without a promise");
    assert_eq!(opens(keys, failure(86_400_000)), 60_000);
    assert_eq!(opens(keys, Outcome::Trip { at_least_ms: Some(2_000) }), 2_000);
    assert_eq!(opens(keys, Outcome::Trip { at_least_ms: None }), 10_000);
}

#[test]
fn endings_are_judged_as_configured() {
    let judge = |keys: &str, ending| {
        let (store, breaker) = (MemoryStore::default(), watching(keys));
        ask(&store, 0, &breaker).unwrap().judge(ending)
    };
    let status = |status| Ending::Answered { status, retry_after_ms: Some(7) };
    let asked = Outcome::Failure { at_least_ms: Some(7) };
    let defaults = r#""consecutive": 5"#;
    assert_eq!(judge(defaults, status(200)), (Outcome::Success, None));
    assert_eq!(judge(defaults, status(404)), (Outcome::Unknown, None));
    assert_eq!(judge(defaults, status(503)), (asked, Some(Trouble::Status)));
    assert_eq!(judge(defaults, status(429)), (asked, Some(Trouble::RateLimited)));
    assert_eq!(judge(defaults, Ending::Failed(Trouble::Timeout)), (FAILURE, Some(Trouble::Timeout)));
    assert_eq!(judge(defaults, Ending::Unknown), (Outcome::Unknown, None));
    let ignore = r#""rate_limited": "ignore""#;
    assert_eq!(judge(ignore, status(429)), (Outcome::Unknown, Some(Trouble::RateLimited)));
    let trip = Outcome::Trip { at_least_ms: Some(7) };
    assert_eq!(judge(r#""rate_limited": "open""#, status(429)), (trip, Some(Trouble::RateLimited)));
    let few = r#""failures": ["reset", 404]"#;
    assert_eq!(judge(few, status(503)), (Outcome::Unknown, None));
    assert_eq!(judge(few, status(404)), (asked, Some(Trouble::Status)));
    assert_eq!(judge(few, Ending::Failed(Trouble::Timeout)), (Outcome::Unknown, Some(Trouble::Timeout)));
    // A probe asks whether the provider is there, and a refusal of the request says so.
    let (store, breaker) = (MemoryStore::default(), watching(r#""consecutive": 1, "open_ms": 10"#));
    call(&store, 0, &breaker, FAILURE);
    assert_eq!(ask(&store, 10, &breaker).unwrap().judge(status(404)), (Outcome::Success, None));
}

#[test]
fn envoys_words_and_the_providers_are_sorted_into_troubles() {
    let of = |details| Trouble::of_details(details);
    assert_eq!(
        of("upstream_reset_before_response_started{remote_connection_failure|111}"),
        Some(Trouble::Connect)
    );
    assert_eq!(of("no_healthy_upstream"), Some(Trouble::Connect));
    assert_eq!(of("upstream_reset_after_response_started{remote_reset}"), Some(Trouble::Reset));
    for timeout in ["response_timeout", "upstream_per_try_timeout", "stream_idle_timeout"] {
        assert_eq!(of(timeout), Some(Trouble::Timeout));
    }
    for other in [
        "via_upstream",
        "",
        "downstream_remote_disconnect",
        "upstream_reset_before_response_started{overflow}",
        "cluster_not_found",
        "request_header_timeout",
        "ext_authz_denied",
    ] {
        assert_eq!(of(other), None, "{other}");
    }
    let said = |kind, code| Trouble::of_stated(kind, code);
    assert_eq!(said(Some("overloaded_error"), None), Some(Trouble::StreamError));
    assert_eq!(said(None, None), Some(Trouble::StreamError));
    assert_eq!(said(Some("tokens"), Some("rate_limit_exceeded")), Some(Trouble::RateLimited));
    assert_eq!(said(Some("throttlingException"), None), Some(Trouble::RateLimited));
    assert_eq!(said(Some("invalid_request_error"), None), None);
}

#[test]
fn invented_keys_leave_memory_flat_and_what_is_open_is_never_forgotten() {
    let store = MemoryStore::default();
    let breaker = watching(r#""consecutive": 2, "open_ms": 60000"#);
    for _ in 0..2 {
        call(&store, 0, &breaker, FAILURE);
    }
    let fail = |n: u32| {
        let key = format!("cluster|openai|invented-{n}");
        let Asked::Go(ticket) = breaker::ask(&store, at(0), &breaker, &key).unwrap() else { panic!("{key}") };
        breaker::report(&store, at(0), ticket, FAILURE).unwrap();
    };
    (0..20_000).for_each(fail);
    let bytes = store.bytes();
    (20_000..40_000).for_each(fail);
    assert!(store.bytes() < bytes + bytes / 50 && bytes < 1_500_000, "{bytes} then {}", store.bytes());
    assert!(ask(&store, 0, &breaker).is_err());
    // Where everything is open there is no room for more, and that is no circuit that opens.
    let one = watching(r#""consecutive": 1, "open_ms": 60000"#);
    let full = (0..40_000).any(|n| {
        let key = format!("cluster|openai|model-{n}");
        let Asked::Go(ticket) = breaker::ask(&store, at(0), &one, &key).unwrap() else { panic!("{key}") };
        breaker::report(&store, at(0), ticket, FAILURE) == Err(Failure::Full)
    });
    assert!(full && store.bytes() < 3_000_000, "{}", store.bytes());
}

#[test]
fn damaged_records_are_failures_and_left_as_they_are() {
    let (store, breaker) =
        (MemoryStore::default(), watching(r#""consecutive": 2, "probes": 3, "open_ms": 10"#));
    for ms in [0, 0] {
        call(&store, ms, &breaker, FAILURE);
    }
    let _probes = (ask(&store, 10, &breaker).unwrap(), ask(&store, 10, &breaker).unwrap());
    let name = store.keys().remove(0);
    let sound = store.record(&name).unwrap();
    // Cut to its head a record is one without circuits.
    for len in (0..sound.len()).filter(|len| *len != 25) {
        store.overwrite(&name, &sound[..len]);
        assert_eq!(breaker::ask(&store, at(10), &breaker, KEY), Err(Failure::Corrupt), "cut to {len}");
        assert_eq!(store.record(&name).unwrap(), &sound[..len]);
    }
}

#[test]
fn a_lost_race_never_lets_more_probes_through() {
    for probes in 1..=4 {
        let breaker = watching(&format!(r#""consecutive": 1, "open_ms": 10, "probes": {probes}"#));
        let store = MemoryStore::default();
        assert!(call(&store, 0, &breaker, FAILURE));
        let rivals = RefCell::new(Vec::new());
        let rival = |store: &MemoryStore| rivals.borrow_mut().extend(ask(store, 10, &breaker).ok());
        let racing = Racing::new(store, rival);
        let own: Vec<Ticket> = (0..6).filter_map(|_| ask(&racing, 10, &breaker).ok()).collect();
        assert_eq!(own.len() + rivals.borrow().len(), probes, "{} of our own", own.len());
    }
}
