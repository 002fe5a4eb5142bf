//! Anthropic's `messages`, on its own host and on Vertex AI, Azure and Bedrock; and the legacy `complete`.
//!
//! Cache reads and writes are **not** part of `input_tokens`; thinking is part of the output. In a stream each field's
//! last statement counts. Iterations (compaction, advisors, fallbacks) are billed beside what the top level says: where
//! there are any, their sum is what was consumed.

use super::openai::{ERROR, THINKING};
use crate::provider::answer::field::{AnswerField as A, AnswerShape, Merge};
use crate::provider::answer::figures::{Figure, Figures};
use crate::provider::endpoint::Provider;
use crate::provider::json::meter::Mode::{Content, Schema};
use crate::provider::json::{Node, leaf, measure, node};
use crate::provider::request::field::{RequestField as R, RequestShape};
use crate::usage::Usage;

/// `messages`.
pub(super) static MESSAGES: RequestShape = RequestShape {
    body_can_stream: true,
    ..RequestShape::new(&[
        leaf("model", R::Model),
        leaf("stream", R::Stream),
        leaf("max_tokens", R::Cap),
        leaf("service_tier", R::ServiceTier),
        THINKING,
        measure("system", Content),
        measure("messages", Content),
        measure("tools", Schema),
    ])
    .capped("max_tokens")
};

/// `complete`.
pub(super) static COMPLETE: RequestShape = RequestShape::new(&[
    leaf("model", R::Model),
    leaf("stream", R::Stream),
    leaf("max_tokens_to_sample", R::Cap),
    measure("prompt", Content),
])
.capped("max_tokens_to_sample");

/// The usage object.
pub(super) const USAGE: &[Node<A>] = &[
    leaf("input_tokens", A::Figure(Figure::FreshInput)),
    leaf("output_tokens", A::Figure(Figure::Output)),
    leaf("cache_read_input_tokens", A::Figure(Figure::Cached)),
    leaf("cache_creation_input_tokens", A::Figure(Figure::CacheWrite)),
    leaf("service_tier", A::ServiceTier),
    node(
        "cache_creation",
        &[
            leaf("ephemeral_5m_input_tokens", A::Figure(Figure::CacheWrite5m)),
            leaf("ephemeral_1h_input_tokens", A::Figure(Figure::CacheWrite1h)),
        ],
    ),
    node("output_tokens_details", &[leaf("thinking_tokens", A::Figure(Figure::Reasoning))]),
    node(
        "iterations",
        &[
            leaf("input_tokens", A::Sum(Figure::IterationInput)),
            leaf("output_tokens", A::Sum(Figure::IterationOutput)),
            leaf("cache_read_input_tokens", A::Sum(Figure::IterationCached)),
            leaf("cache_creation_input_tokens", A::Sum(Figure::IterationCacheWrite)),
        ],
    ),
];

/// What a content block, or a change of one, says.
pub(super) const BLOCK: &[Node<A>] = &[
    measure("text", Content),
    measure("thinking", Content),
    measure("partial_json", Content),
    measure("input", Schema),
];

/// Answers of `messages`.
pub(super) static ANSWER: AnswerShape = AnswerShape {
    root: node(
        "",
        &[
            leaf("type", A::Event),
            leaf("model", A::Model),
            node("usage", USAGE),
            node("content", BLOCK),
            node("delta", BLOCK),
            node("message", &[leaf("model", A::Model), node("usage", USAGE)]),
            measure("completion", Content),
            ERROR,
        ],
    ),
    merge: Merge::LastOfEach,
    normalise,
    final_events: &["message_delta", "message_stop"],
};

/// What Anthropic's figures include.
pub(super) fn normalise(figures: &Figures, _provider: Provider) -> Usage {
    let iterated = figures.get(Figure::IterationInput).is_some();
    let of = |plain, iteration| match iterated {
        true => figures.get(iteration),
        false => figures.get(plain),
    };
    let cached = of(Figure::Cached, Figure::IterationCached);
    let one_hour = figures.get(Figure::CacheWrite1h);
    let cache_write = of(Figure::CacheWrite, Figure::IterationCacheWrite)
        .or_else(|| figures.sum(&[Figure::CacheWrite5m, Figure::CacheWrite1h]));
    let fresh = of(Figure::FreshInput, Figure::IterationInput);
    Usage {
        input_tokens: fresh
            .map(|fresh| fresh.saturating_add(cached.unwrap_or(0)).saturating_add(cache_write.unwrap_or(0))),
        output_tokens: of(Figure::Output, Figure::IterationOutput),
        cached_input_tokens: cached,
        cache_write_tokens: cache_write,
        cache_write_1h_tokens: one_hour,
        reasoning_tokens: figures.get(Figure::Reasoning),
        ..Usage::default()
    }
}
