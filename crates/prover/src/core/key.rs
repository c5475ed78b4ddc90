//! A circuit's key as this prover has it: its constraints, its commitments, and the columns that constraints read, each different one
//! once: masks of lanes that agree are one column. It knows neither powers of tau nor cosets. halo2's own forms of a key hold tables of
//! twiddles, and are made when they are asked for.

use halo2_proofs::plonk::{self, ConstraintSystem, permutation};
use halo2_proofs::poly::EvaluationDomain;
use halo2curves::bn256::{Fr, G1Affine};
use rayon::prelude::*;

use crate::core::columns::coefficients;
use crate::core::domain::Domain;
use crate::core::key_columns::{KeyColumns, Places};

/// A key.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    constraints: ConstraintSystem<Fr>,
    /// What a transcript absorbs of it.
    pub(super) digest: Fr,
    fixed_commitments: Vec<G1Affine>,
    permutation_commitments: Vec<G1Affine>,
    pub(super) domain: Domain,
    /// Coefficients of the different columns.
    different: Vec<Vec<Fr>>,
    /// Places of the fixed columns, of the permutation's polynomials, and of three that mark rows.
    pub(super) fixed: Vec<usize>,
    pub(super) permutation: Vec<usize>,
    pub(super) first_row: usize,
    pub(super) last_row: usize,
    pub(super) active_rows: usize,
    /// The permutation's columns, by row.
    pub(super) permutations: Vec<Vec<Fr>>,
}

impl Key {
    /// The key of columns whose commitments are known.
    pub(super) fn of(verifying: &plonk::VerifyingKey<G1Affine>, columns: KeyColumns) -> Self {
        let domain = Domain::new(verifying.get_domain().k());
        let Places { fixed, permutations, marks } = columns.places();
        let (fixed, permutation) = (fixed.to_vec(), permutations.to_vec());
        let (first_row, last_row, active_rows) = (marks[0], marks[1], marks[2]);
        let (different, permutations) = columns.into_different();
        let different = different.into_par_iter().map(|values| coefficients(&domain, values)).collect();
        Self {
            constraints: verifying.cs().clone(),
            digest: verifying.transcript_repr(),
            fixed_commitments: verifying.fixed_commitments().clone(),
            permutation_commitments: verifying.permutation().commitments().clone(),
            domain,
            different,
            fixed,
            permutation,
            first_row,
            last_row,
            active_rows,
            permutations,
        }
    }

    /// The constraints that the key is of.
    pub(crate) fn constraints(&self) -> &ConstraintSystem<Fr> {
        &self.constraints
    }

    /// The verifier's part, in halo2's form.
    pub(crate) fn verifying(&self) -> plonk::VerifyingKey<G1Affine> {
        let degree = self.constraints.degree() as u32;
        plonk::VerifyingKey::from_parts(
            EvaluationDomain::new(degree, self.domain.k),
            self.fixed_commitments.clone(),
            permutation::VerifyingKey::from_commitments(self.permutation_commitments.clone()),
            self.constraints.clone(),
            Vec::new(),
            false,
        )
    }

    /// The same key as halo2's own prover takes it.
    pub(crate) fn stock(&self) -> plonk::ProvingKey<G1Affine> {
        let verifying = self.verifying();
        let domain = verifying.get_domain().clone();
        let polynomial = |place: &usize| domain.coeff_from_vec(self.different[*place].clone());
        let rows = |place: &usize| domain.lagrange_from_vec(self.rows(*place));
        let permutations = self.permutations.iter().map(|values| domain.lagrange_from_vec(values.clone()));
        let polynomials = self.permutation.iter().map(polynomial).collect();
        plonk::ProvingKey::from_parts(
            verifying,
            polynomial(&self.first_row),
            polynomial(&self.last_row),
            polynomial(&self.active_rows),
            self.fixed.iter().map(rows).collect(),
            self.fixed.iter().map(polynomial).collect(),
            permutation::ProvingKey::from_parts(permutations.collect(), polynomials),
        )
    }

    pub(super) fn coefficients(&self, place: usize) -> &[Fr] {
        &self.different[place]
    }

    /// A column by row.
    pub(super) fn rows(&self, place: usize) -> Vec<Fr> {
        self.domain.by_row(&self.different[place])
    }
}
