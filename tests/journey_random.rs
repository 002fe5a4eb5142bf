//! Events in any order, with any bytes, under any faults of the store: what must hold of every exchange.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use genops::amount::Amount;
use genops::config::{self, Config};
use genops::exchange::{Effects, Event, Exchange, Flow, HeaderEdit};
use genops::headers::Headers;
use genops::ledger;
use genops::ports::{Clock, Expected, Properties, Random, Store, StoreError, Version};
use genops::semconv::{attribute, event};
use genops::telemetry::event::{Event as Told, find};
use genops::telemetry::metric::Metric;
use genops::telemetry::{Attribute, Value};
use genops::testing::MemoryStore;
use genops::timestamp::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;

const START_MS: u64 = 1_771_243_200_000;

/// A world whose store fails when it is told to.
struct World {
    store: MemoryStore,
    now_ms: Cell<u64>,
    fault: Cell<Option<StoreError>>,
    /// How many calls still succeed before the fault shows.
    fault_after: Cell<u32>,
    attributes: RefCell<Vec<(&'static str, Vec<u8>)>>,
}

impl World {
    fn fault(&self) -> Option<StoreError> {
        let fault = self.fault.get()?;
        let calls = self.fault_after.get();
        self.fault_after.set(calls.saturating_sub(1));
        (calls == 0).then_some(fault)
    }
}

impl Store for World {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        match self.fault() {
            Some(StoreError::Unavailable(status)) => Err(StoreError::Unavailable(status)),
            _ => self.store.get(key),
        }
    }

    fn compare_and_set(&self, key: &str, bytes: &[u8], expected: Expected) -> Result<(), StoreError> {
        self.fault().map_or_else(|| self.store.compare_and_set(key, bytes, expected), Err)
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now_ms.get())
    }
}

impl Random for World {
    fn bits128(&self) -> Option<u128> {
        Some(7)
    }
}

impl Properties for World {
    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        let path = path.join(".");
        let attributes = self.attributes.borrow();
        attributes.iter().find(|(name, _)| *name == path).map(|(_, value)| value.clone())
    }
}

/// Something that happens, to the exchange or around it.
#[derive(Clone, Debug)]
enum Happening {
    RequestHeaders(Vec<(Vec<u8>, Vec<u8>)>, bool),
    RequestBody(Vec<u8>),
    RequestTooLarge(usize),
    ResponseHeaders(Vec<(Vec<u8>, Vec<u8>)>, bool),
    ResponseBody(Vec<u8>, bool),
    ResponseBodyLost,
    Done,
    Clock(i64),
    StoreFails(Option<StoreError>, u32),
    StoreIsLost,
    Attribute(&'static str, Vec<u8>),
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..40)
}

/// A whole body or a piece of one, or anything at all.
fn body(known: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let whole = || select(known).prop_map(|text| text.as_bytes().to_vec());
    let cut = (whole(), any::<prop::sample::Index>()).prop_map(|(mut text, at)| {
        text.truncate(at.index(text.len() + 1));
        text
    });
    prop_oneof![6 => whole(), 2 => cut, 1 => bytes()]
}

const REQUESTS: &[&str] = &[
    r#"{"model":"gpt-4o-mini","max_tokens":50,"messages":[{"role":"user","content":"hello"}]}"#,
    r#"{"model":"gpt-4o-mini","stream":true,"messages":[]}"#,
    r#"{"model":"unpriced","max_tokens":18446744073709551615,"n":9}"#,
    "{}",
    "",
    "[]",
];

const ANSWERS: &[&str] = &[
    r#"{"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}"#,
    r#"{"usage":{"prompt_tokens":18446744073709551615,"completion_tokens":18446744073709551615}}"#,
    r#"{"error":{"message":"no","code":"x"}}"#,
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hello\"}}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n",
    "",
];

fn headers(known: &'static [(&'static str, &'static str)]) -> impl Strategy<Value = Vec<(Vec<u8>, Vec<u8>)>> {
    let whole = known.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
    let whole: Vec<_> = whole.collect();
    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    let other = prop_oneof![
        (select(names).prop_map(|name| name.as_bytes().to_vec()), bytes()),
        (bytes(), bytes()),
        Just((b"x-genops-policy-result".to_vec(), b"ALLOWED".to_vec())),
        Just((b"content-encoding".to_vec(), b"gzip".to_vec())),
    ];
    let count = known.len();
    let one = (any::<prop::sample::Index>(), prop::option::of(other));
    let damage = prop_oneof![4 => Just(Vec::new()), 1 => prop::collection::vec(one, 1..4)];
    damage.prop_map(move |damage| {
        let mut pairs = whole.clone();
        for (at, other) in damage {
            match other {
                Some(pair) => pairs.push(pair),
                None if !pairs.is_empty() => _ = pairs.remove(at.index(count).min(pairs.len() - 1)),
                None => {}
            }
        }
        pairs
    })
}

const REQUEST_HEADERS: &[(&str, &str)] = &[
    (":method", "POST"),
    (":authority", "api.openai.com"),
    (":path", "/v1/chat/completions"),
    ("content-type", "application/json"),
    ("x-genops-team", "search"),
    ("x-genops-project", "chatbot"),
    ("x-genops-environment", "production"),
    ("x-genops-trace", "6d8b83eb3f8d3c0d8628f078df7ab76f-94abd4f4766ca0c0"),
];

fn store_fault() -> impl Strategy<Value = Happening> {
    let faults = vec![None, None, Some(StoreError::Conflict), Some(StoreError::Unavailable(10))];
    (select(faults), 0_u32..6).prop_map(|(fault, after)| Happening::StoreFails(fault, after))
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening as H;
    let status = select(&["200", "200", "200", "429", "500", "503", "0", "x"][..]);
    let response_headers =
        (headers(&[("content-type", "text/event-stream")]), status).prop_map(|(mut pairs, status)| {
            pairs.push((b":status".to_vec(), status.as_bytes().to_vec()));
            pairs
        });
    let attribute = prop_oneof![
        Just(("response.code_details", b"via_upstream".to_vec())),
        Just((
            "response.code_details",
            b"upstream_reset_before_response_started{connection_failure}".to_vec()
        )),
        Just(("upstream.address", b"192.0.2.7:443".to_vec())),
        bytes().prop_map(|value| ("upstream.request_attempt_count", value)),
    ];
    prop_oneof![
        3 => (headers(REQUEST_HEADERS), prop::bool::weighted(0.1)).prop_map(|(pairs, end)| H::RequestHeaders(pairs, end)),
        3 => body(REQUESTS).prop_map(H::RequestBody),
        1 => any::<usize>().prop_map(H::RequestTooLarge),
        3 => (response_headers, prop::bool::weighted(0.1)).prop_map(|(pairs, end)| H::ResponseHeaders(pairs, end)),
        5 => (body(ANSWERS), prop::bool::weighted(0.3)).prop_map(|(piece, end)| H::ResponseBody(piece, end)),
        1 => Just(H::ResponseBodyLost),
        2 => Just(H::Done),
        2 => (-4_000_000_i64..4_000_000).prop_map(H::Clock),
        2 => store_fault(),
        1 => prop::bool::weighted(0.2).prop_map(|lost| if lost { H::StoreIsLost } else { H::Done }),
        3 => attribute.prop_map(|(name, value)| H::Attribute(name, value)),
    ]
}

/// The usual course of events, so that most sequences get far.
fn course() -> impl Strategy<Value = Vec<Happening>> {
    let anything = prop::collection::vec(happening(), 0..24);
    let between = prop_oneof![1 => Just(Vec::new()), 1 => prop::collection::vec(store_fault(), 1)];
    let rest = prop::collection::vec(happening(), 0..16);
    let usual = (headers(REQUEST_HEADERS), between, body(REQUESTS), rest);
    let usual = usual.prop_map(|(pairs, between, body, rest)| {
        let mut course = vec![Happening::RequestHeaders(pairs, false)];
        course.extend(between);
        course.push(Happening::RequestBody(body));
        course.extend(rest);
        course
    });
    prop_oneof![1 => anything, 4 => usual]
}

fn configuration() -> impl Strategy<Value = Rc<Config>> {
    let modes = || select(&["enforce", "warn", "shadow"][..]);
    let fails = || select(&["refuse", "pass"][..]);
    (modes(), modes(), 0_u64..200, fails(), fails(), fails(), fails(), select(&["consume", "release"][..])).prop_map(
        |(first, second, limit, unreadable, unavailable, unpriced, unrecognised, expiry)| {
            let text = format!(
                r#"{{"prices":[{{"model":"gpt*","currency":"USD","input_per_million":1,"output_per_million":2}}],
                "budgets":[{{"name":"team","per":["team"],"unit":"tokens","limit":{limit},"window":"hour","mode":"{first}"}},
                {{"name":"money","unit":"USD","limit":0.001,"window":"day","mode":"{second}"}}],
                "estimation":{{"default_output_tokens":20}},
                "reservation":{{"ttl_ms":8000,"on_expiry":"{expiry}"}},
                "failure":{{"unreadable_request":"{unreadable}","ledger_unavailable":"{unavailable}",
                "unpriced_model":"{unpriced}","unrecognised":"{unrecognised}"}},
                "telemetry":{{"otlp":{{"cluster":"otel"}}}}}}"#
            );
            Rc::new(config::parse(&text).unwrap())
        },
    )
}

/// Lets one thing happen; what the exchange wanted done of it.
fn step(exchange: &mut Exchange, world: &World, happening: &Happening) -> Option<Effects> {
    fn view(pairs: &[(Vec<u8>, Vec<u8>)]) -> Vec<(&[u8], &[u8])> {
        pairs.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect()
    }
    let mut tell = |event| Some(exchange.step(event, world));
    match happening {
        Happening::RequestHeaders(pairs, end_of_stream) => {
            let pairs = view(pairs);
            tell(Event::RequestHeaders { headers: Headers::new(&pairs), end_of_stream: *end_of_stream })
        }
        Happening::RequestBody(body) => tell(Event::RequestBody { body }),
        Happening::RequestTooLarge(bytes) => tell(Event::RequestTooLarge { bytes: *bytes }),
        Happening::ResponseHeaders(pairs, end_of_stream) => {
            let pairs = view(pairs);
            tell(Event::ResponseHeaders { headers: Headers::new(&pairs), end_of_stream: *end_of_stream })
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

/// What must hold of all that one exchange said.
fn hold(all: &[Effects]) {
    let events: Vec<&Told> = all.iter().flat_map(|effects| &effects.events).collect();
    let named = |name: &str| events.iter().copied().filter(|event| event.name == name).collect::<Vec<_>>();
    let (evaluated, reserved, reconciled) = (
        named(event::POLICY_EVALUATED),
        named(event::BUDGET_RESERVATION),
        named(event::BUDGET_RECONCILIATION),
    );
    assert!(evaluated.len() <= 1, "§4.3: one decision");
    assert!(named(event::COST_CALCULATED).len() <= 1);
    assert!(reserved.is_empty() || evaluated.len() == 1, "no reservation without a decision");
    for reconciliation in &reconciled {
        let of_the_same = |other: &&&Told| budget_of(other) == budget_of(reconciliation);
        assert_eq!(reserved.iter().filter(of_the_same).count(), 1, "§7.2.1: reconciled, so reserved");
        assert_eq!(reconciled.iter().filter(of_the_same).count(), 1, "reconciled once");
    }
    events.iter().for_each(|event| reasons_match(&event.attributes));
    all.iter().for_each(|effects| reasons_match(&effects.attributes));

    let count = |wanted: fn(&Metric) -> bool| -> u64 {
        all.iter()
            .flat_map(|effects| &effects.counts)
            .filter(|(metric, _)| wanted(metric))
            .map(|(_, by)| by)
            .sum()
    };
    let evaluations = count(|metric| matches!(metric, Metric::PolicyEvaluation(_)));
    assert!(evaluations + count(|metric| *metric == Metric::Ungoverned) <= 1, "decided once, or not at all");
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
        if let HeaderEdit::Set(name, value) = edit {
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
    balances.into_iter().try_fold(Amount::ZERO, |sum, balance| Some(sum.plus(balance?.pending)))
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
            prop_assert_eq!(pending(&world, &config), Some(Amount::ZERO), "a settled exchange leaves nothing pending");
        }
    }
}
