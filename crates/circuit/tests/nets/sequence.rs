//! Networks over tokens: attention, norms, softmax and transposes, by hand and at random.

use ndarray::{Array2, Array3};
use zklayout_model::{Float, FloatOp, Graph, Move, NodeId, Planes, Rotation};

use super::Numbers;
use super::operators::Net;

/// Extents of a block.
#[derive(Clone, Copy, Debug)]
pub struct Extents {
    pub tokens: usize,
    pub features: usize,
    pub heads: usize,
    /// Heads of keys and values.
    pub shared_heads: usize,
}

impl Extents {
    pub fn random(numbers: &mut Numbers) -> Self {
        let shared_heads = 1 + numbers.below(2);
        let heads = shared_heads * (1 + numbers.below(2));
        Self { tokens: 1 + numbers.below(6), features: heads * (1 + numbers.below(3)), heads, shared_heads }
    }

    fn own(self) -> Planes {
        Planes::new(self.features, 1, self.tokens)
    }

    fn width(self) -> usize {
        self.features / self.heads
    }
}

impl Net {
    pub fn dense(&mut self, source: NodeId, outputs: usize) -> NodeId {
        self.conv(source, outputs, 1, 1)
    }

    pub fn transpose(&mut self, source: NodeId, groups: usize) -> NodeId {
        let shape = self.shape(source);
        let swapped = Planes::new(groups * shape.plane(), 1, shape.channels / groups);
        self.add(FloatOp::Transpose { groups }, &[source], swapped)
    }

    /// Scores of queries and keys, with a constant of each position in some.
    pub fn scores(&mut self, source: NodeId, own: Extents, masked: bool) -> NodeId {
        let queries = self.dense(source, own.features);
        let keys = self.dense(source, own.width() * own.shared_heads);
        self.products((queries, keys), own, masked)
    }

    /// The same of queries and keys that are rotated by their positions.
    pub fn rotated_scores(&mut self, source: NodeId, own: Extents, masked: bool) -> NodeId {
        let queries = self.dense(source, own.features);
        let queries = self.rotated(queries, own.heads, masked);
        let keys = self.dense(source, own.width() * own.shared_heads);
        let keys = self.rotated(keys, own.shared_heads, masked);
        self.products((queries, keys), own, masked)
    }

    fn products(&mut self, (queries, keys): (NodeId, NodeId), own: Extents, masked: bool) -> NodeId {
        let Extents { tokens, heads, shared_heads, .. } = own;
        let product = FloatOp::MatMul { groups: heads, right_groups: shared_heads };
        let scores = self.add(product, &[queries, keys], Planes::new(heads * tokens, 1, tokens));
        if !masked {
            return scores;
        }
        let mask = |(plane, _, t): (usize, usize, usize)| if plane % tokens > t { -2.0 } else { 0.0 };
        let values = Array3::from_shape_fn((heads * tokens, 1, tokens), mask);
        self.same(FloatOp::Offset { factor: 1.0, values }, &[scores])
    }

    /// Features of heads rotated by their positions: in halves, or neighbours; the last of an odd number by itself.
    pub fn rotated(&mut self, source: NodeId, heads: usize, halves: bool) -> NodeId {
        let shape = self.shape(source);
        let (features, positions) = (shape.channels / heads, shape.width);
        let pairs = features / 2;
        let pair = |feature: usize| if halves { feature % pairs.max(1) } else { feature / 2 };
        let first = |feature: usize| if halves { feature < pairs } else { feature.is_multiple_of(2) };
        let turns = |feature: usize| feature < 2 * pairs;
        let partners = (0..features).map(|feature| match (turns(feature), halves, first(feature)) {
            (false, ..) => feature,
            (_, true, first) => {
                if first {
                    feature + pairs
                } else {
                    feature - pairs
                }
            }
            (_, false, first) => {
                if first {
                    feature + 1
                } else {
                    feature - 1
                }
            }
        });
        let angle = |feature: usize, t: usize| t as f64 * 0.3f64.powi(pair(feature) as i32);
        let own = |(feature, t): (usize, usize)| if turns(feature) { angle(feature, t).cos() } else { 1.0 };
        let other = |(feature, t): (usize, usize)| match (turns(feature), first(feature)) {
            (false, _) => 0.0,
            (_, true) => -angle(feature, t).sin(),
            (_, false) => angle(feature, t).sin(),
        };
        let size = (features, positions);
        let (own, other) = (Array2::from_shape_fn(size, own), Array2::from_shape_fn(size, other));
        self.same(FloatOp::Rotate(Rotation { own, other, partners: partners.collect() }), &[source])
    }

    /// Values weighted by some shares, back as features.
    pub fn weighted(&mut self, shares: NodeId, source: NodeId, own: Extents) -> NodeId {
        let values = self.dense(source, own.width() * own.shared_heads);
        let values = self.transpose(values, own.shared_heads);
        let product = FloatOp::MatMul { groups: own.heads, right_groups: own.shared_heads };
        self.add(product, &[shares, values], own.own())
    }

    pub fn attention(&mut self, source: NodeId, own: Extents, masked: bool) -> NodeId {
        let scores = self.scores(source, own, masked);
        let shares = self.same(FloatOp::Softmax { groups: own.heads }, &[scores]);
        self.weighted(shares, source, own)
    }

    /// A convolution whose planes are multiplied by numbers that depend on their means.
    pub fn gated(&mut self, source: NodeId, stride: usize) -> NodeId {
        let channels = self.shape(source).channels;
        let wide = self.conv(source, channels, 3, stride);
        let wide = self.relu(wide);
        let shape = self.shape(wide);
        let whole = FloatOp::AveragePool { window: (shape.height, shape.width), stride: 1 };
        let means = self.add(whole, &[wide], Planes::vector(channels));
        let gates = self.dense(means, channels);
        let gates = self.relu(gates);
        let product = FloatOp::MatMul { groups: channels, right_groups: channels };
        let gated = self.add(product, &[wide, gates], shape);
        self.conv(gated, 2, 1, 1)
    }

    pub fn plus(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.same(FloatOp::Sum { terms: vec![Move::plain(1.0), Move::plain(1.0)] }, &[a, b])
    }
}

/// What networks over tokens are made of.
pub const PARTS: [&str; 14] = [
    "scores",
    "gates",
    "strided gates",
    "image",
    "transposed",
    "linear attention",
    "softmax",
    "attention",
    "norm",
    "root mean square",
    "block",
    "rotated",
    "rotated scores",
    "rotated block",
];

/// Places of the largest of some planes, whose layers have no weights.
pub const PLACES: &str = "places";

/// A network of one part.
pub fn sequence(part: &str, own: Extents, masked: bool) -> Graph<Float> {
    let image = Planes::new(own.features, 2, own.tokens);
    let plane = Planes::new(own.features, own.tokens + 2, own.tokens + 3);
    let (mut net, input) = Net::new(match part {
        "image" => image,
        "gates" | "strided gates" => plane,
        _ => own.own(),
    });
    match part {
        "gates" => net.gated(input, 1),
        "strided gates" => net.gated(input, 2),
        "image" => {
            let turned = net.transpose(input, 1);
            let normed = net.same(FloatOp::Normalise { centred: true, epsilon: 1e-3 }, &[turned]);
            net.transpose(normed, 1)
        }
        "scores" => net.scores(input, own, masked),
        "rotated" => {
            let rotated = net.rotated(input, own.heads, masked);
            net.dense(rotated, own.features)
        }
        "rotated scores" => net.rotated_scores(input, own, masked),
        "rotated block" => {
            let normed = net.same(FloatOp::Normalise { centred: false, epsilon: 1e-3 }, &[input]);
            let scores = net.rotated_scores(normed, own, masked);
            let shares = net.same(FloatOp::Softmax { groups: own.heads }, &[scores]);
            let attention = net.weighted(shares, normed, own);
            let projected = net.dense(attention, own.features);
            net.plus(input, projected)
        }
        "transposed" => {
            let turned = net.transpose(input, own.heads);
            let outputs = 1 + own.features / 2;
            net.dense(turned, outputs)
        }
        "linear attention" => {
            let scores = net.scores(input, own, masked);
            net.weighted(scores, input, own)
        }
        PLACES => {
            let logits = net.dense(input, own.heads * (2 + own.features.min(5)));
            let op = FloatOp::ArgMax { groups: own.heads, last: masked };
            net.add(op, &[logits], Planes::new(own.heads, 1, own.tokens))
        }
        "softmax" => net.same(FloatOp::Softmax { groups: own.heads }, &[input]),
        "attention" => net.attention(input, own, masked),
        "norm" => net.same(FloatOp::Normalise { centred: true, epsilon: 1e-3 }, &[input]),
        "root mean square" => net.same(FloatOp::Normalise { centred: false, epsilon: 1e-3 }, &[input]),
        _ => {
            let normed = net.same(FloatOp::Normalise { centred: true, epsilon: 1e-3 }, &[input]);
            let attention = net.attention(normed, own, masked);
            let projected = net.dense(attention, own.features);
            let stream = net.plus(input, projected);
            let normed = net.same(FloatOp::Normalise { centred: true, epsilon: 1e-3 }, &[stream]);
            let hidden = net.dense(normed, 2 * own.features);
            let hidden = net.relu(hidden);
            let output = net.dense(hidden, own.features);
            net.plus(stream, output)
        }
    };
    net.graph
}

/// A network of a random part.
pub fn random_sequence(numbers: &mut Numbers) -> Graph<Float> {
    let own = Extents::random(numbers);
    let part = PARTS[numbers.below(PARTS.len())];
    sequence(part, own, numbers.below(3) == 0)
}
