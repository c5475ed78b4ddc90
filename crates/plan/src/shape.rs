//! The whole circuit's counts, in closed form. The circuit that is built must have exactly these.

use serde::{Deserialize, Serialize};

use crate::fact::LinearFact;
use crate::home::{Home, Public, Read};
use crate::pass::Passes;
use crate::plan::{Knobs, Visibility, WeightMode};

/// Lookups that share one running-sum column.
pub const LOOKUPS_PER_SUM: usize = 3;

/// Rows at the end of the grid that blinding takes: five blinding factors and the row after the last usable one.
pub const UNUSABLE_ROWS: usize = 6;

/// Degree of the running sums: row switch, difference, and [`LOOKUPS_PER_SUM`] denominators.
const DEGREE: usize = 2 + LOOKUPS_PER_SUM;

/// Evaluation columns: producer, consumer, weights, scalar operand, scalar sum.
const EVALUATIONS: usize = 5;

/// Columns that copies connect: producer, consumer, scalar operand.
const COPIED_COLUMNS: usize = 3;

/// Columns, rows and queries of a circuit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CircuitShape {
    /// Logarithm of the number of rows.
    pub k: u32,
    /// Advice columns committed before the challenges: small cells.
    pub small_advice: usize,
    /// Advice columns committed after the challenges: full-width cells.
    pub wide_advice: usize,
    /// Fixed columns.
    pub fixed: usize,
    /// Instance columns.
    pub instance: usize,
    /// Columns under the permutation argument.
    pub permuted: usize,
    /// Product columns of the permutation argument.
    pub products: usize,
    /// Fractions in the running sums: lookups per row and table terms.
    pub lookups: usize,
    /// Copy constraints.
    pub copies: usize,
    /// Constraint degree.
    pub degree: usize,
    /// Rows of the activation tape.
    pub activation_rows: usize,
    /// Rows of the weight tape, with the row that reads the last scalar sum.
    pub weight_rows: usize,
    /// Entries of all tables.
    pub table_entries: usize,
    /// Evaluations of advice columns in a proof.
    pub advice_queries: usize,
    /// Length of a proof.
    pub proof_bytes: usize,
}

impl CircuitShape {
    /// Counts a layout.
    pub(crate) fn count(
        knobs: &Knobs,
        visibility: &Visibility,
        homes: &[Home],
        facts: &[LinearFact],
        passes: &Passes,
        table_entries: usize,
    ) -> Self {
        let private = visibility.weights == WeightMode::Private;
        let weight_lookups = if private { knobs.weight_lanes } else { 0 };
        let cells = 2 + usize::from(knobs.remainders);
        let lookups = knobs.lanes * (cells - 1) + weight_lookups + knobs.table_columns;
        let sums = lookups.div_ceil(LOOKUPS_PER_SUM);
        let small_advice = knobs.lanes * cells + weight_lookups + knobs.table_columns;
        let wide_advice = EVALUATIONS + sums;
        let products = COPIED_COLUMNS.div_ceil(DEGREE - 2);
        let mut shape = Self {
            k: knobs.k,
            small_advice,
            wide_advice,
            fixed: fixed_columns(knobs, homes, passes) + knobs.weight_lanes - weight_lookups,
            instance: if visibility.public_input { knobs.lanes } else { 1 },
            permuted: COPIED_COLUMNS,
            products,
            lookups,
            copies: facts.iter().map(|fact| fact.copies(is_full(fact, homes))).sum(),
            degree: DEGREE,
            activation_rows: homes.iter().map(Home::rows).sum(),
            weight_rows: facts.iter().map(LinearFact::len).sum::<usize>() + 1,
            table_entries,
            advice_queries: small_advice + wide_advice + (EVALUATIONS - 1) + sums,
            proof_bytes: 0,
        };
        shape.proof_bytes = shape.count_proof_bytes();
        shape
    }

    /// Rows that constraints may use.
    pub fn usable_rows(&self) -> usize {
        (1usize << self.k).saturating_sub(UNUSABLE_ROWS)
    }

    /// Rows that the layout needs with `table_columns` sets of table columns, the last usable row excluded.
    pub(crate) fn needed_rows(&self, table_columns: usize) -> usize {
        let table_rows = self.table_entries.div_ceil(table_columns);
        self.activation_rows.max(self.weight_rows).max(table_rows)
    }

    fn count_proof_bytes(&self) -> usize {
        let advice = self.small_advice + self.wide_advice;
        let commitments = advice + self.products + 1 + (self.degree - 1) + 2;
        let evaluations = self.advice_queries + self.fixed + 1 + self.permuted + 3 * self.products - 1;
        32 * (commitments + evaluations)
    }
}

fn is_full(fact: &LinearFact, homes: &[Home]) -> bool {
    matches!(homes[fact.input].read, Read::Scalars { .. })
}

/// Row switch, first and last row, closing rows, output rows, product rows, masks, tags and divisors, passes,
/// tables, public rows.
fn fixed_columns(knobs: &Knobs, homes: &[Home], passes: &Passes) -> usize {
    let passes = passes.write_tiles.len()
        + passes.write_steps.len()
        + passes.read_sums.len()
        + passes.read_steps.len()
        + passes.weight_steps.len();
    let public = [Public::Values, Public::Accumulators]
        .iter()
        .filter(|kind| homes.iter().any(|home| home.public == **kind))
        .count();
    5 + knobs.lanes + 1 + usize::from(knobs.remainders) + passes + 3 * knobs.table_columns + public
}
