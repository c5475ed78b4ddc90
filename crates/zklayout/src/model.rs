//! A float model from its ONNX file to the scales of its integers.

use std::path::Path;

use ndarray::Array3;
use rayon::prelude::*;
use zklayout_import::{Ending, ImportError, Imported, Operators, Reference, import_onnx};
use zklayout_model::{Float, Fused, Graph, Planes, QuantiseOptions, execute_floats, fuse, quantise};
use zklayout_plan::PlanHash;

use crate::calibration::{Calibration, Origin};
use crate::error::Error;
use crate::fidelity::{Fidelity, compare};
use crate::quantised::{QuantisedModel, hash_of_file};

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
        let Imported { graph, reference, endings } = import_onnx(path.as_ref(), operators)?;
        let fused = fuse(&graph)?;
        let input = graph.nodes().next().map_or(Planes::new(0, 0, 0), |(_, node)| node.shape);
        let source = hash_of_file(path.as_ref())?;
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

    /// Chooses scales from calibration samples, and holds the integers against the float model on them.
    ///
    /// # Errors
    /// No sample, a bad sample, a layer that the bit budget cannot represent, or outputs further from the float model's than
    /// the options allow.
    pub fn quantise(&self, samples: &[Vec<f64>], options: &QuantiseOptions) -> Result<QuantisedModel, Error> {
        self.checked(self.quantise_unchecked(samples, options)?, samples, options.allow_error)
    }

    /// Chooses scales without a look at what comes out.
    pub(crate) fn quantise_unchecked(
        &self,
        samples: &[Vec<f64>],
        options: &QuantiseOptions,
    ) -> Result<QuantisedModel, Error> {
        let graph = quantise(&self.fused, samples, options)?;
        let calibration = Some(Calibration::of(Origin::Given, samples));
        let options = Some(options.clone());
        Ok(QuantisedModel { graph, options, fidelity: None, calibration, source: self.source })
    }

    /// Notes how far the integers are from the float model, and refuses them if that is too far.
    pub(crate) fn checked(
        &self,
        mut quantised: QuantisedModel,
        samples: &[Vec<f64>],
        allowed: f64,
    ) -> Result<QuantisedModel, Error> {
        let fidelity = self.fidelity(&quantised, samples)?;
        if !fidelity.keeps(allowed) {
            let (layer, channel) = self.worst_layer(&quantised, samples)?;
            return Err(Error::Fidelity {
                layer,
                channel,
                allowed: 100.0 * allowed,
                fidelity: Box::new(fidelity),
            });
        }
        quantised.fidelity = Some(fidelity);
        Ok(quantised)
    }

    /// Holds integers against the float model, output by output.
    ///
    /// # Errors
    /// A sample of another length, or whatever the float engine reports.
    pub fn fidelity(&self, quantised: &QuantisedModel, samples: &[Vec<f64>]) -> Result<Fidelity, Error> {
        let run = |sample: &Vec<f64>| -> Result<_, Error> {
            let integers = quantised.run(sample).ok().map(|trace| quantised.dequantise(&trace));
            Ok((self.float_output(sample)?, integers))
        };
        let outputs = samples.par_iter().map(run).collect::<Result<Vec<_>, _>>()?;
        Ok(compare(&outputs))
    }
}
