//! What a call consumes, before and after, and what that comes to in any unit.

use super::price::{self, Unpriced};
use crate::amount::{Amount, TokenWeights, Unit};
use crate::call::ServiceTier;
use crate::price::Tariff;
use crate::usage::Usage;

/// Everything that a call consumes, as estimated or as it turned out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Consumption {
    /// Tokens and what else providers bill.
    pub usage: Usage,
    /// The service tier that is billed.
    pub service_tier: ServiceTier,
    /// Milliseconds from sending the request to the answer's last byte.
    pub compute_ms: u64,
}

impl Consumption {
    /// What this comes to in `unit`, rounded up once.
    ///
    /// # Errors
    /// [`Unpriced`] when money is asked for and `tariff` does not price in that currency what was consumed.
    pub fn amount(&self, unit: Unit, tariff: &Tariff) -> Result<Amount, Unpriced> {
        match unit {
            Unit::Tokens => Ok(Amount::new(self.usage.total().unwrap_or(0))),
            Unit::WeightedTokens(weights) => Ok(weighted(&self.usage, weights)),
            Unit::Requests => Ok(Amount::new(1)),
            Unit::ComputeSeconds => Ok(Amount::new(self.compute_ms)),
            Unit::Money(currency) => {
                let price = tariff.price(currency).ok_or(Unpriced)?;
                price::money(&self.usage, self.service_tier, price)
            }
        }
    }

    /// The most that this comes to as an estimate, which does not know how much of its output will be reasoning: all of
    /// it, where that is dearer.
    ///
    /// # Errors
    /// As [`Consumption::amount`].
    pub fn most(&self, unit: Unit, tariff: &Tariff) -> Result<Amount, Unpriced> {
        let amount = self.amount(unit, tariff)?;
        let thinking_is_dearer = match unit {
            Unit::WeightedTokens(weights) => weights.reasoning > weights.output,
            Unit::Money(currency) => tariff
                .price(currency)
                .is_some_and(|price| price::thinking_is_dearer(&self.usage, self.service_tier, price)),
            Unit::Tokens | Unit::Requests | Unit::ComputeSeconds => false,
        };
        if !thinking_is_dearer {
            return Ok(amount);
        }
        let usage = Usage { reasoning_tokens: self.usage.output_tokens, ..self.usage };
        Ok(amount.max(Self { usage, ..*self }.amount(unit, tariff)?))
    }
}

/// Tokens of each kind by its weight. What a stated total holds beyond input and output counts as the dearer of them.
fn weighted(usage: &Usage, weights: TokenWeights) -> Amount {
    const THOUSANDTHS: u128 = 1_000;
    let (input, output) = (usage.input_tokens.unwrap_or(0), usage.output_tokens.unwrap_or(0));
    let cached = usage.cached_input_tokens.unwrap_or(0).min(input);
    let written = usage.cache_write_tokens.unwrap_or(0).min(input.saturating_sub(cached));
    let reasoning = usage.reasoning_tokens.unwrap_or(0).min(output);
    let beyond = usage.total().unwrap_or(0).saturating_sub(input.saturating_add(output));
    let parts = [
        (input.saturating_sub(cached).saturating_sub(written), weights.input),
        (cached, weights.cached_input),
        (written, weights.cache_write),
        (output.saturating_sub(reasoning), weights.output),
        (reasoning, weights.reasoning),
        (beyond, weights.input.max(weights.output)),
    ];
    let thousandths = parts.into_iter().fold(0_u128, |sum, (tokens, weight)| {
        sum.saturating_add(u128::from(tokens).saturating_mul(u128::from(weight)))
    });
    Amount::new(u64::try_from(thousandths.div_ceil(THOUSANDTHS)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amount::Currency;

    const WEIGHTS: TokenWeights =
        TokenWeights { input: 1_000, output: 4_000, cached_input: 100, cache_write: 1_250, reasoning: 3_000 };

    fn consumption(usage: Usage) -> Consumption {
        Consumption { usage, compute_ms: 1_234, ..Consumption::default() }
    }

    fn amount(usage: Usage, unit: Unit) -> u64 {
        consumption(usage).amount(unit, &Tariff::default()).unwrap().get()
    }

    #[test]
    fn each_kind_of_token_counts_by_its_weight_and_the_sum_is_rounded_up_once() {
        let usage = Usage {
            input_tokens: Some(1_000),
            cached_input_tokens: Some(401),
            cache_write_tokens: Some(99),
            output_tokens: Some(50),
            reasoning_tokens: Some(20),
            ..Usage::default()
        };
        // 500 × 1 + 401 × 0.1 + 99 × 1.25 + 30 × 4 + 20 × 3 = 500 + 40.1 + 123.75 + 120 + 60 = 843.85.
        assert_eq!(amount(usage, Unit::WeightedTokens(WEIGHTS)), 844);
        let beyond = Usage { total_tokens: Some(1_060), ..usage };
        assert_eq!(amount(beyond, Unit::WeightedTokens(WEIGHTS)), 884, "ten more at the dearer weight");
        let parts_beyond_the_whole =
            Usage { input_tokens: Some(10), cached_input_tokens: Some(50), ..Usage::default() };
        assert_eq!(amount(parts_beyond_the_whole, Unit::WeightedTokens(WEIGHTS)), 1);
    }

    #[test]
    fn a_request_is_one_whatever_it_used_and_time_is_what_was_measured() {
        for usage in [Usage::default(), Usage { input_tokens: Some(7), ..Usage::default() }] {
            assert_eq!(amount(usage, Unit::Requests), 1);
            assert_eq!(amount(usage, Unit::ComputeSeconds), 1_234);
        }
        assert_eq!(amount(Usage { total_tokens: Some(9), ..Usage::default() }, Unit::Tokens), 9);
    }

    #[test]
    fn money_without_a_price_is_never_nothing() {
        let usd = Unit::Money(Currency::parse("USD").unwrap());
        let usage = Usage { total_tokens: Some(9), ..Usage::default() };
        assert_eq!(consumption(usage).amount(usd, &Tariff::default()), Err(Unpriced));
    }
}
