//! Everything around the application: provider, collector, Envoy with the filter.

use lab::bootstrap::{Filter, Options};
use lab::{EnvoyProcess, OtlpReceiver, Simulator, wait};
use std::net::SocketAddr;
use std::time::Duration;

/// How long telemetry may take after the last call; it is batched by fractions of a second.
const PATIENCE: Duration = Duration::from_secs(5);

/// All parts, running.
pub(crate) struct Stage {
    pub(crate) simulator: Simulator,
    pub(crate) otlp: OtlpReceiver,
    pub(crate) envoy: EnvoyProcess,
    pub(crate) listener: SocketAddr,
}

impl Stage {
    pub(crate) async fn set() -> Self {
        let simulator = Simulator::start().await;
        let otlp = OtlpReceiver::start().await;
        let config = serde_json::from_str(include_str!("config.json")).expect("config.json is JSON");
        let options = Options::new(simulator.addr()).traced(otlp.addr()).filter(Filter::genops(config));
        let envoy = EnvoyProcess::start(&options.bootstrap()).await;
        let listener = envoy.listener().await;
        Self { simulator, otlp, envoy, listener }
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.listener)
    }

    pub(crate) fn introduction(&self) -> String {
        format!(
            "\n  application (official openai SDK) → Envoy with genops {} → simulated provider {}\n  \
             budget \"team-tokens\": 20,000 tokens per team and day; telemetry → collector {}\n",
            self.listener,
            self.simulator.addr(),
            self.otlp.addr(),
        )
    }

    /// Waits until every call's span and every admitted call's reconciliation are here; `false` if they do
    /// not all come.
    pub(crate) async fn wait_settled(&self, calls: usize, admitted: usize) -> bool {
        let arrived = async || {
            let logs = self.otlp.logs();
            let reconciled =
                logs.iter().filter(|log| log.event_name == "genops.budget.reconciliation").count();
            (self.otlp.spans().len() >= calls && reconciled >= admitted).then_some(())
        };
        wait::until(PATIENCE, arrived).await.is_some()
    }
}
