//! What a call costs at the simulated provider.

use super::behaviour::Behaviour;
use super::call::Call;

/// What the model writes per choice when neither the test nor the request says anything.
pub(super) const USUAL_OUTPUT: u64 = 16;

/// Tokens billed for one call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Everything read, cached or not.
    pub input_tokens: u64,
    /// The part of the input that came from the cache.
    pub cached_tokens: u64,
    /// Everything written, over all choices.
    pub output_tokens: u64,
}

impl Usage {
    /// Input and output.
    pub fn total_tokens(&self) -> u64 {
        self.input_tokens + self.output_tokens
    }
}

/// A call's figures before it is given a shape.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figures {
    pub(super) usage: Usage,
    /// Tokens of one choice.
    pub(super) per_choice: u64,
    pub(super) choices: u64,
    /// The model was stopped by the request's cap.
    pub(super) capped: bool,
}

impl Figures {
    /// Of a call that writes.
    pub(super) fn writing(call: &Call, behaviour: &Behaviour) -> Self {
        let wanted = behaviour.output_tokens.unwrap_or(USUAL_OUTPUT);
        let per_choice = call.output_cap().map_or(wanted, |cap| wanted.min(cap));
        let choices = call.choices();
        let mut figures = Self::reading(call, behaviour);
        figures.usage.output_tokens = per_choice * choices;
        Self { per_choice, choices, capped: per_choice < wanted, ..figures }
    }

    /// Of a call that only reads, as embeddings do.
    pub(super) fn reading(call: &Call, behaviour: &Behaviour) -> Self {
        let quarter = (call.text_bytes() as u64 / 4).max(1);
        let input_tokens = behaviour.input_tokens.unwrap_or(quarter);
        let cached_tokens = behaviour.cached_tokens.min(input_tokens);
        let usage = Usage { input_tokens, cached_tokens, output_tokens: 0 };
        Self { usage, per_choice: 0, choices: 1, capped: false }
    }
}
