//! What one governed exchange costs natively, without any host: events in, effects out.
//!
//! `cargo bench --bench exchange`. The host's share is in `make bench`, which measures real Envoy.

#![allow(missing_docs, clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::disallowed_methods)]

use std::hint::black_box;
use std::rc::Rc;
use std::time::Instant;

use genops::config::{Config, parse};
use genops::exchange::{Event, Exchange, Worker};
use genops::headers::{HeaderPairs, Headers};
use genops::testing::{MemoryStore, Still};
use genops::timestamp::Timestamp;

const CONFIG: &str = r#"{
  "attribution": {"project": {"on_missing": {"constant": "chatbot"}},
                  "environment": {"sources": [], "on_missing": {"constant": "production"}}},
  "prices": [{"model": "gpt-4o-mini", "currency": "USD", "input_per_million": 0.15, "output_per_million": 0.6}],
  "budgets": [{"name": "team-tokens", "per": ["team"], "unit": "tokens", "limit": 1000000000000, "window": "day"}]
}"#;

/// What limits add to that.
const LIMITS: [(&str, &str); 3] = [
    (
        "a rate of requests",
        r#"{"rate_limits": [{"name": "r", "unit": "requests", "amount": 1000000000, "period": "second"}],"#,
    ),
    (
        "a rate of tokens",
        r#"{"rate_limits": [{"name": "t", "unit": "tokens", "amount": 1000000000, "period": "second"}],"#,
    ),
    ("calls in flight", r#"{"concurrency_limits": [{"name": "c", "max": 100}],"#),
];

const REQUEST: &[(&[u8], &[u8])] = &[
    (b":method", b"POST"),
    (b":path", b"/v1/chat/completions"),
    (b":authority", b"api.openai.com"),
    (b":scheme", b"https"),
    (b"content-type", b"application/json"),
    (b"content-length", b"1024"),
    (b"authorization", b"Bearer sk-0000000000000000000000000000"),
    (b"user-agent", b"OpenAI/Python 3.52.0"),
    (b"accept", b"application/json"),
    (b"x-stainless-lang", b"python"),
    (b"x-request-id", b"9f6b0b3e-7c1f-4c5e-9d2e-1f0c6a1b2c3d"),
    (b"x-genops-team", b"search"),
    (b"x-genops-trace", b"6d8b83eb3f8d3c0d8628f078df7ab76f-94abd4f4766ca0c0"),
];

const ANSWER: &[(&[u8], &[u8])] = &[
    (b":status", b"200"),
    (b"content-type", b"application/json"),
    (b"content-length", b"512"),
    (b"server", b"envoy"),
    (b"date", b"Sat, 21 Nov 2026 12:00:00 GMT"),
    (b"x-envoy-upstream-service-time", b"12"),
];

const ANSWER_BODY: &[u8] = br#"{"id":"chatcmpl-1","object":"chat.completion","created":1771286400,"model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"message":{"role":"assistant","content":"Hello there, how are you?"},"finish_reason":"stop"}],"usage":{"prompt_tokens":250,"completion_tokens":8,"total_tokens":258,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}"#;

fn body(size: usize) -> Vec<u8> {
    let head = br#"{"model":"gpt-4o-mini","max_tokens":100,"messages":[{"role":"user","content":""#;
    let tail = br#""}]}"#;
    let fill = size.saturating_sub(head.len() + tail.len());
    let text: Vec<u8> =
        b"The quick brown fox jumps over the lazy dog. ".iter().copied().cycle().take(fill).collect();
    [head.as_slice(), &text, tail].concat()
}

fn exchange(config: &Rc<Config>, worker: &Rc<Worker>, host: &Still<MemoryStore>, body: &[u8]) {
    let mut exchange = Exchange::among(config.clone(), worker.clone());
    let (request, answer) = (HeaderPairs::new(REQUEST), HeaderPairs::new(ANSWER));
    let headers = Headers::of(&request);
    black_box(exchange.step(Event::RequestHeaders { headers, end_of_stream: false }, host));
    black_box(exchange.step(Event::RequestBody { body }, host));
    let headers = Headers::of(&answer);
    black_box(exchange.step(Event::ResponseHeaders { headers, end_of_stream: false }, host));
    black_box(exchange.step(Event::ResponseBody { chunk: ANSWER_BODY, end_of_stream: false }, host));
    black_box(exchange.step(Event::ResponseBody { chunk: b"", end_of_stream: true }, host));
    black_box(exchange.step(Event::Done, host));
}

/// The best of many short rounds, in nanoseconds: a busy machine interrupts the long ones.
fn measure(config: &Rc<Config>, body: &[u8]) -> f64 {
    const EXCHANGES: u32 = 100;
    let host = Still { store: MemoryStore::default(), now: Timestamp::from_seconds(1_771_286_400) };
    let worker = Rc::default();
    let round = || {
        let start = Instant::now();
        (0..EXCHANGES).for_each(|_| exchange(config, &worker, &host, body));
        start.elapsed().as_nanos() as f64 / f64::from(EXCHANGES)
    };
    (0..500).map(|_| round()).fold(f64::INFINITY, f64::min)
}

fn main() {
    let config = Rc::new(parse(CONFIG).unwrap());
    for size in [1_024, 16_384, 131_072] {
        println!("governed exchange, {size:>6}-byte request: {:>8.0} ns", measure(&config, &body(size)));
    }
    for (name, limits) in LIMITS {
        let config = Rc::new(parse(&CONFIG.replacen('{', limits, 1)).unwrap());
        println!(
            "governed exchange,   1024-byte request, {name}: {:>8.0} ns",
            measure(&config, &body(1_024))
        );
    }
    for (name, section) in [
        ("with a breaker", r#""breakers": [{"name": "b"}]"#),
        ("with a breaker by rate", r#""breakers": [{"name": "b", "rate": {"percent": 50}}]"#),
        ("with a target", r#""sla": [{"tier": "t", "latency_target_ms": 9}]"#),
        ("with a prediction", r#""sla": [{"tier": "t", "latency_target_ms": 9, "on_predicted": "refuse"}]"#),
    ] {
        let config = Rc::new(parse(&CONFIG.replacen('{', &format!("{{{section},"), 1)).unwrap());
        println!("{name:>22},   1024-byte request: {:>8.0} ns", measure(&config, &body(1_024)));
    }
}
