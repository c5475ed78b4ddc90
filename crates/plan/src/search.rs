//! The search: every pair of tape widths, requantisation and number of rows, scored; the cheapest wins.

use zklayout_model::{Fixed, FixedLayer, Graph};

use crate::candidate::{Candidate, chain};
use crate::error::PlanError;
use crate::fact::LinearFact;
use crate::pass::Passes;
use crate::plan::{Knobs, PLAN_FORMAT, Plan, Visibility, WeightMode, structure_hash};
use crate::score::score;
use crate::shape::CircuitShape;

/// Widths of the activation tape that are tried.
const LANES: [usize; 11] = [1, 2, 3, 4, 6, 8, 9, 12, 16, 24, 32];
/// The widest weight tape that is tried.
const MOST_WEIGHT_LANES: usize = 64;
/// The most sets of table columns that are tried.
const MOST_TABLE_COLUMNS: usize = 3;

/// What the search may choose from.
#[derive(Clone, Debug)]
pub struct PlanOptions {
    /// What the verifier learns.
    pub visibility: Visibility,
    /// Smallest logarithm of the number of rows.
    pub min_k: u32,
    /// Largest logarithm of the number of rows: that of the powers of tau at hand.
    pub max_k: u32,
}

impl Default for PlanOptions {
    fn default() -> Self {
        let visibility = Visibility { public_input: false, weights: WeightMode::Private };
        Self { visibility, min_k: 8, max_k: 20 }
    }
}

/// Chooses the cheapest layout of `graph`. Equal arguments give equal plans.
///
/// # Errors
/// A graph with a form that no layout covers, or one that needs more than `max_k` allows.
pub fn plan(graph: &Graph<Fixed>, options: &PlanOptions) -> Result<Plan, PlanError> {
    let (input, layers) = chain(graph)?;
    let mut best: Option<(u64, Choice<'_>)> = None;
    let mut failure = None;
    for (lanes, remainders) in LANES.iter().flat_map(|&lanes| [(lanes, true), (lanes, false)]) {
        let candidate = match Candidate::build(input, &layers, &options.visibility, lanes, remainders) {
            Ok(candidate) => std::rc::Rc::new(candidate),
            Err(error) => {
                failure = Some(error);
                continue;
            }
        };
        for k in options.min_k..=options.max_k {
            let Some(choice) = Choice::narrowest(&candidate, &layers, options, k, lanes, remainders) else {
                continue;
            };
            let score = score(&choice.shape);
            if best.as_ref().is_none_or(|(least, _)| score < *least) {
                best = Some((score, choice));
            }
        }
    }
    match (best, failure) {
        (Some((_, choice)), _) => choice.into_plan(graph, options),
        (None, Some(error)) => Err(error),
        (None, None) => Err(PlanError::TooLarge {
            max_k: options.max_k,
            reason: "activations, weights or tables need more rows; raise the limit or lower the bits".into(),
        }),
    }
}

struct Choice<'a> {
    candidate: std::rc::Rc<Candidate<'a>>,
    knobs: Knobs,
    facts: Vec<LinearFact>,
    passes: Passes,
    shape: CircuitShape,
}

impl<'a> Choice<'a> {
    /// The narrowest weight tape and fewest table columns that fit `2^k` rows.
    fn narrowest(
        candidate: &std::rc::Rc<Candidate<'a>>,
        layers: &[&FixedLayer],
        options: &PlanOptions,
        k: u32,
        lanes: usize,
        remainders: bool,
    ) -> Option<Self> {
        let weight_bits = weight_bits(layers);
        let private = options.visibility.weights == WeightMode::Private;
        let range = if private { 1usize << weight_bits } else { 0 };
        let shared = remainders && candidate.tables.0.iter().any(|table| table.tag == range as u64);
        let entries = candidate.tables.entries() + if shared { 0 } else { range };
        let usable = (1usize << k).saturating_sub(crate::shape::UNUSABLE_ROWS + 1);
        let table_columns = (1..=MOST_TABLE_COLUMNS).find(|columns| entries.div_ceil(*columns) <= usable)?;
        if candidate.homes.iter().map(crate::home::Home::rows).sum::<usize>() > usable {
            return None;
        }
        (1..=MOST_WEIGHT_LANES).find_map(|weight_lanes| {
            if fact_rows(layers, weight_lanes) >= usable {
                return None;
            }
            let knobs = Knobs { k, lanes, weight_lanes, table_columns, remainders };
            let (facts, passes) = candidate.facts(lanes, weight_lanes);
            let homes = &candidate.homes;
            let shape = CircuitShape::count(&knobs, &options.visibility, homes, &facts, &passes, entries);
            (shape.needed_rows(table_columns) <= usable).then(|| Self {
                candidate: candidate.clone(),
                knobs,
                facts,
                passes,
                shape,
            })
        })
    }

    fn into_plan(self, graph: &Graph<Fixed>, options: &PlanOptions) -> Result<Plan, PlanError> {
        let (input, layers) = chain(graph)?;
        let weight_bits = weight_bits(&layers);
        let mut tables = self.candidate.tables.clone();
        if options.visibility.weights == WeightMode::Private {
            tables.range(1 << weight_bits);
        }
        let (quotient_offset, value_offset) = tables.offsets();
        Ok(Plan {
            format: PLAN_FORMAT,
            model: structure_hash(graph)?,
            visibility: options.visibility,
            knobs: self.knobs,
            weight_bits,
            quotient_offset,
            value_offset,
            tables: tables.0,
            passes: self.passes,
            homes: self.candidate.homes.clone(),
            facts: self.facts,
            output_scale: layers.last().map_or(0, |layer| layer.scale()),
            input_shape: input.shape,
            input_scale: input.scale,
            shape: self.shape,
        })
    }
}

fn weight_bits(layers: &[&FixedLayer]) -> u32 {
    layers.iter().map(|layer| layer.weight_bits).max().unwrap_or(0)
}

/// Rows of the weight tape, without building it.
fn fact_rows(layers: &[&FixedLayer], weight_lanes: usize) -> usize {
    layers
        .iter()
        .map(|layer| {
            let (kh, kw) = layer.linear.kernel_size();
            let outputs = layer.linear.group_outputs();
            let weights = layer.linear.group_inputs() * kh * kw;
            layer.linear.groups * (outputs + outputs.div_ceil(weight_lanes) * weights)
        })
        .sum()
}
