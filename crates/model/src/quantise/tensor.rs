//! What quantisation knows of a tensor that layers read, and how far layers that read it can go.

use crate::fixed::{Fixed, FixedInput, OutputKind, round_shift};
use crate::interval::channel_bounds;
use crate::linear::Linear;
use crate::per_channel::PerChannel;
use crate::planes::Planes;
use crate::skip::Skip;

/// Shape, scales and integer bounds of a tensor.
#[derive(Clone)]
pub(super) struct Tensor {
    pub(super) shape: Planes,
    pub(super) scale: PerChannel<i32>,
    pub(super) lo: i64,
    pub(super) hi: i64,
}

impl Tensor {
    /// The result of a node.
    pub(super) fn after(node: &Fixed) -> Self {
        let (lo, hi) = match node {
            Fixed::Input(FixedInput { range, .. }) => (range.lo, range.hi),
            Fixed::Layer(layer) => match &layer.kind {
                OutputKind::Raw => (0, 0),
                OutputKind::Rescale(rescale) => rescale.extremes(),
                OutputKind::Requantise { activation, range, .. } => activation.extremes(range.lo, range.hi),
            },
        };
        Self { shape: node.shape(), scale: node.scale(), lo, hi }
    }
}

/// By output channel, bounds of a layer's accumulators over all values of the tensors that it reads; `None` means overflow.
pub(super) fn worst_case(
    linear: &Linear<i64>,
    skips: &[Skip<i64>],
    tensors: &[Tensor],
) -> Option<Vec<(i64, i64)>> {
    let (first, others) = tensors.split_first()?;
    let mut bounds = channel_bounds(linear, first.lo, first.hi)?;
    for (skip, tensor) in skips.iter().zip(others) {
        // A moved or smaller tensor is not added everywhere.
        let everywhere =
            skip.is_plain() && covers(tensor.shape, skip.live_source(linear.output, linear.skip_stride()));
        for (channel, (lo, hi)) in bounds.iter_mut().enumerate() {
            let factor = skip.factor.of(channel);
            let (a, b) = (factor.checked_mul(tensor.lo)?, factor.checked_mul(tensor.hi)?);
            let (least, most) = (a.min(b), a.max(b));
            let (least, most) = if everywhere { (least, most) } else { (least.min(0), most.max(0)) };
            (*lo, *hi) = (lo.checked_add(least)?, hi.checked_add(most)?);
        }
    }
    Some(bounds)
}

/// Bounds of a layer's rounded accumulators; `None` means overflow.
pub(super) fn rounded(bounds: &[(i64, i64)], shift: &PerChannel<u32>) -> Option<(i64, i64)> {
    let (mut least, mut most) = (i64::MAX, i64::MIN);
    for (channel, (lo, hi)) in bounds.iter().enumerate() {
        let shift = shift.of(channel);
        (least, most) = (least.min(round_shift(*lo, shift)?), most.max(round_shift(*hi, shift)?));
    }
    (least <= most).then_some((least, most))
}

/// Whether a tensor has as many rows and columns.
fn covers(tensor: Planes, (height, width): (usize, usize)) -> bool {
    tensor.height >= height && tensor.width >= width
}
