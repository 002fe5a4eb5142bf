//! The floor that `bench` measures is the real filter's: the same host calls, in the same callbacks and order, with the
//! same sizes and results, and to the same effect. Envoy's own trace of its virtual machine is the witness.
//!
//! Needs `GENOPS_ENVOY`, `GENOPS_WASM` and `GENOPS_FLOOR_WASM` (`make build-floor`).
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use lab::simulator::Received;
use lab::{Answer, Client, EnvoyProcess, Filter, Launch, Options, Simulator, artifacts, wait};
use serde_json::json;

/// The context of a worker's second call, whose account is there already.
const SECOND: &str = "3";
const ATTRIBUTION: [(&str, &str); 2] = [("x-genops-team", "search"), ("x-genops-project", "assistant")];

/// A call, as everybody saw it.
struct Seen {
    host_calls: Vec<String>,
    received: Received,
    answer: Answer,
}

async fn second_call(filter: Filter) -> Seen {
    let simulator = Simulator::start().await;
    let options = Options::new(simulator.addr()).filter(filter);
    let launch = Launch { wasm_log_level: "trace", ..Launch::default() };
    let envoy = EnvoyProcess::start_with(&launch, &options.bootstrap()).await;
    let client = Client::http1(envoy.listener().await);
    let message = json!({"role": "user", "content": "Compare the reports. ".repeat(40)});
    let body = json!({"model": "gpt-4o-mini", "messages": [message], "max_completion_tokens": 256});
    client.chat(&ATTRIBUTION, &body).await;
    let answer = client.chat(&ATTRIBUTION, &body).await;
    let last = format!("proxy_on_delete({SECOND})");
    wait::for_condition("the second call is over", || envoy.log().contains(&last)).await;
    let received = simulator.received().pop().expect("a request");
    assert_eq!(received.json(), body);
    Seen { host_calls: host_calls(&envoy.log()), received, answer }
}

/// `request_body: proxy_set_shared_data(_, 29, _, 80, _) = 0`, for every host call of the second call. Addresses and CAS
/// numbers are left out, and so is the log, which is written at this level alone.
fn host_calls(log: &str) -> Vec<String> {
    let (mut callback, mut calls, mut found) = (None, "", Vec::new());
    for line in log.lines() {
        let after = |mark: &str| line.split_once(mark).map(|(_, rest)| rest);
        if let Some((name, context)) =
            after("[host->vm] proxy_on_").and_then(|entered| entered.split_once('('))
        {
            if name != "memory_allocate" {
                let of = context.split([',', ')']).next();
                callback = (of == Some(SECOND)).then(|| name.to_owned());
            }
        } else if let Some(called) = after("[vm->host] env.") {
            calls = called;
        } else if let (Some(callback), Some((name, status))) =
            (&callback, after("[vm<-host] env.").and_then(|left| left.split_once(" return: ")))
            && name != "proxy_log"
        {
            found.push(format!("{callback}: {} = {status}", sizes(calls)));
        }
    }
    found
}

fn sizes(call: &str) -> String {
    const LEAST_ADDRESS: u64 = 100_000;
    let (name, arguments) = call.trim_end_matches(')').split_once('(').expect("arguments");
    let is_address = |word: &str| word.parse::<u64>().is_ok_and(|number| number > LEAST_ADDRESS);
    let mut sizes: Vec<&str> =
        arguments.split(", ").map(|word| if is_address(word) { "_" } else { word }).collect();
    if name == "proxy_set_shared_data" {
        sizes.splice(4.., ["_"]);
    }
    format!("{name}({})", sizes.join(", "))
}

/// The filter's own headers of an answer, and how long they are.
fn own(answer: &Answer) -> Vec<(&str, usize)> {
    let headers = answer.headers.iter().map(|(name, value)| (name.as_str(), value.len()));
    headers.filter(|(name, _)| name.starts_with("x-genops-")).collect()
}

#[tokio::test]
async fn the_floor_makes_the_real_filters_host_calls_to_the_same_effect_and_each_succeeds() {
    let config = serde_json::from_str(include_str!("../src/bin/bench/governed.json")).expect("JSON");
    let real = second_call(Filter::genops(config)).await;
    let floor =
        Filter::Genops { wasm: artifacts::floor_wasm(), config: json!({}), vm_id: "floor".to_owned() };
    let floor = second_call(floor).await;
    assert_eq!(floor.host_calls, real.host_calls, "the floor's on the left");
    assert!(floor.host_calls.len() > 10, "{:#?}", floor.host_calls);
    assert!(floor.host_calls.iter().all(|call| call.ends_with(" = 0")), "{:#?}", floor.host_calls);
    assert_eq!((floor.answer.status, real.answer.status), (200, 200));
    assert_eq!((own(&floor.answer), own(&floor.answer).len()), (own(&real.answer), 6));
    let sent = floor.received.headers.iter().filter(|(name, _)| name.starts_with("x-genops-"));
    assert_eq!(sent.count(), 0, "{:?}", floor.received.headers);
}
