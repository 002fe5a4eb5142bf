//! Between a readable request and its way upstream: the stages that can refuse it, in order, and the one decision.
//!
//! Each stage is a file of its own: a function of the [`Admission`], which [`stage`] has, that adds to it or ends it with
//! a [`Ground`]. What is cheap and final comes first, the ledger last, so that nothing is reserved for a call that
//! something else refuses.

mod approval;
mod body_edit;
pub(super) mod contradiction;
mod demand;
mod health;
mod limiting;
mod lowering;
mod output_cap;
pub(super) mod policies;
mod rate_headers;
mod reservation;
mod slots;
mod stage;
pub(super) mod subject;

use std::rc::Rc;

use self::output_cap::OutputCap;
use self::stage::Admission;
use super::alert;
use super::call::Call;
use super::effects::Effects;
use super::execution::governing::{self, Governing};
use super::execution::held::Held;
use super::execution::{Answer, Execution, Sent};
use super::expiry;
use super::findings::Findings;
use super::ground::Ground;
use super::refusal;
use super::state::State;
use super::worker::Worker;
use crate::call::RequestFacts;
use crate::config::Config;
use crate::cost::{self, Consumption};
use crate::ledger::Entry;
use crate::ports::Ports;
use crate::price::Tariff;
use crate::semconv::event as event_name;
use crate::telemetry::event;
use crate::telemetry::metric::Metric;
use crate::usage::Usage;

impl Admission<'_> {
    /// The stages. One for which nothing is configured is not entered: between two callbacks Envoy's own work has pushed
    /// this code out of the processor's caches, so what a call costs is above all how much of it is touched.
    fn pass(&mut self) -> Result<Vec<Entry>, Ground> {
        let config = self.config;
        if !self.call.conflicts.is_empty() {
            contradiction::warn(self)?;
        }
        if !config.policies.list.is_empty() {
            policies::judge(self)?;
        }
        if !config.approvals.is_empty() {
            approval::judge(self)?;
        }
        if !(config.breakers.is_empty() && config.sla.is_empty()) {
            health::check(self)?;
        }
        if !config.rate_limits.is_empty() {
            limiting::take(self)?;
        }
        if !config.concurrency_limits.is_empty() {
            slots::occupy(self)?;
        }
        reservation::reserve(self)
    }

    /// Reports what is worth it whatever was decided.
    fn report(&self, effects: &mut Effects) {
        for (budget, notices) in &self.notices {
            expiry::report(effects, self.config, budget, notices, self.now);
            alert::report(effects, self.config, budget, notices, self.now);
        }
        if self.stranded > 0 {
            effects.counts.push((Metric::SettlementFailure, self.stranded));
        }
        effects.counts.extend(self.findings.shadowed().map(|code| (Metric::ShadowRefusal(code), 1)));
    }
}

/// Decides on a readable call.
pub(super) fn admit(
    config: &Config,
    worker: &Worker,
    call: Box<Call>,
    facts: RequestFacts,
    body: &[u8],
    ports: &dyn Ports,
    effects: &mut Effects,
) -> State {
    let tariff = worker.tariff(config, call.endpoint.provider, facts.model.as_deref());
    let (operation, longest) = (call.endpoint.operation, tariff.max_output_tokens);
    let estimate = cost::estimate(&facts, operation, &config.estimation, longest);
    decide(config, call, facts, body, (estimate, tariff), ports, effects)
}

/// Decides on a call that may consume so much, at these prices.
pub(super) fn decide(
    config: &Config,
    call: Box<Call>,
    facts: RequestFacts,
    body: &[u8],
    (estimate, tariff): (Consumption, Rc<Tariff>),
    ports: &dyn Ports,
    effects: &mut Effects,
) -> State {
    let longest = tariff.max_output_tokens;
    let route = subject::route(config, ports);
    let cap = OutputCap::plan(config, &call.endpoint, &facts, longest, body, call.editable);
    let usage = Usage { output_tokens: cap.bounds().or(estimate.usage.output_tokens), ..estimate.usage };
    let mut admission = Admission {
        config,
        call: &call,
        facts: &facts,
        body,
        route: route.as_deref(),
        cap,
        estimate: Consumption { usage, ..estimate },
        tariff,
        now: ports.now(),
        ports,
        findings: Findings::default(),
        held: Held::default(),
        answer_headers: Vec::new(),
        notices: Vec::new(),
        stranded: 0,
        watch: None,
    };
    let outcome = admission.pass();
    if outcome.is_err() {
        admission.held.give_back(admission.now, ports, effects);
    }
    admission.report(effects);
    let kept = body_edit::kept(&admission);
    match outcome {
        Ok(entries) => {
            // The reservation that `genops.accounting.*` reports: that of the first applicable budget as configured.
            let governing = entries.iter().min_by_key(|entry| entry.claim).map(Governing::of);
            tell(&admission, &entries, governing.as_ref(), effects);
            body_edit::tell_kept(kept, &call, effects);
            let forwarded = body_edit::forward(&admission, effects);
            let Admission { estimate, tariff, findings, now, held, watch, answer_headers, .. } = admission;
            let call = *call;
            if effects.request_headers.is_empty() {
                effects.request_headers = call.edits;
            } else {
                effects.request_headers.extend(call.edits);
            }
            let execution = Execution {
                awu: call.awu,
                has_span: call.has_span,
                decision: findings.decision(),
                endpoint: call.endpoint,
                service_tier: estimate.service_tier,
                sent: Sent { at: now, estimate, tariff, model: facts.model },
                governing,
                reservations: entries.into_iter().map(|entry| entry.reservation).collect(),
                held,
                answer_headers,
                answer: Answer::Awaited,
                forwarded,
                hides: None,
                has_ended: false,
                upgrade: call.upgrade,
                published: None,
                watch,
            };
            State::Executing(Box::new(execution))
        }
        Err(ground) => {
            let Admission { findings, now, watch, .. } = admission;
            if let Some(watch) = watch {
                watch.refused(effects, now, ports);
            }
            let state = refusal::refuse(&call, config, ground, &findings, now, effects);
            body_edit::tell_kept(kept, &call, effects);
            state
        }
    }
}

/// Tells of the decision and of what was reserved.
fn tell(admission: &Admission<'_>, entries: &[Entry], governing: Option<&Governing>, effects: &mut Effects) {
    let Admission { config, call, facts, findings, now, .. } = admission;
    let decision = findings.decision();
    effects.count(Metric::PolicyEvaluation(decision));
    let decided = || {
        let mut attributes = event::decision(decision, findings.by(), findings.reason());
        attributes.extend(findings.attributes());
        attributes
    };
    if call.has_span {
        effects.awu = Some(call.awu.clone());
        effects.attributes.extend(decided());
        effects.attributes.extend(event::target(call.endpoint.provider.name(), facts.model.as_deref()));
        effects.attributes.extend(governing.into_iter().flat_map(governing::on_span));
    }
    if config.telemetry.otlp.is_some() {
        let mut emit = |name, attributes| {
            effects.events.push(event::Event { name, at: *now, awu: Some(call.awu.clone()), attributes });
        };
        emit(event_name::POLICY_EVALUATED, decided());
        for entry in entries {
            emit(event_name::BUDGET_RESERVATION, reservation::in_event(entry));
        }
    }
}
