//! What the exchange wants done: values that the edge performs.

use std::borrow::Cow;
use std::rc::Rc;

use crate::awu::Awu;
use crate::telemetry::event::Event;
use crate::telemetry::metric::Metric;
use crate::telemetry::{Attribute, Value};

/// Everything one step wants done. The order of kinds does not matter; within a kind the order is kept.
#[derive(Debug, Default)]
pub struct Effects {
    /// Whether and how the stream goes on.
    pub flow: Flow,
    /// Edits of the request's headers, before they go upstream.
    pub request_headers: Vec<HeaderEdit>,
    /// Replaces the request's held body. Among the header edits is then what its length needs; where any of them fails,
    /// the request must not go on.
    pub request_body: Option<Vec<u8>>,
    /// Edits of the answer's headers, before they go downstream.
    pub response_headers: Vec<HeaderEdit>,
    /// Replaces the piece of the answer's body that was told last.
    pub response_body: Option<Vec<u8>>,
    /// The AWU whose attributes the span is to carry from now on.
    pub awu: Option<Rc<Awu>>,
    /// Further span attributes; an empty text takes one away.
    pub attributes: Vec<Attribute>,
    /// Events for the collector.
    pub events: Vec<Event>,
    /// Counters to raise.
    pub counts: Vec<(Metric, u64)>,
}

impl Effects {
    /// Adds a span attribute.
    pub(super) fn attribute(&mut self, name: &'static str, value: impl Into<Value>) {
        self.attributes.push((name, value.into()));
    }

    /// Tells what else was found out, also of another call: its events and counts, and nothing that is this stream's.
    pub(super) fn tell(&mut self, more: Self) {
        self.events.extend(more.events);
        self.counts.extend(more.counts);
    }

    /// Raises a counter by one.
    pub(super) fn count(&mut self, metric: Metric) {
        self.counts.push((metric, 1));
    }
}

/// How the stream goes on.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum Flow {
    /// On its way.
    #[default]
    Continue,
    /// Held until a later event.
    Hold,
    /// Answered here; the upstream never sees it.
    Reply(Box<LocalReply>),
}

/// An answer in the upstream's stead.
#[derive(Debug, PartialEq, Eq)]
pub struct LocalReply {
    /// The HTTP status.
    pub status: u16,
    /// For `%RESPONSE_CODE_DETAILS%` in access logs; Envoy turns blanks into `_`.
    pub details: String,
    /// Headers beside the status.
    pub headers: Vec<(&'static str, String)>,
    /// The body, in the caller's own dialect.
    pub body: Vec<u8>,
}

/// One edit of a header.
#[derive(Debug, PartialEq, Eq)]
pub enum HeaderEdit {
    /// Set, replacing every earlier value.
    Set(&'static str, Cow<'static, str>),
    /// Added, where no value stands: the edits before have removed what stood there.
    Add(&'static str, Cow<'static, str>),
    /// Remove every value.
    Remove(Cow<'static, str>),
}
