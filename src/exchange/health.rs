//! The provider's health: a stage of the admission that asks breaker and SLA, and what is watched of a call because of
//! them until it has ended.
//!
//! Costs nothing where neither is configured. A breaker or an estimate that cannot answer lets the call go: it guards
//! availability, not money.

use std::fmt::Display;
use std::sync::Arc;

use super::admission::Admission;
use super::boundary::Boundary;
use super::effects::Effects;
use super::execution::Execution;
use super::ground::Ground;
use crate::breaker::{self, Asked, Ending, Ticket, Trouble};
use crate::budget::{Enforcement, Key};
use crate::config::{Breaker, Config, OnPredicted, Sla, breaker_of, sla_of};
use crate::headers::Headers;
use crate::ports::Ports;
use crate::provider::{Reading, RefusalKind};
use crate::semconv::ReasonCode;
use crate::sla::{self, Forecast};
use crate::telemetry::metric::Metric;
use crate::timestamp::Timestamp;

/// What is watched of one call.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) boundary: Option<Boundary>,
    ticket: Option<Ticket>,
    ending: Ending,
}

/// Asks the call's breaker, then its SLA.
///
/// # Errors
/// The ground of an open circuit, or of a prediction that refuses.
#[inline(never)]
pub(super) fn check(admission: &mut Admission<'_>) -> Result<(), Ground> {
    let config = admission.config;
    let subject = admission.subject();
    let breaker = breaker_of(&config.breakers, &subject);
    // An upgraded connection lasts as long as its two ends like.
    let sla = sla_of(&config.sla, &subject).filter(|_| !admission.call.upgrade);
    if breaker.is_none() && sla.is_none() {
        return Ok(());
    }
    let key = upstream(admission);
    admission.watch = Some(Box::new(Watch { boundary: None, ticket: None, ending: Ending::Unknown }));
    if let Some(breaker) = breaker {
        ask(admission, breaker, &key)?;
    }
    match sla {
        Some(sla) => predict(admission, sla, format!("{key}|{}", subject.operation)),
        None => Ok(()),
    }
}

/// Whose health it is: the cluster that the route has chosen, the provider and the model.
fn upstream(admission: &Admission<'_>) -> String {
    let cluster = admission.ports.property(&["xds", "cluster_name"]).unwrap_or_default();
    let cluster = String::from_utf8_lossy(&cluster);
    let of = |key| admission.value(key).unwrap_or_default();
    [&cluster, of(Key::Provider), of(Key::Model)].join("|")
}

fn ask(admission: &mut Admission<'_>, breaker: &Arc<Breaker>, key: &str) -> Result<(), Ground> {
    match breaker::ask(admission.ports, admission.now, breaker, key) {
        Ok(Asked::Go(ticket)) => {
            if let Some(watch) = &mut admission.watch {
                watch.ticket = Some(ticket);
            }
            Ok(())
        }
        Ok(Asked::Stop { retry_after_ms }) => {
            let ground = stopped(admission, &breaker.name, retry_after_ms);
            admission.findings.meet(breaker.enforcement, ground)
        }
        Err(error) => {
            log::warn!("genops: breaker {:?} cannot answer: {error:?}", breaker.name);
            Ok(())
        }
    }
}

fn stopped(admission: &Admission<'_>, breaker: &str, retry_after_ms: u64) -> Ground {
    let seconds = retry_after_ms.div_ceil(1_000).max(1);
    let message = format!(
        "GenOps: {} fails; breaker {breaker:?} leaves it alone. Try again in {seconds} s.",
        target(admission)
    );
    let code = ReasonCode::ProviderErrorUpstream;
    let ground = Ground::blocked(code, RefusalKind::Unavailable, message);
    Ground { by: Some(breaker.into()), retry_after_s: Some(seconds), ..ground }
}

fn predict(admission: &mut Admission<'_>, sla: &Arc<Sla>, key: String) -> Result<(), Ground> {
    let forecast = match sla.on_predicted {
        OnPredicted::Ignore => Forecast::Unknown,
        OnPredicted::Warn | OnPredicted::Refuse => sla::forecast(admission.ports, admission.now, sla, &key)
            .unwrap_or_else(|error| {
                log::warn!("genops: sla {:?} cannot predict: {error:?}", sla.tier);
                Forecast::Unknown
            }),
    };
    let (predicted_ms, probe_in_ms, enforcement) = match forecast {
        Forecast::Unknown | Forecast::Meets => (None, 0, Enforcement::Warn),
        Forecast::Probe { predicted_ms } => (Some(predicted_ms), 0, Enforcement::Warn),
        Forecast::Misses { predicted_ms, probe_in_ms } if sla.on_predicted == OnPredicted::Refuse => {
            (Some(predicted_ms), probe_in_ms, Enforcement::Enforce)
        }
        Forecast::Misses { predicted_ms, .. } => (Some(predicted_ms), 0, Enforcement::Warn),
    };
    if let Some(predicted_ms) = predicted_ms {
        let ground = too_slow(admission, sla, predicted_ms, probe_in_ms);
        admission.findings.meet(enforcement, ground)?;
    }
    let probe = matches!(forecast, Forecast::Probe { .. });
    if let Some(watch) = &mut admission.watch {
        watch.boundary = Some(Boundary::begin(sla.clone(), key, probe, admission.now));
    }
    Ok(())
}

fn too_slow(admission: &Admission<'_>, sla: &Sla, predicted_ms: u64, probe_in_ms: u64) -> Ground {
    let target_ms = sla.latency_target_ms;
    let message = format!(
        "GenOps: {} is expected to take {predicted_ms} ms, more than the {target_ms} ms of SLA tier {:?}.",
        target(admission),
        sla.tier
    );
    let ground = Ground::blocked(ReasonCode::SlaLatencyViolation, RefusalKind::Unavailable, message);
    Ground { by: Some(sla.tier.clone()), retry_after_s: Some(probe_in_ms.div_ceil(1_000).max(1)), ..ground }
}

fn target(admission: &Admission<'_>) -> impl Display {
    let provider = admission.call.endpoint.provider.name().unwrap_or("the provider");
    match &admission.facts.model {
        Some(model) => format!("model {model:?} of {provider}"),
        None => provider.to_owned(),
    }
}

impl Watch {
    /// The provider answered.
    #[inline(never)]
    pub(super) fn answered(&mut self, status: u16, headers: Headers<'_>, ports: &dyn Ports) {
        if self.ticket.is_some() {
            let asked = || breaker::retry_after_ms(headers, || ports.now());
            let retry_after_ms = (status >= 400).then(asked).flatten();
            self.ending = Ending::Answered { status, retry_after_ms };
        }
    }

    /// A piece of the answer's body came.
    pub(super) fn passes(&mut self, chunk: &[u8], ports: &dyn Ports) {
        if let (Some(boundary), false) = (&mut self.boundary, chunk.is_empty()) {
            boundary.passes(ports.now());
        }
    }

    /// Shows on the span what is certain before the end.
    pub(super) fn publish(&mut self, effects: &mut Effects) {
        if let Some(boundary) = &mut self.boundary {
            boundary.publish(effects);
        }
    }

    /// The answer was read: it came to an end, or broke off.
    #[inline(never)]
    pub(super) fn read(&mut self, reading: &Reading, status: u16, ended_cleanly: bool) {
        let failed = reading.error.as_ref().filter(|_| status < 400);
        if let (Some(boundary), true) = (&mut self.boundary, ended_cleanly) {
            boundary.ended(status < 400 && failed.is_none());
        }
        if let (Some(error), Some(_)) = (failed, &self.ticket) {
            let trouble = Trouble::of_stated(error.kind.as_deref(), error.code.as_deref());
            self.ending = trouble.map_or(Ending::Unknown, Ending::Failed);
        }
    }

    /// Envoy ended the call, before or within the answer. What it says nothing of stays as it was: a client that left
    /// in the middle of an answer has seen that the provider gives answers.
    #[cold]
    pub(super) fn ended_by_envoy(&mut self, ports: &dyn Ports) {
        if self.ticket.is_none() && self.boundary.is_none() {
            return;
        }
        let details = ports.property(&["response", "code_details"]).unwrap_or_default();
        if let Some(trouble) = Trouble::of_details(&String::from_utf8_lossy(&details)) {
            self.ending = Ending::Failed(trouble);
            if let Some(boundary) = &mut self.boundary {
                boundary.ended(trouble == Trouble::Timeout);
            }
        }
    }

    /// The call was refused after all: neither circuit nor SLA learns anything of it.
    pub(super) fn refused(mut self, effects: &mut Effects, now: Timestamp, ports: &dyn Ports) {
        self.report(effects, now, ports);
        if let Some(boundary) = self.boundary {
            boundary.refused(now, ports);
        }
    }

    /// The call is over: tells its circuit. The call of a ticket that was not used is over too.
    pub(super) fn report(&mut self, effects: &mut Effects, now: Timestamp, ports: &dyn Ports) {
        let Some(ticket) = self.ticket.take() else { return };
        let (outcome, trouble) = ticket.judge(self.ending);
        effects.counts.extend(trouble.map(|trouble| (Metric::ProviderFailure(trouble), 1)));
        match breaker::report(ports, now, ticket, outcome) {
            Ok(false) => {}
            Ok(true) => effects.count(Metric::CircuitOpened),
            Err(error) => log::warn!("genops: a breaker cannot take a report: {error:?}"),
        }
    }
}

/// A call that was watched has been settled: tells its circuit and its SLA.
#[inline(never)]
pub(super) fn report(
    effects: &mut Effects,
    config: &Config,
    execution: &Execution,
    mut watch: Watch,
    now: Timestamp,
    ports: &dyn Ports,
) {
    watch.report(effects, now, ports);
    if let Some(boundary) = watch.boundary {
        let whose = (&execution.awu, execution.has_span, config.telemetry.otlp.is_some());
        boundary.report(effects, whose, now, ports);
    }
}
