//! The graph under construction: where each tensor of the file is in it.
//!
//! It knows how layers are put together, not which operator makes which.

use std::collections::HashMap;

use ndarray::{Array4, Axis};
use zklayout_model::{
    Fixed, FixedActivation, FixedFinish, FixedInput, FixedLayer, Graph, Kernel, Move, Multiplier, NodeId,
    OutputKind, Padding, PerChannel, Planes, Rescale, Scaling, Stored, Term, ValueRange,
};

use super::file::File;
use super::operator::Operator;
use super::tensor::{BYTE, Tensor};
use crate::error::ImportError;

/// Values that all tensors of a graph may hold together, so that no file makes an execution take all memory.
const MOST_VALUES: usize = 1 << 24;
/// Bits of a weight.
const WEIGHT_BITS: u32 = 8;
/// Logarithm of a step of a channel that never changes.
const SETTLED_SHIFT: u32 = 7;

/// Where a tensor of the file is in the graph.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// The node whose values it has.
    pub(super) node: NodeId,
    /// Whether the graph has ended before it.
    pub(super) is_end: bool,
}

/// A convolution with weights, and the stored integers that its fused activation leaves.
pub(super) struct Weighted {
    pub(super) kernel: Array4<i64>,
    pub(super) scaling: Scaling,
    pub(super) groups: usize,
    pub(super) stride: usize,
    pub(super) padding: Padding,
    pub(super) bounds: (i64, i64),
}

/// A sum of tensors, perhaps moved, whose values are looked up: nothing is rounded.
pub(super) struct Sum {
    pub(super) terms: Vec<(NodeId, Move<i64>)>,
    pub(super) shape: Planes,
    pub(super) activation: FixedActivation,
    /// Sums that there are.
    pub(super) range: ValueRange,
}

/// What a layer's accumulators are the sum of.
pub(super) struct Accumulators {
    pub(super) output: Planes,
    pub(super) terms: Vec<Term<i64>>,
    /// One value per output channel.
    pub(super) bias: Vec<i64>,
}

impl Accumulators {
    /// A sum of tensors.
    pub(super) fn of_moves(output: Planes, moves: impl IntoIterator<Item = Move<i64>>) -> Self {
        Self { output, terms: moves.into_iter().map(Term::from).collect(), bias: vec![0; output.channels] }
    }
}

/// A graph under construction.
pub(super) struct Builder<'a> {
    file: &'a File<'a>,
    graph: Graph<Fixed>,
    places: HashMap<usize, Place>,
    values: usize,
    /// How operators' results are stored.
    stored: HashMap<NodeId, Stored>,
}

impl<'a> Builder<'a> {
    /// A graph with the model's input, if that is one of bytes.
    pub(super) fn new(file: &'a File<'a>) -> Result<Self, ImportError> {
        let mut builder =
            Self { file, graph: Graph::new(), places: HashMap::new(), values: 0, stored: HashMap::new() };
        let input = file.input()?;
        if !input.is_float() {
            let place = builder.push_input(&input)?;
            builder.places.insert(input.index, place);
        }
        Ok(builder)
    }

    /// Says where an operator's result is.
    pub(super) fn place_result(&mut self, operator: &Operator<'_>, place: Place) -> Result<(), ImportError> {
        self.places.insert(operator.output.index, place);
        if !place.is_end {
            self.stored.insert(place.node, operator.output.stored()?);
        }
        Ok(())
    }

    /// The graph, if it ends in the model's output or can be made to end in all of them.
    pub(super) fn finish(mut self) -> Result<Graph<Fixed>, ImportError> {
        match self.file.outputs()?.as_slice() {
            [output] => {
                self.check_end(output)?;
                self.store_output()?;
            }
            outputs => self.join(outputs)?,
        }
        Ok(self.graph)
    }

    /// A last layer that holds all outputs, each stored as it was.
    fn join(&mut self, outputs: &[Tensor<'_>]) -> Result<(), ImportError> {
        let nodes = outputs.iter().map(|output| self.check_output(output)).collect::<Result<Vec<_>, _>>()?;
        let shapes: Vec<Planes> = nodes.iter().map(|node| self.shape(*node)).collect();
        let first = *shapes.first().ok_or_else(|| ImportError::Graph("the model has no output".into()))?;
        let (channels, mut stored) = (shapes.iter().map(|shape| shape.channels).sum(), Vec::new());
        let mut moves = Vec::new();
        for ((output, node), shape) in outputs.iter().zip(&nodes).zip(&shapes) {
            if (shape.height, shape.width) != (first.height, first.width) {
                return Err(output.wrong("the model's outputs have planes of different sizes"));
            }
            let before = stored.len();
            let own = |channel: usize| channel.checked_sub(before).filter(|channel| *channel < shape.channels);
            moves.push(Move { channels: Some((0..channels).map(own).collect()), ..Move::plain(1) });
            let unknown = || output.wrong("nothing says how its values are stored as bytes");
            let as_bytes = self.stored.get(node).copied().ok_or_else(unknown)?;
            stored.extend(std::iter::repeat_n(as_bytes, shape.channels));
        }
        let stored = PerChannel::of_channels(stored);
        let kind =
            OutputKind::Stored(stored.ok_or_else(|| ImportError::Graph("the outputs hold nothing".into()))?);
        let shape = Planes { channels, ..first };
        self.push_layer("outputs".into(), Accumulators::of_moves(shape, moves), kind, &nodes)?;
        Ok(())
    }

    /// A graph that ends in a table or a maximum, which do not say how their values are stored, gets a layer that does.
    fn store_output(&mut self) -> Result<(), ImportError> {
        let last = self.graph.nodes().next_back().map(|(id, node)| (id, node.stored().is_some()));
        let Some((last, false)) = last else { return Ok(()) };
        let Some(stored) = self.stored.get(&last).copied() else { return Ok(()) };
        let (shape, (lo, hi)) = (self.shape(last), BYTE);
        let reach = vec![(lo - stored.zero_point, hi - stored.zero_point); shape.channels];
        let kind = OutputKind::Rescale(Rescale { scaling: Scaling::Shift(0), stored, lo, hi, reach });
        let accumulators = Accumulators::of_moves(shape, [Move::plain(1)]);
        self.push_layer("output".into(), accumulators, kind, &[last])?;
        Ok(())
    }

    /// The only output is the last layer's result.
    fn check_end(&self, output: &Tensor<'_>) -> Result<(), ImportError> {
        if self.check_output(output)?.index() + 1 != self.graph.len() {
            return Err(output.wrong("the model's output is not its last layer's result"));
        }
        Ok(())
    }

    /// The layer whose result is an output.
    fn check_output(&self, output: &Tensor<'_>) -> Result<NodeId, ImportError> {
        let Some(place) = self.places.get(&output.index) else {
            return Err(output.wrong("the model's output is produced by no operator"));
        };
        if matches!(self.graph.node(place.node), Fixed::Input(_)) {
            return Err(output.wrong("the model's output is its input"));
        }
        if output.dims.len() == 2 && self.shape(place.node).plane() != 1 {
            return Err(output.wrong("planes that are flattened at the model's output are in another order"));
        }
        Ok(place.node)
    }

    /// Whether a tensor is the model's input and nothing was made of it yet.
    pub(super) fn is_float_input(&self, tensor: &Tensor<'_>) -> bool {
        self.graph.is_empty() && self.file.input().is_ok_and(|input| input.index == tensor.index)
    }

    /// Adds the model's input, stored as `tensor` is.
    pub(super) fn push_input(&mut self, tensor: &Tensor<'_>) -> Result<Place, ImportError> {
        let (shape, range, stored) = (tensor.shape()?, tensor.range()?, Some(tensor.stored()?));
        self.count(&tensor.name, shape)?;
        let node =
            self.graph.add(Fixed::Input(FixedInput { shape, scale: PerChannel::uniform(0), range, stored }), &[]);
        Ok(Place { node, is_end: false })
    }

    /// The node that an operator reads at input `slot`, and its shape.
    pub(super) fn source(&self, operator: &Operator<'_>, slot: usize) -> Result<(NodeId, Planes), ImportError> {
        let place = self.place(operator, slot)?;
        if place.is_end {
            return Err(operator.unsupported("it reads a result of SOFTMAX or DEQUANTIZE, which must come last"));
        }
        Ok((place.node, self.shape(place.node)))
    }

    /// The graph ends before the operator.
    pub(super) fn end(&self, operator: &Operator<'_>) -> Result<Place, ImportError> {
        Ok(Place { is_end: true, ..self.place(operator, 0)? })
    }

    fn place(&self, operator: &Operator<'_>, slot: usize) -> Result<Place, ImportError> {
        let tensor = operator.input(slot)?;
        self.places.get(&tensor.index).copied().ok_or_else(|| {
            let name = &tensor.name;
            operator.unsupported(format!("input {slot} ({name:?}) does not depend on the model's input as bytes"))
        })
    }

    fn shape(&self, node: NodeId) -> Planes {
        match self.graph.node(node) {
            Fixed::Input(input) => input.shape,
            Fixed::Layer(layer) => layer.output,
        }
    }

    fn count(&mut self, name: &str, shape: Planes) -> Result<(), ImportError> {
        self.values = self.counted(name, shape)?;
        Ok(())
    }

    /// Values of the graph with a tensor of a shape: some, and not too many.
    fn counted(&self, name: &str, shape: Planes) -> Result<usize, ImportError> {
        let values = shape.channels.checked_mul(shape.height).and_then(|values| values.checked_mul(shape.width));
        let values = values.filter(|values| *values > 0).and_then(|values| self.values.checked_add(values));
        values.filter(|values| *values <= MOST_VALUES).ok_or_else(|| {
            let most = format!("expected some, and {MOST_VALUES} at most with those before it");
            ImportError::Graph(format!("tensor {name:?} has {shape} values; {most}"))
        })
    }

    /// Refuses a shape that has no room in the graph.
    pub(super) fn check_room(&self, operator: &Operator<'_>, shape: Planes) -> Result<(), ImportError> {
        self.counted(&operator.name(), shape).map(|_| ())
    }

    /// Adds a convolution with weights, its bias at input 2.
    pub(super) fn push_weighted(
        &mut self,
        operator: &Operator<'_>,
        source: NodeId,
        weighted: Weighted,
    ) -> Result<Place, ImportError> {
        let Weighted { kernel, scaling, groups, stride, padding, bounds: (lo, hi) } = weighted;
        let outputs = kernel.dim().0;
        if kernel.is_empty() || !outputs.is_multiple_of(groups) {
            return Err(operator.unsupported(format!("weights {:?} in {groups} groups", kernel.dim())));
        }
        let bias = bias(operator, outputs)?;
        let rescale = Rescale { scaling, stored: operator.output.stored()?, lo, hi, reach: Vec::new() };
        let input = self.shape(source);
        let kernel = Kernel { input, window: 1, weights: kernel, groups, stride, padding };
        self.push_rescaled(operator, source, (kernel, bias), rescale)
    }

    /// Adds a kernel and a bias on bytes whose result is bytes; no accumulator may overflow the kernels' 32 bits.
    pub(super) fn push_rescaled(
        &mut self,
        operator: &Operator<'_>,
        source: NodeId,
        (mut kernel, mut bias): (Kernel<i64>, Vec<i64>),
        mut rescale: Rescale,
    ) -> Result<Place, ImportError> {
        let range = operator.input(0)?.range()?;
        let overflow = || operator.unsupported("its accumulators can overflow 32 bits");
        rescale.reach = kernel.bounds(&bias, (range.lo, range.hi)).ok_or_else(overflow)?;
        for channel in 0..kernel.outputs() {
            // Steps are monotone: what the ends do not overflow, nothing between them does.
            settle(&mut kernel, &mut bias, &mut rescale, channel).ok_or_else(overflow)?;
        }
        let accumulators = Accumulators { output: kernel.output(), terms: vec![kernel.into()], bias };
        self.finish_layer(operator, accumulators, OutputKind::Rescale(rescale), &[source])
    }

    /// Adds a sum on the way to the operator's result.
    pub(super) fn push_sum(&mut self, operator: &Operator<'_>, sum: Sum) -> Result<NodeId, ImportError> {
        let Sum { terms, shape, activation, range } = sum;
        let (nodes, moves): (Vec<NodeId>, Vec<Move<i64>>) = terms.into_iter().unzip();
        self.check_room(operator, shape)?;
        let kind = OutputKind::Requantise { shift: PerChannel::uniform(0), activation, range };
        self.push_layer(operator.name(), Accumulators::of_moves(shape, moves), kind, &nodes)
    }

    /// Adds a sum that is the operator's result.
    pub(super) fn finish_sum(&mut self, operator: &Operator<'_>, sum: Sum) -> Result<Place, ImportError> {
        self.check_result(operator, sum.shape)?;
        Ok(Place { node: self.push_sum(operator, sum)?, is_end: false })
    }

    /// Adds the layer whose result is the operator's.
    pub(super) fn finish_layer(
        &mut self,
        operator: &Operator<'_>,
        accumulators: Accumulators,
        kind: OutputKind,
        sources: &[NodeId],
    ) -> Result<Place, ImportError> {
        self.check_result(operator, accumulators.output)?;
        let node = self.push_layer(operator.name(), accumulators, kind, sources)?;
        Ok(Place { node, is_end: false })
    }

    /// Refuses a result of another shape than the file says it has.
    fn check_result(&self, operator: &Operator<'_>, found: Planes) -> Result<(), ImportError> {
        let declared = operator.output.shape()?;
        if declared != found {
            return Err(operator.unsupported(format!("its result is declared {declared}, it should be {found}")));
        }
        Ok(())
    }

    /// Adds a layer.
    pub(super) fn push_layer(
        &mut self,
        name: String,
        accumulators: Accumulators,
        kind: OutputKind,
        sources: &[NodeId],
    ) -> Result<NodeId, ImportError> {
        let Accumulators { output, terms, bias } = accumulators;
        self.count(&name, output)?;
        let finish = FixedFinish { weight_bits: WEIGHT_BITS, accumulator_scale: PerChannel::uniform(0), kind };
        Ok(self.graph.add(Fixed::Layer(FixedLayer { name, output, terms, bias, finish }), sources))
    }
}

/// A channel whose value no input can change gets no weights, and a factor and a bias that give this value: those of the file
/// may be so small and so large that nothing else would need their bits. `None` means overflow.
fn settle(kernel: &mut Kernel<i64>, biases: &mut [i64], rescale: &mut Rescale, channel: usize) -> Option<()> {
    let (least, most) = rescale.reach[channel];
    let value = rescale.apply(channel, least)?;
    if rescale.apply(channel, most)? != value {
        return Some(());
    }
    let steps = 1 << SETTLED_SHIFT;
    match &mut rescale.scaling {
        Scaling::Multipliers(multipliers) => multipliers[channel] = Multiplier::of(1.0 / f64::from(steps))?,
        Scaling::Factors(factors) => factors[channel] = 1.0 / f64::from(steps),
        Scaling::Mean(_) | Scaling::Shift(_) => return Some(()),
    }
    let bias = value * i64::from(steps);
    kernel.weights.index_axis_mut(Axis(0), channel).fill(0);
    biases[channel] = bias;
    rescale.reach[channel] = (bias, bias);
    Some(())
}

fn bias(operator: &Operator<'_>, outputs: usize) -> Result<Vec<i64>, ImportError> {
    let Some(tensor) = operator.optional(2) else { return Ok(vec![0; outputs]) };
    let bias = tensor.words()?;
    if bias.len() != outputs {
        return Err(tensor.wrong(format!("a bias of {} values for {outputs} outputs", bias.len())));
    }
    Ok(bias)
}
