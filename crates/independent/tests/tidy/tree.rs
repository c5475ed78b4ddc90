//! The sources of a crate by module path, and which of them a path names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use proc_macro2::TokenStream;

use super::paths::{Import, Module, read};

/// A module's place: the names from the crate's root down.
pub type Place = Vec<String>;

/// Every module of a crate.
pub struct Tree {
    modules: BTreeMap<Place, Module>,
}

impl Tree {
    /// Reads all Rust files under a crate's `src`.
    pub fn under(src: &Path) -> Self {
        let mut sources = Vec::new();
        collect(src, &mut Vec::new(), &mut sources);
        Self::of(sources)
    }

    /// A tree of sources by place; the root's place is empty.
    pub fn of(sources: Vec<(Place, String)>) -> Self {
        let parse = |text: String| read(text.parse::<TokenStream>().expect("Rust source"));
        let mut modules: BTreeMap<Place, Module> =
            sources.into_iter().map(|(place, text)| (place, parse(text))).collect();
        let tests = modules.iter().flat_map(|(place, module)| {
            module.tests.iter().map(move |name| place.iter().chain([name]).cloned().collect::<Place>())
        });
        let tests: Vec<Place> = tests.collect();
        modules.retain(|place, _| !tests.iter().any(|test| place.starts_with(test)));
        Self { modules }
    }

    /// Modules that a module uses, itself excluded.
    pub fn uses(&self, place: &[String]) -> BTreeSet<Place> {
        let module = &self.modules[place];
        let used = module.paths.iter().filter_map(|path| self.resolve(place, path, 0));
        used.filter(|used| used != place).collect()
    }

    /// Every place.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.modules.keys()
    }

    /// Files that no module declares, so that nothing compiles them.
    pub fn orphans(&self) -> Vec<&Place> {
        let is_orphan = |place: &&Place| match place.split_last() {
            Some((name, parent)) => !self.modules.get(parent).is_some_and(|parent| parent.declared.contains(name)),
            None => false,
        };
        self.modules.keys().filter(is_orphan).collect()
    }

    /// Crates of this workspace that a crate's sources name.
    pub fn crates(&self) -> BTreeSet<&str> {
        let names = self.modules.values().flat_map(|module| &module.paths).filter_map(|path| path.first());
        names.filter_map(|name| name.strip_prefix("zklayout_")).collect()
    }

    /// The module that a path from `place` ends in, through what modules on the way import; `None` if it leaves the crate.
    fn resolve(&self, place: &[String], path: &[String], depth: usize) -> Option<Place> {
        assert!(depth < 32, "{path:?} in {place:?} imports itself");
        let (first, rest) = path.split_first()?;
        let (start, rest): (Place, &[String]) = match first.as_str() {
            "crate" => (Vec::new(), rest),
            "self" => (place.to_vec(), rest),
            "super" => (place.split_last()?.1.to_vec(), rest),
            _ if self.modules[place].declared.contains(first) => (place.to_vec(), path),
            _ => {
                let import = self.modules[place].imports.iter().find(|import| import.name == *first)?;
                let path: Vec<String> = import.path.iter().chain(rest).cloned().collect();
                return (path != *path_of(first, rest)).then(|| self.resolve(place, &path, depth + 1))?;
            }
        };
        self.descend(start, rest, depth)
    }

    fn descend(&self, mut place: Place, path: &[String], depth: usize) -> Option<Place> {
        for (index, name) in path.iter().enumerate() {
            if name == "super" {
                place.pop()?;
                continue;
            }
            let child: Place = place.iter().cloned().chain([name.clone()]).collect();
            if self.modules.contains_key(&child) {
                place = child;
                continue;
            }
            let import = self.modules.get(&place)?.imports.iter().find(|import| import.name == *name);
            return match import {
                Some(Import { path: to, .. }) => {
                    let path: Vec<String> = to.iter().chain(&path[index + 1..]).cloned().collect();
                    self.resolve(&place, &path, depth + 1)
                }
                None => Some(place),
            };
        }
        Some(place)
    }
}

fn path_of(first: &str, rest: &[String]) -> Vec<String> {
    std::iter::once(first.to_owned()).chain(rest.iter().cloned()).collect()
}

fn collect(folder: &Path, place: &mut Place, sources: &mut Vec<(Place, String)>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            place.push(name);
            collect(&path, place, sources);
            place.pop();
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let own = Some(name).filter(|name| !["lib", "main", "mod"].contains(&name.as_str()));
            let text = fs::read_to_string(&path).expect("a readable source");
            sources.push((place.iter().cloned().chain(own).collect(), text));
        }
    }
}
