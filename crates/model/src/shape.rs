//! The shape of a tensor of any rank: axes in row-major order, each with what it stands for.
//!
//! It knows nothing of planes or of where values are: [`View`](crate::View) reads a shape as planes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What an axis stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Label {
    /// Independent inputs.
    Batch,
    /// A group of channels or features, such as an attention head.
    Group,
    /// From plane to plane of an image.
    Channel,
    /// From one number to the next of what describes one place.
    Feature,
    /// From row to row of a plane.
    Row,
    /// From column to column of a plane.
    Column,
    /// From place to place of a sequence.
    Token,
}

/// An axis of a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Axis {
    /// What it stands for.
    pub label: Label,
    /// Number of places along it.
    pub extent: usize,
}

/// Axes of a tensor, the slowest first; none for a single number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shape(Vec<Axis>);

impl Shape {
    /// A shape of labelled extents, the slowest first.
    pub fn new(axes: impl IntoIterator<Item = (Label, usize)>) -> Self {
        Self(axes.into_iter().map(|(label, extent)| Axis { label, extent }).collect())
    }

    /// The axes, the slowest first.
    pub fn axes(&self) -> &[Axis] {
        &self.0
    }

    /// The extents, the slowest axis first.
    pub fn extents(&self) -> Vec<usize> {
        self.0.iter().map(|axis| axis.extent).collect()
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// Number of values; `None` if it has more than 64 bits.
    pub fn len(&self) -> Option<usize> {
        self.0.iter().try_fold(1usize, |all, axis| all.checked_mul(axis.extent))
    }

    /// Whether some axis has no place.
    pub fn is_empty(&self) -> bool {
        self.0.iter().any(|axis| axis.extent == 0)
    }

    /// From one place along each axis to the next, in values.
    pub fn steps(&self) -> Vec<usize> {
        let mut steps: Vec<usize> = self
            .0
            .iter()
            .rev()
            .scan(1usize, |step, axis| {
                let own = *step;
                *step = step.saturating_mul(axis.extent);
                Some(own)
            })
            .collect();
        steps.reverse();
        steps
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let extents: Vec<String> = self.0.iter().map(|axis| axis.extent.to_string()).collect();
        write!(f, "[{}]", extents.join(", "))
    }
}
