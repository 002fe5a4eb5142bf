//! The first stage of the admission: what the configured policies say of the call.
//!
//! Every policy judges, so that a warning or a shadow behind a refusal is told too; the first refusal in their order is
//! the one that counts. Tools and text are read from the body only where a policy that applies asks for them.

use super::stage::Admission;
use super::subject;
use crate::amount::{Amount, Currency, Unit};
use crate::awu::Attribution;
use crate::call::RequestFacts;
use crate::config::{Config, FailMode, Policy};
use crate::cost::Consumption;
use crate::exchange::ground::Ground;
use crate::policy::{self, Case, Evidence, Violation};
use crate::provider::{Endpoint, RefusalKind, Unreadable};
use crate::timestamp::Timestamp;

/// The stage.
#[inline(never)]
pub(super) fn judge(admission: &mut Admission<'_>) -> Result<(), Ground> {
    let config = admission.config;
    let inquiry = Inquiry {
        config,
        endpoint: &admission.call.endpoint,
        attribution: admission.call.awu.attribution(),
        facts: admission.facts,
        estimate: &admission.estimate,
        content_type: admission.call.content_type.as_deref(),
        body: admission.body,
        upgrade: admission.call.upgrade,
        route: admission.route,
        now: admission.now,
    };
    let judgements = inquiry.judge().map_err(|problem| Ground::unreadable(&problem.to_string()))?;
    let mut refusal = None;
    for judgement in judgements {
        judgement.log();
        for violation in judgement.violations {
            let ground = ground(judgement.policy, violation);
            if let Err(ground) = admission.findings.meet(judgement.policy.mode, ground) {
                refusal.get_or_insert(ground);
            }
        }
    }
    refusal.map_or(Ok(()), Err)
}

/// What one policy says of a call.
#[derive(Debug)]
pub(crate) struct Judgement<'c> {
    pub(crate) policy: &'c Policy,
    /// The condition by which it does not apply.
    pub(crate) unmet: Option<&'static str>,
    pub(crate) violations: Vec<Violation>,
}

impl Judgement<'_> {
    /// For who wonders why: names, never content.
    fn log(&self) {
        let Policy { name, mode, .. } = self.policy;
        match (self.unmet, self.violations.as_slice()) {
            (Some(unmet), _) => log::debug!("genops: policy {name} does not apply: {unmet} does not match"),
            (None, []) => log::debug!("genops: policy {name} applies and permits the call"),
            (None, violations) => {
                for violation in violations {
                    log::debug!(
                        "genops: policy {name} ({mode:?}) finds {}: {}",
                        violation.code.as_str(),
                        violation.message
                    );
                }
            }
        }
    }
}

fn ground(policy: &Policy, violation: Violation) -> Ground {
    let ground = Ground::blocked(violation.code, RefusalKind::Forbidden, violation.message);
    Ground { by: Some(policy.name.clone()), ..ground }
}

/// All that policies may ask of a call.
pub(crate) struct Inquiry<'c, 'a> {
    pub(crate) config: &'c Config,
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) attribution: &'a Attribution,
    pub(crate) facts: &'a RequestFacts,
    pub(crate) estimate: &'a Consumption,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) body: &'a [u8],
    /// Whether another protocol is asked for: there is no body, and what passes is not seen.
    pub(crate) upgrade: bool,
    pub(crate) route: Option<&'a str>,
    pub(crate) now: Timestamp,
}

impl<'c> Inquiry<'c, '_> {
    /// What every policy says, in their order.
    ///
    /// # Errors
    /// The body cannot be read as a policy has to read it.
    pub(crate) fn judge(&self) -> Result<Vec<Judgement<'c>>, Unreadable> {
        let cost = |currency| self.cost(currency);
        let case = self.case(&cost);
        let judgement = |policy: &'c Policy| Judgement {
            policy,
            unmet: policy.selector.unmet(&case.call),
            violations: Vec::new(),
        };
        let mut judgements: Vec<Judgement<'c>> = self.config.policies.list.iter().map(judgement).collect();
        let evidence = self.evidence(&judgements)?;
        for judgement in judgements.iter_mut().filter(|judgement| judgement.unmet.is_none()) {
            judgement.violations = policy::judge(judgement.policy, &case, &evidence);
        }
        Ok(judgements)
    }

    /// What the policies that apply ask of the body.
    fn evidence(&self, judgements: &[Judgement<'_>]) -> Result<Evidence, Unreadable> {
        let applying = || judgements.iter().filter(|j| j.unmet.is_none()).map(|j| j.policy);
        let needs = policy::needs(applying());
        let mut evidence = Evidence::default();
        if self.upgrade {
            return Ok(evidence);
        }
        if needs.tools {
            evidence.tools = self.endpoint.offered_tools(self.content_type, self.body)?;
        }
        if needs.text {
            let transcript = self.endpoint.transcribe(self.content_type, self.body)?;
            evidence.stated_tokens = transcript.stated_tokens();
            let gate = self.config.policies.gate.as_ref();
            evidence.hits = policy::search(applying(), gate, &transcript);
        }
        Ok(evidence)
    }

    fn case<'s>(&'s self, cost: &'s dyn Fn(Currency) -> Option<Amount>) -> Case<'s> {
        let facts = self.facts;
        Case {
            call: subject::of(self.attribution, self.endpoint, facts, self.route),
            region: self.endpoint.region.as_deref(),
            estimate: &self.estimate.usage,
            cost,
            refuses_unpriced: self.config.failure.unpriced_model == FailMode::Refuse,
            body_bytes: self.body.len() as u64,
            choices: facts.choices.max(facts.best_of).unwrap_or(1),
            upgrade: self.upgrade,
            now: self.now,
        }
    }

    /// The most that the call may cost, whichever of its models answers.
    fn cost(&self, currency: Currency) -> Option<Amount> {
        let models = self.facts.model.iter().chain(&self.facts.fallback_models);
        let costs = models.map(|model| {
            let tariff = self.config.prices.tariff(self.endpoint.provider.slug(), Some(model));
            self.estimate.most(Unit::Money(currency), &tariff).ok()
        });
        costs.reduce(|most, cost| Some(most?.max(cost?))).flatten()
    }
}
