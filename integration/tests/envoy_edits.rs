//! Edited bodies on the wire: what the provider gets, with which length, and what the client sees of it.
//!
//! Needs `GENOPS_ENVOY`, `GENOPS_WASM` and `GENOPS_PYTHON`.
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
use lab::bootstrap::Filter;
use lab::simulator::{Canned, Chunks, Cut};
use lab::{Behaviour, Client, RawConnection};
use serde_json::{Value, json};
use support::calls::{ACTUAL, CAP, INPUT, PATH, RESERVED, SEARCH, chat};
use support::config::{LIMIT, tokens};
use support::edits::{edited, editing, plain};
use support::telemetry::{RECONCILIATION, awu_id, text};
use support::{Setup, Stage, application, trailers};

/// Speaks HTTP/2 with the provider.
fn http2_upstream(bootstrap: &mut Value) {
    bootstrap["static_resources"]["clusters"][0]["typed_extension_protocol_options"] = json!({
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}},
        },
    });
}

async fn ungoverned() -> Stage {
    let mut setup = Setup::new(json!({})).await;
    setup.options.filter = Filter::None;
    setup.start().await
}

#[tokio::test]
async fn the_provider_gets_the_edited_body_with_its_length_over_every_pair_of_protocols() {
    let body = plain().to_string();
    for http2 in [false, true] {
        let edit = if http2 { http2_upstream } else { |_: &mut Value| {} };
        let stage = Setup::new(editing(tokens())).await.start_edited(edit).await;
        for client in [stage.http1(), stage.http2()] {
            for _ in 0..3 {
                let answer = client.post(PATH, &SEARCH, &plain()).await;
                assert_eq!(answer.status, 200, "{}", answer.text());
                assert_eq!(answer.header("x-genops-output-cap"), Some(CAP.to_string().as_str()));
                assert_eq!(answer.header("x-genops-output-cap-requested"), None);
            }
        }
        let received = stage.simulator.received();
        assert_eq!(received.len(), 6, "nothing was taken for a further request");
        for request in &received {
            assert_eq!(String::from_utf8_lossy(&request.body), edited(&body), "HTTP/2 upstream: {http2}");
            // Clients of both protocols stated the length.
            let length = edited(&body).len().to_string();
            assert_eq!(request.header("content-length"), Some(length.as_str()));
            assert_eq!(request.header("transfer-encoding"), None);
        }
        assert_eq!(stage.left("search").await, LIMIT - 6 * ACTUAL);
    }
}

#[tokio::test]
async fn requests_that_follow_each_other_on_one_connection_are_never_confused() {
    let stage = Stage::start(editing(tokens())).await;
    let mut connection = RawConnection::open(stage.addr).await;
    // What follows in the body would be a request if the upstream read too little of it.
    let smuggled = "POST /v1/chat/completions HTTP/1.1\\r\\nhost: a\\r\\ncontent-length: 2\\r\\n\\r\\n{}";
    let body = |n: usize| {
        format!(
            r#"{{"model":"gpt-4o-mini","stream":true,"user":"{n}","messages":[{{"role":"user","content":"{smuggled}"}}]}}"#
        )
    };
    let mut pipeline = String::new();
    const REQUESTS: usize = 8;
    for n in 0..REQUESTS {
        let body = body(n);
        let head = format!(
            "POST {PATH} HTTP/1.1\r\nhost: provider\r\nx-genops-team: search\r\ncontent-type: application/json\r\n"
        );
        // By turns a stated length, and chunks that cut the body in two.
        let request = if n % 2 == 0 {
            format!("{head}content-length: {}\r\n\r\n{body}", body.len())
        } else {
            let (first, second) = body.split_at(40);
            let chunk = |piece: &str| format!("{:x}\r\n{piece}\r\n", piece.len());
            format!("{head}transfer-encoding: chunked\r\n\r\n{}{}0\r\n\r\n", chunk(first), chunk(second))
        };
        pipeline.push_str(&request);
    }
    connection.write(&pipeline).await;
    connection.write("GET /last HTTP/1.1\r\nhost: provider\r\nconnection: close\r\n\r\n").await;
    let answers = connection.read_to_end().await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), REQUESTS, "{answers}");
    assert_eq!(
        answers.matches("HTTP/1.1 404 Not Found").count(),
        1,
        "the last one reached the provider: {answers}"
    );
    let received = stage.simulator.received();
    assert_eq!(received.len(), REQUESTS + 1, "{received:#?}");
    for (n, request) in received[..REQUESTS].iter().enumerate() {
        assert_eq!(request.json()["user"], json!(n.to_string()), "in order, each once");
        assert_eq!(String::from_utf8_lossy(&request.body), edited(&body(n)));
        match request.header("content-length") {
            Some(length) => assert_eq!(length, request.body.len().to_string()),
            None => assert_eq!(request.header("transfer-encoding"), Some("chunked")),
        }
    }
    assert_eq!((received[REQUESTS].method.as_str(), received[REQUESTS].path.as_str()), ("GET", "/last"));
}

#[tokio::test]
async fn a_request_that_ends_with_trailers_is_edited_like_any_other() {
    let stage = Stage::start(editing(tokens())).await;
    let (status, body) = trailers::call(stage.addr, &SEARCH, &plain()).await;
    assert_eq!(status, 200, "{body:?}");
    assert_eq!(String::from_utf8_lossy(&stage.simulator.only_request().body), edited(&plain().to_string()));
}

#[tokio::test]
async fn a_body_that_an_edit_makes_larger_than_envoys_buffer_is_refused_by_envoy_and_reserves_nothing() {
    const BUFFER: usize = 65_536;
    let mut config = editing(tokens());
    config["budgets"][0]["limit"] = json!(1_000_000);
    let mut setup = Setup::new(config).await;
    setup.options.buffer_limit_bytes = Some(BUFFER as u32);
    let stage = setup.start().await;
    let sized = |bytes: usize| {
        let mut body = plain();
        body["messages"][0]["content"] = json!("");
        body["messages"][0]["content"] = json!("x".repeat(bytes - body.to_string().len()));
        body
    };
    let growth = edited(&plain().to_string()).len() - plain().to_string().len();
    for client in [stage.http1(), stage.http2()] {
        let answer = client.post(PATH, &SEARCH, &sized(BUFFER - growth)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    for request in stage.simulator.received() {
        assert_eq!(String::from_utf8_lossy(&request.body), edited(&sized(BUFFER - growth).to_string()));
    }
    let left = stage.left("search").await;
    let answer = stage.http1().post(PATH, &SEARCH, &sized(BUFFER)).await;
    assert_eq!(answer.status, 413, "{}", answer.text());
    assert_eq!(stage.simulator.received().len(), 2);
    stage.settles_at("search", left).await;
}

#[tokio::test]
async fn the_client_sees_its_stream_to_the_byte_without_the_usage_it_did_not_ask_for() {
    let stage = Stage::start(editing(tokens())).await;
    let bare = ungoverned().await;
    let mut asked = plain();
    asked["stream_options"] = json!({"include_usage": true});
    let whole = bare.http1().post(PATH, &SEARCH, &asked).await.text();
    let expected: String =
        whole.split_inclusive("\n\n").filter(|event| !event.contains(r#""choices":[],"#)).collect();
    assert_eq!(whole.matches("data:").count() - expected.matches("data:").count(), 1);
    let mut calls = 0;
    for chunks in [Chunks::Each, Chunks::Whole, Chunks::Every(1), Chunks::Every(7), Chunks::Every(300)] {
        for client in [stage.http1(), stage.http2()] {
            stage.simulator.next(Behaviour { chunks: chunks.clone(), ..Behaviour::default() });
            let answer = client.post(PATH, &SEARCH, &plain()).await;
            assert_eq!(answer.text(), expected, "{chunks:?}");
            let reconciled = stage.event_of(&awu_id(&answer), RECONCILIATION).await;
            assert_eq!(reconciled.attributes["genops.accounting.actual"], json!(ACTUAL as f64));
            assert_eq!(reconciled.attributes["genops.accounting.complete"], json!(true));
            let span = stage.span_of(&awu_id(&answer)).await;
            assert_eq!(text(&span, "genops.request.edits"), Some("include_usage,output_cap"));
            calls += 1;
        }
    }
    assert_eq!(stage.left("search").await, LIMIT - calls * ACTUAL);
    // Who asks for usage gets it.
    let answer = stage.http1().post(PATH, &SEARCH, &asked).await;
    assert_eq!(answer.text(), whole);
}

#[tokio::test]
async fn a_stream_that_breaks_off_has_passed_every_whole_event_and_every_choice() {
    let stage = Stage::start(editing(tokens())).await;
    let bare = ungoverned().await;
    let mut asked = plain();
    asked["stream_options"] = json!({"include_usage": true});
    let whole = bare.http1().post(PATH, &SEARCH, &asked).await.text();
    let in_usage = whole.find(r#""choices":[],"#).expect("a usage chunk");
    let in_choice = whole[..1_000].rfind(r#""choices":[{"#).expect("a choice") + 30;
    for (team, cut) in
        [("in-choice", in_choice), ("before-choice", in_choice - 31), ("in-usage", in_usage + 20)]
    {
        stage.simulator.next(Behaviour { cut: Cut::AfterBytes(cut), ..Behaviour::default() });
        let client = stage.http1();
        let mut stream = client.stream(PATH, &[("x-genops-team", team)], &plain()).await;
        let mut seen = Vec::new();
        let error = loop {
            match stream.next().await {
                Ok(Some(piece)) => seen.extend(piece),
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        assert!(error.is_some(), "the client learns that the stream broke");
        let events = whole[..cut].rfind("\n\n").expect("an event") + 2;
        let passes = whole[events..cut].contains(r#""choices":[{"#);
        assert_eq!(String::from_utf8_lossy(&seen), whole[..if passes { cut } else { events }], "{team}");
        let span = stage.otlp.span(|span| text(span, "genops.team") == Some(team)).await;
        assert_eq!(text(&span, "genops.accounting.complete"), Some("false"));
    }
    assert_eq!(stage.envoy.stat("wasm.genops.vm_reload_success").await.unwrap_or(0), 0);
}

/// A provider that answers with these bytes and trailers.
async fn with_trailers(body: &'static str) -> lab::serve::Server {
    lab::serve::Server::start(move |request: hyper::Request<hyper::body::Incoming>| async move {
        use http_body_util::BodyExt as _;
        request.into_body().collect().await?;
        let answer = hyper::Response::builder().header("content-type", "text/event-stream");
        Ok(answer.body(trailers::body(Bytes::from_static(body.as_bytes())))?)
    })
    .await
}

#[tokio::test]
async fn a_stream_that_ends_with_trailers_loses_its_usage_alone() {
    const BEFORE: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":null}\n\n";
    const BODY: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":null}\n\n\
        data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,\"total_tokens\":7}}\n\n\
        data: {\"choices\":[{\"delta\":{\"content\":\"b\"}}],\"usage\":null}";
    const AFTER: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"b\"}}],\"usage\":null}";
    let provider = with_trailers(BODY).await;
    let mut setup = Setup::new(editing(tokens())).await;
    setup.options.upstream = provider.addr();
    let stage = setup.start_edited(http2_upstream).await;
    for (client, team) in [(stage.http1(), "over-http1"), (stage.http2(), "over-http2")] {
        let answer = client.post(PATH, &[("x-genops-team", team)], &plain()).await;
        assert_eq!(answer.text(), format!("{BEFORE}{AFTER}"));
        stage.settled(team, 7, true).await;
    }
}

#[tokio::test]
async fn a_stated_length_of_the_answer_goes_when_a_piece_of_it_may() {
    let stage = Stage::start(editing(tokens())).await;
    let events = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,\"total_tokens\":7}}\n\n";
    let body = format!("{events}{usage}");
    for client in [stage.http1(), stage.http2()] {
        let canned =
            Canned { content_type: "text/event-stream".to_owned(), pieces: vec![Bytes::from(body.clone())] };
        let headers = vec![("content-length".to_owned(), body.len().to_string())];
        stage.simulator.next(Behaviour { canned: Some(canned), headers, ..Behaviour::default() });
        let answer = client.post(PATH, &SEARCH, &plain()).await;
        assert_eq!(answer.text(), events);
        assert_eq!(answer.header("content-length"), None);
        // The connection is as good as before.
        assert_eq!(client.post(PATH, &SEARCH, &plain()).await.status, 200);
    }
}

#[tokio::test]
async fn a_signed_body_reaches_the_provider_as_it_was_signed() {
    let stage = Stage::start(editing(tokens())).await;
    let signed = "AWS4-HMAC-SHA256 Credential=k/20260221/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=0";
    let answer =
        stage.http1().post(PATH, &[("x-genops-team", "search"), ("authorization", signed)], &plain()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(stage.simulator.only_request().json(), plain());
    let span = stage.span_of(&awu_id(&answer)).await;
    assert_eq!(text(&span, "genops.request.edits_kept"), Some("signed_body"));
    assert_eq!(text(&span, "genops.request.edits"), None);
    // Nobody asked for usage: the 80 bytes of text that passed are counted.
    stage.settled("search", INPUT + 20, false).await;
}

#[tokio::test]
async fn the_official_sdk_streams_as_ever_and_its_usage_is_posted_completely() {
    let stage = Stage::start(editing(tokens())).await;
    let seen = application::line(application::openai(&stage, "streams.py")).await;
    for call in ["plain", "helper", "asking"] {
        assert_eq!(seen[call]["text"], "word ".repeat(16), "{seen}");
        assert_eq!(seen[call]["finish"], "stop", "{seen}");
    }
    assert_eq!(
        (&seen["plain"]["usage"], &seen["plain"]["empty_chunks"]),
        (&Value::Null, &json!(0)),
        "{seen}"
    );
    assert_eq!(
        (&seen["helper"]["usage"], &seen["helper"]["empty_chunks"]),
        (&Value::Null, &json!(0)),
        "{seen}"
    );
    assert_eq!(
        (&seen["asking"]["usage"], &seen["asking"]["empty_chunks"]),
        (&json!(ACTUAL), &json!(1)),
        "{seen}"
    );
    let reconciled = stage.otlp.events(RECONCILIATION, 3).await;
    for event in &reconciled {
        assert_eq!(event.attributes["genops.accounting.complete"], json!(true));
        assert_eq!(event.attributes["genops.accounting.actual"], json!(ACTUAL as f64));
    }
}

#[tokio::test]
async fn nothing_is_edited_unless_the_configuration_says_so() {
    let stage = Stage::start(tokens()).await;
    for body in [plain(), chat(CAP)] {
        let answer = Client::http1(stage.addr).post(PATH, &SEARCH, &body).await;
        assert_eq!(answer.status, 200);
        let received = stage.simulator.received();
        assert_eq!(String::from_utf8_lossy(&received.last().expect("one").body), body.to_string());
    }
    assert_eq!(INPUT + CAP, RESERVED);
}
