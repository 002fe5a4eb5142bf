//! One model of a price list, on its way from one format to another.

use genops::amount::Amount;
use genops::call::ServiceTier;
use genops::price::{Charge, Rate};

/// A model and what it costs, in USD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Model {
    /// Who charges, by the provider's slug.
    pub(crate) provider: &'static str,
    pub(crate) name: String,
    pub(crate) max_output_tokens: Option<u64>,
    /// In the order of service tier, length and charge.
    pub(crate) rates: Vec<Rate>,
}

impl Model {
    /// The figure for ordinary calls of any length.
    pub(crate) fn base(&self, charge: Charge) -> Option<Amount> {
        let is_base = |rate: &&Rate| {
            rate.service == ServiceTier::Standard && rate.above_input_tokens == 0 && rate.charge == charge
        };
        self.rates.iter().find(is_base).map(|rate| rate.amount)
    }

    /// Adds a base figure that the list leaves out because it follows from others.
    pub(crate) fn assume(&mut self, charge: Charge, amount: Amount) {
        if self.base(charge).is_none() {
            self.rates.push(Rate { charge, service: ServiceTier::Standard, above_input_tokens: 0, amount });
        }
    }

    /// Brings the figures into their order, in which a price is written.
    pub(crate) fn sort(&mut self) {
        self.rates.sort_by_key(|rate| (rate.service, rate.above_input_tokens, rate.charge));
    }

    /// The figures of each service tier and length of input.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &[Rate]> {
        self.rates.chunk_by(|a, b| (a.service, a.above_input_tokens) == (b.service, b.above_input_tokens))
    }
}
