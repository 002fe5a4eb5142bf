//! Exchanges with providers, read by `genops read`, that is, by the filter's own readers, whole and in random chunks.
//!
//! `tests/fixtures` holds one of each shape that the providers document. Recorded traffic is read too where it lies beside
//! this repository: the recordings are no part of this repository; without them the test says so and passes. What is known to differ is
//! listed in `tests/corpus_differences.txt`, with its reason, and the list must match exactly.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

const USAGE: [&str; 6] = [
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "total_tokens",
];
const REQUEST: [&str; 6] = ["provider", "operation", "model", "stream", "max_output_tokens", "n"];

fn corpus() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/dev");
    let folder = std::env::var_os("GENOPS_CORPUS").map_or(beside, PathBuf::from);
    folder.is_dir().then_some(folder)
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().filter(|l| !l.trim().is_empty()).map(|l| serde_json::from_str(l).unwrap()).collect()
}

fn read(path: &Path, seed: Option<u64>) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_genops"));
    command.arg("read").arg(path);
    if let Some(seed) = seed {
        command.arg("--chunks").arg(seed.to_string());
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What differs between a recording's expectation and the reading.
fn differences(line: &Value, seen: &Value) -> Vec<String> {
    let mut differences = Vec::new();
    let mut compare = |what: &str, expected: &Value, seen: &Value| {
        if expected != seen {
            differences.push(format!("{what} {expected} read as {seen}"));
        }
    };
    let (expected, request) = (&line["expected"], &line["expected_request"]);
    for field in REQUEST {
        compare(field, &request[field], &seen["request"][field]);
    }
    for field in USAGE {
        compare(field, &expected[field], &seen["usage"][field]);
    }
    compare("model of the answer", &expected["model"], &seen["model"]);
    compare("billable", &expected["billable"], &seen["billable"]);
    compare("error", &Value::Bool(!expected["error"].is_null()), &Value::Bool(!seen["error"].is_null()));
    differences
}

/// Reads a file whole and in chunks, asserts that the chunks do not matter, and returns the lines beside their readings.
fn readings(file: &Path) -> Vec<(Value, Value)> {
    let whole = read(file, None);
    for seed in [7, 20_260_101] {
        for (whole, cut) in whole.iter().zip(read(file, Some(seed))) {
            assert_eq!(*whole, cut, "{} depends on its chunks (seed {seed})", whole["id"]);
        }
    }
    lines(file).into_iter().zip(whole).collect()
}

fn recordings(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|file| file.extension().is_some_and(|e| e == "jsonl")).collect();
    files.sort();
    files
}

#[test]
fn every_documented_shape_is_read_as_documented_whole_and_in_chunks() {
    let files = recordings(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures"));
    assert!(files.len() >= 8, "{files:?}");
    let mut wrong = Vec::new();
    for (line, seen) in files.iter().flat_map(|file| readings(file)) {
        let mut differences = differences(&line, &seen);
        let complete = Value::Bool(seen["incomplete"].is_null());
        if line["expected"]["complete"] != complete {
            differences.push(format!("incomplete {}", seen["incomplete"]));
        }
        for field in ["type", "code"] {
            let stated = &line["expected"]["error"][field];
            if !stated.is_null() && *stated != seen["error"][field] {
                differences.push(format!("error {field} {stated} read as {}", seen["error"][field]));
            }
        }
        if !differences.is_empty() {
            wrong.push(format!("{}: {}", line["id"], differences.join("; ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_unambiguous_recording_is_read_as_expected_whole_and_in_chunks() {
    let Some(folder) = corpus() else {
        println!("skipped: no recordings beside this repository");
        return;
    };
    let listed = include_str!("corpus_differences.txt");
    let listed: BTreeMap<&str, &str> = listed
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once(' ').unwrap())
        .collect();
    let mut found = BTreeMap::new();
    let (mut total, mut compared) = (0, 0);
    for (line, seen) in recordings(&folder).iter().flat_map(|file| readings(file)) {
        total += 1;
        if line["expected"]["ambiguous"].as_array().is_none_or(Vec::is_empty) {
            compared += 1;
            let differences = differences(&line, &seen);
            if !differences.is_empty() {
                found.insert(line["id"].as_str().unwrap().to_owned(), differences.join("; "));
            }
        }
    }
    let unlisted: Vec<_> = found.iter().filter(|(id, _)| !listed.contains_key(id.as_str())).collect();
    let stale: Vec<_> = listed.keys().filter(|id| !found.contains_key(**id)).collect();
    println!("{total} recordings, {compared} unambiguous, {} differ", found.len());
    for (id, difference) in &unlisted {
        println!("{id}: {difference}");
    }
    assert!(unlisted.is_empty(), "{} recordings are read otherwise than expected", unlisted.len());
    assert!(stale.is_empty(), "listed, but read as expected: {stale:?}");
}
