//! Exported events, decoded with the official OTLP definitions and shown with their types.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prost::Message as _;

use super::world::START_NANOS;

/// What the span and every event of an AWU say; shown in one line.
pub const OF_THE_AWU: [&str; 11] = [
    "genops.awu.id",
    "genops.team",
    "genops.project",
    "genops.environment",
    "genops.customer_id",
    "genops.feature",
    "genops.session_id",
    "genops.cost_center",
    "genops.operation.name",
    "genops.operation.type",
    "genops.spec.version",
];

/// The log records of one export.
pub fn records(body: &[u8]) -> Vec<LogRecord> {
    let request = ExportLogsServiceRequest::decode(body).expect("an export that the official types can read");
    let scopes = request.resource_logs.into_iter().flat_map(|resource| resource.scope_logs);
    scopes.flat_map(|scope| scope.log_records).collect()
}

/// Tells events in lines; whose they are is said where it changes.
#[derive(Default)]
pub struct Teller {
    awu: Vec<String>,
}

/// The names of the events of one export.
pub fn names(body: &[u8]) -> Vec<String> {
    records(body).into_iter().map(|record| record.event_name).collect()
}

impl Teller {
    /// The events of one export.
    pub fn tell(&mut self, body: &[u8]) -> Vec<String> {
        records(body).iter().flat_map(|record| self.tell_record(record)).collect()
    }

    fn tell_record(&mut self, record: &LogRecord) -> Vec<String> {
        assert_eq!(record.time_unix_nano, record.observed_time_unix_nano);
        let awu = awu_of(record);
        let mut lines = if awu == self.awu { Vec::new() } else { awu.clone() };
        self.awu = awu;
        let after_ms = (i128::from(record.time_unix_nano) - i128::from(START_NANOS)) / 1_000_000;
        lines.push(format!("  {} at {after_ms:+} ms", record.event_name));
        let own = record.attributes.iter().filter(|attribute| !of_the_awu(attribute));
        lines.extend(
            own.map(|attribute| format!("    {} = {}", attribute.key, show(attribute.value.as_ref()))),
        );
        lines
    }
}

fn of_the_awu(attribute: &KeyValue) -> bool {
    OF_THE_AWU.contains(&attribute.key.as_str())
}

/// Whose event it is: its span, and the AWU's attributes.
fn awu_of(record: &LogRecord) -> Vec<String> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let span = if record.trace_id.is_empty() {
        "outside of any trace:".to_owned()
    } else {
        assert_eq!((record.trace_id.len(), record.span_id.len()), (16, 8));
        format!("in span {} of trace {}:", hex(&record.span_id), hex(&record.trace_id))
    };
    let awu: Vec<String> = record
        .attributes
        .iter()
        .filter(|attribute| of_the_awu(attribute))
        .map(|attribute| {
            format!("{}={}", attribute.key.trim_start_matches("genops."), show(attribute.value.as_ref()))
        })
        .collect();
    vec![span, format!("  {}", awu.join(" "))]
}

/// A value so that its type shows: `"text"`, `7`, `7.0`, `true`.
fn show(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => format!("{text:?}"),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => format!("{number:?}"),
        Some(Value::BoolValue(truth)) => truth.to_string(),
        other => format!("{other:?}"),
    }
}
