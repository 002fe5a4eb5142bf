//! The import law: `src/lib.rs` declares the layers, every `use` obeys them.

use std::collections::BTreeMap;

use crate::tree::{Text, files, read};

/// The layer of each top-level module, as the comments in `src/lib.rs` say. `testing` is beside them.
fn layers() -> BTreeMap<String, u32> {
    let mut layers = BTreeMap::new();
    let mut current = None;
    for line in read("src/lib.rs").lines() {
        if let Some(rest) = line.strip_prefix("// Layer ") {
            current = rest.split(':').next().and_then(|number| number.parse().ok());
        }
        let module = line.strip_prefix("pub mod ").or_else(|| line.strip_prefix("mod "));
        if let Some(module) = module.and_then(|rest| rest.strip_suffix(';'))
            && module != "testing"
        {
            layers.insert(module.to_owned(), current.expect("a module before the first layer"));
        }
    }
    assert!(
        layers.len() > 15 && layers.values().max() == Some(&5),
        "src/lib.rs declares no layers: {layers:?}"
    );
    layers
}

/// The code of a file: no comments, and nothing from its tests on.
pub(crate) fn code(file: &Text) -> String {
    let before_tests = file.text.split("\n#[cfg(test)]\nmod ").next().unwrap();
    let lines = before_tests.lines().map(|line| line.split("//").next().unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

/// `src/a/b.rs` → `["a", "b"]`, `src/a/mod.rs` → `["a"]`.
pub(crate) fn module_path(path: &str) -> Vec<&str> {
    let path = path.strip_prefix("src/").unwrap().strip_suffix(".rs").unwrap();
    path.strip_suffix("/mod").unwrap_or(path).split('/').collect()
}

/// The top-level modules that a file reaches: by `crate::`, or by as many `super::` as lead to the root.
fn reached(file: &Text) -> Vec<String> {
    let code = code(file);
    let to_root = "super::".repeat(module_path(&file.path).len());
    let mut modules = Vec::new();
    for prefix in ["crate::", to_root.as_str()] {
        for (at, _) in code.match_indices(prefix) {
            // The longest run of `super::` counts, and `super::` of a deeper path leads elsewhere.
            if prefix != "crate::"
                && (code[..at].ends_with("super::") || code[at + prefix.len()..].starts_with("super::"))
            {
                continue;
            }
            let rest = &code[at + prefix.len()..];
            if let Some(group) = rest.strip_prefix('{') {
                modules.extend(first_names(group));
            } else {
                modules.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
            }
        }
    }
    modules
}

/// The first name of each element of `a::{…}, b, c::d}`.
fn first_names(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut names = vec![String::new()];
    let mut in_name = true;
    for letter in group.chars() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(String::new());
                in_name = true;
            }
            ':' => in_name = false,
            letter if in_name && depth == 0 && !letter.is_whitespace() => {
                names.last_mut().unwrap().push(letter)
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

#[test]
fn each_module_imports_only_from_its_own_layer_and_those_above_and_siblings_of_layer_2_never_meet() {
    let layers = layers();
    let mut broken = Vec::new();
    for file in files("src", &[".rs"]) {
        let own = module_path(&file.path)[0].to_owned();
        let Some(own_layer) = layers.get(&own) else { continue };
        for other in reached(&file).into_iter().filter(|other| *other != own) {
            let Some(layer) = layers.get(&other) else { continue };
            let sibling_of_2 = *own_layer == 2 && *layer == 2;
            if layer > own_layer || sibling_of_2 {
                broken.push(format!("{} (layer {own_layer}) imports {other} (layer {layer})", file.path));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_table_of_layers_in_the_architecture_is_that_of_the_code() {
    let text = read("ARCHITECTURE.md");
    let section =
        text.split("\n## Layers\n").nth(1).expect("a section \"Layers\"").split("\n## ").next().unwrap();
    let mut shown = BTreeMap::new();
    for row in section.lines() {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let Some(layer) = cells.get(1).and_then(|cell| cell.parse::<u32>().ok()) else { continue };
        for module in cells[2].split('`').skip(1).step_by(2) {
            shown.insert(module.to_owned(), layer);
        }
    }
    assert_eq!(shown, layers(), "ARCHITECTURE.md on the left");
}

#[test]
fn every_module_of_the_tree_has_a_layer() {
    let layers = layers();
    for file in files("src", &[".rs"]) {
        let module = module_path(&file.path)[0].to_owned();
        let known = layers.contains_key(&module) || ["lib", "bin", "testing"].contains(&module.as_str());
        assert!(known, "{}: src/lib.rs gives {module} no layer", file.path);
    }
}

#[test]
fn the_host_is_named_in_src_abi_alone_and_unsafe_code_in_one_file() {
    for file in files("src", &[".rs"]) {
        let code = code(&file);
        let in_abi = file.path.starts_with("src/abi/");
        assert!(in_abi || !code.contains("proxy_wasm"), "{} names the host", file.path);
        let is_edge = in_abi || file.path.starts_with("src/bin/");
        assert!(is_edge || !code.contains("getrandom"), "{} names a source of randomness", file.path);
        let is_raw = file.path == "src/abi/raw.rs";
        let is_unsafe = code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe");
        assert_eq!(is_unsafe, is_raw, "{}: unsafe code belongs in src/abi/raw.rs", file.path);
    }
}

#[test]
fn grouped_and_nested_imports_are_seen() {
    let text = "use crate::{amount::{Amount, Unit}, budget, ledger::Claim};\nuse super::super::cost;\n// crate::abi\n";
    let file = Text { path: "src/provider/json.rs".to_owned(), text: text.to_owned() };
    assert_eq!(reached(&file), ["amount", "budget", "ledger", "cost"]);
}
