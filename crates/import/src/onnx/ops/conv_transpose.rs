//! ConvTranspose: each value of the input adds the kernel, times itself, to the output around its place.
//!
//! With strides, the values of the output that have the same remainder are one convolution each: their channels lie beside each
//! other and are then taken apart.

use ndarray::Array4;
use zklayout_model::{FloatOp, Padding, Planes};

use super::conv::{bias, dilated, weights};
use super::window::{Images, Window};
use super::{AtNode, Node, Results};
use crate::error::ImportError;
use crate::onnx::extents;
use crate::onnx::layers::{Frame, Layers};
use crate::onnx::value::{Element, Kind, Value};

/// A transposed convolution: weights of input channel, output channel of the group, row and column.
struct Transposed {
    images: Images,
    kernel: Array4<f64>,
    bias: Vec<f64>,
    groups: usize,
    stride: [usize; 2],
    /// Rows and columns cut off before the first value of the output.
    before: [usize; 2],
    output: Planes,
}

impl Transposed {
    fn of(node: &Node<'_>) -> Result<Self, ImportError> {
        let images = Images::of(node)?;
        let stored = weights(node, &images)?;
        let size = [stored.dim().2, stored.dim().3];
        let automatic = node.text("auto_pad");
        if !["", "NOTSET", "VALID"].contains(&automatic.as_str()) {
            return Err(node.unsupported(format!("auto_pad {automatic:?}; state the pads")));
        }
        if node.attribute("output_shape").is_some() {
            return Err(node.unsupported("output_shape; state the pads and output_padding"));
        }
        let window = Window::of(node, &images, &size[2 - images.directions..])?;
        let kernel = dilated(&stored, window.dilation).at(node)?;
        let groups = usize::try_from(node.int("group", 1)).unwrap_or(0);
        let channels = kernel.dim().1 * groups;
        if groups == 0 || channels == 0 || stored.dim().0 != images.planes.channels || stored.dim().0 % groups != 0
        {
            return Err(node.unsupported(format!(
                "weights {:?} with group {groups} do not fit a tensor of shape {:?}",
                node.value(1)?.dims,
                node.value(0)?.dims
            )));
        }
        let more = node.sizes("output_padding", &vec![0; images.directions])?;
        let more = if let [columns] = more[..] { [0, columns] } else { [more[0], more[1]] };
        let (before, reach) = ([images.planes.height, images.planes.width], [kernel.dim().2, kernel.dim().3]);
        let extent = |axis: usize| {
            let whole = (before[axis] - 1) * window.stride[axis] + reach[axis] + more[axis];
            whole.checked_sub(window.before[axis] + window.after[axis]).filter(|extent| *extent > 0)
        };
        let (Some(height), Some(width)) = (extent(0), extent(1)) else {
            return Err(node.unsupported("pads that leave nothing"));
        };
        let output = Planes::new(channels, height, width);
        let phases = [channels, window.stride[0], window.stride[1], before[0] + reach[0], before[1] + reach[1]];
        extents::count(&phases).at(node)?;
        extents::count(&[channels, height, width]).at(node)?;
        let bias = bias(node, channels)?;
        Ok(Self { images, kernel, bias, groups, stride: window.stride, before: window.before, output })
    }

    /// Taps of the kernel with one remainder, by rows and columns.
    fn taps(&self) -> [usize; 2] {
        [self.kernel.dim().2.div_ceil(self.stride[0]), self.kernel.dim().3.div_ceil(self.stride[1])]
    }

    /// The kernel of the convolution: for each output channel and remainder, those taps in reverse.
    fn phases(&self) -> Array4<f64> {
        let ([rows, columns], [sy, sx]) = (self.taps(), self.stride);
        let (inputs, of_group, kernel_rows, kernel_columns) = self.kernel.dim();
        let inner = inputs / self.groups;
        let shape = (self.output.channels * sy * sx, inner, rows, columns);
        Array4::from_shape_fn(shape, |(place, c, row, column)| {
            let (channel, phase) = (place / (sy * sx), place % (sy * sx));
            let y = phase / sx + sy * (rows - 1 - row);
            let x = phase % sx + sx * (columns - 1 - column);
            let inside = y < kernel_rows && x < kernel_columns;
            let input = channel / of_group * inner + c;
            if inside { self.kernel[[input, channel % of_group, y, x]] } else { 0.0 }
        })
    }
}

pub(super) fn import(node: &Node<'_>, layers: &mut Layers) -> Results {
    let transposed = Transposed::of(node)?;
    let Transposed { images, groups, stride: [sy, sx], before, output, .. } = transposed;
    if images.batch != 1 {
        return Err(node.unsupported(format!("a batch of {}; only one image", images.batch)));
    }
    let (value, name, planes) = (node.value(0)?, node.name(), images.planes);
    let source = layers.bring(&name, value, &value.dims, &Frame::in_order(planes)).at(node)?;
    let [rows, columns] = transposed.taps();
    let padding = Padding { top: rows - 1, bottom: rows - 1, left: columns - 1, right: columns - 1 };
    let all = Planes::new(output.channels * sy * sx, planes.height + rows - 1, planes.width + columns - 1);
    let bias = transposed.bias.iter().flat_map(|bias| vec![*bias; sy * sx]).collect();
    let kernel = transposed.phases();
    let result = layers.add(&name, FloatOp::Conv { kernel, bias, groups, stride: 1, padding }, all, &[source]);
    let dims = images.dims(output);
    let element = |place: usize| {
        let (channel, row, column) =
            (place / output.plane(), place / output.width % output.height, place % output.width);
        let (y, x) = (row + before[0], column + before[1]);
        let phase = channel * sy * sx + y % sy * sx + x % sx;
        let (y, x) = (y / sy, x / sx);
        // Beyond the last kernel there is the bias alone.
        if y >= all.height || x >= all.width {
            return Element::Number(transposed.bias[channel]);
        }
        Element::Place(result, ((phase * all.height + y) * all.width + x) as u32)
    };
    let whole = all == output && [sy, sx] == [1, 1] && before == [0, 0];
    let value = if whole {
        Value::whole(Kind::Float, dims, result)
    } else {
        Value::of_elements(Kind::Float, dims, (0..output.len()).map(element).collect())
    };
    Ok(vec![value])
}

pub(super) fn evaluate(node: &Node<'_>) -> Results {
    let transposed = Transposed::of(node)?;
    let Transposed { images, kernel, groups, stride, before, output, .. } = &transposed;
    let (input, planes) = (node.numbers(0)?, images.planes);
    let (inner, of_group) = (planes.channels / groups, kernel.dim().1);
    let mut numbers: Vec<f64> = Vec::with_capacity(images.batch * output.len());
    for _ in 0..images.batch {
        transposed.bias.iter().for_each(|bias| numbers.extend(vec![*bias; output.plane()]));
    }
    for (place, value) in input.iter().enumerate() {
        let (member, channel) = (place / planes.len(), place / planes.plane() % planes.channels);
        let (row, column) = (place / planes.width % planes.height, place % planes.width);
        for ((o, dy, dx), weight) in kernel.index_axis(ndarray::Axis(0), channel).indexed_iter() {
            let y = (row * stride[0] + dy).checked_sub(before[0]).filter(|y| *y < output.height);
            let x = (column * stride[1] + dx).checked_sub(before[1]).filter(|x| *x < output.width);
            let (Some(y), Some(x)) = (y, x) else { continue };
            let o = channel / inner * of_group + o;
            numbers[((member * output.channels + o) * output.height + y) * output.width + x] += weight * value;
        }
    }
    Ok(vec![Value::numbers(Kind::Float, images.dims(*output), numbers)])
}
