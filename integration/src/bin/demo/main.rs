//! The product in one minute: the official OpenAI SDK, unchanged, through a governed Envoy.
//!
//! `demo` makes a handful of calls, prints what was decided about each, and shows one exported span.
//! `demo --keep` stays up afterwards, prints `curl` lines to try, and follows what arrives until Ctrl-C.
//! Needs `GENOPS_ENVOY`, `GENOPS_WASM` and `GENOPS_PYTHON`. Everything is on loopback and ends with it.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a program for a person to watch: a panic with an explanation is its report"
)]

mod application;
mod follow;
mod row;
mod show;
mod stage;

use row::Row;
use stage::Stage;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    let keep = std::env::args().skip(1).any(|argument| argument == "--keep");
    let stage = Stage::set().await;
    println!("{}", stage.introduction());
    let calls = application::run(&stage.base_url()).await;
    let admitted = calls.iter().filter(|call| call.status == 200).count();
    let settled = stage.wait_settled(calls.len(), admitted).await;
    let spans = stage.otlp.spans();
    let rows: Vec<Row> = calls.iter().map(|call| Row::of(call, &spans)).collect();
    println!("{}", show::table(&rows));
    println!("{}", show::outcomes(&calls));
    println!("{}", show::telemetry(&spans, &stage.otlp.logs()));
    if keep {
        follow::until_interrupted(&stage).await;
    }
    report(&rows, settled)
}

/// A demonstration that demonstrates nothing must not look like a success.
fn report(rows: &[Row], settled: bool) -> std::process::ExitCode {
    let decided = rows.iter().all(Row::is_decided);
    let refused = rows.last().is_some_and(Row::is_refused);
    if decided && refused && settled {
        return std::process::ExitCode::SUCCESS;
    }
    eprintln!(
        "not as it should be: decided={decided}, last call refused={refused}, telemetry came={settled}"
    );
    std::process::ExitCode::FAILURE
}
