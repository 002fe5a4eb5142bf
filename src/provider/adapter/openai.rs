//! OpenAI's APIs and everything compatible with them.
//!
//! `cached`, `cache_write` are parts of the input and `reasoning` of the output, with known exceptions that the total
//! gives away: xAI counts reasoning beside the output, Mistral counts audio and what its tools found beside the input,
//! and Gemini hides its thinking.

use crate::provider::answer::field::{AnswerField as A, AnswerShape, Merge};
use crate::provider::answer::figures::{Figure, Figures};
use crate::provider::endpoint::Provider;
use crate::provider::json::meter::Mode::{Content, Schema};
use crate::provider::json::{Node, leaf, measure, node};
use crate::provider::request::field::{RequestField as R, RequestShape};
use crate::usage::Usage;

const STREAM_OPTIONS: Node<R> =
    node("stream_options", &[leaf("include_usage", R::IncludeUsage)]).announced(R::StreamOptions);

/// Anthropic's way to ask for reasoning; `max_tokens` has to be larger.
pub(super) const THINKING: Node<R> = node("thinking", &[leaf("budget_tokens", R::Reasoning)]);

/// `chat/completions`. Here and below what most calls state comes first, which is then found first.
pub(super) static CHAT: RequestShape = RequestShape::new(&[
    leaf("model", R::Model),
    measure("messages", Content),
    leaf("models", R::FallbackModels),
    leaf("stream", R::Stream),
    STREAM_OPTIONS,
    leaf("max_completion_tokens", R::Cap),
    leaf("max_tokens", R::OlderCap),
    leaf("n", R::Choices),
    leaf("best_of", R::BestOf),
    leaf("service_tier", R::ServiceTier),
    // Qwen's cap is on what is said alone; OpenRouter's and Anthropic's covers what is thought.
    leaf("thinking_budget", R::ReasoningBeside),
    node("reasoning", &[leaf("max_tokens", R::Reasoning)]),
    THINKING,
    measure("tools", Schema),
    measure("functions", Schema),
    measure("response_format", Schema),
    measure("documents", Content),
    measure("prediction", Content),
    // Mistral's conversations, and serving endpoints of which the path does not say what they do.
    node("completion_args", &[leaf("max_tokens", R::Cap)]),
    measure("inputs", Content),
    measure("input", Content),
    measure("prompt", Content),
    measure("instructions", Content),
])
.capped("max_completion_tokens");

/// `completions`.
pub(super) static COMPLETIONS: RequestShape = RequestShape::new(&[
    leaf("model", R::Model),
    leaf("models", R::FallbackModels),
    leaf("stream", R::Stream),
    STREAM_OPTIONS,
    leaf("max_tokens", R::Cap),
    leaf("n", R::Choices),
    leaf("best_of", R::BestOf),
    measure("prompt", Content),
    measure("suffix", Content),
    measure("messages", Content),
])
.capped("max_tokens");

/// `responses`.
pub(super) static RESPONSES: RequestShape = RequestShape::new(&[
    leaf("model", R::Model),
    leaf("models", R::FallbackModels),
    leaf("stream", R::Stream),
    leaf("max_output_tokens", R::Cap),
    leaf("service_tier", R::ServiceTier),
    measure("input", Content),
    measure("instructions", Content),
    measure("tools", Schema),
    measure("text", Schema),
])
.capped("max_output_tokens");

/// `embeddings`, and other APIs of vectors and scores.
pub(super) static EMBEDDINGS: RequestShape = RequestShape::new(&[
    leaf("model", R::Model),
    measure("input", Content),
    measure("inputs", Content),
    measure("query", Content),
    measure("documents", Content),
    measure("texts", Content),
]);

/// Images, speech, moderations and the rest.
pub(super) static OTHER: RequestShape = RequestShape::new(&[
    leaf("model", R::Model),
    leaf("stream", R::Stream),
    leaf("stream_format", R::StreamFormat),
    leaf("n", R::Choices),
    leaf("max_completion_tokens", R::Cap),
    // What a realtime conversation that is being prepared will be held with.
    node("session", &[leaf("model", R::Model)]),
    measure("input", Content),
    measure("prompt", Content),
    measure("instructions", Content),
    measure("additional_instructions", Content),
    measure("additional_messages", Content),
    measure("tools", Schema),
]);

const INPUT_DETAILS: &[Node<A>] = &[
    leaf("cached_tokens", A::Figure(Figure::Cached)),
    leaf("cache_write_tokens", A::Figure(Figure::CacheWrite)),
    // Alibaba's name, and LiteLLM's.
    leaf("cache_creation_input_tokens", A::Figure(Figure::CacheWrite)),
    leaf("cache_creation_tokens", A::Figure(Figure::CacheWrite)),
    leaf("audio_tokens", A::Figure(Figure::AudioInput)),
    leaf("image_tokens", A::Figure(Figure::ImageInput)),
];

const OUTPUT_DETAILS: &[Node<A>] = &[
    leaf("reasoning_tokens", A::Figure(Figure::Reasoning)),
    leaf("audio_tokens", A::Figure(Figure::AudioOutput)),
    leaf("image_tokens", A::Figure(Figure::ImageOutput)),
];

/// The usage object, under both generations of names.
pub(super) const USAGE: &[Node<A>] = &[
    leaf("prompt_tokens", A::Figure(Figure::Input)),
    leaf("completion_tokens", A::Figure(Figure::Output)),
    leaf("total_tokens", A::Figure(Figure::Total)),
    node("prompt_tokens_details", INPUT_DETAILS),
    node("completion_tokens_details", OUTPUT_DETAILS),
    leaf("input_tokens", A::Figure(Figure::Input)),
    leaf("output_tokens", A::Figure(Figure::Output)),
    leaf("cached_tokens", A::Figure(Figure::CachedAlias)),
    leaf("num_cached_tokens", A::Figure(Figure::CachedAlias)),
    leaf("prompt_cache_hit_tokens", A::Figure(Figure::CachedAlias)),
    leaf("reasoning_tokens", A::Figure(Figure::Reasoning)),
    leaf("seconds", A::Figure(Figure::Seconds)),
    leaf("connector_tokens", A::Figure(Figure::ToolPrompt)),
    node("prompt_token_details", INPUT_DETAILS),
    node("input_tokens_details", INPUT_DETAILS),
    node("input_token_details", INPUT_DETAILS),
    node("output_tokens_details", OUTPUT_DETAILS),
    node("output_token_details", OUTPUT_DETAILS),
];

pub(super) const ERROR: Node<A> =
    node("error", &[leaf("type", A::ErrorKind), leaf("code", A::ErrorCode), leaf("status", A::ErrorKind)])
        .announced(A::Error);

const MESSAGE: &[Node<A>] = &[
    measure("content", Content),
    measure("reasoning_content", Content),
    measure("reasoning", Content),
    measure("refusal", Content),
    measure("tool_calls", Schema),
    measure("function_call", Schema),
];

/// A choice, whole or as a change.
pub(super) const CHOICE: &[Node<A>] =
    &[measure("text", Content), node("delta", MESSAGE), node("message", MESSAGE)];

/// Answers of everything but `responses`.
pub(super) static ANSWER: AnswerShape = AnswerShape {
    root: node(
        "",
        &[
            leaf("model", A::Model),
            node("choices", CHOICE),
            node("usage", USAGE),
            leaf("service_tier", A::ServiceTier),
            // Images, of which some are billed by number.
            node(
                "data",
                &[leaf("url", A::Count(Figure::Images)), leaf("b64_json", A::Count(Figure::Images))],
            ),
            node("result", &[node("usage", USAGE), measure("response", Content)]),
            node("x_groq", &[node("usage", USAGE), ERROR]),
            leaf("type", A::Event),
            ERROR,
            leaf("code", A::FlatErrorKind),
        ],
    ),
    merge: Merge::Replace,
    normalise,
    final_events: &[],
};

/// Answers of `responses`.
pub(super) static RESPONSES_ANSWER: AnswerShape = AnswerShape {
    root: node(
        "",
        &[
            leaf("type", A::Event),
            leaf("model", A::Model),
            node("usage", USAGE),
            measure("delta", Content),
            leaf("service_tier", A::ServiceTier),
            node(
                "response",
                &[leaf("model", A::Model), leaf("service_tier", A::ServiceTier), node("usage", USAGE), ERROR],
            ),
            node("output", &[measure("content", Content), measure("arguments", Schema)]),
            ERROR,
            leaf("code", A::FlatErrorKind),
        ],
    ),
    merge: Merge::Replace,
    normalise,
    final_events: &["response.completed", "response.incomplete", "response.failed"],
};

/// What OpenAI's figures include.
pub(super) fn normalise(figures: &Figures, provider: Provider) -> Usage {
    let total = figures.get(Figure::Total);
    let mut input = figures.get(Figure::Input);
    let mut output = figures.get(Figure::Output);
    let reasoning = figures.get(Figure::Reasoning);
    let audio = figures.get(Figure::AudioInput);
    let tools = figures.get(Figure::ToolPrompt);
    let beyond = match (total, input) {
        (Some(total), Some(input)) => total.saturating_sub(input.saturating_add(output.unwrap_or(0))),
        _ => 0,
    };
    let is_hidden = matches!(provider, Provider::Gemini | Provider::VertexAi);
    if beyond > 0 && (is_hidden || reasoning == Some(beyond)) {
        output = Some(output.unwrap_or(0).saturating_add(beyond));
    } else if beyond > 0 && (audio == Some(beyond) || tools == Some(beyond)) {
        input = input.map(|input| input.saturating_add(beyond));
    }
    if input.is_none() && output.is_none() {
        input = total;
    }
    Usage {
        input_tokens: input,
        output_tokens: output,
        cached_input_tokens: figures.get(Figure::Cached).or(figures.get(Figure::CachedAlias)),
        cache_write_tokens: figures.get(Figure::CacheWrite),
        reasoning_tokens: reasoning,
        audio_input_tokens: audio,
        audio_output_tokens: figures.get(Figure::AudioOutput),
        image_input_tokens: figures.get(Figure::ImageInput),
        image_output_tokens: figures.get(Figure::ImageOutput),
        images: figures.get(Figure::Images),
        audio_seconds: figures.get(Figure::Seconds),
        total_tokens: total,
        ..Usage::default()
    }
}
