//! The map of the family's fixed columns.
//!
//! ```text
//! advice    a_0 a_1 ... a_last                                     all under the permutation argument
//! fixed     dot  look  divisor  tag_values  tag_remainders | table: tag x y | sum | bits offset | constants ...
//! instance  one: outputs, then inputs if they are public
//! ```

use crate::direct::layout::{Direct, Gadgets};

/// Places of the fixed columns, in the order they are created.
#[derive(Clone, Debug)]
pub struct DirectColumns {
    /// 1 on dot rows.
    pub dot: usize,
    /// 1 on look rows.
    pub look: usize,
    /// Divisor of a look row, multiplier of a row of digits.
    pub factor: usize,
    /// Tag of the table of quotients and values.
    pub tag_values: usize,
    /// Tag of the remainders' table.
    pub tag_remainders: usize,
    /// Tag, x and y of all tables.
    pub table: [usize; 3],
    /// 1 on sum rows.
    pub sum: Option<usize>,
    /// 1 on rows of digits, and what is added there.
    pub bits: Option<[usize; 2]>,
    /// Constants and fixed weights.
    pub constants: Vec<usize>,
    /// Number of columns.
    pub count: usize,
}

impl DirectColumns {
    /// The fixed columns of a plan.
    pub fn of(plan: &Direct) -> Self {
        Self::new(&plan.gadgets, plan.constant_columns())
    }

    pub(crate) fn new(gadgets: &Gadgets, constants: usize) -> Self {
        let mut count = 0;
        let mut next = || {
            count += 1;
            count - 1
        };
        let mut places = Self {
            dot: next(),
            look: next(),
            factor: next(),
            tag_values: next(),
            tag_remainders: next(),
            table: [next(), next(), next()],
            sum: gadgets.sum.then(&mut next),
            bits: gadgets.bits.then(|| [next(), next()]),
            constants: (0..constants).map(|_| next()).collect(),
            count: 0,
        };
        places.count = count;
        places
    }
}
