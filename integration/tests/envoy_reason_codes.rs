//! Every reason code with every result it can come with, from real traffic: the official SDK raises its own error or
//! gets its answer, and the decision is told with the code.
//!
//! Which rows there must be, `docs/reason-codes.md` says. Needs `GENOPS_ENVOY`, `GENOPS_WASM` and `GENOPS_PYTHON`.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and grants are of now"
)]

mod reason_codes;
#[allow(dead_code, reason = "each suite uses a part of it")]
mod support;

use lab::RawConnection;
use reason_codes::documented;
use reason_codes::sdk::Sdk;
use reason_codes::{Caller, Group, Row, own, shared};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use support::calls::{PATH, chat_streamed};
use support::config::{prices, tokens};
use support::telemetry::EVALUATED;
use support::{Setup, Stage};

#[test]
fn every_code_and_result_that_is_documented_has_its_row_and_every_row_is_documented() {
    let documented = documented::outcomes();
    let expected: BTreeSet<(String, String)> = documented.keys().cloned().collect();
    let rows = shared().into_iter().chain(own()).flat_map(|group| group.rows);
    let proven: BTreeSet<(String, String)> =
        rows.map(|row| (row.code.to_owned(), row.result.to_owned())).collect();
    assert_eq!(proven, expected, "rows on the left");
    let named: BTreeSet<String> = expected.into_iter().map(|(code, _)| code).collect();
    assert_eq!(named, documented::codes(), "documented on the left, what the filter can write on the right");
    for ((code, result), status) in &documented {
        assert_eq!(status.is_none(), result == "WARNING", "{code}: {result} {status:?}");
    }
}

/// The error that the SDK raises for a status.
fn raises(status: u16) -> &'static str {
    match status {
        400 => "BadRequestError",
        403 => "PermissionDeniedError",
        429 => "RateLimitError",
        503 => "InternalServerError",
        other => panic!("no row has status {other}"),
    }
}

async fn start(config: &Value) -> Stage {
    let mut whole = tokens();
    whole["budgets"] = json!([]);
    whole["prices"] = prices();
    whole.as_object_mut().expect("an object").extend(config.as_object().expect("an object").clone());
    let edit = |bootstrap: &mut Value| {
        let manager = &mut bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0];
        manager["typed_config"]["upgrade_configs"] = json!([{"upgrade_type": "websocket"}]);
    };
    Setup::new(whole).await.start_edited(edit).await
}

/// What the caller of a row experiences: `result`, `code`, `awu`, and `status` and `error` or `text`.
async fn experienced(stage: &Stage, sdk: &mut Sdk, row: &Row) -> Value {
    match &row.caller {
        Caller::Sdk(line) => {
            let mut line = line.clone();
            line["base_url"] = json!(format!("http://{}/v1", stage.addr));
            line["headers"]["x-genops-project"] = json!(row.project());
            sdk.call(&line).await
        }
        Caller::Socket { why, request } => {
            let mut connection = RawConnection::open(stage.addr).await;
            connection.write(request).await;
            let head = connection.read_until("\r\n\r\n").await;
            let header = |name: &str| {
                head.lines().find_map(|line| Some(json!(line.strip_prefix(name)?.strip_prefix(": ")?)))
            };
            let status: u16 = head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
            json!({
                "why": why, "status": status, "error": raises(status), "awu": header("x-genops-awu-id"),
                "result": header("x-genops-policy-result"), "code": header("x-genops-reason-code"),
            })
        }
    }
}

/// The decision of the row is told by the event of its AWU, or by the counter where there is none.
async fn told(stage: &Stage, row: &Row, awu: &Value) {
    let Row { code, result, .. } = row;
    if row.has_awu {
        let awu = awu.as_str().unwrap_or_else(|| panic!("{code}: no AWU is named"));
        let event = stage.event_of(awu, EVALUATED).await;
        assert_eq!(event.attributes["genops.policy.result"], *result, "{code}");
        assert_eq!(event.attributes["genops.policy.reason_code"], *code);
    } else {
        let series = format!(r#"genops_policy_evaluations_total{{result="{result}",reason_code="{code}"}}"#);
        stage.counts(&series, 1.0).await;
    }
}

async fn prove(stage: &Stage, sdk: &mut Sdk, row: &Row) {
    let Row { code, result, before, .. } = row;
    let project = row.project();
    for (name, value) in before {
        let headers = [("x-genops-team", "search"), ("x-genops-project", &*project), (name, value)];
        stage.http1().post(PATH, &headers, &chat_streamed(16)).await;
    }
    let gone = stage.simulator.received().len();
    let seen = experienced(stage, sdk, row).await;
    assert_eq!((&seen["result"], &seen["code"]), (&json!(result), &json!(code)), "{code} {result}: {seen}");
    let status = documented::outcomes()[&((*code).to_owned(), (*result).to_owned())];
    let gone = stage.simulator.received().len() - gone;
    if let Some(status) = status {
        assert_eq!(
            (&seen["status"], &seen["error"]),
            (&json!(status), &json!(raises(status))),
            "{code}: {seen}"
        );
        assert_eq!(gone, 0, "{code}: nothing went upstream");
    } else {
        assert_eq!((&seen["text"], gone), (&json!("word ".repeat(16)), 1), "{code}: {seen}");
    }
    told(stage, row, &seen["awu"]).await;
}

async fn prove_all(groups: impl IntoIterator<Item = Group>) {
    let mut sdk = Sdk::start();
    for Group { config, rows } in groups {
        let stage = start(&config).await;
        for row in &rows {
            prove(&stage, &mut sdk, row).await;
        }
    }
}

#[tokio::test]
async fn policies_gates_and_limits_give_their_codes_and_the_official_sdk_raises_or_answers() {
    prove_all(shared()).await;
}

#[tokio::test]
async fn settings_that_refuse_give_their_codes_and_the_official_sdk_raises_its_own_error() {
    let refuses = |group: &Group| group.rows.iter().all(|row| row.result != "WARNING");
    prove_all(own().into_iter().filter(refuses)).await;
}

#[tokio::test]
async fn settings_that_warn_give_their_codes_and_the_official_sdk_gets_its_answer() {
    let warns = |group: &Group| group.rows.iter().any(|row| row.result == "WARNING");
    prove_all(own().into_iter().filter(warns)).await;
}
