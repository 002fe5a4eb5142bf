//! What a request says of itself: the facts that decide what it may consume.
//!
//! Written by [`crate::provider`], read by everything after it. Holds sizes and names, never content.

/// What a call does (`genops.operation.type`, and the OTel GenAI operation name).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// A conversation turn.
    Chat,
    /// Gemini-style content generation.
    GenerateContent,
    /// Legacy text completion.
    TextCompletion,
    /// Vectors from text.
    Embeddings,
    /// Ranking of documents.
    Rerank,
    /// Image generation or editing.
    Image,
    /// Speech synthesis.
    Speech,
    /// Speech to text.
    Transcription,
    /// Content classification.
    Moderation,
    /// Counting tokens without consuming any.
    CountTokens,
    /// Listing or describing models.
    ListModels,
    /// Fetching an earlier answer.
    FetchResponse,
    /// Starting an assistant's run.
    Run,
    /// Fetching a run.
    FetchRun,
    /// Fetching a prediction.
    FetchPrediction,
    /// Many requests in one job.
    Batch,
    /// Training a model.
    FineTune,
    /// Anything else that a provider offers.
    Other(&'static str),
}

impl Operation {
    /// The name used in logs, matching and `genops.operation.name`: OTel's GenAI name where there is one.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::GenerateContent => "generate_content",
            Self::TextCompletion => "text_completion",
            Self::Embeddings => "embeddings",
            Self::Rerank => "rerank",
            Self::Image => "image",
            Self::Speech => "speech",
            Self::Transcription => "transcription",
            Self::Moderation => "moderation",
            Self::CountTokens => "count_tokens",
            Self::ListModels => "list_models",
            Self::FetchResponse => "fetch_response",
            Self::Run => "run",
            Self::FetchRun => "fetch_run",
            Self::FetchPrediction => "fetch_prediction",
            Self::Batch => "batch",
            Self::FineTune => "fine_tune",
            Self::Other(name) => name,
        }
    }

    /// The value of `genops.operation.type` (§7.1): `inference`, `embedding`, `fine_tune`.
    pub const fn operation_type(self) -> &'static str {
        match self {
            Self::Embeddings => "embedding",
            Self::FineTune => "fine_tune",
            _ => "inference",
        }
    }
}

/// The class of service that a call is asked for or was given; each has prices of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceTier {
    /// The ordinary one.
    #[default]
    Standard,
    /// Cheaper, within a day.
    Batch,
    /// Cheaper, slower, when there is room.
    Flex,
    /// Dearer, faster.
    Priority,
}

impl ServiceTier {
    /// Every tier.
    pub const ALL: [Self; 4] = [Self::Standard, Self::Batch, Self::Flex, Self::Priority];

    /// The tier's name, as configurations spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Batch => "batch",
            Self::Flex => "flex",
            Self::Priority => "priority",
        }
    }

    /// The tier that a provider names; any other name is the ordinary one under another word (`default`, `auto` …).
    pub fn of(name: &str) -> Self {
        Self::ALL.into_iter().find(|tier| tier.as_str() == name).unwrap_or_default()
    }
}

/// How large the input is, in what can be seen without a tokenizer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InputSize {
    /// Bytes of decoded text that the model will read: messages, instructions, tool names and schemas.
    pub text_bytes: u64,
    /// Tokens stated as token arrays: exact.
    pub tokens: u64,
    /// Images, inline or by reference.
    pub images: u64,
    /// Audio parts, inline or by reference.
    pub audio_parts: u64,
}

/// A budget of reasoning tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reasoning {
    /// The most that the model may think.
    pub tokens: u64,
    /// Whether the output cap covers them: most providers' does.
    pub is_in_cap: bool,
}

/// The facts of one request body and its path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestFacts {
    /// The model as requested, absent where the request does not name one.
    pub model: Option<String>,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// The request's own cap on output tokens, per choice.
    pub max_output_tokens: Option<u64>,
    /// Answers asked for (`n`, `candidateCount` …), absent where not stated.
    pub choices: Option<u64>,
    /// Answers generated to choose from (`best_of`), absent where not stated.
    pub best_of: Option<u64>,
    /// The reasoning that is asked for, where it is stated as a figure.
    pub reasoning: Option<Reasoning>,
    /// The service tier that is asked for.
    pub service_tier: Option<ServiceTier>,
    /// The input's size.
    pub input: InputSize,
    /// Whether the request asks for usage in its stream (`stream_options.include_usage`).
    pub include_usage: bool,
    /// Models the provider may use instead (`models` of OpenRouter); a policy on models has to judge these too.
    pub fallback_models: Vec<String>,
    /// Where the body can be edited.
    pub edits: EditPoints,
}

/// Byte offsets into the request body, for edits that leave everything else as it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EditPoints {
    /// The byte after the body's opening brace; absent when the body is no JSON object.
    pub after_brace: Option<usize>,
    /// Whether the request says if it streams.
    pub states_stream: bool,
    /// The values of the output caps, wherever the request states them.
    pub caps: [Option<(usize, usize)>; 2],
    /// The object in which the output cap stands, where that is not the body itself.
    pub cap_parent: Option<(usize, usize)>,
    /// The value of `stream_options`.
    pub stream_options: Option<(usize, usize)>,
    /// The value of `stream_options.include_usage`.
    pub include_usage: Option<(usize, usize)>,
}
