//! A client that leaves before its request was sent: given back, and the span says so.
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

use lab::{Gate, wait};
use serde_json::json;
use std::sync::Arc;
use support::Setup;
use support::calls::{ACTUAL, CAP, PATH, chat};
use support::config::tokens;
use support::telemetry::text;

/// The value of a span's tag that docs/telemetry.md recommends to those who want the span to be right too.
fn documented(tag: &str) -> Option<&'static str> {
    let document = include_str!("../../docs/telemetry.md");
    let (_, after) = document.split_once(&format!("\n- tag: {tag}\n  value: \""))?;
    after.lines().next()?.strip_suffix('"')
}

#[tokio::test]
async fn a_client_that_leaves_while_its_request_waits_for_a_connection_has_consumed_nothing() {
    let stage = Setup::new(tokens()).await;
    let stage = stage
        .start_edited(|bootstrap| {
            let thresholds =
                &mut bootstrap["static_resources"]["clusters"][0]["circuit_breakers"]["thresholds"];
            thresholds[0]["max_connections"] = json!(1);
            let manager =
                &mut bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0];
            let tags = &mut manager["typed_config"]["tracing"]["custom_tags"];
            for tag in tags.as_array_mut().expect("tags") {
                if let Some(value) = documented(tag["tag"].as_str().expect("a name")) {
                    tag["value"] = json!(value);
                }
            }
        })
        .await;
    let gate = Gate::closed();
    stage.simulator.hold(&gate);
    let busy = Arc::new(stage.http1());
    let first = tokio::spawn({
        let busy = busy.clone();
        async move { busy.post(PATH, &[("x-genops-team", "busy")], &chat(CAP)).await }
    });
    stage.simulator.wait_received(1).await;
    let leaving = stage.http1();
    let body = chat(CAP);
    let second = leaving.try_post(PATH, &[("x-genops-team", "leaving")], &body);
    let pending = wait::until(wait::DEADLINE, async || {
        (stage.envoy.stat("cluster.upstream.upstream_rq_pending_active").await == Some(1)).then_some(())
    });
    tokio::select! {
        _ = second => panic!("nobody answers it"),
        pending = pending => assert!(pending.is_some(), "it waits for a connection"),
    }
    drop(leaving);
    let span = stage.span_of_team("leaving").await;
    assert_eq!(text(&span, "genops.accounting.reserved"), Some("60"));
    gate.open();
    first.await.expect("ends");
    stage.voided("leaving").await;
    stage.settled("busy", ACTUAL, true).await;
    // Traffic without any of it.
    stage
        .http1()
        .open("GET".parse().expect("a method"), "/health", &[], Vec::new())
        .await
        .expect("an answer");
    let other = stage.otlp.span(|span| text(span, "http.method") == Some("GET")).await;
    assert_eq!(text(&other, "genops.accounting.actual"), None);
}

#[tokio::test]
async fn what_a_route_answers_by_itself_has_consumed_nothing_whatever_its_status() {
    let stage = Setup::new(tokens()).await;
    let stage = stage
        .start_edited(|bootstrap| {
            let manager =
                &mut bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0];
            let routes = &mut manager["typed_config"]["route_config"]["virtual_hosts"][0]["routes"];
            let routes = routes.as_array_mut().expect("routes");
            let body = json!({"inline_string": "{}"});
            routes.insert(
                0,
                json!({"match": {"prefix": "/mock/"}, "direct_response": {"status": 200, "body": body}}),
            );
            routes.insert(0, json!({"match": {"prefix": "/https/"}, "redirect": {"https_redirect": true}}));
        })
        .await;
    for (path, team, status) in
        [("/mock/v1/chat/completions", "mock", 200), ("/https/v1/chat/completions", "https", 301)]
    {
        let answer = stage.http1().post(path, &[("x-genops-team", team)], &chat(CAP)).await;
        assert_eq!((answer.status, answer.header("x-genops-reserved")), (status, Some("60")), "{path}");
        stage.voided(team).await;
    }
    assert_eq!(stage.upstream_requests().await, 0);
}
