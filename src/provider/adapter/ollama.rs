//! Ollama's own API. Requests stream unless told otherwise; figures that are zero, or came from a cache, are omitted.

use super::openai::ERROR;
use crate::provider::answer::field::{AnswerField as A, AnswerShape, Merge};
use crate::provider::answer::figures::{Figure, Figures};
use crate::provider::endpoint::Provider;
use crate::provider::json::meter::Mode::{Content, Images, Schema};
use crate::provider::json::{leaf, measure, node};
use crate::provider::request::field::{RequestField as R, RequestShape};
use crate::usage::Usage;

/// `chat`, `generate`, `embed`.
pub(super) static REQUEST: RequestShape = RequestShape {
    streams_by_default: true,
    ..RequestShape::new(&[
        leaf("model", R::Model),
        leaf("stream", R::Stream),
        node("options", &[leaf("num_predict", R::Cap)]).announced(R::CapParent),
        measure("messages", Content),
        measure("prompt", Content),
        measure("suffix", Content),
        measure("system", Content),
        measure("template", Content),
        measure("input", Content),
        measure("images", Images),
        measure("tools", Schema),
        measure("format", Schema),
    ])
    .capped_in("options", "num_predict")
};

/// Answers: one document, or one a line.
pub(super) static ANSWER: AnswerShape = AnswerShape {
    root: node(
        "",
        &[
            leaf("model", A::Model),
            leaf("done", A::Finished),
            leaf("prompt_eval_count", A::Figure(Figure::Input)),
            leaf("eval_count", A::Figure(Figure::Output)),
            measure("response", Content),
            measure("thinking", Content),
            node(
                "message",
                &[measure("content", Content), measure("thinking", Content), measure("tool_calls", Schema)],
            ),
            ERROR,
        ],
    ),
    merge: Merge::LastOfEach,
    normalise,
    final_events: &[],
};

/// Nothing includes anything.
fn normalise(figures: &Figures, _provider: Provider) -> Usage {
    Usage {
        input_tokens: figures.get(Figure::Input),
        output_tokens: figures.get(Figure::Output),
        ..Usage::default()
    }
}
