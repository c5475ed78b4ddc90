//! Forgeries of products of values, through halo2's own prover and verifier: what the mends are for, and that they do it.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod nets;
mod tampering;

use std::collections::BTreeSet;

use ff::Field;
use nets::sequence::{Extents, sequence};
use nets::{Case, PRIVATE, field};
use tampering::transcript::proves;
use tampering::{Cell, Cells, Subject, reweighed};
use zklayout_circuit::streams::Columns;
use zklayout_circuit::{Config, Scalar};
use zklayout_plan::{FactTerm, Family, Layout, LookupArgument, PlanOptions, ProductFact, Read, Streams, plan};

/// Scores of queries and keys as public accumulators, laid out with lanes of weights on every row.
fn scores() -> Subject {
    let own = Extents { tokens: 3, features: 4, heads: 2, shared_heads: 1 };
    let case = Case::of_operators(&sequence("scores", own, false), 4).unwrap();
    let options = PlanOptions {
        visibility: PRIVATE,
        family: Some(Family::Streams),
        lookups: Some(LookupArgument::Sums { chunk: 3 }),
        min_k: 8,
        max_k: 9,
        ..PlanOptions::default()
    };
    Subject::of(&case, plan(&case.graph, &options).unwrap(), 3)
}

fn parts(subject: &Subject) -> (&Columns, &Streams) {
    let Config::Streams(columns) = &subject.recording.config else { panic!("the layout is of another family") };
    (columns, subject.streams().unwrap())
}

/// Rows of the weight tape that multiply, those of the last layer alone.
fn multiplying(subject: &Subject, cells: &Cells) -> Vec<usize> {
    let (columns, layout) = parts(subject);
    let multiply = columns.fixed[columns.places.multiply.unwrap()].index();
    let last = layout.facts.last().unwrap();
    (last.row..last.row + last.len()).filter(|row| cells.fixed[multiply][*row] == Scalar::ONE).collect()
}

/// The last score of the last group is made larger by one idle weight on a row that multiplies.
fn with_an_idle_weight(subject: &Subject, other_score: bool) -> Cells {
    let (columns, layout) = parts(subject);
    let row = *multiplying(subject, &subject.honest).last().unwrap();
    let lane = columns.weights.len() - 1;
    let mut cells = subject.honest.clone();
    let stored = cells.get(Cell::Advice(columns.weights[lane].index(), row)) + Scalar::ONE;
    for (cell, value) in reweighed(subject, &cells, (row, lane), stored).unwrap() {
        cells.set(cell, value);
    }
    let fact = layout.facts.last().unwrap();
    let FactTerm::Product(product) = &fact.terms[0] else { panic!("the last layer is no product") };
    if other_score {
        let home = &layout.homes[fact.output];
        let row = home.write_end(fact.outputs() - 1);
        let quotient = Cell::Advice(columns.quotients[layout.knobs.lanes - 1].index(), row);
        let public = Cell::Instance(columns.instance[columns.instance.len() - 1].index(), row);
        assert!(subject.public.contains(&public), "the last score is not public");
        for cell in [quotient, public] {
            cells.set(cell, cells.get(cell) + field(product.factor));
        }
    }
    subject.follow(&mut cells, &BTreeSet::new(), None);
    cells
}

/// Lanes of weights are idle where evaluations are multiplied. Without `live` a forger adds one to a score by them; with
/// it they count for nothing, and the score is what it is.
#[test]
fn idle_weights_add_to_no_product() {
    let subject = scores();
    assert!(proves(&subject, &subject.honest), "the honest assignment does not verify");
    let forged = with_an_idle_weight(&subject, true);
    assert!(!subject.checker.failures(&forged).is_empty(), "another score holds");
    assert!(!proves(&subject, &forged), "another score is proven");
    // Idle cells are nobody's: the same statement has this witness too.
    assert!(proves(&subject, &with_an_idle_weight(&subject, false)));
    let (columns, _) = parts(&subject);
    let live = columns.fixed[columns.places.live.unwrap()].index();
    let mut weakened = with_an_idle_weight(&subject, true);
    for row in multiplying(&subject, &subject.honest) {
        weakened.fixed[live][row] = Scalar::ONE;
        // The idle weights of other rows stay 0.
    }
    subject.follow(&mut weakened, &BTreeSet::new(), None);
    resolve(&subject, &mut weakened);
    assert_eq!(subject.checker.failures(&weakened), BTreeSet::new());
    assert!(proves(&subject, &weakened), "without live the forgery should be accepted");
}

/// Solves every row of the second phase anew: fixed cells were changed.
fn resolve(subject: &Subject, cells: &mut Cells) {
    let first = subject.kinds.len();
    for column in &mut cells.advice[first..] {
        column[1..subject.recording.usable].fill(Scalar::from(7));
    }
    subject.follow(cells, &BTreeSet::new(), None);
}

/// Every operand of a product is a copy, also the first of each pair, which nothing on its own row reads.
#[test]
fn every_factor_is_a_copy() {
    let subject = scores();
    let (columns, _) = parts(&subject);
    let operand = columns.operand.index();
    let copied: BTreeSet<usize> = subject
        .recording
        .copies
        .iter()
        .filter_map(
            |(to, _)| if let Cell::Advice(column, row) = to { (*column == operand).then_some(*row) } else { None },
        )
        .collect();
    let rows = multiplying(&subject, &subject.honest);
    assert!(rows.len() >= 4);
    for row in rows {
        assert!(row > 0 && copied.contains(&row) && copied.contains(&(row - 1)), "row {row}");
    }
}

/// Any one public score that is another number is refused, each through the verifier.
#[test]
fn no_other_score_is_proven() {
    let subject = scores();
    for public in subject.public.iter().step_by(5) {
        let mut cells = subject.honest.clone();
        cells.set(*public, cells.get(*public) + Scalar::ONE);
        assert!(!proves(&subject, &cells), "{public:?}");
    }
}

/// A plan in which a factor is read where its home has no such evaluation, or that starts nowhere, is refused.
#[test]
fn plans_with_other_factors_are_refused() {
    let subject = scores();
    let change = |change: &dyn Fn(&mut Streams)| {
        let mut plan = (*subject.plan).clone();
        let Layout::Streams(layout) = &mut plan.layout else { panic!("the layout is of another family") };
        change(layout);
        plan.check_soundness().and(plan.check_bounds())
    };
    change(&|_| {}).unwrap();
    let product = |layout: &Streams| match &layout.facts.last().unwrap().terms[0] {
        FactTerm::Product(product) => product.clone(),
        other => panic!("{other:?} is no product"),
    };
    let with = |layout: &mut Streams, product: ProductFact| {
        layout.facts.last_mut().unwrap().terms[0] = FactTerm::Product(product);
    };
    type Change<'a> = (&'a str, &'a dyn Fn(&mut Streams));
    let cases: [Change<'_>; 5] = [
        ("the right factor at the left one's challenge", &|layout| {
            let right = product(layout).right;
            layout.homes[right].second = false;
        }),
        ("both factors of one tensor", &|layout| {
            let own = product(layout);
            with(layout, ProductFact { right: own.left, ..own });
        }),
        ("the left factor in squares", &|layout| {
            let left = product(layout).left;
            layout.homes[left].read = Read::Squares;
        }),
        ("fewer planes", &|layout| {
            let own = product(layout);
            with(layout, ProductFact { depth: own.depth - 1, ..own });
        }),
        ("other groups", &|layout| {
            let own = product(layout);
            with(layout, ProductFact { right_groups: own.groups, ..own });
        }),
    ];
    for (name, case) in cases {
        assert!(change(case).is_err(), "{name}");
    }
}
