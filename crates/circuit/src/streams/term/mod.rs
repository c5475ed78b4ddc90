//! What each kind of term adds to a layer's product polynomials: a file for each kind, and a line of the registry below.
//!
//! A product polynomial holds a layer's accumulators at every exponent of sigma, padding included.

mod constant;
mod kernel;
mod known_bias;
mod moved;
mod placed;
mod product;
mod rotation;
mod scaled;
mod squares;
mod transpose;

use zklayout_model::Term;
use zklayout_plan::FactTerm;

use crate::error::CircuitError;
use constant::ConstantProduct;
use kernel::KernelProduct;
use known_bias::KnownBiasProduct;
use moved::MoveProduct;
use placed::TermProduct;
use product::ProductProduct;
use rotation::RotationProduct;
use scaled::ScaledProduct;
use squares::SquaresProduct;
use transpose::TransposeProduct;

pub(crate) use placed::Placed;

/// Declares how the kinds of terms are found.
macro_rules! terms {
    ($($kind:ident($product:ident)),* $(,)?) => {
        /// What a term adds.
        ///
        /// # Errors
        /// A plan of another model.
        pub(crate) fn product<'a>(
            term: &'a Term<i64>,
            fact: &'a FactTerm,
            placed: &Placed<'a>,
        ) -> Result<Box<dyn TermProduct + 'a>, CircuitError> {
            match (term, fact) {
                $((Term::$kind(term), FactTerm::$kind(fact)) => Ok(Box::new($product::of(term, fact, placed)?)),)*
                _ => Err(placed.mismatch("has a term of another kind than the plan")),
            }
        }
    };
}

terms! {
    Kernel(KernelProduct),
    Move(MoveProduct),
    Constant(ConstantProduct),
    Product(ProductProduct),
    Transpose(TransposeProduct),
    Squares(SquaresProduct),
    Scaled(ScaledProduct),
    KnownBias(KnownBiasProduct),
    Rotation(RotationProduct),
}
