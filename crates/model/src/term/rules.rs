//! What every kind of term answers. It knows no kind, and nothing of how integers are chosen.

use ndarray::{Array3, Array4};

use crate::error::QuantiseError;
use crate::per_channel::PerChannel;
use crate::planes::Planes;

/// Bits below which every requantisation's shift and every added tensor's factor must be.
pub(crate) const MOST_SHIFT: i32 = 40;

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

    /// Whether it stands in the place of biases.
    fn replaces_bias(&self) -> bool {
        false
    }

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

    /// Whether it joins channels of what it reads, so that all of them must have one scale.
    fn joins_channels(&self) -> bool {
        false
    }

    /// Whether its result is joined as a whole, so that all of its channels are rounded alike and it is no model's output.
    fn rounds_alike(&self) -> bool {
        false
    }

    /// Leaves out what is added beyond a result of these planes.
    fn crop(&mut self, _output: Planes) {}
}

/// A kind of term that becomes one of integers.
pub(crate) trait Quantisable: FloatTerm {
    /// The same kind of integers.
    type Integers;

    /// The term in integers.
    fn quantise(&self, quantising: &dyn Quantising) -> Result<Quantised<Self::Integers>, QuantiseError>;
}

/// What a term asks of whoever chooses its layer's integers.
pub(crate) trait Quantising {
    /// Scale of each channel of the accumulators.
    fn scale(&self) -> &PerChannel<i32>;

    /// Scales of each channel of the tensors that the term reads.
    fn sources(&self) -> &[&PerChannel<i32>];

    /// Number of output channels.
    fn outputs(&self) -> usize;

    /// Integer weights of a convolution, of which `first_input` gives the first input channel of an output channel; and
    /// by output channel the mean drift that a bias should make up for.
    fn weights(&self, weights: &Array4<f64>, first_input: &dyn Fn(usize) -> usize) -> (Array4<i64>, Vec<f64>);

    /// The error of an output channel that has no integers.
    fn refuse(&self, channel: usize, reason: &str) -> QuantiseError;
}

/// A term in integers.
pub(crate) struct Quantised<T> {
    pub(crate) term: T,
    /// By output channel, the mean that rounding took away, which a bias can make up for; empty if there is none.
    pub(crate) drift: Vec<f64>,
}

impl<T> Quantised<T> {
    /// A term that loses nothing.
    pub(crate) fn exactly(term: T) -> Self {
        Self { term, drift: Vec::new() }
    }
}
