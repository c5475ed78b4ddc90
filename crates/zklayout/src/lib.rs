//! Zero-knowledge proofs of neural-network inference: an ONNX or TensorFlow Lite file in, a verified halo2 proof out.
//!
//! ```
//! use zklayout::{Model, PlanOptions, QuantiseOptions, Samples, Setup, Srs, verify};
//!
//! # fn main() -> Result<(), zklayout::Error> {
//! # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures");
//! let model = Model::load(format!("{folder}/models/mnist_cnn.onnx"))?;
//! let samples = Samples::read(format!("{folder}/models/mnist_cnn.samples.npz"), model.input_shape())?;
//! let quantised = model.quantise(&samples.inputs, &QuantiseOptions::default())?;
//! let plan = quantised.plan(&PlanOptions::default())?;
//!
//! // A development setup is insecure; read a ceremony's file with `Srs::from_file` for real proofs.
//! let srs = Srs::development(plan.k(), 0)?;
//! let setup = Setup::new(quantised, &plan, &srs)?;
//!
//! // One setup serves all inputs within its ranges.
//! let digits = Samples::read(format!("{folder}/inputs/digit_7.npy"), model.input_shape())?;
//! let bundle = setup.prove(&srs, &digits.inputs[0], b"a nonce")?;
//! let public = verify(srs.verifier(), setup.verifying_key(), &bundle, b"a nonce")?;
//! assert_eq!(public.output, setup.model().run(&digits.inputs[0])?.output());
//! # Ok(())
//! # }
//! ```

mod accuracy;
mod calibration;
mod error;
mod fidelity;
pub mod files;
mod layer_error;
mod model;
mod quantised;
mod record;
mod samples;
mod setup;

pub use calibration::{Calibration, Origin};
pub use error::Error;
pub use fidelity::Fidelity;
pub use layer_error::LayerError;
pub use model::Model;
pub use quantised::QuantisedModel;
pub use record::{RECORD_FORMAT, RecordedFidelity, SetupRecord};
pub use samples::{SampleFormat, Samples};
pub use setup::Setup;
pub use zklayout_import::{
    Axis, Constant, Ending, ImportError, Importer, Node, Operators, import_onnx_bytes, import_tflite,
    import_tflite_bytes,
};
pub use zklayout_model::{
    Activation, Clamp, Fixed, FixedActivation, FixedFinish, FixedInput, FixedLayer, Float, FloatFinish, FloatOp,
    Function, FusedLayer, Graph, Kernel, Move, Multiplier, NodeId, OutputKind, Padding, PerChannel, Planes,
    QuantiseOptions, RangeSource, Rescale, Scaling, Stored, Term, Trace, ValueRange, ValueTable, execute, fuse,
    quantise,
};
pub use zklayout_plan::{
    Buyer, Candidate, CircuitShape, Content, Cost, CostError, CostModel, Direct, DirectKnobs, DotVariant,
    FAMILIES, Family, Knobs, Layout, LayoutFamily, Limits, LookupArgument, Mix, Objective, Part, Plan, PlanError,
    PlanHash, PlanOptions, Priced, Profile, Public, ReluVariant, Requantise, SearchReport, Share, Soundness,
    StopReason, StreamKnobs, Streams, Visibility, WeightMode, cost, search, search_among, structure,
    structure_hash,
};
pub use zklayout_prover::{
    Artefact, CEREMONIES, CalibrateOptions, Ceremony, DEVELOPMENT_SEED, DEVELOPMENT_SEEDS, FORMAT_VERSION,
    MOST_CONTEXT, Progress, ProofBundle, Provenance, Prover, ProverError, ProvingKey, PtauError, PublicValues,
    Srs, Unit, VerifierSrs, VerifyingKey, calibrate, keygen, prove, prove_with, verify, write_whole,
};

/// The README's example, compiled with the documentation's tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
