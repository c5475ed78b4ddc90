//! Functions of one number that are put together from others, step by step.
//!
//! It knows no tensor: a region of operators that act value by value becomes one of these (`regions`).

use serde::{Deserialize, Serialize};

use crate::clamp::Clamp;
use crate::function::Function;

/// A function of one number: steps, each on results of earlier ones.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pointwise {
    steps: Vec<Step>,
}

/// A step. Arguments are places of earlier results; place 0 is the function's argument, the first step has place 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Step {
    /// A clamped result.
    Clamp(Clamp<f64>, usize),
    /// A function of a result.
    Function(Function, usize),
    /// A constant and results times factors.
    Sum {
        /// The constant.
        constant: f64,
        /// Results and their factors.
        terms: Vec<(usize, f64)>,
    },
    /// The product of two results.
    Product(usize, usize),
}

impl Pointwise {
    /// The function whose value is the last step's; `None` if a step reads a later one.
    pub fn new(steps: Vec<Step>) -> Option<Self> {
        steps.iter().enumerate().all(|(place, step)| step.reads_before(place + 1)).then_some(Self { steps })
    }

    /// The steps, in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The scale at which its values are integers, if its last step's are at one whatever that reads.
    pub(crate) fn exact_scale(&self, scale: i32) -> Option<i32> {
        let Some(Step::Function(function, _)) = self.steps.last() else { return None };
        function.exact_scale(scale).filter(|_| function.is_truth())
    }

    /// Whether a step's value jumps somewhere.
    pub(crate) fn jumps(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Function(function, _) if function.jumps()))
    }

    /// The function's value; NaN or infinite where a step's is.
    pub fn apply(&self, x: f64) -> f64 {
        let mut results = Vec::with_capacity(self.steps.len() + 1);
        results.push(x);
        for step in &self.steps {
            let result = match step {
                Step::Clamp(clamp, of) => clamp.apply(results[*of]),
                Step::Function(function, of) => function.apply(results[*of]),
                Step::Sum { constant, terms } => {
                    terms.iter().fold(*constant, |sum, (of, factor)| sum + factor * results[*of])
                }
                Step::Product(a, b) => results[*a] * results[*b],
            };
            results.push(result);
        }
        results[self.steps.len()]
    }
}

impl Step {
    fn reads_before(&self, place: usize) -> bool {
        match self {
            Self::Clamp(_, of) | Self::Function(_, of) => *of < place,
            Self::Sum { terms, .. } => terms.iter().all(|(of, _)| *of < place),
            Self::Product(a, b) => *a < place && *b < place,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn steps_are_applied_in_order(x in -8.0f64..8.0) {
            let sigmoid = Step::Function(Function::Sigmoid, 0);
            let silu = Pointwise::new(vec![sigmoid, Step::Product(0, 1)]).unwrap();
            prop_assert!((silu.apply(x) - x / (1.0 + (-x).exp())).abs() < 1e-12);
            let line = Pointwise::new(vec![Step::Sum { constant: 2.0, terms: vec![(0, 3.0), (0, -1.0)] }]).unwrap();
            prop_assert!((line.apply(x) - (2.0 * x + 2.0)).abs() < 1e-12);
        }
    }

    #[test]
    fn later_results_are_not_read() {
        assert_eq!(Pointwise::new(vec![Step::Product(0, 1)]), None);
    }
}
