//! What each kind of term is on the tapes: a file for each kind, and a line of the registry below.

mod axis;
mod constant;
mod kernel;
mod known_bias;
mod moved;
mod pairs;
mod product;
mod rotation;
mod row;
mod rules;
mod scaled;
mod squares;
mod transpose;
mod turned;

use serde::{Deserialize, Serialize};
use zklayout_model::{Planes, Term};

use rules::Laid;

pub use axis::PhaseAxis;
pub use constant::ConstantFact;
pub use kernel::KernelFact;
pub(crate) use kernel::{is_origin, meets_phases};
pub use known_bias::KnownBiasFact;
pub use moved::MoveFact;
pub use product::ProductFact;
pub use rotation::RotationFact;
pub use row::{Block, Evaluation, Scalar, WeightCells, WeightRow};
pub(crate) use rules::{Arranged, FactRules, Outputs, Placed, Placement, Source, Taken, TermRow, digits};

pub use scaled::ScaledFact;
pub use squares::SquaresFact;
pub use transpose::TransposeFact;

/// Declares [`FactTerm`] and how its kinds are found.
macro_rules! terms {
    ($($kind:ident($fact:ident)),* $(,)?) => {
        /// What a term of a layer is on the tapes.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum FactTerm {
            $(#[doc = concat!("See [`", stringify!($fact), "`].")] $kind($fact),)*
        }

        $(impl From<$fact> for FactTerm {
            fn from(term: $fact) -> Self {
                Self::$kind(term)
            }
        })*

        impl FactTerm {
            pub(crate) fn rules(&self) -> &dyn FactRules {
                match self { $(Self::$kind(term) => term,)* }
            }
        }

        /// How a model's term is placed.
        pub(crate) fn placement(term: &Term<i64>) -> &dyn Placement {
            match term { $(Term::$kind(term) => term,)* }
        }

        /// A model's term on the tapes.
        pub(crate) fn placed(term: &Term<i64>, arranged: &Arranged<'_>) -> FactTerm {
            match term { $(Term::$kind(term) => term.fact(arranged).into(),)* }
        }

        /// A model's term on tapes that are not arranged.
        pub(crate) fn unplaced(term: &Term<i64>, sources: &[Planes], weight_bits: u32) -> FactTerm {
            match term { $(Term::$kind(term) => term.unplaced(sources, weight_bits).into(),)* }
        }
    };
}

terms! {
    Kernel(KernelFact),
    Move(MoveFact),
    Constant(ConstantFact),
    Product(ProductFact),
    Transpose(TransposeFact),
    Squares(SquaresFact),
    Scaled(ScaledFact),
    KnownBias(KnownBiasFact),
    Rotation(RotationFact),
}
