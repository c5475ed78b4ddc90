//! Operators over tokens: what they become is what they say, in floats exactly and in integers closely.

#![allow(clippy::unwrap_used)]

use ndarray::{Array2, Array3, Array4};
use zklayout_model::{
    Float, FloatOp, Graph, NodeId, Padding, Planes, QuantiseOptions, Rotation, execute, execute_floats, fuse,
    quantise,
};

const TOKENS: usize = 5;
const FEATURES: usize = 6;
const HEADS: usize = 2;

/// Numbers between -1 and 1 that look random.
fn numbers(seed: usize) -> impl Iterator<Item = f64> {
    (1..).map(move |place: usize| ((place * 7919 + seed * 104_729) as f64 * 0.618_034).fract() * 2.0 - 1.0)
}

struct Network {
    graph: Graph<Float>,
    seed: usize,
}

impl Network {
    fn new() -> (Self, NodeId) {
        let mut graph = Graph::new();
        let shape = Planes::new(FEATURES, 1, TOKENS);
        let input = graph.add(Float { name: "input".into(), op: FloatOp::Input, shape }, &[]);
        (Self { graph, seed: 1 }, input)
    }

    fn add(&mut self, op: FloatOp, shape: Planes, inputs: &[NodeId]) -> NodeId {
        self.graph.add(Float { name: format!("{} {}", op.label(), self.graph.len()), op, shape }, inputs)
    }

    fn dense(&mut self, input: NodeId) -> NodeId {
        self.seed += 1;
        let mut numbers = numbers(self.seed);
        let kernel = Array4::from_shape_simple_fn((FEATURES, FEATURES, 1, 1), || numbers.next().unwrap());
        let bias = numbers.take(FEATURES).collect();
        let op = FloatOp::Conv { kernel, bias, groups: 1, stride: 1, padding: Padding::default() };
        self.add(op, Planes::new(FEATURES, 1, TOKENS), &[input])
    }

    fn attention(&mut self, input: NodeId) -> NodeId {
        let [queries, keys, values] = [0; 3].map(|_| self.dense(input));
        let (groups, right_groups) = (HEADS, HEADS);
        let scores = Planes::new(HEADS * TOKENS, 1, TOKENS);
        let product = FloatOp::MatMul { groups, right_groups };
        let products = self.add(product.clone(), scores, &[queries, keys]);
        let shares = self.add(FloatOp::Softmax { groups }, scores, &[products]);
        let turned = Planes::new(HEADS * TOKENS, 1, FEATURES / HEADS);
        let values = self.add(FloatOp::Transpose { groups }, turned, &[values]);
        self.add(product, Planes::new(FEATURES, 1, TOKENS), &[shares, values])
    }
}

fn softmax(values: &[f64]) -> Vec<f64> {
    let sum: f64 = values.iter().map(|value| value.exp()).sum();
    values.iter().map(|value| value.exp() / sum).collect()
}

fn normalised(input: &Array3<f64>, centred: bool, epsilon: f64) -> Array3<f64> {
    let mut output = input.clone();
    for mut column in output.lanes_mut(ndarray::Axis(0)) {
        let size = column.len() as f64;
        let mean = if centred { column.sum() / size } else { 0.0 };
        column -= mean;
        let variance = column.iter().map(|value| value * value).sum::<f64>() / size;
        column /= (variance + epsilon).sqrt();
    }
    output
}

/// The largest difference between the integers and the floats, as a share of the largest float.
fn check(network: &Network, wanted: impl Fn(&Array3<f64>) -> Vec<f64>) {
    let fused = fuse(&network.graph).unwrap();
    let samples: Vec<Vec<f64>> = (50..58).map(|seed| numbers(seed).take(FEATURES * TOKENS).collect()).collect();
    let options = QuantiseOptions { weight_bits: 11, input_bits: 11, table_bits: 12, ..Default::default() };
    let fixed = quantise(&fused, &samples, &options).unwrap();
    for sample in &samples {
        let input = Array3::from_shape_vec((FEATURES, 1, TOKENS), sample.clone()).unwrap();
        let (floats, wanted) = (execute_floats(&fused, &input).unwrap().output(), wanted(&input));
        assert_eq!(floats.len(), wanted.len());
        let trace = execute(&fixed, sample).unwrap();
        let (_, last) = fixed.nodes().next_back().unwrap();
        let integers = last.dequantise(trace.values.last().unwrap());
        let largest = wanted.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
        for ((float, wanted), integer) in floats.iter().zip(&wanted).zip(&integers) {
            assert!((float - wanted).abs() < 1e-9 * largest, "{float} is not {wanted}");
            assert!((integer - wanted).abs() < 0.02 * largest, "{integer} is far from {wanted}");
        }
    }
}

#[test]
fn softmax_is_over_each_group() {
    for groups in [1, 2, 3] {
        let (mut network, input) = Network::new();
        network.add(FloatOp::Softmax { groups }, Planes::new(FEATURES, 1, TOKENS), &[input]);
        check(&network, |input| {
            let mut output = input.clone();
            for mut column in output.lanes_mut(ndarray::Axis(0)) {
                let values = column.to_vec();
                let shares: Vec<f64> = values.chunks(FEATURES / groups).flat_map(softmax).collect();
                column.assign(&ndarray::Array1::from(shares));
            }
            output.into_iter().collect()
        });
    }
}

/// A token that may look at nothing is refused before anything is chosen; one that may look at one place is not.
#[test]
fn a_mask_that_leaves_a_row_empty_is_refused() {
    for (open, refused) in [(0, true), (1, false)] {
        let (mut network, input) = Network::new();
        let scores = network.dense(input);
        let masked =
            |(plane, _, token): (usize, usize, usize)| if token == 2 && plane >= open { -1e9 } else { 0.0 };
        let values = Array3::from_shape_fn((FEATURES, 1, TOKENS), masked);
        let planes = Planes::new(FEATURES, 1, TOKENS);
        let scores = network.add(FloatOp::Offset { factor: 1.0, values }, planes, &[scores]);
        network.add(FloatOp::Softmax { groups: 1 }, planes, &[scores]);
        let samples: Vec<Vec<f64>> =
            (50..54).map(|seed| numbers(seed).take(FEATURES * TOKENS).collect()).collect();
        let result = quantise(&fuse(&network.graph).unwrap(), &samples, &QuantiseOptions::default());
        assert_eq!(result.is_err(), refused);
        if let Err(error) = result {
            assert!(error.to_string().contains("its mask leaves a row without any value"), "{error}");
        }
    }
}

/// Places of the largest of each group, in floats and integers.
fn places(groups: usize, last: bool, inputs: &[Vec<f64>]) -> Vec<[Vec<f64>; 2]> {
    let (mut network, input) = Network::new();
    network.add(FloatOp::ArgMax { groups, last }, Planes::new(groups, 1, TOKENS), &[input]);
    let fused = fuse(&network.graph).unwrap();
    let options = QuantiseOptions { input_bits: 8, table_bits: 9, ..Default::default() };
    let fixed = quantise(&fused, inputs, &options).unwrap();
    let both = |input: &Vec<f64>| {
        let tensor = Array3::from_shape_vec((FEATURES, 1, TOKENS), input.clone()).unwrap();
        let floats = execute_floats(&fused, &tensor).unwrap().output();
        let trace = execute(&fixed, input).unwrap();
        let (_, node) = fixed.nodes().next_back().unwrap();
        [floats, node.dequantise(trace.values.last().unwrap()).into_iter().collect()]
    };
    inputs.iter().map(both).collect()
}

#[test]
fn places_of_the_largest_are_exact() {
    // Multiples of a sixty-fourth, which integers hold: many are equal.
    let coarse = |value: f64| (value * 3.0).round() / 64.0;
    let inputs: Vec<Vec<f64>> =
        (50..90).map(|seed| numbers(seed).take(FEATURES * TOKENS).map(coarse).collect()).collect();
    let mut ties = 0;
    for (groups, last) in [(1, false), (1, true), (2, false), (3, true)] {
        let size = FEATURES / groups;
        for (input, found) in inputs.iter().zip(places(groups, last, &inputs)) {
            let value = |group: usize, plane: usize, token: usize| input[(group * size + plane) * TOKENS + token];
            let wanted = (0..groups).flat_map(|group| (0..TOKENS).map(move |token| (group, token)));
            let wanted: Vec<f64> = wanted
                .map(|(group, token)| {
                    let own = |plane: &usize| value(group, *plane, token);
                    let most = (0..size).map(|plane| own(&plane)).fold(f64::NEG_INFINITY, f64::max);
                    let mut equal = (0..size).filter(|plane| own(plane) == most);
                    ties += usize::from(equal.clone().count() > 1);
                    (if last { equal.next_back() } else { equal.next() }).unwrap() as f64
                })
                .collect();
            assert_eq!(found, [wanted.clone(), wanted]);
        }
    }
    assert!(ties > 100, "only {ties} maxima were equal");
}

/// Logits of 12 blocks of 25, some of which share the largest with another block, or within one.
#[test]
fn places_in_two_digits_are_exact() {
    const SIZE: usize = 300;
    for (groups, tokens, last) in [(1, 1, false), (1, 3, false), (1, 3, true), (2, 1, true), (2, 2, false)] {
        let shape = Planes::new(groups * SIZE, 1, tokens);
        let mut graph = Graph::new();
        let input = graph.add(Float { name: "input".into(), op: FloatOp::Input, shape }, &[]);
        let output = Planes::new(groups, 1, tokens);
        graph.add(Float { name: "places".into(), op: FloatOp::ArgMax { groups, last }, shape: output }, &[input]);
        let coarse = |value: f64| (value * 40.0).round() / 64.0;
        let inputs: Vec<Vec<f64>> =
            (50..70).map(|seed| numbers(seed).take(shape.len()).map(coarse).collect()).collect();
        let fused = fuse(&graph).unwrap();
        let options = QuantiseOptions { input_bits: 8, table_bits: 8, ..Default::default() };
        let fixed = quantise(&fused, &inputs, &options).unwrap();
        let mut ties = 0;
        for input in &inputs {
            let tensor = Array3::from_shape_vec(shape.dims(), input.clone()).unwrap();
            let rows = (0..groups).flat_map(|group| (0..tokens).map(move |token| (group, token)));
            let place = |(group, token): (usize, usize)| {
                let own = |place: &usize| tensor[[group * SIZE + place, 0, token]];
                let most = (0..SIZE).map(|place| own(&place)).fold(f64::NEG_INFINITY, f64::max);
                let mut equal = (0..SIZE).filter(|place| own(place) == most);
                ties += usize::from(equal.clone().count() > 1);
                (if last { equal.next_back() } else { equal.next() }).unwrap() as f64
            };
            let wanted: Vec<f64> = rows.map(place).collect();
            assert_eq!(execute_floats(&fused, &tensor).unwrap().output(), wanted);
            let trace = execute(&fixed, input).unwrap();
            let (_, node) = fixed.nodes().next_back().unwrap();
            let found: Vec<f64> = node.dequantise(trace.values.last().unwrap()).into_iter().collect();
            assert_eq!(found, wanted);
        }
        assert!(ties > 10, "only {ties} maxima were equal");
    }
}

#[test]
fn norms_are_over_all_planes() {
    for (centred, epsilon) in [(true, 1e-5), (false, 1e-5), (true, 0.5)] {
        let (mut network, input) = Network::new();
        network.add(FloatOp::Normalise { centred, epsilon }, Planes::new(FEATURES, 1, TOKENS), &[input]);
        check(&network, |input| normalised(input, centred, epsilon).into_iter().collect());
    }
}

#[test]
fn transposes_swap_planes_and_positions() {
    let (mut network, input) = Network::new();
    network.add(FloatOp::Transpose { groups: 2 }, Planes::new(2 * TOKENS, 1, FEATURES / 2), &[input]);
    check(&network, |input| {
        let place =
            |(plane, _, c): (usize, usize, usize)| (plane / TOKENS * (FEATURES / 2) + c, 0, plane % TOKENS);
        let output = Array3::from_shape_fn((2 * TOKENS, 1, FEATURES / 2), |at| input[place(at)]);
        output.into_iter().collect()
    });
}

#[test]
fn attention_is_close_to_floats() {
    let (mut network, input) = Network::new();
    let output = network.attention(input);
    network.dense(output);
    let reference = fuse(&network.graph).unwrap();
    // The formula of each part is held above; here the integers are held to all of them together.
    check(&network, |input| execute_floats(&reference, input).unwrap().output());
}

/// The inverse root has no table where nothing was seen: a proof there would be one of other numbers.
#[test]
fn tokens_far_below_those_seen_are_refused() {
    let (mut network, input) = Network::new();
    let norm = FloatOp::Normalise { centred: true, epsilon: 1e-5 };
    network.add(norm, Planes::new(FEATURES, 1, TOKENS), &[input]);
    let sample: Vec<f64> = numbers(50).take(FEATURES * TOKENS).collect();
    let options = QuantiseOptions { weight_bits: 11, input_bits: 11, table_bits: 12, ..Default::default() };
    let fixed = quantise(&fuse(&network.graph).unwrap(), std::slice::from_ref(&sample), &options).unwrap();
    assert!(execute(&fixed, &sample).is_ok());
    for scale in [0.0, 0.02, 0.3] {
        let below: Vec<f64> = sample.iter().map(|value| value * scale).collect();
        assert!(execute(&fixed, &below).is_err(), "times {scale}");
    }
}

/// Of one head, of several, and of an odd number of features, the last of which stays as it is; of what a convolution gives, whose
/// channels are put in another order, and of what does not.
#[test]
fn features_are_rotated_by_numbers_of_their_position() {
    for (heads, dense) in [(1, true), (2, true), (2, false), (3, false), (6, true)] {
        let features = FEATURES / heads;
        let pairs = features / 2;
        let partner = |feature: usize| if feature < 2 * pairs { (feature + pairs) % (2 * pairs) } else { feature };
        let partners: Vec<usize> = (0..features).map(partner).collect();
        let mut given = numbers(7 * heads);
        let own = Array2::from_shape_simple_fn((features, TOKENS), || given.next().unwrap());
        let other = Array2::from_shape_fn((features, TOKENS), |(feature, _)| {
            if partner(feature) == feature { 0.0 } else { given.next().unwrap() }
        });
        let (mut network, input) = Network::new();
        let kernel = Array4::from_shape_fn((FEATURES, FEATURES, 1, 1), |(o, c, ..)| {
            if o == c { 0.5 } else { ((o * 5 + c * 3) % 7) as f64 / 14.0 - 0.2 }
        });
        let source = if dense {
            let bias = vec![0.125; FEATURES];
            let op =
                FloatOp::Conv { kernel: kernel.clone(), bias, groups: 1, stride: 1, padding: Padding::default() };
            network.add(op, Planes::new(FEATURES, 1, TOKENS), &[input])
        } else {
            input
        };
        let rotation = Rotation { own: own.clone(), other: other.clone(), partners: partners.clone() };
        network.add(FloatOp::Rotate(rotation), Planes::new(FEATURES, 1, TOKENS), &[source]);
        check(&network, |input| {
            let value = |channel: usize, t: usize| {
                let row = (0..FEATURES).map(|c| kernel[[channel, c, 0, 0]] * input[[c, 0, t]]);
                if dense { row.sum::<f64>() + 0.125 } else { input[[channel, 0, t]] }
            };
            let rotated = |(channel, _, t): (usize, usize, usize)| {
                let (first, feature) = (channel / features * features, channel % features);
                own[[feature, t]] * value(channel, t) + other[[feature, t]] * value(first + partners[feature], t)
            };
            Array3::from_shape_fn((FEATURES, 1, TOKENS), rotated).into_iter().collect()
        });
    }
}
