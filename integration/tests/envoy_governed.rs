//! Calls that run to their end: what is let through, what is refused, and what each side gets to see.
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
use serde_json::{Value, json};
use support::calls::{ACTUAL, INPUT, OUTPUT, SEARCH, chat, chat_streamed, embeddings, headers, responses};
use support::config::{LIMIT, budget, prices, tokens, with_budgets};
use support::telemetry::{EVALUATED, RECONCILIATION, RESERVATION, awu_id, text};
use support::{Setup, Stage, trailers};

/// `None` for a header that is not there.
fn seen<'a>(answer: &'a Answer, names: &[&str]) -> Vec<Option<&'a str>> {
    names.iter().map(|name| answer.header(name)).collect()
}

const RESULT: [&str; 2] = ["x-genops-policy-result", "x-genops-reason-code"];

#[tokio::test]
async fn an_allowed_call_reaches_the_provider_and_its_answer_says_what_was_reserved() {
    let stage = Stage::start(tokens()).await;
    let answer = stage.http1().chat(&SEARCH, &chat(50)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["usage"]["total_tokens"], ACTUAL);
    assert_eq!(seen(&answer, &RESULT), [Some("ALLOWED"), None]);
    let budget = ["x-genops-budget-name", "x-genops-reserved", "x-genops-unit", "x-genops-budget-remaining"];
    let left = (LIMIT - INPUT - 50).to_string();
    assert_eq!(
        seen(&answer, &budget),
        [Some("team-tokens"), Some("60"), Some("tokens"), Some(left.as_str())]
    );
    assert_eq!(stage.simulator.only_request().json(), chat(50));
    assert_eq!(stage.left("search").await, LIMIT - ACTUAL);
}

#[tokio::test]
async fn every_api_whole_and_streamed_over_http1_and_http2_is_reconciled_with_what_the_provider_billed() {
    let mut config = tokens();
    config["budgets"][0]["limit"] = json!(100_000);
    let stage = Stage::start(config).await;
    let calls: [(&str, Value); 5] = [
        ("/v1/chat/completions", chat(50)),
        ("/v1/chat/completions", chat_streamed(50)),
        ("/v1/responses", responses(50, false)),
        ("/v1/responses", responses(50, true)),
        ("/v1/embeddings", embeddings()),
    ];
    for client in [stage.http1(), stage.http2()] {
        for (path, body) in &calls {
            let before = stage.simulator.served().usage.total_tokens();
            let answer = client.post(path, &SEARCH, body).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            assert_eq!(answer.header("x-genops-policy-result"), Some("ALLOWED"), "{path}");
            let billed = stage.simulator.served().usage.total_tokens() - before;
            let reconciled = stage.event_of(&awu_id(&answer), RECONCILIATION).await;
            assert_eq!(
                reconciled.attributes["genops.accounting.actual"],
                json!(billed as f64),
                "{path} {body}"
            );
            assert_eq!(reconciled.attributes["genops.accounting.complete"], json!(true), "{path} {body}");
            let reserved = if path.ends_with("embeddings") { INPUT } else { INPUT + 50 };
            assert_eq!(answer.header("x-genops-reserved"), Some(reserved.to_string().as_str()), "{path}");
        }
    }
    assert_eq!(stage.simulator.served().usage.total_tokens(), 2 * (4 * ACTUAL + INPUT));
    assert_eq!(stage.left("search").await, 100_000 - 2 * (4 * ACTUAL + INPUT));
}

#[tokio::test]
async fn a_request_that_ends_with_trailers_is_governed_like_any_other() {
    let stage = Stage::start(tokens()).await;
    let (status, body) = trailers::call(stage.addr, &SEARCH, &chat(50)).await;
    assert_eq!(status, 200, "{body:?}");
    assert_eq!(stage.simulator.only_request().json(), chat(50));
    assert_eq!(stage.left("search").await, LIMIT - ACTUAL);
    // A refusal works from the trailers too.
    let (status, body) = trailers::call(stage.addr, &SEARCH, &chat(LIMIT)).await;
    assert_eq!(status, 429, "{body:?}");
    assert_eq!(stage.upstream_requests().await, 1);
}

#[tokio::test]
async fn a_call_that_finds_nothing_left_is_refused_as_exceeded_and_reaches_nobody() {
    let mut config = with_budgets(json!([budget("team-tokens", INPUT + OUTPUT)]));
    config["budgets"][0]["window"] = json!("month");
    let stage = Stage::start(config).await;
    let client = stage.http1();
    assert_eq!(client.chat(&SEARCH, &chat(OUTPUT)).await.status, 200);
    let answer = client.chat(&SEARCH, &chat(1)).await;
    assert_eq!(answer.status, 429);
    assert_eq!(seen(&answer, &RESULT), [Some("BLOCKED"), Some("BUDGET_EXCEEDED")]);
    let headers = [
        "x-genops-budget-name",
        "x-genops-budget-remaining",
        "x-genops-unit",
        "x-should-retry",
        "content-type",
    ];
    let expected = ["team-tokens", "0", "tokens", "false", "application/json"].map(Some);
    assert_eq!(seen(&answer, &headers), expected);
    assert!(!awu_id(&answer).is_empty());
    let error = &answer.json()["error"];
    assert_eq!(
        (&error["type"], &error["code"]),
        (&json!("insufficient_quota"), &json!("insufficient_quota"))
    );
    assert_eq!(error["param"], Value::Null);
    let message = error["message"].as_str().expect("a message");
    assert!(message.contains("team-tokens") && message.contains("search"), "{message}");
    // The month ends some day, and then the call fits.
    let wait_s: u64 = answer.header("retry-after").expect("a hint").parse().expect("seconds");
    assert!((1..=31 * 86_400).contains(&wait_s), "{wait_s}");
    assert_eq!(stage.simulator.received().len(), 1);
    assert_eq!(stage.upstream_requests().await, 1);
    let refused = stage.metric(
        r#"genops_policy_evaluations_total{genops_result="BLOCKED",genops_reason_code="BUDGET_EXCEEDED"}"#,
    );
    assert_eq!(refused.await, 1.0);
}

#[tokio::test]
async fn a_call_that_finds_too_little_left_is_refused_as_not_reservable_and_changes_nothing() {
    let stage = Stage::start(tokens()).await;
    let client = stage.http1();
    let answer = client.chat(&SEARCH, &chat(LIMIT - INPUT + 1)).await;
    assert_eq!(answer.status, 429);
    assert_eq!(seen(&answer, &RESULT), [Some("BLOCKED"), Some("BUDGET_RESERVATION_FAILED")]);
    assert_eq!(answer.header("x-genops-budget-remaining"), Some("1000"));
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    // It is larger than the whole budget: no wait helps.
    assert_eq!(answer.header("retry-after"), None);
    assert_eq!(stage.upstream_requests().await, 0);
    assert!(stage.simulator.received().is_empty());
    // What fits to the last token is let through.
    assert_eq!(client.chat(&SEARCH, &chat(LIMIT - INPUT)).await.status, 200);
}

#[tokio::test]
async fn each_team_has_an_account_of_its_own() {
    let stage = Stage::start(tokens()).await;
    let client = stage.http1();
    for (team, calls) in [("search", 2), ("ads", 1)] {
        for _ in 0..calls {
            assert_eq!(client.chat(&[("x-genops-team", team)], &chat(50)).await.status, 200);
        }
    }
    assert_eq!(stage.left("search").await, LIMIT - 2 * ACTUAL);
    assert_eq!(stage.left("ads").await, LIMIT - ACTUAL);
    assert_eq!(stage.left("another").await, LIMIT);
}

#[tokio::test]
async fn a_refusal_that_a_short_wait_cures_tells_the_sdk_to_retry() {
    let mut config = with_budgets(json!([budget("team-tokens", ACTUAL)]));
    config["budgets"][0]["window"] = json!("minute");
    let stage = Stage::start(config).await;
    let client = stage.http1();
    // Two calls in one minute; a minute may end between them, but not three times.
    let mut answer = client.chat(&SEARCH, &chat(OUTPUT)).await;
    for _ in 0..3 {
        if answer.status != 429 {
            answer = client.chat(&SEARCH, &chat(OUTPUT)).await;
        }
    }
    assert_eq!(answer.status, 429, "{}", answer.text());
    let wait_s: u64 = answer.header("retry-after").expect("a hint").parse().expect("seconds");
    assert!((1..=60).contains(&wait_s), "{wait_s}");
    assert_eq!(answer.header("x-should-retry"), None);
    assert_eq!(answer.json()["error"]["code"], "rate_limit_exceeded");
    assert_eq!(seen(&answer, &RESULT), [Some("BLOCKED"), Some("BUDGET_EXCEEDED")]);
}

#[tokio::test]
async fn a_budget_in_warn_mode_lets_pass_and_says_what_it_noted() {
    let mut config = with_budgets(json!([budget("team-tokens", ACTUAL + 4)]));
    config["budgets"][0]["mode"] = json!("warn");
    let stage = Stage::start(config).await;
    let client = stage.http1();
    let codes = [None, Some("BUDGET_RESERVATION_FAILED"), Some("BUDGET_EXCEEDED")];
    for code in codes {
        let answer = client.chat(&SEARCH, &chat(OUTPUT)).await;
        assert_eq!(answer.status, 200);
        let result = if code.is_some() { "WARNING" } else { "ALLOWED" };
        assert_eq!(seen(&answer, &RESULT), [Some(result), code]);
        let span = stage.span_of(&awu_id(&answer)).await;
        assert_eq!(text(&span, "genops.policy.result"), Some(result));
        assert_eq!(text(&span, "genops.policy.reason_code"), code);
        let reconciled = stage.event_of(&awu_id(&answer), RECONCILIATION).await;
        assert_eq!(reconciled.attributes["genops.accounting.actual"], json!(ACTUAL as f64));
    }
    assert_eq!(stage.simulator.received().len(), 3);
}

#[tokio::test]
async fn a_money_budget_counts_by_the_prices_to_the_last_nano_unit() {
    // 10 tokens in and 50 out are 110 millionths of a dollar.
    let mut config = with_budgets(json!([
        {"name": "team-usd", "per": ["team"], "unit": "USD", "limit": 0.00015, "window": "total"},
    ]));
    config["prices"] = prices();
    let stage = Stage::start(config).await;
    let client = stage.http1();
    let answer = client.chat(&SEARCH, &chat(50)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let budget = ["x-genops-reserved", "x-genops-unit", "x-genops-budget-remaining"];
    assert_eq!(seen(&answer, &budget), [Some("0.00011"), Some("USD"), Some("0.00004")]);
    let reconciled = stage.event_of(&awu_id(&answer), RECONCILIATION).await;
    // 10 in and 16 out.
    assert_eq!(reconciled.attributes["genops.accounting.actual"], json!(0.000_042));
    assert_eq!(reconciled.attributes["genops.accounting.unit"], json!("USD"));
    let answer = client.chat(&SEARCH, &chat(50)).await;
    assert_eq!(answer.status, 429);
    assert_eq!(seen(&answer, &RESULT), [Some("BLOCKED"), Some("BUDGET_RESERVATION_FAILED")]);
    assert_eq!(answer.header("x-genops-budget-remaining"), Some("0.000108"));
    let mut unpriced = chat(1);
    unpriced["model"] = json!("nobody-knows-me");
    let answer = client.chat(&SEARCH, &unpriced).await;
    assert_eq!(answer.status, 403);
    assert_eq!(seen(&answer, &RESULT), [Some("BLOCKED"), Some("x_model_unpriced")]);
    assert_eq!(stage.upstream_requests().await, 1);
}

#[tokio::test]
async fn of_several_budgets_all_are_reserved_or_none() {
    let per_project = json!({
        "name": "project-tokens", "per": ["project"], "unit": "tokens", "window": "total",
        "limit": 2_000_000_000_u64, "limits": {"alpha": 70},
    });
    let stage = Stage::start(with_budgets(json!([budget("team-tokens", LIMIT), per_project]))).await;
    let client = stage.http1();
    let answer = client.chat(&headers(&[("x-genops-project", "alpha")]), &chat(50)).await;
    assert_eq!(answer.status, 200);
    // The first budget as configured is the one that the answer reports; the events tell of both.
    assert_eq!(answer.header("x-genops-budget-name"), Some("team-tokens"));
    stage.otlp.events(RECONCILIATION, 2).await;
    for name in [RESERVATION, RECONCILIATION] {
        let events = stage.otlp.events(name, 2).await;
        let mut budgets: Vec<_> =
            events.iter().map(|event| &event.attributes["genops.budget.name"]).collect();
        budgets.sort_by_key(|name| name.to_string());
        assert_eq!(budgets, ["project-tokens", "team-tokens"], "{name}");
    }
    let answer = client.chat(&headers(&[("x-genops-project", "alpha")]), &chat(50)).await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.header("x-genops-budget-name"), Some("project-tokens"));
    assert_eq!(answer.header("x-genops-budget-remaining"), Some((70 - ACTUAL).to_string().as_str()));
    // Nothing of the refused call stayed behind in the budget that could have held it.
    assert_eq!(stage.left("search").await, LIMIT - ACTUAL);
    assert_eq!(client.chat(&headers(&[("x-genops-project", "beta")]), &chat(50)).await.status, 200);
}

#[tokio::test]
async fn a_call_without_a_required_attribute_is_forbidden() {
    let stage = Stage::start(tokens()).await;
    let client = stage.http1();
    let nameless: [&[(&str, &str)]; 4] = [
        &[],
        &[("x-genops-team", "unknown")],
        &[("x-genops-team", "")],
        &[("x-genops-team", "search"), ("x-genops-team", "ads")],
    ];
    for headers in nameless {
        let answer = client.chat(headers, &chat(1)).await;
        assert_eq!(answer.status, 403, "{headers:?}");
        assert_eq!(seen(&answer, &RESULT), [Some("BLOCKED"), Some("x_attribution_missing")]);
        assert_eq!(answer.header("x-should-retry"), Some("false"));
        let message = answer.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
        assert!(message.contains("team") && message.contains("x-genops-team"), "{message}");
    }
    assert_eq!(stage.upstream_requests().await, 0);
}

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

/// Requests that are no billable AI call.
async fn strangers(client: &Client) -> Vec<Answer> {
    let requests = [
        (Method::GET, "/v1/models", ""),
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
    assert_eq!(stage.metric("genops_ungoverned_total{}").await, 4.0);
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
