//! Connections that are upgraded: refused, reserved a flat amount for, or let pass; and nothing of them is held back.
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
#[allow(dead_code, reason = "each suite uses a part of it")]
mod upgrades;

use lab::{RawConnection, Span, wait};
use serde_json::{Value, json};
use support::Stage;
use support::config::{LIMIT, tokens};
use support::telemetry::{RECONCILIATION, span_id, text};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use upgrades::{Echo, REALTIME, SWITCHING, ask, upgrading};

const FLAT: u64 = 400;
async fn stage(upgrade: Option<Value>, echo: &Echo) -> Stage {
    let mut config = tokens();
    if let Some(upgrade) = upgrade {
        config["failure"] = json!({"upgrade": upgrade});
    }
    upgrading(config, echo).await
}

async fn span_of(stage: &Stage, team: &str) -> Span {
    stage.span_of_team(team).await
}

#[tokio::test]
async fn an_upgrade_to_a_provider_is_refused_unless_configured() {
    let echo = Echo::start(SWITCHING).await;
    let stage = stage(None, &echo).await;
    let answer = ask(&stage, "api.openai.com", REALTIME, "search").await.read_until("x_ungoverned\"").await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    let span = span_of(&stage, "search").await;
    assert_eq!(text(&span, "genops.policy.reason_code"), Some("x_ungoverned"));
    assert_eq!(text(&span, "genops.operation.name"), Some("realtime"));
    assert!(echo.heads().is_empty(), "nothing went upstream");
    // What is no provider's passes as ever.
    let mut other = ask(&stage, "chat.example.com", "/socket", "search").await;
    other.read_until("101 Switching Protocols").await;
    other.write("hello").await;
    other.read_until("hello").await;
    stage.counts("genops_ungoverned_total{}", 1.0).await;
}

#[tokio::test]
async fn a_flat_amount_is_reserved_while_the_connection_lasts_and_posted_when_it_ends() {
    let echo = Echo::start(SWITCHING).await;
    let stage = stage(Some(json!({"reserve": FLAT})), &echo).await;
    let mut connection = ask(&stage, "api.openai.com", REALTIME, "search").await;
    let answer = connection.read_until("\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    assert!(answer.contains("x-genops-reserved: 400") && answer.contains("x-genops-policy-result: ALLOWED"));
    for frame in ["first frame", "second frame"] {
        connection.write(frame).await;
        connection.read_until(frame).await;
    }
    assert!(!echo.heads()[0].to_lowercase().contains("x-genops"), "{}", echo.heads()[0]);
    assert_eq!(stage.left("search").await, LIMIT - FLAT);
    // A second one fits, a third does not.
    let mut second = ask(&stage, "api.openai.com", REALTIME, "search").await;
    second.read_until("101 Switching Protocols").await;
    let third =
        ask(&stage, "api.openai.com", REALTIME, "search").await.read_until("insufficient_quota").await;
    assert!(third.starts_with("HTTP/1.1 429"), "{third}");
    drop((connection, second));
    let reconciled = stage.otlp.events(RECONCILIATION, 2).await;
    for event in &reconciled {
        assert_eq!(event.attributes["genops.accounting.actual"], json!(FLAT as f64));
        assert_eq!(event.attributes["genops.accounting.complete"], json!(false));
    }
    stage.settles_at("search", LIMIT - 2 * FLAT).await;
    let is_let_through = |span: &Span| text(span, "genops.policy.result") == Some("ALLOWED");
    let span = stage.otlp.span(is_let_through).await;
    assert_eq!(text(&span, "genops.accounting.actual"), Some("400"));
    assert_eq!(text(&span, "genops.accounting.complete"), Some("false"));
    assert_eq!(text(&span, "genops.cost.model"), Some("gpt-realtime"));
    stage.never_died().await;
}

#[tokio::test]
async fn an_upgrade_that_the_provider_declines_costs_nothing() {
    let echo = Echo::start("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n").await;
    let stage = stage(Some(json!({"reserve": FLAT})), &echo).await;
    let answer = ask(&stage, "api.openai.com", REALTIME, "search").await.read_until("\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    stage.settles_at("search", LIMIT).await;
    let span = span_of(&stage, "search").await;
    let event = stage.event_of(&span_id(&span), RECONCILIATION).await;
    assert_eq!(event.attributes["genops.accounting.actual"], json!(0.0));
    assert_eq!(event.attributes["genops.accounting.complete"], json!(true));
}

#[tokio::test]
async fn an_upgrade_that_may_pass_is_ungoverned() {
    let echo = Echo::start(SWITCHING).await;
    let stage = stage(Some(json!("pass")), &echo).await;
    let mut connection = ask(&stage, "api.openai.com", REALTIME, "search").await;
    let answer = connection.read_until("\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 101") && !answer.contains("x-genops"), "{answer}");
    connection.write("hello").await;
    connection.read_until("hello").await;
    stage.counts("genops_ungoverned_total{}", 1.0).await;
    assert_eq!(stage.left("search").await, LIMIT);
}

#[tokio::test]
async fn an_extended_connect_of_http2_is_an_upgrade_too() {
    let echo = Echo::start(SWITCHING).await;
    let stage = stage(Some(json!({"reserve": FLAT})), &echo).await;
    let stream = TcpStream::connect(stage.addr).await.expect("Envoy listens");
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, driver) = hyper::client::conn::http2::handshake(executor, io).await.expect("HTTP/2");
    let driving = tokio::spawn(driver);
    let request = || {
        hyper::Request::connect(format!("http://api.openai.com{REALTIME}"))
            .header("x-genops-team", "search")
            .extension(hyper::ext::Protocol::from_static("websocket"))
            .body(http_body_util::Empty::<bytes::Bytes>::new())
            .expect("a request")
    };
    // Envoy's settings, which allow it, must have come.
    let answer = wait::until(wait::DEADLINE, async || sender.send_request(request()).await.ok()).await;
    let answer = answer.expect("an answer");
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["x-genops-reserved"]),
        (200, &"400".parse().expect("a value"))
    );
    let upgraded = hyper::upgrade::on(answer).await.expect("it is upgraded");
    let mut upgraded = hyper_util::rt::TokioIo::new(upgraded);
    upgraded.write_all(b"a frame").await.expect("written");
    let mut echoed = [0; 7];
    upgraded.read_exact(&mut echoed).await.expect("echoed");
    assert_eq!(&echoed, b"a frame");
    assert_eq!(stage.left("search").await, LIMIT - FLAT);
    drop((upgraded, sender));
    driving.abort();
    let event = stage.otlp.events(RECONCILIATION, 1).await.remove(0);
    assert_eq!(event.attributes["genops.accounting.complete"], json!(false));
    stage.settles_at("search", LIMIT - FLAT).await;
}

#[tokio::test]
async fn a_call_with_a_body_is_governed_whatever_it_wants_to_become() {
    let echo = Echo::start(SWITCHING).await;
    let stage = stage(Some(json!("pass")), &echo).await;
    let body = support::calls::chat(support::calls::CAP).to_string();
    let mut connection = RawConnection::open(stage.addr).await;
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: api.openai.com\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         x-genops-team: search\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        support::calls::PATH,
        body.len()
    );
    connection.write(head + &body).await;
    // Envoy takes everything after the head for the new protocol's, so that the body never ends and nothing leaves.
    let held =
        async || (stage.envoy.stat("http.ingress.downstream_rq_active").await == Some(1)).then_some(());
    assert!(wait::until(wait::DEADLINE, held).await.is_some());
    drop(connection);
    wait::until(wait::DEADLINE, async || {
        (stage.envoy.stat("http.ingress.downstream_rq_active").await == Some(0)).then_some(())
    })
    .await
    .expect("it ends with its connection");
    assert!(echo.heads().is_empty(), "it left: {:?}", echo.heads());
    assert_eq!(stage.left("search").await, LIMIT);
    assert_eq!(stage.metric("genops_ungoverned_total{}").await, 0.0);
}
