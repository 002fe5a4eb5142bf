//! Upper bound of a call's tokens before it runs.

use crate::call::{Operation, RequestFacts};
use crate::config::{Estimation, best_match};
use crate::usage::Usage;

const MILLI: u128 = 1_000;

/// The most tokens that the call is assumed to consume.
///
/// Input: decoded text at the configured bytes per token, stated token arrays exactly, images and audio by figure.
/// Output: the request's own cap, else the model's maximum, else the default; times the choices asked for. Embeddings
/// have no output.
pub fn estimate(facts: &RequestFacts, operation: Operation, settings: &Estimation) -> Usage {
    let input = input_tokens(facts, settings);
    let output = output_tokens(facts, operation, settings);
    Usage { input_tokens: Some(input), output_tokens: Some(output), ..Usage::default() }
}

fn input_tokens(facts: &RequestFacts, settings: &Estimation) -> u64 {
    let size = &facts.input;
    tokens_of_text(size.text_bytes, settings)
        .saturating_add(size.tokens)
        .saturating_add(size.images.saturating_mul(settings.tokens_per_image))
        .saturating_add(size.audio_parts.saturating_mul(settings.tokens_per_audio_part))
        .saturating_add(settings.overhead_tokens)
}

/// The tokens that so much text makes at the configured bytes per token, rounded up.
pub fn tokens_of_text(bytes: u64, settings: &Estimation) -> u64 {
    let tokens =
        u128::from(bytes).saturating_mul(MILLI).div_ceil(u128::from(settings.milli_bytes_per_token.max(1)));
    u64::try_from(tokens).unwrap_or(u64::MAX)
}

fn output_tokens(facts: &RequestFacts, operation: Operation, settings: &Estimation) -> u64 {
    if matches!(operation, Operation::Embeddings | Operation::Moderation | Operation::Rerank) {
        return 0;
    }
    output_cap(facts, settings).saturating_mul(choices(facts))
}

/// The most output tokens that one choice is assumed to have.
pub fn output_cap(facts: &RequestFacts, settings: &Estimation) -> u64 {
    let model_limit = facts
        .model
        .as_deref()
        .and_then(|model| best_match(&settings.models, model, |limit| &limit.model))
        .map(|limit| limit.max_output_tokens);
    match (facts.max_output_tokens, model_limit) {
        // A model cannot produce more than its maximum, whatever the request asks for.
        (Some(cap), Some(most)) => cap.min(most),
        (Some(cap), None) => cap,
        (None, Some(most)) => most,
        (None, None) => settings.default_output_tokens,
    }
}

/// How many answers the request makes the model write.
pub fn choices(facts: &RequestFacts) -> u64 {
    facts.choices.max(facts.best_of).unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::InputSize;
    use crate::config::{ModelLimit, ModelPattern};

    fn settings() -> Estimation {
        Estimation {
            milli_bytes_per_token: 3_000,
            overhead_tokens: 10,
            tokens_per_image: 1_000,
            tokens_per_audio_part: 500,
            default_output_tokens: 4_096,
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

    #[test]
    fn output_is_the_cap_within_the_models_maximum_times_the_choices() {
        let cases = [
            ("big", None, None, 4_096),
            ("big", Some(50), None, 50),
            ("big", Some(50), Some(3), 150),
            ("small-1", None, None, 100),
            ("small-1", Some(1_000_000), None, 100),
            ("small-1", Some(7), Some(0), 7),
            ("big", Some(u64::MAX), Some(2), u64::MAX),
        ];
        for (model, cap, choices, expected) in cases {
            let facts = facts(model, cap, choices, InputSize::default());
            let usage = estimate(&facts, Operation::Chat, &settings());
            assert_eq!(usage.output_tokens, Some(expected), "{model} {cap:?} {choices:?}");
        }
    }

    #[test]
    fn input_counts_text_rounded_up_stated_tokens_images_and_audio() {
        let input = InputSize { text_bytes: 10, tokens: 5, images: 2, audio_parts: 1 };
        let usage = estimate(&facts("big", None, None, input), Operation::Embeddings, &settings());
        assert_eq!(usage.input_tokens, Some(4 + 5 + 2_000 + 500 + 10));
        assert_eq!(usage.output_tokens, Some(0), "embeddings have no output");
    }
}
