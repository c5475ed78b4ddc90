//! Terms: what a layer's accumulators are the sum of.
//!
//! Each kind of term is one file, which says what it reads, what it adds, how far that can go and what its integers are; the
//! registry below is the only place that names all of them. It knows nothing of layers' activations and roundings.

mod constant;
mod kernel;
mod moved;

use std::fmt;

use ndarray::Array3;
use serde::{Deserialize, Serialize};

use crate::error::QuantiseError;
use crate::number::Number;
use crate::per_channel::PerChannel;
use crate::planes::Planes;
use crate::quantise::Quantising;

pub use constant::Constant;
pub use kernel::{Kernel, Padding};
pub use moved::Move;

/// Declares [`Term`] and how its kinds are found.
macro_rules! terms {
    ($($(#[$doc:meta])* $kind:ident),* $(,)?) => {
        /// What a layer's accumulators are the sum of, with a bias for each channel.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(bound(serialize = "T: Clone + Serialize", deserialize = "T: Copy + PartialEq + Deserialize<'de>"))]
        pub enum Term<T> {
            $($(#[$doc])* $kind($kind<T>),)*
        }

        $(impl<T> From<$kind<T>> for Term<T> {
            fn from(term: $kind<T>) -> Self {
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

            pub(crate) fn floats_mut(&mut self) -> &mut dyn FloatTerm {
                match self { $(Self::$kind(term) => term,)* }
            }
        }
    };
}

terms! {
    /// A convolution of window sums.
    Kernel,
    /// A tensor that is added, perhaps moved and scaled.
    Move,
    /// A constant of each position.
    Constant,
}

/// What every kind of term answers, whatever its numbers are. Sources are the tensors that the term reads, by slot.
pub(crate) trait Summand<T> {
    /// What it is, in listings.
    fn label(&self) -> String;

    /// Number of tensors that it reads.
    fn arity(&self) -> usize {
        1
    }

    /// Why it does not fit tensors of these planes, or a layer whose result has those.
    fn check(&self, sources: &[Planes], output: Planes) -> Result<(), &'static str>;

    /// Rows and columns of a source that a result of these planes reads; at least one of each.
    fn live_source(&self, output: Planes) -> (usize, usize);

    /// Whether anything that it reads is added to a result of these planes.
    fn reaches(&self, _output: Planes) -> bool {
        true
    }

    /// Rows and columns of what is read from one value of the result to the next.
    fn stride(&self) -> usize;

    /// Adds the term to a layer's accumulators; `None` means overflow.
    fn add_to(&self, sums: &mut Array3<T>, sources: &[&Array3<T>]) -> Option<()>;

    /// Number of weights of each output channel.
    fn weights(&self) -> usize {
        0
    }

    /// A weight of an output channel, by its place among them.
    fn weight(&self, _output: usize, _place: usize) -> Option<T> {
        None
    }

    /// The same, to be changed.
    fn weight_mut(&mut self, _output: usize, _place: usize) -> Option<&mut T> {
        None
    }
}

/// A tensor that a term reads, as bounds of what it adds see it.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Least value.
    pub lo: i64,
    /// Greatest value.
    pub hi: i64,
    /// Its planes; without them the tensor counts as 0 wherever it may not be added.
    pub planes: Option<Planes>,
}

/// What every kind of term answers of its integers.
pub(crate) trait IntegerTerm: Summand<i64> {
    /// Why no executor could run it: an extent or a number that is out of bounds.
    fn check_integers(&self) -> Result<(), &'static str>;

    /// Widens each output channel's least and greatest accumulator by what the term can add; `None` means overflow.
    fn reach(&self, bounds: &mut [(i64, i64)], sources: &[Extent], output: Planes) -> Option<()>;
}

/// What every kind of term answers on its way to integers.
pub(crate) trait FloatTerm: Summand<f64> {
    /// A number of the term that is NaN or infinite, with its output channel.
    fn not_finite(&self) -> Option<(usize, f64)>;

    /// The scale that an output channel must at least have, so that what the term adds is an integer.
    fn least_scale(&self, output: usize, sources: &[&PerChannel<i32>]) -> Option<i32>;

    /// Leaves out what is added beyond a result of these planes.
    fn crop(&mut self, _output: Planes) {}

    /// The term in integers.
    fn quantise(&self, quantising: &Quantising<'_>) -> Result<Quantised, QuantiseError>;
}

/// A term in integers.
pub(crate) struct Quantised {
    pub(crate) term: Term<i64>,
    /// By output channel, the mean that rounding took away, which a bias can make up for; empty if there is none.
    pub(crate) drift: Vec<f64>,
}

impl Quantised {
    /// A term that loses nothing.
    pub(crate) fn exactly(term: impl Into<Term<i64>>) -> Self {
        Self { term: term.into(), drift: Vec::new() }
    }
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
