//! What passes the filter unseen and what must not pass: headers, encodings, bodies, traffic that is no AI call.
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

use bytes::Bytes;
use hyper::Method;
use lab::simulator::{Canned, Gzip};
use lab::{Answer, Behaviour, Client};
use serde_json::json;
use support::calls::{ACTUAL, RESULT, SEARCH, chat, headers, seen};
use support::config::{LIMIT, tokens};
use support::telemetry::{EVALUATED, awu_id, text};
use support::{Setup, Stage};

#[tokio::test]
async fn the_filters_own_headers_neither_leave_for_the_provider_nor_come_from_it() {
    let stage = Stage::start(tokens()).await;
    stage.simulator.behave(Behaviour {
        headers: [("x-genops-policy-result", "forged"), ("x-genops-surprise", "forged"), ("x-other", "kept")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        ..Behaviour::default()
    });
    let sent = headers(&[
        ("x-genops-project", "alpha"),
        ("x-genops-budget-remaining", "1000000"),
        ("X-GenOps-Anything", "1"),
        ("x-genops-anything", "2"),
        ("x-genops-trace", "00000000000000000000000000000001-0000000000000001"),
        ("authorization", "Bearer sk-test"),
        ("x-mine", "kept"),
    ]);
    for (client, protocol) in [(stage.http1(), "HTTP/1"), (stage.http2(), "HTTP/2")] {
        let answer = client.chat(&sent, &chat(50)).await;
        assert_eq!(answer.status, 200, "{protocol}");
        let received = stage.simulator.received().pop().expect("the provider was called");
        let own: Vec<_> = received.headers.iter().filter(|(name, _)| name.starts_with("x-genops")).collect();
        assert!(own.is_empty(), "{protocol}: went upstream: {own:?}");
        assert_eq!(received.header("authorization"), Some("Bearer sk-test"));
        assert_eq!(received.header("x-mine"), Some("kept"));
        let results: Vec<_> = answer.headers.get_all("x-genops-policy-result").iter().collect();
        assert_eq!(results, ["ALLOWED"], "{protocol}");
        assert_eq!(seen(&answer, &["x-genops-surprise", "x-other"]), [None, Some("kept")]);
        // The forged trace was replaced before it could name the AWU.
        let span = stage.span_of(&awu_id(&answer)).await;
        assert_ne!(span.trace_id, "00000000000000000000000000000001");
        assert_eq!(text(&span, "genops.project"), Some("alpha"));
    }
}

#[tokio::test]
async fn attribution_sources_go_upstream_only_where_the_configuration_says_so() {
    let mut config = tokens();
    config["forward_attribution"] = json!(true);
    let stage = Stage::start(config).await;
    let sent = headers(&[("x-genops-project", "alpha"), ("x-genops-unit", "tokens")]);
    assert_eq!(stage.http1().chat(&sent, &chat(50)).await.status, 200);
    let received = stage.simulator.only_request();
    assert_eq!(received.header("x-genops-team"), Some("search"));
    assert_eq!(received.header("x-genops-project"), Some("alpha"));
    assert_eq!(received.header("x-genops-unit"), None);
    assert_eq!(received.header("x-genops-trace"), None);
}

#[tokio::test]
async fn where_nothing_is_traced_a_forged_trace_does_not_become_the_awus_identity() {
    let mut setup = Setup::new(tokens()).await;
    setup.options.tracing = false;
    let stage = setup.start().await;
    let forged = "00000000000000000000000000000001-0000000000000001";
    let answer = stage.http1().chat(&headers(&[("x-genops-trace", forged)]), &chat(50)).await;
    assert_eq!(answer.status, 200);
    let id = awu_id(&answer);
    assert!(id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit()), "{id}");
    let evaluated = stage.otlp.events(EVALUATED, 1).await;
    assert_eq!(evaluated[0].attributes["genops.awu.id"], json!(id));
    assert_eq!(evaluated[0].trace_id, "");
}

#[tokio::test]
async fn the_provider_is_asked_for_an_answer_that_is_not_compressed() {
    let stage = Stage::start(tokens()).await;
    stage.simulator.behave(Behaviour { gzip: Gzip::IfAccepted, ..Behaviour::default() });
    let answer = stage.http1().chat(&headers(&[("accept-encoding", "gzip, br")]), &chat(50)).await;
    assert_eq!(answer.header("content-encoding"), None);
    assert_eq!(answer.json()["usage"]["total_tokens"], ACTUAL);
    assert_eq!(stage.simulator.only_request().header("accept-encoding"), Some("identity"));
    assert_eq!(stage.left("search").await, LIMIT - ACTUAL);
    // A request that names no encoding stays as it is.
    stage.http1().chat(&SEARCH, &chat(50)).await;
    assert_eq!(stage.simulator.received()[1].header("accept-encoding"), None);
}

/// Requests that are no AI call.
async fn strangers(client: &Client) -> Vec<Answer> {
    let requests = [
        (Method::GET, "/index.html", ""),
        (Method::POST, "/login", "user=me"),
        (Method::PUT, "/v1/chat/completions", "{}"),
    ];
    let mut answers = Vec::new();
    for (method, path, body) in requests {
        let sent = [("x-genops-team", "search"), ("x-genops-trace", "forged")];
        let answer = client.try_request(method, path, &sent, body.as_bytes().to_vec()).await;
        answers.push(answer.expect("an answer"));
    }
    answers
}

#[tokio::test]
async fn traffic_that_is_no_ai_call_passes_untouched_and_ungoverned() {
    let stage = Stage::start(tokens()).await;
    let canned = Canned { content_type: "text/plain".to_owned(), pieces: vec![Bytes::from("hello")] };
    let headers = vec![("x-genops-policy-result".to_owned(), "ALLOWED".to_owned())];
    stage.simulator.behave(Behaviour { canned: Some(canned), headers, ..Behaviour::default() });
    for answer in strangers(&stage.http1()).await {
        assert_eq!((answer.status, answer.text()), (200, "hello".to_owned()));
        assert!(
            !answer.headers.keys().any(|name| name.as_str().starts_with("x-genops")),
            "{:?}",
            answer.headers
        );
    }
    for received in stage.simulator.received() {
        let own: Vec<_> = received.headers.iter().filter(|(name, _)| name.starts_with("x-genops")).collect();
        assert!(own.is_empty(), "{} got {own:?}", received.path);
    }
    stage.counts("genops_ungoverned_total{}", 3.0).await;
    assert_eq!(stage.left("search").await, LIMIT);
}

#[tokio::test]
async fn traffic_that_is_no_ai_call_is_refused_where_the_configuration_says_so() {
    let mut config = tokens();
    config["failure"] = json!({"unrecognised": "refuse"});
    let stage = Stage::start(config).await;
    for answer in strangers(&stage.http1()).await {
        assert_eq!(answer.status, 403);
        assert_eq!(seen(&answer, &RESULT), [Some("BLOCKED"), Some("x_ungoverned")]);
        assert_eq!(answer.json()["error"]["code"], "x_ungoverned");
    }
    assert_eq!(stage.upstream_requests().await, 0);
    // What a known API gives for nothing is no stranger.
    let models = stage.http1().try_request(Method::GET, "/v1/models", &SEARCH, Vec::new()).await;
    assert_eq!(models.expect("an answer").header("x-genops-reason-code"), None);
    assert_eq!(stage.upstream_requests().await, 1);
    stage.counts("genops_free_calls_total{}", 1.0).await;
    assert_eq!(stage.http1().chat(&SEARCH, &chat(50)).await.status, 200);
}

#[tokio::test]
async fn bodies_pass_byte_for_byte_in_both_directions() {
    let stage = Stage::start(tokens()).await;
    // Odd blanks, escapes, characters beyond ASCII, unknown members: all of it is the application's.
    let request = "\n{ \"model\" :\t\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\",\"content\":\"Gr\\u00fc\u{df}e \u{1f600}\"}],\r\n\
                   \"max_tokens\":5,\"x\":1e2 , \"y\":[ ]} \n";
    let answer = "{ \"usage\" : {\"prompt_tokens\":3,\"completion_tokens\":4,\"total_tokens\":7},\n\"odd\" : \"\u{df}\" }\n\n";
    let pieces =
        [&answer[..9], &answer[9..40], &answer[40..]].map(|piece| Bytes::from(piece.to_owned())).to_vec();
    let canned = Canned { content_type: "application/json".to_owned(), pieces };
    for client in [stage.http1(), stage.http2()] {
        stage.simulator.next(Behaviour { canned: Some(canned.clone()), ..Behaviour::default() });
        let sent = request.as_bytes().to_vec();
        let got = client.try_request(Method::POST, "/v1/chat/completions?a=b%20c", &SEARCH, sent).await;
        let got = got.expect("an answer");
        assert_eq!(got.status, 200, "{}", got.text());
        assert_eq!(got.text(), answer);
        let received = stage.simulator.received().pop().expect("the provider was called");
        assert_eq!(received.body, request.as_bytes());
        assert_eq!(received.path, "/v1/chat/completions?a=b%20c");
    }
    assert_eq!(stage.left("search").await, LIMIT - 2 * 7);
}
