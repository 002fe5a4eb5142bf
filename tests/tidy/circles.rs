//! The exchange can be read from the top down: no two of its files, and no two of its folders, import each other,
//! directly or around others.

use std::collections::{BTreeMap, BTreeSet};

use crate::layers::{code, module_path};
use crate::tree::{Text, files};

const FOLDER: &str = "src/exchange/";

/// Each file's imports among the folder's own: what it declares with `mod`, and what it names by path.
type Imports = BTreeMap<String, BTreeSet<String>>;

fn imports(files: &[Text]) -> Imports {
    let modules: BTreeMap<Vec<&str>, &str> =
        files.iter().map(|file| (module_path(&file.path), file.path.as_str())).collect();
    let mut imports = Imports::new();
    for file in files {
        let own = module_path(&file.path);
        let mut named: Vec<Vec<String>> = Vec::new();
        for word in ["mod", "super", "self", "crate"] {
            paths_from(&code(file), word, &own, &mut named);
        }
        // The file of the deepest module on the way: `super::a::B` is in `a`, and `super::B` in the file above.
        let deepest = |path: &Vec<String>| {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            (1..=path.len()).rev().find_map(|len| modules.get(&path[..len]).copied())
        };
        let mut others: BTreeSet<String> = named.iter().filter_map(deepest).map(str::to_owned).collect();
        others.remove(&file.path);
        imports.insert(file.path.clone(), others);
    }
    imports
}

/// The paths in `code` that begin with `word`, as they are from the crate's root for the module `own`.
fn paths_from(code: &str, word: &str, own: &[&str], paths: &mut Vec<Vec<String>>) {
    for (at, _) in code.match_indices(word) {
        let before = code[..at].chars().next_back().unwrap_or(' ');
        let rest = &code[at + word.len()..];
        if before.is_alphanumeric() || before == '_' || before == ':' {
            continue;
        }
        let own: Vec<String> = own.iter().map(|&name| name.to_owned()).collect();
        if word == "mod" {
            if let Some((name, _)) = rest.strip_prefix(' ').and_then(|rest| rest.split_once(';')) {
                paths.push([own, vec![name.trim().to_owned()]].concat());
            }
        } else if let Some(rest) = rest.strip_prefix("::") {
            let base = match word {
                "crate" => Vec::new(),
                "super" => own[..own.len() - 1].to_vec(),
                _ => own,
            };
            spread(base, &mut rest.chars().peekable(), paths);
        }
    }
}

/// Every path that `{a, b::{c, d}}`, or a single name, makes of `base`.
fn spread(
    base: Vec<String>,
    rest: &mut std::iter::Peekable<std::str::Chars<'_>>,
    paths: &mut Vec<Vec<String>>,
) {
    while rest.next_if(|c| c.is_whitespace()).is_some() {}
    if rest.next_if_eq(&'{').is_some() {
        while rest.peek().is_some_and(|&c| c != '}') {
            spread(base.clone(), rest, paths);
            while rest.next_if(|&c| c == ',' || c.is_whitespace()).is_some() {}
        }
        rest.next();
        return;
    }
    let mut name = String::new();
    while let Some(letter) = rest.next_if(|&c| c.is_alphanumeric() || c == '_') {
        name.push(letter);
    }
    let mut path = base;
    match name.as_str() {
        "super" => _ = path.pop(),
        "self" => {}
        // A glob or a macro's `$`: what is around it counts.
        "" => _ = rest.next(),
        _ => path.push(name),
    }
    let mut ahead = rest.clone();
    if ahead.next() == Some(':') && ahead.next() == Some(':') {
        *rest = ahead;
        return spread(path, rest, paths);
    }
    // `as` and the like end with the element.
    while rest.next_if(|&c| c == ' ' || c.is_alphanumeric() || c == '_').is_some() {}
    paths.push(path);
}

/// What is left when every file is taken away that imports nothing that is left, or that nothing left imports.
fn circle(mut imports: Imports) -> Imports {
    loop {
        let before = imports.len();
        let imported: BTreeSet<String> = imports.values().flatten().cloned().collect();
        imports.retain(|file, others| !others.is_empty() && imported.contains(file));
        let left: BTreeSet<String> = imports.keys().cloned().collect();
        imports.values_mut().for_each(|others| others.retain(|other| left.contains(other)));
        if imports.len() == before {
            return imports;
        }
    }
}

/// The same with all files of a folder as one.
fn of_rooms(imports: &Imports) -> Imports {
    let room = |path: &String| path[FOLDER.len()..].split('/').next().unwrap().to_owned();
    let mut rooms = Imports::new();
    for (file, others) in imports {
        let own = room(file);
        let others: Vec<String> = others.iter().map(room).filter(|other| *other != own).collect();
        rooms.entry(own).or_default().extend(others);
    }
    rooms
}

#[test]
fn nothing_in_the_exchange_imports_each_other_in_a_circle() {
    let imports = imports(&files(FOLDER, &[".rs"]));
    let arrows: usize = imports.values().map(BTreeSet::len).sum();
    assert!(imports.len() > 20 && arrows > 60, "the imports were not read: {imports:#?}");
    for circle in [circle(of_rooms(&imports)), circle(imports)] {
        assert!(circle.is_empty(), "move what they share into a file of its own: {circle:#?}");
    }
}

#[test]
fn circles_are_seen_whatever_the_import_looks_like() {
    let text = |path: &str, text: &str| Text { path: format!("src/exchange/{path}"), text: text.to_owned() };
    let of = |texts: &[Text]| circle(imports(texts)).into_keys().collect::<Vec<_>>();
    let rooms_of = |texts: &[Text]| circle(of_rooms(&imports(texts))).into_keys().collect::<Vec<_>>();
    let root = text("mod.rs", "mod a;\nmod b;\nmod c;\nuse a::A;\n");
    let c = text(
        "c.rs",
        "pub(super) struct C;\n// use super::State;\n#[cfg(test)]\nmod tests { use super::super::a; }",
    );
    let a = |body: &str| text("a.rs", body);
    let b = |body: &str| text("b/mod.rs", body);
    let around = |one: &str, other: &str| of(&[root.clone(), a(one), b(other), c.clone()]);
    assert_eq!(around("use super::{b, c::C};", "use super::c::C;"), [""; 0]);
    let (a_path, b_path) = ("src/exchange/a.rs", "src/exchange/b/mod.rs");
    assert_eq!(
        around("use super::{c::C, b::{self, B}};", "use crate::exchange::{a as other};"),
        [a_path, b_path]
    );
    assert_eq!(around("fn f() { super::b::g() }", "use super::{c, a::*};"), [a_path, b_path]);
    // The file above declares this one, so what it holds is not to be had from there.
    assert_eq!(around("use super::State;", ""), [a_path, "src/exchange/mod.rs"]);
    // Through different files of a folder that is still one way there and one back.
    let folder = [
        text("b/one.rs", "use crate::exchange::a::A;"),
        text("b/other.rs", ""),
        a("use super::b::other::O;"),
    ];
    assert_eq!((of(&folder), rooms_of(&folder)), (vec![], vec!["a.rs".to_owned(), "b".to_owned()]));
}
