//! Takes the text out of a request, with who says it.
//!
//! One reader for all APIs, over the tokenizer's decoded strings: escapes and nesting hide nothing, and a field that
//! nobody knows is text. Whose text it is, is decided where its message ends, so that the order of keys does not matter.
//! Text inside images, audio and files in binary formats is not seen.

use super::multipart;
use super::reader::Unreadable;
use super::said::{self, Field, Region, Word};
use crate::provider::endpoint::Endpoint;
use crate::provider::framing::Base64;
use crate::provider::json::{Container, Scalar, Scratch, Sink, Span, Tokenizer, Want, folds_to};
use crate::transcript::{Mark, Roles, Transcript};

impl Endpoint {
    /// The text of a request whose facts could be read.
    ///
    /// # Errors
    /// As [`Endpoint::read_request`].
    pub fn transcribe(&self, content_type: Option<&str>, body: &[u8]) -> Result<Transcript, Unreadable> {
        let mut transcriber = Transcriber::new();
        if let Some(delimiter) = content_type.and_then(multipart::boundary) {
            multipart::texts(&delimiter, body, |name, value| transcriber.form_part(name, value))?;
        } else {
            let mut tokenizer = Tokenizer::new();
            tokenizer.feed(body, &mut transcriber).map_err(Unreadable::Malformed)?;
            tokenizer.finish(&mut transcriber).map_err(Unreadable::Malformed)?;
        }
        Ok(transcriber.said)
    }
}

/// An open container.
struct Frame {
    region: Region,
    is_array: bool,
    /// What the key says of the value that comes now; in an array, of all its elements.
    word: Word,
    /// The keys of this object are text.
    keys_are_text: bool,
    /// Where its text begins.
    mark: Mark,
    /// Who speaks in it.
    roles: Option<Roles>,
    /// Its kind or media type is one of text.
    says_text: bool,
    /// Its kind, media type or format is one of media.
    says_media: bool,
    /// Base64 directly in it, until it is known whether that is text; and whether it is media by its name alone.
    media: Vec<(usize, usize, bool)>,
}

/// The string being read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    Nothing,
    /// A short word: a role, a kind, a media type.
    Word(Word),
    /// Text that began here; what its key says of media.
    Text {
        start: usize,
        is_part: bool,
        media: Option<Word>,
    },
}

struct Transcriber {
    said: Transcript,
    frames: Vec<Frame>,
    field: Field,
    /// Whether the field holds objects, in which roles may be missing that its strings need not have.
    holds_objects: bool,
    field_mark: Mark,
    reading: Reading,
    key_start: usize,
    words: Scratch<48>,
    /// The last key of a schema, as far as it matters.
    key: Scratch<24>,
}

impl Transcriber {
    fn new() -> Self {
        Self {
            said: Transcript::default(),
            frames: Vec::with_capacity(16),
            field: Field { region: Region::Message, roles: Roles::ANY },
            holds_objects: false,
            field_mark: Mark::default(),
            reading: Reading::Nothing,
            key_start: 0,
            words: Scratch::new(),
            key: Scratch::new(),
        }
    }

    fn form_part(&mut self, name: &[u8], value: &[u8]) {
        if said::field(name).region != Region::Nothing {
            let start = self.said.len(false);
            self.said.push(value, false);
            self.said.end(start, self.said.len(false), false);
        }
    }

    /// The region of the value that comes now.
    fn region(&self) -> Region {
        match self.frames.last() {
            // A body that is a list or a string has no fields.
            None => Region::Message,
            Some(_) if self.frames.len() == 1 => self.field.region,
            Some(frame) => frame.region,
        }
    }

    /// Whether the value is an element of a prompt that is a list, or of a list of such.
    fn is_in_bare_array(&self) -> bool {
        let above = self.frames.get(1..).unwrap_or_default();
        self.field.roles == Roles::USER && !above.is_empty() && above.iter().all(|frame| frame.is_array)
    }

    fn word(&self) -> Word {
        self.frames.last().map_or(Word::Other, |frame| frame.word)
    }

    /// The next field of the body begins, or the body ends.
    fn end_field(&mut self) {
        let system = self.field.roles == Roles::SYSTEM || self.field.roles == Roles::TOOL;
        let roles = if self.holds_objects && !system { Roles::ANY } else { self.field.roles };
        self.said.attribute(self.field_mark, roles);
        self.field_mark = self.said.mark();
        self.holds_objects = false;
    }

    /// The end of an object in which somebody speaks.
    fn end_frame(&mut self, frame: Frame) {
        let is_text = |by_name: bool| frame.says_text || !(by_name || frame.says_media);
        for (from, to, _) in frame.media.iter().copied().filter(|(.., by_name)| is_text(*by_name)) {
            self.said.end(from, to, false);
            let encoded = self.said.other(from, to).to_vec();
            self.decoded(&encoded);
        }
        if let Some(roles) = frame.roles {
            self.said.attribute(frame.mark, roles);
        }
    }

    /// Text that was sent in base64.
    fn decoded(&mut self, encoded: &[u8]) {
        let mut text = Vec::new();
        Base64::default().decode(encoded, &mut text);
        let start = self.said.len(false);
        self.said.push(&text, false);
        self.said.end(start, self.said.len(false), false);
    }

    fn end_word(&mut self, word: Word) {
        let value = self.words.whole().unwrap_or_default();
        let Some(frame) = self.frames.last_mut() else { return };
        let roles = match word {
            Word::Role => Some(said::roles_of(value)),
            Word::Kind => said::roles_of_kind(value),
            _ => None,
        };
        frame.says_media |= match word {
            Word::Kind => value == b"base64",
            Word::Mime => !said::is_text(value),
            Word::Format => true,
            _ => false,
        };
        frame.says_text |= match word {
            Word::Kind => value == b"text",
            Word::Mime => said::is_text(value),
            _ => false,
        };
        // Two statements could be read either way: both count.
        if let Some(roles) = roles {
            frame.roles = Some(frame.roles.map_or(roles, |so_far| so_far.and(roles)));
        }
    }

    fn end_text(&mut self, start: usize, is_part: bool, media: Option<Word>) {
        let end = self.said.len(is_part);
        if let Some(word) = media
            && let Some((mime, data)) = said::base64(self.said.other(start, end))
        {
            match mime {
                Some(mime) if said::is_text(mime) => {
                    let data = data.to_vec();
                    self.decoded(&data);
                }
                Some(_) => {}
                None => {
                    if let Some(frame) = self.frames.last_mut() {
                        frame.media.push((start, end, word == Word::Media));
                    }
                }
            }
            return;
        }
        self.said.end(start, end, is_part);
    }

    fn begin_text(&mut self, is_part: bool, media: Option<Word>) -> Want {
        self.reading = Reading::Text { start: self.said.len(is_part), is_part, media };
        Want::Parts
    }
}

impl Sink for Transcriber {
    fn begin(&mut self, container: Container, _at: usize) {
        let (region, word) = (self.region(), self.word());
        let is_array = container == Container::Array;
        let in_message = region == Region::Message && self.frames.len() > 1;
        let (region, roles) = match word {
            Word::Data if in_message => (Region::Data, None),
            Word::ToolResult if in_message => (Region::Message, Some(Roles::TOOL)),
            Word::Nothing if in_message => (Region::Nothing, None),
            _ => (region, None),
        };
        self.holds_objects |= !is_array && !self.frames.is_empty();
        let keys_are_text =
            region == Region::Data || (region == Region::Schema && said::names_properties(self.key.prefix()));
        let word = match word {
            word if is_array && (in_message || word == Word::Media) => word,
            _ => Word::Other,
        };
        if !is_array {
            self.key.clear();
        }
        let mark = self.said.mark();
        self.frames.push(Frame {
            region,
            is_array,
            word,
            keys_are_text,
            mark,
            roles,
            says_text: false,
            says_media: false,
            media: Vec::new(),
        });
    }

    fn end(&mut self, _container: Container, _at: usize) {
        self.key.clear();
        let Some(frame) = self.frames.pop() else { return };
        if self.frames.is_empty() {
            self.end_field();
        }
        self.end_frame(frame);
    }

    fn wants_key(&self) -> bool {
        self.frames.len() == 1 || self.region() != Region::Nothing
    }

    fn key_part(&mut self, part: &[u8]) {
        if self.frames.last().is_some_and(|frame| frame.keys_are_text) {
            self.said.push(part, false);
        }
    }

    fn key(&mut self, key: Option<&[u8]>) {
        let word = key.map_or(Word::Other, said::word);
        let depth = self.frames.len();
        if depth == 1 {
            self.end_field();
            self.field = said::field(key.unwrap_or_default());
        }
        self.key.clear();
        self.key.push(key.unwrap_or_default());
        let Some(frame) = self.frames.last_mut() else { return };
        frame.word = word;
        if frame.keys_are_text {
            self.said.end(self.key_start, self.said.len(false), false);
        } else if word != Word::Role
            && frame.region == Region::Message
            && depth > 1
            && key.is_some_and(|key| folds_to(key, "role"))
        {
            // Some parsers read it as the role, others do not.
            frame.roles = Some(Roles::ANY);
        }
        self.key_start = self.said.len(false);
    }

    fn wants_string(&mut self) -> Want {
        let word = self.word();
        let in_array = self.frames.last().is_some_and(|frame| frame.is_array);
        match self.region() {
            Region::Nothing => {
                self.reading = Reading::Nothing;
                Want::Nothing
            }
            Region::Data => self.begin_text(false, None),
            Region::Schema if said::is_schema_word(self.key.prefix()) => {
                self.reading = Reading::Nothing;
                Want::Nothing
            }
            Region::Schema => self.begin_text(false, None),
            // A field of the body is text, whatever it is called elsewhere.
            Region::Message if self.frames.len() == 1 => {
                let media = matches!(word, Word::Media | Word::Bytes).then_some(word);
                self.begin_text(false, media)
            }
            Region::Message => match word {
                Word::Role | Word::Kind | Word::Mime | Word::Format => {
                    self.words.clear();
                    self.reading = Reading::Word(word);
                    Want::Parts
                }
                Word::Nothing => {
                    self.reading = Reading::Nothing;
                    Want::Nothing
                }
                Word::Media | Word::Bytes => self.begin_text(false, Some(word)),
                Word::Part => self.begin_text(true, None),
                _ => self.begin_text(in_array, None),
            },
        }
    }

    fn string_part(&mut self, part: &[u8]) {
        match self.reading {
            Reading::Nothing => {}
            Reading::Word(_) => self.words.push(part),
            Reading::Text { is_part, .. } => self.said.push(part, is_part),
        }
    }

    fn string_length(&mut self, _bytes: usize) {}

    fn string_end(&mut self, _span: Span) {
        match std::mem::replace(&mut self.reading, Reading::Nothing) {
            Reading::Nothing => {}
            Reading::Word(word) => self.end_word(word),
            Reading::Text { start, is_part, media } => self.end_text(start, is_part, media),
        }
        self.key_start = self.said.len(false);
    }

    fn scalar(&mut self, scalar: Option<Scalar<'_>>, _span: Span) {
        let Some(Scalar::Number(digits)) = scalar else { return };
        match self.region() {
            Region::Data => {
                let start = self.said.len(false);
                self.said.push(digits, false);
                self.said.end(start, self.said.len(false), false);
                self.key_start = self.said.len(false);
            }
            Region::Message if self.is_in_bare_array() => self.said.state_token(),
            Region::Message | Region::Schema | Region::Nothing => {}
        }
    }
}
