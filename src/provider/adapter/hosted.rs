//! Smaller APIs: text generation inference, watsonx.ai, Replicate, and calls whose bodies are not read.

use super::openai::{self, ERROR};
use crate::provider::answer::field::{AnswerField as A, AnswerShape, Merge};
use crate::provider::answer::figures::{Figure, Figures};
use crate::provider::endpoint::Provider;
use crate::provider::json::meter::Mode::{Content, Schema};
use crate::provider::json::{leaf, measure, node};
use crate::provider::request::field::{RequestField as R, RequestShape};
use crate::usage::Usage;

/// Text generation inference: `generate`, `generate_stream`, and the endpoints of clouds that wrap it.
pub(super) static TGI: RequestShape = RequestShape::new(&[
    leaf("stream", R::Stream),
    leaf("max_tokens", R::OlderCap),
    node("parameters", &[leaf("max_new_tokens", R::Cap), leaf("best_of", R::BestOf)]).announced(R::CapParent),
    measure("inputs", Content),
    measure("messages", Content),
    measure("prompt", Content),
])
.capped_in("parameters", "max_new_tokens");

/// Answers of text generation inference. The input is in a header, or in the last event.
pub(super) static TGI_ANSWER: AnswerShape = AnswerShape {
    root: node(
        "",
        &[
            node(
                "details",
                &[
                    leaf("generated_tokens", A::Figure(Figure::Output)),
                    leaf("input_length", A::Figure(Figure::Input)),
                    leaf("finish_reason", A::Finished),
                ],
            ),
            measure("generated_text", Content),
            node("token", &[measure("text", Content)]),
            leaf("model", A::Model),
            node("usage", openai::USAGE),
            node("choices", openai::CHOICE),
            ERROR,
            leaf("error_type", A::ErrorKind),
        ],
    ),
    merge: Merge::LastOfEach,
    normalise,
    final_events: &[],
};

/// watsonx.ai: generation, chat, embeddings, rerank.
pub(super) static WATSONX: RequestShape = RequestShape::new(&[
    leaf("model_id", R::Model),
    leaf("max_tokens", R::Cap),
    leaf("max_completion_tokens", R::OlderCap),
    leaf("n", R::Choices),
    node("parameters", &[leaf("max_new_tokens", R::Cap)]).announced(R::CapParent),
    measure("input", Content),
    measure("inputs", Content),
    measure("query", Content),
    measure("messages", Content),
    measure("tools", Schema),
])
.capped_in("parameters", "max_new_tokens");

/// Answers of watsonx.ai. In a stream the output is cumulative and the input stands in one event alone, 0 elsewhere.
pub(super) static WATSONX_ANSWER: AnswerShape = AnswerShape {
    root: node(
        "",
        &[
            leaf("model_id", A::Model),
            leaf("model", A::Model),
            node(
                "results",
                &[
                    // One for each input.
                    leaf("input_token_count", A::Sum(Figure::Input)),
                    leaf("generated_token_count", A::Sum(Figure::Output)),
                    measure("generated_text", Content),
                ],
            ),
            leaf("input_token_count", A::Figure(Figure::Input)),
            node("usage", openai::USAGE),
            node("choices", openai::CHOICE),
            node("errors", &[leaf("code", A::ErrorCode)]).announced(A::Error),
        ],
    ),
    merge: Merge::LargestOfEach,
    normalise: openai::normalise,
    final_events: &[],
};

/// Replicate's predictions.
pub(super) static REPLICATE: RequestShape = RequestShape::new(&[
    leaf("version", R::Model),
    leaf("stream", R::Stream),
    node(
        "input",
        &[
            leaf("max_tokens", R::Cap),
            leaf("max_new_tokens", R::OlderCap),
            leaf("num_outputs", R::Choices),
            measure("prompt", Content),
            measure("system_prompt", Content),
            measure("messages", Content),
        ],
    ),
]);

/// Answers of Replicate: figures only once a prediction has finished.
pub(super) static REPLICATE_ANSWER: AnswerShape = AnswerShape {
    root: node(
        "",
        &[
            leaf("model", A::Model),
            node(
                "metrics",
                &[
                    leaf("input_token_count", A::Figure(Figure::Input)),
                    leaf("output_token_count", A::Figure(Figure::Output)),
                ],
            ),
            measure("output", Content),
            ERROR,
        ],
    ),
    merge: Merge::LastOfEach,
    normalise,
    final_events: &[],
};

/// Calls that consume nothing: the model alone is of interest.
pub(super) static UNREAD: RequestShape =
    RequestShape::new(&[leaf("model", R::Model), leaf("model_id", R::Model)]);

/// Answers of which only model and error are of interest.
pub(super) static UNREAD_ANSWER: AnswerShape = AnswerShape {
    root: node(
        "",
        &[leaf("model", A::Model), leaf("model_id", A::Model), leaf("modelVersion", A::Model), ERROR],
    ),
    merge: Merge::LastOfEach,
    normalise,
    final_events: &[],
};

/// Nothing includes anything.
fn normalise(figures: &Figures, _provider: Provider) -> Usage {
    Usage {
        input_tokens: figures.get(Figure::Input).or(figures.get(Figure::MeteredInput)),
        output_tokens: figures.get(Figure::Output).or(figures.get(Figure::MeteredOutput)),
        ..Usage::default()
    }
}
