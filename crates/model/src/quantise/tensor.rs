//! What quantisation knows of a tensor that layers read.

use crate::fixed::{Fixed, FixedInput, OutputKind, round_shift};
use crate::per_channel::PerChannel;
use crate::planes::Planes;
use crate::term::Extent;

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
            Fixed::Layer(layer) => match &layer.finish.kind {
                OutputKind::Raw | OutputKind::Stored(_) => (0, 0),
                OutputKind::Rescale(rescale) => rescale.extremes(),
                OutputKind::Requantise { activation, range, .. } => activation.extremes(range.lo, range.hi),
            },
        };
        Self { shape: node.shape(), scale: node.scale(), lo, hi }
    }

    /// The values that it may hold.
    pub(super) fn extent(&self) -> Extent {
        Extent { lo: self.lo, hi: self.hi, planes: Some(self.shape) }
    }
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
