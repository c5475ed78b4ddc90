//! The smallest fixture, quantised to few bits, so that a proof takes 2^8 rows.
#![allow(missing_docs)]

use std::path::Path;

use zklayout::{Model, Plan, PlanOptions, QuantiseOptions, QuantisedModel, Trace};

pub struct Tiny {
    pub model: QuantisedModel,
    pub plan: Plan,
    pub trace: Trace,
}

impl Tiny {
    pub fn new() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/models/tiny.onnx");
        let float = Model::load(path).unwrap();
        let input: Vec<f64> = (0..float.input_shape().len()).map(|i| (i % 7) as f64 / 7.0).collect();
        let few = QuantiseOptions { input_bits: 4, weight_bits: 4, table_bits: 6, ..QuantiseOptions::default() };
        let options = QuantiseOptions { allow_error: 1.0, ..few };
        let model = float.quantise(std::slice::from_ref(&input), &options).unwrap();
        let plan = model.plan(&PlanOptions { min_k: 6, ..PlanOptions::default() }).unwrap();
        let trace = model.run(&input).unwrap();
        Self { model, plan, trace }
    }
}
