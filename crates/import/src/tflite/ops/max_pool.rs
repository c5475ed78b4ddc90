//! MAX_POOL_2D: `max(a, b) = a + max(b - a, 0)`, so that a maximum is made of moved sums and clamps.
//!
//! Rows come first, then columns, each by maxima of windows that double. Nothing beyond the plane takes part, as in the
//! kernel: where a tensor ends, nothing is gained. No weights take part either, so that no prover can choose others.

use zklayout_model::{Clamp, FixedActivation, Move, NodeId, Padding, Planes, Stored, ValueRange, window_steps};

use super::super::activation::stored_bounds;
use super::super::builder::{Builder, Place, Sum};
use super::super::operator::Operator;
use super::super::padding::padding;
use crate::error::ImportError;

const RELU: FixedActivation = FixedActivation::Clamp(Clamp { lo: Some(0), hi: None });

pub(super) fn import(operator: &Operator<'_>, builder: &mut Builder<'_>) -> Result<Place, ImportError> {
    let options = operator.options(operator.table.builtin_options_as_pool_2_doptions())?;
    let (source, input) = builder.source(operator, 0)?;
    let window = operator.window(options.filter_height(), options.filter_width())?;
    let strides = operator.strides(options.stride_h(), options.stride_w())?;
    let padding = padding(operator, options.padding(), input, window, strides)?;
    let stored = operator.same_stored()?;
    let activation = clamp(stored_bounds(operator, options.fused_activation_function(), &stored)?, &stored);
    let output = output(operator, input, (window, strides), padding)?;
    let stride = stride(operator, output, strides)?;
    let mut maximum = Maximum { operator, builder, range: operator.input(0)?.range()? };
    let sum = if (window, stride) == ((2, 2), 2) && padding.is_none() {
        maximum.largest_of_four(source, output)?
    } else {
        let largest = maximum.largest((source, input), window, padding)?;
        maximum.picked(largest, output, stride)?
    };
    builder.finish_sum(operator, Sum { activation, ..sum })
}

/// The fused activation of maxima, by value.
fn clamp((lo, hi): (i64, i64), stored: &Stored) -> FixedActivation {
    FixedActivation::Clamp(Clamp { lo: Some(lo - stored.zero_point), hi: Some(hi - stored.zero_point) })
}

/// Shape of the result: one value by window that starts within the padded plane and ends there.
fn output(
    operator: &Operator<'_>,
    input: Planes,
    (window, strides): ((usize, usize), (usize, usize)),
    padding: Padding,
) -> Result<Planes, ImportError> {
    let extent = |size: usize, around: usize, window: usize, stride: usize| {
        let rest = size.checked_add(around).and_then(|size| size.checked_sub(window));
        rest.map(|rest| rest / stride + 1).ok_or_else(|| {
            operator.unsupported(format!("windows of {window} values along a side of {size} in {input}"))
        })
    };
    let height = extent(input.height, padding.top + padding.bottom, window.0, strides.0)?;
    let width = extent(input.width, padding.left + padding.right, window.1, strides.1)?;
    Ok(Planes::new(input.channels, height, width))
}

/// The one stride; a single window along a side does not move there.
fn stride(operator: &Operator<'_>, output: Planes, (rows, columns): (usize, usize)) -> Result<usize, ImportError> {
    match (output.height, output.width) {
        (1, 1) => Ok(1),
        (1, _) => Ok(columns),
        (_, 1) => Ok(rows),
        _ => operator.stride((rows, columns)),
    }
}

/// Maxima of a tensor's values, as sums; the last is not a layer yet.
struct Maximum<'a, 'b, 'c> {
    operator: &'a Operator<'b>,
    builder: &'a mut Builder<'c>,
    /// Values of the tensor, and so of its maxima.
    range: ValueRange,
}

impl Maximum<'_, '_, '_> {
    /// The largest value of the window around each value, as far as the plane goes; without padding, only where windows
    /// end within the plane.
    fn largest(
        &mut self,
        (source, input): (NodeId, Planes),
        window: (usize, usize),
        padding: Padding,
    ) -> Result<Sum, ImportError> {
        let mut sum = self.kept(vec![(source, Move::plain(1))], input);
        let sides = [(window.0, padding.top, padding.bottom), (window.1, padding.left, padding.right)];
        for (axis, (window, before, after)) in sides.into_iter().enumerate() {
            let (direction, longest) = ((1 - axis, axis), [input.height, input.width][axis]);
            // Nothing lies further away than the plane is long.
            for step in window_steps(before.min(longest - 1) + 1) {
                sum = self.largest_before(sum, step, direction)?;
            }
            for step in window_steps(window.saturating_sub(before).min(longest)) {
                sum = self.largest_after(sum, step, (direction, before + after > 0))?;
            }
        }
        Ok(sum)
    }

    /// The larger of each value and the one `step` before it.
    fn largest_before(&mut self, sum: Sum, step: usize, direction: (usize, usize)) -> Result<Sum, ImportError> {
        let shape = sum.shape;
        let tensor = self.node(sum)?;
        let (gain, _) = self.gain((tensor, shape), step, (direction, -1))?;
        let (down, right) = distance(step, direction);
        let back = Move { offset: (-down, -right), ..Move::plain(1) };
        Ok(self.kept(vec![(tensor, Move::plain(1)), (gain, back)], shape))
    }

    /// The larger of each value and the one `step` after it: where there is one, or, clipped, everywhere.
    fn largest_after(
        &mut self,
        sum: Sum,
        step: usize,
        (direction, clipped): ((usize, usize), bool),
    ) -> Result<Sum, ImportError> {
        let shape = sum.shape;
        let tensor = self.node(sum)?;
        let (gain, inner) = self.gain((tensor, shape), step, (direction, 1))?;
        let shape = if clipped { shape } else { inner };
        Ok(self.kept(vec![(tensor, Move::plain(1)), (gain, Move::plain(1))], shape))
    }

    /// What the values `step` further on exceed each value by, or, with the sign -1, the other way round.
    fn gain(
        &mut self,
        (tensor, shape): (NodeId, Planes),
        step: usize,
        (direction, sign): ((usize, usize), i64),
    ) -> Result<(NodeId, Planes), ImportError> {
        let (rows, columns) = (direction.0 * step, direction.1 * step);
        let inner = Planes::new(shape.channels, shape.height - rows, shape.width - columns);
        let later = Move { offset: distance(step, direction), ..Move::plain(sign) };
        let terms = vec![(tensor, later), (tensor, Move::plain(-sign))];
        let sum = Sum { activation: RELU, ..self.difference(terms, inner) };
        Ok((self.builder.push_sum(self.operator, sum)?, inner))
    }

    /// Every `stride`-th row and column.
    fn picked(&mut self, sum: Sum, shape: Planes, stride: usize) -> Result<Sum, ImportError> {
        if sum.shape == shape && stride == 1 {
            return Ok(sum);
        }
        let tensor = self.node(sum)?;
        Ok(self.kept(vec![(tensor, Move { stride, ..Move::plain(1) })], shape))
    }

    /// The maximum of 2x2 windows, side by side: `a + gain` of the upper pair, then what the lower pair adds to it.
    fn largest_of_four(&mut self, tensor: NodeId, half: Planes) -> Result<Sum, ImportError> {
        let at = |offset: (i64, i64), sign: i64| (tensor, Move { offset, stride: 2, ..Move::plain(sign) });
        let first = self.kept(vec![at((0, 0), 1)], half);
        let mut picked = vec![first];
        for (later, earlier) in [((0, 1), (0, 0)), ((1, 0), (0, 0)), ((1, 1), (1, 0))] {
            picked.push(self.difference(vec![at(later, 1), at(earlier, -1)], half));
        }
        for pair in [1, 3] {
            picked[pair].activation = RELU;
        }
        let mut nodes = Vec::new();
        for sum in picked {
            nodes.push(self.builder.push_sum(self.operator, sum)?);
        }
        let [first, upper, down, lower] = nodes[..] else { return Err(self.operator.unsupported("no window")) };
        let terms = vec![(down, Move::plain(1)), (lower, Move::plain(1)), (upper, Move::plain(-1))];
        let gain = Sum { activation: RELU, ..self.difference(terms, half) };
        let gain = self.builder.push_sum(self.operator, gain)?;
        Ok(self.kept(vec![(first, Move::plain(1)), (upper, Move::plain(1)), (gain, Move::plain(1))], half))
    }

    /// A sum that is one of the tensor's values.
    fn kept(&self, terms: Vec<(NodeId, Move<i64>)>, shape: Planes) -> Sum {
        Sum { terms, shape, activation: FixedActivation::none(), range: self.range }
    }

    /// A sum that is the difference of two of the tensor's values.
    fn difference(&self, terms: Vec<(NodeId, Move<i64>)>, shape: Planes) -> Sum {
        let most = self.range.hi - self.range.lo;
        let range = ValueRange { lo: -most, hi: most, ..self.range };
        Sum { range, ..self.kept(terms, shape) }
    }

    /// A sum as a layer, unless it is a tensor as it stands.
    fn node(&mut self, sum: Sum) -> Result<NodeId, ImportError> {
        match &sum.terms[..] {
            [(tensor, skip)] if skip.is_plain() => Ok(*tensor),
            _ => self.builder.push_sum(self.operator, sum),
        }
    }
}

fn distance(step: usize, direction: (usize, usize)) -> (i64, i64) {
    ((direction.0 * step) as i64, (direction.1 * step) as i64)
}
