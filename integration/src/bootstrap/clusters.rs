//! Where Envoy may connect to.

use super::options::Options;
use super::{OTLP, UPSTREAM};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;

impl Options {
    pub(super) fn clusters(&self) -> Vec<Value> {
        let mut clusters = vec![cluster(UPSTREAM, self.upstream, self.connect_timeout)];
        clusters.extend(self.otlp.map(|otlp| cluster(OTLP, otlp, Duration::from_secs(1))));
        clusters.extend(self.clusters.iter().cloned());
        clusters
    }
}

/// A cluster with one fixed endpoint.
fn cluster(name: &str, endpoint: SocketAddr, connect_timeout: Duration) -> Value {
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": seconds(connect_timeout),
        "circuit_breakers": {"thresholds": [{
            "max_connections": 4096, "max_pending_requests": 4096, "max_requests": 4096, "max_retries": 64,
        }]},
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {
            "address": {"socket_address": {
                "address": endpoint.ip().to_string(), "port_value": endpoint.port(),
            }},
        }}]}]},
    })
}

/// A protobuf duration in JSON.
pub(super) fn seconds(duration: Duration) -> String {
    format!("{}.{:09}s", duration.as_secs(), duration.subsec_nanos())
}
