//! Effects, done: each becomes a host call. A host call that fails is logged; the stream goes on.

use std::cell::RefCell;

use super::pairs;
use super::raw::{self, HostError, Map};
use crate::exchange::{Effects, HeaderEdit, LocalReply};
use crate::telemetry::Value;
use crate::telemetry::event::{Event, span_attributes};
use crate::telemetry::metric::Metric;
use crate::telemetry::queue::Queue;

/// Where events and counts go, shared by the streams of one root context.
pub(super) struct Outlets {
    pub(super) queue: RefCell<Option<Queue>>,
    counters: RefCell<Vec<(Metric, u32)>>,
}

impl Outlets {
    pub(super) fn new(queue: Option<Queue>) -> Self {
        Self { queue: RefCell::new(queue), counters: RefCell::default() }
    }

    /// Raises a counter by `by`; it is defined when it is first needed.
    pub(super) fn count(&self, metric: Metric, by: u64) {
        let by = i64::try_from(by).unwrap_or(i64::MAX);
        if by == 0 {
            return;
        }
        let raised = self.counter(metric).and_then(|id| raw::increment(id, by));
        complain("count", metric.stat_name(), raised);
    }

    fn counter(&self, metric: Metric) -> Result<u32, HostError> {
        let mut counters = self.counters.borrow_mut();
        if let Some((_, id)) = counters.iter().find(|(known, _)| *known == metric) {
            return Ok(*id);
        }
        let id = raw::define_counter(&metric.stat_name())?;
        counters.push((metric, id));
        Ok(id)
    }

    /// How many events the queue has dropped since the last call.
    pub(super) fn take_dropped(&self) -> u64 {
        self.queue.borrow_mut().as_mut().map_or(0, Queue::take_dropped)
    }

    fn emit(&self, event: &Event) {
        if let Some(queue) = self.queue.borrow_mut().as_mut() {
            queue.push(event);
        }
    }
}

/// Does everything but the flow, which is the callback's return value.
pub(super) fn perform(effects: &Effects, outlets: &Outlets) {
    edit(Map::RequestHeaders, &effects.request_headers);
    edit(Map::ResponseHeaders, &effects.response_headers);
    if let Some(awu) = &effects.awu {
        span_attributes(awu).for_each(|(name, text)| set_attribute(name, text));
    }
    for (name, value) in &effects.attributes {
        match value {
            Value::Text(text) => set_attribute(name, text),
            other => set_attribute(name, &other.to_string()),
        }
    }
    effects.events.iter().for_each(|event| outlets.emit(event));
    effects.counts.iter().for_each(|(metric, by)| outlets.count(*metric, *by));
}

/// Envoy's `custom_tags` read the attribute from filter state `wasm.<name>`.
fn set_attribute(name: &str, text: &str) {
    complain("set attribute", name, raw::set_property(name, text.as_bytes()));
}

/// Sends the reply that ends the request.
pub(super) fn reply(reply: &LocalReply) {
    let headers: Vec<(&str, &str)> =
        reply.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let headers = pairs::serialize(&headers);
    complain(
        "reply",
        reply.status,
        raw::send_local_response(reply.status, reply.details, &headers, &reply.body),
    );
}

fn edit(map: Map, edits: &[HeaderEdit]) {
    for edit in edits {
        match edit {
            HeaderEdit::Set(name, value) => {
                complain("set header", name, raw::set_header(map, name, value.as_bytes()))
            }
            HeaderEdit::Remove(name) => complain("remove header", name, raw::remove_header(map, name)),
        }
    }
}

fn complain(what: &str, subject: impl std::fmt::Display, result: Result<(), HostError>) {
    if let Err(error) = result {
        log::warn!("genops: cannot {what} {subject}: host status {}", error.0);
    }
}
