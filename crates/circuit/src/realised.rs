//! The realised circuit against the planned one, count by count.

use halo2_proofs::plonk::{ConstraintSystem, Expression};
use zklayout_plan::{CircuitShape, Layout, Plan, UNUSABLE_ROWS};

use crate::Scalar;
use crate::error::CircuitError;
use crate::lowering::Grid;

/// Counts what halo2 configured and what the fixed grid placed.
pub fn realised_shape(plan: &Plan, cs: &ConstraintSystem<Scalar>, grid: &Grid) -> CircuitShape {
    let phases = cs.advice_column_phase();
    let wide_advice = match plan.layout {
        Layout::Streams(_) => phases.iter().filter(|phase| **phase == 1).count(),
        // One phase, and any column may hold negative numbers.
        Layout::Direct(_) => phases.iter().filter(|phase| **phase == 0).count(),
    };
    let permuted = cs.permutation().get_columns().len();
    let products = permuted.div_ceil(cs.degree() - 2);
    let advice = cs.num_advice_columns();
    let counts = grid.counts();
    CircuitShape {
        k: plan.k(),
        small_advice: advice - wide_advice,
        wide_advice,
        fixed: cs.num_fixed_columns(),
        instance: cs.num_instance_columns(),
        permuted,
        products,
        native_lookups: cs.lookups().len(),
        // The number of fractions is no count of halo2's; the running-sum columns that it implies are.
        lookups: plan.shape.lookups,
        copies: counts.copies,
        degree: cs.degree(),
        activation_rows: counts.activation_rows,
        weight_rows: counts.weight_rows,
        table_entries: counts.table_entries,
        advice_queries: cs.advice_queries().len(),
        fixed_queries: cs.fixed_queries().len(),
        gate_operations: plan.shape.gate_operations,
        lookup_operations: plan.shape.lookup_operations,
        proof_bytes: 0,
    }
    .with_proof_bytes()
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
