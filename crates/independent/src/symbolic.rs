//! Exponents recomputed from the gates and the fixed cells, and every identity held to the executor's definition.
//!
//! For each live output value the terms on its power of `sigma` and `rho` must be: its own accumulator and no other, the
//! products of weight cells and values that the definition names, the values that skip connections add, the bias's digits
//! and the scale's offset, each once, with the coefficients of the model. No two cells of an output plane may be on one
//! power. What lands on powers of no live value is the padding's business: cells there hold whatever it takes.

use std::collections::HashSet;

use zklayout_circuit::Grid;
use zklayout_circuit::streams::FixedGrid;
use zklayout_model::{Fixed, Graph};
use zklayout_plan::{InputMode, Plan};

use crate::activation_tape::ActivationTape;
use crate::bilinear::{Bilinear, turned_writes};
use crate::cells::FixedCells;
use crate::circuit::Circuit;
use crate::definition;
use crate::gates::Gates;
use crate::identity::{Identity, SymbolicCounts};
use crate::numbers;
use crate::objection::{Objection, expect};
use crate::public::PublicCells;
use crate::scalar_sum::{closed_sums, operands};
use crate::tensors::Tensors;
use crate::weight_tape::WeightTape;

/// Holds the identities of a laid-out circuit to the executor's definition of its model.
///
/// # Errors
/// The first thing that is not as defined.
pub fn check_symbolic(plan: &Plan, graph: &Graph<Fixed>, grid: &Grid) -> Result<SymbolicCounts, Objection> {
    let layout = numbers::streams(plan)?;
    let grid: &FixedGrid = match grid {
        Grid::Streams(grid) => grid,
        Grid::Direct(_) => return Err(Objection("the grid is of another family".into())),
    };
    let (gates, cells) = (Gates::of(plan)?, FixedCells::of(grid));
    let activations = ActivationTape::of(layout, &gates, &cells);
    let offset = layout.facts.first().map_or(0, |fact| numbers::weight_offset(layout, fact));
    let weights = WeightTape::of(layout, &gates, &cells, offset);
    let tensors = Tensors::new(layout, cells.row_count())?;
    let mut circuit = Circuit { layout, graph, cells: &cells, activations: &activations, weights, tensors };
    let input = definition::shape(graph, 0)?;
    let shown = match layout.visibility.input {
        InputMode::First(planes) => planes * input.plane(),
        _ => input.len(),
    };
    let public = PublicCells::of(plan, layout, &gates, &cells, (output_length(graph)?, shown))?;
    circuit.name_input(&public)?;
    circuit.check_ones()?;
    let sums = closed_sums(&gates, &cells)?;
    let mut outputs = Vec::with_capacity(sums.len());
    let operands = operands(&cells)?;
    for terms in &sums {
        let turned = turned_writes(&circuit, &operands, terms)?;
        let mut named = circuit.name_outputs(terms, &public)?;
        named.extend(circuit.name_turned(&turned)?);
        outputs.push(named);
    }
    circuit.check_complete(&outputs)?;
    circuit.check_public(&public)?;
    let (mut counts, mut used) = (SymbolicCounts::default(), HashSet::new());
    for (terms, outputs) in sums.iter().zip(&outputs) {
        let found = match Bilinear::of(&circuit, &operands, outputs)? {
            Some(bilinear) => bilinear.hold_to_definition(terms, &mut used)?,
            None => Identity::of(&circuit, terms, outputs)?.hold_to_definition(&mut used)?,
        };
        counts.outputs += found.outputs;
        counts.terms += found.terms;
    }
    Ok(counts)
}

fn output_length(graph: &Graph<Fixed>) -> Result<usize, Objection> {
    let last = expect(graph.len().checked_sub(1), || "the model is empty".into())?;
    Ok(definition::shape(graph, last)?.len())
}
