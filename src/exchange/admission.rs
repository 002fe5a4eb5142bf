//! Between a readable request and its way upstream: the stages that can refuse it, in order, and the one decision.
//!
//! Each stage is a file of its own: a function of the [`Admission`] that adds to it or ends it with a [`Ground`]. What
//! is cheap and final comes first, the ledger last, so that nothing is reserved for a call that something else refuses.

use std::rc::Rc;
use std::sync::Arc;

use super::State;
use super::alert;
use super::approval;
use super::body_edit;
use super::contradiction;
use super::effects::Effects;
use super::execution::{Answer, Execution, Governing, Sent};
use super::expiry;
use super::findings::Findings;
use super::ground::Ground;
use super::health::{self, Watch};
use super::held::Held;
use super::limiting;
use super::output_cap::OutputCap;
use super::policies;
use super::refusal;
use super::request::Call;
use super::reservation;
use super::slots;
use super::subject;
use super::worker::Worker;
use crate::amount::{Amount, Unit};
use crate::budget::{Budget, Key};
use crate::call::RequestFacts;
use crate::config::Config;
use crate::cost::{self, Consumption, Unpriced};
use crate::ledger::{Entry, Notices};
use crate::ports::Ports;
use crate::price::Tariff;
use crate::selector::Subject;
use crate::semconv::event as event_name;
use crate::telemetry::event;
use crate::telemetry::metric::Metric;
use crate::timestamp::Timestamp;
use crate::usage::Usage;

/// One call on its way through the stages.
pub(super) struct Admission<'a> {
    pub(super) config: &'a Config,
    pub(super) call: &'a Call,
    pub(super) facts: &'a RequestFacts,
    /// The request's body.
    pub(super) body: &'a [u8],
    /// Envoy's route, where any entry asks for it.
    pub(super) route: Option<&'a str>,
    /// What the call may consume.
    pub(super) estimate: Consumption,
    /// What its model costs.
    pub(super) tariff: Rc<Tariff>,
    /// What becomes of its output cap.
    pub(super) cap: OutputCap,
    pub(super) now: Timestamp,
    pub(super) ports: &'a dyn Ports,
    /// What the stages came across without refusing.
    pub(super) findings: Findings,
    /// What the stages took that ends with the call: given back if a later stage refuses.
    pub(super) held: Held,
    /// What the answer's headers are to say beside the decision, if there is one.
    pub(super) answer_headers: Vec<(&'static str, String)>,
    /// What each budget's account was found in. The ledger tells it once, so it is reported whatever comes of this call.
    notices: Vec<(Arc<Budget>, Notices)>,
    /// Reservations of this call that could not be given back.
    pub(super) stranded: u64,
    /// What is watched of the call for its breaker and its SLA, where it has one.
    pub(super) watch: Option<Box<Watch>>,
}

impl<'a> Admission<'a> {
    /// The call as selectors see it.
    pub(super) fn subject(&self) -> Subject<'a> {
        let Self { call, facts, route, .. } = self;
        subject::of(call.awu.attribution(), &call.endpoint, facts, *route)
    }

    /// What a budget, a limit or a policy is keyed by; `None` where the call has no such value.
    pub(super) fn value(&self, key: Key) -> Option<&str> {
        match key {
            Key::Attribute(attribute) => self.call.awu.value(attribute),
            Key::Model => self.facts.model.as_deref(),
            Key::Provider => self.call.endpoint.provider.name(),
        }
    }

    /// What the call may consume, in the unit of a budget or a limit.
    ///
    /// # Errors
    /// The unit is money, and the model has no price in it.
    pub(super) fn amount(&self, unit: Unit) -> Result<Amount, Unpriced> {
        self.estimate.most(unit, &self.tariff)
    }

    /// Keeps what the ledger told of a budget, to report it.
    pub(super) fn notice(&mut self, budget: &Arc<Budget>, notices: &Notices) {
        if !notices.is_empty() {
            self.notices.push((budget.clone(), notices.clone()));
        }
    }

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
) -> (State, Effects) {
    let tariff = worker.tariff(config, call.endpoint.provider, facts.model.as_deref());
    let (operation, longest) = (call.endpoint.operation, tariff.max_output_tokens);
    let estimate = cost::estimate(&facts, operation, &config.estimation, longest);
    decide(config, call, facts, body, (estimate, tariff), ports)
}

/// Decides on a call that may consume so much, at these prices.
pub(super) fn decide(
    config: &Config,
    call: Box<Call>,
    facts: RequestFacts,
    body: &[u8],
    (estimate, tariff): (Consumption, Rc<Tariff>),
    ports: &dyn Ports,
) -> (State, Effects) {
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
    let mut effects = Effects::default();
    if outcome.is_err() {
        admission.held.give_back(admission.now, ports, &mut effects);
    }
    admission.report(&mut effects);
    let kept = body_edit::kept(&admission);
    match outcome {
        Ok(entries) => {
            // The reservation that `genops.accounting.*` reports: that of the first applicable budget as configured.
            let governing = entries.iter().min_by_key(|entry| entry.claim).map(Governing::of);
            tell(&admission, &entries, governing.as_ref(), &mut effects);
            body_edit::tell_kept(kept, &call, &mut effects);
            let forwarded = body_edit::forward(&admission, &mut effects);
            let Admission { estimate, tariff, findings, now, held, watch, answer_headers, .. } = admission;
            let call = *call;
            effects.request_headers.extend(call.edits);
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
            (State::Executing(Box::new(execution)), effects)
        }
        Err(ground) => {
            let Admission { findings, now, watch, .. } = admission;
            if let Some(watch) = watch {
                watch.refused(&mut effects, now, ports);
            }
            let state = refusal::refuse(&call, config, ground, &findings, now, &mut effects);
            body_edit::tell_kept(kept, &call, &mut effects);
            (state, effects)
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
        effects.attributes.extend(governing.into_iter().flat_map(reservation::on_span));
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
