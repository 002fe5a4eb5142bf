//! What governing costs: Envoy's own processor time per request, with and without the filter.
//!
//! Variants of Envoy (bare, no-op filter, the host calls of genops alone, genops, genops with all that counts) live
//! side by side, each with one worker on processor 0, before the same static upstream. Workloads run in interleaved rounds; what
//! counts is the median of the ratios within each round, which a busy machine moves far less than it moves
//! any single time.
//!
//! `bench [--rounds N] [--scale PERCENT] [--variants bare,noop,floor,genops,full] [--only WORKLOAD] [--record FILE]`
//! prints Markdown; `--record` also writes the figures as JSON. What the ledger takes inside Envoy comes first; it alone
//! with `--only ledger`. Needs `GENOPS_ENVOY`, `GENOPS_NOOP_WASM`, `GENOPS_FLOOR_WASM`, `GENOPS_WASM` and
//! `GENOPS_LEDGER_BENCH_WASM`, as far as what is chosen does.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "a measuring program: a panic with an explanation is its report, and it owns real clocks"
)]

mod arguments;
mod head;
mod ledger;
mod load;
mod pinning;
mod report;
mod sample;
mod upstream;
mod variants;
mod workloads;

use arguments::Arguments;
use report::Block;
use serde_json::json;
use variants::{Fleet, Telemetry, Variant};
use workloads::Workload;

fn main() {
    let arguments = Arguments::from_env();
    // Before any thread exists, so that all of them inherit it.
    let pinned = pinning::keep_off_envoys_processor();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let ledger = if "ledger".contains(&arguments.only) {
        runtime.block_on(ledger::measure(arguments.scale))
    } else {
        Vec::new()
    };
    if !ledger.is_empty() {
        println!("{}", ledger::markdown(&ledger));
    }
    let blocks = runtime.block_on(measure(&arguments));
    println!("{}", report::markdown(&blocks, arguments.rounds, pinned));
    if let Some(path) = &arguments.record {
        let blocks: Vec<_> = blocks.iter().map(Block::record).collect();
        let ledger: Vec<_> = ledger.iter().map(ledger::Row::record).collect();
        let record =
            json!({"rounds": arguments.rounds, "pinned": pinned, "ledger": ledger, "blocks": blocks});
        let text = serde_json::to_string_pretty(&record).expect("JSON has a text");
        std::fs::write(path, text + "\n").expect("the record can be written");
    }
}

async fn measure(arguments: &Arguments) -> Vec<Block> {
    let chosen = || workloads::all().into_iter().filter(|workload| workload.name.contains(&arguments.only));
    let plain: Vec<_> = chosen().collect();
    let traced: Vec<_> = chosen().filter(|workload| workload.is_traced_too).collect();
    let mut blocks = Vec::new();
    for (title, telemetry, workloads) in
        [("no telemetry", Telemetry::Off, plain), ("tracing on, OTLP events on", Telemetry::On, traced)]
    {
        if !workloads.is_empty() {
            blocks.push(block(title, telemetry, workloads, arguments).await);
        }
    }
    blocks
}

async fn block(
    title: &'static str,
    telemetry: Telemetry,
    workloads: Vec<Workload>,
    arguments: &Arguments,
) -> Block {
    let upstream = upstream::start();
    let variants = arguments.variants.iter().copied();
    let variants: Vec<Variant> = variants.filter(|variant| variant.is_for(telemetry)).collect();
    let fleet = Fleet::start(&variants, telemetry, upstream).await;
    let mut samples = Vec::new();
    // Round 0 warms everything up and is not counted.
    for round in 0..=arguments.rounds {
        for workload in &workloads {
            eprintln!("{title}: round {round} of {}, {}", arguments.rounds, workload.name);
            let percent = if round == 0 { arguments.scale.min(10) } else { arguments.scale };
            let taken = sample::round(&fleet, workload, percent, round).await;
            if round > 0 {
                samples.extend(taken);
            }
        }
    }
    let workloads = workloads.iter().map(|workload| workload.name).collect();
    Block { title, workloads, variants, memory: fleet.memory(), samples }
}
