//! A sequence of JSON documents, as some framing delivers it: read, and combined by the API's rule.

use super::document::Document;
use super::field::{AnswerField, AnswerShape, Merge};
use super::figures::{Figure, Figures};
use super::repetition::Pattern;
use crate::call::InputSize;
use crate::provider::framing::Payload;
use crate::provider::json::scratch::Scratch;
use crate::provider::json::{Malformed, Matcher, Tokenizer};

/// What comes next in a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// A document, or white space before it.
    Start,
    Document,
    /// Something that is no document, up to the end of the line or event.
    Skipped,
    /// The rest of an unreadable event.
    Malformed,
}

/// Reads documents and keeps the figures that count.
#[derive(Debug)]
pub(crate) struct Documents {
    shape: &'static AnswerShape,
    tokenizer: Tokenizer,
    matcher: Matcher<AnswerField>,
    pub(crate) document: Document,
    /// What counts so far.
    pub(crate) figures: Figures,
    at: At,
    /// A document that cannot be read was met.
    pub(crate) malformed: bool,
    /// The framing was lost: nothing that was read can be the last word.
    pub(crate) corrupt: bool,
    /// Documents read to their end.
    pub(crate) count: u64,
    /// The stream said that it is over.
    pub(crate) done: bool,
    skipped: Scratch<8>,
    /// The last document, if it stated nothing: most of a stream's events are like the one before.
    pattern: Pattern,
    /// Documents follow each other in a body of their own: an array's brackets and commas are between them.
    pub(crate) in_sequence: bool,
}

impl Documents {
    pub(crate) fn new(shape: &'static AnswerShape) -> Self {
        Self {
            shape,
            tokenizer: Tokenizer::new(),
            matcher: Matcher::new(&shape.root),
            document: Document::new(shape.final_events),
            figures: Figures::default(),
            at: At::Start,
            malformed: false,
            corrupt: false,
            count: 0,
            done: false,
            skipped: Scratch::new(),
            pattern: Pattern::default(),
            in_sequence: false,
        }
    }

    /// Bytes of output text so far.
    pub(crate) const fn output_text_bytes(&self) -> u64 {
        self.matcher.meter.size.text_bytes
    }

    /// Whether no document has begun that is not ended.
    pub(crate) fn is_between_documents(&self) -> bool {
        self.at != At::Document
    }

    /// The figures if the answer ended here, an unfinished document's included where nothing better is known.
    pub(crate) fn best_known(&self) -> Figures {
        let mut figures = self.figures;
        if figures.is_empty() {
            combine(&mut figures, &self.document.figures, self.shape.merge);
        }
        figures
    }

    /// The input ended: whether in the middle of a document.
    pub(crate) fn finish(&mut self) -> bool {
        if self.at != At::Document {
            return false;
        }
        if self.tokenizer.finish(&mut self.matcher.with(&mut self.document)).is_err() {
            return true;
        }
        self.end_document();
        false
    }

    fn end_document(&mut self) {
        let stated = self.document.end();
        combine(&mut self.figures, &stated, self.shape.merge);
        self.count = self.count.saturating_add(1);
        self.restart();
    }

    fn restart(&mut self) {
        self.tokenizer.reset();
        self.matcher.reset();
        self.at = At::Start;
    }

    /// White space is passed over; an object begins a document; anything else is not one.
    fn start<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let begins =
            |b: &u8| !(b.is_ascii_whitespace() || self.in_sequence && matches!(b, b'[' | b',' | b']'));
        let Some(bytes) = bytes.iter().position(begins).and_then(|begin| bytes.get(begin..)) else {
            return &[];
        };
        match bytes.first() {
            Some(b'{') if self.in_sequence => self.at = At::Document,
            Some(b'{') => return self.begin(bytes),
            _ => {
                self.skipped.clear();
                self.at = At::Skipped;
            }
        }
        bytes
    }

    /// Whether the bytes are a whole document like the one before, which changes nothing but what is measured.
    fn repeats(&mut self, bytes: &[u8]) -> bool {
        if self.in_sequence || self.at != At::Start || self.document.error.is_some() {
            return false;
        }
        let Some(text) = self.pattern.fits(bytes) else { return false };
        let text_bytes = &mut self.matcher.meter.size.text_bytes;
        *text_bytes = text_bytes.saturating_add(text);
        self.count = self.count.saturating_add(1);
        true
    }

    /// Reads a document from its first byte; if it is whole and states nothing, others will be compared with it.
    fn begin<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        self.at = At::Document;
        let before = (self.matcher.meter.size, self.document.is_final, self.document.model.is_some());
        let mut learning = self.pattern.learn(self.matcher.with(&mut self.document));
        let fed = self.tokenizer.feed(bytes, &mut learning);
        let in_holes = learning.text_in_holes();
        if fed == Ok(bytes.len()) && self.tokenizer.is_done() {
            let size = self.matcher.meter.size;
            let text = size.text_bytes.saturating_sub(before.0.text_bytes);
            let but_for_text = InputSize { text_bytes: size.text_bytes, ..before.0 };
            let after = (but_for_text, self.document.is_final, self.document.model.is_some());
            let states_nothing = self.document.figures.is_empty() && self.document.error.is_none();
            if states_nothing && after == (size, before.1, before.2) {
                self.pattern.keep(bytes, text, in_holes);
            }
        }
        self.after(bytes, fed)
    }

    fn read<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let fed = self.tokenizer.feed(bytes, &mut self.matcher.with(&mut self.document));
        self.after(bytes, fed)
    }

    /// Goes on behind what the tokenizer took of `bytes`.
    fn after<'a>(&mut self, bytes: &'a [u8], fed: Result<usize, Malformed>) -> &'a [u8] {
        match fed {
            Ok(taken) => {
                if self.tokenizer.is_done() {
                    self.end_document();
                }
                bytes.get(taken..).unwrap_or_default()
            }
            Err(_) => {
                self.malformed = true;
                self.at = At::Malformed;
                &[]
            }
        }
    }
}

impl Payload for Documents {
    fn bytes(&mut self, bytes: &[u8]) {
        if self.repeats(bytes) {
            return;
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = match self.at {
                At::Start => self.start(rest),
                At::Document => self.read(rest),
                At::Skipped => {
                    self.skipped.push(rest);
                    &[]
                }
                At::Malformed => &[],
            };
        }
    }

    fn line_end(&mut self) {
        match self.at {
            At::Skipped => {
                self.done |= self.skipped.whole().is_some_and(|text| text.trim_ascii() == b"[DONE]");
                self.at = At::Start;
            }
            // The lines of an event are joined by line feeds.
            At::Document => _ = self.read(b"\n"),
            At::Start | At::Malformed => {}
        }
    }

    fn boundary(&mut self) {
        self.line_end();
        if self.at == At::Document {
            self.malformed = true;
        }
        if self.at != At::Start {
            _ = self.document.end();
            self.restart();
        }
    }

    fn error(&mut self, kind: Option<&str>) {
        let error = self.document.fail();
        if let Some(kind) = kind {
            error.kind.get_or_insert_with(|| kind.to_owned());
        }
    }

    fn corrupt(&mut self) {
        self.malformed = true;
        self.corrupt = true;
    }
}

/// Combines what a document states with what counts so far.
fn combine(figures: &mut Figures, stated: &Figures, merge: Merge) {
    if stated.is_empty() {
        return;
    }
    match merge {
        // A statement without a total does not replace one with it: Gemini's last chunk may omit most.
        Merge::Replace if stated.get(Figure::Total).is_some() || figures.get(Figure::Total).is_none() => {
            let metered = *figures;
            *figures = *stated;
            keep_metered(figures, &metered);
        }
        Merge::Replace => {}
        Merge::LastOfEach => figures.take_from(stated, |_, new| new),
        Merge::LargestOfEach => figures.take_from(stated, u32::max),
    }
}

/// Figures of headers and frames are stated once, beside the documents.
fn keep_metered(figures: &mut Figures, before: &Figures) {
    for figure in
        [Figure::MeteredInput, Figure::MeteredOutput, Figure::MeteredCached, Figure::MeteredCacheWrite]
    {
        if let (None, Some(value)) = (figures.get(figure), before.get(figure)) {
            figures.set(figure, value);
        }
    }
}
