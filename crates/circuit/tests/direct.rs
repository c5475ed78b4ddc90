//! The family `direct`: every variant agrees with the executor, and every changed cell is noticed.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod nets;

use std::collections::HashSet;
use std::sync::Arc;

use halo2_proofs::dev::MockProver;
use halo2_proofs::plonk::{Circuit, ConstraintSystem};
use nets::{Case, NONE, Numbers, PRIVATE, RELU, RELU1, cases, conv, dense, field, shown};
use zklayout_circuit::direct::Witness;
use zklayout_circuit::{CircuitParams, Grid, InferenceCircuit, Scalar, check_shape, instance_columns};
use zklayout_model::Planes;
use zklayout_plan::{
    Cell, Datum, Direct, DirectKnobs, DotVariant, Family, Fill, Gadget, InputMode, Knobs, Plan, PlanOptions,
    ReluVariant, SLOT_CELLS, Source, Visibility, WeightMode, candidates,
};

/// Everything that a mock proof needs.
struct Proof {
    plan: Arc<Plan>,
    layout: Direct,
    grid: Arc<Grid>,
    witness: Witness,
    instance: Vec<Vec<Scalar>>,
}

impl Proof {
    fn new(case: &Case, plan: Plan) -> Self {
        let layout = plan.layout.as_direct().unwrap().clone();
        let grid = Arc::new(Grid::of(&plan, &case.graph).unwrap());
        let witness = Witness::of(&layout, &case.graph, &case.trace).unwrap();
        let input: Vec<i64> = case.trace.values[0].iter().copied().collect();
        let instance = instance_columns(&plan, &case.trace.output(), shown(&plan, &input)).unwrap();
        let instance = instance.iter().map(|column| column.iter().map(|&v| field(v)).collect()).collect();
        Self { plan: Arc::new(plan), layout, grid, witness, instance }
    }

    fn check(&self, witness: Witness) -> Result<(), String> {
        let witness = Arc::new(zklayout_circuit::Witness::Direct(witness));
        let circuit = InferenceCircuit::with_witness(self.plan.clone(), self.grid.clone(), witness);
        let prover = MockProver::run(self.plan.k(), &circuit, self.instance.clone()).unwrap();
        prover.verify().map_err(|failures| format!("{} failures, first: {}", failures.len(), failures[0]))
    }

    fn check_shape(&self) {
        let mut cs = ConstraintSystem::default();
        InferenceCircuit::configure_with_params(&mut cs, CircuitParams(Some(self.plan.clone())));
        check_shape(&self.plan, &cs, &self.grid).unwrap();
    }

    /// Every row's gadget and cells.
    fn rows(&self) -> Vec<(Gadget, Vec<Fill>)> {
        let mut rows = Vec::new();
        self.layout.walk(&mut |_, gadget, cells| rows.push((*gadget, cells.to_vec())));
        rows
    }
}

fn options(visibility: Visibility) -> PlanOptions {
    PlanOptions { visibility, min_k: 6, max_k: 16, family: Some(Family::Direct), ..PlanOptions::default() }
}

/// Every variant that the search offers with some number of columns.
fn variants(case: &Case, visibility: Visibility, columns: &[usize]) -> Vec<Plan> {
    let all = candidates(&case.graph, &options(visibility)).unwrap();
    let wanted = all.iter().filter(|candidate| match candidate.knobs {
        Knobs::Direct(knobs) => columns.contains(&knobs.columns),
        Knobs::Streams(_) => false,
    });
    wanted
        .map(|candidate| {
            let plan = Plan::realise(&case.graph, visibility, &candidate.knobs).unwrap();
            assert_eq!(plan.shape, candidate.shape);
            plan
        })
        .collect()
}

fn realise(case: &Case, visibility: Visibility, wanted: DirectKnobs) -> Plan {
    let plans = variants(case, visibility, &[wanted.columns]);
    let same = |plan: &Plan| plan.layout.knobs() == Knobs::Direct(DirectKnobs { k: plan.k(), ..wanted });
    plans.into_iter().find(same).unwrap()
}

#[test]
fn every_variant_of_every_network_is_accepted() {
    let mut accepted = 0;
    for (index, (name, input, specs, signed)) in cases().into_iter().enumerate() {
        let case = Case::new(input, &specs, signed, 3);
        // All numbers of columns over the networks, three for each.
        let columns = [[4, 7, 16], [5, 8, 20], [6, 10, 12], [4, 14, 24], [5, 30, 40]][index % 5];
        for plan in variants(&case, PRIVATE, &columns) {
            plan.check_model(&case.graph).unwrap();
            let proof = Proof::new(&case, plan);
            proof.check_shape();
            let verdict = proof.check(proof.witness.clone());
            verdict.unwrap_or_else(|error| panic!("{name}, {:?}: {error}", proof.layout.knobs));
            accepted += 1;
        }
    }
    assert!(accepted > 200, "only {accepted} layouts were possible");
}

#[test]
fn every_visibility_is_accepted() {
    for (name, input, specs, signed) in cases() {
        let case = Case::new(input, &specs, signed, 7);
        use InputMode::{First, Private, Public};
        let part = if case.trace.values[0].dim().0 > 1 { First(1) } else { Public };
        let modes = [(part, WeightMode::Private), (Private, WeightMode::Fixed), (Public, WeightMode::Fixed)];
        for (input, weights) in modes {
            for plan in variants(&case, Visibility { input, weights }, &[9, 10]) {
                let proof = Proof::new(&case, plan);
                proof.check_shape();
                proof.check(proof.witness.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
            }
        }
    }
}

#[test]
fn random_networks_have_the_planned_shape_and_are_accepted() {
    let mut numbers = Numbers::new(17);
    for seed in 0..100 {
        let (input, specs) = nets::random_network(&mut numbers);
        let case = Case::new(input, &specs, seed % 2 == 0, seed);
        let weights = if seed % 3 == 0 { WeightMode::Fixed } else { WeightMode::Private };
        let visibility = Visibility { input: InputMode::public_if(seed % 5 == 0), weights };
        let all = candidates(&case.graph, &options(visibility)).unwrap();
        let candidate = &all[numbers.below(all.len())];
        let proof = Proof::new(&case, Plan::realise(&case.graph, visibility, &candidate.knobs).unwrap());
        proof.check_shape();
        let verdict = proof.check(proof.witness.clone());
        verdict.unwrap_or_else(|error| panic!("{input} {specs:?} {:?}: {error}", proof.layout.knobs));
    }
}

/// Cells of rows in use that no constraint reads.
fn free_cells(proof: &Proof) -> HashSet<Cell> {
    let mut free = HashSet::new();
    for (row, (_, cells)) in proof.rows().iter().enumerate() {
        let columns = (0..cells.len()).filter(|&column| cells[column] == Fill::Free);
        free.extend(columns.map(|column| Cell { column, row }));
    }
    free
}

fn forge_every_cell(case: &Case, knobs: DirectKnobs) {
    let proof = Proof::new(case, realise(case, PRIVATE, knobs));
    proof.check(proof.witness.clone()).unwrap();
    let free = free_cells(&proof);
    let mut forged = 0;
    for row in 0..proof.layout.rows {
        for column in (0..knobs.columns).filter(|&column| !free.contains(&Cell { column, row })) {
            let mut witness = proof.witness.clone();
            witness.cells[column][row] += 1;
            assert!(proof.check(witness).is_err(), "column {column}, row {row} can be forged");
            forged += 1;
        }
    }
    assert!(forged > 500, "only {forged} cells were forged");
    assert!(free.len() * 3 < forged, "{} cells are free", free.len());
}

const PLAIN: DirectKnobs =
    DirectKnobs { k: 0, columns: 8, dot: DotVariant::Plain, relu: ReluVariant::Lookup, slots: 2 };
const RUNNING: DirectKnobs =
    DirectKnobs { k: 0, columns: 7, dot: DotVariant::Running, relu: ReluVariant::Bits, slots: 1 };

fn small_network() -> Case {
    Case::new(Planes::new(1, 5, 5), &[conv(2, 3, 1, RELU).strided(2), dense(2, RELU1), dense(2, NONE)], false, 3)
}

fn pooled_network() -> Case {
    Case::new(Planes::new(2, 4, 4), &[conv(2, 3, 1, RELU).pooled(2), dense(2, NONE)], true, 4)
}

#[test]
fn no_cell_of_a_plain_layout_can_be_forged() {
    forge_every_cell(&small_network(), PLAIN);
}

#[test]
fn no_cell_of_a_running_layout_can_be_forged() {
    forge_every_cell(&pooled_network(), RUNNING);
}

#[test]
fn no_cell_of_a_digit_layout_with_sums_can_be_forged() {
    forge_every_cell(&pooled_network(), DirectKnobs { relu: ReluVariant::Bits, ..PLAIN });
}

#[test]
fn every_public_value_is_bound() {
    for weights in [WeightMode::Private, WeightMode::Fixed] {
        let case = small_network();
        let mut proof = Proof::new(&case, realise(&case, Visibility { input: InputMode::Public, weights }, PLAIN));
        proof.check(proof.witness.clone()).unwrap();
        assert_eq!(proof.instance[0].len(), case.trace.output().len() + case.trace.values[0].len());
        for row in 0..proof.instance[0].len() {
            let honest = proof.instance[0][row];
            proof.instance[0][row] += field(1);
            assert!(proof.check(proof.witness.clone()).is_err(), "public value {row} is not bound");
            proof.instance[0][row] = honest;
        }
    }
}

/// What every row makes of its cells, and every copy of its source, after some cells were changed: the most that a
/// cheating prover can keep consistent. Cells in `held` stay as they are.
fn propagate(proof: &Proof, witness: &mut Witness, held: &HashSet<Cell>) {
    let constants: &[i64] = &proof.layout.constants;
    let pairs = proof.layout.knobs.pairs();
    for (row, (gadget, fills)) in proof.rows().iter().enumerate() {
        for (column, fill) in fills.iter().enumerate() {
            let at = |cells: &Vec<Vec<i64>>, back: usize| cells[column - back][row];
            let value = match *fill {
                _ if held.contains(&Cell { column, row }) => continue,
                Fill::Copy(Source::Constant(place)) => constants[place],
                Fill::Copy(Source::Advice(cell)) => witness.cells[cell.column][cell.row],
                Fill::Quotient(shift) => at(&witness.cells, 1) >> shift,
                Fill::Remainder(shift) => at(&witness.cells, 2) & ((1 << shift) - 1),
                Fill::Activation(shift, clamp) => clamp.apply(at(&witness.cells, 3) >> shift),
                Fill::Result if *gadget == Gadget::Dot => {
                    let cells = |column: usize| witness.cells[column][row];
                    let rest: i64 = (2 * pairs..column).map(cells).sum();
                    rest + (0..pairs).map(|pair| cells(2 * pair) * cells(2 * pair + 1)).sum::<i64>()
                }
                Fill::Result if *gadget == Gadget::Sum => {
                    (0..column).map(|column| witness.cells[column][row]).sum()
                }
                Fill::Result if column % SLOT_CELLS == 0 => witness.cells[column + 2][row],
                _ => continue,
            };
            witness.cells[column][row] = value;
        }
    }
}

/// Forges one cell and everything that follows from it, public values included; exactly the constraint that guards the
/// cell itself is left to object.
fn forge_consistently(proof: &Proof, forge: impl Fn(Gadget, &Fill) -> Option<i64>) -> usize {
    let mut forged = 0;
    for (row, (gadget, fills)) in proof.rows().iter().enumerate() {
        for (column, fill) in fills.iter().enumerate() {
            let Some(added) = forge(*gadget, fill) else { continue };
            let mut witness = proof.witness.clone();
            witness.cells[column][row] += added;
            propagate(proof, &mut witness, &HashSet::from([Cell { column, row }]));
            let mut proof = Proof { instance: proof.instance.clone(), ..clone(proof) };
            proof.instance[0] = outputs(&proof, &witness);
            assert!(
                proof.check(witness).is_err(),
                "{gadget:?}, {fill:?}: column {column}, row {row} can be forged"
            );
            forged += 1;
        }
    }
    forged
}

fn clone(proof: &Proof) -> Proof {
    Proof {
        plan: proof.plan.clone(),
        layout: proof.layout.clone(),
        grid: proof.grid.clone(),
        witness: proof.witness.clone(),
        instance: Vec::new(),
    }
}

/// The output that a forged witness claims.
fn outputs(proof: &Proof, witness: &Witness) -> Vec<Scalar> {
    let homes = proof.layout.walk(&mut |_, _, _| {});
    let value = |source: &Source| match *source {
        Source::Advice(cell) => field(witness.cells[cell.column][cell.row]),
        Source::Constant(place) => field(proof.layout.constants[place]),
    };
    homes.values.last().unwrap().iter().map(value).collect()
}

/// Two dense layers with wide ranges, so that a small forgery leaves no table but the one that is attacked.
fn wide_network() -> Proof {
    let case = Case::new(Planes::vector(5), &[dense(3, RELU), dense(2, NONE)], false, 9);
    Proof::new(&case, realise(&case, PRIVATE, PLAIN))
}

#[test]
fn weights_and_inputs_cannot_leave_their_ranges() {
    let proof = wide_network();
    // Any legal weight or input may be proven: a forgery within the range is another statement.
    let legal = |datum: &Datum| matches!(datum, Datum::Weight { .. });
    let forged = forge_consistently(&proof, |_, fill| match fill {
        Fill::Datum(datum) if legal(datum) => Some(1 << 6),
        Fill::Datum(Datum::Input(_)) => Some(1 << 8),
        Fill::Datum(Datum::Digit { .. }) => Some(1 << 7),
        _ => None,
    });
    assert!(forged > 20, "only {forged} numbers were forged");
}

#[test]
fn propagated_forgeries_within_the_range_are_other_statements() {
    let proof = wide_network();
    let rows = proof.rows();
    let mut accepted = 0;
    for (row, (_, fills)) in rows.iter().enumerate() {
        for column in (0..fills.len()).filter(|&c| matches!(fills[c], Fill::Datum(Datum::Input(_)))) {
            let mut witness = proof.witness.clone();
            let value = witness.cells[column][row];
            witness.cells[column][row] = if value > 0 { value - 1 } else { value + 1 };
            propagate(&proof, &mut witness, &HashSet::from([Cell { column, row }]));
            let mut other = clone(&proof);
            other.instance = vec![outputs(&proof, &witness)];
            accepted += usize::from(other.check(witness).is_ok());
        }
    }
    assert!(accepted >= 4, "propagation is broken: {accepted} honest changes of the input were accepted");
}

#[test]
fn quotient_and_remainder_cannot_trade() {
    let proof = wide_network();
    let mut forged = 0;
    for (row, (gadget, fills)) in proof.rows().iter().enumerate() {
        let Gadget::Look { divisor, .. } = *gadget else { continue };
        for column in (0..fills.len()).filter(|&column| matches!(fills[column], Fill::Quotient(_))) {
            let Fill::Activation(_, clamp) = fills[column + 2] else { panic!("no value beside a quotient") };
            for sign in [1, -1] {
                let mut witness = proof.witness.clone();
                witness.cells[column][row] -= sign;
                witness.cells[column + 1][row] += sign * divisor;
                witness.cells[column + 2][row] = clamp.apply(witness.cells[column][row]);
                let held = (column..column + 3).map(|column| Cell { column, row }).collect();
                propagate(&proof, &mut witness, &held);
                let mut other = clone(&proof);
                other.instance = vec![outputs(&proof, &witness)];
                assert!(other.check(witness).is_err(), "row {row} trades {sign}");
                forged += 1;
            }
        }
    }
    assert!(forged >= 6);
}

#[test]
fn idle_operands_cannot_hold_a_number() {
    let zero = Fill::Copy(Source::Constant(0));
    for case in [small_network(), pooled_network()] {
        let proof = Proof::new(&case, realise(&case, PRIVATE, PLAIN));
        let mut forged = 0;
        for (row, (gadget, fills)) in proof.rows().iter().enumerate() {
            let pair = |column: usize| fills[column] == zero && fills[column + 1] == zero;
            for column in (0..fills.len() - 2).filter(|&column| pair(column)) {
                if !matches!(gadget, Gadget::Dot | Gadget::Sum) || column % 2 == 1 {
                    continue;
                }
                // Both cells of a pair, so that the product is 1 and the row's result follows.
                let mut witness = proof.witness.clone();
                witness.cells[column][row] = 1;
                witness.cells[column + 1][row] = 1;
                propagate(&proof, &mut witness, &[0, 1].map(|i| Cell { column: column + i, row }).into());
                let mut other = clone(&proof);
                other.instance = vec![outputs(&proof, &witness)];
                assert!(other.check(witness).is_err(), "idle pair at column {column}, row {row} holds a number");
                forged += 1;
            }
        }
        assert!(forged > 10, "only {forged} idle pairs");
    }
}

#[test]
fn values_are_copies_of_checked_cells() {
    let proof = wide_network();
    let forged = forge_consistently(&proof, |gadget, fill| match (gadget, fill) {
        (Gadget::Dot | Gadget::Sum | Gadget::Look { .. }, Fill::Copy(_)) => Some(1),
        (_, Fill::Activation(..) | Fill::Quotient(_) | Fill::Remainder(_)) => Some(1),
        _ => None,
    });
    assert!(forged > 50, "only {forged} copies were forged");
}
