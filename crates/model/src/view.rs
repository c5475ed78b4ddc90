//! Views: how a tensor of any rank is read as channel planes.
//!
//! An image's planes are its channels; a sequence's are its features, with tokens along the columns; groups and heads come
//! before the channels within them. A view is an index map and nothing else: which cells of a circuit hold the planes, and
//! whether they are turned, is decided by whoever lays the tensor out.

use serde::{Deserialize, Serialize};

use crate::planes::Planes;
use crate::shape::{Label, Shape};

/// A tensor read as channel planes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    extents: Vec<usize>,
    /// Axes that planes run along, rows run along, and columns run along; the slowest first.
    channels: Vec<AxisStep>,
    rows: Vec<AxisStep>,
    columns: Vec<AxisStep>,
}

/// An axis of the tensor: its extent, and how far apart its places are, in values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct AxisStep {
    extent: usize,
    step: usize,
}

impl View {
    /// The planes that a shape's labels stand for; `None` if it has a batch of several, or no value.
    pub fn of(shape: &Shape) -> Option<Self> {
        let mut view =
            Self { extents: shape.extents(), channels: Vec::new(), rows: Vec::new(), columns: Vec::new() };
        if shape.is_empty() || shape.len().is_none() {
            return None;
        }
        for (axis, step) in shape.axes().iter().zip(shape.steps()) {
            let own = AxisStep { extent: axis.extent, step };
            match axis.label {
                Label::Batch if axis.extent == 1 => {}
                Label::Batch => return None,
                Label::Group | Label::Channel | Label::Feature => view.channels.push(own),
                Label::Row => view.rows.push(own),
                Label::Column | Label::Token => view.columns.push(own),
            }
        }
        Some(view)
    }

    /// The planes.
    pub fn planes(&self) -> Planes {
        let [channels, height, width] =
            [&self.channels, &self.rows, &self.columns].map(|axes| axes.iter().map(|axis| axis.extent).product());
        Planes::new(channels, height, width)
    }

    /// Extents of the tensor, the slowest axis first.
    pub fn extents(&self) -> &[usize] {
        &self.extents
    }

    /// Where a value of the planes, given by channel, row and column, is in the tensor.
    pub fn place(&self, (channel, row, column): (usize, usize, usize)) -> usize {
        along(&self.channels, channel) + along(&self.rows, row) + along(&self.columns, column)
    }
}

/// How far into the tensor a place along some axes is.
fn along(axes: &[AxisStep], mut place: usize) -> usize {
    let mut sum = 0;
    for axis in axes.iter().rev() {
        sum += place % axis.extent * axis.step;
        place /= axis.extent;
    }
    sum
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::tensor::Tensor;
    use proptest::prelude::*;

    #[test]
    fn labels_say_what_planes_are() {
        use Label::{Batch, Channel, Column, Feature, Group, Row, Token};
        let cases: [(Vec<(Label, usize)>, Planes); 5] = [
            (vec![(Batch, 1), (Channel, 3), (Row, 4), (Column, 5)], Planes::new(3, 4, 5)),
            (vec![(Batch, 1), (Row, 4), (Column, 5), (Channel, 3)], Planes::new(3, 4, 5)),
            (vec![(Feature, 7)], Planes::vector(7)),
            (vec![(Token, 6), (Group, 2), (Feature, 4)], Planes::new(8, 1, 6)),
            (vec![], Planes::vector(1)),
        ];
        for (axes, planes) in cases {
            assert_eq!(View::of(&Shape::new(axes)).unwrap().planes(), planes);
        }
        assert_eq!(View::of(&Shape::new([(Batch, 2), (Feature, 3)])), None);
        assert_eq!(View::of(&Shape::new([(Row, 0)])), None);
    }

    #[test]
    fn channels_last_become_planes() {
        let shape = Shape::new([(Label::Row, 2), (Label::Column, 2), (Label::Channel, 3)]);
        let view = View::of(&shape).unwrap();
        let tensor = Tensor::new(shape, (0..12).collect::<Vec<i64>>()).unwrap();
        let planes = tensor.planes(&view).unwrap();
        assert_eq!(planes.iter().copied().collect::<Vec<_>>(), [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]);
    }

    proptest! {
        #[test]
        fn every_value_has_one_place(extents in prop::collection::vec(1usize..5, 0..5), labels in prop::collection::vec(0usize..6, 5)) {
            let all = [Label::Group, Label::Channel, Label::Feature, Label::Row, Label::Column, Label::Token];
            let shape = Shape::new(extents.iter().zip(&labels).map(|(extent, label)| (all[*label], *extent)));
            let view = View::of(&shape).unwrap();
            let planes = view.planes();
            let mut places: Vec<usize> = (0..planes.len())
                .map(|i| view.place((i / planes.plane(), i / planes.width % planes.height, i % planes.width)))
                .collect();
            places.sort_unstable();
            prop_assert_eq!(places, (0..shape.len().unwrap()).collect::<Vec<_>>());
        }
    }
}
