//! Quantities that budgets hold: whole tokens or requests, milliseconds of compute, nano-units of a currency.
//!
//! Integers only; floating point exists at the telemetry border alone ([`Amount::to_telemetry`]). Arithmetic saturates,
//! so a figure from the network can be absurd without being dangerous.

use std::fmt;

/// Nano-units in one unit of a currency: USD 1 is 1,000,000,000.
pub const NANOS_PER_CURRENCY_UNIT: u64 = 1_000_000_000;

/// Milliseconds in a second of compute.
pub const MILLIS_PER_SECOND: u64 = 1_000;

/// A non-negative quantity of some [`Unit`]: tokens and requests are whole, compute is in milliseconds, money in
/// nano-units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(u64);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// An amount of `units` tokens, requests, milliseconds or nano-units.
    pub const fn new(units: u64) -> Self {
        Self(units)
    }

    /// Reads a decimal figure (`12`, `0.075`, `1.5e-3`) as nano-units, exactly.
    ///
    /// `None` when it is negative, no number, too large, or finer than a nano-unit.
    pub fn parse_decimal(text: &str) -> Option<Self> {
        const NANO_EXPONENT: i32 = 9;
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        if whole.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let significant = digits.trim_end_matches('0');
        let dropped = i32::try_from(digits.len().checked_sub(significant.len())?).ok()?;
        let scale = NANO_EXPONENT
            .checked_add(exponent)?
            .checked_sub(i32::try_from(fraction.len()).ok()?)?
            .checked_add(dropped)?;
        if significant.trim_start_matches('0').is_empty() {
            return Some(Self::ZERO);
        }
        let factor = 10_u64.checked_pow(u32::try_from(scale).ok()?)?;
        significant.parse::<u64>().ok()?.checked_mul(factor).map(Self)
    }

    /// The raw count of tokens, requests, milliseconds or nano-units.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether this is nothing.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, saturating.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, 0 when `other` is larger.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The figure as telemetry shows it: tokens and requests as they are, compute in seconds, money in whole currency
    /// units.
    pub fn to_telemetry(self, unit: Unit) -> f64 {
        self.0 as f64 / unit.scale() as f64
    }
}

/// What an [`Amount`] counts (§3.2): the accounting unit declared on every AWU that reaches reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Tokens, input and output together.
    Tokens,
    /// Tokens, each kind by its weight.
    WeightedTokens(TokenWeights),
    /// Requests that were executed.
    Requests,
    /// The time that calls took, in milliseconds.
    ComputeSeconds,
    /// Money of one currency, in nano-units.
    Money(Currency),
}

impl Unit {
    /// The unit's name as telemetry and headers show it: a word, or the ISO 4217 code.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Tokens => "tokens",
            Self::WeightedTokens(_) => "weighted_tokens",
            Self::Requests => "requests",
            Self::ComputeSeconds => "compute_seconds",
            Self::Money(currency) => currency.as_str(),
        }
    }

    /// The raw counts that make one as telemetry shows it.
    const fn scale(self) -> u64 {
        match self {
            Self::Tokens | Self::WeightedTokens(_) | Self::Requests => 1,
            Self::ComputeSeconds => MILLIS_PER_SECOND,
            Self::Money(_) => NANOS_PER_CURRENCY_UNIT,
        }
    }
}

/// How much each kind of token counts, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenWeights {
    /// Input tokens that no other weight covers.
    pub input: u32,
    /// Output tokens that are no reasoning.
    pub output: u32,
    /// Input tokens read from a cache.
    pub cached_input: u32,
    /// Input tokens written to a cache.
    pub cache_write: u32,
    /// Output tokens that are reasoning.
    pub reasoning: u32,
}

/// An ISO 4217 currency code: three upper-case ASCII letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// Reads a code such as `USD`; `None` unless it is three upper-case ASCII letters.
    pub fn parse(code: &str) -> Option<Self> {
        let letters: [u8; 3] = code.as_bytes().try_into().ok()?;
        letters.iter().all(u8::is_ascii_uppercase).then_some(Self(letters))
    }

    /// The three letters.
    pub fn as_str(&self) -> &str {
        // Always ASCII by construction, so the fallback is never seen.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An amount as a person reads it: `1200` tokens, `0.0125` of a currency (no trailing zeros, exact).
pub struct Display(pub Amount, pub Unit);

impl fmt::Display for Display {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = self.1.scale();
        let whole = self.0.get().checked_div(scale).unwrap_or_default();
        let rest = self.0.get().checked_rem(scale).unwrap_or_default();
        if rest == 0 {
            return write!(f, "{whole}");
        }
        let fraction = format!("{rest:0width$}", width = scale.ilog10() as usize);
        write!(f, "{whole}.{}", fraction.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USD: Unit = Unit::Money(Currency(*b"USD"));

    #[test]
    fn money_is_shown_exactly_and_without_trailing_zeros() {
        let cases = [(0, "0"), (1, "0.000000001"), (12_500_000, "0.0125"), (3_000_000_000, "3")];
        for (nanos, shown) in cases {
            assert_eq!(Display(Amount::new(nanos), USD).to_string(), shown);
        }
    }

    #[test]
    fn each_unit_is_shown_in_its_own_measure() {
        let cases = [(Unit::Tokens, "1500"), (Unit::Requests, "1500"), (Unit::ComputeSeconds, "1.5")];
        for (unit, shown) in cases {
            assert_eq!(Display(Amount::new(1_500), unit).to_string(), shown);
        }
        assert_eq!(Display(Amount::new(7), Unit::ComputeSeconds).to_string(), "0.007");
        assert_eq!(Amount::new(1_500).to_telemetry(Unit::ComputeSeconds), 1.5);
    }

    #[test]
    fn a_decimal_figure_is_read_exactly_or_not_at_all() {
        let cases = [
            ("0", Some(0)),
            ("0.0", Some(0)),
            ("1", Some(1_000_000_000)),
            ("0.0375", Some(37_500_000)),
            ("1.5e-3", Some(1_500_000)),
            ("2e2", Some(200_000_000_000)),
            ("0.0000000010", Some(1)),
            ("0.0000000001", None),
            ("-1", None),
            ("1e40", None),
            ("", None),
            (".5", None),
            ("1.2.3", None),
        ];
        for (text, nanos) in cases {
            assert_eq!(Amount::parse_decimal(text).map(Amount::get), nanos, "{text}");
        }
    }

    #[test]
    fn telemetry_shows_money_in_whole_units_and_tokens_as_they_are() {
        assert_eq!(Amount::new(1_500_000_000).to_telemetry(USD), 1.5);
        assert_eq!(Amount::new(42).to_telemetry(Unit::Tokens), 42.0);
    }

    #[test]
    fn a_currency_is_three_upper_case_letters() {
        assert_eq!(Currency::parse("EUR").map(|c| c.as_str().to_owned()), Some("EUR".to_owned()));
        for bad in ["eur", "EURO", "E1R", "", "ÉU"] {
            assert_eq!(Currency::parse(bad), None, "{bad}");
        }
    }
}
