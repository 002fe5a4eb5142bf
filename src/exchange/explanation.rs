//! What the filter would make of a described request: for people, through the same code as every call.
//!
//! Knows the journey up to the policies; budgets and limits depend on counters that only a running Envoy has.

use super::admission::policies::Inquiry;
use super::admission::{contradiction, subject};
use super::request;
use crate::attribution::{self, Resolved};
use crate::budget::Enforcement;
use crate::call::RequestFacts;
use crate::config::Config;
use crate::cost;
use crate::headers::Headers;
use crate::policy::Violation;
use crate::ports::Ports;
use crate::provider::Endpoint;
use crate::semconv::ReasonCode;
use crate::tool::Tool;
use crate::usage::Usage;

/// A request as somebody describes it.
#[derive(Clone, Copy, Debug)]
pub struct Described<'a> {
    /// Its headers, pseudo-headers included.
    pub headers: Headers<'a>,
    /// Its body, whole.
    pub body: &'a [u8],
}

/// What the filter finds of a request, as far as it comes.
#[derive(Debug)]
pub struct Explanation<'c> {
    /// Who is asked what; nothing where it is no AI call that costs something.
    pub endpoint: Option<Endpoint>,
    /// Whose work it is.
    pub attribution: Resolved,
    /// What it says of itself, or why it cannot be read.
    pub facts: Option<Result<RequestFacts, String>>,
    /// What it may consume.
    pub estimate: Usage,
    /// The tools it offers.
    pub tools: Vec<Tool>,
    /// What each policy says.
    pub judgements: Vec<Judged<'c>>,
    /// What policies make of it.
    pub verdict: Verdict<'c>,
}

/// What one policy says.
#[derive(Debug)]
pub struct Judged<'c> {
    /// Its name.
    pub policy: &'c str,
    /// What a violation does.
    pub mode: Enforcement,
    /// The condition by which it does not apply.
    pub unmet: Option<&'static str>,
    /// What it forbids.
    pub violations: Vec<Violation>,
}

/// What becomes of the request before any counter is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<'c> {
    /// It is no AI call that costs something: `failure.unrecognised` says what happens.
    Unrecognised,
    /// A required attribute is missing.
    AttributionMissing,
    /// An untrusted source contradicts a trusted one, and that is refused.
    AttributionConflict,
    /// Its body cannot be read: `failure.unreadable_request` says what happens.
    Unreadable,
    /// The first policy that refuses it, and its code.
    Refused(&'c str, ReasonCode),
    /// The first policy that warns, and its code.
    Warned(&'c str, ReasonCode),
    /// Limits and budgets are next.
    Permitted,
}

/// Explains a request that comes when and where `ports` say.
pub fn explain<'c>(config: &'c Config, described: Described<'_>, ports: &dyn Ports) -> Explanation<'c> {
    let Described { headers, body } = described;
    let mut explanation = Explanation {
        endpoint: request::governed(config, headers, ports).map(|(endpoint, _)| endpoint),
        attribution: attribution::resolve(&config.attribution, headers, ports),
        facts: None,
        estimate: Usage::default(),
        tools: Vec::new(),
        judgements: Vec::new(),
        verdict: Verdict::Unrecognised,
    };
    let Some(endpoint) = explanation.endpoint.clone() else { return explanation };
    if explanation.attribution.missing.is_some() {
        explanation.verdict = Verdict::AttributionMissing;
        return explanation;
    }
    if contradiction::refuses(&explanation.attribution.conflicts).is_some() {
        explanation.verdict = Verdict::AttributionConflict;
        return explanation;
    }
    let content_type = headers.unique("content-type");
    let facts = match facts(config, &endpoint, headers, body) {
        Ok(facts) => facts,
        Err(problem) => {
            explanation.verdict = Verdict::Unreadable;
            explanation.facts = Some(Err(problem));
            return explanation;
        }
    };
    let longest = config.prices.tariff(endpoint.provider.slug(), facts.model.as_deref()).max_output_tokens;
    let estimate = cost::estimate(&facts, endpoint.operation, &config.estimation, longest);
    explanation.estimate = estimate.usage;
    explanation.tools = endpoint.offered_tools(content_type, body).unwrap_or_default();
    let route = subject::route(config, ports);
    let inquiry = Inquiry {
        config,
        endpoint: &endpoint,
        attribution: &explanation.attribution.attribution,
        facts: &facts,
        estimate: &estimate,
        content_type,
        body,
        upgrade: false,
        route: route.as_deref(),
        now: ports.now(),
    };
    match inquiry.judge() {
        Ok(judgements) => {
            let judged = judgements.into_iter().map(|judgement| Judged {
                policy: &judgement.policy.name,
                mode: judgement.policy.mode,
                unmet: judgement.unmet,
                violations: judgement.violations,
            });
            explanation.judgements = judged.collect();
            explanation.verdict = verdict(&explanation.judgements);
            explanation.facts = Some(Ok(facts));
        }
        Err(problem) => {
            explanation.verdict = Verdict::Unreadable;
            explanation.facts = Some(Err(problem.to_string()));
        }
    }
    explanation
}

/// What can be read of the body, or what is wrong with it.
fn facts(
    config: &Config,
    endpoint: &Endpoint,
    headers: Headers<'_>,
    body: &[u8],
) -> Result<RequestFacts, String> {
    if request::encoded(headers) {
        return Err(request::ENCODED.to_owned());
    }
    if body.is_empty() {
        return Err(request::NO_BODY.to_owned());
    }
    if body.len() > config.max_request_bytes {
        return Err(request::exceeds(body.len(), config.max_request_bytes));
    }
    endpoint.read_request(headers.unique("content-type"), body).map_err(|problem| problem.to_string())
}

fn verdict<'c>(judgements: &[Judged<'c>]) -> Verdict<'c> {
    let first = |mode| {
        let mut found = judgements.iter().filter(|judged| judged.mode == mode);
        found.find_map(|judged| Some((judged.policy, judged.violations.first()?.code)))
    };
    match (first(Enforcement::Enforce), first(Enforcement::Warn)) {
        (Some((policy, code)), _) => Verdict::Refused(policy, code),
        (None, Some((policy, code))) => Verdict::Warned(policy, code),
        (None, None) => Verdict::Permitted,
    }
}
