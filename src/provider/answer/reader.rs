//! The reader that the exchange drives: headers, then chunks, then the end.

use super::document::header_figure;
use super::documents::Documents;
use super::figures::MOST;
use super::reading::{Reading, Shortfall};
use crate::call::ServiceTier;
use crate::provider::endpoint::{Endpoint, Provider};
use crate::provider::framing::{EventStream, Payload, Sse};
use crate::usage::Usage;

/// How the body is framed, as its first bytes show: content types lie, or are missing.
#[derive(Debug)]
enum Framing {
    /// Nothing but white space came.
    Unknown,
    /// One JSON document, several, or an array of them.
    Documents,
    Sse(Sse),
    EventStream(Box<EventStream>),
    /// Nothing that usage can be read from.
    Opaque,
}

/// Reads one answer as it passes.
#[derive(Debug)]
pub struct UsageReader {
    provider: Provider,
    normalise: fn(&super::figures::Figures, Provider) -> Usage,
    has_final_events: bool,
    status: u16,
    framing: Framing,
    encoded: bool,
    documents: Documents,
}

impl UsageReader {
    /// Before an answer with this status.
    pub fn new(endpoint: &Endpoint, status: u16) -> Self {
        let shape = endpoint.api.answer();
        Self {
            provider: endpoint.provider,
            normalise: shape.normalise,
            has_final_events: !shape.final_events.is_empty(),
            status,
            framing: Framing::Unknown,
            encoded: false,
            documents: Documents::new(shape),
        }
    }

    /// Whether a response header may say something of usage, by its name in lower case.
    pub fn reads_header(name: &[u8]) -> bool {
        name.starts_with(b"x-") || matches!(name, b"content-type" | b"content-encoding")
    }

    /// Takes a response header, its name in lower case. Those that say nothing of usage are ignored.
    pub fn header(&mut self, name: &[u8], value: &[u8]) {
        match name {
            b"content-type" if is_binary(value) => self.framing = Framing::Opaque,
            b"x-amzn-errortype" => {
                let kind = value.split(|byte| *byte == b':').next().unwrap_or(value);
                self.documents.error(std::str::from_utf8(kind).ok());
            }
            b"content-encoding" => self.encoded = !matches!(value.trim_ascii(), b"" | b"identity"),
            name => {
                if let Some(figure) = header_figure(name)
                    && let Some(value) =
                        std::str::from_utf8(value).ok().and_then(|text| text.trim().parse().ok())
                {
                    if value > MOST {
                        self.documents.document.is_implausible = true;
                    } else {
                        self.documents.figures.set(figure, value);
                    }
                }
            }
        }
    }

    /// Takes the next bytes of the body.
    pub fn feed(&mut self, chunk: &[u8]) {
        if self.encoded {
            return;
        }
        let mut chunk = chunk;
        if matches!(self.framing, Framing::Unknown) {
            let begin = chunk.iter().position(|byte| !is_before_body(*byte)).unwrap_or(chunk.len());
            chunk = chunk.get(begin..).unwrap_or_default();
            let Some(first) = chunk.first() else { return };
            self.framing = sniff(*first);
            self.documents.in_sequence = matches!(self.framing, Framing::Documents);
        }
        match &mut self.framing {
            Framing::Documents => self.documents.bytes(chunk),
            Framing::Sse(sse) => sse.feed(chunk, &mut self.documents),
            Framing::EventStream(frames) => frames.feed(chunk, &mut self.documents),
            Framing::Unknown | Framing::Opaque => {}
        }
    }

    /// What would be read if the answer ended here: for publishing progress.
    pub fn best_known(&self) -> Usage {
        (self.normalise)(&self.documents.best_known(), self.provider)
    }

    /// The service tier that is billed, as last stated.
    pub fn service_tier(&self) -> Option<ServiceTier> {
        self.documents.document.service_tier
    }

    /// Bytes of output text that have passed.
    pub fn output_text_bytes(&self) -> u64 {
        self.documents.output_text_bytes()
    }

    /// Whether the provider has made its final statement: what may still come changes nothing.
    pub fn is_complete(&self) -> bool {
        self.documents.is_between_documents() && self.shortfall(&self.best_known(), false, false).is_none()
    }

    /// The answer ended; `ended_cleanly` unless the connection broke or the exchange was abandoned. Called once: what was
    /// read is given away.
    pub fn finish(&mut self, ended_cleanly: bool) -> Reading {
        let mid_frame = match &mut self.framing {
            Framing::Sse(sse) => {
                sse.finish(&mut self.documents);
                false
            }
            Framing::EventStream(frames) => !frames.is_between_frames(),
            _ => false,
        };
        let mid_document = self.documents.finish() || mid_frame;
        let usage = self.best_known();
        let shortfall = self.shortfall(&usage, mid_document, ended_cleanly);
        if self.status >= 400 {
            self.documents.document.fail();
        }
        Reading {
            usage,
            shortfall,
            output_text_bytes: self.documents.output_text_bytes(),
            events: self.documents.count,
            service_tier: self.documents.document.service_tier,
            streamed: matches!(self.framing, Framing::Sse(_) | Framing::EventStream(_)),
            model: self.documents.document.model.take(),
            error: self.documents.document.error.take(),
        }
    }

    fn shortfall(&self, usage: &Usage, mid_document: bool, ended_cleanly: bool) -> Option<Shortfall> {
        let said_so = self.documents.done || self.documents.document.is_final;
        // Some APIs state preliminary figures first: those count only once a later event has confirmed them.
        let is_stream = matches!(self.framing, Framing::Sse(_) | Framing::EventStream(_));
        let is_confirmed = self.documents.document.is_final || !(is_stream && self.has_final_events);
        if self.encoded {
            Some(Shortfall::Encoded)
        } else if self.documents.corrupt || (self.documents.malformed && usage.is_empty()) {
            Some(Shortfall::Malformed)
        } else if mid_document || !(ended_cleanly || said_so) {
            Some(Shortfall::CutShort)
        } else if self.documents.document.is_implausible {
            Some(Shortfall::Implausible)
        } else if usage.is_empty() {
            Some(Shortfall::NotStated)
        } else if !is_confirmed {
            Some(Shortfall::CutShort)
        } else {
            None
        }
    }
}

/// White space, and the bytes of a byte order mark, which may be cut apart.
const fn is_before_body(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, 0xEF | 0xBB | 0xBF)
}

/// The framing that a body with this first byte has.
fn sniff(first: u8) -> Framing {
    match first {
        // A frame is shorter than 16 MiB, so that its length starts with zero.
        0 => Framing::EventStream(Box::new(EventStream::new())),
        b'{' | b'[' => Framing::Documents,
        b':' | b'a'..=b'z' => Framing::Sse(Sse::new()),
        _ => Framing::Opaque,
    }
}

/// Whether a content type is none that could state usage.
fn is_binary(content_type: &[u8]) -> bool {
    let media = content_type.trim_ascii_start();
    [b"audio/", b"image/", b"video/"]
        .iter()
        .any(|kind| media.get(..kind.len()).is_some_and(|start| start.eq_ignore_ascii_case(*kind)))
}
