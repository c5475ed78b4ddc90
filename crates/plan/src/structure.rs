//! The canonical structure of a quantised model: everything in its graph but the weights' values, as explicit bytes whose
//! hash is the model's identity in plans and keys.
//!
//! ```text
//! structure   version, number of nodes, nodes in order
//! node        list of sources, then 0 and an input or 1 and a layer
//! number      8 bytes, little-endian: two's complement, or a float's bits
//! list        its length, then its elements
//! choice      one byte that names the variant, then its fields
//! ```
//!
//! Fields follow in the order of this file, each of a fixed width, a list or a choice, so that no two structures have one
//! encoding. What a channel may have for itself is a list. Names of layers, and how a range was found, are no part of a
//! model's identity: no integer depends on them. It knows nothing of layouts; the number of digits that a bias takes is all that it
//! says of weights' values.

use zklayout_model::{
    Clamp, Fixed, FixedActivation, FixedInput, FixedLayer, Graph, Linear, Multiplier, NodeId, OutputKind, Padding,
    Planes, Rescale, Scaling, Skip, Stored, ValueRange, ValueTable,
};

use crate::hash::PlanHash;
use crate::streams::bias_digits;

/// Version of the encoding: its first number.
const STRUCTURE_VERSION: usize = 1;

/// The canonical bytes of everything in a quantised graph but its weights' values.
pub fn structure(graph: &Graph<Fixed>) -> Vec<u8> {
    let mut encoder = Encoder(Vec::new());
    encoder.count(STRUCTURE_VERSION);
    encoder.count(graph.len());
    for (id, node) in graph.nodes() {
        encoder.list(&graph.inputs(id), Encoder::source);
        encoder.node(node);
    }
    encoder.0
}

/// Hash of [`structure`]: two models that differ in nothing but their weights' values share plans.
pub fn structure_hash(graph: &Graph<Fixed>) -> PlanHash {
    PlanHash::of("model structure", &structure(graph))
}

struct Encoder(Vec<u8>);

// Structs are taken apart field by field, so that a new field is encoded or named here as no part of the structure.
impl Encoder {
    fn node(&mut self, node: &Fixed) {
        match node {
            Fixed::Input(input) => {
                self.choice(0);
                self.input(input);
            }
            Fixed::Layer(layer) => {
                self.choice(1);
                self.layer(layer);
            }
        }
    }

    fn input(&mut self, FixedInput { shape, scale, range, stored }: &FixedInput) {
        self.shape(shape);
        self.list(scale.values(), Self::scale);
        self.range(range);
        self.option(stored.as_ref(), Self::stored);
    }

    fn layer(&mut self, layer: &FixedLayer) {
        let FixedLayer { name: _, linear, skips, weight_bits, accumulator_scale, kind } = layer;
        self.linear(linear);
        self.list(skips, Self::skip);
        self.bits(weight_bits);
        self.list(accumulator_scale.values(), Self::scale);
        self.kind(kind);
        self.count(bias_digits(layer));
    }

    fn linear(&mut self, linear: &Linear<i64>) {
        let Linear { input, output, window, kernel, bias, groups, stride, padding } = linear;
        self.shape(input);
        self.shape(output);
        self.count(*window);
        self.list(kernel.shape(), Self::extent);
        self.count(bias.len());
        self.count(*groups);
        self.count(*stride);
        self.padding(padding);
    }

    fn padding(&mut self, Padding { top, left, bottom, right }: &Padding) {
        [top, left, bottom, right].into_iter().for_each(|side| self.count(*side));
    }

    fn skip(&mut self, Skip { factor, channels, offset }: &Skip<i64>) {
        self.list(factor.values(), Self::integer);
        self.option(channels.as_ref(), |encoder, channels| {
            encoder.list(channels, |encoder, channel| encoder.option(channel.as_ref(), Self::extent));
        });
        self.integer(&offset.0);
        self.integer(&offset.1);
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

    fn stored(&mut self, Stored { unit, zero_point }: &Stored) {
        self.count(unit.to_bits() as usize);
        self.integer(zero_point);
    }

    fn range(&mut self, ValueRange { lo, hi, source: _ }: &ValueRange) {
        self.integer(lo);
        self.integer(hi);
    }

    fn shape(&mut self, Planes { channels, height, width }: &Planes) {
        [channels, height, width].into_iter().for_each(|extent| self.count(*extent));
    }

    fn source(&mut self, source: &NodeId) {
        self.count(source.index());
    }

    fn extent(&mut self, extent: &usize) {
        self.count(*extent);
    }

    fn bits(&mut self, bits: &u32) {
        self.integer(&i64::from(*bits));
    }

    fn scale(&mut self, scale: &i32) {
        self.integer(&i64::from(*scale));
    }

    fn list<T>(&mut self, items: &[T], each: impl Fn(&mut Self, &T)) {
        self.count(items.len());
        items.iter().for_each(|item| each(self, item));
    }

    fn option<T>(&mut self, value: Option<&T>, some: impl Fn(&mut Self, &T)) {
        self.choice(u8::from(value.is_some()));
        if let Some(value) = value {
            some(self, value);
        }
    }

    fn choice(&mut self, variant: u8) {
        self.0.push(variant);
    }

    fn count(&mut self, count: usize) {
        self.0.extend((count as u64).to_le_bytes());
    }

    fn integer(&mut self, value: &i64) {
        self.0.extend(value.to_le_bytes());
    }

    fn float(&mut self, value: f64) {
        self.0.extend(value.to_bits().to_le_bytes());
    }
}
