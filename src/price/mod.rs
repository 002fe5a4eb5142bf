//! What a model costs: rates for each kind of quantity, by service tier and by the length of the input.
//!
//! Validated data and the choice of a rate; [`crate::cost`] multiplies. Invariants: figures are whole nano-units, nothing
//! is rounded here; a kind of token without a rate of its own has that of the kind it is a part of.

mod catalogue;
mod list;
mod name;

use crate::amount::{Amount, Currency};
use crate::call::ServiceTier;

pub use self::catalogue::{Catalogue, Entry, Malformed};
pub use self::list::{Alias, Listed, PriceList, Tariff};
pub use self::name::readings;

/// A kind of quantity that has a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Charge {
    /// Input tokens that no other rate covers.
    Input,
    /// Output tokens that no other rate covers.
    Output,
    /// Input tokens read from a cache.
    CachedInput,
    /// Input tokens written to a cache.
    CacheWrite,
    /// Input tokens written to a cache that keeps them for an hour.
    CacheWrite1h,
    /// Input tokens that are audio.
    AudioInput,
    /// Input tokens that are images.
    ImageInput,
    /// Output tokens that are reasoning.
    Reasoning,
    /// Output tokens that are audio.
    AudioOutput,
    /// Output tokens that are images.
    ImageOutput,
    /// Searches (rerank).
    Search,
    /// Images that were made.
    Image,
    /// Seconds of audio that were heard.
    Second,
}

impl Charge {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Input,
        Self::Output,
        Self::CachedInput,
        Self::CacheWrite,
        Self::CacheWrite1h,
        Self::AudioInput,
        Self::ImageInput,
        Self::Reasoning,
        Self::AudioOutput,
        Self::ImageOutput,
        Self::Search,
        Self::Image,
        Self::Second,
    ];

    /// The key of its rate in the configuration.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Input => "input_per_million",
            Self::Output => "output_per_million",
            Self::CachedInput => "cached_input_per_million",
            Self::CacheWrite => "cache_write_per_million",
            Self::CacheWrite1h => "cache_write_1h_per_million",
            Self::AudioInput => "audio_input_per_million",
            Self::ImageInput => "image_input_per_million",
            Self::Reasoning => "reasoning_per_million",
            Self::AudioOutput => "audio_output_per_million",
            Self::ImageOutput => "image_output_per_million",
            Self::Search => "per_search",
            Self::Image => "per_image",
            Self::Second => "per_second",
        }
    }

    /// Its name in the catalogue.
    pub const fn short(self) -> &'static str {
        match self {
            Self::Input => "in",
            Self::Output => "out",
            Self::CachedInput => "cached",
            Self::CacheWrite => "write",
            Self::CacheWrite1h => "write1h",
            Self::AudioInput => "audio-in",
            Self::ImageInput => "image-in",
            Self::Reasoning => "reasoning",
            Self::AudioOutput => "audio-out",
            Self::ImageOutput => "image-out",
            Self::Search => "search",
            Self::Image => "image",
            Self::Second => "second",
        }
    }

    /// The kind that this is a part of, whose rate holds where this has none.
    pub const fn whole(self) -> Option<Self> {
        match self {
            Self::CacheWrite1h => Some(Self::CacheWrite),
            Self::CachedInput | Self::CacheWrite | Self::AudioInput | Self::ImageInput => Some(Self::Input),
            Self::Reasoning | Self::AudioOutput | Self::ImageOutput => Some(Self::Output),
            Self::Input | Self::Output | Self::Search | Self::Image | Self::Second => None,
        }
    }

    /// Whether its rate is for one of it; that of tokens is for a million.
    pub const fn is_single(self) -> bool {
        matches!(self, Self::Search | Self::Image | Self::Second)
    }
}

/// One figure of a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// What it is for.
    pub charge: Charge,
    /// The service tier that it holds for; the standard one's also hold where another has none.
    pub service: ServiceTier,
    /// It holds for the whole of a call with more input tokens than this.
    pub above_input_tokens: u64,
    /// Nano-units of the currency, for a million tokens or for one of anything else.
    pub amount: Amount,
}

/// What a model costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// The currency.
    pub currency: Currency,
    /// The figures.
    pub rates: Box<[Rate]>,
}

impl Price {
    /// The rate for `charge` in a call of `input_tokens` at `service`.
    ///
    /// The longest input that is exceeded counts. Where the service has no figure for a long input, or none at all, the
    /// standard one's counts; where it has one for a shorter input only, the larger of the two: no provider makes long
    /// inputs cheaper, and an unknown figure is not to be guessed low.
    pub fn rate(&self, charge: Charge, service: ServiceTier, input_tokens: u64) -> Option<Amount> {
        let rate = self.stated(charge, service, input_tokens);
        match (charge, charge.whole()) {
            // Lists state it for short inputs alone; what is kept for an hour is nowhere cheaper than for minutes.
            (Charge::CacheWrite1h, Some(whole)) => rate.max(self.rate(whole, service, input_tokens)),
            (_, Some(whole)) => rate.or_else(|| self.rate(whole, service, input_tokens)),
            (_, None) => rate,
        }
    }

    fn stated(&self, charge: Charge, service: ServiceTier, input_tokens: u64) -> Option<Amount> {
        let own = self.longest(charge, service, input_tokens);
        let standard = match service {
            ServiceTier::Standard => own,
            _ => self.longest(charge, ServiceTier::Standard, input_tokens),
        };
        match (own, standard) {
            (Some(own), Some(standard)) if own.above_input_tokens < standard.above_input_tokens => {
                Some(own.amount.max(standard.amount))
            }
            (Some(rate), _) | (None, Some(rate)) => Some(rate.amount),
            (None, None) => None,
        }
    }

    fn longest(&self, charge: Charge, service: ServiceTier, input_tokens: u64) -> Option<&Rate> {
        let applies = |rate: &&Rate| {
            let is_reached = rate.above_input_tokens == 0 || input_tokens > rate.above_input_tokens;
            rate.charge == charge && rate.service == service && is_reached
        };
        self.rates.iter().filter(applies).max_by_key(|rate| rate.above_input_tokens)
    }

    /// Whether anything but tokens costs something.
    pub fn has_singles(&self) -> bool {
        self.rates.iter().any(|rate| rate.charge.is_single() && !rate.amount.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(rates: &[(Charge, ServiceTier, u64, u64)]) -> Price {
        let rate = |&(charge, service, above_input_tokens, nanos)| Rate {
            charge,
            service,
            above_input_tokens,
            amount: Amount::new(nanos),
        };
        Price { currency: Currency::parse("USD").unwrap(), rates: rates.iter().map(rate).collect() }
    }

    #[test]
    fn the_longest_input_that_is_exceeded_counts_for_the_whole_call() {
        use ServiceTier::Standard;
        let price = price(&[
            (Charge::Input, Standard, 0, 10),
            (Charge::Input, Standard, 200, 20),
            (Charge::Input, Standard, 500, 40),
            (Charge::Output, Standard, 0, 50),
            (Charge::CachedInput, Standard, 200, 2),
        ]);
        for (tokens, nanos) in [(0, 10), (200, 10), (201, 20), (500, 20), (501, 40)] {
            let rate = price.rate(Charge::Input, Standard, tokens);
            assert_eq!(rate, Some(Amount::new(nanos)), "{tokens}");
        }
        assert_eq!(price.rate(Charge::CachedInput, Standard, 100), Some(Amount::new(10)), "as input");
        assert_eq!(price.rate(Charge::CachedInput, Standard, 201), Some(Amount::new(2)));
        assert_eq!(price.rate(Charge::Output, Standard, 900), Some(Amount::new(50)));
        assert_eq!(price.rate(Charge::Image, Standard, 0), None, "never as something else");
    }

    #[test]
    fn a_service_tier_falls_back_to_the_standard_one_and_never_below_it_for_long_inputs() {
        use ServiceTier::{Batch, Flex, Priority, Standard};
        let price = price(&[
            (Charge::Input, Standard, 0, 10),
            (Charge::Input, Standard, 200, 20),
            (Charge::Input, Priority, 0, 30),
            (Charge::Input, Flex, 0, 5),
            (Charge::Input, Flex, 200, 8),
        ]);
        let rate = |service, tokens| price.rate(Charge::Input, service, tokens).map(Amount::get);
        assert_eq!(rate(Priority, 100), Some(30));
        assert_eq!(
            rate(Priority, 201),
            Some(30),
            "the larger of its own and the standard one's for long inputs"
        );
        assert_eq!(rate(Flex, 100), Some(5));
        assert_eq!(rate(Flex, 201), Some(8));
        assert_eq!(rate(Batch, 201), Some(20), "without figures of its own: the standard ones");
    }

    #[test]
    fn a_part_without_a_rate_costs_what_the_whole_costs() {
        let price = price(&[
            (Charge::Input, ServiceTier::Standard, 0, 3),
            (Charge::CacheWrite, ServiceTier::Standard, 0, 4),
        ]);
        let rate = |charge| price.rate(charge, ServiceTier::Standard, 0).map(Amount::get);
        assert_eq!(rate(Charge::CacheWrite1h), Some(4));
        assert_eq!(rate(Charge::AudioInput), Some(3));
        assert_eq!(rate(Charge::Reasoning), None, "no output rate either");
    }
}
