//! A model with exact integer semantics: what is planned, what keys are made of, what a proof is about.
//!
//! Knows how its scales were chosen only as a record.

use std::path::Path;

use serde::{Deserialize, Serialize};
use zklayout_model::{Fixed, Graph, Planes, QuantiseOptions, Trace, check_fixed, execute, execute_integers};
use zklayout_plan::{
    Candidate, Plan, PlanHash, PlanOptions, Priced, SearchReport, candidates, plan, sample, search,
};
use zklayout_prover::{Artefact, ProverError};

use crate::calibration::Calibration;
use crate::error::Error;
use crate::fidelity::Fidelity;
use crate::files::read;
use crate::format::Format;

/// A model with exact integer semantics.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct QuantisedModel {
    pub(crate) graph: Graph<Fixed>,
    pub(crate) options: Option<QuantiseOptions>,
    pub(crate) fidelity: Option<Fidelity>,
    pub(crate) calibration: Option<Calibration>,
    pub(crate) source: PlanHash,
    pub(crate) outputs: Vec<(String, usize)>,
}

/// What a file of a quantised model holds, before its graph is looked at.
#[derive(Deserialize)]
struct Unchecked {
    graph: Graph<Fixed>,
    options: Option<QuantiseOptions>,
    fidelity: Option<Fidelity>,
    calibration: Option<Calibration>,
    source: PlanHash,
    outputs: Vec<(String, usize)>,
}

impl TryFrom<Unchecked> for QuantisedModel {
    type Error = String;

    fn try_from(read: Unchecked) -> Result<Self, String> {
        let Unchecked { graph, options, fidelity, calibration, source, outputs } = read;
        check_fixed(&graph)?;
        let named = outputs.iter().try_fold(0usize, |sum, (_, values)| sum.checked_add(*values));
        let values = graph.nodes().next_back().map_or(0, |(_, node)| node.shape().len());
        if !outputs.is_empty() && named != Some(values) {
            return Err("its outputs' names are of other values".into());
        }
        Ok(Self { graph, options, fidelity, calibration, source, outputs })
    }
}

impl Artefact for QuantisedModel {
    const KIND: [u8; 4] = *b"qmdl";
    const NAME: &'static str = "quantised model";
    const IS_SECRET: bool = true;
    const VERSION: u32 = 3;
}

impl QuantisedModel {
    /// Reads a TensorFlow Lite file that is quantised to bytes: its integers are the model, as the reference kernels compute
    /// them. Any other file is one that [`QuantisedModel::save`] wrote.
    ///
    /// # Errors
    /// A file that cannot be read, with something else than the supported operators on bytes, or that is no quantised
    /// model, one of another format, or a damaged one.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        Self::from_bytes(&read(path)?, path)
    }

    /// Reads the contents of such a file; `path` names them in errors.
    ///
    /// # Errors
    /// See [`QuantisedModel::load`].
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, Error> {
        match Format::of(bytes, path) {
            Format::Tflite => Self::of_tflite(bytes, path),
            Format::Onnx | Format::Quantised => Ok(<Self as Artefact>::from_bytes(bytes, path)?),
        }
    }

    #[cfg(feature = "tflite")]
    fn of_tflite(bytes: &[u8], path: &Path) -> Result<Self, Error> {
        let graph = zklayout_import::import_tflite_bytes(bytes, path)?;
        let outputs = zklayout_import::tflite_outputs(bytes, path)?;
        let source = PlanHash::of("model file", bytes);
        Ok(Self { graph, options: None, fidelity: None, calibration: None, source, outputs })
    }

    #[cfg(not(feature = "tflite"))]
    fn of_tflite(_: &[u8], path: &Path) -> Result<Self, Error> {
        Err(Error::WithoutImporter { path: path.to_owned(), feature: "tflite" })
    }

    /// Writes the model to a file, which is whole or absent; [`QuantisedModel::load`] reads it.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        Ok(<Self as Artefact>::save(self, path.as_ref())?)
    }

    /// The bit budget that the model was quantised with; `None` if its file had integers.
    pub fn options(&self) -> Option<&QuantiseOptions> {
        self.options.as_ref()
    }

    /// How far the integers are from the float model on the samples that chose the scales; `None` if the file had
    /// integers, which are exact by construction.
    pub fn fidelity(&self) -> Option<&Fidelity> {
        self.fidelity.as_ref()
    }

    /// The samples that chose the scales; `None` if the file had integers.
    pub fn calibration(&self) -> Option<&Calibration> {
        self.calibration.as_ref()
    }

    /// The same model with a record of where its samples came from.
    #[must_use]
    pub fn with_calibration(self, calibration: Calibration) -> Self {
        Self { calibration: Some(calibration), ..self }
    }

    /// Names of the model file's outputs, each with its number of values: they lie one after the other in the model's output.
    pub fn outputs(&self) -> &[(String, usize)] {
        &self.outputs
    }

    /// Hash of the file that the model was read from.
    pub fn source(&self) -> PlanHash {
        self.source
    }

    /// Hash of all of it, weights included: whoever has the hash can test guesses of the weights.
    ///
    /// # Errors
    /// A model that cannot be serialised.
    pub fn hash(&self) -> Result<PlanHash, Error> {
        let wrong = |reason| ProverError::NotArtefact { path: "memory".into(), expected: Self::NAME, reason };
        Ok(PlanHash::of("quantised model", &self.to_bytes().map_err(wrong)?))
    }

    /// Shape of the model's input.
    pub fn input_shape(&self) -> Planes {
        self.graph.nodes().next().map_or(Planes::new(0, 0, 0), |(_, node)| match node {
            Fixed::Input(input) => input.shape,
            Fixed::Layer(layer) => layer.output,
        })
    }

    /// The quantised graph.
    pub fn graph(&self) -> &Graph<Fixed> {
        &self.graph
    }

    /// Runs the integer executor.
    ///
    /// # Errors
    /// An input that does not fit the model or leaves the quantisation's ranges.
    pub fn run(&self, input: &[f64]) -> Result<Trace, Error> {
        Ok(execute(&self.graph, input)?)
    }

    /// Runs the integer executor on integers of the input: those stored less the zero point, where a file stores them.
    ///
    /// # Errors
    /// An input that does not fit the model.
    pub fn run_integers(&self, input: &[i64]) -> Result<Trace, Error> {
        Ok(execute_integers(&self.graph, input)?)
    }

    /// The output of a run, dequantised.
    pub fn dequantise(&self, trace: &Trace) -> Vec<f64> {
        let last = self.graph.nodes().next_back().zip(trace.values.last());
        last.map(|((_, node), values)| node.dequantise(values).into_iter().collect()).unwrap_or_default()
    }

    /// Chooses the cheapest layout.
    ///
    /// # Errors
    /// A graph that no layout covers or that does not fit the allowed rows.
    pub fn plan(&self, options: &PlanOptions) -> Result<Plan, Error> {
        Ok(plan(&self.graph, options)?)
    }

    /// The best layout, the second best, and those that no other one beats in every respect, with their prices.
    ///
    /// # Errors
    /// A graph that no layout covers, or limits that no layout keeps.
    pub fn search(&self, options: &PlanOptions) -> Result<SearchReport, Error> {
        Ok(search(&self.graph, options)?)
    }

    /// The chosen layout and `count - 1` others, on the front and off it, with their prices.
    ///
    /// # Errors
    /// A graph that no layout covers.
    pub fn sample(&self, options: &PlanOptions, count: usize) -> Result<Vec<Priced>, Error> {
        Ok(sample(&self.graph, options, count)?)
    }

    /// Every layout that could be chosen, with its counts.
    ///
    /// # Errors
    /// A graph that no layout covers.
    pub fn candidates(&self, options: &PlanOptions) -> Result<Vec<Candidate>, Error> {
        Ok(candidates(&self.graph, options)?)
    }

    /// The complete plan of one of the candidates.
    ///
    /// # Errors
    /// A candidate of another model or other options.
    pub fn realise(&self, candidate: &Candidate, options: &PlanOptions) -> Result<Plan, Error> {
        Ok(Plan::realise(&self.graph, options.visibility, &candidate.knobs)?.with_inputs(&options.inputs)?)
    }
}
