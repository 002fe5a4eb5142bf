//! One JSON document of an answer: a whole body, or one event's payload.

use super::field::AnswerField;
use super::figures::{Figure, Figures, MOST};
use super::reading::ProviderError;
use crate::call::ServiceTier;
use crate::provider::json::{Container, Scalar, Span, Visitor, whole_number};

/// The longest model name, error type or code that is kept.
const KEPT: usize = 256;

/// What one document says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Document {
    /// The figures stated in this document.
    pub(crate) figures: Figures,
    /// The model that answered; kept over all documents, the first that is named counts.
    pub(crate) model: Option<String>,
    /// The service tier that is billed; kept over all documents, the last that is named counts.
    pub(crate) service_tier: Option<ServiceTier>,
    /// A figure was larger than any can be; kept over all documents.
    pub(crate) is_implausible: bool,
    /// The error; kept over all documents.
    pub(crate) error: Option<ProviderError>,
    /// The document's type is one of those that make figures final.
    pub(crate) is_final: bool,
    final_events: &'static [&'static str],
    flat_kind: Option<String>,
    modality: Modality,
    modality_tokens: u64,
}

/// The modality of the element being read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Modality {
    #[default]
    Other,
    Audio,
    Image,
}

impl Document {
    pub(crate) fn new(final_events: &'static [&'static str]) -> Self {
        Self { final_events, ..Self::default() }
    }

    /// The document ended; what is kept over documents stays.
    pub(crate) fn end(&mut self) -> Figures {
        if let (Some(error), Some(kind)) = (&mut self.error, self.flat_kind.take()) {
            error.code.get_or_insert(kind);
        }
        std::mem::take(&mut self.figures)
    }

    /// Something said that this is an error.
    pub(crate) fn fail(&mut self) -> &mut ProviderError {
        self.error.get_or_insert_default()
    }

    /// Adds to a figure; a sum that cannot be true is none.
    fn add(&mut self, figure: Figure, value: u64) {
        self.figures.add(figure, value);
        if self.figures.get(figure) > Some(MOST) {
            self.figures.forget(figure);
            self.is_implausible = true;
        }
    }

    fn event(&mut self, name: &str) {
        self.is_final |= self.final_events.contains(&name);
        if matches!(name, "error" | "response.failed" | "response.error") {
            self.fail();
        }
    }

    fn figure(&mut self, field: AnswerField, raw: &[u8]) {
        let value = match field {
            AnswerField::Figure(Figure::Seconds) => seconds(raw),
            _ => whole_number(raw),
        };
        let counts =
            matches!(field, AnswerField::Figure(_) | AnswerField::Sum(_) | AnswerField::ModalityTokens);
        if counts && value > Some(MOST) {
            self.is_implausible = true;
            return;
        }
        match (field, value) {
            (AnswerField::Figure(figure), Some(value)) => self.figures.set(figure, value),
            (AnswerField::Sum(figure), Some(value)) => self.add(figure, value),
            (AnswerField::ModalityTokens, Some(value)) => self.modality_tokens = value,
            (AnswerField::ErrorCode, _) => {
                self.fail().code = Some(String::from_utf8_lossy(raw).into_owned());
            }
            _ => {}
        }
    }
}

impl Visitor<AnswerField> for Document {
    fn wants(&self, field: AnswerField) -> bool {
        field != AnswerField::Model || self.model.is_none()
    }

    fn string(&mut self, field: AnswerField, value: Option<&[u8]>, _span: Span, in_array: bool) {
        if let AnswerField::Count(figure) = field {
            return self.add(figure, 1);
        }
        let text = value.and_then(|value| std::str::from_utf8(value).ok());
        let Some(text) = text.filter(|text| !text.is_empty() && text.len() <= KEPT) else {
            // No message is no error.
            if field == AnswerField::Error && text != Some("") {
                self.fail();
            }
            return;
        };
        match field {
            AnswerField::Model if self.model.is_none() => self.model = Some(text.to_owned()),
            AnswerField::Event => self.event(text),
            AnswerField::ServiceTier => self.service_tier = Some(ServiceTier::of(text)),
            AnswerField::Finished => self.is_final = true,
            AnswerField::Error => _ = self.fail(),
            AnswerField::ErrorKind => self.fail().kind = Some(text.to_owned()),
            AnswerField::ErrorCode => self.fail().code = Some(text.to_owned()),
            AnswerField::Modality => self.modality = modality(text),
            AnswerField::FlatErrorKind => self.flat_kind = Some(text.to_owned()),
            // JSON has no integers of 64 bits for some, who state them as strings.
            AnswerField::Figure(_) | AnswerField::Sum(_) | AnswerField::ModalityTokens
                if !in_array && text.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                self.figure(field, text.as_bytes());
            }
            _ => {}
        }
    }

    fn scalar(&mut self, field: AnswerField, value: Option<Scalar<'_>>, _span: Span, in_array: bool) {
        match value.filter(|_| !in_array) {
            Some(Scalar::Number(raw)) => self.figure(field, raw),
            Some(Scalar::Bool(true)) if field == AnswerField::Finished => self.is_final = true,
            _ => {}
        }
    }

    fn opened(&mut self, field: AnswerField, container: Container, _at: usize) {
        match (field, container) {
            (AnswerField::Error, Container::Object) => _ = self.fail(),
            (AnswerField::Finished, Container::Object) => self.is_final = true,
            (AnswerField::InputModality | AnswerField::OutputModality, _) => {
                self.modality = Modality::Other;
                self.modality_tokens = 0;
            }
            _ => {}
        }
    }

    fn closed(&mut self, field: AnswerField, _at: usize) {
        let figure = match (field, self.modality) {
            (AnswerField::InputModality, Modality::Audio) => Figure::AudioInput,
            (AnswerField::InputModality, Modality::Image) => Figure::ImageInput,
            (AnswerField::OutputModality, Modality::Audio) => Figure::AudioOutput,
            (AnswerField::OutputModality, Modality::Image) => Figure::ImageOutput,
            _ => return,
        };
        self.add(figure, self.modality_tokens);
    }
}

/// Seconds, rounded up: some state fractions.
fn seconds(raw: &[u8]) -> Option<u64> {
    let point = raw.iter().position(|b| *b == b'.').unwrap_or(raw.len());
    let (whole, fraction) = raw.split_at_checked(point)?;
    let is_more = fraction.iter().any(|b| b.is_ascii_digit() && *b != b'0');
    whole_number(whole)?.checked_add(is_more.into())
}

fn modality(name: &str) -> Modality {
    match name {
        "AUDIO" | "audio" => Modality::Audio,
        "IMAGE" | "image" => Modality::Image,
        _ => Modality::Other,
    }
}

/// Figures from response headers, under the names that providers give them.
pub(crate) fn header_figure(name: &[u8]) -> Option<Figure> {
    Some(match name {
        b"x-amzn-bedrock-input-token-count" | b"x-prompt-tokens" => Figure::MeteredInput,
        b"x-amzn-bedrock-output-token-count" | b"x-generated-tokens" => Figure::MeteredOutput,
        b"x-amzn-bedrock-cache-read-input-token-count" => Figure::MeteredCached,
        b"x-amzn-bedrock-cache-write-input-token-count" => Figure::MeteredCacheWrite,
        _ => return None,
    })
}
