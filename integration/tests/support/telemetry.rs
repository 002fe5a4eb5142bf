//! What was told of one AWU, found by its id.

use super::Stage;
use lab::{Answer, LogRecord, Span, wait};

pub(crate) const EVALUATED: &str = "genops.policy.evaluated";
pub(crate) const RESERVATION: &str = "genops.budget.reservation";
pub(crate) const RECONCILIATION: &str = "genops.budget.reconciliation";

/// The project under which accounts are read, to tell those calls from a test's own.
pub(crate) const PROBE: &str = "probe";

/// The AWU's id, from its answer.
pub(crate) fn awu_id(answer: &Answer) -> String {
    answer.header("x-genops-awu-id").expect("every governed answer names its AWU").to_owned()
}

/// A span's identity as an AWU id.
pub(crate) fn span_id(span: &Span) -> String {
    format!("{}-{}", span.trace_id, span.span_id)
}

/// An event's AWU, by the trace context it carries.
pub(crate) fn event_awu(event: &LogRecord) -> String {
    format!("{}-{}", event.trace_id, event.span_id)
}

/// A span attribute as text, which is all that Envoy can write.
pub(crate) fn text<'a>(span: &'a Span, name: &str) -> Option<&'a str> {
    span.attributes.get(name)?.as_str()
}

impl Stage {
    /// Envoy's server span of an AWU.
    pub(crate) async fn span_of(&self, awu: &str) -> Span {
        self.otlp.span(|span| span.kind == 2 && span_id(span) == awu).await
    }

    /// The events of an AWU so far, in order of arrival.
    pub(crate) fn events_of(&self, awu: &str) -> Vec<LogRecord> {
        self.otlp.logs().into_iter().filter(|event| event_awu(event) == awu).collect()
    }

    /// Waits for an AWU's event of that name.
    pub(crate) async fn event_of(&self, awu: &str, name: &str) -> LogRecord {
        let is_it = |event: &LogRecord| event.event_name == name && event_awu(event) == awu;
        self.otlp.wait_for(wait::DEADLINE, |_, logs| logs.iter().any(is_it)).await;
        self.otlp.logs().into_iter().find(is_it).expect("it was there a moment ago")
    }
}

impl Stage {
    /// The names of all events of an answer's AWU, after a later call's events have come.
    pub(crate) async fn event_names_of(&self, answer: &Answer) -> Vec<String> {
        let awu = awu_id(answer);
        self.event_of(&awu, EVALUATED).await;
        let later = self.refused("later").await;
        self.event_of(&awu_id(&later), EVALUATED).await;
        self.events_of(&awu).into_iter().map(|event| event.event_name).collect()
    }
}
