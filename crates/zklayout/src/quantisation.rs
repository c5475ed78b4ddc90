//! From a float model to integers that were held against it.
//!
//! Knows which integers are refused, not how scales are chosen.

use rayon::prelude::*;
use zklayout_model::{QuantiseOptions, quantise};

use crate::calibration::{Calibration, Origin};
use crate::error::Error;
use crate::fidelity::{Fidelity, compare};
use crate::model::Model;
use crate::quantised::QuantisedModel;

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
        Ok(QuantisedModel { graph, options, fidelity: None, calibration, source: self.source() })
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
