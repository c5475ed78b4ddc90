//! Clamps: what tensors of any scale share. They know neither functions nor tables.

use serde::{Deserialize, Serialize};

/// `min(max(x, lo), hi)`; a missing bound is infinite. ReLU is `lo = 0`, ReLU6 adds `hi = 6`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Clamp<T> {
    /// Lower bound.
    pub lo: Option<T>,
    /// Upper bound.
    pub hi: Option<T>,
}

impl<T> Clamp<T> {
    /// The identity.
    pub fn none() -> Self {
        Self { lo: None, hi: None }
    }

    /// Whether nothing is clamped.
    pub fn is_identity(&self) -> bool {
        self.lo.is_none() && self.hi.is_none()
    }
}

impl<T: Copy + PartialOrd> Clamp<T> {
    /// The clamped value.
    pub fn apply(&self, x: T) -> T {
        let raised = match self.lo {
            Some(lo) if x < lo => lo,
            _ => x,
        };
        match self.hi {
            Some(hi) if raised > hi => hi,
            _ => raised,
        }
    }

    /// `next` after `self`, as one clamp.
    pub fn then(&self, next: &Self) -> Self {
        Self { lo: self.lo.map(|lo| next.apply(lo)).or(next.lo), hi: self.hi.map(|hi| next.apply(hi)).or(next.hi) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn composition_equals_applying_in_turn(
            a in proptest::option::of(-9i64..9), b in proptest::option::of(-9i64..9),
            c in proptest::option::of(-9i64..9), d in proptest::option::of(-9i64..9), x in -20i64..20,
        ) {
            let order = |lo: Option<i64>, hi: Option<i64>| match (lo, hi) {
                (Some(l), Some(h)) if l > h => Clamp { lo: Some(h), hi: Some(l) },
                _ => Clamp { lo, hi },
            };
            let (first, second) = (order(a, b), order(c, d));
            prop_assert_eq!(first.then(&second).apply(x), second.apply(first.apply(x)));
        }
    }
}
