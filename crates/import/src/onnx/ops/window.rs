//! Windows that slide over planes: what Conv, ConvTranspose and pools say of them, in one or two directions.

use zklayout_model::{Padding, Planes};

use super::Node;
use crate::error::ImportError;
use crate::onnx::extents;

/// Largest extent, stride, dilation or padding of a window.
const MOST_EXTENT: usize = 1 << 16;

/// A window, by rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) size: [usize; 2],
    pub(super) stride: [usize; 2],
    pub(super) dilation: [usize; 2],
    pub(super) before: [usize; 2],
    pub(super) after: [usize; 2],
    /// Whether a last window may reach beyond the padding.
    pub(super) ceil: bool,
}

/// A batch of images: batch, channels, rows and columns; one row where there is one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Images {
    pub(super) batch: usize,
    pub(super) planes: Planes,
    /// Number of directions.
    pub(super) directions: usize,
}

impl Images {
    /// What a tensor of batch, channels, and one or two more axes is.
    pub(super) fn of(node: &Node<'_>) -> Result<Self, ImportError> {
        let dims = &node.value(0)?.dims;
        let images = match dims[..] {
            [batch, channels, columns] => Some((batch, Planes::new(channels, 1, columns), 1)),
            [batch, channels, rows, columns] => Some((batch, Planes::new(channels, rows, columns), 2)),
            _ => None,
        };
        match images {
            Some((batch, planes, directions)) if batch > 0 && !planes.is_empty() => {
                Ok(Self { batch, planes, directions })
            }
            _ => Err(node.unsupported(format!(
                "a tensor of shape {dims:?}; expected [batch, channels, columns] or [batch, channels, rows, columns]"
            ))),
        }
    }

    /// Extents of a tensor of other planes.
    pub(super) fn dims(&self, planes: Planes) -> Vec<usize> {
        let all = [self.batch, planes.channels, planes.height, planes.width];
        if self.directions == 2 { all.to_vec() } else { vec![all[0], all[1], all[3]] }
    }
}

/// Both directions of a list that may have only columns.
fn both(list: &[usize], single: usize) -> [usize; 2] {
    match list {
        [columns] => [single, *columns],
        [rows, columns] => [*rows, *columns],
        _ => [single; 2],
    }
}

impl Window {
    /// The window of a node, of a given size.
    pub(super) fn of(node: &Node<'_>, images: &Images, size: &[usize]) -> Result<Self, ImportError> {
        let directions = images.directions;
        if size.len() != directions {
            return Err(node.unsupported(format!("a window of {size:?} on a tensor of {directions} directions")));
        }
        let ones = vec![1; directions];
        let pads = node.sizes("pads", &vec![0; 2 * directions])?;
        let mut window = Self {
            size: both(size, 1),
            stride: both(&node.sizes("strides", &ones)?, 1),
            dilation: both(&node.sizes("dilations", &ones)?, 1),
            before: both(&pads[..directions], 0),
            after: both(&pads[directions..], 0),
            ceil: node.int("ceil_mode", 0) != 0,
        };
        if directions == 1 {
            window.stride[0] = window.stride[1];
        }
        let all = [window.size, window.stride, window.dilation];
        let large = window.before.iter().chain(&window.after).any(|pad| *pad > MOST_EXTENT);
        if large || all.iter().flatten().any(|extent| !(1..=MOST_EXTENT).contains(extent)) {
            return Err(node.unsupported(format!("{window:?}: an extent is 0 or too large")));
        }
        window.pad_automatically(node, images.planes)?;
        Ok(window)
    }

    fn pad_automatically(&mut self, node: &Node<'_>, planes: Planes) -> Result<(), ImportError> {
        let automatic = node.text("auto_pad");
        let upper = match automatic.as_str() {
            "" | "NOTSET" => return Ok(()),
            "VALID" => None,
            "SAME_UPPER" => Some(true),
            "SAME_LOWER" => Some(false),
            _ => return Err(node.unsupported(format!("auto_pad {automatic:?}"))),
        };
        let (extents, reach) = ([planes.height, planes.width], self.reach());
        for axis in 0..2 {
            let windows = extents[axis].div_ceil(self.stride[axis]);
            let total = match upper {
                None => 0,
                Some(_) => ((windows - 1) * self.stride[axis] + reach[axis]).saturating_sub(extents[axis]),
            };
            let (less, more) = (total / 2, total.div_ceil(2));
            (self.before[axis], self.after[axis]) = if upper == Some(false) { (more, less) } else { (less, more) };
        }
        Ok(())
    }

    /// Rows and columns from a window's first value to beyond its last one.
    pub(super) fn reach(&self) -> [usize; 2] {
        [0, 1].map(|axis| (self.size[axis] - 1) * self.dilation[axis] + 1)
    }

    /// Number of windows by rows and columns; `None` if the planes have no room for one.
    pub(super) fn windows(&self, planes: Planes) -> Option<[usize; 2]> {
        let (extents, reach) = ([planes.height, planes.width], self.reach());
        let count = |axis: usize| {
            let padded = extents[axis] + self.before[axis] + self.after[axis];
            let span = padded.checked_sub(reach[axis])?;
            let stride = self.stride[axis];
            let count = if self.ceil { span.div_ceil(stride) } else { span / stride } + 1;
            // A window that would start in the padding behind is none.
            let behind = (count - 1) * stride >= extents[axis] + self.before[axis];
            Some(if self.ceil && behind { count - 1 } else { count })
        };
        Some([count(0)?, count(1)?])
    }

    /// Planes of what has a value for each window.
    pub(super) fn output(&self, node: &Node<'_>, planes: Planes, channels: usize) -> Result<Planes, ImportError> {
        let windows = self.windows(planes).filter(|windows| windows.iter().all(|count| *count > 0));
        let [rows, columns] = windows.ok_or_else(|| {
            node.unsupported(format!(
                "a window of {:?} on planes of {} x {}",
                self.size, planes.height, planes.width
            ))
        })?;
        extents::live_count(&[channels, rows, columns]).map_err(|reason| node.unsupported(reason))?;
        Ok(Planes::new(channels, rows, columns))
    }

    /// The place in a plane that a tap of a window reads, if it is not padding.
    pub(super) fn tap(&self, planes: Planes, window: [usize; 2], tap: [usize; 2]) -> Option<(usize, usize)> {
        let at = |axis: usize, extent: usize| {
            let place = window[axis] * self.stride[axis] + tap[axis] * self.dilation[axis];
            place.checked_sub(self.before[axis]).filter(|place| *place < extent)
        };
        Some((at(0, planes.height)?, at(1, planes.width)?))
    }

    /// Every tap of a window.
    pub(super) fn taps(&self) -> Vec<[usize; 2]> {
        let columns = |row: usize| (0..self.size[1]).map(move |column| [row, column]);
        (0..self.size[0]).flat_map(columns).collect()
    }

    /// The padding that makes room for exactly the windows of `output`, none of which starts beyond it.
    pub(super) fn padding(&self, planes: Planes, output: Planes) -> Padding {
        let reach = self.reach();
        let behind = |axis: usize, extent: usize, count: usize| {
            ((count - 1) * self.stride[axis] + reach[axis]).saturating_sub(extent + self.before[axis])
        };
        Padding {
            top: self.before[0],
            left: self.before[1],
            bottom: behind(0, planes.height, output.height),
            right: behind(1, planes.width, output.width),
        }
    }

    /// The stride of both directions: where there is one window, any.
    pub(super) fn common_stride(&self, output: Planes) -> Option<usize> {
        match (self.stride, output) {
            ([rows, columns], _) if rows == columns => Some(rows),
            ([_, columns], Planes { height: 1, .. }) => Some(columns),
            ([rows, _], Planes { width: 1, .. }) => Some(rows),
            _ => None,
        }
    }

    /// The padding as it is written.
    pub(super) fn written(&self) -> Padding {
        Padding { top: self.before[0], left: self.before[1], bottom: self.after[0], right: self.after[1] }
    }
}
