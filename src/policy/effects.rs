//! What a policy forbids by name, place and size.

use super::{Case, Violation};
use crate::amount::{Display, Unit};
use crate::config::{Ceilings, Lists, Policy};
use crate::semconv::ReasonCode;
use crate::tool::Tool;

/// Why a name is not permitted.
fn refused(lists: &Lists, names: &[&str]) -> Option<&'static str> {
    let is_in = |names: &[&str]| names.iter().any(|n| lists.deny.iter().any(|g| g.matches_in_any_case(n)));
    let may = |names: &[&str]| names.iter().any(|name| lists.allow.iter().any(|g| g.matches(name)));
    if is_in(names) {
        Some("denies")
    } else if !lists.allow.is_empty() && !may(names) {
        Some("does not allow")
    } else {
        None
    }
}

fn violation(policy: &Policy, code: ReasonCode, what: std::fmt::Arguments<'_>) -> Violation {
    Violation { code, message: format!("GenOps: policy {:?} {what}.", policy.name) }
}

pub(super) fn provider(policy: &Policy, case: &Case<'_>) -> Option<Violation> {
    let lists = policy.providers.as_ref()?;
    let code = ReasonCode::PolicyDenyProvider;
    let names: Vec<&str> = case.call.providers().collect();
    let Some(name) = names.first() else {
        let what = format_args!("needs to know the provider, which neither host nor path names");
        return refused(lists, &[""]).map(|_| violation(policy, code, what));
    };
    let verb = refused(lists, &names)?;
    Some(violation(policy, code, format_args!("{verb} provider {name:?}")))
}

pub(super) fn region(policy: &Policy, case: &Case<'_>) -> Option<Violation> {
    let regions = policy.regions.as_ref()?;
    let code = ReasonCode::PolicyDenyRegion;
    let Some(region) = case.region else {
        let unknown = format_args!("needs to know the region, which neither host nor path names");
        return regions.refuses_unknown.then(|| violation(policy, code, unknown));
    };
    let verb = refused(&regions.lists, &[region])?;
    Some(violation(policy, code, format_args!("{verb} region {region:?}")))
}

/// Every model that may answer has to be permitted.
pub(super) fn model(policy: &Policy, case: &Case<'_>) -> Option<Violation> {
    let lists = policy.models.as_ref()?;
    let code = ReasonCode::PolicyDenyModel;
    let refused_one = case.call.models().find_map(|model| Some((refused(lists, &[model])?, model)));
    if let Some((verb, model)) = refused_one {
        return Some(violation(policy, code, format_args!("{verb} model {model:?}")));
    }
    // A name that is not there is an empty one, which only "*" matches.
    let refused = case.call.model.is_none() && refused(lists, &[""]).is_some();
    let what = format_args!("needs to know the model, which the request does not name");
    refused.then(|| violation(policy, code, what))
}

pub(super) fn tool(policy: &Policy, offered: &[Tool]) -> Option<Violation> {
    let lists = policy.tools.as_ref()?;
    offered.iter().find_map(|tool| {
        let kinds: Vec<&str> = tool.kinds().collect();
        let (verb, what) = match refused(&lists.types, &kinds) {
            Some(verb) => (verb, "tools of type"),
            None => (refused(&lists.names, &[tool.known_as()])?, "tool"),
        };
        let name = if what == "tool" { tool.known_as() } else { &tool.kind };
        Some(violation(policy, ReasonCode::PolicyDenyTool, format_args!("{verb} {what} {name:?}")))
    })
}

/// The first ceiling that the call is above.
pub(super) fn ceilings(policy: &Policy, case: &Case<'_>) -> Option<Violation> {
    let Ceilings { max_input_tokens, max_output_tokens, max_total_tokens, .. } = policy.ceilings;
    let Ceilings { max_cost, max_request_bytes, max_choices, .. } = policy.ceilings;
    let usage = case.estimate;
    let figures = [
        ("max_request_bytes", max_request_bytes, Some(case.body_bytes)),
        ("max_choices", max_choices, Some(case.choices)),
        ("max_input_tokens", max_input_tokens, usage.input_tokens),
        ("max_output_tokens", max_output_tokens, usage.output_tokens),
        ("max_total_tokens", max_total_tokens, usage.total()),
    ];
    for (name, most, figure) in figures {
        if let (Some(most), Some(figure)) = (most, figure)
            && figure > most
        {
            let what = format_args!("has {name} {most}, and this call may come to {figure}");
            return Some(violation(policy, ReasonCode::CeilingExceeded, what));
        }
    }
    let (most, currency) = max_cost?;
    let unit = Unit::Money(currency);
    match (case.cost)(currency) {
        Some(cost) if cost > most => {
            let (most, cost, code) = (Display(most, unit), Display(cost, unit), currency.as_str());
            let what = format_args!("has max_cost {most} {code}, and this call may cost {cost}");
            Some(violation(policy, ReasonCode::CeilingExceeded, what))
        }
        None if case.refuses_unpriced => {
            let (model, code) = (case.call.model.unwrap_or("(none)"), currency.as_str());
            let what = format_args!("has a max_cost, and model {model:?} has no price in {code}");
            Some(violation(policy, ReasonCode::ModelUnpriced, what))
        }
        Some(_) | None => None,
    }
}
