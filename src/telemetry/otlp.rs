//! Events as OTLP log records: `opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest` in protobuf.
//!
//! Written by hand because it runs for every event of every call and borrows everything; its tests decode with the
//! official definitions. Field numbers follow opentelemetry-proto 1.x (`logs.proto`, `common.proto`).

use super::event::{Event, awu_attributes};
use super::{Attribute, Value};
use crate::awu::SpanContext;
use crate::semconv::SPEC_VERSION;

/// Severity number 9, `INFO` (opentelemetry-proto `SeverityNumber`).
const SEVERITY_INFO: u64 = 9;

/// Appends `event` to `records` as one element of `ScopeLogs.log_records`.
pub fn encode_record(event: &Event, records: &mut Vec<u8>) {
    let mut record = Message::default();
    record.fixed64(1, event.at.as_nanos());
    record.varint(2, SEVERITY_INFO);
    for (name, text) in event.awu.iter().flat_map(|awu| awu_attributes(awu)) {
        record.message(6, |attribute| text_attribute(attribute, name, text));
    }
    for (name, value) in &event.attributes {
        record.message(6, |attribute| typed_attribute(attribute, name, value));
    }
    if let Some(SpanContext { trace_id, span_id }) = event.awu.as_ref().and_then(|awu| awu.span()) {
        record.bytes(9, &trace_id.to_be_bytes());
        record.bytes(10, &span_id.to_be_bytes());
    }
    record.fixed64(11, event.at.as_nanos());
    record.bytes(12, event.name.as_bytes());
    let mut outer = Message(std::mem::take(records));
    outer.bytes(2, &record.0);
    *records = outer.0;
}

/// A whole export request around encoded records.
pub fn encode_request(service_name: &str, records: &[u8]) -> Vec<u8> {
    let mut scope = Message::default();
    scope.bytes(1, env!("CARGO_PKG_NAME").as_bytes());
    scope.bytes(2, env!("CARGO_PKG_VERSION").as_bytes());
    let mut scope_logs = Message(Vec::with_capacity(records.len().saturating_add(64)));
    scope_logs.bytes(1, &scope.0);
    scope_logs.0.extend_from_slice(records);

    let mut resource = Message::default();
    let resource_attributes: [Attribute; 2] =
        [("service.name", Value::text(service_name)), ("genops.spec.version", SPEC_VERSION.into())];
    for (name, value) in &resource_attributes {
        resource.message(1, |attribute| typed_attribute(attribute, name, value));
    }
    let mut resource_logs = Message(Vec::with_capacity(scope_logs.0.len().saturating_add(128)));
    resource_logs.bytes(1, &resource.0);
    resource_logs.bytes(2, &scope_logs.0);
    let mut request = Message(Vec::with_capacity(resource_logs.0.len().saturating_add(8)));
    request.bytes(1, &resource_logs.0);
    request.0
}

fn text_attribute(message: &mut Message, name: &str, text: &str) {
    message.bytes(1, name.as_bytes());
    message.message(2, |value| value.bytes(1, text.as_bytes()));
}

fn typed_attribute(message: &mut Message, name: &str, value: &Value) {
    message.bytes(1, name.as_bytes());
    message.message(2, |any| match value {
        Value::Text(text) => any.bytes(1, text.as_bytes()),
        Value::Bool(truth) => any.varint(2, u64::from(*truth)),
        Value::Int(number) => any.varint(3, number.cast_unsigned()),
        Value::Double(number) => any.fixed64(4, number.to_bits()),
    });
}

/// A protobuf message under construction. Fields are written even when they hold the default, which is legal.
#[derive(Default)]
struct Message(Vec<u8>);

const WIRE_VARINT: u64 = 0;
const WIRE_FIXED64: u64 = 1;
const WIRE_LENGTH: u64 = 2;

impl Message {
    fn key(&mut self, field: u64, wire: u64) {
        self.raw_varint(field << 3 | wire);
    }

    fn raw_varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn varint(&mut self, field: u64, number: u64) {
        self.key(field, WIRE_VARINT);
        self.raw_varint(number);
    }

    fn fixed64(&mut self, field: u64, bits: u64) {
        self.key(field, WIRE_FIXED64);
        self.0.extend_from_slice(&bits.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.key(field, WIRE_LENGTH);
        self.raw_varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// A nested message, written in place: its length is inserted once it is known.
    fn message(&mut self, field: u64, write: impl FnOnce(&mut Message)) {
        self.key(field, WIRE_LENGTH);
        let start = self.0.len();
        write(self);
        let mut length = Message(Vec::with_capacity(5));
        length.raw_varint(self.0.len().saturating_sub(start) as u64);
        self.0.splice(start..start, length.0);
    }
}
