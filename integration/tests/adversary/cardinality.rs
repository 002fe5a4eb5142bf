//! Ten thousand invented keys: what they cost is bounded, and nobody else pays for it.

use crate::support::calls::chat;
use crate::support::config::tokens;
use crate::support::{Setup, Stage};
use lab::Client;
use serde_json::{Value, json};

const INVENTED: usize = 10_000;
/// Ten thousand more accounts with such names would take 1.8 million.
const MOST_BYTES: u64 = 1_048_576;
/// How many callers invent at the same time.
const CALLERS: usize = 8;

/// A budget per customer with room for far fewer than are invented.
async fn stage(on_full: &str) -> Stage {
    let mut config = tokens();
    config["budgets"] = json!([{
        "name": "customers", "per": ["customer_id"], "unit": "tokens", "limit": 1_000_000, "window": "total",
        "capacity": 200, "on_full": on_full,
    }]);
    config["telemetry"] = json!({});
    let mut setup = Setup::new(config).await;
    setup.options.tracing = false;
    setup.start().await
}

async fn call(client: &Client, customer: &str) -> (u16, Option<String>) {
    let headers = [("x-genops-team", "a"), ("x-genops-customer-id", customer)];
    let answer = client.chat(&headers, &chat(5)).await;
    (answer.status, answer.header("x-genops-budget-remaining").map(str::to_owned))
}

/// Invents the customers of a range, by several callers at once; how many of them were served.
async fn invent(stage: &Stage, range: std::ops::Range<usize>) -> usize {
    let callers = (0..CALLERS).map(|caller| {
        let (client, range) = (stage.http1(), range.clone());
        tokio::spawn(async move {
            let mut served = 0;
            for number in range.filter(|number| number % CALLERS == caller) {
                served += usize::from(call(&client, &format!("invented-{number:0>110}")).await.0 == 200);
            }
            served
        })
    });
    let mut served = 0;
    for caller in callers.collect::<Vec<_>>() {
        served += caller.await.expect("no caller fails");
    }
    served
}

/// The filter's own series, none of which may be named by a client.
async fn bounded_series(stage: &Stage) {
    let stats = stage.envoy.stats_prometheus().await;
    let own: Vec<&str> = stats.lines().filter(|line| line.starts_with("genops_")).collect();
    assert!(own.len() < 20 && !stats.contains("invented"), "{own:?}");
}

/// What Envoy has allocated, shared data included; what the VM has is in `resident_kib` alone.
async fn allocated(stage: &Stage) -> u64 {
    let memory: Value = serde_json::from_str(&stage.envoy.admin_get("/memory").await).expect("JSON");
    memory["allocated"].as_str().expect("a figure").parse().expect("bytes")
}

/// Ten thousand customers and then as many again, which must cost nothing more; how many were served.
async fn flood(stage: &Stage) -> usize {
    let honest = stage.http1();
    assert_eq!(call(&honest, "acme").await, (200, Some("999985".to_owned())));
    // The first half fills whatever can be filled.
    let served = invent(stage, 0..INVENTED).await;
    let (before, before_kib) = (allocated(stage).await, stage.envoy.resident_kib());
    let served = served + invent(stage, INVENTED..2 * INVENTED).await;
    let grown = allocated(stage).await.saturating_sub(before);
    let grown_kib = stage.envoy.resident_kib().saturating_sub(before_kib);
    assert!(
        grown < MOST_BYTES && grown_kib < 8 * 1_024,
        "Envoy grew by {grown} bytes, {grown_kib} KiB resident"
    );
    bounded_series(stage).await;
    // What is left says what acme itself has consumed, and nobody else.
    assert_eq!(call(&honest, "acme").await, (200, Some("999970".to_owned())));
    served
}

#[tokio::test]
async fn invented_customers_share_one_account_take_no_memory_and_leave_the_others_alone() {
    assert_eq!(flood(&stage("shared_account").await).await, 2 * INVENTED);
}

#[tokio::test]
async fn invented_customers_are_refused_once_there_is_no_room_for_them() {
    // However small its capacity, a budget has room for some eight thousand keys.
    let served = flood(&stage("refuse").await).await;
    assert!((INVENTED / 2..INVENTED).contains(&served), "{served} were served");
}
