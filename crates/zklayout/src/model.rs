//! A float model, from its ONNX file to its output in floats. It knows nothing of integers.

use std::borrow::Cow;
use std::path::Path;

use ndarray::Array3;
use zklayout_import::{
    Embedding, Ending, ImportError, Imported, OnnxOptions, Reference, TensorInfo, import_onnx_bytes,
};
use zklayout_model::{Activation, Float, Function, Fused, Graph, Planes, Precision, execute_floats, fuse};
use zklayout_plan::PlanHash;

use crate::error::Error;
use crate::files::read;
#[cfg(feature = "tflite")]
use crate::format::Format;
use crate::input_shape::{InputPart, InputShape};
use crate::samples::Samples;

/// Largest relative difference between the imported graph and the float engine, which computes in 32 bits.
const IMPORT_TOLERANCE: f64 = 1e-3;

/// An imported model.
#[derive(Debug)]
pub struct Model {
    graph: Graph<Float>,
    reference: Reference,
    fused: Graph<Fused>,
    endings: Vec<Ending>,
    embedding: Option<Embedding>,
    inputs: Vec<TensorInfo>,
    outputs: Vec<TensorInfo>,
    input: Planes,
    /// Whether inputs may be in another order than the file's.
    reordered: bool,
    source: PlanHash,
    /// The layer whose largest values the output has the places of, if the file is read so.
    scored: Option<usize>,
}

impl Model {
    /// Reads an ONNX file, or a TensorFlow Lite file of floats, and checks the import against the float engine on one made-up input.
    ///
    /// # Errors
    /// A file that cannot be read or parsed, an unsupported operator, or a disagreement with the float engine.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::load_with(path, &OnnxOptions::default())
    }

    /// The same with operators of one's own, or extents of free dimensions.
    ///
    /// # Errors
    /// See [`Model::load`].
    pub fn load_with(path: impl AsRef<Path>, options: &OnnxOptions) -> Result<Self, Error> {
        let path = path.as_ref();
        Self::from_bytes(&read(path)?, path, options)
    }

    /// Reads the contents of an ONNX file; `path` names them in errors, and weights beside the file are read from its folder.
    ///
    /// # Errors
    /// See [`Model::load`].
    pub fn from_bytes(bytes: &[u8], path: &Path, options: &OnnxOptions) -> Result<Self, Error> {
        let Imported { graph, reference, endings, embedding, inputs, outputs, external } =
            import_onnx_bytes(&in_onnx(bytes, path)?, path, options)?;
        let fused = fuse(&graph)?;
        let input = graph.nodes().next().map_or(Planes::new(0, 0, 0), |(_, node)| node.shape);
        let scored = options.head.node().and_then(|_| scored(&fused));
        let source = match options.head.node() {
            None => source(bytes, path, &external)?,
            Some(head) => PlanHash::of(head, source(bytes, path, &external)?.to_string().as_bytes()),
        };
        let reordered = !options.first_inputs.is_empty();
        let model = Self {
            graph,
            reference,
            fused,
            endings,
            embedding,
            inputs,
            outputs,
            input,
            reordered,
            source,
            scored,
        };
        model.check_import()?;
        Ok(model)
    }

    fn check_import(&self) -> Result<(), Error> {
        let input: Vec<f64> = match &self.embedding {
            Some(embedding) => {
                let ids = 0..embedding.ids().dims.iter().product();
                self.rows(
                    &ids.map(|place| (place * 37 % 101 % embedding.vocabulary()) as f64).collect::<Vec<_>>(),
                )?
            }
            None => (0..self.input.len()).map(|i| (i * 37 % 101) as f64 / 100.0).collect(),
        };
        let ours = self.merged_output(&input)?;
        // A function may have no value at the made-up input.
        let finite = ours.iter().all(|value| value.is_finite());
        if finite { self.compare(&input, &ours) } else { Ok(()) }
    }

    /// The float model's outputs on one input, flat: the merged layers' in 64 bits, held against the float engine's, which
    /// computes in 32 bits and overflows where these do not. Where the engine disagrees, or does not run the model, the file's
    /// own operators in 64 bits decide.
    ///
    /// # Errors
    /// An input of another length, whatever an engine reports, or a disagreement with both.
    pub fn float_output(&self, input: &[f64]) -> Result<Vec<f64>, Error> {
        let ours = self.merged_output(input)?;
        self.compare(input, &ours)?;
        Ok(ours)
    }

    fn merged_output(&self, input: &[f64]) -> Result<Vec<f64>, Error> {
        Ok(self.layer_values(input)?.pop().unwrap_or_default().into_iter().collect())
    }

    /// Refuses outputs that neither reference has.
    fn compare(&self, input: &[f64], ours: &[f64]) -> Result<(), Error> {
        let engine = self.reference.run(input);
        if engine.as_ref().is_ok_and(|theirs| disagreement(ours, theirs).is_none()) {
            return Ok(());
        }
        let theirs = match (self.reference.interpret(input), engine) {
            (Some(numbers), _) => numbers?,
            (None, engine) => engine?,
        };
        match disagreement(ours, &theirs) {
            Some((ours, theirs)) => Err(Error::ImportMismatch { ours, theirs }),
            None => Ok(()),
        }
    }

    /// The embedding, if the file takes token ids: the model's input are then its rows, and the ids are not proven.
    pub fn embedding(&self) -> Option<&Embedding> {
        self.embedding.as_ref()
    }

    /// The model's input for what its file takes: the rows of token ids, anything else as it is.
    ///
    /// # Errors
    /// Ids that the vocabulary has not, or another number of them.
    pub fn rows(&self, given: &[f64]) -> Result<Vec<f64>, Error> {
        match &self.embedding {
            Some(embedding) => Ok(embedding.look_up(given)?),
            None => Ok(given.to_vec()),
        }
    }

    /// Reads every sample of a file as the model's input; see [`Samples::read`].
    ///
    /// # Errors
    /// See [`Samples::read`] and [`Model::rows`].
    pub fn samples(&self, path: impl AsRef<Path>) -> Result<Samples, Error> {
        let samples = Samples::read(path, self.input())?;
        let inputs = samples.inputs.iter().map(|given| self.rows(given)).collect::<Result<_, _>>()?;
        Ok(Samples { inputs, ..samples })
    }

    /// The file's inputs, in its order: those that are read lie one after the other in the model's input.
    pub fn inputs(&self) -> &[TensorInfo] {
        &self.inputs
    }

    /// The file's outputs, in its order: they lie one after the other in the model's output.
    pub fn outputs(&self) -> &[TensorInfo] {
        &self.outputs
    }

    /// The imported operators.
    pub fn graph(&self) -> &Graph<Float> {
        &self.graph
    }

    /// The layer whose largest values the output has the places of, if the file is read so.
    pub(crate) fn scored(&self) -> Option<usize> {
        self.scored
    }

    /// Rows of the output and the values that each is the place of one of, if the file is read so.
    pub fn places(&self) -> Option<(usize, usize)> {
        let (_, scored) = self.fused.nodes().nth(self.scored?)?;
        let scores = match scored {
            Fused::Input(planes) => planes.len(),
            Fused::Layer(layer) => layer.output.len(),
        };
        let rows = self.outputs.iter().flat_map(|output| &output.dims).product::<usize>().max(1);
        Some((rows, scores / rows))
    }

    /// Operators after the output that are left to whoever reads it, such as a softmax of public scores.
    pub fn endings(&self) -> &[Ending] {
        &self.endings
    }

    /// The merged layers.
    pub fn fused(&self) -> &Graph<Fused> {
        &self.fused
    }

    /// Planes of the model's input.
    pub fn input_shape(&self) -> Planes {
        self.input
    }

    /// What the model's file takes as input, by name: ids, if it takes those.
    pub fn input(&self) -> InputShape {
        let part = |info: &TensorInfo| InputPart { name: info.name.clone(), dims: info.dims.clone() };
        if let Some(embedding) = &self.embedding {
            let ids = part(embedding.ids());
            let fixed = embedding.folded().iter().map(|own| (own.name.clone(), own.values.clone())).collect();
            return InputShape { parts: vec![ids.clone()], fixed, ..Planes::vector(ids.values()).into() };
        }
        let (read, unread): (Vec<&TensorInfo>, Vec<&TensorInfo>) = self.inputs.iter().partition(|info| info.read);
        InputShape {
            planes: self.input,
            parts: read.into_iter().map(part).collect(),
            unread: unread.into_iter().map(|info| info.name.clone()).collect(),
            fixed: Vec::new(),
            by_name: self.reordered,
        }
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

/// A file's contents in ONNX's words.
#[cfg(feature = "tflite")]
fn in_onnx<'a>(bytes: &'a [u8], path: &Path) -> Result<Cow<'a, [u8]>, Error> {
    match Format::of(bytes, path) {
        Format::Tflite => Ok(zklayout_import::tflite_as_onnx(bytes, path)?.into()),
        Format::Onnx | Format::Quantised => Ok(bytes.into()),
    }
}

#[cfg(not(feature = "tflite"))]
fn in_onnx<'a>(bytes: &'a [u8], _: &Path) -> Result<Cow<'a, [u8]>, Error> {
    Ok(bytes.into())
}

/// The first output that differs, by both opinions; their numbers where those differ.
fn disagreement(ours: &[f64], theirs: &[f64]) -> Option<(f64, f64)> {
    if ours.len() != theirs.len() {
        return Some((ours.len() as f64, theirs.len() as f64));
    }
    let finite = theirs.iter().filter(|value| value.is_finite());
    let scale = finite.fold(1.0f64, |scale, value| scale.max(value.abs()));
    let differs = |ours: f64, theirs: f64| {
        let difference = (ours - theirs).abs();
        !ours.is_finite() || theirs.is_finite() && difference > IMPORT_TOLERANCE * scale
    };
    ours.iter().copied().zip(theirs.iter().copied()).find(|(ours, theirs)| differs(*ours, *theirs))
}

/// What the last layer of places reads, which says what is as large as the largest.
fn scored(fused: &Graph<Fused>) -> Option<usize> {
    let is_largest = Activation::Function(Function::Positive { or_zero: true });
    let says = |node: &Fused| match node {
        Fused::Layer(layer) => {
            layer.finish.precision == Precision::Deficit && layer.finish.activation == is_largest
        }
        Fused::Input(_) => false,
    };
    let (last, _) = fused.nodes().rfind(|(_, node)| says(node))?;
    fused.inputs(last).first().map(|source| source.index())
}

/// Hash of a model's file, and of the files beside it that hold weights of it.
fn source(bytes: &[u8], path: &Path, external: &[String]) -> Result<PlanHash, Error> {
    if external.is_empty() {
        return Ok(PlanHash::of("model file", bytes));
    }
    let mut hashes = PlanHash::of("model file", bytes).to_string();
    for name in external {
        let beside = path.parent().unwrap_or(Path::new("")).join(name);
        hashes.push_str(&format!("\n{name} {}", PlanHash::of("weights file", &read(&beside)?)));
    }
    Ok(PlanHash::of("model files", hashes.as_bytes()))
}
