//! Under which names a requested model may stand in a price list.
//!
//! A request names a model with its date, its region, its provider; a list names it with as much of that as makes a
//! difference in price. Every reading of a name is a part of it: nothing is allocated.

/// Parts of the world in front of Bedrock's inference profiles.
const REGIONS: [&str; 8] = ["us", "eu", "apac", "jp", "au", "ca", "global", "us-gov"];

/// Prefixes that name a provider, and the provider that they name.
const PREFIXES: [(&str, &str); 40] = [
    ("openai", "openai"),
    ("azure", "azure_openai"),
    ("azure_openai", "azure_openai"),
    ("azure_ai", "azure_ai"),
    ("anthropic", "anthropic"),
    ("bedrock", "aws_bedrock"),
    ("aws_bedrock", "aws_bedrock"),
    ("bedrock_mantle", "bedrock_mantle"),
    ("gemini", "gemini"),
    ("google", "gemini"),
    ("vertex_ai", "vertex_ai"),
    ("cohere", "cohere"),
    ("mistral", "mistral"),
    ("mistralai", "mistral"),
    ("groq", "groq"),
    ("deepseek", "deepseek"),
    ("deepseek-ai", "deepseek"),
    ("xai", "xai"),
    ("x-ai", "xai"),
    ("perplexity", "perplexity"),
    ("moonshot", "moonshot"),
    ("moonshotai", "moonshot"),
    ("watsonx", "watsonx"),
    ("openrouter", "openrouter"),
    ("together", "together"),
    ("together_ai", "together"),
    ("fireworks", "fireworks"),
    ("fireworks_ai", "fireworks"),
    ("cerebras", "cerebras"),
    ("databricks", "databricks"),
    ("voyage", "voyage"),
    ("jina", "jina"),
    ("jina_ai", "jina"),
    ("dashscope", "alibaba"),
    ("alibaba", "alibaba"),
    ("zai", "zai"),
    ("z-ai", "zai"),
    ("deepinfra", "deepinfra"),
    ("sambanova", "sambanova"),
    ("ai21", "ai21"),
];

/// Whose models stand for themselves where nobody says who answers.
const MAKERS: [&str; 7] = ["openai", "anthropic", "gemini", "mistral", "cohere", "deepseek", "xai"];

/// Those who pass calls on to others, at the others' prices.
const ROUTERS: [&str; 9] = [
    "unknown",
    "litellm",
    "portkey",
    "helicone",
    "vercel",
    "openrouter",
    "cloudflare",
    "huggingface",
    "github",
];

/// The providers whose list holds where `provider` has no entry of its own.
const fn cousins(provider: &str) -> &'static [&'static str] {
    match provider.as_bytes() {
        b"azure_openai" => &["openai"],
        b"azure_ai" => &["azure_openai", "openai", "anthropic", "mistral", "cohere", "deepseek", "xai"],
        b"vertex_ai" => &["gemini", "anthropic", "mistral"],
        b"bedrock_mantle" => &["aws_bedrock"],
        _ => &[],
    }
}

/// Whether a provider only passes calls on.
fn routes(provider: &str) -> bool {
    ROUTERS.contains(&provider)
}

/// The most specific reading first: who is asked for the price, and under which name.
///
/// The provider's own entry, that of its [`cousins`], that of a provider whom the name begins with, and behind a router
/// that of the model's maker; each with the name as it is, without its region, and without its date. A name that begins
/// with another provider is that provider's only behind a router, or where an operator wrote it.
pub fn readings<'a>(
    provider: &'a str,
    model: &'a str,
    is_operators: bool,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let model = tail(model);
    let family = |provider| std::iter::once(provider).chain(cousins(provider).iter().copied());
    let may_name =
        move |named: &str| is_operators || routes(provider) || family(provider).any(|p| p == named);
    let named = prefixed(model).filter(|(named, _)| may_name(named));
    let whole = family(provider).map(move |provider| (provider, model));
    let named = named.into_iter().flat_map(move |(provider, rest)| family(provider).map(move |p| (p, rest)));
    let makers = MAKERS.iter().copied().filter(move |_| routes(provider)).map(move |maker| (maker, model));
    let readings = whole.chain(named).chain(makers);
    readings.flat_map(|(provider, model)| spellings(model).map(move |spelling| (provider, spelling)))
}

/// The spellings of a name: as it is, without its region, without its date, without both; each once.
pub(super) fn spellings(model: &str) -> impl Iterator<Item = &str> {
    let anywhere = unregioned(model);
    let names = [Some(model), anywhere, undated(model), anywhere.and_then(undated)];
    names.into_iter().flatten()
}

/// The model in a resource's name: `arn:…:inference-profile/NAME`, `models/NAME`, `publishers/…/models/NAME`.
fn tail(model: &str) -> &str {
    let is_resource =
        ["arn:", "models/", "publishers/", "projects/"].iter().any(|start| model.starts_with(start));
    match model.rsplit_once('/') {
        // A profile of one's own has a random id; as a name it means nothing, and matches nothing.
        Some((_, name)) if is_resource => name,
        _ => model,
    }
}

/// The provider that a name begins with, and the rest of it.
fn prefixed(model: &str) -> Option<(&'static str, &str)> {
    let (prefix, rest) = model.split_once('/')?;
    PREFIXES.iter().find(|(name, _)| *name == prefix).map(|(_, provider)| (*provider, rest))
}

/// Without the part of the world in front: `us.anthropic.…`.
fn unregioned(model: &str) -> Option<&str> {
    let (region, rest) = model.split_once('.')?;
    REGIONS.contains(&region).then_some(rest)
}

/// Without a date, a version tag or `latest` at the end, and without what a fine-tuned model's name goes on with.
fn undated(model: &str) -> Option<&str> {
    if let Some(rest) = model.strip_prefix("ft:")
        && let Some(colon) = rest.find(':')
    {
        return model.get(..colon.saturating_add("ft:".len()));
    }
    let model = match model.rsplit_once('@') {
        Some((name, _)) => return Some(name),
        None => model,
    };
    model.strip_suffix("-latest").or_else(|| before_date(model))
}

/// Before `-YYYY-MM-DD` or `-YYYYMMDD` at the end.
fn before_date(model: &str) -> Option<&str> {
    ["-dddd-dd-dd", "-dddddddd"].iter().find_map(|shape| {
        let (name, date) = model.split_at_checked(model.len().checked_sub(shape.len())?)?;
        let fits =
            |(byte, shape): (u8, u8)| if shape == b'd' { byte.is_ascii_digit() } else { byte == shape };
        (!name.is_empty() && date.bytes().zip(shape.bytes()).all(fits)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'a>(provider: &'a str, model: &'a str) -> Vec<(&'a str, &'a str)> {
        readings(provider, model, false).collect()
    }

    #[test]
    fn a_name_is_read_as_it_is_then_without_region_and_date() {
        let cases: [(&str, &[&str]); 10] = [
            ("gpt-4o", &["gpt-4o"]),
            ("gpt-4o-2024-08-06", &["gpt-4o-2024-08-06", "gpt-4o"]),
            ("claude-sonnet-4-5-20250929", &["claude-sonnet-4-5-20250929", "claude-sonnet-4-5"]),
            ("claude-sonnet-4-5@20250929", &["claude-sonnet-4-5@20250929", "claude-sonnet-4-5"]),
            ("mistral-large-latest", &["mistral-large-latest", "mistral-large"]),
            ("us.amazon.nova-pro-v1:0", &["us.amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0"]),
            ("ft:gpt-4o-2024-08-06:acme::1", &["ft:gpt-4o-2024-08-06:acme::1", "ft:gpt-4o-2024-08-06"]),
            ("-2024-08-06", &["-2024-08-06"]),
            ("gpt-4-0613", &["gpt-4-0613"]),
            ("", &[""]),
        ];
        for (model, expected) in cases {
            assert_eq!(spellings(model).collect::<Vec<_>>(), expected, "{model}");
        }
    }

    #[test]
    fn the_provider_is_asked_then_those_whose_models_it_sells_then_whom_the_name_names() {
        assert_eq!(found("openai", "gpt-4o"), [("openai", "gpt-4o")]);
        assert_eq!(found("azure_openai", "gpt-4o"), [("azure_openai", "gpt-4o"), ("openai", "gpt-4o")]);
        assert_eq!(found("groq", "openai/gpt-oss-120b"), [("groq", "openai/gpt-oss-120b")]);
        assert!(found("openai", "openai/gpt-4o").contains(&("openai", "gpt-4o")));
        assert!(found("unknown", "azure/gpt-4o").contains(&("openai", "gpt-4o")));
        assert!(readings("groq", "openai/gpt-4o", true).any(|reading| reading == ("openai", "gpt-4o")));
        let behind_a_router = found("litellm", "claude-opus-4-5");
        assert!(behind_a_router.contains(&("anthropic", "claude-opus-4-5")));
        let arn = "arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova-pro-v1:0";
        assert!(found("aws_bedrock", arn).contains(&("aws_bedrock", "amazon.nova-pro-v1:0")));
        assert!(!found("groq", "gpt-4o").contains(&("openai", "gpt-4o")), "nobody else's price");
    }
}
