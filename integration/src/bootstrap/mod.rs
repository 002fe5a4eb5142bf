//! Envoy's configuration, built from a handful of options.
//!
//! The chain is the product's: `header_mutation` tells the filter Envoy's own trace and span id, the wasm
//! filter governs, the router forwards; Envoy's OpenTelemetry tracer exports the span with the filter's
//! `genops.*` values as tags. [`Options::bootstrap`] makes a static configuration, [`LiveListener`] one
//! whose listener can be replaced while Envoy runs.
//!
//! It knows Envoy's API and the list of span attributes. The filter's own configuration is an opaque JSON
//! value of the caller's.

mod clusters;
mod http;
mod live;
mod options;
mod tracing;

pub use live::LiveListener;
pub use options::{Filter, Options, Protocols, Retries};
pub use tracing::SPAN_ATTRIBUTES;

use serde_json::{Value, json};

/// The name of the listener.
pub const LISTENER: &str = "ingress";
/// The name of the cluster that leads to the provider.
pub const UPSTREAM: &str = "upstream";
/// The name of the cluster that leads to the collector.
pub const OTLP: &str = "otel";

/// The labels of the filter's metrics; Envoy takes them out of the metric's name.
const METRIC_LABELS: [&str; 5] = ["result", "reason_code", "complete", "type", "failure"];

fn metric_label(name: &&str) -> Value {
    json!({"tag_name": name, "regex": format!("(_genops_{name}\\.=\\.(.*?);\\.;)")})
}

impl Options {
    /// A bootstrap with everything in it.
    pub fn bootstrap(&self) -> Value {
        let mut bootstrap = self.frame();
        bootstrap["static_resources"]["listeners"] = json!([self.listener()]);
        bootstrap
    }

    /// The listener alone.
    pub fn listener(&self) -> Value {
        let mut listener = json!({
            "name": LISTENER,
            // Envoy picks the port, so nothing races for one.
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
            "filter_chains": [{"filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": self.connection_manager(),
            }]}],
        });
        if let Some(bytes) = self.buffer_limit_bytes {
            listener["per_connection_buffer_limit_bytes"] = json!(bytes);
        }
        listener
    }

    /// Everything but the listener.
    fn frame(&self) -> Value {
        let mut frame = json!({
            "node": {"id": "lab", "cluster": "lab"},
            "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
            "static_resources": {"clusters": self.clusters()},
            "stats_config": {"stats_tags": METRIC_LABELS.iter().map(metric_label).collect::<Vec<_>>()},
        });
        if self.tracing && self.spans_at_once {
            frame["layered_runtime"] = tracing::spans_at_once();
        }
        frame
    }
}
