//! Layers: a sum of terms, a bias for each channel, and what becomes of the accumulators; the same before and after
//! quantisation.
//!
//! It knows how accumulators come about, not what kinds of terms there are, nor what becomes of the sums.

use ndarray::Array3;
use serde::{Deserialize, Serialize};

use crate::number::Number;
use crate::planes::Planes;
use crate::term::{Kernel, Term};

/// A node of a graph of layers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(
    serialize = "T: Clone + Serialize, T::Input: Serialize, T::Finish: Serialize",
    deserialize = "T: Copy + PartialEq + Deserialize<'de>, T::Input: Deserialize<'de>, T::Finish: Deserialize<'de>"
))]
pub enum LayerNode<T: Number> {
    /// The model's input.
    Input(T::Input),
    /// A layer; the graph's edges lead from what its terms read, term by term.
    Layer(Layer<T>),
}

/// A layer: `finish(bias + sum of terms)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound(
    serialize = "T: Clone + Serialize, T::Finish: Serialize",
    deserialize = "T: Copy + PartialEq + Deserialize<'de>, T::Finish: Deserialize<'de>"
))]
pub struct Layer<T: Number> {
    /// Name of the node of the model file that the layer started from.
    pub name: String,
    /// Planes of the result; they may be smaller than the terms' full results where nobody reads the rest.
    pub output: Planes,
    /// What the accumulators are the sum of.
    pub terms: Vec<Term<T>>,
    /// One value per output channel.
    pub bias: Vec<T>,
    /// What becomes of the accumulators.
    pub finish: T::Finish,
}

impl<T: Number> Layer<T> {
    /// The convolution among the terms.
    pub fn kernel(&self) -> Option<&Kernel<T>> {
        self.terms.iter().find_map(Term::as_kernel)
    }

    /// The convolution among the terms, to be changed.
    pub fn kernel_mut(&mut self) -> Option<&mut Kernel<T>> {
        self.terms.iter_mut().find_map(|term| if let Term::Kernel(kernel) = term { Some(kernel) } else { None })
    }

    /// The terms that read a tensor.
    pub fn reading(&self) -> impl Iterator<Item = &Term<T>> {
        self.terms.iter().filter(|term| term.arity() > 0)
    }

    /// Rows and columns of what is read from one value of the result to the next, as the first term that reads has it; 1 if
    /// none does.
    pub fn stride(&self) -> usize {
        self.reading().next().map_or(1, Term::stride)
    }

    /// Number of tensors that the layer reads.
    pub fn arity(&self) -> usize {
        self.terms.iter().map(Term::arity).sum()
    }

    /// Whether its biases are numbers of the plan and no weights.
    pub fn has_known_bias(&self) -> bool {
        self.terms.iter().any(Term::replaces_bias)
    }

    /// Number of weights and biases.
    pub fn parameters(&self) -> usize {
        let biases = if self.has_known_bias() { 0 } else { self.bias.len() };
        biases + self.terms.iter().map(Term::weights).sum::<usize>() * self.output.channels
    }

    /// Every term with what it reads, given what the layer reads.
    pub fn reads<'a, S>(&'a self, sources: &'a [S]) -> impl Iterator<Item = (&'a Term<T>, &'a [S])> {
        reads(&self.terms, sources)
    }

    /// The layer's accumulators; `None` means overflow.
    pub fn accumulate(&self, sources: &[&Array3<T>]) -> Option<Array3<T>> {
        accumulate(&self.terms, &self.bias, self.output, sources)
    }
}

/// Every term with what it reads, given what all read, in order.
pub(crate) fn reads<'a, T: Number, S>(
    terms: &'a [Term<T>],
    sources: &'a [S],
) -> impl Iterator<Item = (&'a Term<T>, &'a [S])> {
    let mut rest = sources;
    terms.iter().map_while(move |term| {
        let (own, others) = rest.split_at_checked(term.arity())?;
        rest = others;
        Some((term, own))
    })
}

/// Biases and the sum of terms; `None` means overflow.
pub(crate) fn accumulate<T: Number>(
    terms: &[Term<T>],
    bias: &[T],
    output: Planes,
    sources: &[&Array3<T>],
) -> Option<Array3<T>> {
    let mut sums = Array3::from_shape_fn(output.dims(), |(channel, ..)| bias[channel]);
    for (term, sources) in reads(terms, sources) {
        term.rules().add_to(&mut sums, sources)?;
    }
    Some(sums)
}
