//! The provider's own books: every request that arrived, every answer that left.

use super::figures::Usage;
use super::lock;
use bytes::Bytes;
use hyper::header::HeaderMap;
use serde_json::Value;
use std::sync::Mutex;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Names in lower case and values, in order.
    pub headers: Vec<(String, String)>,
    /// The body, as far as it came.
    pub body: Bytes,
    /// The whole body came.
    pub complete: bool,
}

impl Received {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; panics if it is not.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }
}

/// Sums over all answers so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Served {
    /// Answers written to their end.
    pub finished: usize,
    /// Answers, begun or not, that the other side gave up.
    pub aborted: usize,
    /// Answers that the simulator cut itself.
    pub cut: usize,
    /// Usage of the finished answers, whether or not it was told in them.
    pub usage: Usage,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    received: Mutex<Vec<Received>>,
    served: Mutex<Served>,
}

/// A request's place in the books.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry(usize);

impl Ledger {
    pub(super) fn received(&self) -> Vec<Received> {
        lock(&self.received).clone()
    }

    pub(super) fn served(&self) -> Served {
        *lock(&self.served)
    }

    pub(super) fn arrived(&self, method: &str, path: &str, headers: &HeaderMap) -> Entry {
        let text =
            |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        let mut received = lock(&self.received);
        received.push(Received {
            method: method.to_owned(),
            path: path.to_owned(),
            headers,
            body: Bytes::new(),
            complete: false,
        });
        Entry(received.len() - 1)
    }

    pub(super) fn body(&self, Entry(index): Entry, body: Bytes, complete: bool) {
        if let Some(request) = lock(&self.received).get_mut(index) {
            request.body = body;
            request.complete = complete;
        }
    }

    pub(super) fn finished(&self, usage: Usage) {
        let mut served = lock(&self.served);
        served.finished += 1;
        served.usage.input_tokens += usage.input_tokens;
        served.usage.cached_tokens += usage.cached_tokens;
        served.usage.output_tokens += usage.output_tokens;
    }

    pub(super) fn aborted(&self) {
        lock(&self.served).aborted += 1;
    }

    pub(super) fn cut(&self) {
        lock(&self.served).cut += 1;
    }
}
