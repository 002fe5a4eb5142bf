//! Cohere's own API, versions 1 and 2, and rerankers in its shape.
//!
//! What is billed is what counts: the prompt's template is not, although it is in `tokens`.

use super::openai::{self, ERROR};
use crate::provider::answer::field::{AnswerField as A, AnswerShape, Merge};
use crate::provider::answer::figures::{Figure, Figures};
use crate::provider::endpoint::Provider;
use crate::provider::json::meter::Mode::{Content, Images, Schema};
use crate::provider::json::{Node, leaf, measure, node};
use crate::provider::request::field::{RequestField as R, RequestShape};
use crate::usage::Usage;

/// `chat`, `generate`, `embed`, `rerank`.
pub(super) static REQUEST: RequestShape = RequestShape::new(&[
    leaf("model", R::Model),
    leaf("stream", R::Stream),
    leaf("max_tokens", R::Cap),
    leaf("num_generations", R::Choices),
    // Not known to be covered by the cap, so that it is not assumed.
    node("thinking", &[leaf("token_budget", R::ReasoningBeside)]),
    measure("message", Content),
    measure("messages", Content),
    measure("chat_history", Content),
    measure("preamble", Content),
    measure("documents", Content),
    measure("tools", Schema),
    measure("tool_results", Schema),
    measure("prompt", Content),
    measure("texts", Content),
    measure("inputs", Content),
    measure("images", Images),
    measure("query", Content),
    measure("response_format", Schema),
])
.capped("max_tokens");

const USAGE: &[Node<A>] = &[
    node(
        "billed_units",
        &[
            leaf("input_tokens", A::Figure(Figure::BilledInput)),
            leaf("output_tokens", A::Figure(Figure::BilledOutput)),
            leaf("image_tokens", A::Figure(Figure::BilledImage)),
            leaf("search_units", A::Figure(Figure::SearchUnits)),
        ],
    ),
    node(
        "tokens",
        &[leaf("input_tokens", A::Figure(Figure::Input)), leaf("output_tokens", A::Figure(Figure::Output))],
    ),
    leaf("cached_tokens", A::Figure(Figure::Cached)),
    // Rerankers of other houses state one figure.
    leaf("total_tokens", A::Figure(Figure::Total)),
    leaf("prompt_tokens", A::Figure(Figure::Input)),
];

const MESSAGE: &[Node<A>] = &[
    node("content", &[measure("text", Content), measure("thinking", Content)]),
    measure("tool_plan", Content),
    measure("tool_calls", Schema),
];

/// Answers, whole or as events.
pub(super) static ANSWER: AnswerShape = AnswerShape {
    root: node(
        "",
        &[
            leaf("type", A::Event),
            leaf("event_type", A::Event),
            leaf("model", A::Model),
            node("usage", USAGE),
            node("meta", USAGE),
            node("delta", &[node("usage", USAGE), node("message", MESSAGE)]),
            node("response", &[node("meta", USAGE)]),
            node("message", MESSAGE),
            measure("text", Content),
            node("choices", openai::CHOICE),
            ERROR,
        ],
    ),
    merge: Merge::Replace,
    normalise,
    final_events: &["message-end", "stream-end"],
};

/// What Cohere's figures include.
fn normalise(figures: &Figures, _provider: Provider) -> Usage {
    let billed = figures.sum(&[Figure::BilledInput, Figure::BilledImage]);
    let output = figures.get(Figure::BilledOutput).or(figures.get(Figure::Output));
    let total = figures.get(Figure::Total);
    let input = billed.or(figures.get(Figure::Input)).or(total.filter(|_| output.is_none()));
    Usage {
        input_tokens: input,
        output_tokens: output,
        cached_input_tokens: figures.get(Figure::Cached),
        search_units: figures.get(Figure::SearchUnits),
        total_tokens: total,
        ..Usage::default()
    }
}
