//! Places of the largest through real proofs: with weights of every kind, and no prover's own numbers among them.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use ndarray::Array4;
use zklayout::graph::{
    Fixed, FixedLayer, Float, FloatOp, Graph, Padding, Planes, QuantiseOptions, Term, execute, execute_integers,
    fuse, quantise,
};
use zklayout::plan::{Family, InputMode, Visibility, WeightMode, plan};
use zklayout::prover::{Owner, keygen, prove};
use zklayout::{ModelCommitment, PlanOptions, ProvingKey, Srs, Trace, verify, verify_committed};

const FEATURES: usize = 4;
const TOKENS: usize = 3;
const VOCABULARY: usize = 7;

/// Logits of some tokens, and the place of the largest of each.
fn model() -> (Graph<Fixed>, Trace) {
    let number = |i: usize| ((i * 7919 + 3) % 1009) as f64 / 504.5 - 1.0;
    let mut graph = Graph::new();
    let mut add = |op: FloatOp, sources: &[_], channels: usize| {
        let (name, shape) = (op.label().to_owned(), Planes::new(channels, 1, TOKENS));
        graph.add(Float { name, op, shape }, sources)
    };
    let input = add(FloatOp::Input, &[], FEATURES);
    let kernel = Array4::from_shape_fn((VOCABULARY, FEATURES, 1, 1), |(o, c, ..)| number(o * FEATURES + c));
    let bias = (0..VOCABULARY).map(|o| number(o + 100) * 0.2).collect();
    let logits = FloatOp::Conv { kernel, bias, groups: 1, stride: 1, padding: Padding::default() };
    let logits = add(logits, &[input], VOCABULARY);
    add(FloatOp::ArgMax { groups: 1, last: false }, &[logits], 1);
    let sample: Vec<f64> = (0..FEATURES * TOKENS).map(|i| number(i + 500)).collect();
    let options = QuantiseOptions { input_bits: 6, weight_bits: 6, table_bits: 8, ..QuantiseOptions::default() };
    let fixed = quantise(&fuse(&graph).unwrap(), std::slice::from_ref(&sample), &options).unwrap();
    let trace = execute(&fixed, &sample).unwrap();
    (fixed, trace)
}

/// The places that the logits' own integers say.
fn places(trace: &Trace) -> Vec<i64> {
    let logits = &trace.values[1];
    let largest = |token: usize| {
        let logit = |place: usize| logits[[place, 0, token]];
        (0..VOCABULARY).rev().max_by_key(|place| logit(*place)).unwrap() as i64
    };
    (0..TOKENS).map(largest).collect()
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

/// A cheating prover's numbers: those of one layer after the logits are more or less by 1, such that other places come out of the same
/// logits.
fn cheats(graph: &Graph<Fixed>, honest: &Trace) -> Vec<(Graph<Fixed>, Trace)> {
    let input: Vec<i64> = honest.values[0].iter().copied().collect();
    let attempt = |place: usize| {
        let each = (0..VOCABULARY).flat_map(|channel| [(channel, 1), (channel, -1)]);
        each.into_iter().find_map(|(channel, more)| {
            let held = changed(graph, |layer, own| {
                if layer == place {
                    own.bias.get_mut(channel).into_iter().for_each(|bias| *bias += more);
                }
            });
            let trace = execute_integers(&held, &input).ok()?;
            (trace.output() != honest.output()).then_some((held, trace))
        })
    };
    (2..graph.len()).filter_map(attempt).collect()
}

#[test]
fn places_are_proven_with_weights_of_every_kind() {
    let (graph, trace) = model();
    let wanted = places(&trace);
    assert!(wanted.iter().any(|place| *place != wanted[0]), "all places are {wanted:?}");
    for weights in [WeightMode::Private, WeightMode::Fixed, WeightMode::Committed] {
        let setup = Setup::new(&graph, weights, &graph);
        assert_eq!(setup.attempt(&graph, &trace).unwrap(), wanted, "{weights}");
    }
}

/// Whoever chooses the weights, and whoever committed to some that nobody audited, has no number to add to a maximum, to what is as large,
/// or to a place. Where those numbers are weights, as in other layers, each of the same forgeries is proven.
#[test]
fn no_prover_names_another_place() {
    let (graph, trace) = model();
    let all = cheats(&graph, &trace);
    assert!(all.len() >= 5, "only {} layers can be cheated in", all.len());
    let setup = Setup::new(&graph, WeightMode::Private, &graph);
    for (held, forged) in &all {
        let refused = setup.attempt(held, forged).unwrap_err();
        assert!(refused.starts_with("verify:"), "{refused}");
    }
    let (held, forged) = all.last().unwrap();
    let refused = Setup::new(&graph, WeightMode::Committed, held).attempt(held, forged).unwrap_err();
    assert!(refused.starts_with("verify:"), "{refused}");

    let weak = with_biases_among_weights(&graph);
    let setup = Setup::new(&weak, WeightMode::Private, &weak);
    let all = cheats(&weak, &trace);
    assert!(all.len() >= 5, "only {} layers can be cheated in", all.len());
    for (held, forged) in &all {
        assert_eq!(setup.attempt(held, forged), Ok(forged.output()));
    }
    let (held, forged) = all.last().unwrap();
    let unaudited = Setup::new(&weak, WeightMode::Committed, held);
    assert_eq!(unaudited.attempt(held, forged), Ok(forged.output()));
}

/// A layer that knows its biases has no others, and drops no bits.
#[test]
fn known_biases_stand_alone() {
    let (graph, _) = model();
    let beside = changed(&graph, |place, layer| layer.bias[0] = i64::from(place == graph.len() - 1));
    let error = plan(&beside, &PlanOptions::default()).unwrap_err().to_string();
    assert!(error.contains("its biases are known, and it has others"), "{error}");
}
