//! What an endpoint answers, and how such answers are made.

use super::figures::Usage;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write as _;

pub(super) const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream; charset=utf-8";

/// What an endpoint answers, before anything is done to it.
pub(super) struct Shape {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) pieces: Vec<Bytes>,
    pub(super) usage: Usage,
}

impl Shape {
    pub(super) fn json(usage: Usage, body: &Value) -> Self {
        Self::pieces(usage, JSON, vec![Bytes::from(body.to_string())])
    }

    pub(super) fn events(usage: Usage, events: Vec<String>) -> Self {
        Self::pieces(usage, EVENTS, events.into_iter().map(Bytes::from).collect())
    }

    pub(super) fn pieces(usage: Usage, content_type: &str, pieces: Vec<Bytes>) -> Self {
        Self { status: 200, content_type: content_type.into(), headers: Vec::new(), pieces, usage }
    }

    pub(super) fn with_headers(self, headers: Vec<(&'static str, String)>) -> Self {
        Self { headers, ..self }
    }

    /// An error of the provider's.
    pub(super) fn error(status: u16) -> Self {
        let (kind, code) = match status {
            429 => ("requests", "rate_limit_exceeded"),
            400..500 => ("invalid_request_error", "unknown_url"),
            _ => ("server_error", "server_error"),
        };
        let message = format!("simulated provider error {status}");
        let body = json!({"error": {"message": message, "type": kind, "param": null, "code": code}});
        Self { status, ..Self::json(Usage::default(), &body) }
    }

    /// The same, compressed.
    pub(super) fn compress(&mut self) {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        for piece in &self.pieces {
            encoder.write_all(piece).expect("a vector takes every byte");
        }
        self.pieces = vec![encoder.finish().expect("a vector takes every byte").into()];
    }
}
