//! How long a machine takes beside the one that a profile is of, for each kind of work.
//!
//! It knows neither how work is measured nor what is priced.

use serde::{Deserialize, Serialize};

use crate::cost::profile::Profile;
use crate::cost::rates::{Work, scaled_coefficients};

/// Times as long as on the profile's machine.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    /// For additions of curve points.
    pub points: f64,
    /// For what goes through columns of field elements, such as transforms.
    pub columns: f64,
    /// For products of field elements as gates have them.
    pub products: f64,
}

impl Speed {
    fn times(&self, work: Work) -> f64 {
        match work {
            Work::Points => self.points,
            Work::Columns => self.columns,
            Work::Products => self.products,
        }
    }
}

impl Profile {
    /// What the profile would hold if its machine had another speed: prices by it are of that machine.
    pub fn at_speed(&self, speed: &Speed) -> Self {
        let times = |work| speed.times(work);
        Self {
            core: self.core.scaled(times),
            stock: self.stock.scaled(times),
            coefficients: scaled_coefficients(&self.coefficients, times),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::{CostError, CostModel, Term};
    use crate::shape::CircuitShape;

    #[test]
    fn prices_follow_the_work_that_steps_do() -> Result<(), CostError> {
        let profile = Profile::two_cores()?;
        let shape = CircuitShape {
            k: 12,
            small_advice: 16,
            wide_advice: 9,
            degree: 5,
            assigned_small_cells: 12 << 12,
            assigned_wide_cells: 8 << 12,
            ..CircuitShape::default()
        };
        let price = |speed: Speed| CostModel::new(&profile.at_speed(&speed)).price(&shape);
        let (same, slow) = (
            price(Speed { points: 1.0, columns: 1.0, products: 1.0 })?,
            price(Speed { points: 3.0, columns: 2.0, products: 5.0 })?,
        );
        assert_eq!(same, CostModel::new(&profile).price(&shape)?);
        for (term, times) in
            [(Term::CommitSmall, 3.0), (Term::CommitWide, 3.0), (Term::Coefficients, 2.0), (Term::Gates, 5.0)]
        {
            assert!((slow.term(term) / same.term(term) - times).abs() < 1e-9, "{term:?}");
        }
        let share = |cost: &crate::cost::Cost| cost.prove_error / cost.prove_seconds;
        assert!((share(&same) - share(&slow)).abs() < 1e-9, "an error is a share");
        assert_eq!(same.peak_memory, slow.peak_memory);
        Ok(())
    }
}
