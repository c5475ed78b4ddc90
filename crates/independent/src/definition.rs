//! The executor's definition of a layer, term by term: which products and which added tensors each accumulator is the sum
//! of. Written from `Linear::apply` and `Skip::add_to`, not from any layout.

use zklayout_model::{Fixed, FixedLayer, Graph, Planes};

use crate::numbers;
use crate::objection::{Objection, expect, hold};

/// One tap of a kernel, seen from an output channel: input channel of the group, row and column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Tap {
    pub(crate) input: usize,
    pub(crate) y: usize,
    pub(crate) x: usize,
}

/// A value that a skip connection adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Added {
    pub(crate) node: usize,
    pub(crate) channel: usize,
    pub(crate) y: usize,
    pub(crate) x: usize,
    pub(crate) factor: i64,
}

/// A layer and the tensors that it reads.
pub(crate) struct Definition<'a> {
    pub(crate) layer: &'a FixedLayer,
    /// Nodes that it reads, the linear operator's first.
    pub(crate) sources: Vec<usize>,
    /// Shape of the linear operator's input after window sums.
    pooled: Planes,
    shapes: Vec<Planes>,
}

impl<'a> Definition<'a> {
    /// The definition of the layer at a node.
    pub(crate) fn of(graph: &'a Graph<Fixed>, node: usize) -> Result<Self, Objection> {
        let found = expect(graph.nodes().nth(node), || format!("the model has no node {node}"))?;
        let (id, Fixed::Layer(layer)) = found else { return Err(Objection(format!("node {node} is no layer"))) };
        let sources: Vec<usize> = graph.inputs(id).iter().map(|source| source.index()).collect();
        let shapes = sources.iter().map(|&source| shape(graph, source)).collect::<Result<Vec<_>, _>>()?;
        let first = *expect(shapes.first(), || format!("node {node} reads nothing"))?;
        let window = layer.linear.window;
        let pooled = Planes::new(first.channels, first.height / window, first.width / window);
        Ok(Self { layer, sources, pooled, shapes })
    }

    /// First input channel that an output channel reads.
    pub(crate) fn first_input(&self, output: usize) -> usize {
        output / self.group_outputs() * self.group_inputs()
    }

    /// The window at which a tap of the kernel meets the input for output `(y, x)`; `None` in the padding.
    pub(crate) fn window(&self, tap: Tap, (y, x): (usize, usize)) -> Option<(usize, usize)> {
        Some((self.row(tap.y, y)?, self.column(tap.x, x)?))
    }

    /// The tap at which output `(y, x)` meets a window; `None` if the kernel does not reach it.
    pub(crate) fn tap(&self, input: usize, window: (usize, usize), (y, x): (usize, usize)) -> Option<Tap> {
        let linear = &self.layer.linear;
        let row = (window.0 + linear.padding.top).checked_sub(y * linear.stride)?;
        let column = (window.1 + linear.padding.left).checked_sub(x * linear.stride)?;
        let (_, inputs, height, width) = linear.kernel.dim();
        (input < inputs && row < height && column < width).then_some(Tap { input, y: row, x: column })
    }

    /// Products of one output channel over all positions.
    pub(crate) fn products(&self) -> usize {
        let (_, inputs, height, width) = self.layer.linear.kernel.dim();
        let output = self.layer.linear.output;
        let rows = (0..height).flat_map(|tap| (0..output.height).filter_map(move |y| self.row(tap, y)));
        let columns = (0..width).flat_map(|tap| (0..output.width).filter_map(move |x| self.column(tap, x)));
        inputs * rows.count() * columns.count()
    }

    /// What skip connections add to output `(channel, y, x)`.
    pub(crate) fn added(&self, channel: usize, (y, x): (usize, usize)) -> Vec<Added> {
        let linear = &self.layer.linear;
        // Where a kernel reads something, added tensors have the output's own positions.
        let stride = if linear.kernel.dim().1 == 0 { linear.stride } else { 1 };
        let mut added = Vec::new();
        for (skip, (&node, shape)) in self.layer.skips.iter().zip(self.sources.iter().zip(&self.shapes).skip(1)) {
            let from = match &skip.channels {
                None => Some(channel),
                Some(channels) => channels.get(channel).copied().flatten(),
            };
            let at = |place: usize, offset: i64, most: usize| {
                usize::try_from((place * stride) as i64 + offset).ok().filter(|place| *place < most)
            };
            let (row, column) = (at(y, skip.offset.0, shape.height), at(x, skip.offset.1, shape.width));
            if let (Some(from), Some(y), Some(x)) = (from, row, column) {
                added.push(Added { node, channel: from, y, x, factor: numbers::skip_factor(skip, channel) });
            }
        }
        added.sort_unstable();
        added
    }

    fn row(&self, tap: usize, y: usize) -> Option<usize> {
        let linear = &self.layer.linear;
        let row = (y * linear.stride + tap).checked_sub(linear.padding.top)?;
        (row < self.pooled.height).then_some(row)
    }

    fn column(&self, tap: usize, x: usize) -> Option<usize> {
        let linear = &self.layer.linear;
        let column = (x * linear.stride + tap).checked_sub(linear.padding.left)?;
        (column < self.pooled.width).then_some(column)
    }

    fn group_outputs(&self) -> usize {
        (self.layer.linear.output.channels / self.layer.linear.groups.max(1)).max(1)
    }

    fn group_inputs(&self) -> usize {
        self.layer.linear.kernel.dim().1
    }
}

/// Shape of a node's tensor.
pub(crate) fn shape(graph: &Graph<Fixed>, node: usize) -> Result<Planes, Objection> {
    let found = graph.nodes().nth(node).map(|(_, node)| match node {
        Fixed::Input(input) => input.shape,
        Fixed::Layer(layer) => layer.linear.output,
    });
    let shape = expect(found, || format!("the model has no node {node}"))?;
    hold(!shape.is_empty(), || format!("node {node} is empty"))?;
    Ok(shape)
}
