//! The checks import nothing of the planner but types whose fields they read, and call none of its methods.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What the checks may import of the planner: plain data.
const TYPES: [&str; 10] = [
    "Content",
    "Evaluation",
    "Home",
    "InputMode",
    "Layout",
    "LinearFact",
    "Plan",
    "Read",
    "Streams",
    "WeightMode",
];
/// Names of the planner's methods that collections, gates and constraint systems have, too.
const OTHERS: [&str; 5] = ["entry", "gates", "is_empty", "len", "name"];

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The code of a crate's files, by file name, without comments.
fn code(folder: &str) -> Vec<(String, String)> {
    let without_comments = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
        (path.file_name().unwrap().to_string_lossy().into_owned(), lines.join("\n"))
    };
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).into_iter().map(without_comments).collect()
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

/// Names of the planner's public methods.
fn methods() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (_, code) in code("../plan/src") {
        for part in code.split("pub fn ").skip(1) {
            let (name, rest) = part.split_at(word(part).len());
            if ["(&self", "(self", "(&mut self"].iter().any(|start| rest.starts_with(start)) {
                names.insert(name.to_owned());
            }
        }
    }
    names
}

#[test]
fn only_plain_types_of_the_planner_are_imported() {
    let mut imported = BTreeSet::new();
    for (file, code) in code("src") {
        for part in code.split("zklayout_plan").skip(1) {
            let listed = part.strip_prefix("::").unwrap_or_else(|| panic!("{file} names the planner itself"));
            let (listed, _) = listed.split_once(';').unwrap();
            imported.extend(listed.split([',', '{', '}']).map(|name| name.trim().to_owned()));
        }
    }
    imported.remove("");
    let wanted: BTreeSet<String> = TYPES.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(imported, wanted);
}

#[test]
fn no_method_of_the_planner_is_called() {
    let methods = methods();
    for known in ["position", "value", "exponent", "rows", "write_step", "read_step", "entries"] {
        assert!(methods.contains(known), "the planner's methods are not found: {known}");
    }
    let mut calls = 0;
    for (file, code) in code("src") {
        for (place, _) in code.match_indices('.') {
            let rest = &code[place + 1..];
            let name = word(rest);
            let arguments = &rest[name.len()..];
            if name.is_empty() || !(arguments.starts_with('(') || arguments.starts_with("::")) {
                continue;
            }
            calls += 1;
            // An iterator's takes a closure.
            let iterator = name == "position" && arguments.starts_with("(|");
            let own = iterator || OTHERS.contains(&name);
            assert!(own || !methods.contains(name), "{file} calls {name}");
        }
        for name in TYPES {
            let constructed = code.contains(&format!(" {name}::of")) || code.contains(&format!(" {name}::new"));
            assert!(!constructed, "{file} makes a {name}");
        }
    }
    assert!(calls > 300, "only {calls} calls were found");
}

/// Tables have methods of those names, and are reached in one place, for their tags.
#[test]
fn tables_of_the_planner_are_read_for_their_tags_alone() {
    for (file, code) in code("src") {
        let reached = code.contains("layout.tables") || code.contains("home.tables");
        assert!(!reached || file == "numbers.rs", "{file} reads the planner's tables");
    }
}
