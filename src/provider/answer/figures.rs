//! The figures of one answer under names of their own, before normalisation.
//!
//! An adapter's table says which native field is which figure; its normaliser knows what includes what.

/// A figure that some provider states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Figure {
    /// Input as the API counts it.
    Input,
    /// Input that neither came from a cache nor went to one, where the API counts that apart.
    FreshInput,
    /// Output as the API counts it.
    Output,
    /// The stated total.
    Total,
    /// Read from a cache.
    Cached,
    /// Read from a cache, under a second name.
    CachedAlias,
    /// Written to a cache.
    CacheWrite,
    /// Written to a cache for five minutes.
    CacheWrite5m,
    /// Written to a cache for an hour.
    CacheWrite1h,
    /// Reasoning, thinking.
    Reasoning,
    /// Prompts of tools the provider ran.
    ToolPrompt,
    /// Audio in.
    AudioInput,
    /// Audio out.
    AudioOutput,
    /// Images in.
    ImageInput,
    /// Images out, in tokens.
    ImageOutput,
    /// Images out, in number.
    Images,
    /// Seconds of audio in.
    Seconds,
    /// Searches.
    SearchUnits,
    /// Input as billed.
    BilledInput,
    /// Output as billed.
    BilledOutput,
    /// Images as billed.
    BilledImage,
    /// Input of a separate count (headers, invocation metrics).
    MeteredInput,
    /// Output of a separate count.
    MeteredOutput,
    /// Cache reads of a separate count.
    MeteredCached,
    /// Cache writes of a separate count.
    MeteredCacheWrite,
    /// Input over all iterations.
    IterationInput,
    /// Output over all iterations.
    IterationOutput,
    /// Cache reads over all iterations.
    IterationCached,
    /// Cache writes over all iterations.
    IterationCacheWrite,
}

const FIGURES: usize = 29;

/// No call consumes more of anything: a larger figure is a mistake, and counts as not stated. It is a hundred times the
/// longest context that any model has.
pub(crate) const MOST: u64 = 1_000_000_000;

// Figures are kept in 32 bits: a sum that saturates there is still larger than any figure, and so told from one.
const _: () = assert!(MOST < u32::MAX as u64);

/// Which figures were stated, and what they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    values: [u32; FIGURES],
    stated: u32,
}

impl Figures {
    pub(crate) fn get(&self, figure: Figure) -> Option<u64> {
        if self.stated & bit(figure) == 0 {
            None
        } else {
            self.values.get(figure as usize).copied().map(u64::from)
        }
    }

    /// States a figure of at most [`MOST`]; a sum of several may be told from one by being larger.
    pub(crate) fn set(&mut self, figure: Figure, value: u64) {
        if let Some(slot) = self.values.get_mut(figure as usize) {
            *slot = u32::try_from(value).unwrap_or(u32::MAX);
            self.stated |= bit(figure);
        }
    }

    /// Adds to what is stated.
    pub(crate) fn add(&mut self, figure: Figure, value: u64) {
        self.set(figure, self.get(figure).unwrap_or(0).saturating_add(value));
    }

    /// The figure is not stated.
    pub(crate) fn forget(&mut self, figure: Figure) {
        self.stated &= !bit(figure);
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.stated == 0
    }

    /// The sum of the figures that are stated; `None` when none is.
    pub(crate) fn sum(&self, figures: &[Figure]) -> Option<u64> {
        figures.iter().filter_map(|figure| self.get(*figure)).reduce(u64::saturating_add)
    }

    /// Every figure that `newer` states, by `choose(old, new)`.
    pub(crate) fn take_from(&mut self, newer: &Self, choose: fn(u32, u32) -> u32) {
        for ((index, slot), new) in self.values.iter_mut().enumerate().zip(newer.values) {
            let bit = 1_u32.checked_shl(index as u32).unwrap_or(0);
            if newer.stated & bit != 0 {
                *slot = if self.stated & bit == 0 { new } else { choose(*slot, new) };
            }
        }
        self.stated |= newer.stated;
    }
}

const fn bit(figure: Figure) -> u32 {
    1 << (figure as u32)
}
