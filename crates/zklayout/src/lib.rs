//! Zero-knowledge proofs of neural-network inference: an ONNX or TensorFlow Lite file in, a verified halo2 proof out.
//!
//! ```
//! # #[cfg(all(feature = "onnx", feature = "tflite"))]
//! # fn main() -> Result<(), zklayout::Error> {
//! use zklayout::{AnyModel, PlanOptions, QuantiseOptions, QuantisedModel, Samples, Setup, Srs, verify};
//!
//! # let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures");
//! # let folder = std::env::temp_dir().join(format!("zklayout-doctest-{}", std::process::id()));
//! // An ONNX file, a TensorFlow Lite file of int8, or integers that were saved: the contents tell.
//! let model = AnyModel::open(format!("{fixtures}/models/mnist_cnn.onnx"))?;
//! # let bytes = AnyModel::open(format!("{fixtures}/models/resnet8_int8.tflite"))?;
//! # assert!(model.float().is_some() && bytes.float().is_none());
//! let samples = Samples::read(format!("{fixtures}/models/mnist_cnn.samples.npz"), model.input_shape())?;
//! model.quantise(&samples.inputs, &QuantiseOptions::default())?.save(folder.join("mnist_cnn.quantised"))?;
//!
//! let quantised = QuantisedModel::load(folder.join("mnist_cnn.quantised"))?;
//! let plan = quantised.plan(&PlanOptions::default())?;
//! println!("{plan}");
//!
//! // A development setup is insecure; read a ceremony's file with `Srs::from_file` for real proofs.
//! let srs = Srs::development(plan.k(), 0)?;
//! let setup = Setup::new(quantised, &plan, &srs)?;
//! setup.save(folder.join("setup"))?;
//!
//! // One setup serves all inputs within its ranges.
//! let digit = Samples::read(format!("{fixtures}/inputs/digit_7.npy"), setup.model().input_shape())?;
//! let bundle = setup.prove(&srs, &digit.inputs[0], b"a nonce")?;
//! let public = verify(srs.verifier(), setup.verifying_key(), &bundle, b"a nonce")?;
//! assert_eq!(public.output, setup.model().run(&digit.inputs[0])?.output());
//! # assert!(plan.to_string().contains("private input, private weights, public output"), "{plan}");
//! # assert_eq!(Setup::load(folder.join("setup"))?.verifying_key().hash(), setup.verifying_key().hash());
//! # std::fs::remove_dir_all(folder).map_err(|source| zklayout::Error::Read { path: "doctest".into(), source })?;
//! # Ok(())
//! # }
//! # #[cfg(not(all(feature = "onnx", feature = "tflite")))]
//! # fn main() {}
//! ```
//!
//! The front is what every program uses. Behind it are the crates that it is made of, so that whatever is handed out can be
//! named: [`graph`] has layers and their integers, [`import`] operators of one's own, [`plan`] layouts and their search,
//! [`cost`] prices, [`prover`] keys and files; and [`samples`], [`calibration`], [`fidelity`], [`record`] and [`files`] what
//! this crate adds.
//!
//! Without default features, and with `verify`, only verification is left: no importer, no threads.

#[cfg(feature = "onnx")]
mod accuracy;
#[cfg(feature = "prove")]
mod any_model;
#[cfg(feature = "prove")]
mod audit;
pub mod calibration;
pub mod closeness;
mod error;
pub mod fidelity;
pub mod files;
#[cfg(feature = "prove")]
mod format;
#[cfg(feature = "prove")]
mod input_shape;
#[cfg(feature = "onnx")]
mod layer_error;
#[cfg(feature = "onnx")]
mod model;
#[cfg(feature = "onnx")]
mod public_ids;
#[cfg(feature = "onnx")]
mod quantisation;
#[cfg(feature = "prove")]
mod quantised;
pub mod record;
#[cfg(feature = "prove")]
pub mod samples;
#[cfg(feature = "prove")]
mod setup;
#[cfg(feature = "text")]
pub mod text;

#[cfg(any(feature = "onnx", feature = "tflite"))]
pub use zklayout_import as import;
pub use zklayout_model as graph;
pub use zklayout_plan as plan;
pub use zklayout_plan::cost;
pub use zklayout_prover as prover;

#[cfg(feature = "prove")]
pub use any_model::{AnyModel, FileOptions};
#[cfg(feature = "prove")]
pub use audit::{Audit, audit};
pub use calibration::Calibration;
pub use closeness::{Closeness, MaxError};
pub use error::Error;
pub use fidelity::Fidelity;
#[cfg(feature = "onnx")]
pub use model::Model;
#[cfg(feature = "prove")]
pub use quantised::QuantisedModel;
pub use record::SetupRecord;
#[cfg(feature = "prove")]
pub use samples::Samples;
#[cfg(feature = "prove")]
pub use setup::Setup;
#[cfg(feature = "onnx")]
pub use zklayout_import::{OnnxOptions, Operators};
pub use zklayout_model::{QuantiseOptions, Trace};
pub use zklayout_plan::{Plan, PlanOptions};
pub use zklayout_prover::{
    Artefact, InputCommitment, ModelCommitment, ProofBundle, Provenance, Prover, ProvingKey, PublicValues, Srs,
    VerifierSrs, VerifyingKey, verify, verify_committed, verify_tied,
};

/// The README's example, compiled with the documentation's tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
