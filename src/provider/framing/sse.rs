//! Server-sent events: LF, CRLF or CR line ends, comments, multi-line data; chunk boundaries anywhere.

use super::Payload;
use crate::provider::json::scratch::Scratch;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// At the start of a line, or in its field name.
    Name,
    /// After the colon: one space is not part of the value.
    Space,
    Data,
    Event,
    /// Comments, ids, retry hints.
    Other,
}

/// The state between two chunks.
#[derive(Clone, Debug)]
pub(crate) struct Sse {
    line: Line,
    name: Scratch<8>,
    value: Line,
    event: Scratch<8>,
    after_cr: bool,
}

impl Sse {
    pub(crate) const fn new() -> Self {
        Self {
            line: Line::Name,
            name: Scratch::new(),
            value: Line::Other,
            event: Scratch::new(),
            after_cr: false,
        }
    }

    pub(crate) fn feed<P: Payload>(&mut self, chunk: &[u8], payload: &mut P) {
        let mut rest = chunk;
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while !rest.is_empty() {
            rest = match self.line {
                Line::Name => self.name(rest, payload),
                Line::Space => {
                    self.line = self.value;
                    rest.strip_prefix(b" ").unwrap_or(rest)
                }
                Line::Data | Line::Event | Line::Other => self.value(rest, payload),
            };
        }
    }

    /// The stream ended: an unfinished last event counts, some servers omit its blank line.
    pub(crate) fn finish<P: Payload>(&mut self, payload: &mut P) {
        if self.line == Line::Data {
            payload.line_end();
        }
    }

    fn name<'a, P: Payload>(&mut self, rest: &'a [u8], payload: &mut P) -> &'a [u8] {
        // Nearly every line that is not empty begins so.
        if let ([b'd', b'a', b't', b'a', b':', b' ', data @ ..], true) = (rest, self.name.is_empty()) {
            self.line = Line::Data;
            return data;
        }
        let Some(end) = rest.iter().position(|b| matches!(b, b':' | b'\r' | b'\n')) else {
            self.name.push(rest);
            return &[];
        };
        let (name, tail) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        self.name.push(name);
        if tail.first() == Some(&b':') {
            self.begin_value(payload);
            return tail.get(1..).unwrap_or_default();
        }
        if self.name.is_empty() {
            self.event.clear();
            payload.boundary();
        }
        self.end_line(tail)
    }

    fn begin_value<P: Payload>(&mut self, payload: &mut P) {
        self.value = match self.name.whole().unwrap_or_default() {
            b"data" => Line::Data,
            b"event" => {
                self.event.clear();
                Line::Event
            }
            // Not in the standard, but sent (GPUStack): the value is an error's JSON.
            b"error" => {
                payload.error(None);
                Line::Data
            }
            _ => Line::Other,
        };
        self.line = Line::Space;
    }

    fn value<'a, P: Payload>(&mut self, rest: &'a [u8], payload: &mut P) -> &'a [u8] {
        let end = memchr::memchr2(b'\r', b'\n', rest);
        let (run, tail) = rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or((rest, &[]));
        match self.line {
            Line::Data => payload.bytes(run),
            Line::Event => self.event.push(run),
            _ => {}
        }
        if end.is_none() {
            return &[];
        }
        match self.line {
            Line::Data => payload.line_end(),
            Line::Event if self.event.whole().is_some_and(|name| name.trim_ascii() == b"error") => {
                payload.error(None)
            }
            _ => {}
        }
        self.end_line(tail)
    }

    /// `tail` starts with the line end.
    fn end_line<'a>(&mut self, tail: &'a [u8]) -> &'a [u8] {
        self.name.clear();
        self.line = Line::Name;
        match tail {
            [b'\r', b'\n', rest @ ..] => rest,
            [b'\r'] => {
                self.after_cr = true;
                &[]
            }
            [_, rest @ ..] => rest,
            [] => &[],
        }
    }
}
