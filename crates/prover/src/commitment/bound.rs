//! Which column of a proof is bound to what was committed elsewhere, and what a proof's transcript says of it first. It knows nothing of
//! points, and not what was committed.

use ff::Field;
use halo2_proofs::plonk::ConstraintSystem;
use halo2curves::bn256::Fr;
use rand_chacha::ChaCha20Rng;
use zklayout_circuit::streams::powers;
use zklayout_plan::{PlanHash, Streams, Strips};

/// Place of rho among the challenges.
const RHO: usize = 1;

/// A bound column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    /// What it holds.
    pub(crate) role: &'static str,
    /// Place among the advice columns, which is that of its commitment among a proof's points.
    pub(crate) column: usize,
    /// Place of the challenge whose powers combine the commitments.
    pub(crate) challenge: usize,
    /// What is said of a proof whose column holds something else.
    pub(crate) unlinked: &'static str,
    /// The first of the commitments, and their number.
    pub(crate) first: usize,
    pub(crate) lanes: usize,
}

impl Bound {
    /// The folded weights of a layout.
    pub(crate) fn weights(layout: &Streams) -> Self {
        let column = Strips::of(layout).folded.first;
        let unlinked = "its weights are not those of the model commitment";
        Self { role: "weights", column, challenge: RHO, unlinked, first: 0, lanes: layout.knobs.weight_lanes }
    }

    /// The folded input of a layout.
    pub(crate) fn input(layout: &Streams) -> Self {
        let lanes = layout.bound.as_ref().map_or(0, |fact| fact.weight_lanes);
        let column = Strips::of(layout).folded_input.first;
        let unlinked = "its input is not that of the input commitment";
        Self { role: "input", column, challenge: RHO, unlinked, first: 0, lanes }
    }

    /// What each commitment is multiplied by.
    pub(crate) fn coefficients(&self, challenges: &[Fr]) -> Vec<Fr> {
        powers(challenges[self.challenge], self.lanes)
    }

    /// What is absorbed before anything of halo2, so that every challenge depends on the commitments.
    pub(crate) fn prefix(&self, digest: PlanHash) -> PlanHash {
        let numbers = [self.column, self.challenge, self.first, self.lanes, self.role.len()];
        let numbers = numbers.map(|number| (number as u64).to_le_bytes());
        let parts = [numbers.as_flattened(), self.role.as_bytes(), &digest.0].concat();
        PlanHash::of("zklayout link v1", &parts)
    }

    /// What a link shows that the prover knows: the column's blinding cells less those of the combination, whose lanes are hidden in
    /// the last row. The generator is a copy of the one that the prover was given.
    pub(crate) fn difference(
        &self,
        generator: ChaCha20Rng,
        cs: &ConstraintSystem<Fr>,
        coefficients: &[Fr],
        blinds: &[Fr],
    ) -> Vec<Fr> {
        let mut cells = self.blinding_cells(generator, cs);
        subtract_hidden(&mut cells, coefficients, blinds);
        cells
    }

    /// The column's blinding cells, from a copy of the generator that a prover was given. Phase by phase, that draws those of each
    /// column, then one number for each column that KZG has no use for. In another order honest proofs would not verify.
    fn blinding_cells(&self, mut generator: ChaCha20Rng, cs: &ConstraintSystem<Fr>) -> Vec<Fr> {
        let (phases, rows) = (cs.advice_column_phase(), cs.blinding_factors() + 1);
        for phase in 0..=phases[self.column] {
            let columns: Vec<usize> = (0..phases.len()).filter(|&column| phases[column] == phase).collect();
            for column in &columns {
                let cells: Vec<Fr> = (0..rows).map(|_| Fr::random(&mut generator)).collect();
                if *column == self.column {
                    return cells;
                }
            }
            columns.iter().for_each(|_| {
                Fr::random(&mut generator);
            });
        }
        Vec::new()
    }
}

/// Takes what hides a combination of lanes off the last of a column's blinding cells.
pub(crate) fn subtract_hidden(cells: &mut [Fr], coefficients: &[Fr], blinds: &[Fr]) {
    if let Some(last) = cells.last_mut() {
        *last -= coefficients.iter().zip(blinds).map(|(power, blind)| power * blind).sum::<Fr>();
    }
}
