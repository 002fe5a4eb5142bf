//! HTTP/2 messages that end with trailers, which nothing else in the laboratory sends.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{HeaderMap, HeaderValue};
use hyper_util::rt::{TokioExecutor, TokioIo};
use lab::serve::BoxError;
use lab::wait::DEADLINE;
use serde_json::Value;
use std::net::SocketAddr;
use tokio::time::timeout;

/// A body of `bytes`, then a trailer.
pub(crate) fn body(bytes: Bytes) -> http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError> {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-checksum", HeaderValue::from_static("12345"));
    let body = Full::new(bytes).with_trailers(Box::pin(async move { Some(Ok(trailers)) }));
    body.map_err(|never: std::convert::Infallible| match never {}).boxed_unsync()
}

/// A chat completion whose request ends with trailers: status and body of its answer.
pub(crate) async fn call(addr: SocketAddr, headers: &[(&str, &str)], chat: &Value) -> (u16, Bytes) {
    let stream = tokio::net::TcpStream::connect(addr).await.expect("the listener accepts");
    let io = TokioIo::new(stream);
    let (mut sender, driver) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.expect("HTTP/2");
    let driver = tokio::spawn(driver);
    let mut request = hyper::Request::post(format!("http://{addr}/v1/chat/completions"))
        .header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body(chat.to_string().into())).expect("a request");
    let response =
        timeout(DEADLINE, sender.send_request(request)).await.expect("in time").expect("an answer");
    let status = response.status().as_u16();
    let body = timeout(DEADLINE, response.into_body().collect()).await.expect("in time").expect("a body");
    driver.abort();
    (status, body.to_bytes())
}
