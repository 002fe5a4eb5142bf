//! The repository's own files, and rules on all of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What is built, fetched or generated.
const FOREIGN: [&str; 5] = [".git", "target", ".tools", "node_modules", "__pycache__"];

/// A text file of the repository: its path from the root, with `/`, and what it says.
#[derive(Clone)]
pub(crate) struct Text {
    pub(crate) path: String,
    pub(crate) text: String,
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The file at `path` from the root.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every text file below `folder` with one of `endings`, in order.
pub(crate) fn files(folder: &str, endings: &[&str]) -> Vec<Text> {
    let mut found = Vec::new();
    walk(&root().join(folder), &mut |path| {
        let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
        if endings.iter().any(|ending| name.ends_with(ending))
            && let Ok(text) = fs::read_to_string(path)
        {
            found.push(Text { path: name, text });
        }
    });
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// The names directly in the root that belong to the repository.
pub(crate) fn top_level_folders() -> BTreeSet<String> {
    let entries = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap());
    let folders = entries.filter(|entry| entry.file_type().unwrap().is_dir());
    let names = folders.map(|entry| entry.file_name().into_string().unwrap());
    names.filter(|name| !FOREIGN.contains(&name.as_str())).collect()
}

fn walk(folder: &Path, visit: &mut impl FnMut(&Path)) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_str().unwrap();
        if FOREIGN.contains(&name) || name == "corpus" || path.is_symlink() {
            continue;
        }
        if path.is_dir() { walk(&path, visit) } else { visit(&path) }
    }
}

/// Files over 500 lines, each with its reason.
const LARGE: [(&str, &str); 0] = [];

#[test]
fn no_file_of_code_is_longer_than_500_lines() {
    let mut too_long = Vec::new();
    for file in files("", &[".rs", ".py", "Makefile"]) {
        let lines = file.text.lines().count();
        if lines > 350 {
            println!("note: {} has {lines} lines", file.path);
        }
        if lines > 500 && !LARGE.iter().any(|(path, _)| *path == file.path) {
            too_long.push(format!("{}: {lines}", file.path));
        }
    }
    assert!(too_long.is_empty(), "split these, or say why not in tests/tidy/tree.rs: {too_long:#?}");
    for (path, _) in LARGE {
        assert!(read(path).lines().count() > 500, "{path} is short by now");
    }
}

#[test]
fn no_file_names_a_path_of_somebodys_machine() {
    // Split, so that this file does not name one either.
    let paths = [["/ho", "me/"], ["/ro", "ot/"], ["/Us", "ers/"], ["/wo", "rk/"], ["/tm", "p/wt"]]
        .map(|p| p.concat());
    let endings =
        [".rs", ".md", ".yaml", ".yml", ".json", ".toml", ".py", ".txt", "Makefile", "scripts/build-wasm"];
    for file in files("", &endings) {
        for path in &paths {
            assert!(!file.text.contains(path.as_str()), "{} names {path}", file.path);
        }
    }
}

#[test]
fn every_module_says_what_it_is_for() {
    for file in files("src", &[".rs"]) {
        assert!(file.text.starts_with("//! "), "{} starts without module documentation", file.path);
    }
}
