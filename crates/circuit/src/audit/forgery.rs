//! Numbers that no audit may let through, each in one place of an otherwise honest tape.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use ff::Field;
use halo2_proofs::circuit::{Layouter, SimpleFloorPlanner, Value};
use halo2_proofs::dev::MockProver;
use halo2_proofs::plonk::{Circuit, ConstraintSystem, Error};

use crate::audit::circuit::AuditCircuit;
use crate::audit::columns::AuditColumns;
use crate::audit::shape::{AuditShape, CHUNK};
use crate::audit::witness::AuditWitness;
use crate::field::{Scalar, scalar};
use crate::streams::WeightTape;

/// A prover that holds any numbers by lane and usable row, and makes everything else follow.
#[derive(Clone)]
struct Forger {
    shape: AuditShape,
    weights: Vec<Vec<Scalar>>,
    /// A row whose folded cell is one more than it should be.
    unfolded: Option<usize>,
    /// What the first running sum starts at.
    start: Scalar,
}

impl Circuit<Scalar> for Forger {
    type Config = AuditColumns;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = AuditShape;

    fn params(&self) -> AuditShape {
        self.shape.clone()
    }

    fn without_witnesses(&self) -> Self {
        self.clone()
    }

    fn configure(cs: &mut ConstraintSystem<Scalar>) -> AuditColumns {
        AuditCircuit::configure(cs)
    }

    fn configure_with_params(cs: &mut ConstraintSystem<Scalar>, shape: AuditShape) -> AuditColumns {
        AuditCircuit::configure_with_params(cs, shape)
    }

    fn synthesize(&self, columns: AuditColumns, mut layouter: impl Layouter<Scalar>) -> Result<(), Error> {
        let (shape, half) = (&self.shape, scalar(self.shape.half()));
        let (rows, counts) = (shape.active_rows(), self.counts());
        layouter.assign_region(
            || "phase 0",
            |mut region| {
                AuditCircuit { shape: shape.clone(), witness: None }.assign_fixed(&mut region, &columns);
                for (column, cells) in columns.weights.iter().zip(&self.weights) {
                    for (row, weight) in cells.iter().enumerate() {
                        region.assign_advice(*column, row, Value::known(*weight + half));
                    }
                }
                for (column, counts) in columns.multiplicities.iter().zip(&counts) {
                    for (row, count) in counts.iter().enumerate() {
                        region.assign_advice(*column, row, Value::known(*count));
                    }
                }
                Ok(())
            },
        )?;
        layouter.next_phase();
        let mut challenges = Vec::new();
        for challenge in &columns.challenges {
            layouter.get_challenge(*challenge).map(|value| challenges.push(value));
        }
        layouter.assign_region(
            || "phase 1",
            |mut region| {
                let [rho, beta] = *challenges else { return Ok(()) };
                for row in 0..=rows {
                    let folded = self.weights.iter().fold(Scalar::ZERO, |sum, lane| sum * rho + lane[row]);
                    let error = Scalar::from(u64::from(self.unfolded == Some(row)));
                    region.assign_advice(columns.folded.unwrap(), row, Value::known(folded + error));
                }
                let fraction = |slot: usize, row: usize| match slot.checked_sub(shape.lanes) {
                    None => (beta + half + self.weights[slot][row]).invert().unwrap(),
                    Some(table) => {
                        -counts[table][row] * (beta + scalar(shape.entry(table, row))).invert().unwrap()
                    }
                };
                let slots: Vec<usize> = (0..shape.lanes + counts.len()).collect();
                for (place, (chunk, column)) in slots.chunks(CHUNK).zip(&columns.sums).enumerate() {
                    let mut sum = if place == 0 { self.start } else { Scalar::ZERO };
                    for row in 0..=rows {
                        region.assign_advice(*column, row, Value::known(sum));
                        if row < rows {
                            sum += chunk.iter().map(|&slot| fraction(slot, row)).sum::<Scalar>();
                        }
                    }
                }
                Ok(())
            },
        )
    }
}

impl Forger {
    /// Multiplicities of what is in the tables.
    fn counts(&self) -> Vec<Vec<Scalar>> {
        let (rows, half) = (self.shape.active_rows(), self.shape.half());
        let mut counts = vec![vec![Scalar::ZERO; rows]; self.shape.tables()];
        for weight in self.weights.iter().flat_map(|lane| &lane[..rows]) {
            if let Some(stored) = (0..2 * half).find(|stored| scalar(stored - half) == *weight) {
                counts[stored as usize / rows][stored as usize % rows] += Scalar::ONE;
            }
        }
        counts
    }

    fn is_accepted(&self) -> bool {
        MockProver::run(self.shape.k, self, Vec::new()).unwrap().verify().is_ok()
    }
}

const LANES: usize = 5;

/// Rows with and without weights take turns; the tape ends before the columns do.
fn honest(bits: u32) -> (AuditShape, WeightTape) {
    let used: Vec<bool> = (0..20).map(|row| row % 3 != 1).collect();
    let half = 1i16 << (bits - 1);
    let weight = |row: usize, lane: usize| ((row * 7 + lane * 11) as i16) % (2 * half) - half;
    let cells = (0..used.len() * LANES).map(|place| (place / LANES, place % LANES));
    let cells = cells.map(|(row, lane)| if used[row] { weight(row, lane) } else { 0 }).collect();
    let shape = AuditShape { k: 6, lanes: LANES, bits, used: Arc::new(used) };
    (shape, WeightTape::from_cells(LANES, cells))
}

fn forger(bits: u32) -> Forger {
    let (shape, tape) = honest(bits);
    let lane = |lane: usize| {
        let mut cells: Vec<Scalar> = tape.lane(lane).map(scalar).collect();
        cells.resize(shape.active_rows() + 1, Scalar::ZERO);
        cells
    };
    Forger { weights: (0..LANES).map(lane).collect(), unfolded: None, start: Scalar::ZERO, shape }
}

/// Tables of one column and of several.
#[test]
fn honest_lanes_are_accepted() {
    for bits in [2, 4, 6, 7] {
        let (shape, tape) = honest(bits);
        let witness = Some(Arc::new(AuditWitness::of(&shape, tape).unwrap()));
        let circuit = AuditCircuit { shape: shape.clone(), witness };
        MockProver::run(shape.k, &circuit, Vec::new()).unwrap().assert_satisfied();
        assert!(forger(bits).is_accepted(), "{bits} bits: the forger is honest here");
    }
}

#[test]
fn numbers_beyond_their_bits_or_out_of_place_are_refused() {
    for bits in [4, 7] {
        let honest = forger(bits);
        let (half, last) = (honest.shape.half(), honest.shape.active_rows());
        let with = |lane: usize, row: usize, value: Scalar| {
            let mut forger = honest.clone();
            forger.weights[lane][row] = value;
            forger.is_accepted()
        };
        assert!(with(2, 3, scalar(-half)) && with(2, 3, scalar(half - 1)), "both ends of the range");
        let one_half = Scalar::from(2).invert().unwrap();
        for (what, lane, row, value) in [
            ("one too large", 4, 3, scalar(half)),
            ("one too small", 4, 3, scalar(-half - 1)),
            ("a fraction", 0, 0, one_half),
            ("a large number", 1, 6, scalar(1 << 40)),
            ("a number in a row without weights", 1, 4, scalar(1)),
            ("beyond the tape", 3, 22, scalar(1)),
            ("in the last active row", 2, last - 1, scalar(1)),
            ("in the last usable row", 2, last, scalar(1)),
        ] {
            assert!(!with(lane, row, value), "{what}, {bits} bits");
        }
    }
}

/// The folded column is the lanes', on every row that the link speaks of, and sums start and end at nothing.
#[test]
fn other_folded_cells_and_sums_are_refused() {
    let honest = forger(4);
    let last = honest.shape.active_rows();
    for row in [0, 1, 3, 30, last - 1, last] {
        assert!(!Forger { unfolded: Some(row), ..honest.clone() }.is_accepted(), "row {row}");
    }
    assert!(!Forger { start: Scalar::ONE, ..honest.clone() }.is_accepted(), "sums that start elsewhere");
    // A number that no table holds, and a start that makes up for it at the end.
    let mut forger = honest.clone();
    forger.weights[2][3] = scalar(honest.shape.half());
    assert!(!Forger { start: -Scalar::ONE, ..forger }.is_accepted());
}

#[test]
fn a_tape_of_other_lanes_or_bits_is_no_witness() {
    let (shape, tape) = honest(4);
    assert!(AuditWitness::of(&AuditShape { lanes: 4, ..shape.clone() }, tape.clone()).is_err());
    assert!(AuditWitness::of(&AuditShape { bits: 3, ..shape }, tape).is_err());
}
