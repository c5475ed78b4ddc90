//! Conv: a grouped convolution with strides, dilations and zero padding, in one or two directions.
//!
//! A batch is one image: its members lie below each other, with rows of zeros between them. Where the strides differ, the
//! convolution has their common divisor, and values are picked.

use ndarray::Array4;
use zklayout_model::{FloatOp, Padding, Planes};

use super::window::{Images, Window};
use super::{AtNode, Node, Results};
use crate::error::ImportError;
use crate::onnx::extents;
use crate::onnx::layers::{Frame, Layers};
use crate::onnx::value::{Element, Kind, Value};

/// Weights, bias and the window of a node.
pub(super) struct Convolution {
    pub(super) images: Images,
    pub(super) kernel: Array4<f64>,
    pub(super) bias: Vec<f64>,
    pub(super) groups: usize,
    pub(super) window: Window,
}

/// The bias of so many channels.
pub(super) fn bias(node: &Node<'_>, channels: usize) -> Result<Vec<f64>, ImportError> {
    match node.optional_numbers(2)? {
        Some(bias) if bias.len() == channels => Ok(bias.to_vec()),
        Some(bias) => Err(node.unsupported(format!("bias of {} values for {channels}", bias.len()))),
        None => Ok(vec![0.0; channels]),
    }
}

/// Weights as they are stored, with one row where there is one direction.
pub(super) fn weights(node: &Node<'_>, images: &Images) -> Result<Array4<f64>, ImportError> {
    let (numbers, dims) = (node.numbers(1)?, &node.value(1)?.dims);
    let shape = match dims[..] {
        [outer, inner, columns] if images.directions == 1 => (outer, inner, 1, columns),
        [outer, inner, rows, columns] if images.directions == 2 => (outer, inner, rows, columns),
        _ => {
            let directions = images.directions;
            return Err(node.unsupported(format!("weights of shape {dims:?} for {directions} directions")));
        }
    };
    Array4::from_shape_vec(shape, numbers.to_vec()).map_err(|e| node.unsupported(e.to_string()))
}

impl Convolution {
    fn of(node: &Node<'_>) -> Result<Self, ImportError> {
        let images = Images::of(node)?;
        let kernel = weights(node, &images)?;
        let (out, inner, rows, columns) = kernel.dim();
        let size = [rows, columns];
        let window = Window::of(node, &images, &size[2 - images.directions..])?;
        let groups = usize::try_from(node.int("group", 1)).unwrap_or(0);
        if groups == 0 || out == 0 || out % groups != 0 || inner * groups != images.planes.channels {
            return Err(node.unsupported(format!(
                "weights {:?} with group {groups} do not fit a tensor of shape {:?}",
                node.value(1)?.dims,
                node.value(0)?.dims
            )));
        }
        Ok(Self { images, kernel, bias: bias(node, out)?, groups, window })
    }
}

pub(super) fn import(node: &Node<'_>, layers: &mut Layers) -> Results {
    let convolution = Convolution::of(node)?;
    Ok(vec![convolution.add(node, layers)?])
}

impl Convolution {
    /// The convolution of the node's first tensor.
    pub(super) fn add(self, node: &Node<'_>, layers: &mut Layers) -> Result<Value, ImportError> {
        let Self { images, kernel, bias, groups, window } = self;
        let output = window.output(node, images.planes, kernel.dim().0)?;
        let kernel = dilated(&kernel, window.dilation).at(node)?;
        let stride = common_divisor(window.stride[0], window.stride[1]);
        let (value, name) = (node.value(0)?, node.name());
        let single = images.batch == 1;
        let (source, planes, padding, apart) = if single {
            let frame = Frame::in_order(images.planes);
            (layers.bring(&name, value, &value.dims, &frame).at(node)?, images.planes, window.written(), 0)
        } else {
            stacked(node, layers, &images, &window, stride)?
        };
        let [kernel_rows, kernel_columns] = [kernel.dim().2, kernel.dim().3];
        let extent = |size: usize, before: usize, after: usize, kernel: usize| {
            (size + before + after + 1).saturating_sub(kernel).div_ceil(stride)
        };
        let all = Planes::new(
            output.channels,
            extent(planes.height, padding.top, padding.bottom, kernel_rows),
            extent(planes.width, padding.left, padding.right, kernel_columns),
        );
        let result = layers.add(&name, FloatOp::Conv { kernel, bias, groups, stride, padding }, all, &[source]);
        let dims = images.dims(output);
        if single && all == output {
            return Ok(Value::whole(Kind::Float, dims, result));
        }
        let steps = window.stride.map(|own| own / stride);
        let mut elements = Vec::with_capacity(images.batch * output.len());
        for member in 0..images.batch {
            for channel in 0..output.channels {
                for row in 0..output.height {
                    let row = member * apart / stride + row * steps[0];
                    let first = (channel * all.height + row) * all.width;
                    let place = |column: usize| Element::Place(result, (first + column * steps[1]) as u32);
                    elements.extend((0..output.width).map(place));
                }
            }
        }
        Ok(Value::of_elements(Kind::Float, dims, elements))
    }
}

/// A batch as one image, and the rows from one member to the next.
fn stacked(
    node: &Node<'_>,
    layers: &mut Layers,
    images: &Images,
    window: &Window,
    stride: usize,
) -> Result<(zklayout_model::NodeId, Planes, Padding, usize), ImportError> {
    let value = node.value(0)?;
    let Images { batch, planes, .. } = *images;
    let padded = (planes.height + window.before[0] + window.after[0]).max(window.reach()[0]);
    let apart = padded.next_multiple_of(stride.max(window.stride[0]));
    let tall = Planes::new(planes.channels, batch * apart, planes.width);
    extents::live_count(&[tall.channels, tall.height, tall.width]).at(node)?;
    let elements = value.elements();
    let mut arranged = Vec::with_capacity(tall.len());
    for channel in 0..planes.channels {
        for member in 0..batch {
            for row in 0..apart {
                let row = row.checked_sub(window.before[0]).filter(|row| *row < planes.height);
                let first =
                    row.map(|row| ((member * planes.channels + channel) * planes.height + row) * planes.width);
                let cell = |column: usize| first.map_or(Element::Number(0.0), |first| elements[first + column]);
                arranged.extend((0..planes.width).map(cell));
            }
        }
    }
    let source = layers.home(&node.name(), &arranged, tall).at(node)?;
    let padding = Padding { top: 0, bottom: 0, ..window.written() };
    Ok((source, tall, padding, apart))
}

fn common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

/// The same kernel with zeros between its taps.
pub(super) fn dilated(kernel: &Array4<f64>, [y, x]: [usize; 2]) -> Result<Array4<f64>, String> {
    let (out, inner, rows, columns) = kernel.dim();
    let extent = |taps: usize, dilation: usize| taps.saturating_sub(1) * dilation + taps.min(1);
    extents::count(&[out, inner, extent(rows, y), extent(columns, x)])?;
    let mut wide = Array4::zeros((out, inner, extent(rows, y), extent(columns, x)));
    for ((o, i, dy, dx), weight) in kernel.indexed_iter() {
        wide[[o, i, dy * y, dx * x]] = *weight;
    }
    Ok(wide)
}

pub(super) fn evaluate(node: &Node<'_>) -> Results {
    let Convolution { images, kernel, bias, groups, window } = Convolution::of(node)?;
    let (input, planes) = (node.numbers(0)?, images.planes);
    let output = window.output(node, planes, kernel.dim().0)?;
    let (of_group, inner) = (output.channels / groups, kernel.dim().1);
    let mut numbers = Vec::with_capacity(images.batch * output.len());
    for member in 0..images.batch {
        for channel in 0..output.channels {
            let first = member * planes.channels + channel / of_group * inner;
            for row in 0..output.height {
                for column in 0..output.width {
                    let mut sum = bias[channel];
                    for tap in window.taps() {
                        let Some((y, x)) = window.tap(planes, [row, column], tap) else { continue };
                        for c in 0..inner {
                            let at = ((first + c) * planes.height + y) * planes.width + x;
                            sum += kernel[[channel, c, tap[0], tap[1]]] * input[at];
                        }
                    }
                    numbers.push(sum);
                }
            }
        }
    }
    Ok(vec![Value::numbers(Kind::Float, images.dims(output), numbers)])
}
