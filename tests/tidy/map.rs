//! ARCHITECTURE.md's code map and the tree, in both directions.

use std::collections::BTreeSet;

use crate::tree::{files, read, root, top_level_folders};

/// What a map has to show of `src`: each file at the top, each folder at any depth.
fn modules() -> BTreeSet<String> {
    let mut modules = BTreeSet::new();
    for file in files("src", &[".rs"]) {
        match file.path.rsplit_once('/') {
            Some(("src", _)) => _ = modules.insert(file.path.clone()),
            Some((folder, _)) => _ = modules.insert(format!("{folder}/")),
            None => {}
        }
    }
    modules
}

/// The paths that begin a line of the map: ``- `src/ledger/`: …``.
fn mapped() -> BTreeSet<String> {
    let text = read("ARCHITECTURE.md");
    let map = text.split("\n## Code map\n").nth(1).expect("a section \"Code map\"");
    let map = map.split("\n## ").next().unwrap();
    let entries = map.lines().filter_map(|line| line.trim_start().strip_prefix("- `")?.split_once("`:"));
    entries.map(|(path, _)| path.to_owned()).collect()
}

#[test]
fn the_code_map_shows_every_module_and_nothing_else() {
    let mapped = mapped();
    let missing: Vec<_> = modules().difference(&mapped).cloned().collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md does not show {missing:#?}");
    for path in &mapped {
        assert!(root().join(path).exists(), "ARCHITECTURE.md shows {path}, which does not exist");
    }
}

#[test]
fn the_code_map_shows_every_folder_at_the_top() {
    let mapped = mapped();
    for folder in top_level_folders() {
        let shown = mapped.iter().any(|path| path.starts_with(&format!("{folder}/")));
        assert!(shown, "ARCHITECTURE.md does not show {folder}/");
    }
}
