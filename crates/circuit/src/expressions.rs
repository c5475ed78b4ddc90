//! Gates as the proof system's expressions: what makes constraints of their bodies.

use halo2_proofs::plonk::{Advice, Challenge as Drawn, Column, Expression, Fixed, Instance, VirtualCells};
use halo2_proofs::poly::Rotation;
use zklayout_plan::{Algebra, Challenge, PublicAlgebra};

use crate::field::{Scalar, scalar};

/// A gate polynomial.
pub(crate) type Expr = Expression<Scalar>;

/// Columns and challenges that gates read, by their places.
#[derive(Clone, Copy)]
pub(crate) struct Read<'a> {
    pub(crate) advice: &'a [Column<Advice>],
    pub(crate) fixed: &'a [Column<Fixed>],
    pub(crate) instance: &'a [Column<Instance>],
    /// Sigma, rho, beta, gamma; none where gates read none.
    pub(crate) challenges: &'a [Drawn],
}

/// One gate's cells.
pub(crate) struct Expressions<'a, 'b> {
    pub(crate) meta: &'a mut VirtualCells<'b, Scalar>,
    pub(crate) read: Read<'a>,
}

impl Algebra for Expressions<'_, '_> {
    type Value = Expr;

    fn advice(&mut self, column: usize, at: i32) -> Expr {
        self.meta.query_advice(self.read.advice[column], Rotation(at))
    }

    fn fixed(&mut self, column: usize) -> Expr {
        self.meta.query_fixed(self.read.fixed[column], Rotation::cur())
    }

    fn challenge(&mut self, challenge: Challenge) -> Expr {
        self.meta.query_challenge(self.read.challenges[challenge as usize])
    }

    fn constant(&mut self, value: i64) -> Expr {
        Expression::Constant(scalar(value))
    }
}

impl PublicAlgebra for Expressions<'_, '_> {
    fn instance(&mut self, column: usize) -> Expr {
        self.meta.query_instance(self.read.instance[column], Rotation::cur())
    }
}
