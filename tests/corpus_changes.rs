//! What changes nothing about an exchange changes nothing about its reading: other spellings of headers and JSON, other
//! framings of the same events, fields that nobody knows, detours in the path.
//!
//! Runs over `tests/fixtures`, and over recorded traffic where it lies beside this repository.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Changes an exchange in place; says whether there was anything to change.
type Change = fn(&mut Value) -> bool;

const CHANGES: &[(&str, Change)] = &[
    ("header names in capitals", capital_headers),
    ("no content types", without_content_types),
    ("an explicit port, a doubled slash and a query", detour),
    ("a prefix before the path", prefix),
    ("requests with their keys reversed, indented and with unknown ones", |line| respelt(line, "request")),
    ("answers with their keys reversed, indented and with unknown ones", |line| respelt(line, "response")),
    ("a byte order mark", |line| change_answer(line, |body| Some(format!("\u{feff}{body}")))),
    // After an answer that breaks off they end what had not ended.
    ("blank lines around the answer", |line| {
        line["expected"]["complete"] == true && change_answer(line, |body| Some(format!("\n \n{body}\n\n")))
    }),
    ("events with CRLF", |line| change_events(line, |body| body.replace('\n', "\r\n"))),
    ("events with CR", |line| change_events(line, |body| body.replace('\n', "\r"))),
    ("events without the space", |line| change_events(line, |body| body.replace("\ndata: ", "\ndata:"))),
    ("events with comments between", |line| {
        change_events(line, |body| {
            format!(": begin\n\n{}", body.replace("\n\n", "\n\n: still here\n\n:\n\n"))
        })
    }),
    ("events with ids", |line| {
        change_events(line, |body| body.replace("\n\ndata:", "\n\nid: 7\nretry: 1\ndata:"))
    }),
    ("events over several lines, with unknown fields", |line| change_events(line, respell_events)),
];

#[test]
fn what_changes_nothing_of_a_fixture_changes_nothing_of_its_reading() {
    same_after_every_change("fixtures", &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures"));
}

#[test]
fn what_changes_nothing_of_a_recording_changes_nothing_of_its_reading() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/dev");
    let folder = std::env::var_os("GENOPS_CORPUS").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        same_after_every_change("recordings", &folder);
    } else {
        println!("skipped: no recordings beside this repository");
    }
}

fn same_after_every_change(name: &str, folder: &Path) {
    let lines = lines(folder);
    let plain = read(&format!("{name}-plain"), &lines);
    let mut wrong = Vec::new();
    for (number, (change, apply)) in CHANGES.iter().enumerate() {
        let mut changed = Vec::new();
        let mut expected = Vec::new();
        for (line, reading) in lines.iter().zip(&plain) {
            let mut line = line.clone();
            if apply(&mut line) {
                changed.push(line);
                expected.push(reading);
            }
        }
        assert!(changed.len() > 10, "{change} applies to {} of {name}", changed.len());
        for (seen, expected) in read(&format!("{name}-{number}"), &changed).iter().zip(expected) {
            if seen != expected {
                wrong.push(format!("{change}: {expected}\n  became {seen}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} readings changed\n{}", wrong.len(), wrong.join("\n"));
}

/// No line is longer: what makes one long (vectors, images) is not what makes it different.
const LONGEST: usize = 40_000;

fn lines(folder: &Path) -> Vec<Value> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|file| file.extension().is_some_and(|e| e == "jsonl")).collect();
    files.sort();
    let texts = files.iter().map(|file| std::fs::read_to_string(file).unwrap());
    let parse = |line: &str| serde_json::from_str(line).unwrap();
    texts
        .flat_map(|text| text.lines().filter(|line| line.len() < LONGEST).map(parse).collect::<Vec<_>>())
        .collect()
}

fn read(name: &str, lines: &[Value]) -> Vec<Value> {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("changes-{name}.jsonl"));
    let text: Vec<String> = lines.iter().map(Value::to_string).collect();
    std::fs::write(&file, text.join("\n")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_genops")).arg("read").arg(&file).output().unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn headers<'l>(line: &'l mut Value, message: &str) -> Option<&'l mut Map<String, Value>> {
    line.get_mut(message)?.get_mut("headers")?.as_object_mut()
}

fn capital_headers(line: &mut Value) -> bool {
    for message in ["request", "response"] {
        if let Some(headers) = headers(line, message) {
            let capital = headers.iter().map(|(name, value)| (name.to_ascii_uppercase(), value.clone()));
            *headers = capital.collect();
        }
    }
    true
}

/// Binary answers and forms cannot do without.
fn without_content_types(line: &mut Value) -> bool {
    let mut is_any = false;
    for message in ["request", "response"] {
        let Some(headers) = headers(line, message) else { continue };
        let before = headers.len();
        headers.retain(|name, value| {
            let text = value.as_str().unwrap_or_default();
            let is_needed =
                ["multipart/", "audio/", "image/", "video/"].iter().any(|kind| text.starts_with(kind));
            is_needed || !matches!(name.to_ascii_lowercase().as_str(), "content-type" | "accept")
        });
        is_any |= headers.len() < before;
    }
    is_any
}

fn change_url(line: &mut Value, change: impl Fn(&str, &str, &str) -> String) -> bool {
    let url = line["request"]["url"].as_str().unwrap();
    let (scheme, rest) = url.split_once("://").unwrap();
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    line["request"]["url"] = Value::String(change(scheme, authority, path));
    true
}

fn detour(line: &mut Value) -> bool {
    change_url(line, |scheme, authority, path| {
        let authority =
            if authority.contains(':') { authority.to_owned() } else { format!("{authority}:443") };
        let end = path.find(['?', '#']).unwrap_or(path.len());
        let (path, query) = path.split_at(end);
        let query = query.strip_prefix('?').map_or(String::new(), |query| format!("{query}&"));
        format!("{scheme}://{authority}/{path}?{query}unknown=%2Fv1%2Fmodels")
    })
}

/// Where the host is known; on other hosts a name in the path counts, and the root is a path of its own.
fn prefix(line: &mut Value) -> bool {
    let is_certain = line["expected_request"]["provider"] != "unknown"
        && !matches!(line["expected_request"]["provider"].as_str(), Some("huggingface" | "tgi"));
    is_certain && change_url(line, |scheme, authority, path| format!("{scheme}://{authority}/gw/v1{path}"))
}

fn change_answer(line: &mut Value, change: impl Fn(&str) -> Option<String>) -> bool {
    let Some(body) = line["response"]["body"].as_str().filter(|body| !body.trim().is_empty()) else {
        return false;
    };
    let Some(changed) = change(body) else { return false };
    line["response"]["body"] = Value::String(changed);
    true
}

/// Events with LF between them, whatever stood there.
fn change_events(line: &mut Value, change: impl Fn(&str) -> String) -> bool {
    change_answer(line, |body| {
        let lines = body.replace("\r\n", "\n").replace('\r', "\n");
        let is_stream = ["data:", "event:", "id:", ":", "retry:"]
            .iter()
            .any(|start| body.trim_start().starts_with(start));
        is_stream.then(|| change(&lines))
    })
}

/// Every event's JSON respelt, on lines of their own.
fn respell_events(body: &str) -> String {
    let respelt = body.lines().map(|line| {
        let Some(data) = line.strip_prefix("data:") else { return line.to_owned() };
        match serde_json::from_str::<Value>(data) {
            Ok(mut document @ Value::Object(_)) => {
                add_unknown(&mut document);
                let text = serde_json::to_string_pretty(&document).unwrap();
                text.lines().map(|line| format!("data: {line}")).collect::<Vec<_>>().join("\n")
            }
            _ => line.to_owned(),
        }
    });
    respelt.collect::<Vec<_>>().join("\n") + "\n"
}

fn add_unknown(document: &mut Value) {
    if let Some(fields) = document.as_object_mut() {
        fields.insert(
            "aa_unknown".to_owned(),
            json!({"usage": {"total_tokens": 7}, "model": "x", "n": [1, {"stream": true}]}),
        );
        fields.insert("zz_unknown".to_owned(), json!(["model", null, -1.5e3, "stream"]));
    }
}

/// One JSON document, indented, its keys in the opposite order, with fields that no API has.
fn respelt(line: &mut Value, message: &str) -> bool {
    let Some(body) = line[message]["body"].as_str() else { return false };
    let Ok(mut document) = serde_json::from_str::<Value>(body) else { return false };
    if !document.is_object() {
        return false;
    }
    add_unknown(&mut document);
    line[message]["body"] = Value::String(reversed(&document, 0));
    true
}

fn reversed(value: &Value, depth: usize) -> String {
    let indent = "\t".repeat(depth);
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().rev().map(|(key, value)| {
                format!("{indent}\t{} : {}", Value::from(key.as_str()), reversed(value, depth + 1))
            });
            format!("{{\r\n{}\r\n{indent}}}", fields.collect::<Vec<_>>().join(" ,\r\n"))
        }
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(|value| reversed(value, depth + 1)).collect();
            format!("[ {} ]", values.join(" , "))
        }
        other => other.to_string(),
    }
}
