//! An SLA boundary as one call meets it or not: measured from the decision, told once the call has ended (§6).

use std::rc::Rc;
use std::sync::Arc;

use crate::awu::Awu;
use crate::config::Sla;
use crate::decision::Decision;
use crate::exchange::effects::Effects;
use crate::ports::Ports;
use crate::semconv::{ReasonCode, attribute, event as event_name};
use crate::sla;
use crate::telemetry::event::{self, Event};
use crate::telemetry::metric::Metric;
use crate::telemetry::{Attribute, Value};
use crate::timestamp::Timestamp;

/// What is measured of one call.
#[derive(Debug)]
pub(crate) struct Boundary {
    sla: Arc<Sla>,
    /// Whose estimate it is.
    key: String,
    /// Whether the call is the one that finds out.
    probe: bool,
    decided_at: Timestamp,
    first_byte_ms: Option<u64>,
    /// When the last piece of its body came.
    elapsed_ms: u64,
    /// Whether the answer came to an end, so that its time is known.
    ended: bool,
    /// Whether its time says how fast the upstream is.
    telling: bool,
    /// Whether the span has the attributes.
    published: bool,
}

/// The time that a call took, against its target.
#[derive(Clone, Copy)]
struct Verdict {
    actual_ms: u64,
    met: bool,
}

impl Boundary {
    pub(crate) fn begin(sla: Arc<Sla>, key: String, probe: bool, decided_at: Timestamp) -> Self {
        Self {
            sla,
            key,
            probe,
            decided_at,
            first_byte_ms: None,
            elapsed_ms: 0,
            ended: false,
            telling: false,
            published: false,
        }
    }

    /// The call was refused by something else: another one is to find out.
    pub(super) fn refused(self, now: Timestamp, ports: &dyn Ports) {
        if self.probe
            && let Err(error) = sla::withdraw(ports, now, &self.key)
        {
            log::warn!("genops: sla {:?} cannot take a probe back: {error:?}", self.sla.tier);
        }
    }

    /// A piece of the answer's body came.
    pub(super) fn passes(&mut self, now: Timestamp) {
        self.elapsed_ms = now.millis_since(self.decided_at);
        self.first_byte_ms.get_or_insert(self.elapsed_ms);
    }

    /// Shows a violation that is certain already: this may be the last chance of a span.
    pub(super) fn publish(&mut self, effects: &mut Effects) {
        if !self.published && self.elapsed_ms > self.sla.latency_target_ms {
            self.published = true;
            effects.attributes.extend(self.attributes(Verdict { actual_ms: self.elapsed_ms, met: false }));
        }
    }

    /// The answer came to its end; `telling` where an upstream as it is wrote it, or let Envoy wait too long.
    pub(super) fn ended(&mut self, telling: bool) {
        self.ended = true;
        self.telling = telling;
    }

    /// The call is over: measures, tells, and remembers.
    pub(super) fn report(
        self,
        effects: &mut Effects,
        (awu, has_span, has_events): (&Rc<Awu>, bool, bool),
        now: Timestamp,
        ports: &dyn Ports,
    ) {
        let actual_ms = now.millis_since(self.decided_at);
        let met = actual_ms <= self.sla.latency_target_ms;
        if self.telling
            && let Err(error) = sla::observe(ports, now, &self.key, actual_ms, self.probe)
        {
            log::warn!("genops: sla {:?} cannot take a measurement: {error:?}", self.sla.tier);
        }
        // A client that left in time may have seen the target met or not: nobody knows.
        if met && !self.ended {
            return;
        }
        let verdict = Verdict { actual_ms, met };
        if has_span {
            effects.attributes.extend(self.attributes(verdict));
        }
        let violation = Decision::Warning(ReasonCode::SlaLatencyViolation);
        if !met {
            effects.count(Metric::PolicyEvaluation(violation));
        }
        if has_events {
            let mut emit = |name, attributes| {
                effects.events.push(Event { name, at: now, awu: Some(awu.clone()), attributes })
            };
            emit(event_name::EVALUATION_COMPLETE, self.evaluation(verdict));
            if !met {
                emit(event_name::POLICY_EVALUATED, self.violation(violation, verdict));
            }
        }
    }

    fn attributes(&self, verdict: Verdict) -> impl Iterator<Item = Attribute> + use<> {
        let first = self.first_byte_ms.map(|ms| (attribute::SLA_TIME_TO_FIRST_TOKEN_MS, Value::count(ms)));
        let all = [
            (attribute::SLA_TIER, Value::text(&*self.sla.tier)),
            (attribute::SLA_LATENCY_TARGET_MS, Value::count(self.sla.latency_target_ms)),
            (attribute::SLA_ACTUAL_LATENCY_MS, Value::count(verdict.actual_ms)),
            (attribute::SLA_MET, Value::Bool(verdict.met)),
        ];
        all.into_iter().chain(first)
    }

    /// What `genops.evaluation.complete` says (§8).
    fn evaluation(&self, verdict: Verdict) -> Vec<Attribute> {
        let double = |ms: u64| Value::Double(ms as f64);
        let mut attributes = vec![
            (attribute::EVAL_METRIC, "latency_ms".into()),
            (attribute::EVAL_SCORE, double(verdict.actual_ms)),
            (attribute::EVAL_THRESHOLD, double(self.sla.latency_target_ms)),
            (attribute::EVAL_PASSED, Value::Bool(verdict.met)),
        ];
        attributes.extend(self.attributes(verdict));
        attributes
    }

    /// What the later decision says (§4.3, §6).
    fn violation(&self, decision: Decision, verdict: Verdict) -> Vec<Attribute> {
        let (actual, target) = (verdict.actual_ms, self.sla.latency_target_ms);
        let reason = format!("GenOps: the answer took {actual} ms, more than its target of {target} ms.");
        let mut attributes = event::decision(decision, Some(&self.sla.tier), Some(&reason));
        attributes.extend(self.attributes(verdict));
        attributes
    }
}
