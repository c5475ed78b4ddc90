//! Plans and searches as text, for people. It computes nothing that is not in them.

use std::fmt;

use crate::named_input::NamedInput;
use crate::plan::Plan;
use crate::search::{Priced, SearchReport, StopReason};

impl Plan {
    /// What the plan takes, as names and values.
    pub fn description(&self) -> Vec<(&'static str, String)> {
        let shape = &self.shape;
        let (small, wide, fixed, instance) = (shape.small_advice, shape.wide_advice, shape.fixed, shape.instance);
        let columns = format!("{small} small advice, {wide} wide advice, {fixed} fixed, {instance} instance");
        let (activations, weights, entries) = (shape.activation_rows, shape.weight_rows, shape.table_entries);
        let tapes = format!("{activations} activation rows, {weights} weight rows, {entries} table entries");
        let held =
            |input: &NamedInput| format!("{:?} {}", input.name, if input.public { "public" } else { "private" });
        let inputs: Vec<String> = self.inputs.iter().map(held).collect();
        let inputs = (!inputs.is_empty()).then(|| ("inputs", inputs.join(", ")));
        let rest = [
            ("rows", format!("2^{} of degree {}", shape.k, shape.degree)),
            ("choices", self.layout.knobs().to_string()),
            ("columns", columns),
            ("tapes", format!("{tapes}, of {} usable rows", shape.usable_rows())),
            ("lookups", format!("{} fractions per row, {} copies", shape.lookups, shape.copies)),
            ("proof", format!("{} bytes", shape.proof_bytes)),
        ];
        let first = std::iter::once(("visibility", self.visibility().to_string()));
        first.chain(inputs).chain(rest).collect()
    }
}

impl SearchReport {
    /// How the search went, as names and values.
    pub fn description(&self) -> Vec<(&'static str, String)> {
        let StopReason::Exhausted = self.stop;
        let Self { priced, pruned, refused, unpriced, .. } = self;
        let counts = format!("{priced} priced, {pruned} groups ruled out by bounds, {refused} beyond the limits");
        vec![
            ("runner-up", self.runner_up.as_ref().map_or("none".to_owned(), ToString::to_string)),
            ("search", format!("{counts}, {unpriced} outside the profile; nothing is left")),
            ("profile", self.profile.clone()),
        ]
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        lines(f, &self.description())
    }
}

impl fmt::Display for Priced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.candidate.knobs, self.cost)
    }
}

impl fmt::Display for SearchReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let best = [("best", self.best.to_string())];
        lines(f, &best.into_iter().chain(self.description()).collect::<Vec<_>>())
    }
}

fn lines(f: &mut fmt::Formatter<'_>, pairs: &[(&str, String)]) -> fmt::Result {
    let widest = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (place, (name, value)) in pairs.iter().enumerate() {
        let end = if place > 0 { "\n" } else { "" };
        write!(f, "{end}{name:widest$}  {value}")?;
    }
    Ok(())
}
