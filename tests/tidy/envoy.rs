//! Every shipped Envoy configuration, whatever wraps it: the fields without which the filter is unsafe or blind.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::documents::{constants, labels};
use crate::tree::{Text, files, read};

/// Every YAML document that is shipped, with the file it is in.
fn shipped() -> Vec<(String, Value)> {
    let files = files("envoy", &[".yaml"]).into_iter().chain(files("examples", &[".yaml"]));
    files.flat_map(|file| documents(&file).into_iter().map(move |value| (file.path.clone(), value))).collect()
}

fn documents(file: &Text) -> Vec<Value> {
    serde_saphyr::from_multiple(&file.text).unwrap_or_else(|error| panic!("{}: {error}", file.path))
}

/// Every object below `value` for which `is_wanted`.
fn find<'v>(value: &'v Value, is_wanted: &impl Fn(&'v Value) -> bool, found: &mut Vec<&'v Value>) {
    if value.is_object() && is_wanted(value) {
        found.push(value);
    }
    let children: Box<dyn Iterator<Item = &Value>> = match value {
        Value::Object(map) => Box::new(map.values()),
        Value::Array(list) => Box::new(list.iter()),
        _ => Box::new(std::iter::empty()),
    };
    children.for_each(|child| find(child, is_wanted, found));
}

fn with_key<'v>(value: &'v Value, key: &str) -> Vec<&'v Value> {
    let mut found = Vec::new();
    find(value, &|object| object.get(key).is_some(), &mut found);
    found
}

/// What a plugin's configuration says, as the filter receives it: a string, never a `Struct`, which Envoy 1.40 hands
/// over as protobuf.
fn text_of(configuration: &Value) -> &str {
    assert_eq!(configuration["@type"], "type.googleapis.com/google.protobuf.StringValue");
    configuration["value"].as_str().expect("a string")
}

#[test]
fn every_plugin_reloads_holds_headers_has_a_vm_id_and_a_valid_configuration() {
    let mut seen = 0;
    for (path, document) in shipped() {
        for plugin in with_key(&document, "vm_config") {
            seen += 1;
            assert_eq!(plugin["failure_policy"], "FAIL_RELOAD", "{path}");
            assert_eq!(plugin["allow_on_headers_stop_iteration"], true, "{path}");
            assert_eq!(plugin["vm_config"]["vm_id"], "genops", "{path}");
            let text = text_of(&plugin["configuration"]);
            genops::config::parse(text).unwrap_or_else(|invalid| panic!("{path}: {invalid}"));
        }
    }
    assert!(seen >= 4, "only {seen} plugins were found");
}

#[test]
fn the_configuration_inside_the_extension_policy_is_valid() {
    let text = read("envoy/envoy-gateway/genops.yaml");
    let file = Text { path: "envoy/envoy-gateway/genops.yaml".to_owned(), text };
    let policy = &documents(&file)[0];
    assert_eq!(policy["kind"], "EnvoyExtensionPolicy");
    let config = policy["spec"]["wasm"][0]["config"].to_string();
    genops::config::parse(&config).unwrap_or_else(|invalid| panic!("{invalid}"));
}

#[test]
fn every_list_of_span_attributes_is_complete() {
    let mut all = constants("attribute");
    assert!(all.remove("genops.budget.expired_reservations"), "it speaks of AWUs whose spans are gone");
    for name in ["genops.budget.key", "genops.budget.alert_at"] {
        assert!(all.remove(name), "an alert speaks of an account, not of an AWU");
    }
    // The span says the same as `genops.sla.*`.
    all.retain(|name| !name.starts_with("genops.eval."));
    let mut seen = 0;
    for (path, document) in shipped() {
        for object in with_key(&document, "custom_tags") {
            let tags = object["custom_tags"].as_array().expect("a list");
            let names = tags.iter().map(|tag| {
                let name = tag["tag"].as_str().unwrap();
                assert_eq!(tag["value"], format!("%FILTER_STATE(wasm.{name}:PLAIN)%"), "{path}");
                name.to_owned()
            });
            assert_eq!(names.collect::<BTreeSet<_>>(), all, "{path}: scripts/list-span-attributes mends it");
            seen += 1;
        }
        for object in with_key(&document, "customTags") {
            let tags = object["customTags"].as_object().expect("a map");
            for (name, tag) in tags {
                assert_eq!(tag["formatter"]["value"], format!("%FILTER_STATE(wasm.{name}:PLAIN)%"), "{path}");
            }
            assert_eq!(tags.keys().cloned().collect::<BTreeSet<_>>(), all, "{path}");
            seen += 1;
        }
    }
    assert!(seen >= 4, "only {seen} lists were found");
}

#[test]
fn every_bootstrap_traces_everything_names_the_labels_and_keeps_the_admin_interface_to_itself() {
    let mut seen = 0;
    for (path, bootstrap) in
        shipped().into_iter().filter(|(_, document)| document.get("static_resources").is_some())
    {
        let tags = bootstrap["stats_config"]["stats_tags"].as_array().expect("stats_tags");
        let named: BTreeSet<String> =
            tags.iter().map(|tag| tag["tag_name"].as_str().unwrap().to_owned()).collect();
        assert_eq!(named, labels(), "{path}");
        for tag in tags {
            let name = tag["tag_name"].as_str().unwrap();
            assert_eq!(tag["regex"], format!("(_{name}\\.=\\.(.*?);\\.;)"), "{path}");
        }
        assert_eq!(bootstrap["admin"]["address"]["socket_address"]["address"], "127.0.0.1", "{path}");
        for tracing in with_key(&bootstrap, "random_sampling") {
            assert_eq!(tracing["random_sampling"]["value"], 100, "{path}");
        }
        seen += 1;
    }
    assert!(seen >= 3, "only {seen} bootstraps were found");
}

#[test]
fn the_filter_is_told_envoys_own_span_by_a_filter_before_it() {
    for (path, document) in shipped() {
        for manager in with_key(&document, "http_filters") {
            let filters = manager["http_filters"].as_array().unwrap();
            let position = |name: &str| filters.iter().position(|filter| filter["name"] == name);
            if let Some(wasm) = position("envoy.filters.http.wasm") {
                let mutation =
                    position("envoy.filters.http.header_mutation").expect("a header_mutation filter");
                assert!(mutation < wasm, "{path}");
                let text = filters[mutation].to_string();
                assert!(text.contains("x-genops-trace") && text.contains("%TRACE_ID%-%SPAN_ID%"), "{path}");
                assert!(
                    text.contains("OVERWRITE_IF_EXISTS_OR_ADD"),
                    "{path}: a client could forge its AWU id"
                );
            }
        }
    }
}

#[test]
fn an_examples_envoy_loads_the_configuration_beside_it() {
    let mut seen = 0;
    for file in files("examples", &["genops.json"]) {
        let beside: Value = serde_json::from_str(&file.text).expect("JSON");
        let envoy = file.path.replace("genops.json", "envoy.yaml");
        let document = &documents(&Text { text: read(&envoy), path: envoy.clone() })[0];
        let plugin = with_key(document, "vm_config")[0];
        let loaded: Value = serde_json::from_str(text_of(&plugin["configuration"])).expect("JSON");
        assert_eq!(loaded, beside, "{envoy} and {}", file.path);
        seen += 1;
    }
    assert!(seen >= 2, "only {seen} examples were found");
}

#[test]
fn the_collector_restores_the_type_of_every_attribute_that_is_no_text() {
    let text = read("envoy/otel-collector.yaml");
    let doubles =
        ["accounting.reserved", "accounting.actual", "accounting.reconciliation_delta", "cost.total"];
    let budget = ["budget.allocated", "budget.consumed", "budget.remaining"];
    for name in doubles.iter().chain(&budget) {
        let statement =
            format!("set(span.attributes[\"genops.{name}\"], Double(span.attributes[\"genops.{name}\"]))");
        assert!(text.contains(&statement), "genops.{name} stays a string");
    }
    let caps = ["output_cap.requested", "output_cap.forwarded"];
    for name in ["tokens.input", "tokens.output", "tokens.total"].iter().chain(&caps) {
        let statement =
            format!("set(span.attributes[\"genops.{name}\"], Int(span.attributes[\"genops.{name}\"]))");
        assert!(text.contains(&statement), "genops.{name} stays a string");
    }
    for name in constants("attribute") {
        let converted = text.contains(&format!("(span.attributes[\"{name}\"]"));
        let is_number = [
            "reserved",
            "actual",
            "delta",
            "allocated",
            "consumed",
            "remaining",
            "input",
            "output",
            "total",
            "complete",
            "requested",
            "forwarded",
            "_ms",
            "sla.met",
        ]
        .iter()
        .any(|end| name.ends_with(end));
        assert_eq!(converted, is_number, "{name}: is it a number, and is it restored?");
    }
}
