//! Values of ONNX tensors while a file is read: numbers that the file gives, or places of the graph's tensors.
//!
//! What only moves values (reshapes, transpositions, slices, repetitions) changes where values are looked up, and costs nothing
//! until something reads them as planes. It knows no operator.

use std::sync::Arc;

use zklayout_model::NodeId;

/// What the numbers of a tensor are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Floats of any width.
    Float,
    /// Integers of any width.
    Integer,
    /// Truth values, as 0 and 1.
    Boolean,
}

/// One value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Element {
    /// A number that the file gives.
    Number(f64),
    /// A value of a tensor of the graph: the node, and the place in its planes.
    Place(NodeId, u32),
}

/// A tensor: its extents, the slowest axis first, and where its values are.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) kind: Kind,
    pub(super) dims: Vec<usize>,
    pub(super) content: Content,
    /// The file's type of its elements, where that matters; 0 elsewhere.
    pub(super) element: i32,
    /// Whether all its values are known to be whole numbers.
    pub(super) whole: bool,
}

/// Where the values of a tensor are, in row-major order.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// They are numbers.
    Numbers(Arc<Vec<f64>>),
    /// They are all values of a node's planes, in the planes' order.
    Whole(NodeId),
    /// Each is somewhere.
    Elements(Arc<Vec<Element>>),
}

/// What a tensor becomes by moving its values.
#[derive(Clone, Debug)]
pub(super) struct Picked {
    pub(super) dims: Vec<usize>,
    /// By place of the result, the place of its value before, or none where there is the filling; nothing moves if not given.
    pub(super) places: Option<Vec<Option<u32>>>,
    pub(super) filling: f64,
}

impl Picked {
    /// The same values in the same order.
    pub(super) fn in_order(dims: Vec<usize>) -> Self {
        Self { dims, places: None, filling: 0.0 }
    }

    /// Values of given places.
    pub(super) fn of_places(dims: Vec<usize>, places: Vec<Option<u32>>) -> Self {
        Self { dims, places: Some(places), filling: 0.0 }
    }
}

impl Value {
    /// A tensor of numbers.
    pub(super) fn numbers(kind: Kind, dims: Vec<usize>, numbers: Vec<f64>) -> Self {
        Self { kind, dims, content: Content::Numbers(Arc::new(numbers)), element: 0, whole: kind != Kind::Float }
    }

    /// A single number.
    pub(super) fn number(number: f64) -> Self {
        Self::numbers(Kind::Float, Vec::new(), vec![number])
    }

    /// All values of a node, in order.
    pub(super) fn whole(kind: Kind, dims: Vec<usize>, node: NodeId) -> Self {
        Self { kind, dims, content: Content::Whole(node), element: 0, whole: kind != Kind::Float }
    }

    /// Values that are each somewhere.
    pub(super) fn of_elements(kind: Kind, dims: Vec<usize>, elements: Vec<Element>) -> Self {
        let number = |element: &Element| if let Element::Number(number) = element { Some(*number) } else { None };
        let content = match elements.iter().map(number).collect::<Option<Vec<f64>>>() {
            Some(numbers) => Content::Numbers(Arc::new(numbers)),
            None => Content::Elements(Arc::new(elements)),
        };
        Self { kind, dims, content, element: 0, whole: kind != Kind::Float }
    }

    /// Number of values.
    pub(super) fn len(&self) -> usize {
        self.dims.iter().product()
    }

    /// What it holds by itself, in numbers: places are twice as large.
    pub(super) fn held(&self) -> usize {
        match &self.content {
            Content::Whole(_) => 0,
            Content::Numbers(numbers) => numbers.len(),
            Content::Elements(elements) => 2 * elements.len(),
        }
    }

    /// Its numbers, if it depends on no input.
    pub(super) fn as_numbers(&self) -> Option<&[f64]> {
        if let Content::Numbers(numbers) = &self.content { Some(numbers) } else { None }
    }

    /// Where each value is.
    pub(super) fn elements(&self) -> Arc<Vec<Element>> {
        match &self.content {
            Content::Numbers(numbers) => Arc::new(numbers.iter().copied().map(Element::Number).collect()),
            Content::Whole(node) => {
                Arc::new((0..self.len() as u32).map(|place| Element::Place(*node, place)).collect())
            }
            Content::Elements(elements) => Arc::clone(elements),
        }
    }

    /// Whether all its values are whole numbers, as far as is known.
    pub(super) fn is_whole(&self) -> bool {
        self.whole || self.as_numbers().is_some_and(|numbers| numbers.iter().all(|number| number.fract() == 0.0))
    }

    /// The same values in the same order, with other extents.
    pub(super) fn with_dims(&self, dims: Vec<usize>) -> Self {
        Self { dims, ..self.clone() }
    }

    /// What it becomes by moving its values.
    pub(super) fn pick(&self, picked: Picked) -> Self {
        let Picked { dims, places, filling } = picked;
        let Some(places) = places else { return self.with_dims(dims) };
        if let Some(numbers) = self.as_numbers() {
            let moved = places.iter().map(|place| place.map_or(filling, |place| numbers[place as usize]));
            let moved = Self::numbers(self.kind, dims, moved.collect());
            return Self { whole: self.whole && filling.fract() == 0.0, ..moved };
        }
        let elements = self.elements();
        let moved =
            places.iter().map(|place| place.map_or(Element::Number(filling), |place| elements[place as usize]));
        let moved = Self::of_elements(self.kind, dims, moved.collect());
        Self { whole: self.whole && filling.fract() == 0.0, ..moved }
    }
}
