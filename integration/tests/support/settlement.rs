//! How one call of a team was settled: its account, its events and its span must all say the same.
//!
//! A team makes one call only, so that its account is that call.

use super::calls::{CAP, RESERVED, chat};
use super::config::LIMIT;
use super::telemetry::{EVALUATED, RECONCILIATION, RESERVATION, awu_id, span_id, text};
use super::{Stage, telemetry};
use lab::{Answer, Client, Span, Streaming};
use serde_json::{Value, json};

impl Stage {
    /// The span of the only call of `team`.
    pub(crate) async fn span_of_team(&self, team: &str) -> Span {
        let is_probe = |span: &Span| text(span, "genops.project") == Some(telemetry::PROBE);
        self.otlp.span(|span| text(span, "genops.team") == Some(team) && !is_probe(span)).await
    }

    /// The call of `team` was executed, reserved [`RESERVED`] and consumed `actual`.
    pub(crate) async fn settled(&self, team: &str, actual: u64, complete: bool) {
        self.settles_at(team, LIMIT - actual).await;
        let span = self.span_of_team(team).await;
        let awu = span_id(&span);
        let event = self.event_of(&awu, RECONCILIATION).await;
        let said = |name: &str| event.attributes.get(name).cloned().unwrap_or_default();
        assert_eq!(said("genops.accounting.actual"), json!(actual as f64), "{team}");
        assert_eq!(said("genops.accounting.reserved"), json!(RESERVED as f64), "{team}");
        let delta = json!(actual as f64 - RESERVED as f64);
        assert_eq!(said("genops.accounting.reconciliation_delta"), delta, "{team}");
        assert_eq!(said("genops.accounting.complete"), json!(complete), "{team}");
        assert_eq!(text(&span, "genops.policy.result"), Some("ALLOWED"), "{team}");
        assert_eq!(text(&span, "genops.accounting.actual"), Some(actual.to_string().as_str()), "{team}");
        assert_eq!(text(&span, "genops.accounting.complete"), Some(complete.to_string().as_str()), "{team}");
        let settlements =
            self.events_of(&awu).iter().filter(|event| event.event_name == RECONCILIATION).count();
        assert_eq!(settlements, 1, "{team}: an AWU is settled once");
    }

    /// The call of `team` never reached a provider: given back, and not reconciled (§7.2.1).
    pub(crate) async fn voided(&self, team: &str) {
        self.settles_at(team, LIMIT).await;
        let span = self.span_of_team(team).await;
        let awu = span_id(&span);
        self.event_of(&awu, RESERVATION).await;
        assert_eq!(text(&span, "genops.accounting.reserved"), Some(RESERVED.to_string().as_str()), "{team}");
        assert_eq!(text(&span, "genops.accounting.actual").unwrap_or_default(), "", "{team}");
        assert_eq!(text(&span, "genops.accounting.complete").unwrap_or_default(), "", "{team}");
        // The next call's events arrive later than this one's would.
        let next = by(&self.http1(), "afterwards", &chat(LIMIT)).await;
        self.event_of(&awu_id(&next), EVALUATED).await;
        let reconciled = self.events_of(&awu).iter().any(|event| event.event_name == RECONCILIATION);
        assert!(!reconciled, "{team}: what was not executed is not reconciled");
    }

    /// Nothing has killed the filter.
    pub(crate) async fn never_died(&self) {
        assert_eq!(self.envoy.stat("wasm.genops.vm_reload_success").await.unwrap_or(0), 0);
        let log = self.envoy.log();
        assert!(!log.contains("panicked") && !log.contains("[critical]"), "{log}");
    }
}

/// One chat completion of `team`.
pub(crate) async fn by(client: &Client, team: &str, body: &Value) -> Answer {
    client.chat(&[("x-genops-team", team)], body).await
}

/// The usual call of `team`, which reserves [`RESERVED`].
pub(crate) async fn usual(client: &Client, team: &str) -> Answer {
    by(client, team, &chat(CAP)).await
}

/// Reads on until `words` of the model's words have passed.
pub(crate) async fn read_words(stream: &mut Streaming, words: usize) {
    let mut seen = String::new();
    while seen.matches("word ").count() < words {
        let piece = stream.next().await.expect("the answer goes on").expect("more words");
        seen.push_str(&String::from_utf8_lossy(&piece));
    }
}
