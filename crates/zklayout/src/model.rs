//! A float model, from its ONNX file to its output in floats. It knows nothing of integers.

use std::path::Path;

use ndarray::Array3;
use zklayout_import::{Ending, ImportError, Imported, Operators, Reference, import_onnx_bytes};
use zklayout_model::{Float, Fused, Graph, Planes, execute_floats, fuse};
use zklayout_plan::PlanHash;

use crate::error::Error;
use crate::files::read;

/// Largest relative difference between the imported graph and the float engine, which computes in 32 bits.
const IMPORT_TOLERANCE: f64 = 1e-3;

/// An imported model.
#[derive(Debug)]
pub struct Model {
    graph: Graph<Float>,
    reference: Reference,
    fused: Graph<Fused>,
    endings: Vec<Ending>,
    input: Planes,
    source: PlanHash,
}

impl Model {
    /// Reads an ONNX file and checks the import against the float engine on one made-up input.
    ///
    /// # Errors
    /// A file that cannot be read or parsed, an unsupported operator, or a disagreement with the float engine.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::load_with(path, &Operators::default())
    }

    /// The same with operators of one's own.
    ///
    /// # Errors
    /// See [`Model::load`].
    pub fn load_with(path: impl AsRef<Path>, operators: &Operators) -> Result<Self, Error> {
        let path = path.as_ref();
        Self::from_bytes(&read(path)?, path, operators)
    }

    /// Reads the contents of an ONNX file; `path` names them in errors.
    ///
    /// # Errors
    /// See [`Model::load`].
    pub fn from_bytes(bytes: &[u8], path: &Path, operators: &Operators) -> Result<Self, Error> {
        let Imported { graph, reference, endings } = import_onnx_bytes(bytes, path, operators)?;
        let fused = fuse(&graph)?;
        let input = graph.nodes().next().map_or(Planes::new(0, 0, 0), |(_, node)| node.shape);
        let source = PlanHash::of("model file", bytes);
        let model = Self { graph, reference, fused, endings, input, source };
        model.check_import()?;
        Ok(model)
    }

    fn check_import(&self) -> Result<(), Error> {
        let input: Vec<f64> = (0..self.input.len()).map(|i| (i * 37 % 101) as f64 / 100.0).collect();
        self.float_output(&input).map(|_| ())
    }

    /// The float model's output on one input: the merged layers' in 64 bits, held against the float engine's, which computes
    /// in 32 bits and overflows where these do not.
    ///
    /// # Errors
    /// An input of another length, whatever the engine reports, or a disagreement with it.
    pub fn float_output(&self, input: &[f64]) -> Result<Vec<f64>, Error> {
        let theirs = self.reference.run(input)?;
        let ours: Vec<f64> = self.layer_values(input)?.pop().unwrap_or_default().into_iter().collect();
        if ours.len() != theirs.len() {
            let reason = format!("the output has {} values, the float engine's {}", ours.len(), theirs.len());
            return Err(ImportError::Graph(reason).into());
        }
        let finite = theirs.iter().filter(|value| value.is_finite());
        let scale = finite.fold(1.0f64, |scale, value| scale.max(value.abs()));
        let differs = |ours: f64, theirs: f64| {
            let difference = (ours - theirs).abs();
            !ours.is_finite() || theirs.is_finite() && difference > IMPORT_TOLERANCE * scale
        };
        match ours.iter().zip(&theirs).find(|(ours, theirs)| differs(**ours, **theirs)) {
            Some((&ours, &theirs)) => Err(Error::ImportMismatch { ours, theirs }),
            None => Ok(ours),
        }
    }

    /// The imported operators.
    pub fn graph(&self) -> &Graph<Float> {
        &self.graph
    }

    /// Operators after the output that are left to whoever reads it, such as a softmax of public scores.
    pub fn endings(&self) -> &[Ending] {
        &self.endings
    }

    /// The merged layers.
    pub fn fused(&self) -> &Graph<Fused> {
        &self.fused
    }

    /// Shape of the model's input.
    pub fn input_shape(&self) -> Planes {
        self.input
    }

    /// Hash of the model's file.
    pub fn source(&self) -> PlanHash {
        self.source
    }

    /// Every layer's values on one input, in floats; the input's own come first.
    pub(crate) fn layer_values(&self, input: &[f64]) -> Result<Vec<Array3<f64>>, Error> {
        let tensor = Array3::from_shape_vec(self.input.dims(), input.to_vec())
            .map_err(|e| ImportError::Graph(e.to_string()))?;
        Ok(execute_floats(&self.fused, &tensor)?.values)
    }
}
