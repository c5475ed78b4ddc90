//! What a model takes as input: the file's inputs that are read, one after the other. It knows names and extents, and no values
//! but those that inputs always have.

use zklayout_model::Planes;

/// What a model takes as input.
#[derive(Clone, Debug, PartialEq)]
pub struct InputShape {
    /// The planes of the whole.
    pub planes: Planes,
    /// The inputs that lie in it, one after the other; none if only the planes are known.
    pub parts: Vec<InputPart>,
    /// Names of inputs that nothing reads: what is given for them is left out.
    pub unread: Vec<String>,
    /// Inputs that have one value only, and that value: what is given for them must be it.
    pub fixed: Vec<(String, Vec<f64>)>,
}

/// One of a model's inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputPart {
    /// Its name.
    pub name: String,
    /// Its extents, the slowest axis first.
    pub dims: Vec<usize>,
}

impl InputPart {
    /// Number of values.
    pub fn values(&self) -> usize {
        self.dims.iter().product()
    }
}

impl From<Planes> for InputShape {
    fn from(planes: Planes) -> Self {
        Self { planes, parts: Vec::new(), unread: Vec::new(), fixed: Vec::new() }
    }
}

impl InputShape {
    /// Number of values.
    pub fn values(&self) -> usize {
        self.planes.len()
    }

    /// Extents of each part, those of the planes if there are no parts.
    pub(crate) fn extents(&self) -> Vec<Vec<usize>> {
        let Planes { channels, height, width } = self.planes;
        match &self.parts[..] {
            [] => vec![vec![channels, height, width]],
            parts => parts.iter().map(|part| part.dims.clone()).collect(),
        }
    }
}
