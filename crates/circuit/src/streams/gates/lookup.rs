//! What is looked up: every lane's value and remainder, every private weight or pair of them. How that is proven is the business of
//! `logup` and `native`.
//!
//! A lookup is a triple `(tag, x, y)`; the tag tells which table. Looked-up rows carry a non-zero tag, so that the zero
//! entry of unused table rows is never theirs.

use halo2_proofs::plonk::{Advice, Column, VirtualCells};
use halo2_proofs::poly::Rotation;
use zklayout_plan::Streams;

use crate::field::Scalar;
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
    lookups.extend(weights(meta, plan, columns));
    lookups
}

/// Weights one by one, or two at a time; the last of an odd number makes a pair with itself.
fn weights(meta: &mut VirtualCells<'_, Scalar>, plan: &Streams, columns: &Columns) -> Vec<Lookup> {
    let tag = plan.weight_table().tag as i64;
    let lookup = |weights: &[Column<Advice>]| {
        let mut cell = |place: usize| Some(meta.query_advice(*weights.get(place)?, Rotation::cur()));
        let (x, second) = (cell(0)?, cell(1));
        let y = plan.knobs.weight_pairs.then(|| second.unwrap_or(x.clone()));
        Some(Lookup { mask: None, tag: constant(tag), x, y })
    };
    columns.weights.chunks(plan.knobs.weights_together()).filter_map(lookup).collect()
}
