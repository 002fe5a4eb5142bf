//! From the way upstream to the answer's last byte: reads usage, publishes progress, knows when to settle.

use std::rc::Rc;
use std::sync::Arc;

use super::body_edit::Forwarded;
use super::effects::{Effects, HeaderEdit};
use super::health::Watch;
use super::held::Held;
use super::hidden_usage::HiddenUsage;
use super::settlement::{self, Consumed};
use super::{Event, State, names};
use crate::amount::{Amount, Display, Unit};
use crate::awu::Awu;
use crate::budget::Budget;
use crate::call::ServiceTier;
use crate::config::Config;
use crate::cost::{self, Consumption};
use crate::decision::Decision;
use crate::headers::Headers;
use crate::ledger::{Balance, Entry, Reservation};
use crate::ports::Ports;
use crate::price::Tariff;
use crate::provider::{Endpoint, UsageReader};
use crate::telemetry::{Attribute, event};
use crate::timestamp::Timestamp;
use crate::usage::{Completeness, Usage};

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

/// The reservation that `genops.accounting.*` reports: that of the first applicable budget as configured.
#[derive(Clone, Debug)]
pub(super) struct Governing {
    pub(super) budget: Arc<Budget>,
    pub(super) amount: Amount,
    pub(super) balance: Balance,
}

impl Governing {
    pub(super) fn of(entry: &Entry) -> Self {
        let reservation = &entry.reservation;
        Self { budget: reservation.budget().clone(), amount: reservation.amount(), balance: entry.balance }
    }

    pub(super) fn unit(&self) -> Unit {
        self.budget.unit
    }

    /// What a call consumes in this unit depends on when it is asked.
    pub(super) fn is_timed(&self) -> bool {
        self.unit() == Unit::ComputeSeconds
    }

    /// What the budget had left after the reservation; negative when in debt.
    pub(super) fn remaining(&self) -> f64 {
        remaining(&self.balance, self.unit())
    }
}

/// A balance's remainder as telemetry shows it; negative when in debt.
pub(super) fn remaining(balance: &Balance, unit: Unit) -> f64 {
    let remaining = balance.remaining();
    let size = Amount::new(u64::try_from(remaining.unsigned_abs()).unwrap_or(u64::MAX)).to_telemetry(unit);
    if remaining < 0 { -size } else { size }
}

impl Execution {
    /// Whether pieces of the answer's body matter.
    pub(super) fn reads_body(&self) -> bool {
        !matches!(self.answer, Answer::Upgraded)
    }

    /// Takes one event.
    pub(super) fn step(
        self: Box<Self>,
        config: &Config,
        event: Event<'_>,
        ports: &dyn Ports,
    ) -> (State, Effects) {
        match event {
            Event::ResponseHeaders { headers, end_of_stream } => {
                self.answer_begins(config, headers, end_of_stream, ports)
            }
            Event::ResponseBody { chunk, end_of_stream } => {
                self.answer_goes_on(config, chunk, end_of_stream, ports)
            }
            Event::ResponseBodyLost => self.answer_lost(),
            Event::Done => self.abandoned(config, ports),
            _ => (State::Executing(self), Effects::default()),
        }
    }

    fn answer_begins(
        mut self: Box<Self>,
        config: &Config,
        headers: Headers<'_>,
        end_of_stream: bool,
        ports: &dyn Ports,
    ) -> (State, Effects) {
        let mut edits = names::clean(headers);
        edits.extend(self.report());
        let more = std::mem::take(&mut self.answer_headers);
        edits.extend(more.into_iter().map(|(name, value)| HeaderEdit::Set(name, value)));
        let status = headers.unique(":status").and_then(|text| text.parse().ok()).unwrap_or(0);
        let origin = Origin::of(status, ports);
        if let Some(watch) = &mut self.watch {
            match origin {
                Origin::Provider => watch.answered(status, headers, ports),
                Origin::NeverSent | Origin::Unknown => watch.ended_by_envoy(ports),
            }
        }
        let consumed = match origin {
            Origin::Provider => {
                self.answer = if self.upgrade && is_success(status) {
                    Answer::Upgraded
                } else {
                    self.reading(status, headers)
                };
                if self.forwarded.hides_usage {
                    self.hides = HiddenUsage::in_answer(headers, &mut edits);
                }
                if !end_of_stream {
                    let effects = Effects { response_headers: edits, ..Effects::default() };
                    return (State::Executing(self), effects);
                }
                self.ended(config, ports)
            }
            Origin::NeverSent => Consumed::Nothing,
            Origin::Unknown => self.consumed(config, false),
        };
        let (state, mut effects) = settlement::settle(config, *self, consumed, ports);
        effects.response_headers = edits;
        (state, effects)
    }

    fn reading(&self, status: u16, headers: Headers<'_>) -> Answer {
        let mut reader = Box::new(UsageReader::new(&self.endpoint, status));
        for (name, value) in headers.iter().filter(|(name, _)| UsageReader::reads_header(name)) {
            if let (Ok(name), Ok(value)) = (std::str::from_utf8(name), std::str::from_utf8(value)) {
                reader.header(name, value);
            }
        }
        Answer::Reading { reader, status }
    }

    fn answer_goes_on(
        mut self: Box<Self>,
        config: &Config,
        chunk: &[u8],
        end_of_stream: bool,
        ports: &dyn Ports,
    ) -> (State, Effects) {
        if let Answer::Reading { reader, .. } = &mut self.answer {
            reader.feed(chunk);
        }
        let response_body = self.hides.as_mut().and_then(|hides| hides.pass(chunk, end_of_stream));
        if let Some(watch) = &mut self.watch {
            watch.passes(chunk, ports);
        }
        if end_of_stream {
            let consumed = self.ended(config, ports);
            let (state, effects) = settlement::settle(config, *self, consumed, ports);
            return (state, Effects { response_body, ..effects });
        }
        let mut effects = Effects { response_body, ..self.progress(config, ports) };
        if let (Some(watch), true) = (&mut self.watch, self.has_span) {
            watch.publish(&mut effects);
        }
        (State::Executing(self), effects)
    }

    /// Keeps the span at the best known, since an aborted stream leaves no later chance.
    fn progress(&mut self, config: &Config, ports: &dyn Ports) -> Effects {
        let mut effects = Effects::default();
        let Answer::Reading { reader, status } = &self.answer else { return effects };
        if !self.has_span {
            return effects;
        }
        let stated = reader.best_known();
        self.service_tier = reader.service_tier().unwrap_or(self.service_tier);
        let known = if reader.is_complete() {
            // Many clients leave after the last event without waiting for the end: this may be the last chance.
            Some(Consumed::Used(stated, Completeness::Complete))
        } else {
            best_known(&self.sent.estimate.usage, stated, *status, reader.output_text_bytes(), config)
                .map(|usage| Consumed::Used(usage, Completeness::Incomplete))
        };
        if let Some(known) = known {
            let is_timed = self.governing.as_ref().is_some_and(Governing::is_timed);
            let now = if is_timed { ports.now() } else { self.sent.at };
            settlement::publish(&mut effects, self, known, now);
        }
        effects
    }

    fn answer_lost(mut self: Box<Self>) -> (State, Effects) {
        self.answer = Answer::Lost;
        // What is held back of the event before the gap could only be put behind it.
        self.hides = None;
        (State::Executing(self), Effects::default())
    }

    /// The exchange ended without the answer's last byte: the client left, the upstream broke, a timeout struck.
    fn abandoned(mut self: Box<Self>, config: &Config, ports: &dyn Ports) -> (State, Effects) {
        let never_sent = matches!(self.answer, Answer::Awaited) && never_sent(ports);
        if let Some(watch) = &mut self.watch {
            watch.ended_by_envoy(ports);
        }
        let consumed = if never_sent { Consumed::Nothing } else { self.consumed(config, false) };
        settlement::settle(config, *self, consumed, ports)
    }

    /// What was consumed, once the answer's last byte is here. One that leaves no trace of consumption may not be the
    /// provider's at all.
    fn ended(&mut self, config: &Config, ports: &dyn Ports) -> Consumed {
        self.has_ended = true;
        match self.consumed(config, true) {
            Consumed::Assumed if Origin::stated(ports) == Origin::NeverSent => Consumed::Nothing,
            consumed => consumed,
        }
    }

    /// What was consumed, by all that was read.
    fn consumed(&mut self, config: &Config, ended_cleanly: bool) -> Consumed {
        match std::mem::replace(&mut self.answer, Answer::Lost) {
            Answer::Awaited | Answer::Lost | Answer::Upgraded => Consumed::Assumed,
            Answer::Reading { reader, status, .. } => {
                let reading = reader.finish(ended_cleanly);
                self.service_tier = reading.service_tier.unwrap_or(self.service_tier);
                if let Some(watch) = &mut self.watch {
                    watch.read(&reading, status, ended_cleanly);
                }
                let completeness = reading.completeness();
                if completeness == Completeness::Complete {
                    return Consumed::Used(reading.usage, completeness);
                }
                // A refusal, failure or redirect that states no usage consumed nothing, and that is known; one that is
                // stated in an answer of status 200 too, as long as no output came before it.
                let failed =
                    !is_success(status) || (reading.error.is_some() && reading.output_text_bytes == 0);
                if failed && reading.usage.is_empty() && ended_cleanly {
                    return Consumed::Used(zero(), Completeness::Complete);
                }
                let text = reading.output_text_bytes;
                best_known(&self.sent.estimate.usage, reading.usage, status, text, config)
                    .map_or(Consumed::Assumed, |usage| Consumed::Used(usage, completeness))
            }
        }
    }

    /// Provider and model, as telemetry shows them.
    pub(super) fn target(&self) -> impl Iterator<Item = Attribute> + use<> {
        event::target(self.endpoint.provider.name(), self.sent.model.as_deref())
    }

    /// The decision, as the caller sees it.
    fn report(&self) -> Vec<HeaderEdit> {
        let mut edits =
            vec![HeaderEdit::Add(names::POLICY_RESULT, self.decision.result().as_str().to_owned())];
        if let Some(code) = self.decision.reason_code() {
            edits.push(HeaderEdit::Add(names::REASON_CODE, code.as_str().to_owned()));
        }
        edits.push(HeaderEdit::Add(names::AWU_ID, self.awu.id().as_str().to_owned()));
        edits.extend(self.forwarded.headers.iter().map(|(name, value)| HeaderEdit::Add(name, value.clone())));
        if let Some(governing) = &self.governing {
            let unit = governing.unit();
            edits.extend([
                HeaderEdit::Add(names::RESERVED, Display(governing.amount, unit).to_string()),
                HeaderEdit::Add(names::UNIT, unit.as_str().to_owned()),
                HeaderEdit::Add(names::BUDGET_NAME, governing.budget.name.as_ref().to_owned()),
                HeaderEdit::Add(names::BUDGET_REMAINING, Display(governing.balance.left(), unit).to_string()),
            ]);
        }
        edits
    }
}

/// Whether an answer of this status can be the work that was asked for. A redirect is none: its target is asked anew.
fn is_success(status: u16) -> bool {
    (100..300).contains(&status)
}

fn zero() -> Usage {
    Usage { input_tokens: Some(0), output_tokens: Some(0), ..Usage::default() }
}

/// The best that is known of an answer that is not finished: what the provider stated, else the estimated input and
/// the output text that has passed. `None` when nothing passed at all.
fn best_known(
    estimate: &Usage,
    stated: Usage,
    status: u16,
    text_bytes: u64,
    config: &Config,
) -> Option<Usage> {
    if !is_success(status) {
        return (!stated.is_empty()).then_some(stated);
    }
    // Images or searches counted so far are no statement: only the whole answer has them all.
    if stated.total().is_none() && text_bytes == 0 {
        return None;
    }
    // Where no text passed and none was stated, there may be no output at all: embeddings have none.
    let counted = (text_bytes > 0).then(|| cost::tokens_of_text(text_bytes, &config.estimation));
    Some(Usage {
        input_tokens: stated.input_tokens.or(estimate.input_tokens),
        output_tokens: stated.output_tokens.max(counted),
        total_tokens: None,
        ..stated
    })
}

/// Who wrote an answer, which says whether anything was consumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// The provider.
    Provider,
    /// Envoy or a later filter, and the request never left.
    NeverSent,
    /// Envoy, after the request had left: a timeout or a reset.
    Unknown,
}

impl Origin {
    /// Asked of the host for what is no success alone: a success states its usage, or is asked about when it has ended.
    fn of(status: u16, ports: &dyn Ports) -> Self {
        if is_success(status) { Self::Provider } else { Self::stated(ports) }
    }

    /// What the host says.
    fn stated(ports: &dyn Ports) -> Self {
        let details = ports.property(&["response", "code_details"]).unwrap_or_default();
        let details = String::from_utf8_lossy(&details);
        if details == "via_upstream" {
            return Self::Provider;
        }
        let first_attempt = attempts(ports) <= 1;
        let unconnected = ["connection_failure", "connection_timeout", "overflow"]
            .iter()
            .any(|word| details.contains(word));
        if never_sent(ports) || (unconnected && first_attempt) {
            return Self::NeverSent;
        }
        Self::Unknown
    }
}

fn attempts(ports: &dyn Ports) -> u64 {
    let bytes = ports.property(&["upstream", "request_attempt_count"]).unwrap_or_default();
    bytes.try_into().map_or(0, u64::from_le_bytes)
}

/// Whether nothing was ever sent. The upstream's address says nothing of that: it is there once a host is chosen, while
/// the request still waits for a connection. Our own end's address comes with the connection; of an earlier attempt
/// nobody knows.
fn never_sent(ports: &dyn Ports) -> bool {
    let connection = ports.property(&["upstream", "local_address"]).filter(|address| !address.is_empty());
    connection.is_none() && attempts(ports) <= 1
}
