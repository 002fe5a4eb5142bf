//! The push tokenizer: bytes in, in chunks of any size; events out.
//!
//! A state machine over bytes. Strings, which are most of any body, are skipped by SIMD search for the next quote or
//! backslash and handed on as raw runs. Stops right after the document's last byte, so that sequences of documents
//! (NDJSON, event payloads) need no framing of their own.

use super::event::{Container, Malformed, Sink, Span, Want};
use super::scalar::{Scalar, is_scalar_byte};
use super::scratch::Spill;
use super::search::{after_blanks, measured, quote_or_backslash, simple_escape};

/// Containers may nest this deep; no provider's own documents come near it.
const MAX_DEPTH: u8 = 127;
/// Keys and scalars longer than this match nothing that is governed.
pub(super) const SCRATCH: usize = 96;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// A value must come.
    Value,
    /// After `[`: a value, or the end.
    FirstElement,
    /// After `{`: a key, or the end.
    FirstKey,
    /// After a comma in an object: a key.
    Key,
    Colon,
    /// After a value in a container.
    Comma,
    Str,
    Escape,
    Unicode,
    Scalar,
    Done,
}

/// The incremental tokenizer of one document.
#[derive(Clone, Debug)]
pub(crate) struct Tokenizer {
    pub(super) state: State,
    depth: u8,
    /// One bit per open container, the innermost lowest: 1 is an object.
    objects: u128,
    /// A key is being read, not a value.
    in_key: bool,
    /// What the sink wants of the string being read.
    want: Want,
    /// Decoded bytes of it that the sink has not been told of.
    counted: usize,
    scratch: Spill<SCRATCH>,
    code_unit: u32,
    code_digits: u8,
    high_surrogate: Option<u32>,
    /// Bytes of this document in earlier chunks.
    consumed: usize,
    token_start: usize,
}

impl Tokenizer {
    /// Before a document.
    pub(crate) const fn new() -> Self {
        Self {
            state: State::Value,
            depth: 0,
            objects: 0,
            in_key: false,
            want: Want::Nothing,
            counted: 0,
            scratch: Spill::new(),
            code_unit: 0,
            code_digits: 0,
            high_surrogate: None,
            consumed: 0,
            token_start: 0,
        }
    }

    /// Before the next document. What is not named here is set where a token begins, before anything reads it.
    pub(crate) fn reset(&mut self) {
        self.state = State::Value;
        self.depth = 0;
        self.objects = 0;
        self.counted = 0;
        self.consumed = 0;
    }

    /// Whether the document has ended.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes the next bytes. Returns how many belong to the document: all of them, unless it ended.
    pub(crate) fn feed<S: Sink>(&mut self, chunk: &[u8], sink: &mut S) -> Result<usize, Malformed> {
        let mut rest = chunk;
        let outcome = self.advance(chunk.len(), &mut rest, sink);
        self.tell_length(sink);
        let taken = chunk.len().saturating_sub(rest.len());
        self.consumed = self.consumed.saturating_add(taken);
        outcome.map(|()| taken)
    }

    fn advance<S: Sink>(&mut self, total: usize, rest: &mut &[u8], sink: &mut S) -> Result<(), Malformed> {
        while !rest.is_empty() && self.state != State::Done {
            let at = self.consumed.saturating_add(total.saturating_sub(rest.len()));
            *rest = match self.state {
                State::Str => self.string(rest, at, sink),
                State::Scalar => self.scalar(rest, at, sink)?,
                State::Escape => self.escape(rest, at, sink)?,
                State::Unicode => self.unicode(rest, at, sink)?,
                _ => self.structure(rest, at, sink)?,
            };
        }
        Ok(())
    }

    /// The input ended. A number at the top level ends with it; anything else unfinished is truncated.
    pub(crate) fn finish<S: Sink>(&mut self, sink: &mut S) -> Result<(), Malformed> {
        if self.state == State::Scalar && self.depth == 0 {
            self.end_scalar(&[], self.consumed, sink)?;
        }
        if self.is_done() { Ok(()) } else { Err(Malformed::Truncated) }
    }

    /// One byte between tokens, after any white space; from a key on, as many whole members as there are.
    fn structure<'a, S: Sink>(
        &mut self,
        rest: &'a [u8],
        at: usize,
        sink: &mut S,
    ) -> Result<&'a [u8], Malformed> {
        let token = after_blanks(rest);
        let Some((byte, tail)) = token.split_first() else { return Ok(token) };
        let at = at.saturating_add(rest.len().saturating_sub(token.len()));
        match (self.state, *byte) {
            (State::Colon, b':') => {
                self.state = State::Value;
                // Most often the value is right here: no turn of the loop for it.
                if let [byte, after @ ..] = tail
                    && *byte > b' '
                {
                    return self.value(*byte, tail, after, at.saturating_add(1), sink);
                }
            }
            (State::Comma, b',') => {
                self.state = if self.in_object() { State::Key } else { State::Value };
            }
            (State::FirstKey, b'}') | (State::FirstElement, b']') => self.close(at, sink),
            (State::Comma, b'}') if self.in_object() => self.close(at, sink),
            (State::Comma, b']') if !self.in_object() => self.close(at, sink),
            (State::FirstKey | State::Key, b'"') => {
                return self.members(token, at.saturating_add(token.len()), sink);
            }
            (State::Value | State::FirstElement, byte) => return self.value(byte, token, tail, at, sink),
            _ => return Err(Malformed::Unexpected { at }),
        }
        Ok(tail)
    }

    pub(super) fn value<'a, S: Sink>(
        &mut self,
        byte: u8,
        token: &'a [u8],
        tail: &'a [u8],
        at: usize,
        sink: &mut S,
    ) -> Result<&'a [u8], Malformed> {
        match byte {
            b'"' => {
                let want = sink.wants_string();
                self.begin_string(false, want, at);
            }
            b'{' => self.open(Container::Object, at, sink)?,
            b'[' => self.open(Container::Array, at, sink)?,
            byte if is_scalar_byte(byte) => {
                self.scratch.clear();
                self.token_start = at;
                self.state = State::Scalar;
                return self.scalar(token, at, sink);
            }
            _ => return Err(Malformed::Unexpected { at }),
        }
        Ok(tail)
    }

    pub(super) const fn in_object(&self) -> bool {
        self.objects & 1 == 1
    }

    fn open<S: Sink>(&mut self, container: Container, at: usize, sink: &mut S) -> Result<(), Malformed> {
        if self.depth >= MAX_DEPTH {
            return Err(Malformed::TooDeep);
        }
        self.depth = self.depth.saturating_add(1);
        self.objects = (self.objects << 1) | u128::from(container == Container::Object);
        self.state = match container {
            Container::Object => State::FirstKey,
            Container::Array => State::FirstElement,
        };
        sink.begin(container, at);
        Ok(())
    }

    pub(super) fn close<S: Sink>(&mut self, at: usize, sink: &mut S) {
        let container = if self.in_object() { Container::Object } else { Container::Array };
        self.depth = self.depth.saturating_sub(1);
        self.objects >>= 1;
        self.value_ended();
        sink.end(container, at);
    }

    pub(super) const fn value_ended(&mut self) {
        self.state = if self.depth == 0 { State::Done } else { State::Comma };
    }

    pub(super) fn begin_string(&mut self, is_key: bool, want: Want, at: usize) {
        self.in_key = is_key;
        self.want = want;
        self.token_start = at;
        self.high_surrogate = None;
        self.scratch.clear();
        self.state = State::Str;
    }

    /// String bytes up to the closing quote, an escape that needs a state of its own, or the chunk's end.
    fn string<'a, S: Sink>(&mut self, bytes: &'a [u8], at: usize, sink: &mut S) -> &'a [u8] {
        let mut rest = bytes;
        loop {
            let is_measured = self.want != Want::Parts && self.high_surrogate.is_none();
            let (end, escapes) = if is_measured {
                measured(rest)
            } else {
                (quote_or_backslash(rest).unwrap_or(rest.len()), 0)
            };
            let (run, tail) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            // Of what is measured nothing but the length matters: an escape is one byte less than it was written with.
            let run = run.get(escapes..).unwrap_or_default();
            match tail {
                [b'"', tail @ ..] => {
                    let at = at.saturating_add(bytes.len().saturating_sub(tail.len()));
                    self.end_string(run, at, sink);
                    return self.next_string(tail, at, sink);
                }
                [b'\\', code, after @ ..]
                    if let Some(decoded) = simple_escape(*code)
                        && !is_measured =>
                {
                    self.deliver(run, sink);
                    self.deliver(&[decoded], sink);
                    rest = after;
                }
                _ => {
                    self.deliver(run, sink);
                    if !tail.is_empty() {
                        self.state = State::Escape;
                    }
                    return tail.get(1..).unwrap_or_default();
                }
            }
        }
    }

    /// Most strings in an array are followed by another: the step there, without a state for each byte between them.
    fn next_string<'a, S: Sink>(&mut self, tail: &'a [u8], at: usize, sink: &mut S) -> &'a [u8] {
        let rest = match tail {
            [b',', b'"', rest @ ..] | [b',', b' ', b'"', rest @ ..] => rest,
            _ => return tail,
        };
        if self.state != State::Comma || self.in_object() {
            return tail;
        }
        let at = at.saturating_add(tail.len().saturating_sub(rest.len()).saturating_sub(1));
        let want = sink.wants_string();
        self.begin_string(false, want, at);
        rest
    }

    /// Hands on a decoded run of the string being read.
    fn deliver<S: Sink>(&mut self, run: &[u8], sink: &mut S) {
        if self.want == Want::Nothing || run.is_empty() {
            return;
        }
        if self.high_surrogate.take().is_some() {
            self.deliver_decoded(REPLACEMENT, sink);
        }
        self.deliver_decoded(run, sink);
    }

    fn deliver_decoded<S: Sink>(&mut self, run: &[u8], sink: &mut S) {
        if self.want == Want::Length {
            self.counted = self.counted.saturating_add(run.len());
        } else if self.in_key {
            self.scratch.push(run);
            sink.key_part(run);
        } else {
            sink.string_part(run);
        }
    }

    fn tell_length<S: Sink>(&mut self, sink: &mut S) {
        if self.counted > 0 {
            sink.string_length(std::mem::take(&mut self.counted));
        }
    }

    fn end_string<S: Sink>(&mut self, run: &[u8], end: usize, sink: &mut S) {
        let in_one_piece = self.in_key && self.scratch.is_empty() && self.high_surrogate.is_none();
        if !in_one_piece {
            self.deliver(run, sink);
            if self.high_surrogate.take().is_some() {
                self.deliver_decoded(REPLACEMENT, sink);
            }
        }
        if !self.in_key {
            self.tell_length(sink);
            self.value_ended();
            return sink.string_end(Span { start: self.token_start, end });
        }
        self.state = State::Colon;
        if self.want == Want::Parts {
            let key = if in_one_piece { Some(run) } else { self.scratch.whole() };
            if in_one_piece {
                sink.key_part(run);
            }
            // The same bound however the key was cut into chunks.
            sink.key(key.filter(|key| key.len() <= SCRATCH));
        }
    }

    /// The byte after a backslash.
    fn escape<'a, S: Sink>(
        &mut self,
        rest: &'a [u8],
        at: usize,
        sink: &mut S,
    ) -> Result<&'a [u8], Malformed> {
        let Some((byte, tail)) = rest.split_first() else { return Ok(rest) };
        self.state = State::Str;
        match simple_escape(*byte) {
            Some(decoded) => self.deliver(&[decoded], sink),
            None if *byte == b'u' => {
                self.code_unit = 0;
                self.code_digits = 0;
                self.state = State::Unicode;
            }
            None => return Err(Malformed::Unexpected { at }),
        }
        Ok(tail)
    }

    /// One hexadecimal digit of `\uXXXX`.
    fn unicode<'a, S: Sink>(
        &mut self,
        rest: &'a [u8],
        at: usize,
        sink: &mut S,
    ) -> Result<&'a [u8], Malformed> {
        let Some((byte, tail)) = rest.split_first() else { return Ok(rest) };
        let digit = char::from(*byte).to_digit(16).ok_or(Malformed::Unexpected { at })?;
        self.code_unit = (self.code_unit << 4) | digit;
        self.code_digits = self.code_digits.saturating_add(1);
        if self.code_digits == 4 {
            self.state = State::Str;
            self.end_code_unit(sink);
        }
        Ok(tail)
    }

    /// A UTF-16 code unit is complete: half of a pair waits for the other, a lone half is the replacement character.
    fn end_code_unit<S: Sink>(&mut self, sink: &mut S) {
        if self.want == Want::Nothing {
            return;
        }
        let unit = self.code_unit;
        match (self.high_surrogate.take(), unit) {
            (Some(high), 0xDC00..=0xDFFF) => {
                let code = (high.saturating_sub(0xD800) << 10)
                    .saturating_add(unit.saturating_sub(0xDC00))
                    .saturating_add(0x1_0000);
                self.deliver_code(code, sink);
            }
            (lone, unit) => {
                if lone.is_some() {
                    self.deliver_decoded(REPLACEMENT, sink);
                }
                match unit {
                    0xD800..=0xDBFF => self.high_surrogate = Some(unit),
                    unit => self.deliver_code(unit, sink),
                }
            }
        }
    }

    fn deliver_code<S: Sink>(&mut self, code: u32, sink: &mut S) {
        let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        let mut bytes = [0; 4];
        self.deliver_decoded(character.encode_utf8(&mut bytes).as_bytes(), sink);
    }

    /// A run of number or literal bytes.
    fn scalar<'a, S: Sink>(
        &mut self,
        rest: &'a [u8],
        at: usize,
        sink: &mut S,
    ) -> Result<&'a [u8], Malformed> {
        let end = rest.iter().position(|b| !is_scalar_byte(*b));
        let (run, tail) = rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or((rest, &[]));
        if end.is_none() {
            self.scratch.push(run);
            return Ok(tail);
        }
        self.end_scalar(run, at.saturating_add(run.len()), sink)?;
        Ok(tail)
    }

    fn end_scalar<S: Sink>(&mut self, run: &[u8], end: usize, sink: &mut S) -> Result<(), Malformed> {
        let span = Span { start: self.token_start, end };
        let raw = if self.scratch.is_empty() {
            Some(run)
        } else {
            self.scratch.push(run);
            self.scratch.whole()
        };
        let scalar = match raw {
            // The same bound however the number was cut into chunks.
            Some(raw) if raw.len() <= SCRATCH => {
                Some(Scalar::read(raw).ok_or(Malformed::Unexpected { at: span.start })?)
            }
            _ => None,
        };
        sink.scalar(scalar, span);
        self.value_ended();
        Ok(())
    }
}

const REPLACEMENT: &[u8] = "\u{FFFD}".as_bytes();
