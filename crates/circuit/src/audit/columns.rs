//! The columns of an exact audit.
//!
//! ```text
//! phase 0   | weights ... | multiplicities ... |    stored with an offset: w + 2^(bits-1)
//! challenges  rho (lane), beta (lookups)
//! phase 1   | folded | sums ...                |
//! fixed     | active  edge  used | tables ...  |
//! ```

use halo2_proofs::plonk::{Advice, Challenge, Column, ConstraintSystem, FirstPhase, Fixed, SecondPhase};

use crate::audit::shape::AuditShape;
use crate::field::Scalar;

/// The columns.
#[derive(Clone, Debug)]
pub struct AuditColumns {
    pub(super) weights: Vec<Column<Advice>>,
    pub(super) multiplicities: Vec<Column<Advice>>,
    pub(super) folded: Option<Column<Advice>>,
    pub(super) sums: Vec<Column<Advice>>,
    /// All usable rows but the last.
    pub(super) active: Option<Column<Fixed>>,
    /// The first and the last usable row.
    pub(super) edge: Option<Column<Fixed>>,
    /// Rows that hold weights.
    pub(super) used: Option<Column<Fixed>>,
    pub(super) tables: Vec<Column<Fixed>>,
    pub(super) challenges: Vec<Challenge>,
}

impl AuditColumns {
    pub(super) fn none() -> Self {
        Self {
            weights: Vec::new(),
            multiplicities: Vec::new(),
            folded: None,
            sums: Vec::new(),
            active: None,
            edge: None,
            used: None,
            tables: Vec::new(),
            challenges: Vec::new(),
        }
    }

    pub(super) fn create(cs: &mut ConstraintSystem<Scalar>, shape: &AuditShape) -> Self {
        let weights = (0..shape.lanes).map(|_| cs.advice_column_in(FirstPhase)).collect();
        let multiplicities = (0..shape.tables()).map(|_| cs.advice_column_in(FirstPhase)).collect();
        let challenges = (0..2).map(|_| cs.challenge_usable_after(FirstPhase)).collect();
        Self {
            weights,
            multiplicities,
            challenges,
            folded: Some(cs.advice_column_in(SecondPhase)),
            sums: (0..shape.sums()).map(|_| cs.advice_column_in(SecondPhase)).collect(),
            active: Some(cs.fixed_column()),
            edge: Some(cs.fixed_column()),
            used: Some(cs.fixed_column()),
            tables: (0..shape.tables()).map(|_| cs.fixed_column()).collect(),
        }
    }
}
