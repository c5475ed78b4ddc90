//! Circles of imports among the modules of a crate.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::{Place, Tree};

/// Modules that reach themselves, each with what it uses in the circle; empty if there is no circle.
pub fn circles(tree: &Tree) -> Vec<String> {
    let uses: BTreeMap<&Place, BTreeSet<Place>> = tree.places().map(|place| (place, tree.uses(place))).collect();
    let reached: BTreeMap<&Place, BTreeSet<&Place>> =
        uses.keys().map(|place| (*place, reach(place, &uses))).collect();
    let circular = |place: &&Place| reached[*place].contains(*place);
    let arrows = |place: &Place| {
        let back = uses[place].iter().filter(|used| reached[*used].contains(place));
        let used: Vec<String> = back.map(|used| used.join("::")).collect();
        format!("{} uses {}", place.join("::"), used.join(", "))
    };
    reached.keys().copied().filter(circular).map(arrows).collect()
}

fn reach<'a>(from: &Place, uses: &'a BTreeMap<&Place, BTreeSet<Place>>) -> BTreeSet<&'a Place> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&Place> = uses[from].iter().collect();
    while let Some(place) = open.pop() {
        if reached.insert(place) {
            open.extend(&uses[place]);
        }
    }
    reached
}
