//! Request bodies that are wrong, absurd or too large: each has a defined outcome, and none kills the filter.
//!
//! Needs `GENOPS_ENVOY` and `GENOPS_WASM`.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each suite uses a part of it")]
mod support;

use hyper::Method;
use lab::{Answer, Client};
use serde_json::json;
use support::calls::{PATH, RESULT, SEARCH, TEXT, chat, headers, seen};
use support::config::{LIMIT, tokens};
use support::telemetry::{EVALUATED, awu_id, text};
use support::{Setup, Stage};

const MIB: usize = 1 << 20;

async fn post(client: &Client, body: impl Into<Vec<u8>>) -> Answer {
    let body = body.into();
    let start = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
    let answer = client.try_request(Method::POST, PATH, &SEARCH, body).await;
    answer.unwrap_or_else(|error| panic!("no answer to {start:?}: {error}"))
}

/// Bodies that no reader can take for a governed call, by what is wrong with them.
fn unreadable() -> Vec<(&'static str, Vec<u8>)> {
    let nested =
        |open: &str, depth| format!(r#"{{"model":"m","messages":{}"#, open.repeat(depth)).into_bytes();
    vec![
        ("empty", b"".to_vec()),
        ("blank", b" \n".to_vec()),
        ("not JSON", b"hello".to_vec()),
        ("not an object", b"[1,2]".to_vec()),
        ("a bare string", br#""model""#.to_vec()),
        ("truncated", br#"{"model":"gpt-4o-mini","messages":[{"role":"us"#.to_vec()),
        ("truncated in an escape", br#"{"model":"gpt\u00"#.to_vec()),
        ("trailing garbage", br#"{"model":"m","messages":[]} x"#.to_vec()),
        ("two documents", br#"{"model":"m","messages":[]}{"model":"n"}"#.to_vec()),
        ("binary", vec![0xff, 0xfe, 0x00, 0x80]),
        ("a model twice", br#"{"model":"cheap","model":"dear","messages":[]}"#.to_vec()),
        ("a cap twice", br#"{"model":"m","max_tokens":1,"max_tokens":100000,"messages":[]}"#.to_vec()),
        ("a model in another case too", br#"{"model":"cheap","Model":"dear","messages":[]}"#.to_vec()),
        ("a cap of another type", br#"{"model":"m","max_tokens":{"a":1},"messages":[]}"#.to_vec()),
        ("a fractional cap", br#"{"model":"m","max_tokens":1.5,"messages":[]}"#.to_vec()),
        ("a model of another type", br#"{"model":7,"messages":[]}"#.to_vec()),
        ("nested without end", nested("[", 200_000)),
        ("objects without end", nested(r#"{"a":"#, 200_000)),
    ]
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused_with_a_reason_and_reaches_nobody() {
    let stage = Stage::start(tokens()).await;
    for client in [stage.http1(), stage.http2()] {
        for (what, body) in unreadable() {
            let answer = post(&client, body).await;
            assert_eq!(answer.status, 400, "{what}: {}", answer.text());
            assert_eq!(seen(&answer, &RESULT), [Some("BLOCKED"), Some("x_request_unreadable")], "{what}");
            assert_eq!(answer.json()["error"]["code"], "x_request_unreadable", "{what}");
            assert_eq!(answer.header("x-should-retry"), Some("false"), "{what}");
        }
    }
    // Each was a decision, told like any other, and consumed nothing.
    let cases = unreadable().len();
    stage.otlp.events(EVALUATED, 2 * cases).await;
    assert_eq!(stage.upstream_requests().await, 0);
    assert_eq!(stage.left("search").await, LIMIT);
    stage.never_died().await;
}

#[tokio::test]
async fn a_call_without_a_body_is_refused_whether_it_says_so_or_not() {
    let stage = Stage::start(tokens()).await;
    let requests = [
        format!("POST {PATH} HTTP/1.1\r\nhost: a\r\nx-genops-team: search\r\n\r\n"),
        format!("POST {PATH} HTTP/1.1\r\nhost: a\r\nx-genops-team: search\r\ncontent-length: 0\r\n\r\n"),
        format!(
            "POST {PATH} HTTP/1.1\r\nhost: a\r\nx-genops-team: search\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
    ];
    for request in requests {
        let mut raw = lab::RawConnection::open(stage.addr).await;
        raw.write(&request).await;
        let answer = raw.read_until("}}").await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{request}: {answer}");
        assert!(answer.contains("x-genops-reason-code: x_request_unreadable"), "{answer}");
    }
    assert_eq!(stage.upstream_requests().await, 0);
    stage.never_died().await;
}

#[tokio::test]
async fn figures_beyond_reason_are_bounded_and_never_wrap_around() {
    let stage = Stage::start(tokens()).await;
    let client = stage.http1();
    let cap = |figure: &str| format!(r#"{{"model":"m","messages":[],"max_tokens":{figure}}}"#);
    let figures =
        ["18446744073709551615", "18446744073709551616", "1e19", "1e400", "99999999999999999999999"];
    for figure in figures {
        let answer = post(&client, cap(figure)).await;
        assert!(matches!(answer.status, 400 | 429), "{figure}: {} {}", answer.status, answer.text());
        assert_eq!(answer.header("x-genops-policy-result"), Some("BLOCKED"), "{figure}");
    }
    // Many choices of a large cap would overflow if they were multiplied carelessly.
    let body = r#"{"model":"m","messages":[],"max_tokens":4294967296,"n":4294967296}"#;
    assert_eq!(post(&client, body).await.header("x-genops-reason-code"), Some("BUDGET_RESERVATION_FAILED"));
    // No cap at all, in all its spellings, is the configured default of 100.
    for figure in ["-1", "null", "-99999999999999999999999"] {
        let answer = post(&client, cap(figure)).await;
        assert_eq!(answer.header("x-genops-reserved"), Some("100"), "{figure}: {}", answer.text());
    }
    stage.never_died().await;
}

#[tokio::test]
async fn text_that_is_not_utf8_is_measured_and_passes_as_it_is() {
    let stage = Stage::start(tokens()).await;
    let mut body = br#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":""#.to_vec();
    body.extend([0xff, 0xfe, 0xc3, 0x28]);
    body.extend(br#""}]}"#);
    let answer = post(&stage.http1(), body.clone()).await;
    // Either outcome is defined; an admitted call must arrive as it was sent.
    match answer.status {
        200 => assert_eq!(stage.simulator.only_request().body, body),
        _ => assert_eq!(answer.header("x-genops-reason-code"), Some("x_request_unreadable")),
    }
    stage.never_died().await;
}

#[tokio::test]
async fn header_values_that_are_not_utf8_are_no_claim_and_do_no_harm() {
    let stage = Stage::start(tokens()).await;
    let body = chat(1).to_string();
    for header in [&b"x-genops-team: \xff\xfe"[..], b"x-genops-team: search\r\nx-odd: \xff", b"\x80: 1"] {
        let mut request =
            format!("POST {PATH} HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n", body.len()).into_bytes();
        request.extend(header);
        request.extend(b"\r\n\r\n");
        request.extend(body.as_bytes());
        let mut raw = lab::RawConnection::open(stage.addr).await;
        raw.write(&request).await;
        let answer = raw.read_until("\r\n").await;
        let expected: &[&str] =
            if header.starts_with(b"x-genops-team: search") { &["200"] } else { &["400", "403"] };
        assert!(expected.iter().any(|status| answer.contains(status)), "{}: {answer}", header.escape_ascii());
    }
    stage.never_died().await;
}

#[tokio::test]
async fn an_encoded_body_is_not_guessed_at() {
    let stage = Stage::start(tokens()).await;
    let sent = headers(&[("content-encoding", "gzip")]);
    let answer = stage.http1().chat(&sent, &chat(1)).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.header("x-genops-reason-code"), Some("x_request_unreadable"));
    assert_eq!(stage.upstream_requests().await, 0);
}

#[tokio::test]
async fn a_body_that_cannot_be_read_passes_ungoverned_where_the_configuration_says_so() {
    let mut config = tokens();
    config["failure"] = json!({"unreadable_request": "pass"});
    config["max_request_bytes"] = json!(1024);
    let stage = Stage::start(config).await;
    let client = stage.http1();
    let large = chat(1).to_string() + &" ".repeat(5_000);
    let sent = [b"{\"model\":".to_vec(), b"".to_vec(), large.into_bytes()];
    for body in &sent {
        let answer = post(&client, body.clone()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(
            !answer.headers.keys().any(|name| name.as_str().starts_with("x-genops")),
            "{:?}",
            answer.headers
        );
    }
    let received = stage.simulator.received();
    assert_eq!(received.iter().map(|request| request.body.to_vec()).collect::<Vec<_>>(), sent);
    assert!(received.iter().all(|request| request.header("x-genops-team").is_none()));
    stage.counts("genops_ungoverned_total{}", 3.0).await;
    assert_eq!(stage.left("search").await, LIMIT);
}

#[tokio::test]
async fn a_body_above_the_configured_size_is_refused_and_the_message_says_which_setting() {
    let mut config = tokens();
    config["max_request_bytes"] = json!(65_536);
    let stage = Stage::start(config).await;
    let large = chat(1).to_string() + &" ".repeat(65_536);
    let answer = post(&stage.http2(), large).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.header("x-genops-reason-code"), Some("x_request_unreadable"));
    assert!(answer.text().contains("max_request_bytes 65536"), "{}", answer.text());
    let span = stage.span_of(&awu_id(&answer)).await;
    assert_eq!(text(&span, "genops.policy.result"), Some("BLOCKED"));
    assert_eq!(stage.upstream_requests().await, 0);
    // One byte less than too much is read.
    let body = chat(1).to_string();
    let fitting = body.clone() + &" ".repeat(65_536 - body.len());
    assert_eq!(post(&stage.http1(), fitting).await.status, 200);
}

#[tokio::test]
async fn a_body_above_envoys_own_limit_gets_envoys_413_and_reserves_nothing() {
    let mut setup = Setup::new(tokens()).await;
    setup.options.buffer_limit_bytes = Some(16_384);
    let stage = setup.start().await;
    let large = chat(1).to_string() + &" ".repeat(200_000);
    let answer = post(&stage.http1(), large).await;
    assert_eq!(answer.status, 413, "{}", answer.text());
    // Envoy's answer, and the filter's decision.
    assert_eq!(seen(&answer, &RESULT), [Some("BLOCKED"), Some("x_request_unreadable")]);
    let awu = awu_id(&answer);
    let event = stage.event_of(&awu, EVALUATED).await;
    assert_eq!(event.attributes["genops.policy.reason_code"], "x_request_unreadable");
    let span = stage.span_of(&awu).await;
    assert_eq!(text(&span, "genops.policy.result"), Some("BLOCKED"));
    assert_eq!(text(&span, "genops.team"), Some("search"));
    assert_eq!(stage.upstream_requests().await, 0);
    assert_eq!(stage.left("search").await, LIMIT);
    stage.never_died().await;
}

/// A chat completion of about `bytes`, nearly all of it text.
fn large_chat(bytes: usize) -> Vec<u8> {
    let mut body = chat(1);
    body["messages"][0]["content"] = json!(TEXT.repeat(bytes / TEXT.len()));
    body.to_string().into_bytes()
}

#[tokio::test]
async fn a_body_of_a_hundred_megabytes_is_refused_without_taking_its_size_in_memory() {
    let mut setup = Setup::new(tokens()).await;
    setup.options.route_body_limit_bytes = Some(200 << 20);
    let stage = setup.start().await;
    let before_kib = stage.envoy.resident_kib();
    let answer = post(&stage.http2(), large_chat(100 * MIB)).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.text().contains("max_request_bytes 16777216"), "{}", answer.text());
    let grown_mib = stage.envoy.resident_kib().saturating_sub(before_kib) / 1024;
    assert!(grown_mib < 64, "{grown_mib} MiB for a body of which at most 16 are held");
    assert_eq!(stage.upstream_requests().await, 0);
    stage.never_died().await;
}

#[tokio::test]
async fn a_body_of_a_hundred_megabytes_passes_where_envoy_and_the_filter_may_hold_it() {
    let mut config = tokens();
    config["max_request_bytes"] = json!(128 * MIB);
    config["budgets"][0]["limit"] = json!(60 * MIB);
    let mut setup = Setup::new(config).await;
    setup.options.route_body_limit_bytes = Some(200 << 20);
    let stage = setup.start().await;
    let body = large_chat(100 * MIB);
    let tokens = (100 * MIB / TEXT.len() * TEXT.len() / 4) as u64;
    let answer = post(&stage.http1(), body.clone()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("x-genops-reserved"), Some((tokens + 1).to_string().as_str()));
    assert!(stage.simulator.only_request().body == body, "it arrived changed");
    stage.settles_at("search", (60 * MIB) as u64 - tokens - 1).await;
    stage.never_died().await;
}
