//! An explanation as text.

use std::fmt::Write as _;

use genops::budget::Enforcement;
use genops::call::RequestFacts;
use genops::exchange::{Explanation, Judged, Verdict};
use genops::provider::Endpoint;

/// The explanation, line by line. Writing to a string cannot fail.
pub(super) fn tell(explanation: &Explanation<'_>) -> String {
    let mut text = String::new();
    let Some(endpoint) = &explanation.endpoint else {
        return "  verdict: no AI call that costs something; failure.unrecognised decides\n".to_owned();
    };
    attribution(&mut text, explanation);
    match &explanation.facts {
        Some(Ok(facts)) => call(&mut text, explanation, endpoint, facts),
        Some(Err(problem)) => _ = writeln!(text, "  call: {}; {problem}", endpoint_words(endpoint)),
        None => _ = writeln!(text, "  call: {}", endpoint_words(endpoint)),
    }
    for judged in &explanation.judgements {
        policy(&mut text, judged);
    }
    _ = writeln!(text, "  verdict: {}", verdict(&explanation.verdict));
    text
}

fn attribution(text: &mut String, explanation: &Explanation<'_>) {
    let resolved = &explanation.attribution;
    let values: Vec<String> = resolved
        .attribution
        .iter()
        .map(|(attribute, value)| format!("{}={value}", attribute.as_str()))
        .collect();
    _ = write!(
        text,
        "  attribution: {}",
        if values.is_empty() { "none".to_owned() } else { values.join(" ") }
    );
    if let Some(missing) = &resolved.missing {
        _ = write!(
            text,
            "; {} is missing, looked in {}",
            missing.attribute.as_str(),
            missing.tried.join(", ")
        );
    }
    text.push('\n');
}

fn endpoint_words(endpoint: &Endpoint) -> String {
    let region = endpoint.region.as_deref().unwrap_or("not known");
    let (provider, api) = (endpoint.provider.slug(), endpoint.api.as_str());
    format!("{} through {api} of {provider}, region {region}", endpoint.operation.as_str())
}

fn call(text: &mut String, explanation: &Explanation<'_>, endpoint: &Endpoint, facts: &RequestFacts) {
    _ = write!(text, "  call: {}", endpoint_words(endpoint));
    let model = facts.model.as_deref().unwrap_or("not named");
    _ = write!(text, "; model {model}");
    for other in &facts.fallback_models {
        _ = write!(text, " or {other}");
    }
    let estimate = &explanation.estimate;
    let (input, output) = (estimate.input_tokens.unwrap_or(0), estimate.output_tokens.unwrap_or(0));
    let choices = facts.choices.max(facts.best_of).unwrap_or(1);
    _ = writeln!(text, "; at most {input} input and {output} output tokens, {choices} choice(s)");
    if !explanation.tools.is_empty() {
        let tools: Vec<String> = explanation
            .tools
            .iter()
            .map(|tool| match &tool.name {
                Some(name) => format!("{name} ({})", tool.kind),
                None => tool.kind.to_string(),
            })
            .collect();
        _ = writeln!(text, "  tools: {}", tools.join(", "));
    }
}

fn policy(text: &mut String, judged: &Judged<'_>) {
    let mode = match judged.mode {
        Enforcement::Enforce => "enforce",
        Enforcement::Warn => "warn",
        Enforcement::Shadow => "shadow",
    };
    _ = write!(text, "  policy {} ({mode}): ", judged.policy);
    match (judged.unmet, judged.violations.as_slice()) {
        (Some(unmet), _) => _ = writeln!(text, "does not apply, {unmet} does not match"),
        (None, []) => _ = writeln!(text, "applies, permits"),
        (None, violations) => {
            _ = writeln!(text, "applies, forbids");
            for violation in violations {
                _ = writeln!(text, "    {}: {}", violation.code.as_str(), violation.message);
            }
        }
    }
}

fn verdict(verdict: &Verdict<'_>) -> String {
    match verdict {
        Verdict::Unrecognised => "no AI call; failure.unrecognised decides".to_owned(),
        Verdict::AttributionMissing => "BLOCKED x_attribution_missing".to_owned(),
        Verdict::AttributionConflict => "BLOCKED x_attribution_conflict".to_owned(),
        Verdict::Unreadable => "cannot be read; failure.unreadable_request decides".to_owned(),
        Verdict::Refused(policy, code) => format!("BLOCKED {} by {policy}", code.as_str()),
        Verdict::Warned(policy, code) => {
            format!("WARNING {} by {policy}; limits and budgets are asked next", code.as_str())
        }
        Verdict::Permitted => "permitted; limits and budgets are asked next".to_owned(),
    }
}
