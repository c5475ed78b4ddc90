//! The canonical structure of a quantised model: everything in its graph but the weights' values, as explicit bytes whose
//! hash is the model's identity in plans and keys.
//!
//! ```text
//! structure   version, number of nodes, nodes in order
//! node        list of sources, then 0 and an input or 1 and a layer
//! ```
//!
//! Fields follow in the order of this file, each of a fixed width, a list or a choice, so that no two structures have one
//! encoding. What a channel may have for itself is a list. Names of layers, and how a range was found, are no part of a
//! model's identity: no integer depends on them. It knows nothing of layouts; the number of digits that a bias takes is all that it
//! says of weights' values.

use zklayout_model::{
    Clamp, Fixed, FixedActivation, FixedFinish, FixedInput, FixedLayer, Graph, Kernel, Move, Multiplier,
    OutputKind, Padding, Planes, Rescale, Scaling, Stored, Term, ValueRange, ValueTable,
};

use crate::encoder::Encoder;
use crate::hash::PlanHash;
use crate::streams::{bias_digits, placement};

/// Version of the encoding: its first number. Graphs whose layers are a kernel, tensors added to it and nothing else have
/// the first.
const VERSIONS: [usize; 2] = [1, 2];

/// The canonical bytes of everything in a quantised graph but its weights' values.
pub fn structure(graph: &Graph<Fixed>) -> Vec<u8> {
    let layers =
        || graph.nodes().filter_map(|(_, node)| if let Fixed::Layer(layer) = node { Some(layer) } else { None });
    let sums = layers().any(|layer| Convolution::of(layer).is_none());
    let mut encoder = Encoder::default();
    encoder.count(VERSIONS[usize::from(sums)]);
    encoder.count(graph.len());
    for (id, node) in graph.nodes() {
        let sources: Vec<Source> =
            graph.inputs(id).iter().map(|source| (source.index(), graph.node(*source).shape())).collect();
        match node {
            Fixed::Input(input) => {
                encoder.list(&sources, Encoder::source);
                encoder.choice(0);
                encoder.input(input);
            }
            Fixed::Layer(layer) => encoder.layer(layer, &sources, sums),
        }
    }
    encoder.finish()
}

/// Hash of [`structure`]: two models that differ in nothing but their weights' values share plans.
pub fn structure_hash(graph: &Graph<Fixed>) -> PlanHash {
    PlanHash::of("model structure", &structure(graph))
}

/// A node that a layer reads, and its planes.
type Source = (usize, Planes);

/// A layer as the first version has it: a kernel, or none, and tensors that are added.
struct Convolution<'a> {
    kernel: Option<&'a Kernel<i64>>,
    moves: Vec<&'a Move<i64>>,
    /// The tensors' stride, without a kernel; 1 beside one.
    stride: usize,
}

impl<'a> Convolution<'a> {
    fn of(layer: &'a FixedLayer) -> Option<Self> {
        let (kernel, others) = match &layer.terms[..] {
            [Term::Kernel(kernel), others @ ..] => (Some(kernel), others),
            others => (None, others),
        };
        let moves = others.iter().map(|term| if let Term::Move(moved) = term { Some(moved) } else { None });
        let moves: Vec<&Move<i64>> = moves.collect::<Option<_>>()?;
        let stride = if kernel.is_some() { 1 } else { moves.first()?.stride };
        moves.iter().all(|moved| moved.stride == stride).then_some(Self { kernel, moves, stride })
    }
}

// Structs are taken apart field by field, so that a new field is encoded or named here as no part of the structure.
impl Encoder {
    fn input(&mut self, FixedInput { shape, scale, range, stored }: &FixedInput) {
        self.planes(shape);
        self.list(scale.values(), Self::scale);
        self.range(range);
        self.option(stored.as_ref(), Self::stored);
    }

    fn source(&mut self, (node, _): &Source) {
        self.count(*node);
    }

    fn layer(&mut self, layer: &FixedLayer, sources: &[Source], sums: bool) {
        let FixedLayer { name: _, output, terms, bias, finish } = layer;
        let FixedFinish { weight_bits, accumulator_scale, kind } = finish;
        match Convolution::of(layer).filter(|_| !sums) {
            Some(convolution) => self.convolution(layer, &convolution, sources),
            None => {
                self.list(sources, Self::source);
                self.choice(1);
                self.planes(output);
                self.list(terms, |encoder, term| placement(term).encode(encoder, *weight_bits));
                self.count(bias.len());
            }
        }
        self.bits(weight_bits);
        self.list(accumulator_scale.values(), Self::scale);
        self.kind(kind);
        self.count(bias_digits(layer));
    }

    fn convolution(&mut self, layer: &FixedLayer, convolution: &Convolution<'_>, sources: &[Source]) {
        // A layer without a kernel has the tensor that it adds first in the kernel's place too.
        let first = sources.first().filter(|_| convolution.kernel.is_none());
        self.list(&first.into_iter().chain(sources).copied().collect::<Vec<_>>(), Self::source);
        self.choice(1);
        let input = sources.first().map_or(layer.output, |(_, planes)| *planes);
        let channels = layer.output.channels;
        let (input, window, weights, groups, stride, padding) = match convolution.kernel {
            Some(Kernel { input, window, weights, groups, stride, padding }) => {
                (*input, *window, weights.shape().to_vec(), *groups, *stride, *padding)
            }
            None => (input, 1, vec![channels, 0, 1, 1], 1, convolution.stride, Padding::default()),
        };
        self.planes(&input);
        self.planes(&layer.output);
        self.count(window);
        self.list(&weights, Self::extent);
        self.count(layer.bias.len());
        self.count(groups);
        self.count(stride);
        self.padding(&padding);
        self.list(&convolution.moves, |encoder, moved| encoder.moved(moved));
    }

    fn kind(&mut self, kind: &OutputKind) {
        match kind {
            OutputKind::Raw => self.choice(0),
            OutputKind::Requantise { shift, activation, range } => {
                self.choice(1);
                self.list(shift.values(), Self::bits);
                self.activation(activation);
                self.range(range);
            }
            OutputKind::Rescale(rescale) => {
                self.choice(2);
                self.rescale(rescale);
            }
            OutputKind::Stored(stored) => {
                self.choice(3);
                self.list(stored.values(), Self::stored);
            }
        }
    }

    fn activation(&mut self, activation: &FixedActivation) {
        match activation {
            FixedActivation::Clamp(Clamp { lo, hi }) => {
                self.choice(0);
                self.option(lo.as_ref(), Self::integer);
                self.option(hi.as_ref(), Self::integer);
            }
            FixedActivation::Table(ValueTable { lo, values, scale }) => {
                self.choice(1);
                self.integer(lo);
                self.list(values, Self::integer);
                self.scale(scale);
            }
        }
    }

    fn rescale(&mut self, Rescale { scaling, stored, lo, hi, reach }: &Rescale) {
        self.scaling(scaling);
        self.stored(stored);
        self.integer(lo);
        self.integer(hi);
        self.list(reach, |encoder, (least, most)| {
            encoder.integer(least);
            encoder.integer(most);
        });
    }

    fn scaling(&mut self, scaling: &Scaling) {
        match scaling {
            Scaling::Multipliers(multipliers) => {
                self.choice(0);
                self.list(multipliers, Self::multiplier);
            }
            Scaling::Factors(factors) => {
                self.choice(1);
                self.list(factors, |encoder, factor| encoder.float(*factor));
            }
            Scaling::Mean(count) => {
                self.choice(2);
                self.integer(count);
            }
            Scaling::Shift(shift) => {
                self.choice(3);
                self.bits(shift);
            }
        }
    }

    fn multiplier(&mut self, Multiplier { value, shift }: &Multiplier) {
        self.integer(&i64::from(*value));
        self.integer(&i64::from(*shift));
    }

    pub(crate) fn stored(&mut self, Stored { unit, zero_point }: &Stored) {
        self.count(unit.to_bits() as usize);
        self.integer(zero_point);
    }

    fn range(&mut self, ValueRange { lo, hi, source: _ }: &ValueRange) {
        self.integer(lo);
        self.integer(hi);
    }
}
