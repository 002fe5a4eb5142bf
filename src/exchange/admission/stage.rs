//! What every stage of the admission is given: one call on its way through them, and what they came across so far.

use std::rc::Rc;
use std::sync::Arc;

use super::output_cap::OutputCap;
use super::subject;
use crate::amount::{Amount, Unit};
use crate::budget::{Budget, Key};
use crate::call::RequestFacts;
use crate::config::Config;
use crate::cost::{Consumption, Unpriced};
use crate::exchange::call::Call;
use crate::exchange::execution::held::Held;
use crate::exchange::execution::watch::Watch;
use crate::exchange::findings::Findings;
use crate::ledger::Notices;
use crate::ports::Ports;
use crate::price::Tariff;
use crate::selector::Subject;
use crate::timestamp::Timestamp;

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
    pub(super) notices: Vec<(Arc<Budget>, Notices)>,
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
}
