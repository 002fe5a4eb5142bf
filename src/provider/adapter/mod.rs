//! One file per API: where its fields stand, and what its figures include.

mod anthropic;
mod bedrock;
mod cohere;
mod gemini;
mod hosted;
mod ollama;
mod openai;

use super::answer::field::AnswerShape;
use super::endpoint::Api;
use super::request::field::RequestShape;

impl Api {
    /// How its requests are read.
    pub(super) fn request(self) -> &'static RequestShape {
        match self {
            Self::ChatCompletions => &openai::CHAT,
            Self::Completions => &openai::COMPLETIONS,
            Self::Responses => &openai::RESPONSES,
            Self::Embeddings => &openai::EMBEDDINGS,
            Self::Images | Self::Audio | Self::OpenAiOther => &openai::OTHER,
            Self::Messages => &anthropic::MESSAGES,
            Self::AnthropicComplete => &anthropic::COMPLETE,
            Self::Converse => &bedrock::CONVERSE,
            Self::Invoke => &bedrock::INVOKE,
            Self::GenerateContent => &gemini::GENERATE,
            Self::Interactions => &gemini::INTERACTIONS,
            Self::Predict => &gemini::PREDICT,
            Self::Cohere => &cohere::REQUEST,
            Self::Ollama => &ollama::REQUEST,
            Self::Tgi => &hosted::TGI,
            Self::Watsonx => &hosted::WATSONX,
            Self::Replicate => &hosted::REPLICATE,
            Self::Unread => &hosted::UNREAD,
        }
    }

    /// How its answers are read.
    pub(super) fn answer(self) -> &'static AnswerShape {
        match self {
            Self::ChatCompletions
            | Self::Completions
            | Self::Embeddings
            | Self::Images
            | Self::Audio
            | Self::OpenAiOther => &openai::ANSWER,
            Self::Responses => &openai::RESPONSES_ANSWER,
            Self::Messages | Self::AnthropicComplete => &anthropic::ANSWER,
            Self::Converse => &bedrock::CONVERSE_ANSWER,
            Self::Invoke => &bedrock::INVOKE_ANSWER,
            Self::GenerateContent => &gemini::ANSWER,
            Self::Interactions => &gemini::INTERACTION_ANSWER,
            Self::Predict => &gemini::PREDICT_ANSWER,
            Self::Cohere => &cohere::ANSWER,
            Self::Ollama => &ollama::ANSWER,
            Self::Tgi => &hosted::TGI_ANSWER,
            Self::Watsonx => &hosted::WATSONX_ANSWER,
            Self::Replicate => &hosted::REPLICATE_ANSWER,
            Self::Unread => &hosted::UNREAD_ANSWER,
        }
    }
}
