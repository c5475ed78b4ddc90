//! Layer by layer, how far integers are from floats. It knows nothing of how either came about.

use ndarray::Array3;
use zklayout_import::ImportError;
use zklayout_model::Fixed;

use crate::error::Error;
use crate::fidelity::LayerError;
use crate::model::Model;
use crate::quantised::QuantisedModel;

impl Model {
    /// By layer, in order, how far the integers are from the floats over all inputs that stay in range. Both models see the
    /// same inputs, so that a layer's error includes what it inherits.
    ///
    /// # Errors
    /// An input of another length, or integers of another model.
    pub fn layer_errors(&self, quantised: &QuantisedModel, inputs: &[Vec<f64>]) -> Result<Vec<LayerError>, Error> {
        let nodes: Vec<&Fixed> = quantised.graph().nodes().map(|(_, node)| node).collect();
        let name = |node: &Fixed| match node {
            Fixed::Input(_) => "input".to_owned(),
            Fixed::Layer(layer) => layer.name.clone(),
        };
        let mut sums: Vec<LayerSum> =
            nodes.iter().map(|node| LayerSum { name: name(node), ..LayerSum::default() }).collect();
        for input in inputs {
            let Ok(trace) = quantised.run(input) else { continue };
            let float = self.layer_values(input)?;
            if float.len() != sums.len() {
                let reason = format!("{} layers of floats, {} of integers", float.len(), sums.len());
                return Err(ImportError::Graph(reason).into());
            }
            for ((sum, node), (float, integers)) in
                sums.iter_mut().zip(&nodes).zip(float.iter().zip(&trace.values))
            {
                sum.add(node, float, integers);
            }
        }
        Ok(sums.into_iter().map(LayerSum::error).collect())
    }

    /// The layer whose values are the furthest off, as a share of their magnitude, beyond what the layers before are; and its
    /// worst channel.
    pub(crate) fn worst_layer(
        &self,
        quantised: &QuantisedModel,
        inputs: &[Vec<f64>],
    ) -> Result<(String, usize), Error> {
        let (mut before, mut worst) = (0.0f64, (f64::NEG_INFINITY, ("input".to_owned(), 0)));
        for layer in self.layer_errors(quantised, inputs)? {
            let share = if layer.rms == 0.0 { 0.0 } else { layer.rms / layer.magnitude };
            if share - before > worst.0 {
                worst = (share - before, (layer.name, layer.channel));
            }
            before = before.max(share);
        }
        Ok(worst.1)
    }
}

/// Magnitude from which a value is masked.
const MASKED: f64 = 1e4;

/// Differences of one layer, summed up.
#[derive(Default)]
struct LayerSum {
    name: String,
    largest: f64,
    /// By channel.
    squares: Vec<f64>,
    float_squares: f64,
    count: usize,
}

impl LayerSum {
    fn add(&mut self, node: &Fixed, float: &Array3<f64>, integers: &Array3<i64>) {
        self.squares.resize(float.dim().0, 0.0);
        for (((channel, ..), float), integer) in float.indexed_iter().zip(&node.dequantise(integers)) {
            if float.abs() >= MASKED {
                // What is masked lies elsewhere in integers, and means nothing else.
                continue;
            }
            let difference = (float - integer).abs();
            self.largest = self.largest.max(difference);
            self.squares[channel] += difference * difference;
            self.float_squares += float * float;
            self.count += 1;
        }
    }

    fn error(self) -> LayerError {
        let rms = |squares: f64| (squares / self.count.max(1) as f64).sqrt();
        let (rms, magnitude) = (rms(self.squares.iter().sum()), rms(self.float_squares));
        let worst = self.squares.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        let channel = worst.map_or(0, |(channel, _)| channel);
        LayerError { name: self.name, largest: self.largest, rms, magnitude, channel }
    }
}
