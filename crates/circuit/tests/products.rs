//! Forgeries of products of values, through halo2's own prover and verifier: what the mends are for, and that they do it.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod nets;
mod tampering;

use std::collections::BTreeSet;

use ff::Field;
use nets::sequence::{Extents, sequence};
use nets::{Case, PRIVATE, field};
use tampering::transcript::{proves, proves_at_one_challenge};
use tampering::{Cell, Cells, Subject, reweighed};
use zklayout_circuit::streams::Columns;
use zklayout_circuit::{Config, Grid, Scalar, Witness};
use zklayout_model::{
    Activation, Fixed, FixedLayer, FloatFinish, Fused, FusedLayer, Graph, OutputKind, Planes, Precision, Squares,
    Term, execute,
};
use zklayout_plan::{
    FactTerm, Family, Layout, LookupArgument, PlanOptions, ProductFact, Read, RotationFact, Streams, plan,
};

const OWN: Extents = Extents { tokens: 3, features: 4, heads: 2, shared_heads: 1 };

/// Logarithm of the most rows of a circuit that rotates.
const MOST_K: u32 = 11;
/// Bits that are taken from the numbers of rotations, so that remainders fit a small circuit.
const SPARED: u32 = 8;

/// Scores of queries and keys that are rotated by a few bits.
fn rotated_scores() -> Case {
    let case = Case::of_operators(&sequence("rotated scores", OWN, true), 4).unwrap();
    changed(&case, &mut |layer| {
        let [Term::Rotation(rotation)] = &mut layer.terms[..] else { return };
        *rotation = rotation.map(|number| number >> SPARED);
        let OutputKind::Requantise { shift, .. } = &mut layer.finish.kind else { panic!("it drops no bits") };
        *shift = shift.map(|shift| shift - SPARED);
        let scale = &mut layer.finish.accumulator_scale;
        *scale = scale.map(|scale| scale - SPARED as i32);
    })
    .unwrap()
}

/// A model with other layers, on the same input; `None` if that is out of its ranges.
fn changed(case: &Case, change: &mut dyn FnMut(&mut FixedLayer)) -> Option<Case> {
    let (_, input) = case.graph.nodes().next().unwrap();
    let sample: Vec<f64> = input.dequantise(&case.trace.values[0]).into_iter().collect();
    let mut graph = Graph::new();
    for (id, node) in case.graph.nodes() {
        let mut node = node.clone();
        if let Fixed::Layer(layer) = &mut node {
            change(layer);
        }
        graph.add(node, &case.graph.inputs(id));
    }
    let trace = execute(&graph, &sample).ok()?;
    Some(Case { graph, trace })
}

/// A model in which one position's features are rotated by another number, on the same input.
fn rotated_otherwise(case: &Case) -> Case {
    let by = |by: i64| {
        let mut left = 1;
        let other = changed(case, &mut |layer| {
            if let ([Term::Rotation(rotation)], 1) = (&mut layer.terms[..], left) {
                rotation.own[[0, 1]] += by;
                left = 0;
            }
        });
        other.filter(|other| other.trace.output() != case.trace.output())
    };
    [-2, 2, -4, 4, -8, 8].into_iter().find_map(by).unwrap()
}

/// Scores of queries and keys as public accumulators, laid out with lanes of weights on every row.
fn scores() -> Subject {
    subject_of(&Case::of_operators(&sequence("scores", OWN, false), 4).unwrap(), None)
}

fn subject_of(case: &Case, lanes: Option<usize>) -> Subject {
    subject_within(case, lanes, 9)
}

fn subject_within(case: &Case, lanes: Option<usize>, max_k: u32) -> Subject {
    let options = PlanOptions {
        visibility: PRIVATE,
        family: Some(Family::Streams),
        lookups: Some(LookupArgument::Sums { chunk: 3 }),
        min_k: 8,
        max_k,
        lanes,
        ..PlanOptions::default()
    };
    Subject::of(case, plan(&case.graph, &options).unwrap(), 3)
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

/// Quotient and public cell of each of the output's values, by plane and position.
fn outputs(subject: &Subject) -> Vec<Vec<[Cell; 2]>> {
    let (columns, layout) = parts(subject);
    let (home, lane) = (layout.output().unwrap(), layout.knobs.lanes - 1);
    let public = columns.instance[columns.instance.len() - 1].index();
    let plane = |output: usize| {
        let live = (0..home.tiles).filter(|place| home.value(*place, lane, layout.knobs.lanes).is_some());
        let rows = live.map(|place| home.plane_row(output) + place);
        let cells =
            rows.map(|row| [Cell::Advice(columns.quotients[lane].index(), row), Cell::Instance(public, row)]);
        cells.collect()
    };
    let all: Vec<Vec<[Cell; 2]>> = (0..home.shape.channels).map(plane).collect();
    assert!(all.iter().all(|plane| plane.len() == home.shape.width), "some outputs lie elsewhere");
    assert!(all.iter().flatten().all(|[_, public]| subject.public.contains(public)), "an output is not public");
    all
}

/// The honest witness with other public accumulators.
fn with_outputs(subject: &Subject, other: &dyn Fn(usize, usize) -> Scalar) -> Cells {
    let mut cells = subject.honest.clone();
    for (plane, values) in outputs(subject).into_iter().enumerate() {
        for (position, [quotient, public]) in values.into_iter().enumerate() {
            let value = other(plane, position);
            cells.set(quotient, cells.get(quotient) + value - cells.get(public));
            cells.set(public, value);
        }
    }
    subject.follow(&mut cells, &BTreeSet::new(), None);
    assert_ne!(cells.instance, subject.honest.instance, "the outputs are what they were");
    cells
}

/// What is public at a plane and a position.
fn output(subject: &Subject, plane: usize, position: usize) -> Scalar {
    subject.honest.get(outputs(subject)[plane][position][1])
}

/// The forgery is refused, and accepted by the circuit without what refuses it.
fn only_without(subject: &Subject, forged: &Cells, weaken: &dyn Fn(&mut Cells)) {
    assert!(proves(subject, &subject.honest), "the honest assignment does not verify");
    assert!(!proves(subject, forged), "the forgery is proven");
    let mut weakened = forged.clone();
    weaken(&mut weakened);
    resolve(subject, &mut weakened);
    assert_eq!(subject.checker.failures(&weakened), BTreeSet::new());
    assert!(proves(subject, &weakened), "the weakened circuit should accept the forgery");
}

/// An evaluation at the challenge of planes starts with its plane's first row. If it started one row later, the keys of that row
/// would count for nothing, and scores without them would be proven.
#[test]
fn evaluations_start_with_their_planes() {
    let case = Case::of_operators(&sequence("scores", OWN, false), 4).unwrap();
    let subject = subject_of(&case, Some(2));
    let (columns, layout) = parts(&subject);
    let FactTerm::Product(product) = &layout.facts.last().unwrap().terms[0] else { panic!("no product") };
    let (keys, step) = (&layout.homes[product.right], columns.fixed[columns.places.second_step.unwrap()].index());
    assert!(keys.plane_rows() > 1, "a plane of keys is one row");
    let forged = with_outputs(&subject, &|plane, position| {
        if plane % OWN.tokens == 0 { Scalar::ZERO } else { output(&subject, plane, position) }
    });
    only_without(&subject, &forged, &|cells| {
        for plane in 0..keys.shape.channels {
            cells.fixed[step][keys.plane_row(plane) + 1] = Scalar::ZERO;
        }
    });
}

/// With queries and keys at one challenge, the scores of two tokens about each other lie on one power. Exchanged they close
/// the same sum; at two challenges they do not.
#[test]
fn factors_are_evaluated_at_different_challenges() {
    let subject = scores();
    let forged = with_outputs(&subject, &|plane, position| {
        let (head, key) = (plane / OWN.tokens, plane % OWN.tokens);
        output(&subject, head * OWN.tokens + position, key)
    });
    assert!(proves_at_one_challenge(&subject, &subject.honest));
    assert!(!proves(&subject, &forged), "exchanged scores are proven");
    assert!(proves_at_one_challenge(&subject, &forged), "at one challenge the forgery should be accepted");
    let other = with_outputs(&subject, &|plane, position| output(&subject, plane, position) + Scalar::ONE);
    assert!(!proves_at_one_challenge(&subject, &other), "one challenge accepts anything");
}

/// Each head's scores are of its own queries and keys: copies say so, and nothing else does.
#[test]
fn heads_are_not_exchanged() {
    let mut subject = scores();
    let exchanged = |plane: usize| (plane + OWN.tokens) % (OWN.heads * OWN.tokens);
    let forged = with_outputs(&subject, &|plane, position| output(&subject, exchanged(plane), position));
    assert!(!proves(&subject, &forged), "exchanged heads are proven");
    let (columns, _) = parts(&subject);
    let operand = columns.operand.index();
    let factors: BTreeSet<usize> =
        multiplying(&subject, &subject.honest).into_iter().flat_map(|row| [row - 1, row]).collect();
    let is_factor =
        |cell: &Cell| matches!(cell, Cell::Advice(column, row) if *column == operand && factors.contains(row));
    let places: Vec<usize> = (0..subject.recording.copies.len())
        .filter(|place| is_factor(&subject.recording.copies[*place].0))
        .collect();
    let sources: Vec<Cell> = places.iter().map(|place| subject.recording.copies[*place].1).collect();
    for (index, place) in places.iter().enumerate() {
        subject.recording.copies[*place].1 = sources[(index + places.len() / 2) % places.len()];
    }
    assert!(proves(&subject, &forged), "with the other head's copies the forgery should be accepted");
    assert!(!proves(&subject, &subject.honest));
}

/// Sums of squares of two planes as public accumulators, one value to a row.
fn squares() -> Subject {
    let (input, output) = (Planes::new(2, 1, 3), Planes::vector(2));
    let finish = FloatFinish { activation: Activation::none(), precision: Precision::Calibrated };
    let (terms, bias) = (vec![Squares.into()], vec![0.0; 2]);
    let mut graph = Graph::new();
    let source = graph.add(Fused::Input(input), &[]);
    graph.add(Fused::Layer(FusedLayer { name: "squares".to_owned(), output, terms, bias, finish }), &[source]);
    subject_of(&Case::of_layers(6, &graph, true, 2).unwrap(), Some(1))
}

/// Of the input's values at a plane.
fn sum_of(subject: &Subject, plane: usize, of: &dyn Fn(usize, i64) -> i64) -> Scalar {
    field(
        subject
            .input
            .chunks(3)
            .nth(plane)
            .unwrap()
            .iter()
            .enumerate()
            .map(|(x, value)| of(x, *value))
            .sum::<i64>(),
    )
}

/// Squares are squares on every row of their planes, from the first one on.
#[test]
fn squares_are_of_every_value() {
    let subject = squares();
    for plane in 0..2 {
        assert_eq!(output(&subject, plane, 0), sum_of(&subject, plane, &|_, value| value * value));
    }
    let (columns, layout) = parts(&subject);
    let home = &layout.homes[layout.homes.iter().position(|home| home.read == Read::Squares).unwrap()];
    let planes: Vec<usize> = (0..home.shape.channels).map(|plane| home.plane_row(plane)).collect();
    let mark = columns.fixed[columns.places.squares.unwrap()].index();
    let plain = with_outputs(&subject, &|plane, _| sum_of(&subject, plane, &|_, value| value));
    only_without(&subject, &plain, &|cells| cells.fixed[mark].fill(Scalar::ZERO));
    let later = with_outputs(&subject, &|plane, _| {
        sum_of(&subject, plane, &|x, value| if x == 0 { 0 } else { value * value })
    });
    only_without(&subject, &later, &|cells| {
        for step in &columns.places.read_steps {
            planes.iter().for_each(|row| cells.fixed[columns.fixed[*step].index()][row + 1] = Scalar::ZERO);
        }
    });
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

/// What is evaluated at the challenge of planes for one reader, and at that of positions for another, is not taken for either: each
/// mark of a home is needed.
#[test]
fn plans_with_labels_at_one_challenge_are_refused() {
    for part in ["transposed", "attention", "norm", "root mean square", "gates", "block"] {
        let case = Case::of_operators(&sequence(part, OWN, true), 4).unwrap();
        let options = PlanOptions {
            visibility: PRIVATE,
            family: Some(Family::Streams),
            max_k: 12,
            ..PlanOptions::default()
        };
        let honest = plan(&case.graph, &options).unwrap();
        let homes = honest.layout.as_streams().unwrap().homes.clone();
        let (mut turned, mut second) = (0, 0);
        for (index, home) in homes.iter().enumerate() {
            let refused = |change: &dyn Fn(&mut Streams)| {
                let mut plan = honest.clone();
                let Layout::Streams(layout) = &mut plan.layout else { panic!("the layout is of another family") };
                change(layout);
                assert!(plan.check_soundness().and(plan.check_bounds()).is_err(), "{part}, home {index}");
            };
            if home.turned {
                refused(&|layout| layout.homes[index].turned = false);
                turned += 1;
            }
            if home.second {
                refused(&|layout| layout.homes[index].second = false);
                second += 1;
            }
        }
        println!("{part}: {turned} turned, {second} second");
        assert!(turned + second > 0, "{part}");
    }
}

/// What features are rotated by at each position is in the key: a prover who turns one position by another angle, in everything that
/// follows, is refused. With the key's number changed as well, the same witness is accepted.
#[test]
fn no_position_is_rotated_by_another_angle() {
    let case = rotated_scores();
    let [subject, other] = [&case, &rotated_otherwise(&case)].map(|case| subject_within(case, Some(3), MOST_K));
    let layouts = [&subject, &other].map(|subject| &parts(subject).1.homes);
    assert_eq!(layouts[0], layouts[1]);
    let mut forged = Cells { fixed: subject.honest.fixed.clone(), ..other.honest.clone() };
    subject.follow(&mut forged, &BTreeSet::new(), None);
    assert_ne!(forged.instance, subject.honest.instance);
    only_without(&subject, &forged, &|cells| cells.fixed.clone_from(&other.honest.fixed));
}

/// A plan that rotates by numbers that are not those of the model, joins other features, or reads another tensor, is refused.
#[test]
fn plans_with_other_rotations_are_refused() {
    let case = rotated_scores();
    let subject = subject_within(&case, Some(3), MOST_K);
    let change = |change: &dyn Fn(&mut RotationFact)| {
        let mut plan = (*subject.plan).clone();
        let Layout::Streams(layout) = &mut plan.layout else { panic!("the layout is of another family") };
        let terms = layout.facts.iter_mut().flat_map(|fact| &mut fact.terms);
        let rotation = terms.filter_map(|term| if let FactTerm::Rotation(own) = term { Some(own) } else { None });
        rotation.take(1).for_each(change);
        let bounds = plan.check_soundness().and(plan.check_bounds()).is_ok();
        bounds
            && Grid::of(&plan, &case.graph)
                .is_ok_and(|grid| Witness::of(&plan, &case.graph, &case.trace, &grid).is_ok())
    };
    assert!(change(&|_| {}));
    type Forged = fn(&mut RotationFact);
    let cases: [(&str, Forged); 8] = [
        ("another number", |own| own.own[1] += 1),
        ("another number of a partner", |own| own.other[1] += 1),
        ("a partner that is none", |own| own.partners[0] = own.partners.len()),
        ("fewer numbers", |own| own.own.truncate(1)),
        ("more heads", |own| own.heads += 1),
        ("fewer positions", |own| own.positions -= 1),
        ("another tensor", |own| own.input = own.output),
        ("other ones", |own| std::mem::swap(&mut own.head_ones, &mut own.position_ones)),
    ];
    for (name, case) in cases {
        assert!(!change(&case), "{name}");
    }
}
