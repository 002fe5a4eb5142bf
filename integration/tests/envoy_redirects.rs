//! What Envoy does with one call behind the filter's back: redirects that it follows itself, retries, hedges. Whatever
//! it is, it is one AWU, decided once and charged once.
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

use lab::simulator::{Chunks, Cut, Hold};
use lab::{Answer, Behaviour, Gate};
use serde_json::{Value, json};
use support::calls::{ACTUAL, CAP, PATH, RESERVED, SEARCH, chat, chat_streamed};
use support::config::{LIMIT, tokens};
use support::edits::{edited, editing, plain};
use support::settlement::usual;
use support::telemetry::{EVALUATED, RECONCILIATION, RESERVATION, awu_id, event_awu, text};
use support::{Setup, Stage};

/// A token budget per team, and limits that a second charge would show on: ten requests a day, one call in flight.
fn config() -> Value {
    let mut config = tokens();
    config["rate_limits"] = json!([{"name": "rpd", "unit": "requests", "amount": 10, "period": "day"}]);
    config["concurrency_limits"] = json!([{"name": "flights", "max": 1}]);
    config
}

/// The route's action, which the test edits.
fn action(bootstrap: &mut Value) -> &mut Value {
    let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
    let manager = bootstrap.pointer_mut(manager).expect("a connection manager");
    &mut manager["route_config"]["virtual_hosts"][0]["routes"][0]["route"]
}

async fn redirecting() -> Stage {
    redirecting_with(config()).await
}

async fn redirecting_with(config: Value) -> Stage {
    let setup = Setup::new(config).await;
    let edit = |bootstrap: &mut Value| {
        action(bootstrap)["internal_redirect_policy"] =
            json!({"max_internal_redirects": 3, "redirect_response_codes": [302, 303, 307, 308]});
    };
    setup.start_edited(edit).await
}

/// An answer that sends the call elsewhere.
fn moved(stage: &Stage, status: u16, path: &str) -> Behaviour {
    let location = format!("http://{}{path}", stage.addr);
    Behaviour {
        status: Some(status),
        headers: vec![("location".to_owned(), location)],
        ..Behaviour::default()
    }
}

/// One AWU: one decision, one reservation, one reconciliation of `actual`, one request of the rate; nothing in flight.
async fn charged_once(stage: &Stage, answer: &Answer, actual: u64, calls: u64) {
    let awu = awu_id(answer);
    stage.settles_at("search", LIMIT - actual).await;
    let reconciled = stage.event_of(&awu, RECONCILIATION).await;
    assert_eq!(reconciled.attributes["genops.accounting.actual"], json!(ACTUAL as f64));
    let of_team =
        |event: &&lab::LogRecord| event.attributes.get("genops.project") == Some(&json!("assistant"));
    let events = stage.otlp.logs();
    let own: Vec<_> = events.iter().filter(of_team).collect();
    for name in [EVALUATED, RESERVATION, RECONCILIATION] {
        let named: Vec<_> = own.iter().filter(|event| event.event_name == name).collect();
        assert_eq!(named.len() as u64, calls, "{name}: {named:#?}");
    }
    assert!(own.iter().any(|event| event_awu(event) == awu));
    // The probes by which accounts are read are given back; the next call takes the next request, and the only slot.
    let remaining = answer.header("x-ratelimit-remaining-requests").expect("a figure");
    assert_eq!(remaining, (10 - calls).to_string());
    stage.never_died().await;
}

#[tokio::test]
async fn a_call_that_envoy_redirects_is_one_awu_and_is_charged_once() {
    let stage = redirecting().await;
    for (calls, (status, body)) in
        (1..).zip([(302, chat(CAP)), (307, chat(CAP)), (308, chat_streamed(CAP)), (302, chat_streamed(CAP))])
    {
        let client = stage.http1();
        let received = stage.simulator.received().len();
        stage.simulator.next(moved(&stage, status, PATH));
        let answer = client.chat(&SEARCH, &body).await;
        assert_eq!(answer.status, 200, "{status}: {}", answer.text());
        assert_eq!(answer.header("x-genops-policy-result"), Some("ALLOWED"));
        assert_eq!(stage.simulator.received().len() - received, 2, "{status}: the provider saw it twice");
        let second = stage.simulator.received().pop().expect("a request");
        assert_eq!(second.json(), body, "the whole body went on");
        let own = second.headers.iter().filter(|(name, _)| name.starts_with("x-genops-")).count();
        assert_eq!(own, 0, "{:?}", second.headers);
        charged_once(&stage, &answer, calls * ACTUAL, calls).await;
    }
    let redirected = stage.envoy.stat("cluster.upstream.upstream_internal_redirect_succeeded_total").await;
    assert_eq!(redirected, Some(4));
    // Envoy traces the first stream alone: one AWU, one span.
    let all = stage.otlp.spans();
    let of_team = all.iter().filter(|span| text(span, "genops.project") == Some("assistant"));
    assert_eq!(of_team.count(), 4);
}

#[tokio::test]
async fn a_redirect_of_a_redirect_is_still_one_awu() {
    let stage = redirecting().await;
    for _ in 0..3 {
        stage.simulator.next(moved(&stage, 302, PATH));
    }
    let answer = stage.http1().chat(&SEARCH, &chat(CAP)).await;
    assert_eq!((answer.status, stage.simulator.received().len()), (200, 4));
    charged_once(&stage, &answer, ACTUAL, 1).await;
}

#[tokio::test]
async fn a_redirected_call_that_an_earlier_filter_holds_is_found_again_behind_others() {
    let edit = |bootstrap: &mut Value| {
        action(bootstrap)["internal_redirect_policy"] = json!({"redirect_response_codes": [302]});
        let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
        let manager = bootstrap.pointer_mut(manager).expect("a connection manager");
        let fault = "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault";
        let delay = json!({"header_delay": {}, "percentage": {"numerator": 100}});
        let filter = json!({"name": "fault", "typed_config": {"@type": fault, "delay": delay}});
        manager["http_filters"].as_array_mut().expect("filters").insert(0, filter);
    };
    let stage = Setup::new(tokens()).await.start_edited(edit).await;
    stage.simulator.next(moved(&stage, 302, PATH));
    let client = stage.http1();
    let redirected = tokio::spawn(async move {
        let held = [("x-genops-team", "search"), ("x-envoy-fault-delay-request", "1000")];
        client.chat(&held, &chat(CAP)).await
    });
    stage.simulator.wait_received(1).await;
    // While it is held on its second way, another call begins on the same worker.
    assert_eq!(usual(&stage.http1(), "other").await.status, 200);
    let answer = redirected.await.expect("the call");
    assert_eq!((answer.status, stage.simulator.received().len()), (200, 3), "{}", answer.text());
    assert_eq!(answer.header("x-genops-policy-result"), Some("ALLOWED"));
    stage.settles_at("search", LIMIT - ACTUAL).await;
    stage.never_died().await;
}

#[tokio::test]
async fn a_redirect_that_envoy_does_not_follow_is_an_answer_like_any_other() {
    let stage = redirecting().await;
    // One more than it follows.
    for _ in 0..4 {
        stage.simulator.next(moved(&stage, 302, PATH));
    }
    let answer = stage.http1().chat(&SEARCH, &chat(CAP)).await;
    assert_eq!((answer.status, stage.simulator.received().len()), (302, 4));
    assert_eq!(answer.header("x-genops-policy-result"), Some("ALLOWED"));
    assert_eq!(usual(&stage.http1(), "other").await.status, 200, "its slot is free again");
}

#[tokio::test]
async fn a_call_whose_redirect_leads_nowhere_is_settled() {
    let stage = redirecting().await;
    stage.simulator.next(moved(&stage, 302, PATH));
    stage.simulator.next(Behaviour { cut: Cut::BeforeAnswer, ..Behaviour::default() });
    let answer = stage.http1().chat(&SEARCH, &chat(CAP)).await;
    assert_eq!(answer.status, 503);
    // It had left: what was reserved counts as spent, once.
    stage.settles_at("search", LIMIT - RESERVED).await;
    assert_eq!(usual(&stage.http1(), "other").await.status, 200, "its slot is free again");
}

#[tokio::test]
async fn a_call_that_envoy_retries_is_charged_once() {
    let mut setup = Setup::new(config()).await;
    setup.options.retries =
        Some(lab::bootstrap::Retries { on: "5xx,reset".to_owned(), count: 3, per_try_timeout: None });
    let stage = setup.start().await;
    stage.simulator.next(Behaviour { status: Some(500), ..Behaviour::default() });
    stage.simulator.next(Behaviour { cut: Cut::BeforeAnswer, ..Behaviour::default() });
    let answer = stage.http1().chat(&SEARCH, &chat_streamed(CAP)).await;
    assert_eq!((answer.status, stage.simulator.received().len()), (200, 3));
    charged_once(&stage, &answer, ACTUAL, 1).await;
}

#[tokio::test]
async fn a_call_that_envoy_hedges_is_charged_once() {
    let mut setup = Setup::new(config()).await;
    setup.options.retries = Some(lab::bootstrap::Retries {
        on: "5xx,reset".to_owned(),
        count: 2,
        per_try_timeout: Some(std::time::Duration::from_millis(150)),
    });
    let stage = setup
        .start_edited(|bootstrap| {
            action(bootstrap)["hedge_policy"] = json!({"hedge_on_per_try_timeout": true})
        })
        .await;
    // The first try never answers, and stays under way beside the second.
    let hold = Hold::BeforeAnswer(Gate::closed());
    stage.simulator.next(Behaviour { hold, ..Behaviour::default() });
    let answer = stage.http1().chat(&SEARCH, &chat(CAP)).await;
    assert_eq!((answer.status, stage.simulator.received().len()), (200, 2), "{}", answer.text());
    charged_once(&stage, &answer, ACTUAL, 1).await;
}

/// What the provider streams to somebody who asks for usage, and that without the chunk that states it.
async fn streams() -> (String, String) {
    let mut setup = Setup::new(json!({})).await;
    setup.options.filter = lab::bootstrap::Filter::None;
    let bare = setup.start().await;
    let mut asked = plain();
    asked["stream_options"] = json!({"include_usage": true});
    let whole = bare.http1().post(PATH, &SEARCH, &asked).await.text();
    let hidden = whole.split_inclusive("\n\n").filter(|event| !event.contains(r#""choices":[],"#)).collect();
    (whole, hidden)
}

#[tokio::test]
async fn an_edited_request_is_redirected_as_it_was_edited_and_its_hidden_usage_stays_hidden() {
    let stage = redirecting_with(editing(config())).await;
    let (whole, expected) = streams().await;
    assert_ne!(whole, expected, "there is something to hide");
    let mut calls = 0;
    for status in [302, 307, 308] {
        // Chunks of every size, since the piece that is taken out can come in any.
        for (chunks, http2) in [(Chunks::Each, false), (Chunks::Every(7), true)] {
            let client = if http2 { stage.http2() } else { stage.http1() };
            stage.simulator.next(moved(&stage, status, PATH));
            stage.simulator.next(Behaviour { chunks, ..Behaviour::default() });
            let answer = client.post(PATH, &SEARCH, &plain()).await;
            calls += 1;
            assert_eq!(answer.text(), expected, "{status}, HTTP/2: {http2}");
            assert_eq!(answer.header("x-genops-output-cap"), Some(CAP.to_string().as_str()));
            let received = stage.simulator.received();
            assert_eq!(received.len(), 2 * calls, "{status}: the provider saw it twice");
            for request in &received[2 * (calls - 1)..] {
                assert_eq!(
                    String::from_utf8_lossy(&request.body),
                    edited(&plain().to_string()),
                    "{status}, HTTP/2: {http2}"
                );
                let length = edited(&plain().to_string()).len().to_string();
                assert_eq!(request.header("content-length"), Some(length.as_str()), "{status}");
                assert_eq!(request.header("transfer-encoding"), None);
            }
            let reconciled = stage.event_of(&awu_id(&answer), RECONCILIATION).await;
            assert_eq!(reconciled.attributes["genops.accounting.complete"], json!(true));
            charged_once(&stage, &answer, calls as u64 * ACTUAL, calls as u64).await;
        }
    }
    // Who asks for usage gets it, redirected or not.
    let mut asked = plain();
    asked["stream_options"] = json!({"include_usage": true});
    stage.simulator.next(moved(&stage, 307, PATH));
    assert_eq!(stage.http1().post(PATH, &SEARCH, &asked).await.text(), whole);
}

#[tokio::test]
async fn a_redirect_that_makes_it_another_request_is_still_one_awu() {
    let stage = redirecting_with(editing(config())).await;
    // See other: Envoy asks again by GET, and leaves the body out.
    stage.simulator.next(moved(&stage, 303, "/elsewhere"));
    let answer = stage.http1().post(PATH, &SEARCH, &plain()).await;
    let received = stage.simulator.received();
    let seen: Vec<_> = received.iter().map(|request| (request.method.as_str(), request.body.len())).collect();
    assert_eq!(seen, [("POST", edited(&plain().to_string()).len()), ("GET", 0)]);
    assert_eq!(received[1].header("content-length"), None);
    assert_eq!((answer.status, answer.header("x-genops-policy-result")), (404, Some("ALLOWED")));
    // The provider refused it, which costs nothing.
    stage.settles_at("search", LIMIT).await;
    let reconciled = stage.event_of(&awu_id(&answer), RECONCILIATION).await;
    assert_eq!(reconciled.attributes["genops.accounting.actual"], json!(0.0));
    assert_eq!(usual(&stage.http1(), "other").await.status, 200, "its slot is free again");
    stage.never_died().await;
}
