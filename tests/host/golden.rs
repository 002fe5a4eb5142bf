//! Every journey of a folder, played on a stage and compared with what it says; `UPDATE_GOLDEN=1` writes it anew.

use std::fs;
use std::path::{Path, PathBuf};

use super::player;
use super::script::Script;
use super::stage::StartStage;

/// The journeys' files, sorted.
pub fn journeys() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journeys");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("tests/journeys")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no journeys");
    files
}

/// Plays every journey and fails with every difference. `may_update` says whether this stage writes golden files.
pub fn check_all(start: StartStage<'_>, may_update: bool) {
    let update = may_update && std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1");
    let mut differences = Vec::new();
    for file in journeys() {
        let text = fs::read_to_string(&file).expect("a readable journey");
        let script = Script::parse(&text);
        let outcomes = player::play(&script, start);
        if update {
            fs::write(&file, script.render(&outcomes)).expect("a writable journey");
            continue;
        }
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for (step, outcome) in script.steps().zip(&outcomes) {
            let outcome: Vec<&str> = outcome.iter().map(|line| line.trim_end()).collect();
            if step.expected != outcome {
                let (expected, outcome) = (step.expected.join("\n  | "), outcome.join("\n  | "));
                differences.push(format!(
                    "{name}:{} {}\n expected\n  | {expected}\n got\n  | {outcome}",
                    step.line, step.command
                ));
            }
        }
    }
    let count = differences.len();
    assert!(
        differences.is_empty(),
        "{count} difference(s); UPDATE_GOLDEN=1 cargo test --test journey_native accepts them:\n\n{}",
        differences.join("\n\n")
    );
}
