//! The gates, one file each. Every constraint is switched: it holds on active rows only, which leaves out the last
//! usable row and the blinding rows.

mod activation;
mod logup;
mod lookup;
mod native;
mod public;
mod scalar;

use halo2_proofs::plonk::ConstraintSystem;
use zklayout_plan::Streams;

use crate::field::Scalar;
use crate::streams::columns::Columns;

/// Creates every gate of a plan.
pub(crate) fn create(cs: &mut ConstraintSystem<Scalar>, plan: &Streams, columns: &Columns) {
    activation::create(cs, plan, columns);
    scalar::create(cs, plan, columns);
    match plan.lookup_chunk() {
        Some(chunk) => logup::create(cs, plan, columns, chunk),
        None => native::create(cs, plan, columns),
    }
    public::create(cs, plan, columns);
}
