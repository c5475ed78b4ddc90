//! Forged witnesses: changing any one committed cell of an honest witness must be noticed.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod nets;

use nets::{Case, PRIVATE, Proof, RELU, RELU1, conv, dense};
use zklayout_circuit::Witness;
use zklayout_model::Shape;
use zklayout_plan::{Content, Home};

/// Which column of the witness a forger touches.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Quotient,
    Remainder,
    Value,
    Weight,
    Multiplicity,
}

fn columns(witness: &mut Witness, kind: Kind) -> &mut Vec<Vec<i64>> {
    match kind {
        Kind::Quotient => &mut witness.quotients,
        Kind::Remainder => &mut witness.remainders,
        Kind::Value => &mut witness.values,
        Kind::Weight => &mut witness.weights,
        Kind::Multiplicity => &mut witness.multiplicities,
    }
}

/// Quotients and remainders of rows and lanes that no producer writes and no table checks are free by design.
fn is_free(home: Option<&Home>, lanes: usize, row: usize, lane: usize) -> bool {
    let Some(home) = home else { return true };
    let plane_row = (row - home.row) % home.plane_rows();
    let stored = plane_row < home.tiles && home.position(plane_row, lane, lanes).is_some();
    let produced = matches!(home.content, Content::Layer(_));
    !stored || (!produced && home.value(plane_row, lane, lanes).is_none())
}

fn forge_every_cell(case: &Case) {
    let proof = Proof::new(case, case.plan(PRIVATE));
    proof.check(proof.witness.clone()).unwrap();
    let lanes = proof.plan.knobs.lanes;
    let active = proof.plan.shape.usable_rows() - 1;
    let kinds = [Kind::Quotient, Kind::Remainder, Kind::Value, Kind::Weight, Kind::Multiplicity];
    let mut forged = 0;
    for kind in kinds {
        let lanes_of_kind = columns(&mut proof.witness.clone(), kind).len();
        for lane in 0..lanes_of_kind {
            for row in 0..active {
                let home = proof.plan.homes.iter().find(|home| (home.row..home.row + home.rows()).contains(&row));
                if matches!(kind, Kind::Quotient | Kind::Remainder) && is_free(home, lanes, row, lane) {
                    continue;
                }
                // Sampling keeps the test short; the stride is coprime to the row counts of tapes and tables.
                if row > 64 && !(row + lane).is_multiple_of(7) {
                    continue;
                }
                let mut witness = proof.witness.clone();
                columns(&mut witness, kind)[lane][row] += 1;
                assert!(proof.check(witness).is_err(), "{kind:?} of lane {lane}, row {row} can be forged");
                forged += 1;
            }
        }
    }
    assert!(forged > 300, "only {forged} cells were forged");
}

#[test]
fn convolutions_pools_and_dense_layers() {
    let specs = [conv(2, 3, 1, RELU1), conv(2, 3, 0, RELU).pooled(2), dense(2, nets::NONE)];
    forge_every_cell(&Case::new(Shape::new(1, 8, 8), &specs, false, 3));
}

#[test]
fn strides_and_depthwise() {
    let specs = [conv(2, 3, 1, RELU).strided(2), conv(0, 3, 1, RELU).depthwise(), dense(2, nets::NONE)];
    forge_every_cell(&Case::new(Shape::new(1, 6, 6), &specs, true, 4));
}

#[test]
fn another_output_is_rejected() {
    let case = Case::new(Shape::vector(4), &[dense(3, RELU), dense(2, nets::NONE)], false, 5);
    let mut proof = Proof::new(&case, case.plan(PRIVATE));
    for row in 0..proof.instance[0].len() {
        proof.instance[0][row] += nets::field(1);
        assert!(proof.check(proof.witness.clone()).is_err(), "public cell {row} can be forged");
        proof.instance[0][row] -= nets::field(1);
    }
}

/// A consistent lie: quotient, value and both multiplicities change together, as a table entry would have it.
#[test]
fn consistent_lookup_of_a_wrong_value_is_rejected() {
    let case = Case::new(Shape::new(1, 5, 5), &[conv(2, 3, 0, RELU), dense(2, nets::NONE)], false, 6);
    let proof = Proof::new(&case, case.plan(PRIVATE));
    let fact = &proof.plan.facts[0];
    let home = &proof.plan.homes[fact.output];
    let mut trace = case.trace.clone();
    let lie = trace.values[1].iter().position(|value| *value > 0).unwrap();
    let cell = trace.values[1].iter_mut().nth(lie).unwrap();
    *cell += 1;
    // The witness builder writes the lying value beside the honest quotient; its lookup no longer has an entry.
    let witness = Witness::of(&proof.plan, &case.graph, &trace, &proof.grid).unwrap();
    assert!(proof.check(witness).is_err());
    assert!(home.rows() > 0);
}
