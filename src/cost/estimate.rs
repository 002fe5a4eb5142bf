//! Upper bound of what a call consumes before it runs.

use super::consumption::Consumption;
use crate::call::{Operation, RequestFacts};
use crate::config::Estimation;
use crate::model_pattern::best_match;
use crate::usage::Usage;

const MILLI: u128 = 1_000;

/// The most output that one call is believed to have, a hundred times the longest context of any model. A caller who asks
/// for more must not fill, by the figure alone, an account that does not refuse it.
const MOST_OUTPUT_TOKENS: u64 = 1_000_000_000;

/// Output of an answer of which nothing is known.
const DEFAULT_OUTPUT_TOKENS: u64 = 4_096;

/// The most that the call is assumed to consume.
///
/// Input: decoded text at the configured bytes per token, stated token arrays exactly, images and audio by figure.
/// Output: the request's own cap, else the model's maximum, else the default; times the choices asked for. Embeddings
/// have no output. `known_output_tokens` is what the catalogue says of the model's longest answer.
pub fn estimate(
    facts: &RequestFacts,
    operation: Operation,
    settings: &Estimation,
    known_output_tokens: Option<u64>,
) -> Consumption {
    let size = &facts.input;
    let images = size.images.saturating_mul(settings.tokens_per_image);
    let audio = size.audio_parts.saturating_mul(settings.tokens_per_audio_part);
    let input = tokens_of_text(size.text_bytes, settings)
        .saturating_add(size.tokens)
        .saturating_add(images)
        .saturating_add(audio)
        .saturating_add(settings.overhead_tokens);
    let some = |tokens: u64| Some(tokens).filter(|tokens| *tokens > 0);
    let usage = Usage {
        input_tokens: Some(input),
        output_tokens: Some(output_tokens(facts, operation, settings, known_output_tokens)),
        image_input_tokens: some(images),
        audio_input_tokens: some(audio),
        search_units: (operation == Operation::Rerank).then(|| search_units(input)),
        images: (operation == Operation::Image).then(|| choices(facts)),
        audio_seconds: (operation == Operation::Transcription).then_some(settings.audio_seconds),
        ..Usage::default()
    };
    let service_tier = facts.service_tier.unwrap_or_default();
    Consumption { usage, service_tier, compute_ms: settings.compute_ms }
}

/// Searches that ranking so much input takes at least: one for each hundred documents, and none is longer than 500
/// tokens.
const fn search_units(input_tokens: u64) -> u64 {
    const TOKENS: u64 = 50_000;
    if input_tokens == 0 { 1 } else { input_tokens.div_ceil(TOKENS) }
}

/// How many answers are generated.
pub fn choices(facts: &RequestFacts) -> u64 {
    facts.choices.max(facts.best_of).unwrap_or(1).max(1)
}

/// The tokens that so much text makes at the configured bytes per token, rounded up.
pub fn tokens_of_text(bytes: u64, settings: &Estimation) -> u64 {
    let tokens =
        u128::from(bytes).saturating_mul(MILLI).div_ceil(u128::from(settings.milli_bytes_per_token.max(1)));
    u64::try_from(tokens).unwrap_or(u64::MAX)
}

fn output_tokens(
    facts: &RequestFacts,
    operation: Operation,
    settings: &Estimation,
    known: Option<u64>,
) -> u64 {
    if matches!(operation, Operation::Embeddings | Operation::Moderation | Operation::Rerank) {
        return 0;
    }
    let cap = output_cap(facts, settings, known);
    let per_choice = match facts.max_output_tokens {
        Some(_) => cap.saturating_add(beside_cap(facts)),
        // A model's longest answer is all of it; without one, what is thought stands beside what is said.
        None if model_limit(facts, settings).is_some() => cap,
        None => cap.max(beside_cap(facts).saturating_add(default_output(settings))),
    };
    per_choice.saturating_mul(choices(facts)).min(MOST_OUTPUT_TOKENS)
}

/// What one choice may think that its output cap does not cover, as far as the request says.
pub fn beside_cap(facts: &RequestFacts) -> u64 {
    facts.reasoning.filter(|reasoning| !reasoning.is_in_cap).map_or(0, |reasoning| reasoning.tokens)
}

/// The most output tokens that one choice is assumed to have: all that the request's cap covers, or would if it had one.
pub fn output_cap(facts: &RequestFacts, settings: &Estimation, known: Option<u64>) -> u64 {
    match (facts.max_output_tokens, model_limit(facts, settings)) {
        // A model cannot produce more than its maximum, whatever the request asks for.
        (Some(cap), Some(most)) => cap.min(most),
        (Some(cap), None) => cap,
        (None, Some(most)) => most,
        (None, None) => {
            // What is thought stands beside what is said.
            let thinking = facts.reasoning.filter(|reasoning| reasoning.is_in_cap);
            let with_thinking = thinking.map_or(0, |it| it.tokens.saturating_add(default_output(settings)));
            unstated_output(settings, known).max(with_thinking)
        }
    }
}

/// The longest answer of the call's model, where the configuration knows it.
fn model_limit(facts: &RequestFacts, settings: &Estimation) -> Option<u64> {
    let limit = best_match(&settings.models, facts.model.as_deref()?, |limit| &limit.model)?;
    Some(limit.max_output_tokens)
}

fn default_output(settings: &Estimation) -> u64 {
    settings.default_output_tokens.unwrap_or(DEFAULT_OUTPUT_TOKENS)
}

/// Output assumed where neither the request nor an entry of the configuration says anything: what the operator assumes
/// for all models, else what the catalogue knows of this one.
fn unstated_output(settings: &Estimation, known: Option<u64>) -> u64 {
    settings.default_output_tokens.or(known).unwrap_or(DEFAULT_OUTPUT_TOKENS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{InputSize, Reasoning};
    use crate::config::ModelLimit;
    use crate::model_pattern::ModelPattern;

    fn settings() -> Estimation {
        Estimation {
            milli_bytes_per_token: 3_000,
            overhead_tokens: 10,
            tokens_per_image: 1_000,
            tokens_per_audio_part: 500,
            default_output_tokens: None,
            audio_seconds: 60,
            compute_ms: 30_000,
            models: vec![ModelLimit {
                model: ModelPattern::Prefix("small".to_owned()),
                max_output_tokens: 100,
            }],
        }
    }

    fn facts(model: &str, cap: Option<u64>, choices: Option<u64>, input: InputSize) -> RequestFacts {
        RequestFacts {
            model: Some(model.to_owned()),
            max_output_tokens: cap,
            choices,
            input,
            ..RequestFacts::default()
        }
    }

    fn output(facts: &RequestFacts, settings: &Estimation, known: Option<u64>) -> Option<u64> {
        estimate(facts, Operation::Chat, settings, known).usage.output_tokens
    }

    #[test]
    fn output_is_the_cap_within_the_models_maximum_times_the_choices() {
        let cases = [
            ("big", None, None, 4_096),
            ("big", Some(50), None, 50),
            ("big", Some(50), Some(3), 150),
            ("small-1", None, None, 100),
            ("small-1", Some(1_000_000), None, 100),
            ("small-1", Some(7), Some(0), 7),
            ("big", Some(u64::MAX), Some(2), MOST_OUTPUT_TOKENS),
            ("big", Some(1_000_000), Some(1_000_000), MOST_OUTPUT_TOKENS),
        ];
        for (model, cap, choices, expected) in cases {
            let facts = facts(model, cap, choices, InputSize::default());
            assert_eq!(output(&facts, &settings(), None), Some(expected), "{model} {cap:?} {choices:?}");
        }
    }

    #[test]
    fn without_a_cap_the_operators_word_counts_then_the_catalogues_then_the_default() {
        let stated = Estimation { default_output_tokens: Some(500), ..settings() };
        let cases = [
            ("small", None, &stated, Some(9_000), 100),
            ("big", None, &stated, Some(9_000), 500),
            ("big", None, &settings(), Some(9_000), 9_000),
            ("big", None, &settings(), None, 4_096),
            // A cap above what the catalogue knows is believed: a catalogue can be old.
            ("big", Some(10_000), &settings(), Some(9_000), 10_000),
        ];
        for (model, cap, settings, known, expected) in cases {
            let facts = facts(model, cap, None, InputSize::default());
            assert_eq!(output(&facts, settings, known), Some(expected), "{model} {cap:?} {known:?}");
        }
    }

    #[test]
    fn a_budget_of_reasoning_counts_where_the_cap_does_not_cover_it() {
        let cases = [
            (Some(100), true, 100),
            (Some(100), false, 5_100),
            (None, true, 5_000 + 4_096),
            (None, false, 5_000 + 4_096),
        ];
        for (cap, is_in_cap, expected) in cases {
            let reasoning = Some(Reasoning { tokens: 5_000, is_in_cap });
            let facts = RequestFacts { reasoning, ..facts("big", cap, None, InputSize::default()) };
            assert_eq!(output(&facts, &settings(), None), Some(expected), "{cap:?} {is_in_cap}");
            assert_eq!(
                output(&facts, &settings(), Some(20_000)),
                Some(if cap.is_some() { expected } else { 20_000 })
            );
        }
    }

    #[test]
    fn input_counts_text_rounded_up_stated_tokens_images_and_audio() {
        let input = InputSize { text_bytes: 10, tokens: 5, images: 2, audio_parts: 1 };
        let usage =
            estimate(&facts("big", None, None, input), Operation::Embeddings, &settings(), None).usage;
        assert_eq!(usage.input_tokens, Some(4 + 5 + 2_000 + 500 + 10));
        assert_eq!((usage.image_input_tokens, usage.audio_input_tokens), (Some(2_000), Some(500)));
        assert_eq!(usage.output_tokens, Some(0), "embeddings have no output");
    }

    #[test]
    fn what_is_billed_by_the_piece_is_estimated_for_the_operations_that_have_it() {
        let facts = facts("big", None, Some(3), InputSize { text_bytes: 300_000, ..InputSize::default() });
        let of = |operation| estimate(&facts, operation, &settings(), None).usage;
        assert_eq!(of(Operation::Rerank).search_units, Some(3));
        assert_eq!(of(Operation::Image).images, Some(3));
        assert_eq!(of(Operation::Transcription).audio_seconds, Some(60));
        let chat = of(Operation::Chat);
        assert_eq!((chat.search_units, chat.images, chat.audio_seconds), (None, None, None));
    }
}
