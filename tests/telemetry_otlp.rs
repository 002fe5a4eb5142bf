//! What the filter exports, read with the official OTLP types: an oracle that shares no code with the encoder.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::rc::Rc;

use genops::awu::{Attribute, Attribution, Awu, AwuId, SpanContext};
use genops::call::Operation;
use genops::semconv::{attribute, event};
use genops::telemetry::Value;
use genops::telemetry::event::Event;
use genops::telemetry::otlp::{encode_record, encode_request};
use genops::timestamp::Timestamp;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, SeverityNumber};
use proptest::prelude::*;
use prost::Message as _;

fn awu(span: Option<SpanContext>, team: &str) -> Rc<Awu> {
    let attribution =
        Attribution::new([(Attribute::Team, team.into()), (Attribute::CostCenter, "cc-7".into())]);
    Rc::new(Awu::new(span, || AwuId::from_random(0xfeed), attribution, Operation::Chat))
}

fn export(service_name: &str, events: &[Event]) -> ExportLogsServiceRequest {
    let mut records = Vec::new();
    events.iter().for_each(|event| encode_record(event, &mut records));
    ExportLogsServiceRequest::decode(encode_request(service_name, &records).as_slice()).unwrap()
}

/// The records of an export with one resource and one scope.
fn records(mut export: ExportLogsServiceRequest) -> Vec<LogRecord> {
    assert_eq!((export.resource_logs.len(), export.resource_logs[0].scope_logs.len()), (1, 1));
    export.resource_logs.remove(0).scope_logs.remove(0).log_records
}

/// Attributes by name; each name occurs once.
fn by_name(attributes: &[KeyValue]) -> BTreeMap<String, Any> {
    let pairs = attributes.iter().map(|KeyValue { key, value, .. }| {
        let Some(AnyValue { value: Some(value) }) = value else { panic!("{key} has no value") };
        (key.clone(), value.clone())
    });
    let map: BTreeMap<String, Any> = pairs.collect();
    assert_eq!(map.len(), attributes.len(), "a name occurs twice");
    map
}

fn text(text: &str) -> Any {
    Any::StringValue(text.to_owned())
}

#[test]
fn an_event_arrives_with_its_name_its_time_its_span_and_its_types() {
    let span =
        SpanContext { trace_id: 0x6d8b_83eb_3f8d_3c0d_8628_f078_df7a_b76f, span_id: 0x94ab_d4f4_766c_a0c0 };
    let at = Timestamp::from_nanos(1_771_243_200_123_456_789);
    let attributes = vec![
        (attribute::ACCOUNTING_RESERVED, Value::Double(0.000_602_25)),
        (attribute::TOKENS_INPUT, Value::Int(7)),
        (attribute::RECONCILIATION_COMPLETE, Value::Bool(false)),
        (attribute::ACCOUNTING_UNIT, "USD".into()),
    ];
    let event =
        Event { name: event::BUDGET_RECONCILIATION, at, awu: Some(awu(Some(span), "søk")), attributes };
    let export = export("edge", &[event]);

    let resource = by_name(&export.resource_logs[0].resource.as_ref().unwrap().attributes);
    assert_eq!(resource["service.name"], text("edge"));
    assert_eq!(resource["genops.spec.version"], text("0.1.0"));
    let scope = export.resource_logs[0].scope_logs[0].scope.clone().unwrap();
    assert_eq!((scope.name.as_str(), scope.version.as_str()), ("genops-envoy", env!("CARGO_PKG_VERSION")));

    let records = records(export);
    let [record] = records.as_slice() else { panic!("one record") };
    assert_eq!(record.event_name, "genops.budget.reconciliation");
    assert_eq!(record.time_unix_nano, at.as_nanos());
    assert_eq!(record.observed_time_unix_nano, at.as_nanos());
    assert_eq!(record.severity_number(), SeverityNumber::Info);
    assert_eq!(record.trace_id, span.trace_id.to_be_bytes());
    assert_eq!(record.span_id, span.span_id.to_be_bytes());
    let expected = [
        ("genops.team", text("søk")),
        ("genops.cost_center", text("cc-7")),
        ("genops.operation.name", text("chat")),
        ("genops.operation.type", text("inference")),
        ("genops.spec.version", text("0.1.0")),
        ("genops.awu.id", text("6d8b83eb3f8d3c0d8628f078df7ab76f-94abd4f4766ca0c0")),
        ("genops.accounting.reserved", Any::DoubleValue(0.000_602_25)),
        ("genops.tokens.input", Any::IntValue(7)),
        ("genops.accounting.complete", Any::BoolValue(false)),
        ("genops.accounting.unit", text("USD")),
    ];
    assert_eq!(by_name(&record.attributes), expected.map(|(name, value)| (name.to_owned(), value)).into());
}

#[test]
fn outside_of_a_trace_an_event_has_no_ids_and_its_awu_has_one_of_its_own() {
    let event = Event {
        name: event::POLICY_EVALUATED,
        at: Timestamp::default(),
        awu: Some(awu(None, "search")),
        attributes: vec![],
    };
    let records = records(export("edge", &[event]));
    assert!(records[0].trace_id.is_empty() && records[0].span_id.is_empty());
    assert_eq!(by_name(&records[0].attributes)["genops.awu.id"], text("0000000000000000000000000000feed"));
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<String>().prop_map(Value::text),
        any::<i64>().prop_map(Value::Int),
        any::<f64>().prop_map(Value::Double),
        any::<bool>().prop_map(Value::Bool),
        // Lengths around those at which a varint grows.
        prop::sample::select(vec![0_usize, 1, 126, 127, 128, 16_382, 16_383, 16_384, 70_000])
            .prop_map(|length| Value::text("x".repeat(length))),
    ]
}

/// What a value is when it arrives, with doubles by their bits: a NaN is not equal to itself.
fn bits(value: &Any) -> (u8, String, u64) {
    match value {
        Any::StringValue(text) => (0, text.clone(), 0),
        Any::IntValue(number) => (1, String::new(), number.cast_unsigned()),
        Any::DoubleValue(number) => (2, String::new(), number.to_bits()),
        Any::BoolValue(truth) => (3, String::new(), u64::from(*truth)),
        other => panic!("unexpected {other:?}"),
    }
}

fn sent(value: &Value) -> (u8, String, u64) {
    match value {
        Value::Text(text) => (0, text.to_string(), 0),
        Value::Int(number) => (1, String::new(), number.cast_unsigned()),
        Value::Double(number) => (2, String::new(), number.to_bits()),
        Value::Bool(truth) => (3, String::new(), u64::from(*truth)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_values_survive_in_any_number_of_events(
        service_name in any::<String>(),
        team in any::<String>(),
        events in prop::collection::vec((any::<u64>(), prop::collection::vec(value(), 0..8)), 0..6),
        trace_id in 1_u128..,
        span_id in 1_u64..,
    ) {
        const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let awu = awu(Some(SpanContext { trace_id, span_id }), &team);
        let events: Vec<Event> = events
            .into_iter()
            .map(|(at, values)| Event {
                name: event::COST_CALCULATED,
                at: Timestamp::from_nanos(at),
                awu: Some(awu.clone()),
                attributes: NAMES.into_iter().zip(values).collect(),
            })
            .collect();
        let export = export(&service_name, &events);
        let resource = by_name(&export.resource_logs[0].resource.as_ref().unwrap().attributes);
        prop_assert_eq!(&resource["service.name"], &text(&service_name));
        let records = records(export);
        prop_assert_eq!(records.len(), events.len());
        for (record, event) in records.iter().zip(&events) {
            prop_assert_eq!(record.time_unix_nano, event.at.as_nanos());
            prop_assert_eq!(&record.event_name, event.name);
            prop_assert_eq!(&record.trace_id, &trace_id.to_be_bytes().to_vec());
            prop_assert_eq!(&record.span_id, &span_id.to_be_bytes().to_vec());
            let arrived = by_name(&record.attributes);
            prop_assert_eq!(&arrived["genops.team"], &text(&team));
            for (name, value) in &event.attributes {
                prop_assert_eq!(bits(&arrived[*name]), sent(value), "{}", name);
            }
            prop_assert_eq!(arrived.len().checked_sub(event.attributes.len()), Some(6), "no more than was sent");
        }
    }
}
