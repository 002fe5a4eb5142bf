//! The queue of events against a collector that behaves as collectors do: no event is lost without being counted.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

use std::rc::Rc;

use genops::awu::{Attribution, Awu, AwuId};
use genops::call::Operation;
use genops::config::Otlp;
use genops::semconv::event;
use genops::telemetry::Value;
use genops::telemetry::event::Event;
use genops::telemetry::queue::{Outcome, Queue};
use genops::timestamp::Timestamp;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use proptest::prelude::*;
use prost::Message as _;

fn queue(max_queue_bytes: usize) -> Queue {
    let otlp = Otlp {
        cluster: "otel".to_owned(),
        authority: "otel".to_owned(),
        path: "/v1/logs".to_owned(),
        flush_interval_ms: 1_000,
        timeout_ms: 1_000,
        max_queue_bytes,
    };
    Queue::new("edge", &otlp)
}

/// An event that is known again by its time, with a text of so many bytes.
fn event(number: u64, bytes: usize) -> Event {
    let awu = Awu::new(None, || AwuId::from_random(1), Attribution::default(), Operation::Chat);
    let attributes = vec![("text", Value::text("x".repeat(bytes)))];
    Event {
        name: event::POLICY_EVALUATED,
        at: Timestamp::from_nanos(number),
        awu: Some(Rc::new(awu)),
        attributes,
    }
}

/// The numbers of the events in an export.
fn numbers(body: &[u8]) -> Vec<u64> {
    let request = ExportLogsServiceRequest::decode(body).unwrap();
    let scopes = request.resource_logs.into_iter().flat_map(|resource| resource.scope_logs);
    scopes.flat_map(|scope| scope.log_records).map(|record| record.time_unix_nano).collect()
}

/// Sends what there is to send; the bodies by token, numbered on from `next`.
fn flush(queue: &mut Queue, next: &mut u32) -> Vec<(u32, Vec<u64>)> {
    let mut sent = Vec::new();
    while queue.next_export(|body| {
        *next += 1;
        sent.push((*next, numbers(body)));
        Some(*next)
    }) {}
    sent
}

#[test]
fn events_that_wait_leave_together_in_their_order() {
    let (mut queue, mut next) = (queue(100_000), 0);
    assert_eq!(flush(&mut queue, &mut next), []);
    (1..=3).for_each(|number| queue.push(&event(number, 10)));
    assert_eq!(flush(&mut queue, &mut next), [(1, vec![1, 2, 3])]);
    assert_eq!(flush(&mut queue, &mut next), [], "an export under way is not sent again");
    queue.ended(1, Outcome::Delivered);
    assert_eq!((flush(&mut queue, &mut next), queue.take_dropped()), (vec![], 0));
}

#[test]
fn what_may_work_another_time_is_sent_three_times_and_then_counted() {
    let (mut queue, mut next) = (queue(100_000), 0);
    queue.push(&event(1, 10));
    queue.push(&event(2, 10));
    for attempt in 1..=3 {
        assert_eq!(flush(&mut queue, &mut next), [(attempt, vec![1, 2])], "attempt {attempt}");
        assert_eq!(queue.take_dropped(), 0);
        queue.ended(attempt, Outcome::Retryable);
    }
    assert_eq!((flush(&mut queue, &mut next), queue.take_dropped(), queue.take_dropped()), (vec![], 2, 0));
}

#[test]
fn what_the_collector_rejects_is_counted_at_once() {
    let (mut queue, mut next) = (queue(100_000), 0);
    queue.push(&event(1, 10));
    flush(&mut queue, &mut next);
    queue.ended(1, Outcome::Rejected);
    assert_eq!((flush(&mut queue, &mut next), queue.take_dropped()), (vec![], 1));
}

#[test]
fn a_host_that_takes_no_call_is_asked_again_on_the_next_tick() {
    let (mut queue, mut next) = (queue(100_000), 0);
    queue.push(&event(1, 10));
    assert!(!queue.next_export(|_| None), "a refusal ends this tick");
    assert_eq!(flush(&mut queue, &mut next), [(1, vec![1])]);
}

#[test]
fn four_exports_are_under_way_at_most_and_more_wait() {
    let (mut queue, mut next) = (queue(100_000), 0);
    for number in 1..=6 {
        queue.push(&event(number, 10));
        assert_eq!(flush(&mut queue, &mut next).len(), usize::from(number <= 4), "{number}");
    }
    queue.ended(2, Outcome::Delivered);
    assert_eq!(flush(&mut queue, &mut next), [(5, vec![5, 6])], "what waited leaves together");
}

#[test]
fn what_is_given_up_is_counted_but_for_what_is_under_way() {
    let (mut queue, mut next) = (queue(100_000), 0);
    queue.push(&event(1, 10));
    flush(&mut queue, &mut next);
    queue.push(&event(2, 10));
    flush(&mut queue, &mut next);
    queue.ended(2, Outcome::Retryable);
    queue.push(&event(3, 10));
    assert!(queue.is_exporting());
    queue.give_up();
    assert_eq!((flush(&mut queue, &mut next), queue.take_dropped()), (vec![], 2));
    queue.ended(1, Outcome::Delivered);
    assert!(!queue.is_exporting());
    assert_eq!(queue.take_dropped(), 0);
}

#[test]
fn an_end_that_belongs_to_nobody_changes_nothing() {
    let (mut queue, mut next) = (queue(100_000), 0);
    queue.push(&event(1, 10));
    flush(&mut queue, &mut next);
    queue.ended(99, Outcome::Rejected);
    assert_eq!(queue.take_dropped(), 0);
    queue.ended(1, Outcome::Delivered);
    queue.ended(1, Outcome::Rejected);
    assert_eq!(queue.take_dropped(), 0, "an export ends once");
}

#[test]
fn a_full_queue_drops_the_newest_and_takes_events_again_when_there_is_room() {
    let (mut queue, mut next) = (queue(2_000), 0);
    queue.push(&event(1, 1_200));
    queue.push(&event(2, 1_200));
    queue.push(&event(3, 10));
    assert_eq!(queue.take_dropped(), 1);
    assert_eq!(flush(&mut queue, &mut next), [(1, vec![1, 3])]);
    queue.push(&event(4, 1_200));
    assert_eq!(queue.take_dropped(), 1, "exports under way take room, too");
    queue.ended(1, Outcome::Delivered);
    queue.push(&event(5, 1_200));
    assert_eq!((flush(&mut queue, &mut next), queue.take_dropped()), (vec![(2, vec![5])], 0));
}

#[test]
fn outcomes_follow_the_otlp_specification() {
    let outcomes = [
        (None, Outcome::Retryable),
        (Some(200), Outcome::Delivered),
        (Some(202), Outcome::Delivered),
        (Some(301), Outcome::Rejected),
        (Some(400), Outcome::Rejected),
        (Some(404), Outcome::Rejected),
        (Some(429), Outcome::Retryable),
        (Some(500), Outcome::Rejected),
        (Some(502), Outcome::Retryable),
        (Some(503), Outcome::Retryable),
        (Some(504), Outcome::Retryable),
    ];
    for (status, outcome) in outcomes {
        assert_eq!(Outcome::from_status(status), outcome, "{status:?}");
    }
}

/// What happens to a queue.
#[derive(Clone, Debug)]
enum Happening {
    Push(usize),
    Tick { host_takes: usize },
    End(prop::sample::Index, Outcome),
}

fn happening() -> impl Strategy<Value = Happening> {
    let outcome = prop::sample::select(vec![Outcome::Delivered, Outcome::Retryable, Outcome::Rejected]);
    prop_oneof![
        4 => (0_usize..400).prop_map(Happening::Push),
        2 => (0_usize..4).prop_map(|host_takes| Happening::Tick { host_takes }),
        2 => (any::<prop::sample::Index>(), outcome).prop_map(|(which, outcome)| Happening::End(which, outcome)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_event_is_delivered_once_or_counted_as_dropped(
        happenings in prop::collection::vec(happening(), 0..80),
        bound in 500_usize..4_000,
    ) {
        let (mut queue, mut next) = (queue(bound), 0_u32);
        let (mut pushed, mut dropped, mut delivered) = (0_u64, 0_u64, Vec::new());
        let mut under_way: Vec<(u32, Vec<u64>)> = Vec::new();
        let end = |queue: &mut Queue, (token, events): (u32, Vec<u64>), outcome, delivered: &mut Vec<u64>| {
            queue.ended(token, outcome);
            if outcome == Outcome::Delivered {
                delivered.extend(events);
            }
        };
        for happening in happenings {
            match happening {
                Happening::Push(bytes) => {
                    pushed += 1;
                    queue.push(&event(pushed, bytes));
                }
                Happening::Tick { mut host_takes } => {
                    while queue.next_export(|body| {
                        host_takes = host_takes.checked_sub(1)?;
                        next += 1;
                        under_way.push((next, numbers(body)));
                        Some(next)
                    }) {}
                    prop_assert!(under_way.len() <= 4);
                }
                Happening::End(which, outcome) if !under_way.is_empty() => {
                    let ended = under_way.remove(which.index(under_way.len()));
                    end(&mut queue, ended, outcome, &mut delivered);
                }
                Happening::End(..) => {}
            }
            dropped += queue.take_dropped();
        }
        // In the end the collector takes everything.
        loop {
            under_way.extend(flush(&mut queue, &mut next));
            if under_way.is_empty() {
                break;
            }
            std::mem::take(&mut under_way).into_iter().for_each(|ended| end(&mut queue, ended, Outcome::Delivered, &mut delivered));
        }
        dropped += queue.take_dropped();
        prop_assert_eq!(delivered.len() as u64 + dropped, pushed);
        delivered.sort_unstable();
        delivered.dedup();
        prop_assert_eq!(delivered.len() as u64 + dropped, pushed, "delivered twice");
    }
}
