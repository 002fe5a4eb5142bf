//! Measures how much text, how many tokens, images and audio parts a subtree holds, without keeping any of it.
//!
//! Knows the shapes in which APIs wrap media; what it does not know counts as text. Two modes: conversation content,
//! where structure and inline media are no text, and schemas, where everything is.

use super::event::{Container, Want};
use super::scalar::Scalar;
use super::scratch::Scratch;
use super::tokenizer::SCRATCH;
use crate::call::InputSize;

/// What counts as text in a subtree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Messages and their parts: strings are text, except structure and media; whole numbers in arrays are tokens.
    Content,
    /// Tools, schemas, arguments: keys, strings, numbers are all text.
    Schema,
    /// A list of media (Ollama's `images`): each string is one image.
    Images,
}

/// What the last key says of its value, in content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Text,
    /// Identifiers and enumerations: not read by the model.
    Structure,
    /// The type of a part, which may say that it is an image.
    Type,
    /// The media type of a part.
    Mime,
    /// A container of media: nothing inside is text.
    Media,
    /// An image, as an object of its own.
    Image,
    /// A list of images.
    Images,
    /// Arguments, results, schemas: anything inside is text.
    Opaque,
}

/// Measures subtrees, one after another.
#[derive(Clone, Debug)]
pub(crate) struct Meter {
    /// What was measured, in all subtrees.
    pub(crate) size: InputSize,
    mode: Mode,
    depth: u16,
    /// Whether each of the innermost 64 containers is an array, the innermost lowest.
    arrays: u64,
    /// Inside media or arguments: how deep it opened.
    special: Option<(u16, Class)>,
    class: Class,
    collected: Scratch<24>,
}

impl Meter {
    pub(crate) const fn new() -> Self {
        Self {
            size: InputSize { text_bytes: 0, tokens: 0, images: 0, audio_parts: 0 },
            mode: Mode::Content,
            depth: 0,
            arrays: 0,
            special: None,
            class: Class::Text,
            collected: Scratch::new(),
        }
    }

    /// A subtree begins.
    pub(crate) fn enter(&mut self, mode: Mode) {
        self.mode = mode;
        self.leave();
    }

    /// The subtree ended.
    pub(crate) fn leave(&mut self) {
        self.depth = 0;
        self.arrays = 0;
        self.special = None;
        self.class = if self.mode == Mode::Images { Class::Images } else { Class::Text };
    }

    pub(crate) fn begin(&mut self, container: Container) {
        self.depth = self.depth.saturating_add(1);
        self.arrays = (self.arrays << 1) | u64::from(container == Container::Array);
        if self.special.is_some() || self.mode == Mode::Schema {
            return;
        }
        match self.class {
            Class::Media | Class::Opaque => self.special = Some((self.depth, self.class)),
            Class::Image if container == Container::Object => {
                self.size.images = self.size.images.saturating_add(1);
                self.special = Some((self.depth, Class::Media));
            }
            Class::Images => {}
            _ => self.class = Class::Text,
        }
    }

    pub(crate) fn end(&mut self) {
        if self.special.is_some_and(|(depth, _)| depth == self.depth) {
            self.special = None;
        }
        self.depth = self.depth.saturating_sub(1);
        self.arrays >>= 1;
        if self.mode != Mode::Images {
            self.class = Class::Text;
        }
    }

    /// Keys are text in schemas and say what their values are in content; in media they only name the media type.
    pub(crate) fn wants_key(&self) -> bool {
        true
    }

    pub(crate) fn key(&mut self, key: Option<&[u8]>) {
        if self.is_schema() {
            return self.add_text(key.map_or(SCRATCH, <[u8]>::len));
        }
        let class = key.map_or(Class::Text, classify);
        self.class = match self.special {
            Some(_) if class != Class::Mime => Class::Structure,
            _ => class,
        };
    }

    pub(crate) fn wants_string(&mut self) -> Want {
        if self.is_schema() {
            return Want::Length;
        }
        match self.class {
            Class::Text | Class::Opaque => Want::Length,
            Class::Type | Class::Mime => {
                self.collected.clear();
                Want::Parts
            }
            Class::Images => {
                self.size.images = self.size.images.saturating_add(1);
                Want::Nothing
            }
            Class::Structure | Class::Media | Class::Image => Want::Nothing,
        }
    }

    /// A part of a type or media type.
    pub(crate) fn string_part(&mut self, part: &[u8]) {
        self.collected.push(part);
    }

    pub(crate) fn string_end(&mut self) {
        if self.is_schema() {
            return;
        }
        match (self.class, self.collected.prefix()) {
            (Class::Type, b"image" | b"image_url" | b"input_image") => self.add_image(),
            (Class::Type, b"audio" | b"input_audio" | b"audio_url") => self.add_audio(),
            (Class::Mime, mime) if self.special.is_some() && mime.starts_with(b"image/") => self.add_image(),
            (Class::Mime, mime) if self.special.is_some() && mime.starts_with(b"audio/") => self.add_audio(),
            _ => {}
        }
        self.collected.clear();
    }

    pub(crate) fn scalar(&mut self, scalar: Option<Scalar<'_>>) {
        let digits = match scalar {
            Some(Scalar::Number(raw)) => raw.len(),
            Some(_) => return,
            None => SCRATCH,
        };
        if self.is_schema() {
            self.add_text(digits);
        } else if self.special.is_none() && self.class == Class::Text && self.arrays & 1 == 1 {
            self.size.tokens = self.size.tokens.saturating_add(1);
        }
    }

    fn is_schema(&self) -> bool {
        self.mode == Mode::Schema || matches!(self.special, Some((_, Class::Opaque)))
    }

    /// Notes so many more bytes of text.
    pub(crate) fn add_text(&mut self, bytes: usize) {
        self.size.text_bytes = self.size.text_bytes.saturating_add(bytes as u64);
    }

    fn add_image(&mut self) {
        self.size.images = self.size.images.saturating_add(1);
    }

    fn add_audio(&mut self) {
        self.size.audio_parts = self.size.audio_parts.saturating_add(1);
    }
}

/// Keys that stand inside message content, over all APIs; by length, since most keys are none of them.
fn classify(key: &[u8]) -> Class {
    match key.len() {
        2..=6 => classify_short(key),
        7..=10 => classify_middle(key),
        _ => classify_long(key),
    }
}

fn classify_short(key: &[u8]) -> Class {
    match key {
        b"type" => Class::Type,
        b"role" | b"id" | b"data" | b"bytes" | b"status" | b"detail" | b"format" => Class::Structure,
        b"source" | b"file" | b"audio" | b"video" => Class::Media,
        b"image" => Class::Image,
        b"images" => Class::Images,
        b"input" | b"args" | b"json" => Class::Opaque,
        _ => Class::Text,
    }
}

fn classify_middle(key: &[u8]) -> Class {
    match key {
        b"mimeType" | b"mime_type" => Class::Mime,
        b"call_id" | b"toolUseId" | b"signature" | b"media_type" | b"file_id" | b"fileUri" | b"file_uri"
        | b"b64_json" => Class::Structure,
        b"image_url" | b"file_data" | b"cachePoint" | b"inlineData" | b"fileData" | b"audio_url"
        | b"document" => Class::Media,
        b"arguments" | b"parameters" => Class::Opaque,
        _ => Class::Text,
    }
}

fn classify_long(key: &[u8]) -> Class {
    match key {
        b"tool_call_id" | b"tool_use_id" | b"thoughtSignature" | b"thought_signature"
        | b"encrypted_content" => Class::Structure,
        b"inline_data" | b"input_audio" | b"cache_control" => Class::Media,
        b"functionCall" | b"functionResponse" | b"function_call" | b"function_response" => Class::Opaque,
        _ => Class::Text,
    }
}
