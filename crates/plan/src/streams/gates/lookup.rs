//! What is looked up: every lane's value and remainder, every private weight or pair of them. How that is proven is the business of
//! `logup` and `native`.
//!
//! A lookup is a triple `(tag, x, y)`; the tag tells which table. Looked-up rows carry a non-zero tag, so that the zero
//! entry of unused table rows is never theirs.

use crate::algebra::Algebra;
use crate::streams::strips::{Lookup, Tag};

/// The cells of a lookup.
pub(super) struct Entry<V> {
    /// 1 on rows where it counts; `None` if it counts on every active row.
    pub(super) mask: Option<V>,
    pub(super) tag: V,
    pub(super) x: V,
    pub(super) y: Option<V>,
}

pub(super) fn entry<A: Algebra>(lookup: &Lookup, a: &mut A) -> Entry<A::Value> {
    let mask = lookup.mask.map(|column| a.fixed(column));
    let tag = match lookup.tag {
        Tag::Column(column) => a.fixed(column),
        Tag::Constant(tag) => a.constant(tag as i64),
    };
    let x = a.advice(lookup.x, 0);
    Entry { mask, tag, x, y: lookup.y.map(|column| a.advice(column, 0)) }
}
