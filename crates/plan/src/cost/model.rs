//! Prices circuits by a profile.

use crate::cost::error::CostError;
use crate::cost::memory;
use crate::cost::price::{Cost, Term};
use crate::cost::profile::Profile;
use crate::cost::rates::{Coefficient, Rates};
use crate::cost::steps::{Charge, Counts, Rate};
use crate::shape::CircuitShape;

/// Bytes of a point of a model commitment.
const POINT_BYTES: usize = 64;

/// Prices circuits by one profile.
#[derive(Clone, Copy, Debug)]
pub struct CostModel<'a> {
    profile: &'a Profile,
    memory: Option<u64>,
}

impl<'a> CostModel<'a> {
    /// A model that prices by `profile`.
    pub fn new(profile: &'a Profile) -> Self {
        Self { profile, memory: None }
    }

    /// The same for a process that may take so many bytes, if it is limited: it keeps no more of a key than fits.
    #[must_use]
    pub fn within(self, memory: Option<u64>) -> Self {
        Self { memory, ..self }
    }

    /// The price of a circuit.
    ///
    /// # Errors
    /// [`CostError::Range`] for a number of rows that the profile was not measured for, [`CostError::Incomplete`] for
    /// a profile with gaps.
    pub fn price(&self, shape: &CircuitShape) -> Result<Cost, CostError> {
        let threads = self.profile.host.threads;
        let (counts, rates) = (Counts::of(shape, threads), self.profile.rates(shape));
        let keeps_key = memory::keeps_key(shape, threads, self.memory);
        let charges =
            if shape.is_proven_by_core() { counts.proof_by_core(keeps_key) } else { counts.proof_by_stock() };
        let terms = self.terms(&charges, rates, shape.k)?;
        let prove_seconds: f64 = terms.iter().map(|(_, seconds)| seconds).sum();
        Ok(Cost {
            terms,
            prove_seconds,
            prove_error: prove_seconds * self.coefficient(Coefficient::RelativeError, rates),
            keygen_seconds: self.seconds(&counts.keys(), &self.profile.core, shape.k)?,
            prepare_seconds: self.seconds(&counts.preparation(keeps_key), &self.profile.core, shape.k)?,
            verify_seconds: self.seconds(&counts.verification_of_plan(), rates, shape.k)?
                + self.seconds(&counts.plan_checks(), &self.profile.core, shape.k)?,
            commit_seconds: self.seconds(&counts.commitment(), rates, shape.k)?,
            commitment_bytes: POINT_BYTES * shape.committed_lanes,
            peak_memory: memory::peak_memory(shape, threads, self.memory),
            proof_bytes: shape.proof_bytes,
            proving_key_bytes: memory::proving_key_bytes(shape) as u64,
        })
    }

    /// The charges that the price of a proof by halo2's prover consists of, whoever proves: what a calibration fits its coefficients to.
    pub fn stock_charges(&self, shape: &CircuitShape) -> Vec<Charge> {
        Counts::of(shape, self.profile.host.threads).proof_by_stock()
    }

    /// The same for a verification.
    pub fn verification_charges(&self, shape: &CircuitShape) -> Vec<Charge> {
        Counts::of(shape, self.profile.host.threads).verification()
    }

    /// What charges add up to on `2^k` rows, by one prover's rates.
    ///
    /// # Errors
    /// See [`price`](Self::price).
    pub fn seconds(&self, charges: &[Charge], rates: &Rates, k: u32) -> Result<f64, CostError> {
        Ok(self.terms(charges, rates, k)?.iter().map(|(_, seconds)| seconds).sum())
    }

    fn terms(&self, charges: &[Charge], rates: &Rates, k: u32) -> Result<Vec<(Term, f64)>, CostError> {
        let mut terms: Vec<(Term, f64)> = Vec::new();
        for charge in charges {
            let rate = match charge.rate {
                Rate::Kernel(kernel) => rates.kernel(&self.profile.name, kernel, k)?,
                Rate::Coefficient(coefficient) => self.coefficient(coefficient, rates),
            };
            let seconds = charge.count * rate;
            match terms.iter_mut().find(|(term, _)| *term == charge.term) {
                Some((_, sum)) => *sum += seconds,
                None => terms.push((charge.term, seconds)),
            }
        }
        Ok(terms)
    }

    fn coefficient(&self, coefficient: Coefficient, rates: &Rates) -> f64 {
        let of_prover = rates.coefficients.get(&coefficient).copied();
        of_prover.unwrap_or_else(|| self.profile.coefficient(coefficient))
    }
}

#[cfg(test)]
mod tests {
    use super::CostModel;
    use crate::cost::{CostError, Profile};
    use crate::shape::CircuitShape;

    fn shape(k: u32) -> CircuitShape {
        let shape = CircuitShape {
            k,
            small_advice: 16,
            wide_advice: 9,
            fixed: 34,
            instance: 1,
            permuted: 3,
            products: 1,
            degree: 5,
            advice_queries: 33,
            fixed_queries: 34,
            rotation_sets: 3,
            gate_operations: 300,
            assigned_small_cells: 12 << k,
            assigned_wide_cells: 8 << k,
            ..CircuitShape::default()
        };
        shape.with_proof_bytes()
    }

    #[test]
    fn terms_add_up_and_more_of_anything_costs_more() -> Result<(), CostError> {
        let profile = Profile::two_cores()?;
        let model = CostModel::new(&profile);
        let base = model.price(&shape(12))?;
        let sum: f64 = base.terms.iter().map(|(_, seconds)| seconds).sum();
        assert!((sum - base.prove_seconds).abs() < 1e-9);
        let more: [fn(&mut CircuitShape); 6] = [
            |shape| shape.small_advice += 1,
            |shape| shape.wide_advice += 1,
            |shape| shape.fixed += 1,
            |shape| shape.permuted += 3,
            |shape| shape.native_lookups += 1,
            |shape| shape.k += 1,
        ];
        // Circuits of either prover: one that has native lookups is halo2's, which takes longer and has no tables in memory.
        for native_lookups in [0, 1] {
            let base = CircuitShape { native_lookups, ..shape(12) };
            let price = model.price(&base)?;
            for change in more {
                let mut changed = base.clone();
                change(&mut changed);
                let other = model.price(&changed)?;
                assert!(other.prove_seconds > price.prove_seconds, "{changed:?}");
                let same_prover = changed.is_proven_by_core() == base.is_proven_by_core();
                assert!(other.peak_memory >= price.peak_memory || !same_prover, "{changed:?}");
            }
        }
        Ok(())
    }

    #[test]
    fn rows_that_were_not_measured_have_no_price() -> Result<(), CostError> {
        let profile = Profile::two_cores()?;
        let refused = CostModel::new(&profile).price(&shape(28));
        assert!(matches!(refused, Err(CostError::Range { k: 28, .. })));
        Ok(())
    }
}
