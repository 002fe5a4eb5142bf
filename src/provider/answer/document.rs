//! One JSON document of an answer: a whole body, or one event's payload.

use super::field::AnswerField;
use super::figures::{Figure, Figures};
use super::reading::ProviderError;
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

    fn event(&mut self, name: &str) {
        self.is_final |= self.final_events.contains(&name);
        if matches!(name, "error" | "response.failed" | "response.error") {
            self.fail();
        }
    }

    fn figure(&mut self, field: AnswerField, raw: &[u8]) {
        match (field, whole_number(raw)) {
            (AnswerField::Figure(figure), Some(value)) => self.figures.set(figure, value),
            (AnswerField::Sum(figure), Some(value)) => self.figures.add(figure, value),
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

    fn string(&mut self, field: AnswerField, value: Option<&[u8]>, _span: Span, _in_array: bool) {
        let text = value.and_then(|value| std::str::from_utf8(value).ok());
        let Some(text) = text.filter(|text| !text.is_empty() && text.len() <= KEPT) else {
            if field == AnswerField::Error {
                self.fail();
            }
            return;
        };
        match field {
            AnswerField::Model if self.model.is_none() => self.model = Some(text.to_owned()),
            AnswerField::Event => self.event(text),
            AnswerField::Finished => self.is_final = true,
            AnswerField::Error => _ = self.fail(),
            AnswerField::ErrorKind => self.fail().kind = Some(text.to_owned()),
            AnswerField::ErrorCode => self.fail().code = Some(text.to_owned()),
            AnswerField::Modality => self.modality = modality(text),
            AnswerField::FlatErrorKind => self.flat_kind = Some(text.to_owned()),
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
            _ => return,
        };
        self.figures.add(figure, self.modality_tokens);
    }
}

fn modality(name: &str) -> Modality {
    match name {
        "AUDIO" | "audio" => Modality::Audio,
        "IMAGE" | "image" => Modality::Image,
        _ => Modality::Other,
    }
}

/// Figures from response headers, under the names that providers give them.
pub(crate) fn header_figure(name: &str) -> Option<Figure> {
    Some(match name {
        "x-amzn-bedrock-input-token-count" | "x-prompt-tokens" => Figure::MeteredInput,
        "x-amzn-bedrock-output-token-count" | "x-generated-tokens" => Figure::MeteredOutput,
        "x-amzn-bedrock-cache-read-input-token-count" => Figure::MeteredCached,
        "x-amzn-bedrock-cache-write-input-token-count" => Figure::MeteredCacheWrite,
        _ => return None,
    })
}
