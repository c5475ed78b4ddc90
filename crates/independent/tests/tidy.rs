//! The house is tidy: no circle of imports in a crate, no arrow from a lower crate to a higher, no file that nothing
//! compiles, no operator or gate outside its registry, no link in the documents to what is not there.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod tidy {
    pub mod circles;
    pub mod documents;
    pub mod paths;
    pub mod tree;
}

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tidy::circles::circles;
use tidy::documents::{links, paths};
use tidy::tree::{Place, Tree};

/// Every crate, with those of the workspace that its sources may name.
const CRATES: [(&str, &[&str]); 8] = [
    ("model", &[]),
    ("import", &["model"]),
    ("plan", &["model"]),
    ("circuit", &["model", "plan"]),
    ("prover", &["model", "plan", "circuit"]),
    ("independent", &["model", "plan", "circuit"]),
    ("zklayout", &["model", "import", "plan", "circuit", "prover"]),
    ("cli", &["model", "import", "plan", "circuit", "prover", "zklayout"]),
];

/// Modules that list the files beside them, by crate: each must be called from the list, or by a file that is.
const REGISTRIES: [(&str, &str); 7] = [
    ("model", "term"),
    ("plan", "streams::fact"),
    ("circuit", "streams::term"),
    ("import", "onnx::ops"),
    ("import", "tflite::ops"),
    ("plan", "streams::gates"),
    ("plan", "direct::gates"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn tree_of(name: &str) -> Tree {
    Tree::under(&root().join("crates").join(name).join("src"))
}

fn place(path: &str) -> Place {
    path.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn made_up(sources: &[(&str, &str)]) -> Tree {
    Tree::of(sources.iter().map(|(path, text)| (place(path), (*text).to_owned())).collect())
}

/// Files beside a registry that it does not call, directly or through another of them.
fn unregistered(tree: &Tree, registry: &Place) -> Vec<String> {
    let beside: Vec<&Place> =
        tree.places().filter(|place| place.split_last().is_some_and(|(_, parent)| parent == registry)).collect();
    let mut called: BTreeSet<Place> = BTreeSet::new();
    let mut open = vec![registry.clone()];
    while let Some(module) = open.pop() {
        let next = tree.uses(&module).into_iter().filter(|used| beside.contains(&used));
        open.extend(next.filter(|used| called.insert(used.clone())).collect::<Vec<_>>());
    }
    beside.into_iter().filter(|place| !called.contains(*place)).map(|place| place.join("::")).collect()
}

#[test]
fn no_crate_has_a_circle_of_imports() {
    let arrows = |(name, _)| circles(&tree_of(name)).into_iter().map(move |arrow| format!("{name}: {arrow}"));
    let found: Vec<String> = CRATES.into_iter().flat_map(arrows).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn crates_name_lower_ones_only() {
    let folders = fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().file_name());
    let folders: BTreeSet<String> = folders.map(|name| name.to_string_lossy().into_owned()).collect();
    assert_eq!(
        folders,
        CRATES.iter().map(|(name, _)| (*name).to_owned()).collect(),
        "every crate has a place here"
    );
    for (name, lower) in CRATES {
        let tree = tree_of(name);
        let used = tree.crates();
        assert!(
            used.iter().all(|used| lower.contains(used)),
            "crate {name} may name {lower:?}, and names {used:?}"
        );
    }
}

#[test]
fn every_file_is_compiled() {
    for (name, _) in CRATES {
        let tree = tree_of(name);
        assert!(tree.orphans().is_empty(), "crate {name}: no module declares {:?}", tree.orphans());
    }
}

#[test]
fn registries_name_every_file_beside_them() {
    for (name, registry) in REGISTRIES {
        let left_out = unregistered(&tree_of(name), &place(registry));
        assert!(left_out.is_empty(), "crate {name}: {registry} calls none of {left_out:?}");
    }
}

fn documents(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let nested = entries.flat_map(|path| if path.is_dir() { documents(&path) } else { vec![path] });
    nested.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

#[test]
fn documents_name_files_that_are_there() {
    let mut all = documents(&root().join("docs"));
    all.push(root().join("README.md"));
    let mut missing = Vec::new();
    for document in all {
        let text = fs::read_to_string(&document).unwrap();
        let folder = document.parent().unwrap();
        let links = links(&text).into_iter().map(|link| folder.join(link));
        let paths = paths(&text).into_iter().map(|path| root().join(path));
        let gone = links.chain(paths).filter(|path| !path.exists());
        missing.extend(gone.map(|path| format!("{}: {}", document.display(), path.display())));
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn circles_are_found() {
    let found = |sources: &[(&str, &str)]| circles(&made_up(sources));
    let direct = found(&[("", "mod a; mod b;"), ("a", "use crate::b::B;"), ("b", "fn f() { crate::a::g(); }")]);
    assert_eq!(direct, ["a uses b", "b uses a"]);
    // Through a name that another module hands on, in a macro's argument, and through an imported module.
    let handed_on = [
        ("", "mod a; mod b; mod c;"),
        ("a", "use crate::c::{D, X as Y};"),
        ("b", "use crate::a; fn f() { vec![a::g()]; }"),
        ("c", "mod d; pub use d::{self, D}; pub struct X;"),
        ("c::d", "use super::super::b::B; pub struct D;"),
    ];
    assert_eq!(found(&handed_on), ["a uses c, c::d", "b uses a", "c uses c::d", "c::d uses b"]);
    let up = [("", "mod a;"), ("a", "mod b; fn f() { b::g(); }"), ("a::b", "use super::f;")];
    assert_eq!(found(&up), ["a uses a::b", "a::b uses a"]);
}

#[test]
fn what_only_looks_like_a_circle_is_none() {
    let found = |sources: &[(&str, &str)]| circles(&made_up(sources));
    let in_tests = [
        ("", "mod a; mod b;"),
        ("a", "use crate::b::B; pub struct A;"),
        ("b", "pub struct B; #[cfg(test)] mod tests { use crate::a::A; } #[cfg(test)] use crate::a::A;"),
    ];
    assert!(found(&in_tests).is_empty());
    // A file's names are taken from it, not from the module that lists it.
    let siblings = [
        ("", "mod a;"),
        ("a", "mod b; mod c; pub use b::B; use c::C; fn f() { c::g(); }"),
        ("a::b", "pub struct B;"),
        ("a::c", "use crate::a::B; use super::B as Other; use std::fmt::{self, Display}; fn g() { fmt::x(); }"),
    ];
    assert!(found(&siblings).is_empty());
}

#[test]
fn strays_are_found() {
    let tree = made_up(&[
        ("", "mod ops; use zklayout_model::Graph;"),
        ("ops", "mod used; mod helper; mod left; const ALL: [fn(); 1] = [used::import];"),
        ("ops::used", "use super::helper::x;"),
        ("ops::helper", ""),
        ("ops::left", "use super::helper::x; fn f() { zklayout_prover::prove(); }"),
        ("ops::lost", ""),
    ]);
    assert_eq!(unregistered(&tree, &place("ops")), ["ops::left", "ops::lost"]);
    assert_eq!(tree.orphans(), [&place("ops::lost")]);
    assert_eq!(tree.crates(), BTreeSet::from(["model", "prover"]));
    let text = "See [a](b/c.md#d), [e](https://f.g), [h](#i) and `crates/x/y.rs`, `tests/crates/no.rs`, crates/z.";
    assert_eq!(links(text), ["b/c.md"]);
    assert_eq!(paths(text), ["crates/x/y.rs", "crates/z"]);
}
