//! From the way upstream to the answer's last byte: reads usage, publishes progress, knows when to settle.
//!
//! What the call is on the way is [`super::execution`]'s; its end is [`settlement`].

mod origin;
pub(super) mod redirect;
pub(super) mod settlement;

use self::origin::{Origin, is_success, never_sent};
use super::effects::{Effects, HeaderEdit};
use super::event::Event;
use super::execution::consumed::Consumed;
use super::execution::governing::Governing;
use super::execution::hidden_usage::HiddenUsage;
use super::execution::{Answer, Execution};
use super::names;
use super::state::State;
use crate::amount::Display;
use crate::config::Config;
use crate::cost;
use crate::headers::Headers;
use crate::ports::Ports;
use crate::provider::UsageReader;
use crate::usage::{Completeness, Usage};

impl Execution {
    /// Takes one event.
    pub(super) fn step(
        self: Box<Self>,
        config: &Config,
        event: Event<'_>,
        ports: &dyn Ports,
        effects: &mut Effects,
    ) -> State {
        match event {
            Event::ResponseHeaders { headers, end_of_stream } => {
                self.answer_begins(config, headers, end_of_stream, ports, effects)
            }
            Event::ResponseBody { chunk, end_of_stream } => {
                self.answer_goes_on(config, chunk, end_of_stream, ports, effects)
            }
            Event::ResponseBodyLost => self.answer_lost(),
            Event::Done => self.abandoned(config, ports, effects),
            _ => State::Executing(self),
        }
    }

    fn answer_begins(
        mut self: Box<Self>,
        config: &Config,
        headers: Headers<'_>,
        end_of_stream: bool,
        ports: &dyn Ports,
        effects: &mut Effects,
    ) -> State {
        let edits = &mut effects.response_headers;
        names::clean(headers, edits);
        self.report(edits);
        let more = std::mem::take(&mut self.answer_headers);
        edits.extend(more.into_iter().map(|(name, value)| HeaderEdit::Set(name, value.into())));
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
                    self.hides = HiddenUsage::in_answer(headers, edits);
                }
                if !end_of_stream {
                    return State::Executing(self);
                }
                self.ended(config, ports)
            }
            Origin::NeverSent => Consumed::Nothing,
            Origin::Unknown => self.consumed(config, false),
        };
        settlement::settle(config, self, consumed, ports, effects)
    }

    fn reading(&self, status: u16, headers: Headers<'_>) -> Answer {
        let mut reader = Box::new(UsageReader::new(&self.endpoint, status));
        for (name, value) in headers.iter().filter(|(name, _)| UsageReader::reads_header(name)) {
            reader.header(name, value);
        }
        Answer::Reading { reader, status }
    }

    fn answer_goes_on(
        mut self: Box<Self>,
        config: &Config,
        chunk: &[u8],
        end_of_stream: bool,
        ports: &dyn Ports,
        effects: &mut Effects,
    ) -> State {
        if let Answer::Reading { reader, .. } = &mut self.answer {
            reader.feed(chunk);
        }
        effects.response_body = self.hides.as_mut().and_then(|hides| hides.pass(chunk, end_of_stream));
        if let Some(watch) = &mut self.watch {
            watch.passes(chunk, ports);
        }
        if end_of_stream {
            let consumed = self.ended(config, ports);
            return settlement::settle(config, self, consumed, ports, effects);
        }
        if self.has_span {
            self.progress(config, ports, effects);
            if let Some(watch) = &mut self.watch {
                watch.publish(effects);
            }
        }
        State::Executing(self)
    }

    /// Keeps the span at the best known, since an aborted stream leaves no later chance.
    fn progress(&mut self, config: &Config, ports: &dyn Ports, effects: &mut Effects) {
        let Answer::Reading { reader, status } = &self.answer else { return };
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
            settlement::publish(effects, self, known, now);
        }
    }

    fn answer_lost(mut self: Box<Self>) -> State {
        self.answer = Answer::Lost;
        // What is held back of the event before the gap could only be put behind it.
        self.hides = None;
        State::Executing(self)
    }

    /// The exchange ended without the answer's last byte: the client left, the upstream broke, a timeout struck.
    fn abandoned(mut self: Box<Self>, config: &Config, ports: &dyn Ports, effects: &mut Effects) -> State {
        let never_sent = matches!(self.answer, Answer::Awaited) && never_sent(ports);
        if let Some(watch) = &mut self.watch {
            watch.ended_by_envoy(ports);
        }
        let consumed = if never_sent { Consumed::Nothing } else { self.consumed(config, false) };
        settlement::settle(config, self, consumed, ports, effects)
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
            Answer::Reading { mut reader, status, .. } => {
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

    /// The decision, as the caller sees it.
    fn report(&self, edits: &mut Vec<HeaderEdit>) {
        // As many as follow, and what the stages may add.
        edits.reserve(8);
        edits.push(HeaderEdit::Add(names::POLICY_RESULT, self.decision.result().as_str().into()));
        if let Some(code) = self.decision.reason_code() {
            edits.push(HeaderEdit::Add(names::REASON_CODE, code.as_str().into()));
        }
        edits.push(HeaderEdit::Add(names::AWU_ID, self.awu.id().as_str().to_owned().into()));
        edits.extend(
            self.forwarded.headers.iter().map(|(name, value)| HeaderEdit::Add(name, value.clone().into())),
        );
        if let Some(governing) = &self.governing {
            let unit = governing.unit();
            edits.extend([
                HeaderEdit::Add(names::RESERVED, Display(governing.amount, unit).to_string().into()),
                HeaderEdit::Add(names::UNIT, unit.as_str().to_owned().into()),
                HeaderEdit::Add(names::BUDGET_NAME, governing.budget.name.as_ref().to_owned().into()),
                HeaderEdit::Add(
                    names::BUDGET_REMAINING,
                    Display(governing.balance.left(), unit).to_string().into(),
                ),
            ]);
        }
    }
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
