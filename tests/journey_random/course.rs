//! Random configurations and courses of events: some as they usually go, some in any order, some with any bytes.

use std::rc::Rc;

use genops::config::{self, Config};
use genops::ports::StoreError;
use proptest::prelude::*;
use proptest::sample::select;

/// Something that happens, to the exchange or around it.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
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

pub(crate) fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..40)
}

/// A whole body or a piece of one, or anything at all.
pub(crate) fn body(known: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let whole = || select(known).prop_map(|text| text.as_bytes().to_vec());
    let cut = (whole(), any::<prop::sample::Index>()).prop_map(|(mut text, at)| {
        text.truncate(at.index(text.len() + 1));
        text
    });
    prop_oneof![6 => whole(), 2 => cut, 1 => bytes()]
}

pub(crate) const REQUESTS: &[&str] = &[
    r#"{"model":"gpt-4o-mini","max_tokens":50,"messages":[{"role":"user","content":"hello"}]}"#,
    r#"{"model":"gpt-4o-mini","stream":true,"messages":[]}"#,
    r#"{"model":"unpriced","max_tokens":18446744073709551615,"n":9}"#,
    "{}",
    "",
    "[]",
];

pub(crate) const ANSWERS: &[&str] = &[
    r#"{"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}"#,
    r#"{"usage":{"prompt_tokens":18446744073709551615,"completion_tokens":18446744073709551615}}"#,
    r#"{"error":{"message":"no","code":"x"}}"#,
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hello\"}}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n",
    "",
];

pub(crate) fn headers(
    known: &'static [(&'static str, &'static str)],
) -> impl Strategy<Value = Vec<(Vec<u8>, Vec<u8>)>> {
    let whole = known.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
    let whole: Vec<_> = whole.collect();
    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    let other = prop_oneof![
        (select(names).prop_map(|name| name.as_bytes().to_vec()), bytes()),
        (bytes(), bytes()),
        Just((b"upgrade".to_vec(), b"websocket".to_vec())),
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

pub(crate) const REQUEST_HEADERS: &[(&str, &str)] = &[
    (":method", "POST"),
    (":authority", "api.openai.com"),
    (":path", "/v1/chat/completions"),
    ("content-type", "application/json"),
    ("x-genops-team", "search"),
    ("x-genops-project", "chatbot"),
    ("x-genops-environment", "production"),
    ("x-genops-trace", "6d8b83eb3f8d3c0d8628f078df7ab76f-94abd4f4766ca0c0"),
];

pub(crate) fn store_fault() -> impl Strategy<Value = Happening> {
    let faults = vec![None, None, Some(StoreError::Conflict), Some(StoreError::Unavailable(10))];
    (select(faults), 0_u32..6).prop_map(|(fault, after)| Happening::StoreFails(fault, after))
}

pub(crate) fn happening() -> impl Strategy<Value = Happening> {
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
        Just(("upstream.local_address", b"192.0.2.1:50000".to_vec())),
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
pub(crate) fn course() -> impl Strategy<Value = Vec<Happening>> {
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

pub(crate) fn configuration() -> impl Strategy<Value = Rc<Config>> {
    let modes = || select(&["enforce", "warn", "shadow"][..]);
    let fails = || select(&["refuse", "pass"][..]);
    let rates = (modes(), select(&["requests", "tokens"][..]), select(&["smooth", "fixed"][..]), 0_u64..300);
    let flights = (modes(), 0_u64..3);
    let limits = prop::option::of((rates, flights)).prop_map(|limits| {
        let Some(((rate_mode, unit, algorithm, amount), (flight_mode, max))) = limits else { return String::new() };
        format!(
            r#""rate_limits":[{{"name":"rate","per":["team"],"unit":"{unit}","amount":{amount},"period":"minute",
            "algorithm":"{algorithm}","mode":"{rate_mode}"}},
            {{"name":"wide","unit":"tokens","amount":1000000,"period":"hour","mode":"enforce"}}],
            "concurrency_limits":[{{"name":"flights","per":["team"],"max":{max},"ttl_ms":8000,"mode":"{flight_mode}"}}],"#
        )
    });
    (modes(), modes(), 0_u64..200, fails(), fails(), fails(), fails(), select(&["consume", "release"][..]), limits).prop_map(
        |(first, second, limit, unreadable, unavailable, unpriced, unrecognised, expiry, limits)| {
            let limit_of_upgrade = limit.max(1);
            let text = format!(
                r#"{{{limits}"prices":[{{"model":"gpt*","currency":"USD","input_per_million":1,"output_per_million":2}}],
                "budgets":[{{"name":"team","per":["team"],"unit":"tokens","limit":{limit},"window":"hour","mode":"{first}","alert_at":[0.1,0.5,1]}},
                {{"name":"money","unit":"USD","limit":0.001,"window":"day","mode":"{second}"}}],
                "estimation":{{"default_output_tokens":20}},
                "reservation":{{"ttl_ms":8000,"on_expiry":"{expiry}"}},
                "failure":{{"unreadable_request":"{unreadable}","ledger_unavailable":"{unavailable}",
                "unpriced_model":"{unpriced}","unrecognised":"{unrecognised}","upgrade":{{"reserve":{limit_of_upgrade}}}}},
                "sla":[{{"tier":"gold","latency_target_ms":1000,"on_predicted":"refuse","min_observations":1}}],
                "breakers":[{{"name":"b","consecutive":1,"mode":"{first}"}}],
                "telemetry":{{"otlp":{{"cluster":"otel"}}}}}}"#
            );
            Rc::new(config::parse(&text).unwrap())
        },
    )
}
