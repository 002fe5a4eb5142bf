//! The `upstreams` section.

use super::edits::INCLUDE_USAGE;
use super::section::{Section, describe, suggestion};
use crate::catalogue::{Api, Provider};
use crate::upstream::{Authority, Match, Upstream};

/// Reads every upstream, in order.
pub(super) fn read(root: &Section<'_>) -> Vec<Upstream> {
    root.sections("upstreams").into_iter().map(upstream).collect()
}

fn upstream(section: Section<'_>) -> Upstream {
    let apis: Vec<(&str, Api)> = Api::names().collect();
    let upstream = Upstream {
        matches: section.section("match").map(matches).unwrap_or_default(),
        provider: provider(&section),
        api: section.one_of("api", &apis),
        region: section.string("region").map(str::to_owned),
        model: section.string("model").map(str::to_owned),
        include_usage: section.one_of("include_usage", &INCLUDE_USAGE),
    };
    section.finish();
    upstream
}

/// The names are too many for a message, so that only a near one is told.
pub(super) fn provider(section: &Section<'_>) -> Option<Provider> {
    let name = section.get("provider")?;
    let known = |provider: &Provider| *provider != Provider::Unknown;
    let found = name.as_str().and_then(Provider::parse).filter(known);
    if found.is_none() {
        let slugs = Provider::ALL.iter().copied().filter(known).map(Provider::slug);
        let hint = name.as_str().map(|name| suggestion(name, slugs)).unwrap_or_default();
        section.problem("provider", format!("expected the name of a provider, got {}{hint}", describe(name)));
    }
    found
}

fn matches(section: Section<'_>) -> Match {
    let authority = "a host such as \"llm.corp\" or \"llm.corp:8443\", or a domain such as \"*.llm.corp\"";
    let matches = Match {
        authority: section.read("authority", authority, |value| Authority::parse(value.as_str()?)),
        route: section.string("route").map(str::to_owned),
        cluster: section.string("cluster").map(str::to_owned),
        path_prefix: section.read("path_prefix", "a path that begins with \"/\"", |value| {
            value.as_str().filter(|path| path.starts_with('/')).map(str::to_owned)
        }),
    };
    section.finish();
    matches
}
