//! Effects, done: each becomes a host call. A host call that fails is logged; the stream goes on.

use std::cell::RefCell;

use super::pairs;
use super::raw::{self, Buffer, HostError, Map};
use crate::exchange::{Effects, HeaderEdit, LocalReply};
use crate::telemetry::Value;
use crate::telemetry::event::{Event, span_attributes};
use crate::telemetry::metric::Metric;
use crate::telemetry::queue::Queue;

/// Where events and counts go, shared by the streams of one root context.
///
/// Counts gather here and reach Envoy's stats on each tick: a host call per count and request would cost more than the
/// rest of a step. What a VM that dies has not flushed yet is lost, at most one tick's counts.
pub(super) struct Outlets {
    pub(super) queue: RefCell<Option<Queue>>,
    counters: RefCell<Vec<Counter>>,
}

/// One counter: its stat, once Envoy has defined it, and what is to be added.
struct Counter {
    metric: Metric,
    stat: Option<u32>,
    pending: u64,
}

impl Outlets {
    pub(super) fn new(queue: Option<Queue>) -> Self {
        Self { queue: RefCell::new(queue), counters: RefCell::default() }
    }

    /// Raises a counter by `by` at the next flush.
    pub(super) fn count(&self, metric: Metric, by: u64) {
        if by == 0 {
            return;
        }
        let mut counters = self.counters.borrow_mut();
        match counters.iter_mut().find(|counter| counter.metric == metric) {
            Some(counter) => counter.pending = counter.pending.saturating_add(by),
            None => counters.push(Counter { metric, stat: None, pending: by }),
        }
    }

    /// Adds everything that was counted to Envoy's stats.
    pub(super) fn flush_counts(&self) {
        for counter in self.counters.borrow_mut().iter_mut().filter(|counter| counter.pending > 0) {
            let by = i64::try_from(std::mem::take(&mut counter.pending)).unwrap_or(i64::MAX);
            let raised = counter.stat().and_then(|stat| raw::increment(stat, by));
            complain("count", counter.metric.stat_name(), raised);
        }
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

impl Counter {
    fn stat(&mut self) -> Result<u32, HostError> {
        match self.stat {
            Some(stat) => Ok(stat),
            None => raw::define_counter(&self.metric.stat_name()).inspect(|stat| self.stat = Some(*stat)),
        }
    }
}

/// Which bodies are as the effects want them.
pub(super) struct Bodies {
    /// Where not, it is uncertain whether the request's length is that of its body.
    pub(super) request: bool,
    /// Where not, the piece passes as it came.
    pub(super) response: bool,
}

/// Does everything but the flow, which is the callback's return value.
#[must_use]
pub(super) fn perform(effects: &Effects, outlets: &Outlets) -> Bodies {
    let request_edited = effects.request_headers.is_empty() || edit(Map::Request, &effects.request_headers);
    if !effects.response_headers.is_empty() {
        edit(Map::Response, &effects.response_headers);
    }
    let (request, response) = (effects.request_body.as_ref(), effects.response_body.as_ref());
    let bodies = Bodies {
        request: request.is_none_or(|body| request_edited && replaced(Buffer::RequestBody, "request", body)),
        response: response.is_none_or(|body| replaced(Buffer::ResponseBody, "response", body)),
    };
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
    bodies
}

fn replaced(buffer: Buffer, which: &str, body: &[u8]) -> bool {
    let replaced = raw::replace_buffer(buffer, body);
    complain("replace body", which, replaced);
    replaced.is_ok()
}

/// Envoy's `custom_tags` read the attribute from filter state `wasm.<name>`.
fn set_attribute(name: &str, text: &str) {
    complain("set attribute", name, raw::set_property(name, text.as_bytes()));
}

/// Ends a request of which nobody knows whether its length is that of its body: passed on, what follows on the upstream's
/// connection could be taken for another request.
pub(super) fn reply_uneditable() {
    const BODY: &[u8] =
        br#"{"error":{"message":"GenOps: the request could not be edited.","type":"server_error"}}"#;
    let headers = pairs::serialize(&[("content-type", "application/json")]);
    complain("reply", 500, raw::send_local_response(500, "genops_request_not_edited", &headers, BODY));
}

/// Sends the reply that ends the request.
pub(super) fn reply(reply: &LocalReply) {
    let headers: Vec<(&str, &str)> =
        reply.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let headers = pairs::serialize(&headers);
    complain(
        "reply",
        reply.status,
        raw::send_local_response(reply.status, &reply.details, &headers, &reply.body),
    );
}

/// Makes the edits; says whether all were.
fn edit(map: Map, edits: &[HeaderEdit]) -> bool {
    let mut all = true;
    for edit in edits {
        let (what, name, edited) = match edit {
            HeaderEdit::Set(name, value) => {
                ("set header", *name, raw::set_header(map, name, value.as_bytes()))
            }
            HeaderEdit::Add(name, value) => {
                ("add header", *name, raw::add_header(map, name, value.as_bytes()))
            }
            HeaderEdit::Remove(name) => ("remove header", &**name, raw::remove_header(map, name)),
        };
        all &= edited.is_ok();
        complain(what, name, edited);
    }
    all
}

fn complain(what: &str, subject: impl std::fmt::Display, result: Result<(), HostError>) {
    if let Err(error) = result {
        warn(what, &subject, error);
    }
}

#[cold]
fn warn(what: &str, subject: &dyn std::fmt::Display, error: HostError) {
    log::warn!("genops: cannot {what} {subject}: host status {}", error.0);
}
