//! From a request to its answer: records it, chooses the shape, dresses it in HTTP.

use super::behaviour::{Behaviour, Cut, Gzip, Hold};
use super::call::Call;
use super::figures::Usage;
use super::output::{Outcome, Output};
use super::shape::{JSON, Shape};
use super::{State, chat, embeddings, provider, responses};
use crate::serve::BoxError;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::{Request, Response};
use std::sync::Arc;

pub(super) async fn respond(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<Output>, BoxError> {
    let (head, body) = request.into_parts();
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    let entry = state.ledger.arrived(head.method.as_str(), target, &head.headers);
    let (body, complete) = collect(body).await;
    state.ledger.body(entry, body.clone(), complete);
    if !complete {
        return Err("the request broke off".into());
    }
    let outcome = Outcome::new(Arc::clone(&state));
    let behaviour = state.behaviour().with_headers(&head.headers);
    if let Hold::BeforeAnswer(gate) = &behaviour.hold {
        gate.pass().await;
    }
    if behaviour.cut == Cut::BeforeAnswer {
        outcome.cut();
        return Err("the simulator closes without an answer".into());
    }
    let query = head.uri.query().unwrap_or_default();
    let shape = self::shape(head.uri.path(), query, &Call::parse(&body), &behaviour);
    dress(shape, &head.headers, &behaviour, outcome)
}

async fn collect(mut body: Incoming) -> (Bytes, bool) {
    let mut all = Vec::new();
    while let Some(frame) = body.frame().await {
        match frame.map(hyper::body::Frame::into_data) {
            Ok(Ok(data)) => all.extend_from_slice(&data),
            Ok(Err(_trailers)) => {}
            Err(_) => return (all.into(), false),
        }
    }
    (all.into(), true)
}

fn dress(
    mut shape: Shape,
    asked: &HeaderMap,
    behaviour: &Behaviour,
    outcome: Outcome,
) -> Result<Response<Output>, BoxError> {
    let mut response = Response::builder()
        .status(shape.status)
        .header("content-type", shape.content_type.as_str())
        .header("x-request-id", "req_simulated")
        .header("openai-processing-ms", "1");
    for (name, value) in &shape.headers {
        response = response.header(*name, value);
    }
    if is_compressed(behaviour.gzip, asked) {
        shape.compress();
        response = response.header("content-encoding", "gzip");
    }
    for (name, value) in &behaviour.headers {
        response = response.header(name, value);
    }
    let is_stream = shape.content_type != JSON;
    let output = Output::new(shape.pieces, behaviour, outcome.with_usage(shape.usage));
    if !is_stream {
        response = response.header("content-length", output.length());
    }
    Ok(response.body(output)?)
}

fn is_compressed(gzip: Gzip, asked: &HeaderMap) -> bool {
    let accepted = asked.get("accept-encoding").and_then(|value| value.to_str().ok());
    match gzip {
        Gzip::No => false,
        Gzip::IfAccepted => accepted.is_some_and(|codings| codings.contains("gzip")),
        Gzip::Always => true,
    }
}

/// What the endpoint of a path answers.
fn shape(path: &str, query: &str, call: &Call, behaviour: &Behaviour) -> Shape {
    if let Some(status) = behaviour.status {
        return Shape::error(status);
    }
    if let Some(canned) = &behaviour.canned {
        let content_type = canned.content_type.clone();
        return Shape::pieces(Usage::default(), &content_type, canned.pieces.clone());
    }
    match path {
        "/v1/chat/completions" => chat::answer(call, behaviour),
        "/v1/responses" => responses::answer(call, behaviour),
        "/v1/embeddings" => embeddings::answer(call, behaviour),
        _ => provider::answer(path, query, call, behaviour).unwrap_or_else(|| Shape::error(404)),
    }
}
