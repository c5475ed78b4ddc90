//! A tensor of any rank: a shape and its values, row-major.

use ndarray::Array3;
use serde::{Deserialize, Serialize};

use crate::shape::Shape;
use crate::view::View;

/// A tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tensor<T> {
    shape: Shape,
    values: Vec<T>,
}

impl<T: Copy> Tensor<T> {
    /// A tensor of the given values, row-major; `None` if the shape has another number of them.
    pub fn new(shape: Shape, values: Vec<T>) -> Option<Self> {
        (shape.len() == Some(values.len())).then_some(Self { shape, values })
    }

    /// Its shape.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Its values, row-major.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// The values as planes; `None` if the view is of a shape with other extents.
    pub fn planes(&self, view: &View) -> Option<Array3<T>> {
        let planes = view.planes();
        (view.extents() == self.shape.extents())
            .then(|| Array3::from_shape_fn(planes.dims(), |place| self.values[view.place(place)]))
    }
}
