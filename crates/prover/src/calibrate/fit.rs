//! Fits what no kernel measures to whole proofs, by least squares without negative coefficients.

use zklayout_plan::cost::{Charge, Coefficient, CostModel, Profile, Rate, Residual};

use crate::calibrate::proofs::Measured;
use crate::error::ProverError;

/// Sweeps of the descent; the systems have a handful of unknowns.
const SWEEPS: usize = 20_000;

/// Error of the core's prices: measured on proofs of plans, which synthetic circuits are not.
const CORE_RELATIVE_ERROR: f64 = 0.1;

/// Fits every coefficient and records how well it fits.
pub(super) fn fit(profile: &mut Profile, proofs: &[Measured]) -> Result<(), ProverError> {
    let model = CostModel::new(profile);
    let of_proofs = System::of(profile, proofs, |shape| model.stock_charges(shape), |proof| proof.prove)?;
    let of_all = System::of(profile, proofs, |shape| model.verification_charges(shape), |proof| proof.verify)?;
    // Every coefficient has a value, also one that no circuit here depends on.
    Coefficient::OF_ALL_PROVERS.iter().for_each(|coefficient| {
        profile.coefficients.entry(*coefficient).or_insert(0.0);
    });
    profile.coefficients.extend(of_all.solve());
    profile.stock.coefficients = Coefficient::OF_STOCK.iter().map(|coefficient| (*coefficient, 0.0)).collect();
    profile.stock.coefficients.extend(of_proofs.solve().filter(|(one, _)| Coefficient::OF_STOCK.contains(one)));
    profile.stock.residuals = residuals(profile, proofs)?;
    let relative =
        profile.stock.residuals.iter().map(|residual| (residual.fitted / residual.measured - 1.0).powi(2));
    let error = (relative.sum::<f64>() / proofs.len().max(1) as f64).sqrt();
    profile.stock.coefficients.insert(Coefficient::RelativeError, error);
    profile.core.coefficients.insert(Coefficient::RelativeError, CORE_RELATIVE_ERROR);
    Ok(())
}

fn residuals(profile: &Profile, proofs: &[Measured]) -> Result<Vec<Residual>, ProverError> {
    let model = CostModel::new(profile);
    let residual = |proof: &Measured| {
        let charges = model.stock_charges(&proof.shape);
        let fitted = model.seconds(&charges, &profile.stock, proof.shape.k);
        let fitted = fitted.map_err(|error| ProverError::calibrating(error.to_string()))?;
        Ok(Residual { circuit: proof.name.clone(), measured: proof.prove, fitted })
    };
    proofs.iter().map(residual).collect()
}

/// Equations `sum count * coefficient = measured - kernels`, each divided by what was measured.
struct System {
    unknowns: Vec<Coefficient>,
    rows: Vec<Vec<f64>>,
    rest: Vec<f64>,
}

impl System {
    fn of(
        profile: &Profile,
        proofs: &[Measured],
        charges: impl Fn(&zklayout_plan::CircuitShape) -> Vec<Charge>,
        measured: impl Fn(&Measured) -> f64,
    ) -> Result<Self, ProverError> {
        let mut system = Self { unknowns: Vec::new(), rows: Vec::new(), rest: Vec::new() };
        for proof in proofs {
            let (charges, seconds) = (charges(&proof.shape), measured(proof));
            let mut kernels = 0.0;
            let mut row = vec![0.0; system.unknowns.len()];
            for Charge { count, rate, .. } in charges {
                match rate {
                    Rate::Kernel(kernel) => {
                        let rate = profile.stock.kernel(&profile.name, kernel, proof.shape.k);
                        kernels += count * rate.map_err(|error| ProverError::calibrating(error.to_string()))?;
                    }
                    Rate::Coefficient(coefficient) => {
                        let place = system.place(coefficient);
                        row.resize(system.unknowns.len(), 0.0);
                        row[place] += count / seconds;
                    }
                }
            }
            system.rows.push(row);
            system.rest.push((seconds - kernels) / seconds);
        }
        let unknowns = system.unknowns.len();
        system.rows.iter_mut().for_each(|row| row.resize(unknowns, 0.0));
        Ok(system)
    }

    fn place(&mut self, coefficient: Coefficient) -> usize {
        self.unknowns.iter().position(|other| *other == coefficient).unwrap_or_else(|| {
            self.unknowns.push(coefficient);
            self.unknowns.len() - 1
        })
    }

    fn solve(&self) -> impl Iterator<Item = (Coefficient, f64)> + '_ {
        self.unknowns.iter().copied().zip(non_negative_least_squares(&self.rows, &self.rest))
    }
}

/// The `x >= 0` that minimises `|rows * x - rest|`, by descent along one coordinate after the other.
fn non_negative_least_squares(rows: &[Vec<f64>], rest: &[f64]) -> Vec<f64> {
    let unknowns = rows.first().map_or(0, Vec::len);
    // Coordinates of equal length converge alike.
    let length = |place: usize| rows.iter().map(|row| row[place].powi(2)).sum::<f64>().sqrt();
    let lengths: Vec<f64> = (0..unknowns).map(length).collect();
    let mut scaled = vec![0.0; unknowns];
    let mut error: Vec<f64> = rest.to_vec();
    for _ in 0..SWEEPS {
        for place in (0..unknowns).filter(|&place| lengths[place] > 0.0) {
            let column = |row: &[f64]| row[place] / lengths[place];
            let gradient: f64 = rows.iter().zip(&error).map(|(row, error)| column(row) * error).sum();
            let next = f64::max(scaled[place] + gradient, 0.0);
            let change = next - scaled[place];
            scaled[place] = next;
            rows.iter().zip(&mut error).for_each(|(row, error)| *error -= change * column(row));
        }
    }
    let unscale = |(scaled, length): (f64, &f64)| if *length > 0.0 { scaled / length } else { 0.0 };
    scaled.into_iter().zip(&lengths).map(unscale).collect()
}

#[cfg(test)]
mod tests {
    use super::non_negative_least_squares;

    fn close(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6 * b.abs().max(1e-9)), "{found:?}");
    }

    #[test]
    fn exact_systems_are_solved_whatever_their_units() {
        let rows = vec![vec![1.0, 1e9], vec![1.0, 2e9], vec![1.0, 7e9]];
        let rest: Vec<f64> = rows.iter().map(|row| 3.0 * row[0] + 2e-9 * row[1]).collect();
        close(&non_negative_least_squares(&rows, &rest), &[3.0, 2e-9]);
    }

    #[test]
    fn what_would_be_negative_is_zero_and_the_rest_is_fitted_again() {
        let rows = vec![vec![1.0, 0.0], vec![1.0, 1.0], vec![1.0, 2.0]];
        close(&non_negative_least_squares(&rows, &[3.0, 2.0, 1.0]), &[2.0, 0.0]);
    }

    #[test]
    fn unknowns_that_nothing_depends_on_are_zero() {
        close(&non_negative_least_squares(&[vec![2.0, 0.0]], &[4.0]), &[2.0, 0.0]);
    }
}
