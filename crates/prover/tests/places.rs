//! Places of the largest through real proofs: with weights of every kind, and no prover's own numbers among them.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use ndarray::Array4;
use zklayout_model::{
    Fixed, FixedLayer, Float, FloatOp, Graph, Padding, Planes, QuantiseOptions, Term, Trace, execute,
    execute_integers, fuse, quantise,
};
use zklayout_plan::{Family, InputMode, PlanOptions, Visibility, WeightMode, plan};
use zklayout_prover::{ModelCommitment, Owner, ProvingKey, Srs, keygen, prove, verify, verify_committed};

const FEATURES: usize = 4;
/// Tokens, and logits of each: as many as one digit tells apart, and as many as take two, of 15 blocks.
const ONE_DIGIT: (usize, usize) = (3, 7);
const TWO_DIGITS: (usize, usize) = (2, 300);

/// Logits of some tokens, and the place of the largest of each.
fn model((tokens, vocabulary): (usize, usize)) -> (Graph<Fixed>, Trace) {
    let number = |i: usize| ((i * 7919 + 3) % 1009) as f64 / 504.5 - 1.0;
    let mut graph = Graph::new();
    let mut add = |op: FloatOp, sources: &[_], channels: usize| {
        let (name, shape) = (op.label().to_owned(), Planes::new(channels, 1, tokens));
        graph.add(Float { name, op, shape }, sources)
    };
    let input = add(FloatOp::Input, &[], FEATURES);
    let kernel = Array4::from_shape_fn((vocabulary, FEATURES, 1, 1), |(o, c, ..)| number(o * FEATURES + c));
    let bias = (0..vocabulary).map(|o| number(o + 100) * 0.2).collect();
    let logits = FloatOp::Conv { kernel, bias, groups: 1, stride: 1, padding: Padding::default() };
    let logits = add(logits, &[input], vocabulary);
    add(FloatOp::ArgMax { groups: 1, last: false }, &[logits], 1);
    let sample: Vec<f64> = (0..FEATURES * tokens).map(|i| number(i + 3)).collect();
    let options = QuantiseOptions { input_bits: 6, weight_bits: 6, table_bits: 8, ..QuantiseOptions::default() };
    let fixed = quantise(&fuse(&graph).unwrap(), std::slice::from_ref(&sample), &options).unwrap();
    let trace = execute(&fixed, &sample).unwrap();
    (fixed, trace)
}

/// The places that the logits' own integers say.
fn places(trace: &Trace) -> Vec<i64> {
    let logits = &trace.values[1];
    let (vocabulary, _, tokens) = logits.dim();
    let largest = |token: usize| {
        let logit = |place: usize| logits[[place, 0, token]];
        (0..vocabulary).rev().max_by_key(|place| logit(*place)).unwrap() as i64
    };
    (0..tokens).map(largest).collect()
}

/// The graph with changed layers.
fn changed(graph: &Graph<Fixed>, change: impl Fn(usize, &mut FixedLayer)) -> Graph<Fixed> {
    let mut other = Graph::new();
    for (id, node) in graph.nodes() {
        let mut node = node.clone();
        if let Fixed::Layer(layer) = &mut node {
            change(id.index(), layer);
        }
        other.add(node, &graph.inputs(id));
    }
    other
}

/// The same model with weights in the place of known biases, as other layers have them.
fn with_biases_among_weights(graph: &Graph<Fixed>) -> Graph<Fixed> {
    changed(graph, |_, layer| {
        let Some(Term::KnownBias(known)) = layer.terms.pop_if(|term| term.replaces_bias()) else { return };
        layer.bias = (0..layer.output.channels).map(|channel| known.numbers.of(channel)).collect();
    })
}

struct Setup {
    srs: Srs,
    key: ProvingKey,
    model: Option<ModelCommitment>,
}

impl Setup {
    fn new(graph: &Graph<Fixed>, weights: WeightMode, owners: &Graph<Fixed>) -> Self {
        let visibility = Visibility { input: InputMode::Public, weights };
        let family = Some(Family::Streams);
        let plan = plan(graph, &PlanOptions { visibility, family, max_k: 12, ..PlanOptions::default() }).unwrap();
        let srs = Srs::development(plan.k(), 1).unwrap();
        let key = keygen(&srs, &plan, graph).unwrap();
        let committed = weights == WeightMode::Committed;
        let owner = committed.then(|| Owner::commit(&srs, &plan, owners).unwrap());
        let model = owner.as_ref().map(|owner| owner.commitment().clone());
        let key = owner.map_or_else(|| key.clone(), |owner| key.clone().with_owner(owner).unwrap());
        Self { srs, key, model }
    }

    /// What the verifier says to a prover who holds numbers and an execution of its own.
    fn attempt(&self, held: &Graph<Fixed>, trace: &Trace) -> Result<Vec<i64>, String> {
        let bundle = prove(&self.srs, &self.key, held, trace, &[]).map_err(|error| format!("prove: {error}"))?;
        let (srs, key) = (self.srs.verifier(), self.key.verifying());
        let public = match &self.model {
            Some(model) => verify_committed(srs, key, model, &bundle, &[]),
            None => verify(srs, key, &bundle, &[]),
        };
        Ok(public.map_err(|error| format!("verify: {error}"))?.output)
    }
}

/// A cheating prover's numbers and their layers: those of one layer after the logits are more or less by 1, such that other places come
/// out of the same logits.
fn cheats(graph: &Graph<Fixed>, honest: &Trace) -> Vec<(usize, Graph<Fixed>, Trace)> {
    let input: Vec<i64> = honest.values[0].iter().copied().collect();
    let attempt = |place: usize| {
        let channels = honest.values[place].dim().0;
        let each = (0..channels).flat_map(|channel| [(channel, 1), (channel, -1)]);
        each.into_iter().find_map(|(channel, more)| {
            let held = changed(graph, |layer, own| {
                if layer == place {
                    own.bias[channel] += more;
                }
            });
            let trace = execute_integers(&held, &input).ok()?;
            (trace.output() != honest.output()).then_some((place, held, trace))
        })
    };
    (2..graph.len()).filter_map(attempt).collect()
}

/// Whether a layer is written turned: it has no biases then.
fn is_turned(graph: &Graph<Fixed>, place: usize) -> bool {
    let node = graph.nodes().nth(place).map(|(_, node)| node);
    matches!(node, Some(Fixed::Layer(layer)) if matches!(layer.terms[..], [Term::Transpose(_)]))
}

#[test]
fn places_are_proven_with_weights_of_every_kind() {
    let all = [WeightMode::Private, WeightMode::Fixed, WeightMode::Committed];
    for (size, kinds) in [(ONE_DIGIT, &all[..]), (TWO_DIGITS, &all[2..])] {
        let (graph, trace) = model(size);
        let wanted = places(&trace);
        assert!(wanted.iter().any(|place| *place != wanted[0]), "all places are {wanted:?}");
        for &weights in kinds {
            let setup = Setup::new(&graph, weights, &graph);
            assert_eq!(setup.attempt(&graph, &trace).unwrap(), wanted, "{weights}");
        }
    }
}

#[test]
fn no_layer_after_the_logits_has_a_weight() {
    for size in [ONE_DIGIT, TWO_DIGITS] {
        let (graph, _) = model(size);
        for (place, (_, node)) in graph.nodes().enumerate().skip(2) {
            let Fixed::Layer(layer) = node else { panic!("node {place} is no layer") };
            let none = layer.has_known_bias() && layer.parameters() == 0;
            assert!(none || is_turned(&graph, place), "node {place} of {size:?}");
        }
    }
}

fn check_refused(graph: &Graph<Fixed>, cheats: &[(usize, Graph<Fixed>, Trace)]) {
    let setup = Setup::new(graph, WeightMode::Private, graph);
    for (place, held, forged) in cheats {
        let refused = setup.attempt(held, forged).unwrap_err();
        assert!(refused.starts_with("verify:"), "node {place}: {refused}");
    }
}

/// Whoever chooses the weights, and whoever committed to some that nobody audited, has no number to add to a maximum, to what is as large,
/// or to a place. Where those numbers are weights, as in other layers, each of the same forgeries is proven.
#[test]
fn no_prover_names_another_place() {
    let (graph, trace) = model(ONE_DIGIT);
    let all = cheats(&graph, &trace);
    assert!(all.len() >= 5, "only {} layers can be cheated in", all.len());
    check_refused(&graph, &all);
    let (_, held, forged) = all.last().unwrap();
    let refused = Setup::new(&graph, WeightMode::Committed, held).attempt(held, forged).unwrap_err();
    assert!(refused.starts_with("verify:"), "{refused}");

    let weak = with_biases_among_weights(&graph);
    let setup = Setup::new(&weak, WeightMode::Private, &weak);
    let all = cheats(&weak, &trace);
    assert!(all.len() >= 5, "only {} layers can be cheated in", all.len());
    for (_, held, forged) in &all {
        assert_eq!(setup.attempt(held, forged), Ok(forged.output()));
    }
    let (_, held, forged) = all.last().unwrap();
    let unaudited = Setup::new(&weak, WeightMode::Committed, held);
    assert_eq!(unaudited.attempt(held, forged), Ok(forged.output()));
}

/// One forgery of each kind of layer: a turned tensor, a gain, the chosen block, a product, a digit.
#[test]
fn no_prover_names_another_place_of_two_digits() {
    let (graph, trace) = model(TWO_DIGITS);
    let all = cheats(&graph, &trace);
    assert!(all.len() >= 12, "only {} layers can be cheated in", all.len());
    let some: Vec<_> = all.iter().step_by(4).cloned().collect();
    check_refused(&graph, &some);
}

/// Each forgery of two digits, and each again where biases are weights: what is turned has none even there.
#[test]
#[ignore = "minutes; run by name"]
fn no_prover_names_another_place_of_two_digits_in_any_layer() {
    let (graph, trace) = model(TWO_DIGITS);
    check_refused(&graph, &cheats(&graph, &trace));
    let weak = with_biases_among_weights(&graph);
    let setup = Setup::new(&weak, WeightMode::Private, &weak);
    for (place, held, forged) in cheats(&weak, &trace) {
        let proven = setup.attempt(&held, &forged);
        if is_turned(&weak, place) {
            assert!(proven.unwrap_err().starts_with("verify:"), "node {place}");
        } else {
            assert_eq!(proven, Ok(forged.output()), "node {place}");
        }
    }
}

/// A layer that knows its biases has no others, and drops no bits.
#[test]
fn known_biases_stand_alone() {
    let (graph, _) = model(ONE_DIGIT);
    let beside = changed(&graph, |place, layer| layer.bias[0] = i64::from(place == graph.len() - 1));
    let error = plan(&beside, &PlanOptions::default()).unwrap_err().to_string();
    assert!(error.contains("its biases are known, and it has others"), "{error}");
}
