//! Extents of tensors: broadcasting, axes, places. It knows no values.

/// Most values that a tensor may have.
pub(super) const MOST_VALUES: usize = 1 << 26;
/// Most values that a tensor may have which depends on an input: more than any layout has cells for. Each may take a place of 16 bytes.
pub(super) const MOST_LIVE: usize = 1 << 23;
/// Most values that all tensors together may hold which operators make, so that no file makes its import take all memory.
pub(super) const MOST_HELD: usize = 1 << 28;

/// The number of values of extents, if they are not too many.
///
/// # Errors
/// Why there is no such tensor.
pub(super) fn count(dims: &[usize]) -> Result<usize, String> {
    bounded(dims, MOST_VALUES)
}

/// The same for a tensor that depends on an input.
///
/// # Errors
/// Why there is no such tensor.
pub(super) fn live_count(dims: &[usize]) -> Result<usize, String> {
    bounded(dims, MOST_LIVE)
}

fn bounded(dims: &[usize], most: usize) -> Result<usize, String> {
    let count = dims.iter().try_fold(1usize, |all, dim| all.checked_mul(*dim));
    count
        .filter(|count| *count <= most)
        .ok_or_else(|| format!("a tensor of extents {dims:?} has more than {most} values"))
}

/// From one place along each axis to the next, in values.
pub(super) fn steps(dims: &[usize]) -> Vec<usize> {
    let mut steps = vec![1; dims.len()];
    for axis in (1..dims.len()).rev() {
        steps[axis - 1] = steps[axis] * dims[axis];
    }
    steps
}

/// Extents that two tensors have together, each repeated where it has one value.
pub(super) fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let extent = |dims: &[usize], axis: usize| (axis + dims.len()).checked_sub(rank).map_or(1, |axis| dims[axis]);
    (0..rank)
        .map(|axis| match (extent(a, axis), extent(b, axis)) {
            (1, other) => Some(other),
            (own, other) if own == other || other == 1 => Some(own),
            _ => None,
        })
        .collect()
}

/// By place of a tensor of extents `to`, the place of the value of one of extents `from` that is repeated there; `None` if it
/// cannot be.
pub(super) fn repeated(from: &[usize], to: &[usize]) -> Option<Vec<u32>> {
    if broadcast(from, to).as_deref() != Some(to) {
        return None;
    }
    let own = steps(from);
    let before = to.len() - from.len();
    let step = |axis: usize| match axis.checked_sub(before) {
        Some(axis) if from[axis] != 1 => own[axis],
        _ => 0,
    };
    let moving: Vec<usize> = (0..to.len()).map(step).collect();
    Some(strided(to, &moving, 0))
}

/// Places of a tensor of given extents, when each axis moves by a number of values from a first one.
pub(super) fn strided(dims: &[usize], moving: &[usize], first: usize) -> Vec<u32> {
    let count: usize = dims.iter().product();
    let mut places = Vec::with_capacity(count);
    let mut index = vec![0; dims.len()];
    let mut place = first;
    for _ in 0..count {
        places.push(place as u32);
        for axis in (0..dims.len()).rev() {
            index[axis] += 1;
            place += moving[axis];
            if index[axis] < dims[axis] {
                break;
            }
            place -= moving[axis] * dims[axis];
            index[axis] = 0;
        }
    }
    places
}

/// By place of the transposed tensor, the place before; `order[i]` is the axis that becomes axis `i`.
pub(super) fn transposed(dims: &[usize], order: &[usize]) -> Vec<u32> {
    let own = steps(dims);
    let extents: Vec<usize> = order.iter().map(|axis| dims[*axis]).collect();
    let moving: Vec<usize> = order.iter().map(|axis| own[*axis]).collect();
    strided(&extents, &moving, 0)
}

/// The index along every axis of a place.
pub(super) fn index(dims: &[usize], mut place: usize) -> Vec<usize> {
    let mut index = vec![0; dims.len()];
    for axis in (0..dims.len()).rev() {
        index[axis] = place % dims[axis].max(1);
        place /= dims[axis].max(1);
    }
    index
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn extents_broadcast_from_the_last_axis() {
        let cases: [[&[usize]; 3]; 4] =
            [[&[2, 3], &[3], &[2, 3]], [&[2, 1], &[1, 3], &[2, 3]], [&[], &[4], &[4]], [&[1, 5], &[1], &[1, 5]]];
        for [a, b, together] in cases {
            assert_eq!(broadcast(a, b).as_deref(), Some(together), "{a:?} {b:?}");
        }
        assert_eq!(broadcast(&[2], &[3]), None);
        assert_eq!(repeated(&[2, 1], &[2, 3]).unwrap(), [0, 0, 0, 1, 1, 1]);
        assert_eq!(repeated(&[3], &[2, 3]).unwrap(), [0, 1, 2, 0, 1, 2]);
        assert_eq!(repeated(&[2, 3], &[3]), None);
    }

    #[test]
    fn places_follow_axes() {
        assert_eq!(transposed(&[2, 3], &[1, 0]), [0, 3, 1, 4, 2, 5]);
        assert_eq!(index(&[2, 3, 4], 17), [1, 1, 1]);
        assert_eq!(steps(&[2, 3, 4]), [12, 4, 1]);
        assert!(count(&[1 << 20, 1 << 20]).is_err() && count(&[usize::MAX, 2]).is_err());
        assert!(live_count(&[2, MOST_LIVE / 2]).is_ok() && live_count(&[3, MOST_LIVE / 2]).is_err());
    }
}
