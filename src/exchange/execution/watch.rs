//! What is watched of a call because of its breaker and its SLA, until it has ended.
//!
//! Nothing where neither is configured. What they cannot take is logged and lost: they guard availability, not money.

use std::rc::Rc;

use super::boundary::Boundary;
use crate::awu::Awu;
use crate::breaker::{self, Ending, Ticket, Trouble};
use crate::exchange::effects::Effects;
use crate::headers::Headers;
use crate::ports::Ports;
use crate::provider::Reading;
use crate::telemetry::metric::Metric;
use crate::timestamp::Timestamp;

/// What is watched of one call.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) boundary: Option<Boundary>,
    pub(crate) ticket: Option<Ticket>,
    ending: Ending,
}

impl Watch {
    /// Of a call of which nothing was seen yet.
    pub(crate) fn begin() -> Box<Self> {
        Box::new(Self { boundary: None, ticket: None, ending: Ending::Unknown })
    }

    /// The provider answered.
    #[inline(never)]
    pub(crate) fn answered(&mut self, status: u16, headers: Headers<'_>, ports: &dyn Ports) {
        if self.ticket.is_some() {
            let asked = || breaker::retry_after_ms(headers, || ports.now());
            let retry_after_ms = (status >= 400).then(asked).flatten();
            self.ending = Ending::Answered { status, retry_after_ms };
        }
    }

    /// A piece of the answer's body came.
    pub(crate) fn passes(&mut self, chunk: &[u8], ports: &dyn Ports) {
        if let (Some(boundary), false) = (&mut self.boundary, chunk.is_empty()) {
            boundary.passes(ports.now());
        }
    }

    /// Shows on the span what is certain before the end.
    pub(crate) fn publish(&mut self, effects: &mut Effects) {
        if let Some(boundary) = &mut self.boundary {
            boundary.publish(effects);
        }
    }

    /// The answer was read: it came to an end, or broke off.
    #[inline(never)]
    pub(crate) fn read(&mut self, reading: &Reading, status: u16, ended_cleanly: bool) {
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
    pub(crate) fn ended_by_envoy(&mut self, ports: &dyn Ports) {
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
    pub(crate) fn refused(mut self, effects: &mut Effects, now: Timestamp, ports: &dyn Ports) {
        self.report(effects, now, ports);
        if let Some(boundary) = self.boundary {
            boundary.refused(now, ports);
        }
    }

    /// The call is over: tells its circuit. The call of a ticket that was not used is over too.
    fn report(&mut self, effects: &mut Effects, now: Timestamp, ports: &dyn Ports) {
        let Some(ticket) = self.ticket.take() else { return };
        let (outcome, trouble) = ticket.judge(self.ending);
        effects.counts.extend(trouble.map(|trouble| (Metric::ProviderFailure(trouble), 1)));
        match breaker::report(ports, now, ticket, outcome) {
            Ok(false) => {}
            Ok(true) => effects.count(Metric::CircuitOpened),
            Err(error) => log::warn!("genops: a breaker cannot take a report: {error:?}"),
        }
    }

    /// The call is over and settled: tells its circuit and its SLA.
    #[inline(never)]
    pub(crate) fn settled(
        mut self,
        effects: &mut Effects,
        whose: (&Rc<Awu>, bool, bool),
        now: Timestamp,
        ports: &dyn Ports,
    ) {
        self.report(effects, now, ports);
        if let Some(boundary) = self.boundary {
            boundary.report(effects, whose, now, ports);
        }
    }
}
