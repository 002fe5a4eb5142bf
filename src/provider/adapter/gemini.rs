//! Gemini's `generateContent` and its siblings, `interactions`, and Vertex AI's `predict`.
//!
//! Thoughts stand beside the candidates, prompts of tools beside the prompt; cached is part of the prompt. In a stream
//! the last chunk that states a total replaces all: figures can fall from chunk to chunk.

use super::openai::ERROR;
use crate::provider::answer::field::{AnswerField as A, AnswerShape, Merge};
use crate::provider::answer::figures::{Figure, Figures};
use crate::provider::endpoint::Provider;
use crate::provider::json::meter::Mode::{Content, Schema};
use crate::provider::json::{Node, leaf, measure, node};
use crate::provider::request::field::{RequestField as R, RequestShape};
use crate::usage::Usage;

/// `generateContent`, `embedContent`, `batchEmbedContents`. Protobuf's JSON accepts both spellings of a field.
pub(super) static GENERATE: RequestShape = RequestShape::new(&[
    node("generationConfig", GENERATION_CONFIG).announced(R::CapParent),
    node("generation_config", GENERATION_CONFIG).announced(R::CapParent),
    measure("contents", Content),
    measure("content", Content),
    measure("systemInstruction", Content),
    measure("system_instruction", Content),
    measure("tools", Schema),
    measure("requests", Content),
])
.capped_in("generationConfig", "maxOutputTokens");

const GENERATION_CONFIG: &[Node<R>] = &[
    leaf("maxOutputTokens", R::Cap),
    leaf("max_output_tokens", R::Cap),
    leaf("candidateCount", R::Choices),
    leaf("candidate_count", R::Choices),
    node("thinkingConfig", &[leaf("thinkingBudget", R::Reasoning)]),
    node("thinking_config", &[leaf("thinking_budget", R::Reasoning)]),
    measure("responseSchema", Schema),
    measure("responseJsonSchema", Schema),
];

/// `interactions`.
pub(super) static INTERACTIONS: RequestShape = RequestShape::new(&[
    leaf("model", R::Model),
    leaf("stream", R::Stream),
    node("generation_config", &[leaf("max_output_tokens", R::Cap)]).announced(R::CapParent),
    measure("input", Content),
    measure("system_instruction", Content),
    measure("tools", Schema),
])
.capped_in("generation_config", "max_output_tokens");

/// `predict`.
pub(super) static PREDICT: RequestShape = RequestShape::new(&[
    node(
        "parameters",
        &[
            leaf("maxOutputTokens", R::Cap),
            leaf("sampleCount", R::Choices),
            leaf("candidateCount", R::Choices),
        ],
    ),
    measure("instances", Content),
]);

const INPUT_MODALITIES: &[Node<A>] = &[
    leaf("modality", A::Modality),
    leaf("tokenCount", A::ModalityTokens),
    leaf("tokens", A::ModalityTokens),
];

const USAGE: Node<A> = node(
    "usageMetadata",
    &[
        leaf("promptTokenCount", A::Figure(Figure::Input)),
        leaf("candidatesTokenCount", A::Figure(Figure::Output)),
        leaf("thoughtsTokenCount", A::Figure(Figure::Reasoning)),
        leaf("toolUsePromptTokenCount", A::Figure(Figure::ToolPrompt)),
        leaf("cachedContentTokenCount", A::Figure(Figure::Cached)),
        leaf("totalTokenCount", A::Figure(Figure::Total)),
        node("promptTokensDetails", INPUT_MODALITIES).announced(A::InputModality),
        node("candidatesTokensDetails", INPUT_MODALITIES).announced(A::OutputModality),
    ],
);

const CANDIDATE: &[Node<A>] = &[
    leaf("finishReason", A::Finished),
    node("content", &[node("parts", &[measure("text", Content), measure("functionCall", Schema)])]),
];

/// Answers of `generateContent` and its siblings.
pub(super) static ANSWER: AnswerShape = AnswerShape {
    root: node("", &[USAGE, leaf("modelVersion", A::Model), node("candidates", CANDIDATE), ERROR]),
    merge: Merge::Replace,
    normalise,
    final_events: &[],
};

const INTERACTION_USAGE: Node<A> = node(
    "usage",
    &[
        leaf("total_input_tokens", A::Figure(Figure::Input)),
        leaf("total_output_tokens", A::Figure(Figure::Output)),
        leaf("total_thought_tokens", A::Figure(Figure::Reasoning)),
        // The name before, and the spelling of some clients' versions.
        leaf("total_reasoning_tokens", A::Figure(Figure::Reasoning)),
        leaf("totalInputTokens", A::Figure(Figure::Input)),
        leaf("totalOutputTokens", A::Figure(Figure::Output)),
        leaf("totalThoughtTokens", A::Figure(Figure::Reasoning)),
        leaf("totalToolUseTokens", A::Figure(Figure::ToolPrompt)),
        leaf("totalCachedTokens", A::Figure(Figure::Cached)),
        leaf("totalTokens", A::Figure(Figure::Total)),
        leaf("total_tool_use_tokens", A::Figure(Figure::ToolPrompt)),
        leaf("total_cached_tokens", A::Figure(Figure::Cached)),
        leaf("total_tokens", A::Figure(Figure::Total)),
        node("input_tokens_by_modality", INPUT_MODALITIES).announced(A::InputModality),
        node("output_tokens_by_modality", INPUT_MODALITIES).announced(A::OutputModality),
    ],
);

/// Answers of `interactions`.
pub(super) static INTERACTION_ANSWER: AnswerShape = AnswerShape {
    root: node(
        "",
        &[
            leaf("event_type", A::Event),
            INTERACTION_USAGE,
            leaf("model", A::Model),
            node("interaction", &[INTERACTION_USAGE, leaf("model", A::Model), ERROR]),
            node("delta", &[measure("text", Content)]),
            node("outputs", &[measure("text", Content)]),
            ERROR,
        ],
    ),
    merge: Merge::Replace,
    normalise,
    final_events: &["interaction.completed", "interaction.complete"],
};

/// Answers of `predict`.
pub(super) static PREDICT_ANSWER: AnswerShape = AnswerShape {
    root: node(
        "",
        &[
            node(
                "predictions",
                &[
                    node("embeddings", &[node("statistics", &[leaf("token_count", A::Sum(Figure::Input))])]),
                    leaf("bytesBase64Encoded", A::Count(Figure::Images)),
                ],
            ),
            node(
                "metadata",
                &[node(
                    "tokenMetadata",
                    &[
                        node("inputTokenCount", &[leaf("totalTokens", A::Figure(Figure::Input))]),
                        node("outputTokenCount", &[leaf("totalTokens", A::Figure(Figure::Output))]),
                    ],
                )],
            ),
            ERROR,
        ],
    ),
    merge: Merge::Replace,
    normalise,
    final_events: &[],
};

/// What Gemini's figures include.
fn normalise(figures: &Figures, _provider: Provider) -> Usage {
    let reasoning = figures.get(Figure::Reasoning);
    Usage {
        input_tokens: figures.sum(&[Figure::Input, Figure::ToolPrompt]),
        output_tokens: figures.sum(&[Figure::Output, Figure::Reasoning]),
        cached_input_tokens: figures.get(Figure::Cached),
        reasoning_tokens: reasoning,
        audio_input_tokens: figures.get(Figure::AudioInput),
        audio_output_tokens: figures.get(Figure::AudioOutput),
        image_input_tokens: figures.get(Figure::ImageInput),
        image_output_tokens: figures.get(Figure::ImageOutput),
        images: figures.get(Figure::Images),
        total_tokens: figures.get(Figure::Total),
        ..Usage::default()
    }
}
