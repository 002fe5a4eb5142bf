//! The Envoys that are compared.

use crate::pinning;
use lab::bootstrap::{Filter, Options};
use lab::{EnvoyProcess, Launch, artifacts};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// What stands between the load and the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variant {
    /// Envoy without any filter.
    Bare,
    /// A wasm filter that does nothing.
    NoOp,
    /// The governing filter.
    Genops,
}

/// Whether spans and events are exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Telemetry {
    Off,
    On,
}

impl Variant {
    pub(crate) const ALL: [Self; 3] = [Self::Bare, Self::NoOp, Self::Genops];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::NoOp => "noop",
            Self::Genops => "genops",
        }
    }

    pub(crate) fn named(name: &str) -> Self {
        let found = Self::ALL.into_iter().find(|variant| variant.name() == name);
        found.unwrap_or_else(|| panic!("no variant {name:?}; there are bare, noop and genops"))
    }

    fn filter(self, telemetry: Telemetry) -> Filter {
        match self {
            Self::Bare => Filter::None,
            Self::NoOp => Filter::NoOp(artifacts::noop_wasm()),
            Self::Genops => Filter::genops(governed(telemetry)),
        }
    }
}

/// An ordinary configuration: attribution by header, a price, an enforced budget that never runs out.
fn governed(telemetry: Telemetry) -> Value {
    let mut config: Value =
        serde_json::from_str(include_str!("governed.json")).expect("governed.json is JSON");
    if telemetry == Telemetry::On {
        config["telemetry"] = json!({"otlp": {"cluster": lab::bootstrap::OTLP, "flush_interval_ms": 200}});
    }
    config
}

/// One running variant.
pub(crate) struct Member {
    pub(crate) variant: Variant,
    pub(crate) envoy: EnvoyProcess,
    pub(crate) listener: SocketAddr,
}

/// All variants, alive at the same time.
pub(crate) struct Fleet(Vec<Member>);

impl Fleet {
    pub(crate) async fn start(variants: &[Variant], telemetry: Telemetry, upstream: SocketAddr) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let cpu = (processors > 1).then_some(pinning::ENVOY);
        let launch = Launch { cpu, wasm_log_level: "warning", ..Launch::default() };
        let mut members = Vec::new();
        for &variant in variants {
            let mut options = Options::new(upstream).filter(variant.filter(telemetry));
            if telemetry == Telemetry::On {
                // Envoy's own batching, as in production.
                options = Options { spans_at_once: false, ..options.traced(upstream) };
            }
            let envoy = EnvoyProcess::start_with(&launch, &options.bootstrap()).await;
            let listener = envoy.listener().await;
            members.push(Member { variant, envoy, listener });
        }
        Self(members)
    }

    pub(crate) fn members(&self) -> &[Member] {
        &self.0
    }

    /// Resident memory in KiB, in the order of the variants.
    pub(crate) fn memory(&self) -> Vec<u64> {
        self.0.iter().map(|member| member.envoy.resident_kib()).collect()
    }
}
