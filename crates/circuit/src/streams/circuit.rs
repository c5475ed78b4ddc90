//! The regions of a layout of the family `streams`: phases and copies.

use halo2_proofs::circuit::{Cell, Layouter, Region, Value};
use halo2_proofs::plonk::{Advice, Column, Error};
use zklayout_plan::{Evaluation, Streams};

use crate::field::{Scalar, scalar};
use crate::streams::columns::Columns;
use crate::streams::evaluations::{ChallengeValues, Evaluations};
use crate::streams::fixed::FixedGrid;
use crate::streams::witness::Witness;

/// Everything that is assigned.
pub(crate) struct Assignment<'a> {
    pub(crate) streams: &'a Streams,
    pub(crate) grid: &'a FixedGrid,
    pub(crate) witness: Option<&'a Witness>,
}

impl Assignment<'_> {
    /// Assigns both phases.
    pub(crate) fn synthesize(&self, columns: &Columns, layouter: &mut impl Layouter<Scalar>) -> Result<(), Error> {
        layouter.assign_region(
            || "phase 0",
            |mut region| {
                self.assign_fixed(&mut region, columns);
                self.assign_small(&mut region, columns);
                Ok(())
            },
        )?;
        layouter.next_phase();
        let evaluations = self.evaluations(columns, layouter);
        layouter
            .assign_region(|| "phase 1", |mut region| self.assign_wide(&mut region, columns, evaluations.as_ref()))
    }

    fn assign_fixed(&self, region: &mut Region<'_, Scalar>, columns: &Columns) {
        for (&column, cells) in columns.fixed.iter().zip(&self.grid.cells) {
            for (row, &value) in cells.iter().enumerate().filter(|(_, value)| **value != 0) {
                region.assign_fixed(column, row, scalar(value));
            }
        }
        // Their numerators are there.
        for ((place, row), value) in self.grid.fractions() {
            region.assign_fixed(columns.fixed[place], row, value);
        }
    }

    fn assign_small(&self, region: &mut Region<'_, Scalar>, columns: &Columns) {
        let Some(witness) = self.witness else { return };
        let groups = [
            (&columns.quotients, &witness.quotients),
            (&columns.remainders, &witness.remainders),
            (&columns.values, &witness.values),
            (&columns.weights, &witness.weights),
            (&columns.multiplicities, &witness.multiplicities),
        ];
        for (columns, cells) in groups {
            for (&column, cells) in columns.iter().zip(cells) {
                for (row, &value) in cells.iter().enumerate().filter(|(_, value)| **value != 0) {
                    region.assign_advice(column, row, Value::known(scalar(value)));
                }
            }
        }
    }

    /// The evaluations, once the challenges are known; while keys are made they are not.
    fn evaluations(&self, columns: &Columns, layouter: &impl Layouter<Scalar>) -> Option<Evaluations> {
        let witness = self.witness?;
        let mut values = Vec::new();
        let challenges = &columns.challenges;
        for challenge in [challenges.sigma, challenges.rho, challenges.beta, challenges.gamma] {
            layouter.get_challenge(challenge).map(|value| values.push(value));
        }
        let challenges = ChallengeValues::of(&values)?;
        Some(Evaluations::of(self.streams, self.grid, witness, &challenges))
    }

    fn assign_wide(
        &self,
        region: &mut Region<'_, Scalar>,
        columns: &Columns,
        evaluations: Option<&Evaluations>,
    ) -> Result<(), Error> {
        if let Some(evaluations) = evaluations {
            let several = columns.folded.iter().chain(&columns.folded_input).chain(&columns.sums).copied();
            let columns = [columns.weight_sum, columns.scalar].into_iter().chain(several);
            let several = evaluations.folded.iter().chain(&evaluations.folded_input).chain(&evaluations.sums);
            let cells = [&evaluations.weight_sum, &evaluations.scalar].into_iter().chain(several);
            for (column, cells) in columns.zip(cells) {
                assign_column(region, column, Some(cells), cells.len());
            }
        }
        let rows = self.streams.usable_rows();
        let column = |pick: fn(&Evaluations) -> &Vec<Scalar>| evaluations.map(pick);
        let read = assign_column(region, columns.read, column(|e| &e.read), rows);
        let write = assign_column(region, columns.write, column(|e| &e.write), rows);
        let second = columns.second.map(|own| assign_column(region, own, column(|e| &e.second), rows));
        let operand = assign_column(region, columns.operand, column(|e| &e.operand), rows);
        for copy in &self.grid.copies {
            let source = match copy.source {
                Evaluation::Read => Some(&read),
                Evaluation::Write => Some(&write),
                Evaluation::Second => second.as_ref(),
            };
            let source = source.and_then(|cells| cells.get(copy.source_row)).ok_or(Error::Synthesis)?;
            region.constrain_equal(operand[copy.operand_row], *source);
        }
        Ok(())
    }
}

fn assign_column(
    region: &mut Region<'_, Scalar>,
    column: Column<Advice>,
    cells: Option<&Vec<Scalar>>,
    rows: usize,
) -> Vec<Cell> {
    (0..rows)
        .map(|row| {
            let value = cells.map_or(Value::unknown(), |cells| Value::known(cells[row]));
            region.assign_advice(column, row, value).cell()
        })
        .collect()
}
