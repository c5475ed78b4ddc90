//! MAX_POOL_2D: moved sums and clamps, see [`maxima`].

use zklayout_model::{
    Clamp, FixedActivation, Magnitude, MaximumStep, Move, NodeId, Operand, Padding, Planes, Stored, ValueRange,
    maxima,
};

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
    let mut sums = Sums { builder, source, range: operator.input(0)?.range()?, nodes: Vec::new() };
    let mut steps = maxima(input, window, (stride, padding), output);
    // Where each window is one value, the result is the tensor, clamped.
    let alone = || MaximumStep {
        terms: vec![(Operand::Input, Move::plain(1))],
        planes: output,
        magnitude: Magnitude::Picked,
    };
    let last = steps.pop().unwrap_or_else(alone);
    for step in steps {
        let sum = sums.sum(step);
        let node = sums.builder.push_sum(operator, sum)?;
        sums.nodes.push(node);
    }
    let sum = sums.sum(last);
    sums.builder.finish_sum(operator, Sum { activation, ..sum })
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

/// Steps to maxima as sums of bytes.
struct Sums<'a, 'c> {
    builder: &'a mut Builder<'c>,
    source: NodeId,
    /// Values of the tensor, and so of its maxima.
    range: ValueRange,
    /// The steps so far.
    nodes: Vec<NodeId>,
}

impl Sums<'_, '_> {
    fn sum(&self, MaximumStep { terms, planes, magnitude }: MaximumStep) -> Sum {
        let node = |operand: Operand| match operand {
            Operand::Input => self.source,
            Operand::Step(step) => self.nodes[step],
        };
        let most = self.range.hi - self.range.lo;
        let range = match magnitude {
            Magnitude::Picked | Magnitude::Maximum => self.range,
            Magnitude::Difference | Magnitude::Gain => ValueRange { lo: -most, hi: most, ..self.range },
        };
        let activation = if magnitude == Magnitude::Gain { RELU } else { FixedActivation::none() };
        let terms = terms.into_iter().map(|(operand, moved)| (node(operand), moved)).collect();
        Sum { terms, shape: planes, activation, range }
    }
}
