//! A quantised graph as layouts see it: who reads whom, and how.
//!
//! It knows nothing of lanes or rows.

use zklayout_model::{Fixed, FixedInput, FixedLayer, Graph, OutputKind, Planes};

use crate::error::PlanError;
use crate::streams::geometry::read_of;
use crate::streams::home::Read;
use crate::streams::limbs::StepFunction;

/// A graph's input, and its layers in order; node 0 is the input, node `i` layer `i - 1`.
pub(crate) struct Network<'a> {
    pub(crate) input: &'a FixedInput,
    pub(crate) layers: Vec<&'a FixedLayer>,
    /// By layer: the nodes that it reads, the linear operator's first.
    pub(crate) sources: Vec<Vec<usize>>,
    /// By node: how its consumers evaluate it.
    pub(crate) reads: Vec<Read>,
    /// Bits of a weight, in every layer.
    pub(crate) weight_bits: u32,
    /// By layer: its rounding, if it has multipliers.
    pub(crate) steps: Vec<Option<StepFunction>>,
}

impl<'a> Network<'a> {
    /// Reads a graph.
    ///
    /// # Errors
    /// A graph without layers, with two inputs or weights of different bits, multipliers that overflow, or a tensor whose consumers evaluate it in different ways.
    pub(crate) fn of(graph: &'a Graph<Fixed>) -> Result<Self, PlanError> {
        let mut nodes = graph.nodes();
        let Some((_, Fixed::Input(input))) = nodes.next() else {
            return Err(unsupported("input", "the graph does not start with an input"));
        };
        let (mut layers, mut sources) = (Vec::new(), Vec::new());
        for (id, node) in nodes {
            let Fixed::Layer(layer) = node else { return Err(unsupported("input", "the graph has two inputs")) };
            layers.push(layer);
            sources.push(graph.inputs(id).iter().map(|source| source.index()).collect());
        }
        if layers.is_empty() {
            return Err(unsupported("input", "the graph has no layer"));
        }
        let steps = layers.iter().map(|layer| steps(layer)).collect::<Result<_, _>>()?;
        let weight_bits = weight_bits(&layers)?;
        let mut network = Self { input, layers, sources, reads: Vec::new(), weight_bits, steps };
        network.reads =
            (0..=network.layers.len()).map(|node| network.read(node)).collect::<Result<Vec<_>, _>>()?;
        network.check_skips()?;
        network.check_flat_reads()?;
        Ok(network)
    }

    /// A moved tensor must have the channels that it is said to have, and a layer that reads single values has one position
    /// to add others at.
    fn check_skips(&self) -> Result<(), PlanError> {
        for (layer, sources) in self.layers.iter().zip(&self.sources) {
            let output = layer.linear.output;
            let fits = layer.skips.len() + 1 == sources.len()
                && sources[1..].iter().zip(&layer.skips).all(|(node, skip)| skip.fits(self.shape(*node), output));
            if !fits {
                return Err(unsupported(&layer.name, "its skip connections do not fit the tensors that it reads"));
            }
            let flat = matches!(self.reads[sources[0]], Read::Total | Read::Scalars { .. });
            let moved = sources[1..]
                .iter()
                .zip(&layer.skips)
                .any(|(node, skip)| self.plane(*node) > 1 || skip.offset != (0, 0));
            if flat && !layer.linear.is_nothing() && moved {
                return Err(unsupported(&layer.name, "it adds moved tensors to single values"));
            }
        }
        Ok(())
    }

    /// A flat evaluation has no positions: it proves only fully connected layers that read exactly that evaluation. A
    /// padded kernel, or the sum of another window, would be taken for something that it is not.
    fn check_flat_reads(&self) -> Result<(), PlanError> {
        for (layer, sources) in self.layers.iter().zip(&self.sources) {
            let (linear, read) = (&layer.linear, self.reads[sources[0]]);
            let flat = matches!(read, Read::Total | Read::Scalars { .. }) && !linear.is_nothing();
            let own = linear.is_full() && read == read_of(linear, self.stride(sources[0]));
            let whole = read != Read::Total || self.plane(sources[0]) == linear.window * linear.window;
            if flat && !(own && whole) {
                return Err(unsupported(
                    &layer.name,
                    "it evaluates single values or sums of a plane by a wider kernel",
                ));
            }
        }
        Ok(())
    }

    /// Positions between neighbouring values of a node's plane.
    pub(crate) fn stride(&self, node: usize) -> usize {
        match node.checked_sub(1).map(|index| &self.layers[index].linear) {
            // A plane of one value has no neighbours to keep a distance from.
            Some(linear) if linear.output.plane() > 1 => linear.stride,
            _ => 1,
        }
    }

    /// Values of one plane of a node.
    pub(crate) fn plane(&self, node: usize) -> usize {
        self.shape(node).plane()
    }

    fn shape(&self, node: usize) -> Planes {
        node.checked_sub(1).map_or(self.input.shape, |index| self.layers[index].linear.output)
    }

    fn read(&self, node: usize) -> Result<Read, PlanError> {
        let mut read = Read::Nothing;
        for (layer, sources) in self.layers.iter().zip(&self.sources) {
            for slot in (0..sources.len()).filter(|&slot| sources[slot] == node) {
                let wanted = if slot == 0 && !layer.linear.is_nothing() {
                    read_of(&layer.linear, self.stride(node))
                } else {
                    self.skip_read(node, layer)?
                };
                read = self.shared(node, read, wanted).ok_or_else(|| {
                    unsupported(&layer.name, "another layer evaluates the same tensor in other windows")
                })?;
            }
        }
        Ok(read)
    }

    /// How a skip connection evaluates a node.
    fn skip_read(&self, node: usize, layer: &FixedLayer) -> Result<Read, PlanError> {
        if !layer.linear.is_nothing() && layer.linear.stride > 1 && layer.linear.output.plane() > 1 {
            return Err(unsupported(&layer.name, "a skip connection ends in a strided convolution"));
        }
        Ok(match self.stride(node) {
            1 => Read::Raster,
            factor => Read::Sums { factor },
        })
    }

    /// One way to evaluate a node that serves both; single values can be read row by row as well.
    fn shared(&self, node: usize, a: Read, b: Read) -> Option<Read> {
        match (a, b) {
            (Read::Nothing, other) | (other, Read::Nothing) => Some(other),
            _ if a == b => Some(a),
            (Read::Scalars { factor: 1 }, Read::Raster) | (Read::Raster, Read::Scalars { factor: 1 }) => {
                (self.plane(node) == 1).then_some(Read::Scalars { factor: 1 })
            }
            _ => None,
        }
    }
}

/// The bits of every layer's weights. All are looked up in one table, which would let weights of fewer bits be larger than
/// the executor takes.
fn weight_bits(layers: &[&FixedLayer]) -> Result<u32, PlanError> {
    let bits = layers.first().map_or(0, |layer| layer.weight_bits);
    match layers.iter().find(|layer| layer.weight_bits != bits) {
        None => Ok(bits),
        Some(layer) => {
            let reason = format!(
                "its weights have {} bits, those of the first layer {bits}; one table holds all, so that they must be equal",
                layer.weight_bits
            );
            Err(unsupported(&layer.name, &reason))
        }
    }
}

fn steps(layer: &FixedLayer) -> Result<Option<StepFunction>, PlanError> {
    let OutputKind::Rescale(rescale) = &layer.kind else { return Ok(None) };
    let steps = StepFunction::of(rescale, layer.linear.output.channels);
    steps
        .map(Some)
        .ok_or_else(|| unsupported(&layer.name, "its multipliers overflow or are not those of its channels"))
}

pub(crate) fn unsupported(layer: &str, reason: &str) -> PlanError {
    PlanError::Unsupported { layer: layer.to_owned(), reason: reason.to_owned() }
}
