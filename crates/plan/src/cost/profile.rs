//! What one machine's kernels take: raw measurements and the coefficients fitted to them, as one JSON file.
//!
//! A profile names the machine and the versions that it was measured with, and no date: equal measurements are equal
//! profiles.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cost::error::CostError;
use crate::cost::rates::{Coefficient, Kernel, Rates};
use crate::hash::PlanHash;
use crate::shape::CircuitShape;

/// Format of saved profiles; a profile of another format is refused.
pub const PROFILE_FORMAT: u32 = 3;

const TWO_CORES: &str = include_str!("../../profiles/two-cores.json");

/// A machine's measurements.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Format of this value.
    pub format: u32,
    /// The profile's name.
    pub name: String,
    /// Where it was measured.
    pub host: Host,
    /// Versions of the crates whose kernels were measured.
    pub versions: BTreeMap<String, String>,
    /// Rates of proofs by the library's own prover.
    pub core: Rates,
    /// Rates of proofs by halo2's.
    pub stock: Rates,
    /// What keys, verification and committed weights take, whoever proves.
    pub coefficients: BTreeMap<Coefficient, f64>,
}

/// A machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Operating system and architecture.
    pub system: String,
    /// The processor's own name.
    pub processor: String,
    /// Threads that the prover uses.
    pub threads: usize,
}

impl Profile {
    /// The profile that this library ships: a cloud machine with two cores.
    ///
    /// # Errors
    /// [`CostError::Format`], only if the library was built with a damaged profile.
    pub fn two_cores() -> Result<Self, CostError> {
        Self::from_json(TWO_CORES)
    }

    /// The profile's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Hash of everything in the profile.
    ///
    /// # Errors
    /// If the profile cannot be serialised.
    pub fn hash(&self) -> Result<PlanHash, CostError> {
        Ok(PlanHash::of("profile", self.to_json()?.as_bytes()))
    }

    /// The profile as JSON; equal profiles give equal text.
    ///
    /// # Errors
    /// If the profile cannot be serialised.
    pub fn to_json(&self) -> Result<String, CostError> {
        serde_json::to_string_pretty(self).map_err(|error| CostError::Format(error.to_string()))
    }

    /// Reads a profile from JSON.
    ///
    /// # Errors
    /// Text that is no profile, a profile of another format, or one that lacks a kernel or a coefficient.
    pub fn from_json(text: &str) -> Result<Self, CostError> {
        let profile: Self = serde_json::from_str(text).map_err(|error| CostError::Format(error.to_string()))?;
        if profile.format != PROFILE_FORMAT {
            let reason = format!("format {}, expected {PROFILE_FORMAT}", profile.format);
            return Err(CostError::Format(reason));
        }
        profile.check()?;
        Ok(profile)
    }

    /// Refuses a profile that lacks a measurement.
    ///
    /// # Errors
    /// [`CostError::Incomplete`].
    pub fn check(&self) -> Result<(), CostError> {
        let fitted = |coefficient: &Coefficient| self.coefficients.contains_key(coefficient);
        let missing = Coefficient::OF_ALL_PROVERS.into_iter().find(|coefficient| !fitted(coefficient));
        let missing = missing.map(|coefficient| format!("coefficient {coefficient:?}"));
        match missing.or_else(|| self.core.missing_of_core()).or_else(|| self.stock.missing_of_stock()) {
            None => Ok(()),
            Some(missing) => Err(CostError::Incomplete { profile: self.name.clone(), missing }),
        }
    }

    /// The rates of the prover that proves a circuit.
    pub fn rates(&self, shape: &CircuitShape) -> &Rates {
        if shape.is_proven_by_core() { &self.core } else { &self.stock }
    }

    /// Seconds of the unit in which machines are compared, by halo2's own code: a full-width multi-scalar multiplication of `2^k` points.
    ///
    /// # Errors
    /// A size outside the measured range.
    pub fn unit(&self, k: u32) -> Result<f64, CostError> {
        self.stock.kernel(&self.name, Kernel::CommitAlone, k)
    }

    /// A coefficient that does not depend on who proves; 0 if it was not fitted.
    pub fn coefficient(&self, coefficient: Coefficient) -> f64 {
        self.coefficients.get(&coefficient).copied().unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Profile;
    use crate::cost::error::CostError;
    use crate::cost::rates::Coefficient;

    #[test]
    fn the_shipped_profile_survives_saving() -> Result<(), CostError> {
        let profile = Profile::two_cores()?;
        let again = Profile::from_json(&profile.to_json()?)?;
        assert_eq!(profile, again);
        assert_eq!(profile.hash()?, again.hash()?);
        Ok(())
    }

    #[test]
    fn other_formats_and_gaps_are_refused() -> Result<(), CostError> {
        let mut profile = Profile::two_cores()?;
        profile.format += 1;
        assert!(matches!(Profile::from_json(&profile.to_json()?), Err(CostError::Format(_))));
        let mut profile = Profile::two_cores()?;
        profile.core.coefficients.remove(&Coefficient::GateOperation);
        assert!(matches!(Profile::from_json(&profile.to_json()?), Err(CostError::Incomplete { .. })));
        Ok(())
    }

    #[test]
    fn sizes_outside_the_measured_range_are_refused_with_advice() -> Result<(), CostError> {
        let message = Profile::two_cores()?.unit(30).map_err(|error| error.to_string());
        let message = message.err().unwrap_or_default();
        assert!(message.contains("zklayout calibrate --max-k 30"), "{message}");
        Ok(())
    }
}
