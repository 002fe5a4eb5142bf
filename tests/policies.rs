//! The policy corpus: each file of `tests/policies` is a configuration, calls, and what `genops explain` tells of them.
//!
//! `UPDATE_GOLDEN=1 cargo test --test policies` writes the outcomes anew: read the diff.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod command;

use std::fmt::Write as _;
use std::path::Path;

/// Runs `genops explain CONFIG -` on requests; what it tells, cut where each request begins.
fn explain(config: &Path, requests: &[String]) -> Vec<String> {
    let input = format!("[{}]", requests.join(","));
    let ran = command::run(command::genops().arg("explain").arg(config), input.as_bytes());
    // Explained, or refused with its problems; that something cannot be read is neither.
    assert!(ran.code < 2 && ran.errors.is_empty(), "{ran:?}");
    let told = ran.output.replace(&format!("{}: ", config.display()), "");
    told.split("\n\n").map(str::to_owned).collect()
}

/// The file with every outcome as it is.
fn play(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let config = std::env::temp_dir().join(format!("genops-policies-{}-{name}", std::process::id()));
    let mut played = String::new();
    for group in steps(&text).chunk_by(|_, next| !next.command.starts_with("config")) {
        let (head, requests) = group.split_first().unwrap();
        std::fs::write(&config, &head.json).unwrap();
        let described: Vec<String> = requests.iter().map(|step| with_defaults(&step.json)).collect();
        let mut told = explain(&config, &described).into_iter();
        played += &head.text;
        if requests.is_empty() {
            tell(&mut played, &told.next().unwrap());
        }
        for request in requests {
            played += &request.text;
            let told = told.next().unwrap();
            tell(&mut played, told.split_once('\n').unwrap().1);
        }
    }
    let _ = std::fs::remove_file(&config);
    played
}

fn tell(played: &mut String, told: &str) {
    for line in told.trim_end().lines() {
        writeln!(played, "  | {}", line.strip_prefix("  ").unwrap_or(line)).unwrap();
    }
}

/// A command with what it takes.
struct Step {
    command: String,
    json: String,
    /// As it is written, comments before it included.
    text: String,
}

/// Commands stand at the margin, what they take behind four blanks, what came of it behind two and a bar.
fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut before = String::new();
    for line in text.lines().filter(|line| !line.starts_with("  |")) {
        let is_command = line.starts_with("config") || line.starts_with("request");
        if is_command {
            let text = std::mem::take(&mut before) + line + "\n";
            steps.push(Step { command: line.to_owned(), json: String::new(), text });
        } else if let Some(taken) = line.strip_prefix("    ") {
            let step = steps.last_mut().expect("a command first");
            step.json += taken;
            step.text += &format!("{line}\n");
        } else {
            before += &format!("{line}\n");
        }
    }
    steps
}

/// A request of team `search` on a Monday at noon, unless it says otherwise.
fn with_defaults(json: &str) -> String {
    let mut request: serde_json::Value =
        serde_json::from_str(json).unwrap_or_else(|error| panic!("{error} in {json}"));
    let object = request.as_object_mut().unwrap();
    object.entry("at").or_insert("2026-02-16T12:00:00Z".into());
    let headers = object.entry("headers").or_insert(serde_json::json!({})).as_object_mut().unwrap();
    for (name, value) in [("team", "search"), ("project", "chatbot"), ("environment", "production")] {
        headers.entry(format!("x-genops-{name}")).or_insert(value.into());
    }
    request.to_string()
}

#[test]
fn every_policy_says_what_its_corpus_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/policies");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "txt"));
    files.sort();
    assert!(files.len() >= 8, "the corpus is not there: {files:?}");
    let mut changed = Vec::new();
    for path in files {
        let (written, played) = (std::fs::read_to_string(&path).unwrap(), play(&path));
        if written != played {
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                std::fs::write(&path, played).unwrap();
            } else {
                changed.push(format!("{}:\n{played}", path.display()));
            }
        }
    }
    assert!(changed.is_empty(), "UPDATE_GOLDEN=1 takes these over:\n{}", changed.join("\n"));
}
