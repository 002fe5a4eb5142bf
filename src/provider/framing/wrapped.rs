//! The inner documents of Bedrock's `chunk` events: base64 under the key `bytes` of a JSON object.

use super::{Base64, Payload};
use crate::provider::json::{Container, Scalar, Sink, Span, Tokenizer, Want};

/// Decoded at a time.
const PIECE: usize = 256;

/// Unwraps one event.
#[derive(Debug)]
pub(super) struct Wrapped {
    tokenizer: Tokenizer,
    depth: u16,
    in_bytes: bool,
    base64: Base64,
    /// It is no JSON, from some byte on.
    is_malformed: bool,
}

impl Wrapped {
    pub(super) fn new() -> Self {
        Self {
            tokenizer: Tokenizer::new(),
            depth: 0,
            in_bytes: false,
            base64: Base64::default(),
            is_malformed: false,
        }
    }

    pub(super) fn feed<P: Payload>(&mut self, bytes: &[u8], payload: &mut P) {
        let Self { tokenizer, depth, in_bytes, base64, is_malformed } = self;
        // A tokenizer that has given up would take what comes in another piece for more of the document.
        if *is_malformed {
            return;
        }
        let mut unwrap = Unwrap { depth, in_bytes, base64, payload };
        if tokenizer.feed(bytes, &mut unwrap).is_err() {
            *is_malformed = true;
            payload.corrupt();
        }
    }
}

struct Unwrap<'a, P> {
    depth: &'a mut u16,
    in_bytes: &'a mut bool,
    base64: &'a mut Base64,
    payload: &'a mut P,
}

impl<P: Payload> Sink for Unwrap<'_, P> {
    fn begin(&mut self, _container: Container, _at: usize) {
        *self.depth = self.depth.saturating_add(1);
    }

    fn end(&mut self, _container: Container, _at: usize) {
        *self.depth = self.depth.saturating_sub(1);
    }

    fn wants_key(&self) -> bool {
        *self.depth == 1
    }

    fn key(&mut self, key: Option<&[u8]>) {
        *self.in_bytes = key == Some(b"bytes");
    }

    fn wants_string(&mut self) -> Want {
        if *self.depth == 1 && *self.in_bytes { Want::Parts } else { Want::Nothing }
    }

    fn string_length(&mut self, _bytes: usize) {}

    fn string_part(&mut self, part: &[u8]) {
        let mut decoded = Vec::with_capacity(PIECE);
        for piece in part.chunks(PIECE) {
            decoded.clear();
            self.base64.decode(piece, &mut decoded);
            self.payload.bytes(&decoded);
        }
    }

    fn string_end(&mut self, _span: Span) {
        *self.in_bytes = false;
    }

    fn scalar(&mut self, _scalar: Option<Scalar<'_>>, _span: Span) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq)]
    struct Unwrapped {
        bytes: Vec<u8>,
        corrupt: u32,
    }

    impl Payload for Unwrapped {
        fn bytes(&mut self, bytes: &[u8]) {
            self.bytes.extend_from_slice(bytes);
        }
        fn line_end(&mut self) {}
        fn boundary(&mut self) {}
        fn error(&mut self, _kind: Option<&str>) {}
        fn corrupt(&mut self) {
            self.corrupt += 1;
        }
    }

    #[test]
    fn an_event_that_is_no_json_is_read_to_where_it_is_none_however_it_is_cut() {
        // "hi", an escape that JSON has not, and what would be unwrapped if the string went on.
        let event = br#"{"bytes": "aGk=\HaGk=", "p": "abc"}"#;
        for length in 1..=event.len() {
            let (mut wrapped, mut unwrapped) = (Wrapped::new(), Unwrapped::default());
            for piece in event.chunks(length) {
                wrapped.feed(piece, &mut unwrapped);
            }
            let as_whole = Unwrapped { bytes: b"hi".to_vec(), corrupt: 1 };
            assert_eq!(unwrapped, as_whole, "in pieces of {length} bytes");
        }
    }
}
