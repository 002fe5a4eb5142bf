//! The `policies` section.

use serde_json::Value;

use super::policy::{Ceilings, ContentRule, Hours, Lists, Policies, Policy, Regions, ToolLists};
use super::section::{Section, describe};
use super::selector::{self, patterns};
use super::{budgets, entry, prices};
use crate::amount::{Amount, Currency};
use crate::price::PriceList;
use crate::text::{TextSet, Wanted};
use crate::transcript::Roles;
use crate::window::Weekday;

/// More content rules than this would make each call slow.
const MOST_RULES: usize = 64;
/// The longest literal or expression, in bytes.
const LONGEST_TEXT: usize = 1_024;
const MOST: u64 = 1_000_000_000_000;

/// Reads every policy; names must be unique, since reasons are told by them.
pub(super) fn read(root: &Section<'_>, prices: &PriceList) -> Policies {
    let mut sources = Vec::new();
    let list = entry::named(
        root,
        "policies",
        "policy",
        |policy: &Policy| &policy.name,
        |section| policy(section, prices, &mut sources),
    );
    let mut policies = Policies { list, ..Policies::default() };
    policies.content_rules = sources.len();
    if sources.len() > MOST_RULES {
        root.problem("policies", format!("has more than {MOST_RULES} content rules together"));
    }
    if sources.len() > 1 {
        let wanted: Vec<Wanted<'_>> = sources.iter().map(Source::wanted).collect();
        // Together they may be too much for one automaton; then each is asked by itself.
        policies.gate = TextSet::compile(&wanted).ok();
    }
    policies
}

/// What a content rule looks for.
struct Source<'a> {
    literals: Vec<&'a str>,
    patterns: Vec<&'a str>,
    ignore_case: bool,
}

impl Source<'_> {
    fn wanted(&self) -> Wanted<'_> {
        Wanted { literals: &self.literals, patterns: &self.patterns, ignore_case: self.ignore_case }
    }
}

fn policy<'a>(section: Section<'a>, prices: &PriceList, sources: &mut Vec<Source<'a>>) -> Option<Policy> {
    let name = entry::name(&section);
    let mode = entry::mode(&section);
    let selector = selector::read(&section);
    let effects = ["models", "providers", "regions", "content", "tools", "ceilings", "hours"]
        .map(|key| section.get(key));
    if effects.iter().all(Option::is_none) {
        section.problem("name", "this policy forbids nothing; give it an effect");
    }
    let policy = Policy {
        name: name.unwrap_or_default().into(),
        mode,
        selector,
        models: section.section("models").map(lists),
        providers: section.section("providers").map(lists),
        regions: section.section("regions").map(regions),
        content: section.sections("content").into_iter().filter_map(|rule| content(rule, sources)).collect(),
        tools: section.section("tools").map(tools),
        ceilings: section.section("ceilings").map(|inner| ceilings(inner, prices)).unwrap_or_default(),
        hours: section.sections("hours").into_iter().filter_map(hours).collect(),
        passes_upgrades: section.one_of("on_upgrade", &[("refuse", false), ("pass", true)]).unwrap_or(false),
    };
    section.finish();
    name.map(|_| policy)
}

fn lists(section: Section<'_>) -> Lists {
    let lists = allow_and_deny(&section);
    section.finish();
    lists
}

fn allow_and_deny(section: &Section<'_>) -> Lists {
    if section.get("allow").is_none() && section.get("deny").is_none() {
        section.problem("allow", "is required, or \"deny\"");
    }
    Lists { allow: patterns(section, "allow"), deny: patterns(section, "deny") }
}

fn regions(section: Section<'_>) -> Regions {
    let lists = allow_and_deny(&section);
    let refuses_unknown = section.one_of("unknown", &[("refuse", true), ("pass", false)]).unwrap_or(true);
    section.finish();
    Regions { lists, refuses_unknown }
}

fn tools(section: Section<'_>) -> ToolLists {
    let (names, types) = (section.section("names"), section.section("types"));
    if names.is_none() && types.is_none() {
        section.problem("names", "is required, or \"types\"");
    }
    section.finish();
    ToolLists { names: names.map(lists).unwrap_or_default(), types: types.map(lists).unwrap_or_default() }
}

fn content<'a>(section: Section<'a>, sources: &mut Vec<Source<'a>>) -> Option<ContentRule> {
    let name = entry::name(&section);
    let source = Source {
        literals: texts(&section, "literals"),
        patterns: texts(&section, "patterns"),
        ignore_case: section.boolean("ignore_case").unwrap_or(true),
    };
    if section.get("literals").is_none() && section.get("patterns").is_none() {
        section.problem("literals", "is required, or \"patterns\"");
    }
    let roles = roles(&section);
    let refuses_tokens = section.one_of("token_arrays", &[("refuse", true), ("pass", false)]).unwrap_or(true);
    let set = compile(&section, &source);
    section.finish();
    let rule = ContentRule { name: name?.into(), index: sources.len(), set: set?, roles, refuses_tokens };
    sources.push(source);
    Some(rule)
}

fn texts<'a>(section: &Section<'a>, key: &'static str) -> Vec<&'a str> {
    let mut texts = Vec::new();
    for (path, value) in section.list(key) {
        match value.as_str().filter(|text| (1..=LONGEST_TEXT).contains(&text.len())) {
            Some(text) => texts.push(text),
            None => {
                let message =
                    format!("expected a text of 1 to {LONGEST_TEXT} bytes, got {}", describe(value));
                section.problems().add(path, message);
            }
        }
    }
    texts
}

/// Without a list, everybody's text.
fn roles(section: &Section<'_>) -> Roles {
    let mut roles: Option<Roles> = None;
    for (path, value) in section.list("roles") {
        let known = value.as_str().and_then(|word| Roles::NAMES.iter().find(|(name, _)| *name == word));
        match known {
            Some((_, role)) => roles = Some(roles.map_or(*role, |so_far| so_far.and(*role))),
            None => {
                let words = Roles::NAMES.map(|(name, _)| name).join(", ");
                section.problems().add(path, format!("expected one of {words}, got {}", describe(value)));
            }
        }
    }
    roles.unwrap_or(Roles::ANY)
}

fn compile(section: &Section<'_>, source: &Source<'_>) -> Option<TextSet> {
    match TextSet::compile(&[source.wanted()]) {
        Ok(set) => Some(set),
        Err(bad) => {
            let path = section.path_of("patterns");
            let path = bad.index.map_or(path.clone(), |index| format!("{path}[{index}]"));
            section.problems().add(path, bad.message);
            None
        }
    }
}

fn ceilings(section: Section<'_>, prices: &PriceList) -> Ceilings {
    let keys = [
        "max_input_tokens",
        "max_output_tokens",
        "max_total_tokens",
        "max_cost",
        "max_request_bytes",
        "max_choices",
    ];
    if keys.into_iter().all(|key| section.get(key).is_none()) {
        section.problem("max_total_tokens", "is required, or another ceiling");
    }
    let ceilings = Ceilings {
        max_input_tokens: section.integer("max_input_tokens", 0, MOST),
        max_output_tokens: section.integer("max_output_tokens", 0, MOST),
        max_total_tokens: section.integer("max_total_tokens", 0, MOST),
        max_cost: section.section("max_cost").and_then(|inner| cost(inner, prices)),
        max_request_bytes: section.integer("max_request_bytes", 0, MOST),
        max_choices: section.integer("max_choices", 1, MOST),
    };
    section.finish();
    ceilings
}

fn cost(section: Section<'_>, prices: &PriceList) -> Option<(Amount, Currency)> {
    section.require("amount");
    let expected = "a figure of 0 or more with at most nine decimals";
    let amount = section.read("amount", expected, prices::money);
    section.require("currency");
    let currency = section.read("currency", "an ISO 4217 code such as \"USD\"", |value| {
        value.as_str().and_then(Currency::parse)
    });
    if let Some(currency) = currency
        && !prices.has_currency(currency)
    {
        let code = currency.as_str();
        let message = format!("no price is in {code}; add prices with \"currency\": \"{code}\"");
        section.problem("currency", message);
    }
    section.finish();
    Some((amount?, currency?))
}

fn hours(section: Section<'_>) -> Option<Hours> {
    let days = days(&section);
    section.require("from");
    section.require("to");
    let expected = "a time of day from \"00:00\" to \"24:00\"";
    let from = section.read("from", expected, |value| minute_of_day(value).filter(|minute| *minute < DAY));
    let to = section.read("to", expected, minute_of_day);
    let utc_offset_minutes = entry::utc_offset_minutes(&section);
    section.finish();
    Some(Hours { days, from_minute: from?, to_minute: to?, utc_offset_minutes })
}

fn days(section: &Section<'_>) -> Vec<Weekday> {
    let mut days = Vec::new();
    for (path, value) in section.list("days") {
        let known = value.as_str().and_then(|word| budgets::WEEKDAYS.iter().find(|(name, _)| *name == word));
        match known {
            Some((_, day)) => days.push(*day),
            None => {
                let words = budgets::WEEKDAYS.map(|(name, _)| name).join(", ");
                section.problems().add(path, format!("expected one of {words}, got {}", describe(value)));
            }
        }
    }
    if days.is_empty() { budgets::WEEKDAYS.iter().map(|(_, day)| *day).collect() } else { days }
}

/// Minutes in a day.
const DAY: u16 = 24 * 60;

/// `"07:30"` as minutes since midnight; `"24:00"` is the day's end.
fn minute_of_day(value: &Value) -> Option<u16> {
    let (hours, minutes) = value.as_str()?.split_once(':')?;
    let number = |digits: &str| {
        (digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit()))
            .then(|| digits.parse::<u16>().ok())?
    };
    let minute = number(minutes).filter(|minute| *minute < 60)?;
    let minute = number(hours)?.checked_mul(60)?.checked_add(minute)?;
    (minute <= DAY).then_some(minute)
}
