//! Channel planes: how layers read tensors, whatever their rank. See [`View`](crate::View).

use std::fmt;

use serde::{Deserialize, Serialize};

/// Channels, height and width of a tensor. A feature vector is `channels` planes of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Planes {
    /// Number of planes.
    pub channels: usize,
    /// Rows of a plane.
    pub height: usize,
    /// Columns of a plane.
    pub width: usize,
}

impl Planes {
    /// A shape from its three extents.
    pub fn new(channels: usize, height: usize, width: usize) -> Self {
        Self { channels, height, width }
    }

    /// A feature vector.
    pub fn vector(channels: usize) -> Self {
        Self::new(channels, 1, 1)
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.channels * self.plane()
    }

    /// Whether the shape holds no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of values in one plane.
    pub fn plane(&self) -> usize {
        self.height * self.width
    }

    /// The extents as `ndarray` wants them.
    pub fn dims(&self) -> (usize, usize, usize) {
        (self.channels, self.height, self.width)
    }
}

impl fmt::Display for Planes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.channels, self.height, self.width)
    }
}
