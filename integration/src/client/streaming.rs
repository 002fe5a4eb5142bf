//! An answer that is still arriving.

use super::Answer;
use super::connection::Driver;
use crate::serve::BoxError;
use crate::wait::DEADLINE;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use std::sync::Arc;

/// Headers are here, the body comes. Dropping it abandons the answer.
#[derive(Debug)]
pub struct Streaming {
    /// The status code.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    body: Incoming,
    /// The client may be gone before its answer is.
    _driver: Arc<Driver>,
}

impl Streaming {
    pub(super) fn new(driver: Arc<Driver>, response: Response<Incoming>) -> Self {
        let (head, body) = response.into_parts();
        Self { status: head.status.as_u16(), headers: head.headers, body, _driver: driver }
    }

    /// The next piece as the network delivered it; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, BoxError> {
        loop {
            let Some(frame) = tokio::time::timeout(DEADLINE, self.body.frame()).await? else {
                return Ok(None);
            };
            if let Ok(data) = frame?.into_data() {
                return Ok(Some(data));
            }
        }
    }

    /// Reads until the body so far contains `text`, and returns it; panics if it ends before.
    pub async fn read_until(&mut self, text: &str) -> String {
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains(text) {
            let piece = self.next().await.unwrap_or_else(|error| panic!("cut before {text:?}: {error}"));
            seen.extend(piece.unwrap_or_else(|| panic!("ended before {text:?}")));
        }
        String::from_utf8_lossy(&seen).into_owned()
    }

    /// Reads the rest; an error is an answer that was cut.
    pub async fn finish(mut self) -> Result<Answer, BoxError> {
        let mut body = Vec::new();
        while let Some(piece) = self.next().await? {
            body.extend(piece);
        }
        Ok(Answer { status: self.status, headers: self.headers, body: body.into() })
    }

    /// Loses interest midway.
    pub fn abort(self) {}
}
