//! Events in any order, with any bytes, under any faults of the store: what must hold of every exchange.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod course;
mod world;

use std::cell::{Cell, RefCell};

use genops::amount::Amount;
use genops::config::Config;
use genops::exchange::{Effects, Event, Exchange, Flow, HeaderEdit};
use genops::headers::{HeaderPairs, Headers};
use genops::ledger;
use genops::limit::{self, Take};
use genops::ports::Clock;
use genops::semconv::{attribute, event};
use genops::telemetry::event::{Event as Told, find};
use genops::telemetry::metric::Metric;
use genops::telemetry::{Attribute, Value};
use genops::testing::MemoryStore;
use proptest::prelude::*;

use course::{Happening, configuration, course};
use world::{START_MS, World};

/// Lets one thing happen; what the exchange wanted done of it.
fn step(exchange: &mut Exchange, world: &World, happening: &Happening) -> Option<Effects> {
    fn view(pairs: &[(Vec<u8>, Vec<u8>)]) -> Vec<(&[u8], &[u8])> {
        pairs.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect()
    }
    let mut tell = |event| Some(exchange.step(event, world));
    match happening {
        Happening::RequestHeaders(pairs, end_of_stream) => {
            let pairs = view(pairs);
            tell(Event::RequestHeaders {
                headers: Headers::of(&HeaderPairs::new(&pairs)),
                end_of_stream: *end_of_stream,
            })
        }
        Happening::RequestBody(body) => tell(Event::RequestBody { body }),
        Happening::RequestTooLarge(bytes) => tell(Event::RequestTooLarge { bytes: *bytes }),
        Happening::ResponseHeaders(pairs, end_of_stream) => {
            let pairs = view(pairs);
            tell(Event::ResponseHeaders {
                headers: Headers::of(&HeaderPairs::new(&pairs)),
                end_of_stream: *end_of_stream,
            })
        }
        Happening::ResponseBody(chunk, end_of_stream) => {
            tell(Event::ResponseBody { chunk, end_of_stream: *end_of_stream })
        }
        Happening::ResponseBodyLost => tell(Event::ResponseBodyLost),
        Happening::Done => tell(Event::Done),
        Happening::Clock(by_ms) => {
            world.now_ms.set(world.now_ms.get().saturating_add_signed(*by_ms));
            None
        }
        Happening::StoreFails(fault, after) => {
            world.fault.set(*fault);
            world.fault_after.set(*after);
            None
        }
        Happening::StoreIsLost => {
            world.store.lose_everything();
            None
        }
        Happening::Attribute(name, value) => {
            let mut attributes = world.attributes.borrow_mut();
            attributes.retain(|(other, _)| other != name);
            attributes.push((name, value.clone()));
            None
        }
    }
}

fn text<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a str> {
    match find(attributes, name)? {
        Value::Text(text) => Some(text),
        other => panic!("{name} is {other:?}"),
    }
}

/// §4.2: a reason code exactly when the result is not `ALLOWED`.
fn reasons_match(attributes: &[Attribute]) {
    if let Some(result) = text(attributes, attribute::POLICY_RESULT) {
        let reason = text(attributes, attribute::POLICY_REASON_CODE);
        assert_eq!(result == "ALLOWED", reason.is_none(), "{result} with {reason:?}");
    }
}

fn budget_of(event: &Told) -> &str {
    text(&event.attributes, attribute::BUDGET_NAME).unwrap()
}

/// §6: all four attributes of an SLA, or none.
fn sla_is_whole(attributes: &[Attribute]) {
    use attribute::{SLA_ACTUAL_LATENCY_MS, SLA_LATENCY_TARGET_MS, SLA_MET, SLA_TIER};
    let four = [SLA_TIER, SLA_LATENCY_TARGET_MS, SLA_ACTUAL_LATENCY_MS, SLA_MET];
    let there = four.iter().filter(|name| find(attributes, name).is_some()).count();
    assert!(there == 0 || there == 4, "{attributes:?}");
}

/// What must hold of all that one exchange said.
fn hold(all: &[Effects]) {
    // What was found out about calls that are gone is nobody's, and proves nothing about this one.
    let own = |event: &&Told| event.awu.is_some();
    let events: Vec<&Told> = all.iter().flat_map(|effects| &effects.events).filter(own).collect();
    let named = |name: &str| events.iter().copied().filter(|event| event.name == name).collect::<Vec<_>>();
    let (evaluated, reserved, reconciled) = (
        named(event::POLICY_EVALUATED),
        named(event::BUDGET_RESERVATION),
        named(event::BUDGET_RECONCILIATION),
    );
    let later = evaluated.get(1..).unwrap_or_default();
    assert!(later.len() <= 1, "§4.3: one decision, and one on the latency once it is known");
    for decision in later {
        let said = |name| text(&decision.attributes, name);
        assert_eq!(said(attribute::POLICY_REASON_CODE), Some("SLA_LATENCY_VIOLATION"));
        assert!(said(attribute::SLA_TIER).is_some(), "§6: with what was measured");
    }
    assert!(named(event::EVALUATION_COMPLETE).len() <= 1);
    assert!(named(event::COST_CALCULATED).len() <= 1);
    assert!(reserved.is_empty() || !evaluated.is_empty(), "no reservation without a decision");
    for reconciliation in &reconciled {
        let of_the_same = |other: &&&Told| budget_of(other) == budget_of(reconciliation);
        assert_eq!(reserved.iter().filter(of_the_same).count(), 1, "§7.2.1: reconciled, so reserved");
        assert_eq!(reconciled.iter().filter(of_the_same).count(), 1, "reconciled once");
    }
    events.iter().for_each(|event| reasons_match(&event.attributes));
    all.iter().for_each(|effects| reasons_match(&effects.attributes));
    events.iter().for_each(|event| sla_is_whole(&event.attributes));
    all.iter().for_each(|effects| sla_is_whole(&effects.attributes));

    let count = |wanted: fn(&Metric) -> bool| -> u64 {
        all.iter()
            .flat_map(|effects| &effects.counts)
            .filter(|(metric, _)| wanted(metric))
            .map(|(_, by)| by)
            .sum()
    };
    let evaluations = count(|metric| matches!(metric, Metric::PolicyEvaluation(_)));
    let ungoverned = count(|metric| matches!(metric, Metric::Ungoverned | Metric::FreeCall));
    let violations = later.len() as u64;
    assert!(evaluations + ungoverned <= 1 + violations, "decided once, or not at all");
    let ends = count(|metric| matches!(metric, Metric::Reconciliation(_) | Metric::Voided));
    assert!(ends <= evaluations, "an AWU ends once");
    if count(|metric| *metric == Metric::Voided) > 0 {
        assert!(reconciled.is_empty(), "§7.2.1: what was never executed is not reconciled");
    }

    let replies = all.iter().filter(|effects| matches!(effects.flow, Flow::Reply(_))).count();
    assert!(replies <= 1, "answered once");
    if replies == 1 {
        assert!(reserved.is_empty(), "what is refused reserved nothing");
    }
    for edit in all.iter().flat_map(|effects| effects.request_headers.iter().chain(&effects.response_headers))
    {
        if let HeaderEdit::Set(name, value) | HeaderEdit::Add(name, value) = edit {
            assert!(value.bytes().all(|b| b >= b' ' && b != 0x7f), "{name}: {value:?} breaks the header");
        }
    }
}

/// How all accounts together stand, if the store answers.
fn pending(world: &World, config: &Config) -> Option<Amount> {
    let balances = config.budgets.iter().map(|budget| {
        let key = if budget.per.is_empty() { "" } else { "search" };
        ledger::inspect(world, world.now(), budget, key).ok()
    });
    let slots = config.concurrency_limits.iter();
    let slots = slots.map(|limit| ledger::inspect(world, world.now(), &limit.slots, "search").ok());
    balances.chain(slots).try_fold(Amount::ZERO, |sum, balance| Some(sum.plus(balance?.pending)))
}

/// Whether nothing at all is taken of the rate limit that all calls share.
fn nothing_taken(world: &World, config: &Config) -> bool {
    let wide = config.rate_limits.iter().filter(|limit| &*limit.name == "wide");
    wide.into_iter().all(|limit| {
        let take = Take { limit, key: "", amount: limit.burst };
        limit::take_all(world, world.now(), &[take]).is_ok()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_an_exchange_keeps_its_promises(config in configuration(), course in course()) {
        let world = World {
            store: MemoryStore::default(),
            now_ms: Cell::new(START_MS),
            fault: Cell::new(None),
            fault_after: Cell::new(0),
            attributes: RefCell::default(),
        };
        let mut exchange = Exchange::new(config.clone());
        let mut all: Vec<Effects> = course.iter().filter_map(|happening| step(&mut exchange, &world, happening)).collect();
        world.fault.set(None);
        // Twice: a backstop that ran already has nothing left to do.
        all.extend([Happening::Done, Happening::Done].iter().filter_map(|done| step(&mut exchange, &world, done)));
        hold(&all);
        let failed = all.iter().flat_map(|effects| &effects.counts).any(|(metric, _)| *metric == Metric::SettlementFailure);
        if !failed {
            prop_assert_eq!(pending(&world, &config), Some(Amount::ZERO), "a settled exchange leaves nothing pending, and nothing in flight");
            let executed = all.iter().flat_map(|effects| &effects.counts).any(|(metric, _)| {
                matches!(metric, Metric::PolicyEvaluation(decision) if decision.proceeds())
            });
            prop_assert!(executed || nothing_taken(&world, &config), "what is refused takes nothing of a rate");
        }
    }
}
