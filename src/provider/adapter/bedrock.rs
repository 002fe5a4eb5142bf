//! Bedrock's `converse` and `invoke`, whatever the model's family.
//!
//! Cache reads and writes are **not** part of the input; `converse`'s total includes them. `invoke` answers in the
//! family's own shape; where that states nothing, the metering headers do, or the metrics in the last frame of a stream.

use super::anthropic;
use super::openai::{self, ERROR, THINKING};
use crate::provider::answer::field::{AnswerField as A, AnswerShape, Merge};
use crate::provider::answer::figures::{Figure, Figures};
use crate::provider::endpoint::Provider;
use crate::provider::json::meter::Mode::{Content, Schema};
use crate::provider::json::{Node, leaf, measure, node};
use crate::provider::request::field::{RequestField as R, RequestShape};
use crate::usage::Usage;

/// `converse`.
pub(super) static CONVERSE: RequestShape = RequestShape::new(&[
    node("inferenceConfig", &[leaf("maxTokens", R::Cap)]).announced(R::CapParent),
    node("serviceTier", &[leaf("type", R::ServiceTier)]),
    node("additionalModelRequestFields", &[THINKING]),
    measure("messages", Content),
    measure("system", Content),
    measure("toolConfig", Schema),
])
.capped_in("inferenceConfig", "maxTokens");

/// `invoke`: each family has its own names, and refuses the others'.
pub(super) static INVOKE: RequestShape = RequestShape::new(&[
    leaf("max_tokens", R::Cap),
    leaf("max_completion_tokens", R::OlderCap),
    leaf("max_tokens_to_sample", R::Cap),
    leaf("max_gen_len", R::Cap),
    leaf("maxTokens", R::Cap),
    leaf("num_generations", R::Choices),
    leaf("numResults", R::Choices),
    leaf("n", R::Choices),
    THINKING,
    node("textGenerationConfig", &[leaf("maxTokenCount", R::Cap)]),
    node("imageGenerationConfig", &[leaf("numberOfImages", R::Choices)]),
    node("inferenceConfig", &[leaf("maxTokens", R::Cap), leaf("max_new_tokens", R::OlderCap)]),
    node("singleEmbeddingParams", &[measure("text", Content)]),
    measure("messages", Content),
    measure("system", Content),
    measure("prompt", Content),
    measure("inputText", Content),
    measure("texts", Content),
    measure("images", crate::provider::json::meter::Mode::Images),
    measure("inputs", Content),
    measure("query", Content),
    measure("documents", Content),
    measure("message", Content),
    measure("chat_history", Content),
    measure("tools", Schema),
    measure("toolConfig", Schema),
]);

/// Figures as `converse` and Nova name them.
const USAGE: &[Node<A>] = &[
    leaf("inputTokens", A::Figure(Figure::FreshInput)),
    leaf("outputTokens", A::Figure(Figure::Output)),
    leaf("totalTokens", A::Figure(Figure::Total)),
    leaf("cacheReadInputTokens", A::Figure(Figure::Cached)),
    leaf("cacheReadInputTokenCount", A::Figure(Figure::Cached)),
    leaf("cacheWriteInputTokens", A::Figure(Figure::CacheWrite)),
    leaf("cacheWriteInputTokenCount", A::Figure(Figure::CacheWrite)),
];

/// Figures of all families' answers to `invoke`, as far as they stand under `usage`.
const INVOKE_USAGE: &[Node<A>] = &[
    leaf("inputTokens", A::Figure(Figure::FreshInput)),
    leaf("outputTokens", A::Figure(Figure::Output)),
    leaf("totalTokens", A::Figure(Figure::Total)),
    leaf("cacheReadInputTokens", A::Figure(Figure::Cached)),
    leaf("cacheReadInputTokenCount", A::Figure(Figure::Cached)),
    leaf("cacheWriteInputTokens", A::Figure(Figure::CacheWrite)),
    leaf("cacheWriteInputTokenCount", A::Figure(Figure::CacheWrite)),
    leaf("prompt_tokens", A::Figure(Figure::Input)),
    leaf("completion_tokens", A::Figure(Figure::Output)),
    leaf("total_tokens", A::Figure(Figure::Total)),
    leaf("input_tokens", A::Figure(Figure::FreshInput)),
    leaf("output_tokens", A::Figure(Figure::Output)),
    leaf("cache_read_input_tokens", A::Figure(Figure::Cached)),
    leaf("cache_creation_input_tokens", A::Figure(Figure::CacheWrite)),
    node("prompt_tokens_details", &[leaf("cached_tokens", A::Figure(Figure::Cached))]),
    node("completion_tokens_details", &[leaf("reasoning_tokens", A::Figure(Figure::Reasoning))]),
    node("output_tokens_details", &[leaf("thinking_tokens", A::Figure(Figure::Reasoning))]),
];

const METRICS: Node<A> = node(
    "amazon-bedrock-invocationMetrics",
    &[
        leaf("inputTokenCount", A::Figure(Figure::MeteredInput)),
        leaf("outputTokenCount", A::Figure(Figure::MeteredOutput)),
        leaf("cacheReadInputTokenCount", A::Figure(Figure::MeteredCached)),
        leaf("cacheWriteInputTokenCount", A::Figure(Figure::MeteredCacheWrite)),
    ],
)
.announced(A::Finished);

/// What a part of a message says.
const PART: &[Node<A>] = &[
    measure("text", Content),
    node("reasoningContent", &[measure("text", Content), node("reasoningText", &[measure("text", Content)])]),
    node("reasoningText", &[measure("text", Content)]),
    node("toolUse", &[measure("input", Schema)]),
];

/// Answers of `converse`.
pub(super) static CONVERSE_ANSWER: AnswerShape = AnswerShape {
    root: node(
        "",
        &[
            node("usage", USAGE),
            node("serviceTier", &[leaf("type", A::ServiceTier)]),
            node("delta", PART),
            node("output", &[node("message", &[node("content", PART)])]),
            ERROR,
        ],
    ),
    merge: Merge::LastOfEach,
    normalise,
    final_events: &[],
};

/// Answers of `invoke`.
pub(super) static INVOKE_ANSWER: AnswerShape = AnswerShape {
    root: node(
        "",
        &[
            METRICS,
            leaf("type", A::Event),
            leaf("model", A::Model),
            node("usage", INVOKE_USAGE),
            node("metadata", &[node("usage", INVOKE_USAGE)]),
            node("message", &[leaf("model", A::Model), node("usage", INVOKE_USAGE)]),
            leaf("inputTextTokenCount", A::Figure(Figure::Input)),
            leaf("totalOutputTextTokenCount", A::Figure(Figure::Output)),
            node("results", &[leaf("tokenCount", A::Sum(Figure::Output)), measure("outputText", Content)]),
            leaf("prompt_token_count", A::Figure(Figure::Input)),
            leaf("generation_token_count", A::Figure(Figure::Output)),
            measure("generation", Content),
            measure("outputText", Content),
            measure("completion", Content),
            measure("text", Content),
            node("content", anthropic::BLOCK),
            node("delta", anthropic::BLOCK),
            node("contentBlockDelta", &[node("delta", PART)]),
            node("output", &[node("message", &[node("content", PART)])]),
            node("outputs", &[measure("text", Content)]),
            leaf("images", A::Count(Figure::Images)),
            node("generations", &[measure("text", Content)]),
            node("choices", openai::CHOICE),
            ERROR,
        ],
    ),
    merge: Merge::LastOfEach,
    normalise,
    final_events: &["message_delta", "message_stop"],
};

/// What Bedrock's figures include.
fn normalise(figures: &Figures, _provider: Provider) -> Usage {
    let cached = figures.get(Figure::Cached).or(figures.get(Figure::MeteredCached));
    let cache_write = figures.get(Figure::CacheWrite).or(figures.get(Figure::MeteredCacheWrite));
    let fresh = figures.get(Figure::FreshInput).or(match figures.get(Figure::Input) {
        None => figures.get(Figure::MeteredInput),
        Some(_) => None,
    });
    let whole =
        fresh.map(|fresh| fresh.saturating_add(cached.unwrap_or(0)).saturating_add(cache_write.unwrap_or(0)));
    Usage {
        input_tokens: figures.get(Figure::Input).or(whole),
        output_tokens: figures.get(Figure::Output).or(figures.get(Figure::MeteredOutput)),
        cached_input_tokens: cached,
        cache_write_tokens: cache_write,
        reasoning_tokens: figures.get(Figure::Reasoning),
        images: figures.get(Figure::Images),
        total_tokens: figures.get(Figure::Total),
        ..Usage::default()
    }
}
