//! Questions to Envoy's admin interface.

use super::EnvoyProcess;
use crate::client::{Answer, Client};
use crate::wait::{self, DEADLINE};
use hyper::Method;
use serde_json::Value;
use std::net::SocketAddr;

impl EnvoyProcess {
    /// `GET path` on the admin interface; panics unless it answers 200.
    pub async fn admin_get(&self, path: &str) -> String {
        let answer = self.admin(Method::GET, path).await.expect("the admin interface answers");
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.text());
        answer.text()
    }

    /// `POST path` on the admin interface, for its switches; panics unless it answers 200.
    pub async fn admin_post(&self, path: &str) -> String {
        let answer = self.admin(Method::POST, path).await.expect("the admin interface answers");
        assert_eq!(answer.status, 200, "POST {path}: {}", answer.text());
        answer.text()
    }

    /// The value of one counter or gauge, `None` if Envoy has no such name.
    pub async fn stat(&self, name: &str) -> Option<u64> {
        let stats = self.admin_get("/stats").await;
        stats.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")?.parse().ok())
    }

    /// Waits until the counter or gauge `name` has at least `value`.
    pub async fn wait_stat(&self, name: &str, value: u64) {
        let reached = async || self.stat(name).await.filter(|seen| *seen >= value);
        if wait::until(DEADLINE, reached).await.is_none() {
            panic!("{name} never reached {value}; it is {:?}", self.stat(name).await);
        }
    }

    /// All metrics in Prometheus' text format.
    pub async fn stats_prometheus(&self) -> String {
        self.admin_get("/stats/prometheus").await
    }

    /// The value of one Prometheus series, given exactly as it is printed: `name{label="value"}`.
    pub async fn prometheus(&self, series: &str) -> Option<f64> {
        let stats = self.stats_prometheus().await;
        stats.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
    }

    /// Where the listener [`crate::bootstrap::LISTENER`] accepts connections.
    pub async fn listener(&self) -> SocketAddr {
        let found = wait::until(DEADLINE, async || self.find_listener().await).await;
        found.unwrap_or_else(|| panic!("no listener came up; the log:\n{}", self.log_tail(25)))
    }

    async fn find_listener(&self) -> Option<SocketAddr> {
        let text = self.admin_get("/listeners?format=json").await;
        let listeners: Value = serde_json::from_str(&text).ok()?;
        let statuses = listeners["listener_statuses"].as_array()?;
        let ours = statuses.iter().find(|status| status["name"] == crate::bootstrap::LISTENER)?;
        let socket = &ours["local_address"]["socket_address"];
        let ip = socket["address"].as_str()?.parse().ok()?;
        let port = u16::try_from(socket["port_value"].as_u64()?).ok()?;
        Some(SocketAddr::new(ip, port))
    }

    pub(super) async fn admin_status(&self, path: &str) -> Option<u16> {
        self.admin(Method::GET, path).await.map(|answer| answer.status)
    }

    async fn admin(&self, method: Method, path: &str) -> Option<Answer> {
        let client = Client::http1(self.admin_addr());
        client.try_request(method, path, &[], Vec::new()).await.ok()
    }
}
