//! A model from its file to its integers: an ONNX file by way of floats and scales, a TensorFlow Lite file quantised to
//! bytes as it is.

use std::path::Path;

use ndarray::Array3;
use zklayout_model::{
    Ending, Fixed, Float, Fused, Graph, ImportError, Imported, Operators, QuantiseOptions, Reference, Shape,
    Trace, execute, execute_integers, fuse, import_onnx, import_tflite, quantise, run_fused,
};
use zklayout_plan::{Candidate, Plan, PlanOptions, Priced, SearchReport, candidates, plan, sample, search};

use crate::error::Error;
use crate::fidelity::Fidelity;

/// Largest relative difference between the imported graph and the float engine, which computes in 32 bits.
const IMPORT_TOLERANCE: f64 = 1e-3;

/// An imported model.
#[derive(Debug)]
pub struct Model {
    graph: Graph<Float>,
    reference: Reference,
    fused: Graph<Fused>,
    endings: Vec<Ending>,
    input: Shape,
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
        let fused = fuse(&graph);
        let input = graph.nodes().next().map_or(Shape::new(0, 0, 0), |(_, node)| node.shape);
        let model = Self { graph, reference, fused, endings, input };
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
    pub fn input_shape(&self) -> Shape {
        self.input
    }

    /// Every layer's values on one input, in floats; the input's own come first.
    pub(crate) fn layer_values(&self, input: &[f64]) -> Result<Vec<Array3<f64>>, Error> {
        let tensor = Array3::from_shape_vec(self.input.dims(), input.to_vec())
            .map_err(|e| ImportError::Graph(e.to_string()))?;
        Ok(run_fused(&self.fused, &tensor).into_iter().map(|(_, values)| values).collect())
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
        Ok(QuantisedModel { graph, options: Some(options.clone()), fidelity: None })
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
}

/// A model with exact integer semantics.
#[derive(Clone, Debug)]
pub struct QuantisedModel {
    graph: Graph<Fixed>,
    options: Option<QuantiseOptions>,
    fidelity: Option<Fidelity>,
}

impl QuantisedModel {
    /// Reads a TensorFlow Lite file that is quantised to bytes: its integers are the model, as the reference kernels compute
    /// them.
    ///
    /// # Errors
    /// A file that cannot be read, or with something else than the supported operators on bytes.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        Ok(Self { graph: import_tflite(path.as_ref())?, options: None, fidelity: None })
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

    /// Shape of the model's input.
    pub fn input_shape(&self) -> Shape {
        self.graph.nodes().next().map_or(Shape::new(0, 0, 0), |(_, node)| match node {
            Fixed::Input(input) => input.shape,
            Fixed::Layer(layer) => layer.linear.output,
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
        Ok(Plan::realise(&self.graph, options.visibility, &candidate.knobs)?)
    }
}
