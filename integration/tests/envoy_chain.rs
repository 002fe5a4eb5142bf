//! The chain around the filter: what it is told, and that a real wasm module takes its place.
//!
//! Uses the no-op filter, which leaves everything as it finds it. Needs `GENOPS_ENVOY` and `GENOPS_NOOP_WASM`
//! (`make build-noop`).
#![allow(clippy::expect_used, reason = "tests")]

use lab::bootstrap::LiveListener;
use lab::{Client, EnvoyProcess, Filter, Launch, Options, OtlpReceiver, Simulator, artifacts, wait};
use serde_json::json;

fn governed_by_nothing(options: Options) -> Options {
    let (wasm, vm_id) = (artifacts::noop_wasm(), "genops".to_owned());
    options.filter(Filter::Genops { wasm, config: json!({}), vm_id })
}

#[tokio::test]
async fn the_filter_is_told_the_identity_of_the_exported_span_and_forgeries_are_overwritten() {
    let simulator = Simulator::start().await;
    let otlp = OtlpReceiver::start().await;
    let options = governed_by_nothing(Options::new(simulator.addr()).traced(otlp.addr()));
    let envoy = EnvoyProcess::start_with(&Launch::workers(2), &options.bootstrap()).await;
    let client = Client::http1(envoy.listener().await);
    let body = json!({"model": "gpt-4o-mini", "messages": []});
    assert_eq!(client.chat(&[("x-genops-trace", "forged")], &body).await.status, 200);
    let span = otlp.span(|span| span.kind == 2).await;
    let told = simulator.only_request().header("x-genops-trace").map(str::to_owned);
    assert_eq!(told, Some(format!("{}-{}", span.trace_id, span.span_id)));
    // A tag without a value is left out.
    assert_eq!(span.attributes.keys().find(|name| name.starts_with("genops.")), None);
}

#[tokio::test]
async fn a_filter_that_cannot_be_loaded_is_rejected_live_and_fatal_at_the_start() {
    let simulator = Simulator::start().await;
    let options = governed_by_nothing(Options::new(simulator.addr()));
    let mut live = LiveListener::new(&options);
    let envoy = EnvoyProcess::start(&live.bootstrap(&options)).await;
    let broken_wasm = envoy.folder().join("broken.wasm");
    std::fs::write(&broken_wasm, "not wasm").expect("the folder can be written");
    let filter = Filter::Genops { wasm: broken_wasm, config: json!({}), vm_id: "genops".to_owned() };
    let broken = options.clone().filter(filter);
    live.replace(&broken);
    envoy.wait_stat("listener_manager.lds.update_rejected", 1).await;
    let client = Client::http1(envoy.listener().await);
    assert_eq!(client.chat(&[], &json!({"messages": []})).await.status, 200);
    let refused = EnvoyProcess::try_start(&Launch::default(), &broken.bootstrap()).await;
    assert!(refused.expect_err("it cannot start").log.contains("Unable to create Wasm plugin"));
    live.remove();
    envoy.wait_stat("listener_manager.listener_removed", 1).await;
    let gone = wait::until(wait::DEADLINE, async || {
        let answer = Client::http1(client.addr()).try_post("/", &[], &json!({})).await;
        answer.is_err().then_some(())
    });
    assert!(gone.await.is_some(), "the listener still accepts");
}
