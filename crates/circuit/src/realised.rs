//! The realised circuit against the planned one, count by count.

use std::collections::{BTreeMap, BTreeSet};

use halo2_proofs::plonk::{Any, Column, ConstraintSystem, Expression};
use zklayout_plan::{CircuitShape, Layout, Plan, UNUSABLE_ROWS};

use crate::error::CircuitError;
use crate::field::Scalar;
use crate::lowering::Grid;
use crate::operations::gate_operations;

/// Counts what halo2 configured and what the fixed grid placed.
pub fn realised_shape(plan: &Plan, cs: &ConstraintSystem<Scalar>, grid: &Grid) -> CircuitShape {
    let counts = grid.counts();
    let CircuitShape { committed_lanes, bound_lanes, .. } = plan.shape;
    let configured =
        CircuitShape { committed_lanes, bound_lanes, ..configured_shape(plan.k(), cs) }.with_proof_bytes();
    let (small_advice, wide_advice) = match plan.layout {
        Layout::Streams(_) => (configured.small_advice, configured.wide_advice),
        // One phase, and any column may hold negative numbers.
        Layout::Direct(_) => (0, configured.small_advice + configured.wide_advice),
    };
    CircuitShape {
        small_advice,
        wide_advice,
        // Numbers of fractions, of assigned cells and of lookups that count, and the operations of lookups, are no counts of halo2's; the
        // columns that they imply are.
        lookups: plan.shape.lookups,
        assigned_small_cells: plan.shape.assigned_small_cells,
        assigned_wide_cells: plan.shape.assigned_wide_cells,
        lookup_operations: plan.shape.lookup_operations,
        occupancy: plan.shape.occupancy,
        gate_operations: plan.shape.gate_operations,
        copies: counts.copies,
        activation_rows: counts.activation_rows,
        weight_rows: counts.weight_rows,
        table_entries: counts.table_entries,
        ..configured
    }
}

/// Counts what halo2 configured: columns, queries, sets of points and gate operations.
pub fn configured_shape(k: u32, cs: &ConstraintSystem<Scalar>) -> CircuitShape {
    let wide_advice = cs.advice_column_phase().iter().filter(|phase| **phase == 1).count();
    let permuted = cs.permutation().get_columns().len();
    let shape = CircuitShape {
        k,
        small_advice: cs.num_advice_columns() - wide_advice,
        wide_advice,
        fixed: cs.num_fixed_columns(),
        instance: cs.num_instance_columns(),
        permuted,
        products: permuted.div_ceil(cs.degree() - 2),
        native_lookups: cs.lookups().len(),
        degree: cs.degree(),
        advice_queries: cs.advice_queries().len(),
        fixed_queries: cs.fixed_queries().len(),
        instance_queries: cs.instance_queries().len(),
        rotation_sets: rotation_sets(cs),
        gate_operations: gate_operations(cs),
        ..CircuitShape::default()
    };
    shape.with_proof_bytes()
}

/// Distinct sets of rows, relative to a row, that polynomials are opened at.
fn rotation_sets(cs: &ConstraintSystem<Scalar>) -> usize {
    let mut columns: BTreeMap<Column<Any>, BTreeSet<i32>> = BTreeMap::new();
    let advice = cs.advice_queries().iter().map(|(column, at)| (Column::<Any>::from(*column), at.0));
    let fixed = cs.fixed_queries().iter().map(|(column, at)| (Column::<Any>::from(*column), at.0));
    for (column, at) in advice.chain(fixed) {
        columns.entry(column).or_default().insert(at);
    }
    let mut sets: BTreeSet<BTreeSet<i32>> = columns.into_values().collect();
    // The quotient and the permutation's polynomials.
    sets.insert(BTreeSet::from([0]));
    let last = -(cs.blinding_factors() as i32 + 1);
    let products = cs.permutation().get_columns().len().div_ceil(cs.degree() - 2);
    if products > 0 {
        sets.insert(BTreeSet::from([0, 1]));
    }
    if products > 1 {
        sets.insert(BTreeSet::from([last, 0, 1]));
    }
    if !cs.lookups().is_empty() {
        sets.extend([BTreeSet::from([0, 1]), BTreeSet::from([-1, 0])]);
    }
    sets.len()
}

/// Refuses a circuit whose counts are not the plan's.
///
/// # Errors
/// [`CircuitError::Shape`], naming the first count that differs.
pub fn check_shape(plan: &Plan, cs: &ConstraintSystem<Scalar>, grid: &Grid) -> Result<(), CircuitError> {
    let (planned, realised) = (&plan.shape, realised_shape(plan, cs, grid));
    let counts = [
        ("unusable rows", UNUSABLE_ROWS, cs.blinding_factors() + 1),
        ("small advice columns", planned.small_advice, realised.small_advice),
        ("wide advice columns", planned.wide_advice, realised.wide_advice),
        ("fixed columns", planned.fixed, realised.fixed),
        ("instance columns", planned.instance, realised.instance),
        ("permuted columns", planned.permuted, realised.permuted),
        ("permutation products", planned.products, realised.products),
        ("native lookups", planned.native_lookups, realised.native_lookups),
        ("fixed queries", planned.fixed_queries, realised.fixed_queries),
        ("copies", planned.copies, realised.copies),
        ("degree", planned.degree, realised.degree),
        // halo2 caps the degree that it reports; a constraint above it would give proofs that never verify.
        ("largest constraint's degree", planned.degree, constraint_degree(cs).max(planned.degree)),
        ("activation rows", planned.activation_rows, realised.activation_rows),
        ("weight rows", planned.weight_rows, realised.weight_rows),
        ("table entries", planned.table_entries, realised.table_entries),
        ("advice queries", planned.advice_queries, realised.advice_queries),
        ("instance queries", planned.instance_queries, realised.instance_queries),
        ("rotation sets", planned.rotation_sets, realised.rotation_sets),
        ("proof bytes", planned.proof_bytes, realised.proof_bytes),
    ];
    for (what, planned, realised) in counts {
        if planned != realised {
            return Err(CircuitError::Shape { what, planned, realised });
        }
    }
    Ok(())
}

/// The largest degree of a gate or of a lookup's own constraints. The permutation argument adapts to what is planned.
fn constraint_degree(cs: &ConstraintSystem<Scalar>) -> usize {
    let polynomials = cs.gates().iter().flat_map(|gate| gate.polynomials());
    let gates = polynomials.map(|polynomial| polynomial.degree());
    let lookups = cs.lookups().iter().map(|lookup| {
        let largest =
            |sides: &[Expression<Scalar>]| sides.iter().map(Expression::degree).max().unwrap_or(0).max(1);
        // The active rows' indicator and the product, beside both sides.
        2 + largest(lookup.input_expressions()) + largest(lookup.table_expressions())
    });
    gates.chain(lookups).max().unwrap_or(0)
}
