//! What is looked up: every lane's value and remainder, every private weight. How that is proven is the business of
//! `logup` and `native`.
//!
//! A lookup is a triple `(tag, x, y)`; the tag tells which table. Looked-up rows carry a non-zero tag, so that the zero
//! entry of unused table rows is never theirs.

use halo2_proofs::plonk::VirtualCells;
use halo2_proofs::poly::Rotation;
use zklayout_plan::Streams;

use crate::Scalar;
use crate::streams::columns::Columns;
use crate::streams::expressions::{Expr, constant, fixed};

/// One lookup of every row.
pub(super) struct Lookup {
    /// 1 on rows where it counts; `None` if it counts on every active row.
    pub(super) mask: Option<Expr>,
    pub(super) tag: Expr,
    pub(super) x: Expr,
    pub(super) y: Option<Expr>,
}

/// Values by lane, then remainders by limb and lane, then weights: the order of the witness's hits.
pub(super) fn lookups(meta: &mut VirtualCells<'_, Scalar>, plan: &Streams, columns: &Columns) -> Vec<Lookup> {
    let masks: Vec<Expr> = columns.places.masks.iter().map(|&place| fixed(meta, &columns.fixed, place)).collect();
    let tag = fixed(meta, &columns.fixed, columns.places.tag);
    let mut lookups = Vec::new();
    for (lane, mask) in masks.iter().enumerate() {
        let x = meta.query_advice(columns.quotients[lane], Rotation::cur());
        let y = Some(meta.query_advice(columns.values[lane], Rotation::cur()));
        lookups.push(Lookup { mask: Some(mask.clone()), tag: tag.clone(), x, y });
    }
    if let Some(place) = columns.places.limb {
        let limb = fixed(meta, &columns.fixed, place);
        for (&column, mask) in columns.remainders.iter().zip(masks.iter().cycle()) {
            let x = meta.query_advice(column, Rotation::cur());
            lookups.push(Lookup { mask: Some(mask.clone()), tag: limb.clone(), x, y: None });
        }
    }
    for &column in &columns.weights {
        let x = meta.query_advice(column, Rotation::cur());
        lookups.push(Lookup { mask: None, tag: constant(1 << plan.weight_bits), x, y: None });
    }
    lookups
}
