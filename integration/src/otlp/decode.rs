//! OTLP messages, flattened to what a test wants to read.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::{logs, trace};
use prost::{DecodeError, Message};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Attributes by name, with their types.
pub type Attributes = BTreeMap<String, Value>;

/// An exported span.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Span {
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// 16 hexadecimal digits.
    pub span_id: String,
    /// 16 hexadecimal digits, or empty.
    pub parent_span_id: String,
    /// The span's name.
    pub name: String,
    /// OTLP's number: 2 is server, 3 is client.
    pub kind: i32,
    /// OTLP's number: 0 unset, 1 ok, 2 error.
    pub status: i32,
    /// Start, nanoseconds since the epoch.
    pub start_unix_nano: u64,
    /// End, nanoseconds since the epoch.
    pub end_unix_nano: u64,
    /// The span's attributes.
    pub attributes: Attributes,
    /// The attributes of the resource it belongs to.
    pub resource: Attributes,
}

/// An exported log record.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogRecord {
    /// The event's name, or empty for a plain log record.
    pub event_name: String,
    /// When it happened, nanoseconds since the epoch.
    pub time_unix_nano: u64,
    /// 32 hexadecimal digits, or empty.
    pub trace_id: String,
    /// 16 hexadecimal digits, or empty.
    pub span_id: String,
    /// OTLP's severity number.
    pub severity: i32,
    /// The body; null if there is none.
    pub body: Value,
    /// The record's attributes.
    pub attributes: Attributes,
    /// The attributes of the resource it belongs to.
    pub resource: Attributes,
}

pub(super) fn spans(body: &Bytes) -> Result<Vec<Span>, DecodeError> {
    let request = ExportTraceServiceRequest::decode(body.clone())?;
    let per_resource = request.resource_spans.into_iter().flat_map(|group| {
        let resource = resource(group.resource);
        let spans = group.scope_spans.into_iter().flat_map(|scope| scope.spans);
        spans.map(move |inner| span(inner, resource.clone()))
    });
    Ok(per_resource.collect())
}

pub(super) fn logs(body: &Bytes) -> Result<Vec<LogRecord>, DecodeError> {
    let request = ExportLogsServiceRequest::decode(body.clone())?;
    let per_resource = request.resource_logs.into_iter().flat_map(|group| {
        let resource = resource(group.resource);
        let records = group.scope_logs.into_iter().flat_map(|scope| scope.log_records);
        records.map(move |inner| record(inner, resource.clone()))
    });
    Ok(per_resource.collect())
}

fn span(span: trace::v1::Span, resource: Attributes) -> Span {
    Span {
        trace_id: hex(&span.trace_id),
        span_id: hex(&span.span_id),
        parent_span_id: hex(&span.parent_span_id),
        name: span.name,
        kind: span.kind,
        status: span.status.map_or(0, |status| status.code),
        start_unix_nano: span.start_time_unix_nano,
        end_unix_nano: span.end_time_unix_nano,
        attributes: attributes(span.attributes),
        resource,
    }
}

fn record(record: logs::v1::LogRecord, resource: Attributes) -> LogRecord {
    LogRecord {
        event_name: record.event_name,
        time_unix_nano: record.time_unix_nano,
        trace_id: hex(&record.trace_id),
        span_id: hex(&record.span_id),
        severity: record.severity_number,
        body: value(record.body),
        attributes: attributes(record.attributes),
        resource,
    }
}

fn resource(resource: Option<Resource>) -> Attributes {
    resource.map(|resource| attributes(resource.attributes)).unwrap_or_default()
}

/// Panics on a name that comes twice, which OTLP forbids.
fn attributes(list: Vec<KeyValue>) -> Attributes {
    let mut all = Attributes::new();
    for pair in list {
        let twice = all.insert(pair.key.clone(), value(pair.value));
        assert!(twice.is_none(), "attribute {} was sent twice", pair.key);
    }
    all
}

fn value(any: Option<AnyValue>) -> Value {
    match any.and_then(|any| any.value) {
        Some(Any::StringValue(text)) => json!(text),
        Some(Any::BoolValue(flag)) => json!(flag),
        Some(Any::IntValue(number)) => json!(number),
        Some(Any::DoubleValue(number)) => json!(number),
        Some(Any::BytesValue(bytes)) => json!(hex(&bytes)),
        Some(Any::ArrayValue(list)) => list.values.into_iter().map(|item| value(Some(item))).collect(),
        Some(Any::KvlistValue(list)) => attributes(list.values).into_iter().collect(),
        _ => Value::Null,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
