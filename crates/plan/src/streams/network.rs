//! A quantised graph as layouts see it: who reads whom, and how.
//!
//! It knows nothing of lanes or rows.

use zklayout_model::{Fixed, FixedInput, FixedLayer, Graph, Kernel, OutputKind, Planes, Term};

use crate::error::PlanError;
use crate::streams::fact::{Placement, Source, meets_phases, placement};
use crate::streams::home::Read;
use crate::streams::limbs::StepFunction;

/// A term, one of its slots, and the node that it reads there.
pub(crate) type Reading<'a> = (&'a dyn Placement, usize, usize);

/// Positions between outputs of a layer that reads phases: more are never tried.
pub(crate) const MOST_STRIDE: usize = 16;

/// A graph's input, and its layers in order; node 0 is the input, node `i` layer `i - 1`.
#[derive(Clone)]
pub(crate) struct Network<'a> {
    pub(crate) input: &'a FixedInput,
    pub(crate) layers: Vec<&'a FixedLayer>,
    /// By layer: the nodes that its terms read, in order.
    pub(crate) sources: Vec<Vec<usize>>,
    /// By node: how its consumers evaluate it.
    pub(crate) reads: Vec<Read>,
    /// By node: whether a consumer evaluates it at the challenge of planes as well.
    pub(crate) second: Vec<bool>,
    /// Bits of a weight, in every layer.
    pub(crate) weight_bits: u32,
    /// By layer: its rounding, if it has multipliers.
    pub(crate) steps: Vec<Option<StepFunction>>,
    /// Whether no tensor is stored in phases.
    pub(crate) whole_grids: bool,
}

impl<'a> Network<'a> {
    /// Reads a graph; what strided layers alone read is stored in phases unless whole grids are wanted.
    ///
    /// # Errors
    /// A graph without layers, with two inputs or weights of different bits, multipliers that overflow, or a tensor whose consumers evaluate it in different ways.
    pub(crate) fn of(graph: &'a Graph<Fixed>, whole_grids: bool) -> Result<Self, PlanError> {
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
        check_strides(&layers)?;
        let (reads, second) = (Vec::new(), Vec::new());
        let mut network = Self { input, layers, sources, reads, second, weight_bits, steps, whole_grids };
        network.second = (0..=network.layers.len()).map(|node| network.is_second(node)).collect();
        network.choose_reads()?;
        Ok(network)
    }

    /// The same network with no tensor in phases; `None` if none is.
    pub(crate) fn on_whole_grids(&self) -> Option<Result<Self, PlanError>> {
        let in_phases = self.reads.iter().any(|read| read.block() > 1);
        in_phases.then(|| {
            let mut network = Self { whole_grids: true, ..self.clone() };
            network.choose_reads().map(|()| network)
        })
    }

    /// How a node is read depends on where its own layer's outputs lie, and so on how the nodes before are read.
    fn choose_reads(&mut self) -> Result<(), PlanError> {
        self.reads.clear();
        for node in 0..=self.layers.len() {
            let read = self.read(node)?;
            self.reads.push(read);
        }
        self.check_terms()
    }

    /// A term must fit the tensors that it reads and their evaluations, and a layer that reads single values has one position
    /// to add others at.
    fn check_terms(&self) -> Result<(), PlanError> {
        for (index, layer) in self.layers.iter().enumerate() {
            let refuse = |reason: &str| unsupported(&layer.name, reason);
            if layer.arity() != self.sources[index].len() {
                return Err(refuse("its terms read another number of tensors than it has inputs"));
            }
            for (term, sources) in layer.reads(&self.sources[index]) {
                let planes: Vec<Planes> = sources.iter().map(|node| self.shape(*node)).collect();
                term.check_integers().map_err(refuse)?;
                term.check(&planes, layer.output).map_err(refuse)?;
                let mut sources = sources.iter().enumerate().map(|(slot, node)| self.source(slot, *node));
                sources.try_for_each(|source| placement(term).check(source)).map_err(refuse)?;
            }
            if layer.has_known_bias() && layer.rounded_bias().iter().any(|bias| *bias != 0) {
                return Err(refuse("its biases are known, and it has others, or drops bits"));
            }
            if let Some(reason) = self.turned_wrongly(index) {
                return Err(refuse(reason));
            }
            let shares = |(term, slot, node): Reading<'_>| term.shares_pitch(self.source(slot, node));
            let flat = self.reads_of(index).any(|reading| reading.0.anchors() && !shares(reading));
            let mut others = self.reads_of(index).filter(|(term, ..)| !term.anchors());
            if flat && others.any(|reading| shares(reading) || reading.0.moves()) {
                return Err(refuse("it adds moved tensors to single values"));
            }
            if layer.terms.iter().filter(|term| placement(term).joins()).count() > 1 {
                return Err(refuse("it has several kernels or products; make each a layer and add their results"));
            }
        }
        Ok(())
    }

    /// Why a layer that is written turned cannot be: it is one weightless term, its output is read row by row, and all its
    /// planes are rounded alike.
    fn turned_wrongly(&self, index: usize) -> Option<&'static str> {
        let layer = self.layers[index];
        if !self.turned(index + 1) {
            return None;
        }
        let biases = layer.rounded_bias();
        let alike = layer.bias.iter().all(|bias| *bias == 0) && biases.iter().all(|bias| *bias == biases[0]);
        let rounds = matches!(layer.finish.kind, OutputKind::Requantise { .. });
        let in_rows = match self.reads[index + 1] {
            Read::Nothing | Read::Raster | Read::Squares | Read::Total => true,
            Read::Scalars { factor } => factor == 1 && layer.output.plane() == 1,
            Read::Sums { .. } | Read::Phases { .. } => false,
        };
        if !in_rows {
            return Some("it is a transposed tensor that is read in windows or value by value; copy it first");
        }
        match layer.terms.as_slice() {
            [_] if alike && rounds && index + 1 < self.layers.len() => None,
            _ => Some("it adds to a transposed tensor, or that is the model's output; copy it first"),
        }
    }

    /// Whether the producer evaluates a node at the challenge of planes.
    pub(crate) fn turned(&self, node: usize) -> bool {
        let layer = node.checked_sub(1).map(|index| self.layers[index]);
        layer.is_some_and(|layer| layer.terms.iter().any(|term| placement(term).turns()))
    }

    fn is_second(&self, node: usize) -> bool {
        let mut readings = (0..self.layers.len()).flat_map(|index| self.reads_of(index));
        readings.any(|(term, slot, source)| source == node && term.second(slot))
    }

    /// The terms of a layer with each slot and node that they read.
    pub(crate) fn reads_of(&self, index: usize) -> impl Iterator<Item = Reading<'_>> {
        let reads = self.layers[index].reads(&self.sources[index]);
        reads.flat_map(|(term, sources)| {
            sources.iter().enumerate().map(move |(slot, node)| (placement(term), slot, *node))
        })
    }

    /// The node that a layer's output lies on, or else the first that it reads.
    pub(crate) fn anchor(&self, index: usize) -> Option<usize> {
        let anchor = self.reads_of(index).find(|(term, ..)| term.anchors());
        anchor.or(self.reads_of(index).next()).map(|(.., node)| node)
    }

    /// Planes of all that a layer reads.
    pub(crate) fn planes_read(&self, index: usize) -> Vec<Planes> {
        self.sources[index].iter().map(|node| self.shape(*node)).collect()
    }

    /// A node as terms see it at one of their slots.
    pub(crate) fn source(&self, slot: usize, node: usize) -> Source {
        Source { slot, planes: self.shape(node), stride: self.stride(node), read: self.reads[node] }
    }

    /// Positions between neighbouring values of a node's plane.
    pub(crate) fn stride(&self, node: usize) -> usize {
        match node.checked_sub(1).map(|index| self.layers[index]) {
            // A plane of one value has no neighbours to keep a distance from, and outputs of phases are neighbours.
            Some(layer) if layer.output.plane() > 1 && !self.reads_phases(node - 1) => layer.stride(),
            _ => 1,
        }
    }

    fn reads_phases(&self, index: usize) -> bool {
        self.sources[index].iter().any(|node| self.reads.get(*node).is_some_and(|read| read.block() > 1))
    }

    /// The phases of a node that kernels of one stride read, each the only tensor of its layer, and nobody else; the corner is
    /// the first that suits the padding of all.
    fn phases(&self, node: usize) -> Option<Read> {
        let whole = self.whole_grids || self.second[node] || self.turned(node);
        if whole || self.plane(node) == 1 || self.stride(node) != 1 {
            return None;
        }
        let readers = (0..self.layers.len()).filter(|index| self.sources[*index].contains(&node));
        let kernels = readers.map(|index| self.strided(index)).collect::<Option<Vec<_>>>()?;
        let stride = kernels.first()?.stride;
        let corners = (0..stride).flat_map(|row| (0..stride).map(move |column| (row, column)));
        let mut reads = corners.map(|corner| Read::Phases { stride, corner });
        let suits = |read: &Read| kernels.iter().all(|kernel| meets_phases(kernel, *read));
        reads.find(|read| kernels.iter().all(|kernel| kernel.stride == stride) && suits(read))
    }

    /// The kernel of a layer that could read phases.
    fn strided(&self, index: usize) -> Option<&Kernel<i64>> {
        let layer = self.layers[index];
        let mut kernels =
            layer.terms.iter().filter_map(|term| if let Term::Kernel(own) = term { Some(own) } else { None });
        let kernel = kernels.next().filter(|_| self.sources[index].len() == 1 && layer.output.plane() > 1)?;
        ((2..=MOST_STRIDE).contains(&kernel.stride) && kernel.window == 1).then_some(kernel)
    }

    /// Values of one plane of a node.
    pub(crate) fn plane(&self, node: usize) -> usize {
        self.shape(node).plane()
    }

    pub(crate) fn shape(&self, node: usize) -> Planes {
        node.checked_sub(1).map_or(self.input.shape, |index| self.layers[index].output)
    }

    fn read(&self, node: usize) -> Result<Read, PlanError> {
        if let Some(phases) = self.phases(node) {
            return Ok(phases);
        }
        let mut read = Read::Nothing;
        for (index, layer) in self.layers.iter().enumerate() {
            for (term, slot, _) in self.reads_of(index).filter(|(.., source)| *source == node) {
                let wanted = term.read(slot, self.stride(node));
                read = self.shared(node, read, wanted).ok_or_else(|| {
                    unsupported(&layer.name, "another layer evaluates the same tensor in other windows")
                })?;
            }
        }
        let only_second = self.second[node] && read == Read::Nothing;
        Ok(if only_second { Read::Raster } else { read })
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

/// Values of a layer are one distance apart, whatever its terms read.
fn check_strides(layers: &[&FixedLayer]) -> Result<(), PlanError> {
    let apart = |layer: &&&FixedLayer| {
        layer.output.plane() > 1 && layer.reading().any(|term| term.stride() != layer.stride())
    };
    match layers.iter().find(apart) {
        None => Ok(()),
        Some(layer) => Err(unsupported(&layer.name, "a skip connection ends in a strided convolution")),
    }
}

/// The bits of every layer's weights. All are looked up in one table, which would let weights of fewer bits be larger than
/// the executor takes.
fn weight_bits(layers: &[&FixedLayer]) -> Result<u32, PlanError> {
    let bits = layers.first().map_or(0, |layer| layer.finish.weight_bits);
    match layers.iter().find(|layer| layer.finish.weight_bits != bits) {
        None => Ok(bits),
        Some(layer) => {
            let reason = format!(
                "its weights have {} bits, those of the first layer {bits}; one table holds all, so that they must be equal",
                layer.finish.weight_bits
            );
            Err(unsupported(&layer.name, &reason))
        }
    }
}

fn steps(layer: &FixedLayer) -> Result<Option<StepFunction>, PlanError> {
    let OutputKind::Rescale(rescale) = &layer.finish.kind else { return Ok(None) };
    let steps = StepFunction::of(rescale, layer.output.channels);
    steps
        .map(Some)
        .ok_or_else(|| unsupported(&layer.name, "its multipliers overflow or are not those of its channels"))
}

pub(crate) fn unsupported(layer: &str, reason: &str) -> PlanError {
    PlanError::Unsupported { layer: layer.to_owned(), reason: reason.to_owned() }
}
