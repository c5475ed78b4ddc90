//! Terms: what a layer's accumulators are the sum of.
//!
//! Each kind of term is one file, which says what it reads, what it adds, how far that can go and what its integers are; the
//! registry below is the only place that names all of them. It knows nothing of layers' activations and roundings.

mod constant;
mod kernel;
mod known_bias;
mod moved;
mod product;
mod rotation;
mod rules;
mod scaled;
mod squares;
mod transpose;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::QuantiseError;
use crate::number::Number;
use crate::planes::Planes;

use rules::{FloatTerm, IntegerTerm, Quantisable, Summand};

pub use constant::Constant;
pub use kernel::{Kernel, Padding};
pub use known_bias::KnownBias;
pub use moved::Move;
pub use product::Product;
pub use rotation::Rotation;
pub use rules::Extent;
pub(crate) use rules::{MOST_SHIFT, Quantised, Quantising};
pub use scaled::Scaled;
pub use squares::Squares;
pub use transpose::Transpose;

/// Declares [`Term`] and how its kinds are found.
macro_rules! terms {
    ($($(#[$doc:meta])* $kind:ident($of:ty)),* $(,)?) => {
        /// What a layer's accumulators are the sum of, with a bias for each channel.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(bound(serialize = "T: Clone + Serialize", deserialize = "T: Copy + PartialEq + Deserialize<'de>"))]
        pub enum Term<T> {
            $($(#[$doc])* $kind($of),)*
        }

        $(impl<T> From<$of> for Term<T> {
            fn from(term: $of) -> Self {
                Self::$kind(term)
            }
        })*

        impl<T: Number> Term<T> {
            pub(crate) fn rules(&self) -> &dyn Summand<T> {
                match self { $(Self::$kind(term) => term,)* }
            }

            fn rules_mut(&mut self) -> &mut dyn Summand<T> {
                match self { $(Self::$kind(term) => term,)* }
            }
        }

        impl Term<i64> {
            fn integers(&self) -> &dyn IntegerTerm {
                match self { $(Self::$kind(term) => term,)* }
            }
        }

        impl Term<f64> {
            pub(crate) fn floats(&self) -> &dyn FloatTerm {
                match self { $(Self::$kind(term) => term,)* }
            }

            /// The term in integers.
            pub(crate) fn quantise(&self, quantising: &dyn Quantising) -> Result<Quantised<Term<i64>>, QuantiseError> {
                match self {
                    $(Self::$kind(term) => {
                        let Quantised { term, drift } = term.quantise(quantising)?;
                        Ok(Quantised { term: term.into(), drift })
                    })*
                }
            }

            pub(crate) fn floats_mut(&mut self) -> &mut dyn FloatTerm {
                match self { $(Self::$kind(term) => term,)* }
            }
        }
    };
}

terms! {
    /// A convolution of window sums.
    Kernel(Kernel<T>),
    /// A tensor that is added, perhaps moved and scaled.
    Move(Move<T>),
    /// A constant of each position.
    Constant(Constant<T>),
    /// The product of two tensors.
    Product(Product<T>),
    /// A tensor with its planes and positions swapped.
    Transpose(Transpose),
    /// The sum of each plane's squares.
    Squares(Squares),
    /// A tensor whose planes are multiplied by a number each.
    Scaled(Scaled),
    /// A number of the plan for each channel, in the place of biases.
    KnownBias(KnownBias<T>),
    /// Features of heads joined in pairs, by numbers of their position.
    Rotation(Rotation<T>),
}

impl<T: Number> Term<T> {
    /// Number of tensors that it reads.
    pub fn arity(&self) -> usize {
        self.rules().arity()
    }

    /// Why it does not fit tensors of these planes, or a layer whose result has those.
    ///
    /// # Errors
    /// The reason.
    pub fn check(&self, sources: &[Planes], output: Planes) -> Result<(), &'static str> {
        if sources.len() != self.arity() {
            return Err("it reads another number of tensors");
        }
        self.rules().check(sources, output)
    }

    /// Rows and columns of a source that a result of these planes reads; at least one of each.
    pub fn live_source(&self, output: Planes) -> (usize, usize) {
        self.rules().live_source(output)
    }

    /// Whether anything that it reads is added to a result of these planes.
    pub(crate) fn reaches(&self, output: Planes) -> bool {
        self.rules().reaches(output)
    }

    /// Rows and columns of what is read from one value of the result to the next.
    pub fn stride(&self) -> usize {
        self.rules().stride()
    }

    /// Whether it stands in the place of biases, so that the layer has none among its weights.
    pub fn replaces_bias(&self) -> bool {
        self.rules().replaces_bias()
    }

    /// Number of weights of each output channel.
    pub fn weights(&self) -> usize {
        self.rules().weights()
    }

    /// A weight of an output channel, by its place among them.
    pub fn weight(&self, output: usize, place: usize) -> Option<T> {
        self.rules().weight(output, place)
    }

    /// A weight of an output channel, to be changed.
    pub fn weight_mut(&mut self, output: usize, place: usize) -> Option<&mut T> {
        self.rules_mut().weight_mut(output, place)
    }

    /// The convolution, if it is one.
    pub fn as_kernel(&self) -> Option<&Kernel<T>> {
        if let Self::Kernel(kernel) = self { Some(kernel) } else { None }
    }
}

impl<T: Number> fmt::Display for Term<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rules().label())
    }
}

impl Term<i64> {
    /// Why no executor could run it.
    ///
    /// # Errors
    /// Which of its extents or numbers is out of bounds.
    pub fn check_integers(&self) -> Result<(), &'static str> {
        self.integers().check_integers()
    }

    /// Widens each output channel's least and greatest accumulator by what the term can add; `None` means overflow.
    pub fn reach(&self, bounds: &mut [(i64, i64)], sources: &[Extent], output: Planes) -> Option<()> {
        self.integers().reach(bounds, sources, output)
    }
}
