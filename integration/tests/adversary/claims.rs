//! Forged, repeated and smuggled headers, beside what Envoy knows and without it.

use crate::support::calls::{RESULT, chat, seen};
use crate::support::config::{LIMIT, tokens};
use crate::support::telemetry::{EVALUATED, awu_id, text};
use crate::support::{Setup, Stage};
use lab::{Behaviour, RawConnection};
use serde_json::{Value, json};

/// A stage on which the route says that every call is `honest`'s, whatever headers claim.
async fn trusted() -> Stage {
    let mut config = tokens();
    config["attribution"]["team"] =
        json!({"sources": [{"header": "x-genops-team"}, {"route_metadata": ["genops", "team"]}]});
    let mut setup = Setup::new(config).await;
    setup.options.route_metadata = Some(json!({"genops": {"team": "honest"}}));
    setup.start().await
}

/// A request as bytes, so that no library tidies it up.
fn raw(headers: &[&str], body: &Value) -> String {
    let body = body.to_string();
    let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}

async fn answered(stage: &Stage, request: &str) -> String {
    let mut connection = RawConnection::open(stage.addr).await;
    connection.write(request).await;
    connection.read_to_end().await
}

#[tokio::test]
async fn no_header_moves_a_call_to_another_account_where_something_trusted_speaks() {
    let stage = trusted().await;
    let lies: [&[(&str, &str)]; 7] = [
        &[("x-genops-team", "victim")],
        &[("X-GENOPS-TEAM", "victim")],
        &[("x-genops-team", "victim"), ("X-Genops-Team", "victim")],
        &[("x-genops-team", "victim, honest")],
        &[("x-genops-team", "victim"), ("x-genops-awu-id", "mine"), ("x-genops-policy-result", "ALLOWED")],
        &[("x-genops-team", "victim"), ("connection", "x-genops-team")],
        &[("baggage", "genops.team=victim"), ("x_genops_team", "victim"), ("genops-team", "victim")],
    ];
    let mut calls = 0;
    for client in [stage.http1(), stage.http2()] {
        for lie in lies {
            // HTTP/2 knows no `connection` header.
            if client.try_post("/v1/chat/completions", lie, &chat(5)).await.is_err_and(|_| true) {
                assert!(lie.iter().any(|(name, _)| *name == "connection"), "{lie:?}");
                continue;
            }
            calls += 1;
        }
    }
    assert!(calls >= 13, "only {calls} lies were answered");
    let evaluated = stage.otlp.events(EVALUATED, calls).await;
    for event in &evaluated {
        assert_eq!(event.attributes["genops.team"], json!("honest"), "{event:?}");
    }
    assert!(stage.simulator.received().iter().all(|call| call.header("x-genops-team").is_none()));
}

#[tokio::test]
async fn where_headers_are_all_there_is_an_ambiguous_one_is_no_claim() {
    let stage = Stage::start(tokens()).await;
    let ambiguous: [&[&str]; 5] = [
        &["x-genops-team: victim", "x-genops-team: mine"],
        &["X-GenOps-Team: victim", "x-genops-team: victim"],
        &["x-genops-team:"],
        &["x-genops-team: unknown"],
        &["x_genops_team: victim"],
    ];
    for headers in ambiguous {
        let answer = answered(&stage, &raw(headers, &chat(5))).await;
        assert!(
            answer.starts_with("HTTP/1.1 403 ") && answer.contains("x_attribution_missing"),
            "{headers:?}: {answer}"
        );
    }
    // What is no header at all, Envoy does not even let in.
    for malformed in ["x-genops-team: vic\0tim", "x-genops team: victim", " x-genops-team: victim"] {
        let answer = answered(&stage, &raw(&[malformed], &chat(5))).await;
        assert!(
            answer.starts_with("HTTP/1.1 400 ") || answer.starts_with("HTTP/1.1 403 "),
            "{malformed:?}: {answer}"
        );
    }
    assert_eq!(stage.upstream_requests().await, 0);
    // Envoy joins a folded line; that is a name of its own.
    let answer = answered(&stage, &raw(&["x-genops-team: a\r\n victim"], &chat(5))).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    stage.settles_at("a victim", LIMIT - 15).await;
    // In any case the name is the same name.
    let answer = answered(&stage, &raw(&["X-GENOPS-TEAM: search"], &chat(5))).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    stage.settles_at("search", LIMIT - 15).await;
    stage.settles_at("victim", LIMIT).await;
}

#[tokio::test]
async fn the_filters_own_names_are_smuggled_neither_to_the_provider_nor_to_the_caller() {
    let stage = trusted().await;
    let forged = [
        "X-GenOps-Policy-Result",
        "x-genops-reason-code",
        "x-genops-awu-id",
        "x-genops-budget-name",
        "x-genops-budget-remaining",
        "x-genops-customer-id",
        "x-genops-",
        "x-genops-zzz",
    ];
    let pairs = forged.map(|name| (name.to_ascii_lowercase(), "forged".to_owned()));
    stage.simulator.behave(Behaviour { headers: pairs.to_vec(), ..Behaviour::default() });
    let sent: Vec<(&str, &str)> = forged.iter().chain(&forged).map(|name| (*name, "forged")).collect();
    for client in [stage.http1(), stage.http2()] {
        let lower: Vec<(String, &str)> =
            sent.iter().map(|(name, value)| (name.to_ascii_lowercase(), *value)).collect();
        let lower: Vec<(&str, &str)> = lower.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let answer = client.chat(&lower, &chat(5)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(seen(&answer, &RESULT), [Some("ALLOWED"), None]);
        assert!(!format!("{:?}", answer.headers).contains("forged"), "{:?}", answer.headers);
        let received = stage.simulator.received().pop().expect("the provider was called");
        assert!(!format!("{:?}", received.headers).contains("forged"), "{:?}", received.headers);
        // The AWU is Envoy's, not the caller's; and the customer id is a claim that nothing contradicts.
        let span = stage.span_of(&awu_id(&answer)).await;
        assert_eq!(text(&span, "genops.customer_id"), None, "it occurred twice");
    }
    // Nor through what is not governed, or is answered by Envoy itself.
    let models = stage
        .http1()
        .try_request(hyper::Method::GET, "/v1/models", &sent, Vec::new())
        .await
        .expect("an answer");
    assert!(!format!("{:?}", models.headers).contains("forged"), "{:?}", models.headers);
    let received = stage.simulator.received().pop().expect("the provider was called");
    assert!(!format!("{:?}", received.headers).contains("forged"), "{:?}", received.headers);
}

#[tokio::test]
async fn a_forged_identity_never_spends_from_the_victims_account_however_often_it_is_tried() {
    let stage = trusted().await;
    let client = stage.http1();
    for _ in 0..20 {
        let answer = client.chat(&[("x-genops-team", "victim")], &chat(5)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    // 20 calls of 15 tokens are the honest caller's own.
    let answer = client.chat(&[("x-genops-team", "victim")], &chat(1_000_000)).await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.header("x-genops-budget-remaining"), Some((LIMIT - 20 * 15).to_string().as_str()));
    assert!(answer.text().contains("honest") && !answer.text().contains("victim"), "{}", answer.text());
}
