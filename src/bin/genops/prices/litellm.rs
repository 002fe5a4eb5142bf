//! One entry of LiteLLM's `model_prices_and_context_window.json`.
//!
//! Its figures are for one token. `…_above_200k_tokens` holds for the whole of a call with a longer input, `…_priority`,
//! `…_flex` and `…_batches` for other service tiers; both may be combined.

use genops::amount::Amount;
use genops::call::ServiceTier;
use genops::price::{Charge, Rate};
use serde_json::Value;

use super::entry::Model;

/// Why an entry, or a figure of one, was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Refused {
    NotAskedFor,
    Provider,
    Place,
    Retired,
    Mode,
    Graduated,
    Unpriced,
    Free,
    Twice,
    CheaperAbove,
    Rounded,
    OtherFigure,
}

impl Refused {
    /// The reason, for people.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::NotAskedFor => "models: not asked for",
            Self::Provider => "models: of a provider that the filter does not know",
            Self::Place => {
                "models: priced for one region, size or contract, which a request's model does not name"
            }
            Self::Retired => "models: retired by that day",
            Self::Mode => {
                "models: for something that the filter does not measure (video, speech by character, pages …)"
            }
            Self::Graduated => "models: with prices graduated in a way of their own (tiered_pricing)",
            Self::Unpriced => "models: without a price for input or output",
            Self::Free => "models: listed at no cost, which the list also says where it knows none",
            Self::Twice => "models: listed twice with different prices; the first was taken",
            Self::CheaperAbove => "figures: lower for long inputs than for short ones",
            Self::Rounded => "figures: finer than nine decimals per million, rounded up",
            Self::OtherFigure => "figures: for tools, sessions, videos, characters, cached audio",
        }
    }
}

/// LiteLLM's providers and the prefixes of their models' names, and this project's.
const PROVIDERS: [(&str, &str, &str); 37] = [
    ("openai", "openai/", "openai"),
    ("text-completion-openai", "", "openai"),
    ("azure", "azure/", "azure_openai"),
    ("azure_ai", "azure_ai/", "azure_ai"),
    ("anthropic", "anthropic/", "anthropic"),
    ("bedrock", "bedrock/", "aws_bedrock"),
    ("bedrock_converse", "bedrock/", "aws_bedrock"),
    ("bedrock_mantle", "bedrock_mantle/", "bedrock_mantle"),
    ("gemini", "gemini/", "gemini"),
    ("cohere", "cohere/", "cohere"),
    ("cohere_chat", "cohere/", "cohere"),
    ("mistral", "mistral/", "mistral"),
    ("groq", "groq/", "groq"),
    ("deepseek", "deepseek/", "deepseek"),
    ("xai", "xai/", "xai"),
    ("perplexity", "perplexity/", "perplexity"),
    ("moonshot", "moonshot/", "moonshot"),
    ("watsonx", "watsonx/", "watsonx"),
    ("openrouter", "openrouter/", "openrouter"),
    ("together_ai", "together_ai/", "together"),
    ("fireworks_ai", "fireworks_ai/", "fireworks"),
    ("cerebras", "cerebras/", "cerebras"),
    ("databricks", "databricks/", "databricks"),
    ("snowflake", "snowflake/", "snowflake"),
    ("replicate", "replicate/", "replicate"),
    ("voyage", "voyage/", "voyage"),
    ("jina_ai", "jina_ai/", "jina"),
    ("dashscope", "dashscope/", "alibaba"),
    ("zai", "zai/", "zai"),
    ("sambanova", "sambanova/", "sambanova"),
    ("nebius", "nebius/", "nebius"),
    ("deepinfra", "deepinfra/", "deepinfra"),
    ("hyperbolic", "hyperbolic/", "hyperbolic"),
    ("novita", "novita/", "novita"),
    ("minimax", "minimax/", "minimax"),
    ("ai21", "", "ai21"),
    ("vercel_ai_gateway", "vercel_ai_gateway/", "vercel"),
];

/// What is measured of calls with these modes.
const MODES: [&str; 10] = [
    "chat",
    "responses",
    "completion",
    "embedding",
    "rerank",
    "moderation",
    "image_generation",
    "image_edit",
    "audio_transcription",
    "audio_speech",
];

/// Reads one entry: the model, and the figures of it that were not taken. With a day, models that were retired by then
/// are refused.
///
/// # Errors
/// Why the model cannot be taken at all.
pub(crate) fn read(name: &str, facts: &Value, as_of: Option<&str>) -> Result<(Model, Vec<Refused>), Refused> {
    let text = |key| facts.get(key).and_then(Value::as_str);
    let (provider, name) = provider(name, text("litellm_provider").unwrap_or_default())?;
    let mode = text("mode").unwrap_or("chat");
    if !MODES.contains(&mode) {
        return Err(Refused::Mode);
    }
    // Dates of this form compare as text.
    if text("deprecation_date").zip(as_of).is_some_and(|(end, as_of)| end <= as_of) {
        return Err(Refused::Retired);
    }
    let tokens = |key| facts.get(key).and_then(Value::as_u64);
    // Where it is as large as the context, the list knows the context and not the longest answer.
    let context = tokens("max_input_tokens").unwrap_or(u64::MAX);
    let max_output_tokens = match mode {
        "chat" | "responses" | "completion" => {
            tokens("max_output_tokens").filter(|most| (1..context).contains(most))
        }
        _ => None,
    };
    let mut model = Model { provider, name, max_output_tokens, rates: Vec::new() };
    let mut lost = Vec::new();
    for (key, value) in facts.as_object().into_iter().flatten() {
        figure(key, value, mode, &mut model, &mut lost);
    }
    complete(&mut model, mode, facts)?;
    drop_cheaper_above(&mut model, &mut lost);
    model.sort();
    Ok((model, lost))
}

/// The provider, and the model's name in its requests.
fn provider(name: &str, listed: &str) -> Result<(&'static str, String), Refused> {
    let (prefix, slug) = match PROVIDERS.iter().find(|(known, ..)| *known == listed) {
        Some((_, prefix, slug)) => (*prefix, *slug),
        None if listed.starts_with("vertex_ai") => ("vertex_ai/", "vertex_ai"),
        None => return Err(Refused::Provider),
    };
    let rest = name.strip_prefix(prefix).unwrap_or(name);
    // What still has a path is of one region (`eu/gpt-4o`), size (`1024-x-1024/dall-e-2`) or contract, where the
    // provider's own names have none.
    let has_paths =
        !matches!(slug, "openai" | "azure_openai" | "anthropic" | "aws_bedrock" | "gemini" | "cohere");
    let has_paths = has_paths && !(slug == "vertex_ai" && rest.contains('/'));
    // A provider's own prefix on another provider's model (`openai/container`) is none of its names either.
    let is_wild = rest.contains('*') || rest.contains(' ') || rest.is_empty();
    if is_wild || (rest.contains('/') && !has_paths) {
        return Err(Refused::Place);
    }
    Ok((slug, rest.to_owned()))
}

/// Takes one figure.
fn figure(key: &str, value: &Value, mode: &str, model: &mut Model, lost: &mut Vec<Refused>) {
    let is_cost = key.contains("cost");
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Object(_) if is_cost => return lost.push(Refused::OtherFigure),
        _ => return,
    };
    if !is_cost {
        return;
    }
    let (key, service) = service(key);
    let (key, above_input_tokens) = above(key);
    let Some(charge) = charge(key, mode) else {
        // Nothing is lost where nothing is charged.
        if text.parse::<f64>().is_ok_and(|figure| figure != 0.0) {
            lost.push(Refused::OtherFigure);
        }
        return;
    };
    let shift = if charge.is_single() { 0 } else { 6 };
    let Some((amount, is_exact)) = nanos(&text, shift) else { return lost.push(Refused::OtherFigure) };
    if !is_exact {
        lost.push(Refused::Rounded);
    }
    let rate = Rate { charge, service, above_input_tokens, amount };
    let same = |other: &&mut Rate| {
        (other.charge, other.service, other.above_input_tokens) == (charge, service, above_input_tokens)
    };
    match model.rates.iter_mut().find(same) {
        // Two names for one thing: what is billed is the larger.
        Some(other) => other.amount = other.amount.max(amount),
        None => model.rates.push(rate),
    }
}

fn service(key: &str) -> (&str, ServiceTier) {
    let suffixes = [
        ("_priority", ServiceTier::Priority),
        ("_flex", ServiceTier::Flex),
        ("_batches", ServiceTier::Batch),
    ];
    suffixes
        .into_iter()
        .find_map(|(suffix, tier)| Some((key.strip_suffix(suffix)?, tier)))
        .unwrap_or((key, ServiceTier::Standard))
}

/// `…_above_200k_tokens`.
fn above(key: &str) -> (&str, u64) {
    let parsed = key.rsplit_once("_above_").and_then(|(base, rest)| {
        let figure = rest.strip_suffix("_tokens")?;
        let tokens = match figure.strip_suffix('k') {
            Some(thousands) => thousands.parse::<u64>().ok()?.checked_mul(1_000)?,
            None => figure.parse().ok()?,
        };
        Some((base, tokens))
    });
    parsed.unwrap_or((key, 0))
}

fn charge(key: &str, mode: &str) -> Option<Charge> {
    Some(match key {
        "input_cost_per_token" => Charge::Input,
        "output_cost_per_token" => Charge::Output,
        "cache_read_input_token_cost" | "input_cost_per_token_cache_hit" => Charge::CachedInput,
        "cache_creation_input_token_cost" => Charge::CacheWrite,
        "cache_creation_input_token_cost_above_1hr" => Charge::CacheWrite1h,
        "input_cost_per_audio_token" => Charge::AudioInput,
        "output_cost_per_audio_token" => Charge::AudioOutput,
        "input_cost_per_image_token" => Charge::ImageInput,
        "output_cost_per_image_token" => Charge::ImageOutput,
        "output_cost_per_reasoning_token" => Charge::Reasoning,
        "input_cost_per_query" if mode == "rerank" => Charge::Search,
        "input_cost_per_image" | "output_cost_per_image" if mode == "image_generation" => Charge::Image,
        "input_cost_per_second" | "output_cost_per_second" if mode == "audio_transcription" => Charge::Second,
        _ => return None,
    })
}

/// Base figures that follow from what the model does, and whether there is a price at all.
fn complete(model: &mut Model, mode: &str, facts: &Value) -> Result<(), Refused> {
    let image_output = model.base(Charge::ImageOutput);
    if let (None, Some(amount)) = (model.base(Charge::Output), image_output) {
        model.assume(Charge::Output, amount);
    }
    let is_token_priced = [Charge::Input, Charge::Output]
        .into_iter()
        .any(|charge| model.base(charge).is_some_and(|amount| !amount.is_zero()));
    if is_token_priced {
        // What is billed by its tokens is not billed by the piece as well; the list gives both as a choice.
        model.rates.retain(|rate| !rate.charge.is_single());
    }
    let has_singles = model.rates.iter().any(|rate| rate.charge.is_single());
    let has_no_output = matches!(mode, "embedding" | "rerank" | "moderation" | "audio_transcription");
    if has_singles {
        model.assume(Charge::Input, Amount::ZERO);
    }
    if has_singles || has_no_output {
        model.assume(Charge::Output, Amount::ZERO);
    }
    if model.base(Charge::Input).is_none() || model.base(Charge::Output).is_none() {
        let is_graduated = facts.get("tiered_pricing").is_some();
        return Err(if is_graduated { Refused::Graduated } else { Refused::Unpriced });
    }
    if model.rates.iter().all(|rate| rate.amount.is_zero()) { Err(Refused::Free) } else { Ok(()) }
}

/// Long inputs are nowhere cheaper: such figures are mistakes, or are for what the list has no other figure of.
fn drop_cheaper_above(model: &mut Model, lost: &mut Vec<Refused>) {
    let rates = model.rates.clone();
    let floor = |rate: &Rate| {
        let shorter = rates.iter().filter(|other| {
            (other.charge, other.service) == (rate.charge, rate.service)
                && other.above_input_tokens < rate.above_input_tokens
        });
        shorter.map(|other| other.amount).max().or_else(|| {
            // Without a figure of its own for short inputs it has that of the whole.
            rates.iter().find(|other| Some(other.charge) == rate.charge.whole()).map(|other| other.amount)
        })
    };
    model.rates.retain(|rate| {
        let keeps = rate.above_input_tokens == 0 || floor(rate).is_none_or(|floor| rate.amount >= floor);
        if !keeps {
            lost.push(Refused::CheaperAbove);
        }
        keeps
    });
}

/// A decimal figure times ten to `shift`, in nano-units; rounded up where it is finer, and whether it was not.
fn nanos(text: &str, shift: i32) -> Option<(Amount, bool)> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent = exponent.parse::<i32>().ok()?.checked_add(shift)?;
    if let Some(exact) = Amount::parse_decimal(&format!("{mantissa}e{exponent}")) {
        return Some((exact, true));
    }
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let beyond = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?.checked_sub(9)?;
    let kept = digits.len().saturating_sub(usize::try_from(beyond).ok()?);
    let (kept, _) = digits.split_at_checked(kept)?;
    let nanos = if kept.is_empty() { 0 } else { kept.parse::<u64>().ok()? };
    Some((Amount::new(nanos.checked_add(1)?), false))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn figures_for_a_token_become_nano_units_for_a_million() {
        let cases = [
            ("2.5e-6", 6, Some((2_500_000_000, true))),
            ("1e-5", 6, Some((10_000_000_000, true))),
            ("0.0", 6, Some((0, true))),
            ("0.002", 0, Some((2_000_000, true))),
            ("1.6666666666666667e-7", 6, Some((166_666_667, false))),
            ("1e-18", 6, Some((1, false))),
            ("-1e-6", 6, None),
            ("free", 6, None),
        ];
        for (text, shift, expected) in cases {
            let read = nanos(text, shift).map(|(amount, is_exact)| (amount.get(), is_exact));
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn a_key_names_charge_tier_and_length() {
        let (key, tier) = service("input_cost_per_token_above_272k_tokens_priority");
        assert_eq!((above(key), tier), (("input_cost_per_token", 272_000), ServiceTier::Priority));
        let key = "cache_creation_input_token_cost_above_1hr_above_200k_tokens";
        assert_eq!(above(key), ("cache_creation_input_token_cost_above_1hr", 200_000));
        assert_eq!(above("cache_creation_input_token_cost_above_1hr").1, 0);
    }
}
