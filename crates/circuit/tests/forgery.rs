//! Forged witnesses: changing any one committed cell of an honest witness must be noticed.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod nets;

use nets::stored::stored;
use nets::strided::phased_plan;
use nets::{Case, NONE, PRIVATE, Proof, RELU, RELU1, conv, dense};
use zklayout_circuit::streams::Witness;
use zklayout_model::Planes;
use zklayout_plan::{
    Content, Family, Home, InputMode, Knobs, LookupArgument, Plan, PlanOptions, StreamKnobs, TableKind,
    Visibility, WeightMode, plan,
};

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
    let stored = home.is_stored(plane_row) && home.position(plane_row, lane, lanes).is_some();
    let produced = matches!(home.content, Content::Layer(_));
    !stored || (!produced && home.value(plane_row, lane, lanes).is_none())
}

fn forge_every_cell(case: &Case) {
    forge_every_cell_of(case, case.plan(PRIVATE));
}

fn forge_every_cell_of(case: &Case, plan: Plan) {
    let proof = Proof::new(case, plan);
    proof.check(proof.witness.clone()).unwrap();
    let lanes = proof.layout.knobs.lanes;
    let active = proof.plan.shape.usable_rows() - 1;
    let kinds = [Kind::Quotient, Kind::Remainder, Kind::Value, Kind::Weight, Kind::Multiplicity];
    // Multiplicities count every lookup. Without them another weight within its range is another honest witness where
    // its input is 0, so that the forged one is out of range.
    let counted = proof.layout.lookup_chunk().is_some();
    let mut forged = 0;
    for kind in kinds {
        let lanes_of_kind = columns(&mut proof.witness.clone(), kind).len();
        for lane in 0..lanes_of_kind {
            for row in 0..active {
                let home =
                    proof.layout.homes.iter().find(|home| (home.row..home.row + home.rows()).contains(&row));
                if matches!(kind, Kind::Quotient | Kind::Remainder) && is_free(home, lanes, row, lane % lanes) {
                    continue;
                }
                let mut witness = proof.witness.clone();
                let step =
                    if matches!(kind, Kind::Weight) && !counted { 1 << proof.layout.weight_bits } else { 1 };
                columns(&mut witness, kind)[lane][row] += step;
                assert!(proof.check(witness).is_err(), "{kind:?} of lane {lane}, row {row} can be forged");
                forged += 1;
            }
        }
    }
    assert!(forged > 1000, "only {forged} cells were forged");
}

#[test]
fn convolutions_pools_and_dense_layers() {
    let specs = [conv(2, 3, 1, RELU1), conv(2, 3, 0, RELU).pooled(2), dense(2, nets::NONE)];
    forge_every_cell(&Case::new(Planes::new(1, 8, 8), &specs, false, 3));
}

#[test]
fn strides_and_depthwise() {
    let specs = [conv(2, 3, 1, RELU).strided(2), conv(0, 3, 1, RELU).depthwise(), dense(2, nets::NONE)];
    forge_every_cell(&Case::new(Planes::new(1, 6, 6), &specs, true, 4));
}

/// A layer's output, and an input, in phases.
#[test]
fn phases() {
    let of_layer = [conv(2, 3, 1, RELU), conv(2, 3, 1, RELU).strided(2), dense(2, nets::NONE)];
    let of_input = [conv(2, 2, 0, RELU).strided(3), dense(2, nets::NONE)];
    for (specs, lanes) in [(of_layer.as_slice(), 6), (of_input.as_slice(), 4)] {
        let case = Case::new(Planes::new(1, 6, 6), specs, true, 4);
        forge_every_cell_of(&case, phased_plan(&case, PRIVATE, lanes));
    }
}

#[test]
fn skip_connections() {
    let specs = [conv(2, 3, 1, RELU), conv(2, 3, 1, RELU).plus(1), dense(2, nets::NONE)];
    forge_every_cell(&Case::new(Planes::new(1, 5, 5), &specs, true, 4));
}

/// A network in bytes with layers of one line and of two.
fn small_network_in_limbs() -> Case {
    let specs = [conv(2, 3, 1, RELU), conv(2, 3, 1, RELU).plus(1), dense(2, nets::NONE)];
    let rounded = Case::new(Planes::new(1, 5, 5), &specs, true, 4).graph;
    let mut numbers = nets::Numbers::new(1);
    let parts = |case: &Case| -> Vec<u32> {
        let layout = case.plan(PRIVATE).layout.as_streams().unwrap().clone();
        let steps = layout.tables.iter().filter_map(|table| match &table.kind {
            TableKind::Steps { steps, .. } => Some(steps.parts),
            _ => None,
        });
        steps.collect()
    };
    let mut cases = std::iter::repeat_with(|| stored(&rounded, &mut numbers));
    cases.find(|case| parts(case).contains(&0) && parts(case).iter().any(|parts| *parts > 2)).unwrap()
}

#[test]
fn limbs() {
    forge_every_cell(&small_network_in_limbs());
}

/// Whatever entry of its table a prover picks for an accumulator, no remainder in range makes up for it, unless the value
/// is the same.
#[test]
fn no_other_value_fits_an_accumulator() {
    let case = small_network_in_limbs();
    let proof = Proof::new(&case, case.plan(PRIVATE));
    let (layout, lanes) = (&proof.layout, proof.layout.knobs.lanes);
    let factors = layout.knobs.remainder_factors();
    let range = 1i128 << layout.knobs.limbs.unwrap().total();
    let (mut tried, mut other_entries) = (0, 0);
    for home in layout.homes.iter().filter(|home| matches!(home.content, Content::Layer(_))) {
        for row in home.row..home.row + home.rows() {
            let channel = (row - home.row) / home.plane_rows();
            let Some(table) = home.table(channel) else { continue };
            for lane in (0..lanes).filter(|&lane| proof.grid.get(proof.grid.columns.masks[lane], row)) {
                let quotient = proof.witness.quotients[lane][row] - layout.quotient_offset;
                let value = proof.witness.values[lane][row] - layout.value_offset;
                let limbs = proof.witness.remainders.iter().skip(lane).step_by(lanes).zip(&factors);
                let remainder: i128 = limbs.map(|(column, factor)| i128::from(column[row] * factor)).sum();
                for (x, y) in layout.tables[table].entries() {
                    let other = remainder + (i128::from(quotient - x) << home.shift.of(channel));
                    assert!(y == value || !(0..range).contains(&other), "{y} fits beside {value}");
                    other_entries += usize::from(x != quotient && (0..range).contains(&other));
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 5000, "only {tried} entries were tried");
    println!("{tried} entries, {other_entries} others of the same value");
}

#[test]
fn native_lookups_of_limbs() {
    let case = small_network_in_limbs();
    let options = PlanOptions {
        family: Some(Family::Streams),
        lookups: Some(LookupArgument::Native),
        ..PlanOptions::default()
    };
    let proof = Proof::new(&case, plan(&case.graph, &options).unwrap());
    proof.check(proof.witness.clone()).unwrap();
    let step = proof.witness.remainders.len() * 3;
    let cells = produced_cells(&proof).into_iter().step_by(step.max(1));
    for (row, lane) in cells {
        for column in (lane..proof.witness.remainders.len()).step_by(proof.layout.knobs.lanes) {
            let mut witness = proof.witness.clone();
            witness.remainders[column][row] += 1;
            assert!(proof.check(witness).is_err(), "limb {column} of row {row} can be forged");
        }
    }
}

#[test]
fn native_lookups() {
    let case = Case::new(Planes::new(1, 5, 5), &[conv(2, 3, 1, RELU1), dense(2, nets::NONE)], true, 4);
    let options = PlanOptions {
        family: Some(Family::Streams),
        lookups: Some(LookupArgument::Native),
        ..PlanOptions::default()
    };
    forge_every_cell_of(&case, plan(&case.graph, &options).unwrap());
}

#[test]
fn other_public_values_are_rejected() {
    let public = Visibility { input: InputMode::Public, weights: WeightMode::Fixed };
    let dense_layers = [dense(3, RELU), dense(2, nets::NONE)];
    let cases = [
        ("accumulators", Case::new(Planes::vector(4), &dense_layers, false, 5), PRIVATE),
        ("values", Case::new(Planes::new(1, 4, 4), &[conv(2, 3, 0, RELU1)], false, 5), PRIVATE),
        ("input", Case::new(Planes::new(1, 4, 4), &[conv(2, 3, 0, RELU1)], true, 5), public),
    ];
    for (name, case, visibility) in cases {
        let mut proof = Proof::new(&case, case.plan(visibility));
        proof.check(proof.witness.clone()).unwrap();
        let mut bound = 0;
        for column in 0..proof.instance.len() {
            for row in 0..proof.instance[column].len() {
                let honest = proof.instance[column][row];
                proof.instance[column][row] += nets::field(1);
                bound += usize::from(proof.check(proof.witness.clone()).is_err());
                proof.instance[column][row] = honest;
            }
        }
        // Rows between public homes hold zeros that no constraint looks at.
        let input = if visibility.shows_input() { case.trace.values[0].len() } else { 0 };
        assert!(bound >= case.trace.output().len() + input, "{name}: only {bound} public cells are bound");
    }
}

/// Forges cells together with every lookup they take part in, so that only the linear identities can object.
fn forge_consistently(case: &Case, forge: impl Fn(&Proof, &mut Witness) -> Vec<Witness>) {
    let proof = Proof::new(case, case.plan(PRIVATE));
    let forgeries = forge(&proof, &mut proof.witness.clone());
    let mut possible = 0;
    for (index, mut witness) in forgeries.into_iter().enumerate() {
        if witness.look_up(&proof.layout, &proof.grid).is_err() {
            continue;
        }
        possible += 1;
        assert!(proof.check(witness).is_err(), "consistent forgery {index} is accepted");
    }
    assert!(possible >= 12, "only {possible} consistent forgeries were possible");
}

fn small_network() -> Case {
    let specs = [conv(2, 3, 1, RELU), conv(2, 3, 0, RELU).pooled(2), dense(2, nets::NONE)];
    Case::new(Planes::new(1, 8, 8), &specs, false, 6)
}

/// Every stored cell of a layer's home: row and lane, live or not.
fn produced_cells(proof: &Proof) -> Vec<(usize, usize)> {
    let lanes = proof.layout.knobs.lanes;
    let rows = 0..proof.plan.shape.activation_rows;
    let free = |row: usize, lane: usize| {
        let home = proof.layout.homes.iter().find(|home| (home.row..home.row + home.rows()).contains(&row));
        is_free(home, lanes, row, lane) || !matches!(home.map(|h| h.content), Some(Content::Layer(_)))
    };
    rows.flat_map(|row| (0..lanes).map(move |lane| (row, lane))).filter(|&(row, lane)| !free(row, lane)).collect()
}

#[test]
fn remainders_cannot_move_within_their_range() {
    forge_consistently(&small_network(), |proof, honest| {
        let forge = |(row, lane): (usize, usize)| {
            let mut witness = honest.clone();
            witness.remainders[lane][row] ^= 1;
            witness
        };
        produced_cells(proof).into_iter().step_by(5).map(forge).collect()
    });
}

#[test]
fn quotients_cannot_move_with_their_values() {
    forge_consistently(&small_network(), |proof, honest| {
        let forge = |(row, lane): (usize, usize)| {
            let mut witness = honest.clone();
            witness.quotients[lane][row] += 1;
            if proof.grid.get(proof.grid.columns.masks[lane], row) {
                let rectified = (witness.quotients[lane][row] - proof.layout.quotient_offset).max(0);
                witness.values[lane][row] = rectified + proof.layout.value_offset;
            }
            witness
        };
        produced_cells(proof).into_iter().step_by(5).map(forge).collect()
    });
}

#[test]
fn quotient_and_remainder_cannot_trade() {
    forge_consistently(&small_network(), |proof, honest| {
        let forge = |(row, lane): (usize, usize)| {
            let divisor = proof.grid.cells[proof.grid.columns.divisor.unwrap()][row];
            let mut witness = honest.clone();
            witness.quotients[lane][row] -= 1;
            witness.remainders[lane][row] += divisor;
            // Padding positions may trade: nobody reads them. Live ones must find no entry for the remainder.
            let live = proof.grid.get(proof.grid.columns.masks[lane], row);
            assert!(!live || witness.clone().look_up(&proof.layout, &proof.grid).is_err());
            witness.quotients[lane][row] += 1;
            witness.remainders[lane][row] -= divisor - 1;
            witness
        };
        produced_cells(proof).into_iter().step_by(5).map(forge).collect()
    });
}

#[test]
fn weights_cannot_move_within_their_range() {
    forge_consistently(&small_network(), |proof, honest| {
        let first = &proof.layout.facts[0];
        let rows = first.row..first.row + first.len();
        let cells = rows.flat_map(|row| (0..honest.weights.len()).map(move |lane| (row, lane)));
        let forge = |(row, lane): (usize, usize)| {
            let mut witness = honest.clone();
            witness.weights[lane][row] += 1;
            witness
        };
        // Rows that only take an output hold idle weights, which nothing reads.
        let idle = |row: usize| proof.grid.get(proof.grid.columns.output, row);
        cells.filter(|&(row, _)| !idle(row)).map(forge).collect()
    });
}

#[test]
fn padding_cannot_hold_a_value() {
    let case = small_network();
    let proof = Proof::new(&case, case.plan(PRIVATE));
    let lanes = proof.layout.knobs.lanes;
    let mut padding = 0;
    for row in 0..proof.plan.shape.activation_rows {
        for lane in (0..lanes).filter(|&lane| !proof.grid.get(proof.grid.columns.masks[lane], row)) {
            if (row + lane).is_multiple_of(5) {
                let mut witness = proof.witness.clone();
                witness.values[lane][row] = 1;
                assert!(proof.check(witness).is_err(), "padding of row {row}, lane {lane} holds a value");
                padding += 1;
            }
        }
    }
    assert!(padding > 20);
}

/// A bound input is what its commitment holds, whatever weights stand in its rows and whatever stands elsewhere in its column.
#[test]
fn weights_in_the_rows_of_a_bound_input_shift_nothing() {
    let case = Case::new(Planes::new(2, 4, 4), &[conv(3, 3, 1, RELU), dense(2, NONE)], true, 4);
    let visibility = Visibility { input: InputMode::Committed, weights: WeightMode::Private };
    let chosen = case.plan(visibility).layout.as_streams().unwrap().knobs.clone();
    let knobs = Knobs::Streams(StreamKnobs { weight_lanes: 4, ..chosen });
    let plan = Plan::realise(&case.graph, visibility, &knobs).unwrap();
    let mut other: Vec<i64> = case.trace.values[0].iter().copied().collect();
    let (place, least) = (5, case.trace.values[0].iter().min().copied().unwrap());
    other[place] += if other[place] > least { -1 } else { 1 };
    let shift = other[place] - case.trace.values[0].iter().nth(place).unwrap();
    let trace = zklayout_model::execute_integers(&case.graph, &other).unwrap();
    let committed = Proof::new(&case, plan.clone()).witness.input;
    let proof = Proof::new(&Case { graph: case.graph, trace }, plan);
    proof.check(proof.witness.clone()).unwrap();
    let mut forged = proof.witness.clone();
    forged.input = committed;
    assert!(proof.check(forged.clone()).is_err(), "another input than the committed one");
    // What the row is short of, in the lane of the first channel.
    let lanes = proof.layout.knobs.weight_lanes;
    let (row, lane) = (proof.plan.input_tape().first_row() + place, lanes - 2);
    forged.weights[lane][row] += shift;
    forged.look_up(&proof.layout, &proof.grid).unwrap();
    assert!(proof.check(forged).is_err(), "weights make up for the difference");
    let mut idle = proof.witness.clone();
    idle.weights[lane][row] += shift;
    idle.look_up(&proof.layout, &proof.grid).unwrap();
    proof.check(idle).unwrap();
}
