//! A call on its way: reserved, let through, not settled. What is known and held of it, and how far its answer has come.
//!
//! Values and what they do by themselves: the admission makes an [`Execution`], [`super::answer`] takes it to its end.

pub(super) mod boundary;
pub(super) mod consumed;
pub(super) mod governing;
pub(super) mod held;
pub(super) mod hidden_usage;
pub(super) mod settling;
pub(super) mod watch;

use std::rc::Rc;

use self::consumed::Consumed;
use self::governing::Governing;
use self::held::Held;
use self::hidden_usage::HiddenUsage;
use self::watch::Watch;
use crate::awu::Awu;
use crate::call::ServiceTier;
use crate::cost::Consumption;
use crate::decision::Decision;
use crate::ledger::Reservation;
use crate::price::Tariff;
use crate::provider::{Endpoint, UsageReader};
use crate::telemetry::{Attribute, event};
use crate::timestamp::Timestamp;

/// An AWU on its way: reserved, let through, not settled.
#[derive(Debug)]
pub(super) struct Execution {
    pub(super) awu: Rc<Awu>,
    /// Whether a span is there that attributes would reach.
    pub(super) has_span: bool,
    pub(super) decision: Decision,
    pub(super) endpoint: Endpoint,
    pub(super) sent: Sent,
    /// The service tier that is billed: as asked for, until the answer states one.
    pub(super) service_tier: ServiceTier,
    pub(super) governing: Option<Governing>,
    pub(super) reservations: Vec<Reservation>,
    /// What ends with the call beside its reservations.
    pub(super) held: Held,
    /// What the answer's headers are to say beside the decision.
    pub(super) answer_headers: Vec<(&'static str, String)>,
    pub(super) answer: Answer,
    /// How the request was edited.
    pub(super) forwarded: Forwarded,
    /// Takes out of the answer what only the filter asked for.
    pub(super) hides: Option<Box<HiddenUsage>>,
    /// Whether the answer's last byte was seen.
    pub(super) has_ended: bool,
    /// Whether another protocol was asked for.
    pub(super) upgrade: bool,
    /// What the span shows of consumption so far.
    pub(super) published: Option<Consumed>,
    /// What is watched of the call for its breaker and its SLA, where it has one.
    pub(super) watch: Option<Box<Watch>>,
}

/// What was let go, when, and at which prices.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) at: Timestamp,
    pub(super) estimate: Consumption,
    pub(super) tariff: Rc<Tariff>,
    pub(super) model: Option<String>,
}

/// How far the answer has come.
#[derive(Debug)]
pub(super) enum Answer {
    /// Nothing of it was seen.
    Awaited,
    /// Its body is being read.
    Reading { reader: Box<UsageReader>, status: u16 },
    /// Part of its body was lost on the way here.
    Lost,
    /// The connection was upgraded: what passes is not read.
    Upgraded,
}

/// What was forwarded instead of the client's request.
#[derive(Debug, Default)]
pub(super) struct Forwarded {
    /// Usage was asked for that the client will not expect.
    pub(super) hides_usage: bool,
    /// What the answer's headers say of it.
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Execution {
    /// Whether pieces of the answer's body matter.
    pub(super) fn reads_body(&self) -> bool {
        !matches!(self.answer, Answer::Upgraded)
    }

    /// Provider and model, as telemetry shows them.
    pub(super) fn target(&self) -> impl Iterator<Item = Attribute> + use<> {
        event::target(self.endpoint.provider.name(), self.sent.model.as_deref())
    }
}
