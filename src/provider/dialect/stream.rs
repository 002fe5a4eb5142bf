//! Ends a running stream with an error event of the caller's own dialect.
//!
//! To be sent between two events: what was sent before must have ended with one.

use super::body;
use super::{Dialect, RefusalKind};
use crate::provider::endpoint::{Api, Endpoint};
use crate::provider::framing::crc32::Crc32;
use serde_json::{Value, json};

impl Endpoint {
    /// The last bytes of a stream that must not go on, as this API's SDK reads errors.
    pub fn stream_error(&self, kind: RefusalKind, message: &str, code: &str) -> Vec<u8> {
        let status = body::status(self.dialect, kind);
        let error = body::write(self.dialect, kind, status, message, code, None);
        match (self.dialect, self.api) {
            (Dialect::Bedrock, _) => frame(body::bedrock_type(kind), &error),
            (Dialect::Google, _) if self.streams_array => format!(",\n{error}\n]\n").into_bytes(),
            (Dialect::Ollama, _) => format!("{error}\n").into_bytes(),
            (Dialect::Anthropic, _) => event(Some("error"), &error),
            (Dialect::Cohere, _) => event(
                Some("message-end"),
                &json!({"type": "message-end", "delta": {"finish_reason": "ERROR", "error": message}}),
            ),
            (_, Api::Responses) => {
                let inner = error.get("error").cloned().unwrap_or(error);
                event(Some("error"), &json!({"type": "error", "sequence_number": 0, "error": inner}))
            }
            _ => event(None, &error),
        }
    }
}

fn event(name: Option<&str>, data: &Value) -> Vec<u8> {
    let name = name.map(|name| format!("event: {name}\n")).unwrap_or_default();
    format!("{name}data: {data}\n\n").into_bytes()
}

/// An exception of an AWS event stream. Its name starts in lower case there.
fn frame(kind: &str, error: &Value) -> Vec<u8> {
    let mut characters = kind.chars();
    let first = characters.next().map(|first| first.to_ascii_lowercase());
    let kind: String = first.into_iter().chain(characters).collect();
    let mut headers = Vec::new();
    for (name, value) in [
        (":exception-type", kind.as_str()),
        (":content-type", "application/json"),
        (":message-type", "exception"),
    ] {
        headers.push(length::<u8>(name.len()));
        headers.extend_from_slice(name.as_bytes());
        headers.push(7);
        headers.extend_from_slice(&length::<u16>(value.len()).to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    let payload = error.to_string().into_bytes();
    let total = headers.len().saturating_add(payload.len()).saturating_add(16);
    let mut frame = Vec::with_capacity(total);
    frame.extend_from_slice(&length::<u32>(total).to_be_bytes());
    frame.extend_from_slice(&length::<u32>(headers.len()).to_be_bytes());
    frame.extend_from_slice(&Crc32::of(&frame).to_be_bytes());
    frame.extend_from_slice(&headers);
    frame.extend_from_slice(&payload);
    frame.extend_from_slice(&Crc32::of(&frame).to_be_bytes());
    frame
}

/// A length in the width that the format gives it; names, kinds and messages of ours fit.
fn length<N: TryFrom<usize> + Default>(length: usize) -> N {
    N::try_from(length).unwrap_or_default()
}
