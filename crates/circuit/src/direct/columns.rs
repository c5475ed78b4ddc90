//! Every column of the circuit.
//!
//! ```text
//! advice    a_0 a_1 ... a_last                                     all under the permutation argument
//! fixed     dot  look  divisor  tag_values  tag_remainders | table: tag x y | sum | bits offset | constants ...
//! instance  one: outputs, then inputs if they are public
//! ```

use halo2_proofs::plonk::{Advice, Column, ConstraintSystem, Fixed, Instance};
use zklayout_plan::Direct;

use crate::field::Scalar;

/// The columns.
#[derive(Clone, Debug)]
pub struct Columns {
    /// The grid.
    pub advice: Vec<Column<Advice>>,
    /// Fixed columns, in the order of `Places`.
    pub fixed: Vec<Column<Fixed>>,
    /// Places of the fixed columns.
    pub places: Places,
    /// Public values.
    pub instance: Column<Instance>,
}

/// Places of the fixed columns, in the order they are created.
#[derive(Clone, Debug)]
pub struct Places {
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

impl Places {
    /// The fixed columns of a plan.
    pub fn of(plan: &Direct) -> Self {
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
            sum: plan.gadgets.sum.then(&mut next),
            bits: plan.gadgets.bits.then(|| [next(), next()]),
            constants: (0..plan.constant_columns()).map(|_| next()).collect(),
            count: 0,
        };
        places.count = count;
        places
    }
}

impl Columns {
    /// Creates the columns of a plan.
    pub fn create(cs: &mut ConstraintSystem<Scalar>, plan: &Direct) -> Self {
        let places = Places::of(plan);
        let columns = Self {
            advice: (0..plan.knobs.columns).map(|_| cs.advice_column()).collect(),
            fixed: (0..places.count).map(|_| cs.fixed_column()).collect(),
            instance: cs.instance_column(),
            places,
        };
        columns.advice.iter().for_each(|&column| cs.enable_equality(column));
        columns.places.constants.iter().for_each(|&place| cs.enable_equality(columns.fixed[place]));
        cs.enable_equality(columns.instance);
        columns
    }
}
