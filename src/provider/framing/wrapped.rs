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
}

impl Wrapped {
    pub(super) fn new() -> Self {
        Self { tokenizer: Tokenizer::new(), depth: 0, in_bytes: false, base64: Base64::default() }
    }

    pub(super) fn feed<P: Payload>(&mut self, bytes: &[u8], payload: &mut P) {
        let Self { tokenizer, depth, in_bytes, base64 } = self;
        let mut unwrap = Unwrap { depth, in_bytes, base64, payload };
        if tokenizer.feed(bytes, &mut unwrap).is_err() {
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
