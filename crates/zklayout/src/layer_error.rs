//! Layer by layer, how far integers are from floats. It knows nothing of how either came about.

use ndarray::Array3;
use zklayout_model::{Fixed, ImportError};

use crate::error::Error;
use crate::model::{Model, QuantisedModel};

/// How far one layer's values are from the float model's.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerError {
    /// The layer.
    pub name: String,
    /// Largest difference of a value.
    pub largest: f64,
    /// Root of the mean squared difference.
    pub rms: f64,
    /// Root of the mean squared value of the float model.
    pub magnitude: f64,
}

impl Model {
    /// By layer, in order, how far the integers are from the floats over all inputs that stay in range. Both models see the
    /// same inputs, so that a layer's error includes what it inherits.
    ///
    /// # Errors
    /// An input of another length, or integers of another model.
    pub fn layer_errors(&self, quantised: &QuantisedModel, inputs: &[Vec<f64>]) -> Result<Vec<LayerError>, Error> {
        let layers = quantised.graph().nodes().map(|(_, node)| match node {
            Fixed::Input(input) => ("input".to_owned(), input.unit()),
            Fixed::Layer(layer) => (layer.name.clone(), layer.unit()),
        });
        let mut sums: Vec<_> = layers.map(|(name, unit)| LayerSum { name, unit, ..LayerSum::default() }).collect();
        for input in inputs {
            let Ok(trace) = quantised.run(input) else { continue };
            let float = self.layer_values(input)?;
            if float.len() != sums.len() {
                let reason = format!("{} layers of floats, {} of integers", float.len(), sums.len());
                return Err(ImportError::Graph(reason).into());
            }
            for (sum, (float, integers)) in sums.iter_mut().zip(float.iter().zip(&trace.values)) {
                sum.add(float, integers);
            }
        }
        Ok(sums.into_iter().map(LayerSum::error).collect())
    }
}

impl Model {
    /// The layer whose values are the furthest off, as a share of their magnitude, beyond what the layers before are.
    pub(crate) fn worst_layer(&self, quantised: &QuantisedModel, inputs: &[Vec<f64>]) -> Result<String, Error> {
        let (mut before, mut worst) = (0.0f64, (f64::NEG_INFINITY, "input".to_owned()));
        for layer in self.layer_errors(quantised, inputs)? {
            let share = if layer.rms == 0.0 { 0.0 } else { layer.rms / layer.magnitude };
            if share - before > worst.0 {
                worst = (share - before, layer.name);
            }
            before = before.max(share);
        }
        Ok(worst.1)
    }
}

/// Differences of one layer, summed up.
#[derive(Default)]
struct LayerSum {
    name: String,
    unit: f64,
    largest: f64,
    squares: f64,
    float_squares: f64,
    count: usize,
}

impl LayerSum {
    fn add(&mut self, float: &Array3<f64>, integers: &Array3<i64>) {
        for (float, integer) in float.iter().zip(integers) {
            let difference = (float - *integer as f64 * self.unit).abs();
            self.largest = self.largest.max(difference);
            self.squares += difference * difference;
            self.float_squares += float * float;
            self.count += 1;
        }
    }

    fn error(self) -> LayerError {
        let rms = |squares: f64| (squares / self.count.max(1) as f64).sqrt();
        let (rms, magnitude) = (rms(self.squares), rms(self.float_squares));
        LayerError { name: self.name, largest: self.largest, rms, magnitude }
    }
}
