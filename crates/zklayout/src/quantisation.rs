//! From a float model to integers that were held against it.
//!
//! Knows which integers are refused, not how scales are chosen.

use rayon::prelude::*;
use zklayout_model::{QuantiseOptions, Trace, quantise};

use crate::calibration::{Calibration, Origin};
use crate::closeness::Closeness;
use crate::error::Error;
use crate::fidelity::{Fidelity, compare};
use crate::model::Model;
use crate::quantised::QuantisedModel;
use crate::samples::Samples;

/// The float model's output and the integers', if there is one.
type Both = (Vec<f64>, Option<Vec<f64>>);

impl Model {
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
        let graph = quantise(self.fused(), samples, options)?;
        let calibration = Some(Calibration::of(Origin::Given, samples));
        let options = Some(options.clone());
        let outputs = self.outputs().iter().map(|output| (output.name.clone(), output.dims.iter().product()));
        let outputs = outputs.collect();
        Ok(QuantisedModel { graph, options, fidelity: None, calibration, source: self.source(), outputs })
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
        Ok(compare(&self.both_outputs(quantised, samples)?))
    }

    /// Holds integers against the float model in the terms of language models; labels, if there are any, are of rows of the output.
    ///
    /// # Errors
    /// See [`Model::fidelity`].
    pub fn closeness(&self, quantised: &QuantisedModel, samples: &Samples) -> Result<Closeness, Error> {
        let labels = samples.labels.as_deref().filter(|_| self.scored().is_none());
        Ok(Closeness::of(&self.both_outputs(quantised, &samples.inputs)?, labels))
    }

    fn both_outputs(&self, quantised: &QuantisedModel, samples: &[Vec<f64>]) -> Result<Vec<Both>, Error> {
        let run = |sample: &Vec<f64>| -> Result<_, Error> {
            let trace = quantised.run(sample).ok();
            let output = self.float_output(sample)?;
            let Some(scored) = self.scored() else {
                return Ok((output, trace.map(|trace| quantised.dequantise(&trace))));
            };
            // Places are as close as the values that they are of.
            let values = self.layer_values(sample)?.into_iter().nth(scored).unwrap_or_default();
            let node = quantised.graph().nodes().nth(scored).map(|(_, node)| node);
            let integers = |trace: Trace| Some(node?.dequantise(trace.values.get(scored)?).into_iter().collect());
            Ok((values.into_iter().collect(), trace.and_then(integers)))
        };
        samples.par_iter().map(run).collect()
    }
}
