//! How large a model's tensors, kernels and offsets may be. It knows extents, not what has them.

use crate::planes::Planes;

/// Largest extent of a tensor, a kernel, a padding or an offset.
pub(crate) const MOST_EXTENT: usize = 1 << 20;
/// Most values of a tensor.
const MOST_VALUES: usize = 1 << 31;

/// The reason, unless something holds.
pub(crate) fn ensure(holds: bool, reason: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(reason) }
}

/// Refuses planes that are empty or too large.
pub(crate) fn check_planes(planes: Planes) -> Result<(), &'static str> {
    let dims = [planes.channels, planes.height, planes.width];
    let values = dims.iter().try_fold(1usize, |all, dim| all.checked_mul(*dim));
    ensure(dims.iter().all(|dim| *dim <= MOST_EXTENT), "a tensor has too large an extent")?;
    ensure(values.is_some_and(|values| (1..=MOST_VALUES).contains(&values)), "a tensor is empty or too large")
}
