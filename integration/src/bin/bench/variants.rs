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
    /// A wasm filter that makes the host calls of `Genops` for an untraced call, and does nothing else.
    Floor,
    /// The governing filter, with one budget.
    Genops,
    /// The same with three budgets, one rate limit and one concurrency limit.
    Full,
}

/// Whether spans and events are exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Telemetry {
    Off,
    On,
}

impl Variant {
    pub(crate) const ALL: [Self; 5] = [Self::Bare, Self::NoOp, Self::Floor, Self::Genops, Self::Full];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::NoOp => "noop",
            Self::Floor => "floor",
            Self::Genops => "genops",
            Self::Full => "full",
        }
    }

    /// As the report names it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Full => "genops, three budgets + limits",
            other => other.name(),
        }
    }

    /// Whether the filter governs.
    pub(crate) fn governs(self) -> bool {
        matches!(self, Self::Genops | Self::Full)
    }

    /// Whether it does what the variant is for: the floor exports nothing.
    pub(crate) fn is_for(self, telemetry: Telemetry) -> bool {
        self != Self::Floor || telemetry == Telemetry::Off
    }

    pub(crate) fn named(name: &str) -> Self {
        let found = Self::ALL.into_iter().find(|variant| variant.name() == name);
        found.unwrap_or_else(|| panic!("no variant {name:?}; there are bare, noop, floor, genops and full"))
    }

    fn filter(self, telemetry: Telemetry) -> Filter {
        match self {
            Self::Bare => Filter::None,
            Self::NoOp => Filter::NoOp(artifacts::noop_wasm()),
            // Behind the filter that tells the span, as the real one is.
            Self::Floor => Filter::Genops {
                wasm: artifacts::floor_wasm(),
                config: json!({}),
                vm_id: self.name().to_owned(),
            },
            Self::Genops => Filter::genops(governed(telemetry)),
            Self::Full => Filter::genops(full(telemetry)),
        }
    }
}

/// The same attribution and price, and all that counts.
fn full(telemetry: Telemetry) -> Value {
    let mut config = governed(telemetry);
    let counting: Value = serde_json::from_str(include_str!("full.json")).expect("full.json is JSON");
    for name in ["budgets", "rate_limits", "concurrency_limits"] {
        config[name] = counting[name].clone();
    }
    config
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
