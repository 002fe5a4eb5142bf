//! The application's side: calls through Envoy, whole or streamed, and abandoned on purpose.
//!
//! A [`Client`] is one connection, HTTP/1.1 keep-alive or HTTP/2 with prior knowledge, opened at its first
//! call and again after the peer closed it. Dropping a [`Streaming`] answer midway is what an application
//! that lost interest does: it closes the HTTP/1.1 connection, or resets the HTTP/2 stream.

mod connection;
mod raw;
mod streaming;

pub use connection::Protocol;
pub use raw::RawConnection;
pub use streaming::Streaming;

use crate::serve::BoxError;
use crate::wait::DEADLINE;
use bytes::Bytes;
use connection::Connection;
use http_body_util::Full;
use hyper::header::HeaderMap;
use hyper::{Method, Request};
use serde_json::Value;
use std::net::SocketAddr;
use tokio::sync::Mutex;

/// Header names and values to send, in this order.
pub type Headers<'a> = &'a [(&'a str, &'a str)];

/// One connection to Envoy, or to anything else that speaks HTTP.
#[derive(Debug)]
pub struct Client {
    addr: SocketAddr,
    protocol: Protocol,
    connection: Mutex<Option<Connection>>,
}

impl Client {
    /// HTTP/1.1, one call at a time, keep-alive.
    pub fn http1(addr: SocketAddr) -> Self {
        Self { addr, protocol: Protocol::Http1, connection: Mutex::new(None) }
    }

    /// HTTP/2 with prior knowledge; calls may overlap.
    pub fn http2(addr: SocketAddr) -> Self {
        Self { addr, protocol: Protocol::Http2, connection: Mutex::new(None) }
    }

    /// What it connects to.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// A chat completion, answered whole.
    pub async fn chat(&self, headers: Headers<'_>, body: &Value) -> Answer {
        self.post("/v1/chat/completions", headers, body).await
    }

    /// `POST` of a JSON body, answered whole; panics if no answer comes.
    pub async fn post(&self, path: &str, headers: Headers<'_>, body: &Value) -> Answer {
        let answer = self.try_post(path, headers, body).await;
        answer.unwrap_or_else(|error| panic!("POST {path} got no answer: {error}"))
    }

    /// As [`Client::post`], where a cut connection is a possible outcome.
    pub async fn try_post(&self, path: &str, headers: Headers<'_>, body: &Value) -> Result<Answer, BoxError> {
        self.try_request(Method::POST, path, headers, body.to_string().into_bytes()).await
    }

    /// Any request, answered whole.
    pub async fn try_request(
        &self,
        method: Method,
        path: &str,
        headers: Headers<'_>,
        body: Vec<u8>,
    ) -> Result<Answer, BoxError> {
        self.open(method, path, headers, body).await?.finish().await
    }

    /// A chat completion whose answer is read piece by piece; panics if none begins.
    pub async fn stream(&self, path: &str, headers: Headers<'_>, body: &Value) -> Streaming {
        let opened = self.open(Method::POST, path, headers, body.to_string().into_bytes()).await;
        opened.unwrap_or_else(|error| panic!("POST {path} got no answer: {error}"))
    }

    /// Sends a request and returns once the answer's headers are there.
    pub async fn open(
        &self,
        method: Method,
        path: &str,
        headers: Headers<'_>,
        body: Vec<u8>,
    ) -> Result<Streaming, BoxError> {
        let request = self.request(method, path, headers, body)?;
        let sending = async {
            let mut slot = self.connection.lock().await;
            let connection = connection::ready(&mut slot, self.addr, self.protocol).await?;
            Ok::<_, BoxError>((connection.driver(), connection.send(request)))
        };
        let answering = async {
            // The lock is free again while the answer is awaited, or HTTP/2 calls could not overlap.
            let (driver, response) = sending.await?;
            Ok::<_, BoxError>(Streaming::new(driver, response.await?))
        };
        tokio::time::timeout(DEADLINE, answering).await?
    }

    /// Closes the connection at once, whatever is under way on it.
    pub async fn close(&self) {
        self.connection.lock().await.take();
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        headers: Headers<'_>,
        body: Vec<u8>,
    ) -> Result<Request<Full<Bytes>>, BoxError> {
        let uri = match self.protocol {
            Protocol::Http1 => path.to_owned(),
            Protocol::Http2 => format!("http://{}{path}", self.addr),
        };
        let mut request = Request::builder().method(&method).uri(uri);
        if self.protocol == Protocol::Http1 && !names(headers, "host") {
            request = request.header("host", self.addr.to_string());
        }
        if method == Method::POST && !body.is_empty() && !names(headers, "content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Ok(request.body(Full::from(body))?)
    }
}

fn names(headers: Headers<'_>, name: &str) -> bool {
    headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name))
}

/// An answer that was read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl Answer {
    /// A header's value, if there is exactly text under that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; panics if it is not.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in an answer {}: {}", self.status, self.text()))
    }
}
