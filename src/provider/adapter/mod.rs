//! One file per API: where its fields stand, and what its figures include.

mod openai;

use super::answer::field::AnswerShape;
use super::endpoint::Api;
use super::request::field::RequestShape;

impl Api {
    /// How its requests are read.
    pub(super) fn request(self) -> &'static RequestShape {
        match self {
            Self::Completions => &openai::COMPLETIONS,
            Self::Responses => &openai::RESPONSES,
            Self::Embeddings => &openai::EMBEDDINGS,
            Self::Images | Self::Audio | Self::OpenAiOther => &openai::OTHER,
            _ => &openai::CHAT,
        }
    }

    /// How its answers are read.
    pub(super) fn answer(self) -> &'static AnswerShape {
        match self {
            Self::Responses => &openai::RESPONSES_ANSWER,
            _ => &openai::ANSWER,
        }
    }
}
