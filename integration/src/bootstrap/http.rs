//! The HTTP connection manager: its filters and its one route.

use super::UPSTREAM;
use super::clusters::seconds;
use super::options::{Filter, Options, Protocols};
use serde_json::{Value, json};

const TYPES: &str = "type.googleapis.com/envoy.extensions";

impl Options {
    pub(super) fn connection_manager(&self) -> Value {
        let mut manager = json!({
            "@type": format!("{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager"),
            "stat_prefix": super::LISTENER,
            "codec_type": match self.protocols {
                Protocols::Both => "AUTO",
                Protocols::Http1 => "HTTP1",
                Protocols::Http2 => "HTTP2",
            },
            "http_filters": self.http_filters(),
            "route_config": {"name": "all", "virtual_hosts": [{
                "name": "all", "domains": ["*"], "routes": [self.route()],
            }]},
        });
        if self.tracing {
            manager["tracing"] = super::tracing::tracing();
        }
        if let Some(timeout) = self.stream_idle_timeout {
            manager["stream_idle_timeout"] = json!(seconds(timeout));
        }
        if let Some(path) = &self.access_log {
            manager["access_log"] = json!([access_log(path)]);
        }
        manager
    }

    fn http_filters(&self) -> Vec<Value> {
        let mut filters = self.filters_before.clone();
        match &self.filter {
            Filter::None => {}
            Filter::NoOp(wasm) => filters.push(wasm_filter(wasm, "noop", None)),
            Filter::Genops { wasm, config, vm_id } => {
                filters.push(trace_header());
                filters.push(wasm_filter(wasm, vm_id, Some(config)));
            }
        }
        filters.push(json!({
            "name": "envoy.filters.http.router",
            "typed_config": {"@type": format!("{TYPES}.filters.http.router.v3.Router")},
        }));
        filters
    }

    fn route(&self) -> Value {
        let mut action = json!({"cluster": UPSTREAM, "timeout": seconds(self.route_timeout)});
        if let Some(retries) = &self.retries {
            action["retry_policy"] = json!({"retry_on": retries.on, "num_retries": retries.count});
            if let Some(timeout) = retries.per_try_timeout {
                action["retry_policy"]["per_try_timeout"] = json!(seconds(timeout));
            }
        }
        if let Some(host) = &self.host_rewrite {
            action["host_rewrite_literal"] = json!(host);
        }
        let mut route = json!({"name": "all", "match": {"prefix": "/"}, "route": action});
        if let Some(bytes) = self.route_body_limit_bytes {
            route["request_body_buffer_limit"] = json!(bytes);
        }
        if let Some(metadata) = &self.route_metadata {
            route["metadata"] = json!({"filter_metadata": metadata});
        }
        route
    }
}

/// Envoy's own span identity, told to the filters that follow; a client's forgery is overwritten.
fn trace_header() -> Value {
    json!({
        "name": "envoy.filters.http.header_mutation",
        "typed_config": {
            "@type": format!("{TYPES}.filters.http.header_mutation.v3.HeaderMutation"),
            "mutations": {"request_mutations": [{"append": {
                "header": {"key": "x-genops-trace", "value": "%TRACE_ID%-%SPAN_ID%"},
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            }}]},
        },
    })
}

fn wasm_filter(wasm: &std::path::Path, vm_id: &str, config: Option<&Value>) -> Value {
    let mut plugin = json!({
        "name": "genops",
        "failure_policy": "FAIL_RELOAD",
        // Headers must be holdable while the body is read.
        "allow_on_headers_stop_iteration": true,
        "vm_config": {
            "vm_id": vm_id,
            "runtime": "envoy.wasm.runtime.v8",
            "code": {"local": {"filename": wasm}},
        },
    });
    if let Some(config) = config {
        plugin["configuration"] = json!({
            "@type": "type.googleapis.com/google.protobuf.StringValue", "value": config.to_string(),
        });
    }
    json!({
        "name": "envoy.filters.http.wasm",
        "typed_config": {"@type": format!("{TYPES}.filters.http.wasm.v3.Wasm"), "config": plugin},
    })
}

fn access_log(path: &std::path::Path) -> Value {
    json!({
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": format!("{TYPES}.access_loggers.file.v3.FileAccessLog"),
            "path": path,
            "log_format": {"text_format_source": {"inline_string":
                "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %REQ(:METHOD)% %REQ(:PATH)%\n"}},
        },
    })
}
