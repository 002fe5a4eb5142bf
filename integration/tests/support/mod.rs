//! What the filter's suites share: a governed Envoy with everything around it, and how its books are read.
//!
//! It knows the filter's configuration and what the filter shows on the wire; none of its types. An account is read
//! from outside, by [`Stage::left`]: a call that no budget can hold is refused, names what is left, and changes nothing.

pub(crate) mod application;
pub(crate) mod auditor;
pub(crate) mod awu;
pub(crate) mod calls;
pub(crate) mod capture;
pub(crate) mod config;
pub(crate) mod edits;
pub(crate) mod grants;
pub(crate) mod settlement;
pub(crate) mod telemetry;
pub(crate) mod trailers;

use lab::bootstrap::{Filter, Options};
use lab::{Answer, Client, EnvoyProcess, Launch, OtlpReceiver, Simulator, wait};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// Everything but Envoy is there; change `options` and `launch`, then [`Setup::start`].
pub(crate) struct Setup {
    pub(crate) simulator: Simulator,
    pub(crate) otlp: OtlpReceiver,
    pub(crate) options: Options,
    pub(crate) launch: Launch,
}

/// Provider, collector and governed Envoy, running.
pub(crate) struct Stage {
    pub(crate) simulator: Simulator,
    pub(crate) otlp: OtlpReceiver,
    pub(crate) envoy: EnvoyProcess,
    pub(crate) addr: SocketAddr,
}

impl Setup {
    /// One worker, traced, governed by `config`.
    pub(crate) async fn new(config: Value) -> Self {
        let simulator = Simulator::start().await;
        let otlp = OtlpReceiver::start().await;
        let options = Options::new(simulator.addr()).traced(otlp.addr()).filter(Filter::genops(config));
        Self { simulator, otlp, options, launch: Launch::default() }
    }

    pub(crate) async fn start(self) -> Stage {
        self.start_edited(|_| {}).await
    }

    /// With a last look at Envoy's bootstrap.
    pub(crate) async fn start_edited(self, edit: impl FnOnce(&mut Value)) -> Stage {
        let mut bootstrap = self.options.bootstrap();
        edit(&mut bootstrap);
        self.start_from(&bootstrap).await
    }

    /// With another bootstrap.
    pub(crate) async fn start_from(self, bootstrap: &Value) -> Stage {
        let envoy = EnvoyProcess::start_with(&self.launch, bootstrap).await;
        let addr = envoy.listener().await;
        Stage { simulator: self.simulator, otlp: self.otlp, envoy, addr }
    }
}

impl Stage {
    /// One worker, nothing special.
    pub(crate) async fn start(config: Value) -> Self {
        Setup::new(config).await.start().await
    }

    pub(crate) fn http1(&self) -> Client {
        Client::http1(self.addr)
    }

    pub(crate) fn http2(&self) -> Client {
        Client::http2(self.addr)
    }

    /// What the first budget of `team` holds for the next call: limit less posted less pending. Consumes nothing.
    pub(crate) async fn left(&self, team: &str) -> u64 {
        let answer = self.refused(team).await;
        let left = answer.header("x-genops-budget-remaining").unwrap_or_else(|| panic!("{}", answer.text()));
        left.parse().expect("a whole number")
    }

    /// The refusal of a call that fits into no budget.
    pub(crate) async fn refused(&self, team: &str) -> Answer {
        let mut body = calls::chat(1_000_000_000);
        body["model"] = json!("probe");
        let answer = self
            .http1()
            .chat(&[("x-genops-team", team), ("x-genops-project", telemetry::PROBE)], &body)
            .await;
        assert_eq!(answer.status, 429, "a probe must be refused: {}", answer.text());
        answer
    }

    /// Waits until the account of `team` has exactly `expected` left: nothing pending, and posted what it must be.
    pub(crate) async fn settles_at(&self, team: &str, expected: u64) {
        let mut last = 0;
        let settled = wait::until(wait::DEADLINE, async || {
            last = self.left(team).await;
            (last == expected).then_some(())
        });
        assert!(settled.await.is_some(), "the account of {team} has {last} left, expected {expected}");
    }

    /// Requests that left Envoy towards the provider.
    pub(crate) async fn upstream_requests(&self) -> u64 {
        self.envoy.stat("cluster.upstream.upstream_rq_total").await.unwrap_or(0)
    }

    /// Waits until a counter of the filter is exactly `value`; counts reach Envoy with the filter's next tick.
    pub(crate) async fn counts(&self, series: &str, value: f64) {
        let counted = async || (self.metric(series).await == value).then_some(());
        let reached = wait::until(wait::DEADLINE, counted).await;
        assert!(reached.is_some(), "{series} is {}, expected {value}", self.metric(series).await);
    }

    /// A counter of the filter, in Prometheus' spelling; 0 if it was never raised.
    pub(crate) async fn metric(&self, series: &str) -> f64 {
        self.envoy.prometheus(series).await.unwrap_or(0.0)
    }
}
