//! What Istio knows of the calling workload, in the two forms in which it keeps it: an object with fields (1.24), and a
//! `google.protobuf.Struct` for expressions (later). No Istio is here; Envoy's own filters and a filter of forty
//! lines leave the same kinds of objects.
//!
//! Needs `GENOPS_ENVOY` and `GENOPS_WASM`.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each suite uses a part of it")]
mod support;

use serde_json::{Value, json};
use support::Setup;
use support::calls::chat;
use support::config::tokens;
use support::telemetry::{awu_id, text};

/// A field of a protobuf message: its number, and bytes with their length. All lengths here are below 128.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    assert!(bytes.len() < 128);
    [&[number << 3 | 2, bytes.len() as u8], bytes].concat()
}

/// A `google.protobuf.Struct` of texts and structs.
fn protobuf(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    members
        .iter()
        .flat_map(|(key, value)| field(1, &[field(1, key.as_bytes()), field(2, value)].concat()))
        .collect()
}

fn string(text: &str) -> Vec<u8> {
    field(3, text.as_bytes())
}

/// A filter that declares a property of that type and sets it on every request. Envoy keeps it as Istio's own filter
/// does, as a `CelState`, and puts `wasm.` before its name.
fn filter(name: &str, value: &[u8]) -> Vec<u8> {
    const SCHEMA: &[u8] = b"type.googleapis.com/google.protobuf.Struct";
    // Name, type (protobuf) and schema.
    let declaration = [field(1, name.as_bytes()), vec![3 << 3, 3], field(4, SCHEMA)].concat();
    let data = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
    let module = format!(
        r#"(module
          (import "env" "proxy_call_foreign_function"
            (func $call (param i32 i32 i32 i32 i32 i32) (result i32)))
          (import "env" "proxy_set_property" (func $set (param i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 1)
          (global $free (mut i32) (i32.const 32768))
          (data (i32.const 0) "declare_property")
          (data (i32.const 64) "{name}")
          (data (i32.const 128) "{declaration}")
          (data (i32.const 1024) "{value}")
          (func (export "proxy_abi_version_0_2_1"))
          (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
            (global.get $free)
            (global.set $free (i32.add (global.get $free) (local.get $size))))
          (func (export "proxy_on_context_create") (param i32 i32))
          (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (i32.const 1))
          (func (export "proxy_on_configure") (param i32 i32) (result i32)
            (i32.eqz (call $call (i32.const 0) (i32.const 16) (i32.const 128) (i32.const {declaration_length})
              (i32.const 16384) (i32.const 16388))))
          (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (if (call $set (i32.const 64) (i32.const {name_length}) (i32.const 1024) (i32.const {value_length}))
              (then unreachable))
            (i32.const 0)))"#,
        declaration = data(&declaration),
        declaration_length = declaration.len(),
        name_length = name.len(),
        value = data(value),
        value_length = value.len(),
    );
    wat::parse_str(&module).expect("a module")
}

fn wasm(file: &std::path::Path) -> Value {
    json!({"name": "peer", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
        "config": {"name": "peer", "root_id": "peer", "vm_config": {
            "vm_id": "peer", "runtime": "envoy.wasm.runtime.v8", "code": {"local": {"filename": file}},
        }},
    }})
}

#[tokio::test]
async fn a_peer_is_read_from_a_struct_for_expressions_and_from_an_object_with_fields() {
    let peer = protobuf(&[
        ("workload", string("checkout-v2")),
        ("namespace", string("shop")),
        ("identity", string("spiffe://cluster.local/ns/shop/sa/cart")),
        ("labels", field(5, &protobuf(&[("team", string("payments"))]))),
    ]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("peer.wasm");
    std::fs::write(&file, filter("downstream_peer", &peer)).expect("a file");
    let mut config = tokens();
    let at = |path: Value| json!({"sources": [{"filter_state": path}], "on_missing": "refuse"});
    let peer = "wasm.downstream_peer";
    config["attribution"] = json!({
        "team": at(json!([peer, "labels", "team"])),
        "project": at(json!([peer, "workload"])),
        "environment": at(json!([peer, "namespace"])),
        "customer_id": at(json!([peer, "identity"])),
        "feature": {"sources": [{"filter_state": [peer, "revision"]}, {"filter_state": [peer, "labels"]}]},
        // The key of Istio's own object, under which here is another one with fields.
        "session_id": at(json!(["downstream_peer", "ip"])),
        "cost_center": {"sources": [{"istio_peer": "workload"}, {"istio_peer_label": "team"}]},
    });
    let mut setup = Setup::new(config).await;
    setup.options.filters_before = vec![
        wasm(&file),
        json!({"name": "envoy.filters.http.set_filter_state", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config",
            "on_request_headers": [{
                "object_key": "downstream_peer",
                "factory_key": "envoy.network.transport_socket.original_dst_address",
                "format_string": {"text_format_source": {"inline_string": "10.1.2.3:80"}},
            }],
        }}),
    ];
    let stage = setup.start().await;
    let answer = stage.http1().chat(&[], &chat(1)).await;
    assert_eq!(answer.status, 200, "{}\n{}", answer.text(), stage.envoy.log());
    let span = stage.span_of(&awu_id(&answer)).await;
    for (attribute, value) in [
        ("team", Some("payments")),
        ("project", Some("checkout-v2")),
        ("environment", Some("shop")),
        ("customer_id", Some("spiffe://cluster.local/ns/shop/sa/cart")),
        // Neither a field that is not there nor the labels as a whole are a value.
        ("feature", None),
        ("session_id", Some("10.1.2.3")),
        // An object that has no such fields says nothing of a peer.
        ("cost_center", None),
    ] {
        assert_eq!(text(&span, &format!("genops.{attribute}")), value, "{attribute}");
    }
    stage.never_died().await;
}
