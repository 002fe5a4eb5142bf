//! What a call consumed, in one normalised shape for every provider.
//!
//! Input **includes** cache reads, cache writes and tool prompts; output **includes** reasoning. A figure the provider
//! did not state is `None`: zero is a statement, absence is not.

/// Token counts of one call, normalised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// All input tokens, cached ones included.
    pub input_tokens: Option<u64>,
    /// All output tokens, reasoning included.
    pub output_tokens: Option<u64>,
    /// The part of the input that was read from a cache.
    pub cached_input_tokens: Option<u64>,
    /// The part of the input that was written to a cache.
    pub cache_write_tokens: Option<u64>,
    /// The part of the cache writes that is kept for an hour, where it is priced apart.
    pub cache_write_1h_tokens: Option<u64>,
    /// The part of the output that was reasoning.
    pub reasoning_tokens: Option<u64>,
    /// The part of the input that was audio.
    pub audio_input_tokens: Option<u64>,
    /// The part of the output that was audio.
    pub audio_output_tokens: Option<u64>,
    /// The part of the input that was images.
    pub image_input_tokens: Option<u64>,
    /// The part of the output that was images.
    pub image_output_tokens: Option<u64>,
    /// Searches, where they are what is billed (rerank).
    pub search_units: Option<u64>,
    /// Images that were made.
    pub images: Option<u64>,
    /// Seconds of audio that were heard, where they are what is billed.
    pub audio_seconds: Option<u64>,
    /// The total as the provider states it, or input plus output.
    pub total_tokens: Option<u64>,
}

impl Usage {
    /// Whether no figure at all is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Every token consumed: the stated total, else input plus output, else `None` when nothing is known.
    pub fn total(&self) -> Option<u64> {
        self.total_tokens.or(match (self.input_tokens, self.output_tokens) {
            (None, None) => None,
            (input, output) => Some(input.unwrap_or(0).saturating_add(output.unwrap_or(0))),
        })
    }
}

/// How far a usage figure can be trusted (§3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// The provider stated it in a finished answer.
    Complete,
    /// The best that is known: estimated or cut short.
    Incomplete,
}
