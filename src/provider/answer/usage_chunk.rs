//! Takes the usage chunk that the client did not ask for out of a stream; every other byte passes as it came.
//!
//! An event is held while it may still become the chunk in question: what has a choice passes as it comes, so that nothing
//! a client could show is withheld where a stream breaks off, or ends without the blank line. So does what is larger than
//! a usage chunk ever is, and what is no JSON from its first byte (`data: [DONE]`). Anything but server-sent events passes
//! untouched.

use crate::provider::framing::{Payload, Sse};
use crate::provider::json::{Container, Matcher, Node, Scalar, Span, Tokenizer, Visitor, leaf, node};

/// No usage chunk is larger; what is larger is none.
const HELD: usize = 4096;

/// Removes the chunk that `stream_options.include_usage` adds: usage, and no choices.
#[derive(Debug, Default)]
pub struct UsageChunkRemover {
    /// The event being received, from its first byte; empty once it has grown too large.
    held: Vec<u8>,
    /// The current event is too large to be held: its bytes pass.
    passing: bool,
    /// The line so far is empty: a line end now ends the event.
    line_is_empty: bool,
    /// The last byte was a carriage return, whose line feed may follow; whether it belongs to a removed event.
    after_cr: Option<bool>,
    /// The body is no event stream.
    is_other: bool,
    begun: bool,
}

impl UsageChunkRemover {
    /// Before a stream.
    pub fn new() -> Self {
        Self { line_is_empty: true, ..Self::default() }
    }

    /// Takes the next bytes and returns those that pass on, in their order.
    pub fn feed(&mut self, chunk: &[u8]) -> Vec<u8> {
        let mut passed = Vec::with_capacity(chunk.len());
        if !self.begun {
            let first = chunk.trim_ascii_start().first();
            // A byte order mark may stand before the first event.
            self.is_other = first.is_some_and(|first| !matches!(first, b':' | b'a'..=b'z' | 0xEF));
            self.begun = first.is_some();
        }
        if self.is_other {
            passed.append(&mut self.held);
            passed.extend_from_slice(chunk);
            return passed;
        }
        let mut rest = chunk;
        while !rest.is_empty() {
            rest = self.take_line(rest, &mut passed);
        }
        if !self.held.is_empty() && has_choice(&self.held) {
            passed.append(&mut self.held);
            self.passing = true;
        }
        passed
    }

    /// The stream ended: what is still held, unless it is the chunk in question.
    pub fn finish(&mut self) -> Vec<u8> {
        let held = std::mem::take(&mut self.held);
        if is_usage_chunk(&held) { Vec::new() } else { held }
    }

    /// Takes bytes up to the next line end, with it.
    fn take_line<'a>(&mut self, rest: &'a [u8], passed: &mut Vec<u8>) -> &'a [u8] {
        if let (Some(was_removed), [b'\n', tail @ ..]) = (self.after_cr.take(), rest) {
            // The line feed belongs to the event before it, if that has ended, and shares its fate.
            match (was_removed, self.held.is_empty()) {
                (true, _) => {}
                (false, true) => passed.push(b'\n'),
                (false, false) => self.hold(b"\n", passed),
            }
            return tail;
        }
        let end = memchr::memchr2(b'\r', b'\n', rest);
        let length = end.map_or(rest.len(), |end| end.saturating_add(1));
        let (line, tail) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        self.hold(line, passed);
        let text = line.len().saturating_sub(usize::from(end.is_some()));
        let ends_event = end.is_some() && text == 0 && self.line_is_empty;
        self.line_is_empty = end.is_some() || (text == 0 && self.line_is_empty);
        let removed = ends_event && self.end_event(passed);
        if line.ends_with(b"\r") {
            self.after_cr = Some(removed);
        }
        tail
    }

    fn hold(&mut self, bytes: &[u8], passed: &mut Vec<u8>) {
        if self.passing {
            return passed.extend_from_slice(bytes);
        }
        self.held.extend_from_slice(bytes);
        if self.held.len() > HELD || is_no_document(&self.held) {
            passed.append(&mut self.held);
            self.passing = true;
        }
    }

    /// The event is whole: it passes, or is dropped. Says whether it was dropped.
    fn end_event(&mut self, passed: &mut Vec<u8>) -> bool {
        let removed = !self.passing && is_usage_chunk(&self.held);
        if removed {
            self.held.clear();
        } else {
            passed.append(&mut self.held);
        }
        self.passing = false;
        removed
    }
}

/// Whether an event's data begins, and not as a JSON object does.
fn is_no_document(event: &[u8]) -> bool {
    let data = event.strip_prefix(b"data:").map(<[u8]>::trim_ascii_start);
    data.and_then(<[u8]>::first).is_some_and(|first| *first != b'{')
}

/// Whether an event, as far as it has come, begins to list a choice.
fn has_choice(event: &[u8]) -> bool {
    const NAME: &[u8] = b"\"choices\"";
    memchr::memmem::find(event, NAME).is_some_and(|at| {
        let after = event.get(at.saturating_add(NAME.len())..).unwrap_or_default().trim_ascii_start();
        let list = after.strip_prefix(b":").map(<[u8]>::trim_ascii_start);
        let list = list.and_then(|list| list.strip_prefix(b"[")).map(<[u8]>::trim_ascii_start);
        list.and_then(<[u8]>::first).is_some_and(|first| *first != b']')
    })
}

/// Whether an event names usage with any value but `null`.
fn names_usage(event: &[u8]) -> bool {
    const NAME: &[u8] = b"\"usage\"";
    memchr::memmem::find_iter(event, NAME).any(|at| {
        let after = event.get(at.saturating_add(NAME.len())..).unwrap_or_default().trim_ascii_start();
        let value = after.strip_prefix(b":").map(<[u8]>::trim_ascii_start);
        value.is_none_or(|value| !value.starts_with(b"null"))
    })
}

/// Whether an event states usage for no choice.
fn is_usage_chunk(event: &[u8]) -> bool {
    // Most events are told apart by this alone: they name no usage, or state that there is none.
    if !names_usage(event) {
        return false;
    }
    let mut chunk = Chunk::new();
    let mut sse = Sse::new();
    sse.feed(event, &mut chunk);
    sse.finish(&mut chunk);
    let seen = chunk.seen;
    seen.usage && seen.choices && !seen.choice && !chunk.broken
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Usage,
    Choices,
}

static CHUNK: Node<Field> = node("", &[leaf("usage", Field::Usage), leaf("choices", Field::Choices)]);

/// What an event's document holds.
struct Chunk {
    tokenizer: Tokenizer,
    matcher: Matcher<Field>,
    seen: Seen,
    broken: bool,
}

#[derive(Clone, Copy, Default)]
struct Seen {
    usage: bool,
    choices: bool,
    choice: bool,
}

impl Chunk {
    fn new() -> Self {
        Self {
            tokenizer: Tokenizer::new(),
            matcher: Matcher::new(&CHUNK),
            seen: Seen::default(),
            broken: false,
        }
    }
}

impl Payload for Chunk {
    fn bytes(&mut self, bytes: &[u8]) {
        self.broken |= self.tokenizer.feed(bytes, &mut self.matcher.with(&mut self.seen)).is_err();
    }

    fn line_end(&mut self) {}

    fn boundary(&mut self) {
        self.broken |= !self.tokenizer.is_done();
    }

    fn error(&mut self, _kind: Option<&str>) {
        self.broken = true;
    }

    fn corrupt(&mut self) {
        self.broken = true;
    }
}

impl Visitor<Field> for Seen {
    fn string(&mut self, field: Field, _value: Option<&[u8]>, _span: Span, _in_array: bool) {
        self.choice |= field == Field::Choices;
    }

    fn scalar(&mut self, field: Field, _value: Option<Scalar<'_>>, _span: Span, _in_array: bool) {
        self.choice |= field == Field::Choices;
    }

    fn opened(&mut self, field: Field, container: Container, _at: usize) {
        match (field, container) {
            (Field::Usage, Container::Object) => self.usage = true,
            (Field::Choices, Container::Array) if !self.choices => self.choices = true,
            (Field::Choices, _) => self.choice = true,
            _ => {}
        }
    }
}
