//! AWS event streams (`application/vnd.amazon.eventstream`): length-prefixed frames with headers and checksums.
//!
//! Payloads are handed on as they arrive; of a frame only its prelude and the headers that name it are held. A frame
//! whose checksum is wrong means that the framing is lost: nothing after it is read.

use super::Payload;
use super::crc32::Crc32;
use super::wrapped::Wrapped;
use crate::provider::json::scratch::Scratch;

/// Prelude (lengths and their checksum) and the message's checksum.
const OVERHEAD: usize = 16;
/// The protocol's own bound on a frame.
const MAX_FRAME: usize = 24 * 1024 * 1024;
/// Headers beyond this are not looked at; those that name a frame come in the first two hundred bytes.
const HEADERS: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Prelude,
    Headers,
    Body,
    Checksum,
    /// The framing is lost.
    Broken,
}

/// The state between two chunks.
#[derive(Debug)]
pub(crate) struct EventStream {
    state: State,
    /// The prelude, or the checksum, as far as it came.
    fixed: Scratch<12>,
    headers: Scratch<HEADERS>,
    /// Bytes left of the headers, or of the body.
    left: usize,
    body: usize,
    crc: Crc32,
    /// Inside `chunk` events, whose payload is wrapped once more.
    wrapped: Option<Wrapped>,
}

impl EventStream {
    pub(crate) const fn new() -> Self {
        Self {
            state: State::Prelude,
            fixed: Scratch::new(),
            headers: Scratch::new(),
            left: 0,
            body: 0,
            crc: Crc32::new(),
            wrapped: None,
        }
    }

    /// Whether the stream can end here.
    pub(crate) fn is_between_frames(&self) -> bool {
        self.state == State::Prelude && self.fixed.is_empty()
    }

    pub(crate) fn feed<P: Payload>(&mut self, chunk: &[u8], payload: &mut P) {
        let mut rest = chunk;
        while !rest.is_empty() && self.state != State::Broken {
            let wanted = match self.state {
                State::Prelude => 12_usize.saturating_sub(self.fixed.prefix().len()),
                State::Checksum => 4_usize.saturating_sub(self.fixed.prefix().len()),
                _ => self.left,
            };
            let (taken, tail) = rest.split_at_checked(wanted).unwrap_or((rest, &[]));
            self.take(taken, payload);
            rest = tail;
        }
    }

    fn take<P: Payload>(&mut self, bytes: &[u8], payload: &mut P) {
        match self.state {
            State::Prelude | State::Checksum => self.fixed.push(bytes),
            State::Headers => self.headers.push(bytes),
            State::Body => match &mut self.wrapped {
                Some(wrapped) => wrapped.feed(bytes, payload),
                None => payload.bytes(bytes),
            },
            State::Broken => {}
        }
        if self.state != State::Checksum {
            self.crc.update(bytes);
        }
        self.left = self.left.saturating_sub(bytes.len());
        self.advance(payload);
    }

    /// Moves on when what was expected has come.
    fn advance<P: Payload>(&mut self, payload: &mut P) {
        match self.state {
            State::Prelude if self.fixed.prefix().len() == 12 => self.begin_frame(payload),
            State::Headers if self.left == 0 => self.begin_body(payload),
            State::Checksum if self.fixed.prefix().len() == 4 => self.end_frame(payload),
            _ => {}
        }
        if self.state == State::Body && self.left == 0 {
            self.fixed.clear();
            self.state = State::Checksum;
        }
    }

    fn begin_frame<P: Payload>(&mut self, payload: &mut P) {
        let words = self.fixed.prefix().as_chunks::<4>().0;
        let [total, headers, checksum] = words else { return };
        let (total, headers) = (number(*total), number(*headers));
        let lengths = self.fixed.prefix().get(..8).unwrap_or_default();
        let body = total.checked_sub(OVERHEAD).and_then(|rest| rest.checked_sub(headers));
        match body {
            Some(body) if total <= MAX_FRAME && Crc32::of(lengths) == u32::from_be_bytes(*checksum) => {
                self.body = body;
                self.left = headers;
                self.headers.clear();
                self.state = State::Headers;
            }
            _ => return self.lose(payload),
        }
        if headers == 0 {
            self.begin_body(payload);
        }
    }

    fn begin_body<P: Payload>(&mut self, payload: &mut P) {
        self.left = self.body;
        self.state = State::Body;
        let headers = self.headers.prefix();
        if matches!(string_header(headers, b":message-type"), Some(b"exception" | b"error")) {
            let kind = string_header(headers, b":exception-type").or(string_header(headers, b":error-code"));
            payload.error(kind.and_then(|kind| std::str::from_utf8(kind).ok()));
        }
        self.wrapped = (string_header(headers, b":event-type") == Some(b"chunk")).then(Wrapped::new);
    }

    fn end_frame<P: Payload>(&mut self, payload: &mut P) {
        let stated = self.fixed.prefix().first_chunk::<4>().map(|word| u32::from_be_bytes(*word));
        if stated != Some(self.crc.value()) {
            return self.lose(payload);
        }
        self.wrapped = None;
        payload.boundary();
        self.fixed.clear();
        self.crc = Crc32::new();
        self.state = State::Prelude;
    }

    fn lose<P: Payload>(&mut self, payload: &mut P) {
        self.state = State::Broken;
        payload.corrupt();
    }
}

fn number(word: [u8; 4]) -> usize {
    u32::from_be_bytes(word) as usize
}

/// The value of a string header: name length, name, type 7, value length, value.
fn string_header<'a>(headers: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    let mut rest = headers;
    loop {
        let (length, after) = rest.split_first()?;
        let (name, after) = after.split_at_checked(usize::from(*length))?;
        let (kind, after) = after.split_first()?;
        let (value, after) = match kind {
            0 | 1 => after.split_at_checked(0)?,
            2 => after.split_at_checked(1)?,
            3 => after.split_at_checked(2)?,
            4 => after.split_at_checked(4)?,
            5 | 8 => after.split_at_checked(8)?,
            6 | 7 => {
                let (length, after) = after.split_first_chunk::<2>()?;
                after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?
            }
            9 => after.split_at_checked(16)?,
            _ => return None,
        };
        if name == wanted && *kind == 7 {
            return Some(value);
        }
        rest = after;
    }
}
