//! Reason codes, attributes, events, metrics and links: what the documents list exists, and what exists is listed.

use std::collections::BTreeSet;

use genops::semconv::ReasonCode;

use crate::tree::{files, read, root};

/// The first cell of every table row of `document` that begins with code, `{labels}` cut off.
fn rows(document: &str) -> BTreeSet<String> {
    let text = read(document);
    let cells = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    cells.map(|(name, _)| name.split('{').next().unwrap().to_owned()).collect()
}

/// The string constants of one module of `src/semconv.rs`.
pub(crate) fn constants(module: &str) -> BTreeSet<String> {
    let text = read("src/semconv.rs");
    let body = text.split(&format!("pub mod {module} {{")).nth(1).expect(module).split("\n}").next().unwrap();
    let values = body.lines().filter_map(|line| line.split_once("&str = \"")?.1.strip_suffix("\";"));
    values.map(str::to_owned).collect()
}

/// The metrics that the code can raise, without labels.
pub(crate) fn metrics() -> BTreeSet<String> {
    let text = read("src/telemetry/metric.rs");
    let code = text.split("\n#[cfg(test)]\n").next().unwrap();
    let code: String = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let words = code.split(|c: char| !c.is_ascii_lowercase() && c != '_');
    words.filter(|word| word.starts_with("genops_") && word.ends_with("_total")).map(str::to_owned).collect()
}

/// The labels that metrics can have, as Prometheus sees them.
pub(crate) fn labels() -> BTreeSet<String> {
    let text = read("src/telemetry/metric.rs");
    let calls = text.split("label(\"").skip(1);
    calls.map(|call| format!("genops_{}", call.split('"').next().unwrap())).collect()
}

#[test]
fn the_reason_codes_documented_are_those_that_exist() {
    let existing = ReasonCode::ALL.iter().map(|code| code.as_str().to_owned()).collect();
    assert_eq!(rows("docs/reason-codes.md"), existing, "documented on the left");
}

#[test]
fn the_attributes_events_and_metrics_documented_are_those_that_exist() {
    let documented = rows("docs/telemetry.md");
    let existing = constants("attribute").into_iter().chain(constants("event")).chain(metrics());
    assert_eq!(documented, existing.collect(), "documented on the left");
    assert!(metrics().len() >= 8 && labels().len() >= 4, "{:?} {:?}", metrics(), labels());
}

#[test]
fn every_label_of_a_metric_is_documented() {
    let text = read("docs/telemetry.md");
    for label in labels() {
        assert!(text.contains(&format!("`{label}`")), "docs/telemetry.md does not explain {label}");
    }
}

#[test]
fn rules_and_dashboard_ask_for_metrics_that_exist() {
    let metrics = metrics();
    for path in ["envoy/prometheus-rules.yaml", "envoy/grafana-dashboard.json"] {
        let text = read(path);
        let words = text.split(|c: char| !c.is_ascii_lowercase() && c != '_');
        let asked: BTreeSet<&str> =
            words.filter(|word| word.starts_with("genops_") && word.ends_with("_total")).collect();
        assert!(!asked.is_empty(), "{path} asks for nothing");
        for metric in asked {
            assert!(metrics.contains(metric), "{path} asks for {metric}");
        }
    }
}

#[test]
fn links_between_files_lead_somewhere() {
    for file in files("", &[".md"]) {
        let folder = root().join(&file.path).parent().unwrap().to_owned();
        for link in file.text.split("](").skip(1) {
            let link = link.split(')').next().unwrap();
            let path = link.split('#').next().unwrap();
            if path.is_empty() || link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            assert!(folder.join(path).exists(), "{} links to {path}", file.path);
        }
    }
}

#[test]
fn decisions_are_numbered_without_gaps_and_listed() {
    let decisions = files("docs/adr", &[".md"]);
    let records: Vec<_> = decisions.iter().filter(|file| !file.path.ends_with("README.md")).collect();
    let index = read("docs/adr/README.md");
    for (number, record) in records.iter().enumerate() {
        let name = record.path.rsplit('/').next().unwrap();
        assert!(name.starts_with(&format!("{:04}-", number + 1)), "{name} is out of order");
        assert!(index.contains(name), "docs/adr/README.md does not list {name}");
        assert!(record.text.contains("\nStatus: "), "{name} has no status");
    }
}
