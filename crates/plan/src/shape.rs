//! The whole circuit's counts, in closed form. The circuit that is built must have exactly these.

use serde::{Deserialize, Serialize};

use crate::system::{ELEMENT_BYTES, UNUSABLE_ROWS};

/// Rows of a grid of `2^k` that constraints may use.
pub fn usable_rows(k: u32) -> usize {
    (1usize << k).saturating_sub(UNUSABLE_ROWS)
}

/// Columns, rows and queries of a circuit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CircuitShape {
    /// Logarithm of the number of rows.
    pub k: u32,
    /// Advice columns committed before the challenges: small cells.
    pub small_advice: usize,
    /// Advice columns that hold full-width cells: negative numbers are full-width.
    pub wide_advice: usize,
    /// Fixed columns.
    pub fixed: usize,
    /// Instance columns.
    pub instance: usize,
    /// Columns under the permutation argument.
    pub permuted: usize,
    /// Product columns of the permutation argument.
    pub products: usize,
    /// The proof system's own lookups.
    pub native_lookups: usize,
    /// Fractions in the running sums: lookups per row and table terms.
    pub lookups: usize,
    /// Copy constraints.
    pub copies: usize,
    /// Constraint degree.
    pub degree: usize,
    /// Rows of the activation tape; of the whole grid where there are no tapes.
    pub activation_rows: usize,
    /// Rows of the weight tape, with the row that reads the last scalar sum.
    pub weight_rows: usize,
    /// Entries of all tables.
    pub table_entries: usize,
    /// Evaluations of advice columns in a proof.
    pub advice_queries: usize,
    /// Evaluations of fixed columns in a proof.
    pub fixed_queries: usize,
    /// Evaluations of instance columns that gates read; they are not part of a proof.
    pub instance_queries: usize,
    /// Distinct sets of points that polynomials are opened at.
    pub rotation_sets: usize,
    /// Small advice cells that may hold something else than zero.
    pub assigned_small_cells: usize,
    /// Full-width advice cells that may hold something else than zero.
    pub assigned_wide_cells: usize,
    /// Operations of all gates on one row, as the prover's interpreter counts them: loads, sums and products, common
    /// subexpressions once, and two for each constraint.
    pub gate_operations: usize,
    /// The same for the input and table expressions of the proof system's own lookups.
    pub lookup_operations: usize,
    /// Length of a proof.
    pub proof_bytes: usize,
    /// Lanes of the weight tape that a model commitment holds; 0 if weights are in the circuit.
    #[serde(default, skip_serializing_if = "is_none")]
    pub committed_lanes: usize,
    /// Lanes that a commitment to the input holds; 0 if there is none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub bound_lanes: usize,
    /// How full it is.
    #[serde(skip)]
    pub occupancy: Occupancy,
}

/// How much of a layout of `streams` is more than padding: it follows from the layout, so that no plan's file has it. Of other
/// families nothing is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Occupancy {
    /// Fractions to a running sum; none if there are no such sums.
    pub fractions: usize,
    /// Lookups that count on their row.
    pub lookups: usize,
    /// Cells of running sums that some lookup moves away from the row before.
    pub moved: usize,
    /// Masks of lanes that equal the mask of the lane before, so that the key has one column for both.
    pub same_masks: usize,
    /// Values that the verifier is given, at most.
    pub public_values: usize,
}

/// A count that plans leave out, so that those without it are as they were before there was such a count.
fn is_none(count: &usize) -> bool {
    *count == 0
}

impl CircuitShape {
    /// Rows that constraints may use.
    pub fn usable_rows(&self) -> usize {
        usable_rows(self.k)
    }

    /// Whether the library's own prover makes the proof: small cells come first, and lookups are sums. Others are left to halo2's.
    pub fn is_proven_by_core(&self) -> bool {
        self.small_advice > 0 && self.native_lookups == 0
    }

    /// Cells of the weight tape that a model commitment holds, idle ones among them.
    pub fn committed_weights(&self) -> usize {
        self.weight_rows * self.committed_lanes
    }

    /// Parts of the extended domain that the quotient is computed on.
    pub fn parts(&self) -> usize {
        (self.degree - 1).next_power_of_two()
    }

    /// Points in a proof.
    pub fn commitments(&self) -> usize {
        let advice = self.small_advice + self.wide_advice;
        advice + 3 * self.native_lookups + self.products + 1 + (self.degree - 1) + 2
    }

    /// Scalars in a proof.
    pub fn evaluations(&self) -> usize {
        let products = (3 * self.products).saturating_sub(1);
        self.advice_queries + self.fixed_queries + 1 + self.permuted + products + 5 * self.native_lookups
    }

    /// Points and scalars that tie a proof to commitments made outside of it: for each a point, and a scalar for each row that hides a
    /// column.
    pub fn link_elements(&self) -> usize {
        self.links() * (1 + UNUSABLE_ROWS)
    }

    /// Lanes of all commitments made outside of a proof that it is tied to.
    pub fn tied_lanes(&self) -> usize {
        self.committed_lanes + self.bound_lanes
    }

    /// Commitments made outside of a proof that it is tied to.
    pub fn links(&self) -> usize {
        usize::from(self.committed_lanes > 0) + usize::from(self.bound_lanes > 0)
    }

    /// The shape with its proof length: one point per commitment, one scalar per evaluation, each of an element's bytes.
    #[must_use]
    pub fn with_proof_bytes(mut self) -> Self {
        self.proof_bytes = ELEMENT_BYTES * (self.commitments() + self.evaluations() + self.link_elements());
        self
    }
}
