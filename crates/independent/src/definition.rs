//! The executor's definition of a layer, term by term: which products and which added tensors each accumulator is the sum
//! of. Written from what `Kernel` and `Move` say they add, not from any layout.

use ndarray::Array3;
use zklayout_model::{Fixed, FixedLayer, Graph, Kernel, Move, PerChannel, Planes, Term};

use crate::numbers;
use crate::objection::{Objection, expect, hold};

/// One tap of a kernel, seen from an output channel: input channel of the group, row and column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Tap {
    pub(crate) input: usize,
    pub(crate) y: usize,
    pub(crate) x: usize,
}

/// A value that a moved tensor adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Added {
    pub(crate) node: usize,
    pub(crate) channel: usize,
    pub(crate) y: usize,
    pub(crate) x: usize,
    pub(crate) factor: i64,
}

/// A layer and the tensors that its terms read.
pub(crate) struct Definition<'a> {
    pub(crate) layer: &'a FixedLayer,
    kernel: Option<Convolved<'a>>,
    moves: Vec<(&'a Move<i64>, usize, Planes)>,
    /// Constants by channel, row and column, with the digits of each.
    constants: Vec<(&'a Array3<i64>, usize)>,
    /// Numbers of the model that stand in the place of biases, by channel.
    known: Option<&'a PerChannel<i64>>,
}

/// A layer's kernel and what it reads.
struct Convolved<'a> {
    kernel: &'a Kernel<i64>,
    node: usize,
    /// Planes of what it reads, after window sums.
    pooled: Planes,
}

impl<'a> Definition<'a> {
    /// The definition of the layer at a node.
    pub(crate) fn of(graph: &'a Graph<Fixed>, node: usize) -> Result<Self, Objection> {
        let found = expect(graph.nodes().nth(node), || format!("the model has no node {node}"))?;
        let (id, Fixed::Layer(layer)) = found else { return Err(Objection(format!("node {node} is no layer"))) };
        let sources: Vec<usize> = graph.inputs(id).iter().map(|source| source.index()).collect();
        let mut sources = sources.into_iter();
        let mut source = || {
            let source = expect(sources.next(), || format!("node {node} reads fewer tensors than its terms"))?;
            Ok((source, shape(graph, source)?))
        };
        let mut definition = Self { layer, kernel: None, moves: Vec::new(), constants: Vec::new(), known: None };
        for term in &layer.terms {
            match term {
                Term::Kernel(kernel) => {
                    let (source, planes) = source()?;
                    hold(definition.kernel.is_none(), || format!("node {node} has two kernels"))?;
                    let (height, width) = (planes.height / kernel.window, planes.width / kernel.window);
                    let pooled = Planes::new(planes.channels, height, width);
                    definition.kernel = Some(Convolved { kernel, node: source, pooled });
                }
                Term::Move(moved) => {
                    let (source, planes) = source()?;
                    definition.moves.push((moved, source, planes));
                }
                Term::Product(_) | Term::Transpose(_) | Term::Squares(_) | Term::Scaled(_) | Term::Rotation(_) => {
                    return Err(Objection(format!("node {node} has products of values")));
                }
                Term::Constant(constant) => {
                    let digits = digits(&constant.values, layer.finish.weight_bits);
                    definition.constants.push((&constant.values, digits));
                }
                Term::KnownBias(known) => {
                    hold(definition.known.is_none(), || format!("node {node} has two known biases"))?;
                    definition.known = Some(&known.numbers);
                }
            }
        }
        hold(source().is_err(), || format!("node {node} reads more tensors than its terms"))?;
        Ok(definition)
    }

    /// The node that the kernel reads.
    pub(crate) fn convolved(&self) -> Option<usize> {
        self.kernel.as_ref().map(|convolved| convolved.node)
    }

    /// Side of the windows that the kernel reads the sums of.
    pub(crate) fn window_side(&self) -> usize {
        self.kernel.as_ref().map_or(1, |convolved| convolved.kernel.window)
    }

    /// A weight of an output channel.
    pub(crate) fn weight(&self, channel: usize, Tap { input, y, x }: Tap) -> Option<i64> {
        self.kernel.as_ref()?.kernel.weights.get((channel, input, y, x)).copied()
    }

    /// First input channel that an output channel reads.
    pub(crate) fn first_input(&self, output: usize) -> usize {
        let Some(Convolved { kernel, .. }) = &self.kernel else { return 0 };
        let (outputs, inputs, ..) = kernel.weights.dim();
        output / (outputs / kernel.groups.max(1)).max(1) * inputs
    }

    /// The window at which a tap of the kernel meets the input for output `(y, x)`; `None` in the padding.
    pub(crate) fn window(&self, tap: Tap, (y, x): (usize, usize)) -> Option<(usize, usize)> {
        Some((self.row(tap.y, y)?, self.column(tap.x, x)?))
    }

    /// The tap at which output `(y, x)` meets a window; `None` if the kernel does not reach it.
    pub(crate) fn tap(&self, input: usize, window: (usize, usize), (y, x): (usize, usize)) -> Option<Tap> {
        let kernel = self.kernel.as_ref()?.kernel;
        let row = (window.0 + kernel.padding.top).checked_sub(y * kernel.stride)?;
        let column = (window.1 + kernel.padding.left).checked_sub(x * kernel.stride)?;
        let (_, inputs, height, width) = kernel.weights.dim();
        (input < inputs && row < height && column < width).then_some(Tap { input, y: row, x: column })
    }

    /// Products of one output channel over all positions.
    pub(crate) fn products(&self) -> usize {
        let Some(Convolved { kernel, .. }) = &self.kernel else { return 0 };
        let (_, inputs, height, width) = kernel.weights.dim();
        let output = self.layer.output;
        let rows = (0..height).flat_map(|tap| (0..output.height).filter_map(move |y| self.row(tap, y)));
        let columns = (0..width).flat_map(|tap| (0..output.width).filter_map(move |x| self.column(tap, x)));
        inputs * rows.count() * columns.count()
    }

    /// What constants of a position add to output `(channel, y, x)`, and how many digits each has.
    pub(crate) fn constants(&self, channel: usize, (y, x): (usize, usize)) -> impl Iterator<Item = (i64, usize)> {
        self.constants.iter().filter_map(move |(values, digits)| Some((*values.get((channel, y, x))?, *digits)))
    }

    /// Whether the layer's biases are numbers of the model and no weights.
    pub(crate) fn knows_biases(&self) -> bool {
        self.known.is_some()
    }

    /// The known bias of a channel.
    pub(crate) fn known(&self, channel: usize) -> i64 {
        self.known.map_or(0, |numbers| numbers.of(channel))
    }

    /// What moved tensors add to output `(channel, y, x)`.
    pub(crate) fn added(&self, channel: usize, (y, x): (usize, usize)) -> Vec<Added> {
        let mut added = Vec::new();
        for (moved, node, shape) in &self.moves {
            let from = match &moved.channels {
                None => Some(channel),
                Some(channels) => channels.get(channel).copied().flatten(),
            };
            let at = |place: usize, offset: i64, most: usize| {
                usize::try_from((place * moved.stride) as i64 + offset).ok().filter(|place| *place < most)
            };
            let (row, column) = (at(y, moved.offset.0, shape.height), at(x, moved.offset.1, shape.width));
            if let (Some(from), Some(y), Some(x)) = (from, row, column) {
                let factor = numbers::move_factor(moved, channel);
                added.push(Added { node: *node, channel: from, y, x, factor });
            }
        }
        added.sort_unstable();
        added
    }

    fn row(&self, tap: usize, y: usize) -> Option<usize> {
        let Convolved { kernel, pooled, .. } = self.kernel.as_ref()?;
        let row = (y * kernel.stride + tap).checked_sub(kernel.padding.top)?;
        (row < pooled.height).then_some(row)
    }

    fn column(&self, tap: usize, x: usize) -> Option<usize> {
        let Convolved { kernel, pooled, .. } = self.kernel.as_ref()?;
        let column = (x * kernel.stride + tap).checked_sub(kernel.padding.left)?;
        (column < pooled.width).then_some(column)
    }
}

/// The fewest digits in `[-half, half)` that hold all of some integers, with a base of so many bits.
pub(crate) fn digits(values: &Array3<i64>, bits: u32) -> usize {
    let (base, half) = (1i128 << bits, 1i128 << (bits - 1));
    let count = |value: &i64| {
        let (mut rest, mut count) = (i128::from(*value), 1);
        while !(-half..half).contains(&rest) {
            // The lowest digit is taken off.
            rest = (rest + half).div_euclid(base);
            count += 1;
        }
        count
    };
    values.iter().map(count).max().unwrap_or(1)
}

/// Shape of a node's tensor.
pub(crate) fn shape(graph: &Graph<Fixed>, node: usize) -> Result<Planes, Objection> {
    let found = graph.nodes().nth(node).map(|(_, node)| match node {
        Fixed::Input(input) => input.shape,
        Fixed::Layer(layer) => layer.output,
    });
    let shape = expect(found, || format!("the model has no node {node}"))?;
    hold(!shape.is_empty(), || format!("node {node} is empty"))?;
    Ok(shape)
}
