//! What can be chosen about a configuration, and what holds if nothing is.

use serde_json::Value;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The choices. Start from [`Options::new`] and change fields.
#[derive(Debug, Clone)]
pub struct Options {
    /// The provider.
    pub upstream: SocketAddr,
    /// The collector, for Envoy's tracer and for the filter.
    pub otlp: Option<SocketAddr>,
    /// Envoy traces every request to `otlp`.
    pub tracing: bool,
    /// Envoy exports each span as soon as it ends.
    pub spans_at_once: bool,
    /// What governs.
    pub filter: Filter,
    /// What applications may speak.
    pub protocols: Protocols,
    /// Above this much a buffered body is refused by Envoy (413); its default is 1 MiB.
    pub buffer_limit_bytes: Option<u32>,
    /// The same, for the request bodies of the route alone.
    pub route_body_limit_bytes: Option<u64>,
    /// How long a whole answer may take; zero is for ever.
    pub route_timeout: Duration,
    /// How long a stream may be silent.
    pub stream_idle_timeout: Option<Duration>,
    /// How long connecting to the provider may take.
    pub connect_timeout: Duration,
    /// Whether Envoy itself tries again.
    pub retries: Option<Retries>,
    /// `metadata` of the route: filter metadata by namespace.
    pub route_metadata: Option<Value>,
    /// Rewrites the authority towards the provider, to be taken for another host.
    pub host_rewrite: Option<String>,
    /// Further HTTP filters, before the governing one.
    pub filters_before: Vec<Value>,
    /// Further clusters.
    pub clusters: Vec<Value>,
    /// Writes one line per request to this file.
    pub access_log: Option<PathBuf>,
}

/// What stands between the application and the router.
#[derive(Debug, Clone)]
pub enum Filter {
    /// Nothing: bare Envoy.
    None,
    /// A wasm filter that does nothing.
    NoOp(PathBuf),
    /// The governing filter.
    Genops {
        /// The compiled filter.
        wasm: PathBuf,
        /// Its configuration.
        config: Value,
        /// The namespace of its shared data.
        vm_id: String,
    },
}

impl Filter {
    /// The governing filter from `GENOPS_WASM`, with the usual `vm_id`.
    pub fn genops(config: Value) -> Self {
        Self::Genops { wasm: crate::artifacts::genops_wasm(), config, vm_id: "genops".to_owned() }
    }
}

/// What the listener accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocols {
    /// HTTP/1.1, and HTTP/2 by prior knowledge.
    Both,
    /// HTTP/1.1 alone.
    Http1,
    /// HTTP/2 alone.
    Http2,
}

/// Envoy's own retries.
#[derive(Debug, Clone)]
pub struct Retries {
    /// Envoy's `retry_on`.
    pub on: String,
    /// How often it tries again.
    pub count: u32,
    /// How long one try may take.
    pub per_try_timeout: Option<Duration>,
}

impl Options {
    /// Bare Envoy in front of `upstream`.
    pub fn new(upstream: SocketAddr) -> Self {
        Self {
            upstream,
            otlp: None,
            tracing: false,
            spans_at_once: true,
            filter: Filter::None,
            protocols: Protocols::Both,
            buffer_limit_bytes: None,
            route_body_limit_bytes: None,
            route_timeout: Duration::ZERO,
            stream_idle_timeout: None,
            connect_timeout: Duration::from_secs(5),
            retries: None,
            route_metadata: None,
            host_rewrite: None,
            filters_before: Vec::new(),
            clusters: Vec::new(),
            access_log: None,
        }
    }

    /// With a collector, and every request traced to it.
    #[must_use]
    pub fn traced(self, otlp: SocketAddr) -> Self {
        Self { otlp: Some(otlp), tracing: true, ..self }
    }

    /// With another filter.
    #[must_use]
    pub fn filter(self, filter: Filter) -> Self {
        Self { filter, ..self }
    }
}
