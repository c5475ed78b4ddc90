//! DepthToSpace and SpaceToDepth: blocks of a plane as channels.

use super::{AtNode, Node};
use crate::error::ImportError;
use crate::onnx::extents;
use crate::onnx::value::Picked;

type Moved = Result<Vec<Picked>, ImportError>;

/// Batch, channels, rows and columns, and the side of blocks.
fn image(node: &Node<'_>, dims: &[usize]) -> Result<([usize; 4], usize), ImportError> {
    let side = usize::try_from(node.int("blocksize", 0)).ok().filter(|side| (1..1 << 16).contains(side));
    match (<[usize; 4]>::try_from(dims), side) {
        (Ok(image), Some(side)) => Ok((image, side)),
        _ => {
            Err(node.unsupported(format!("blocks of {} of a tensor of shape {dims:?}", node.int("blocksize", 0))))
        }
    }
}

/// Extents in between, the order of their axes, and the extents in the end.
fn through(node: &Node<'_>, between: &[usize], order: &[usize], shape: Vec<usize>) -> Moved {
    extents::count(&shape).at(node)?;
    let places = extents::transposed(between, order);
    Ok(vec![Picked::of_places(shape, places.into_iter().map(Some).collect())])
}

pub(super) fn depth_to_space(node: &Node<'_>, dims: &[usize]) -> Moved {
    let ([batch, channels, rows, columns], side) = image(node, dims)?;
    let rest = channels / (side * side);
    if rest * side * side != channels {
        return Err(node.unsupported(format!("{channels} channels are no blocks of {side} x {side}")));
    }
    let shape = vec![batch, rest, rows * side, columns * side];
    match node.text("mode").as_str() {
        "" | "DCR" => through(node, &[batch, side, side, rest, rows, columns], &[0, 3, 4, 1, 5, 2], shape),
        "CRD" => through(node, &[batch, rest, side, side, rows, columns], &[0, 1, 4, 2, 5, 3], shape),
        mode => Err(node.unsupported(format!("mode {mode:?}"))),
    }
}

pub(super) fn space_to_depth(node: &Node<'_>, dims: &[usize]) -> Moved {
    let ([batch, channels, rows, columns], side) = image(node, dims)?;
    if rows % side != 0 || columns % side != 0 {
        return Err(node.unsupported(format!("a plane of {rows} x {columns} is no blocks of {side} x {side}")));
    }
    let (rows, columns) = (rows / side, columns / side);
    let shape = vec![batch, channels * side * side, rows, columns];
    through(node, &[batch, channels, rows, side, columns, side], &[0, 3, 5, 1, 2, 4], shape)
}
