//! Public cells: instance values beside the homes they belong to.
//!
//! | degree | constraint |
//! |--------|------------|
//! | 2 | public_values * (p_i - value_offset * mask_i - instance_i) = 0 |
//! | 3 | public_accumulators * (D * (q - offset) + r - instance) = 0, in the last lane |

use halo2_proofs::plonk::ConstraintSystem;
use halo2_proofs::poly::Rotation;
use zklayout_plan::Streams;

use crate::field::Scalar;
use crate::streams::columns::Columns;
use crate::streams::expressions::{constant, fixed};
use crate::streams::gates::activation::accumulator;

pub(super) fn create(cs: &mut ConstraintSystem<Scalar>, plan: &Streams, columns: &Columns) {
    let first = plan.knobs.lanes - columns.instance.len();
    if let Some(place) = columns.places.public_values {
        cs.create_gate("values are public", |meta| {
            let public = fixed(meta, &columns.fixed, place);
            let instances = columns.instance.iter().enumerate().map(|(index, &instance)| {
                let lane = first + index;
                let mask = fixed(meta, &columns.fixed, columns.places.masks[lane]);
                let value = meta.query_advice(columns.values[lane], Rotation::cur());
                let instance = meta.query_instance(instance, Rotation::cur());
                public.clone() * (value - mask * constant(plan.value_offset) - instance)
            });
            instances.collect::<Vec<_>>()
        });
    }
    if let Some(place) = columns.places.public_accumulators {
        cs.create_gate("accumulators are public", |meta| {
            let public = fixed(meta, &columns.fixed, place);
            let lane = plan.knobs.lanes - 1;
            let accumulator = accumulator(meta, plan, columns, lane);
            let instance = meta.query_instance(columns.instance[columns.instance.len() - 1], Rotation::cur());
            vec![public * (accumulator - instance)]
        });
    }
}
