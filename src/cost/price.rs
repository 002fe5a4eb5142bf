//! Tokens to money, exactly: nano-units per million tokens, rounded up once.

use crate::amount::Amount;
use crate::call::ServiceTier;
use crate::price::{Charge, Price};
use crate::usage::Usage;

const PER_MILLION: u128 = 1_000_000;

/// A money budget, and no price for what the call consumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unpriced;

/// What `usage` costs.
///
/// The input is split without rest or overlap: read from a cache, written to one for an hour, written to one, audio,
/// images, and the others; the output into reasoning, audio, images, and the others. A part is never larger than what is
/// left of the whole: some providers report more cached tokens than input tokens.
///
/// # Errors
/// [`Unpriced`] when something was consumed that has no rate, or when the model is billed by searches, images or seconds
/// and the figures do not say how many.
pub(super) fn money(usage: &Usage, service: ServiceTier, price: &Price) -> Result<Amount, Unpriced> {
    let input = usage.input_tokens.or(alone(usage)).unwrap_or(0);
    let mut sum = 0_u128;
    let (mut consumed, mut singles, mut unbilled) = (false, false, false);
    for (charge, quantity) in parts(usage, input).into_iter().filter(|(_, quantity)| *quantity > 0) {
        consumed = true;
        let Some(rate) = price.rate(charge, service, input) else {
            // Images that are billed by their tokens are not billed by their number, and so on.
            unbilled = true;
            if charge.is_single() {
                continue;
            }
            return Err(Unpriced);
        };
        singles |= charge.is_single();
        let scale = if charge.is_single() { PER_MILLION } else { 1 };
        sum = sum.saturating_add(
            u128::from(quantity).saturating_mul(u128::from(rate.get())).saturating_mul(scale),
        );
    }
    let missed = unbilled || (price.has_singles() && !singles);
    if sum == 0 && consumed && missed {
        return Err(Unpriced);
    }
    Ok(Amount::new(u64::try_from(sum.div_ceil(PER_MILLION)).unwrap_or(u64::MAX)))
}

/// Whether reasoning costs more than other output.
pub(super) fn thinking_is_dearer(usage: &Usage, service: ServiceTier, price: &Price) -> bool {
    let rate = |charge| price.rate(charge, service, usage.input_tokens.unwrap_or(0));
    rate(Charge::Reasoning) > rate(Charge::Output)
}

/// A total that is stated alone is input.
const fn alone(usage: &Usage) -> Option<u64> {
    match usage.output_tokens {
        None => usage.total_tokens,
        Some(_) => None,
    }
}

/// The whole consumption in parts.
fn parts(usage: &Usage, input: u64) -> [(Charge, u64); 13] {
    let mut left_in = input;
    let cached = take(&mut left_in, usage.cached_input_tokens);
    let all_written = usage.cache_write_tokens;
    let one_hour = usage.cache_write_1h_tokens.map(|hour| all_written.map_or(hour, |all| hour.min(all)));
    let one_hour = take(&mut left_in, one_hour);
    let written = take(&mut left_in, all_written.map(|all| all.saturating_sub(one_hour)));
    let audio_in = take(&mut left_in, usage.audio_input_tokens);
    let images_in = take(&mut left_in, usage.image_input_tokens);
    let mut left_out = usage.output_tokens.unwrap_or(0);
    let reasoning = take(&mut left_out, usage.reasoning_tokens);
    let audio_out = take(&mut left_out, usage.audio_output_tokens);
    let images_out = take(&mut left_out, usage.image_output_tokens);
    [
        (Charge::CachedInput, cached),
        (Charge::CacheWrite1h, one_hour),
        (Charge::CacheWrite, written),
        (Charge::AudioInput, audio_in),
        (Charge::ImageInput, images_in),
        (Charge::Input, left_in),
        (Charge::Reasoning, reasoning),
        (Charge::AudioOutput, audio_out),
        (Charge::ImageOutput, images_out),
        (Charge::Output, left_out),
        (Charge::Search, usage.search_units.unwrap_or(0)),
        (Charge::Image, usage.images.unwrap_or(0)),
        (Charge::Second, usage.audio_seconds.unwrap_or(0)),
    ]
}

/// Takes a part out of what is left of the whole.
fn take(left: &mut u64, stated: Option<u64>) -> u64 {
    let part = stated.unwrap_or(0).min(*left);
    *left = left.saturating_sub(part);
    part
}
