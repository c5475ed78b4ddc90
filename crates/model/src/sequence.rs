//! What operators over tokens become: products of activations, softmax, the largest of planes, norms and rotations as layers of terms.
//!
//! Softmax is `exp(s - max - log(sum exp(s - max)))`: the maximum is exact, by differences and clamps, and the sum is between 1
//! and the number of planes, so that tables give its logarithm as closely as any other value. A norm is the centred tensor
//! times the inverse root of its sum of squares. It knows layers under construction, not what merges with them.

use crate::activation::Activation;
use crate::clamp::Clamp;
use crate::function::Function;
use crate::fused::{FloatFinish, FusedLayer, Precision};
use crate::merge::{Branch, Merger, Source};
use crate::per_channel::PerChannel;
use crate::planes::Planes;
use crate::term::{Move, Product, Rotation, Scaled, Squares, Term, Transpose};

/// A tensor of which each slot of a group has one plane, or none.
pub(crate) struct Slots {
    pub(crate) source: Source,
    /// By slot of a group, the plane of the tensor, less the group's first.
    pub(crate) planes: Vec<Option<usize>>,
    /// By group, its first plane of the tensor.
    pub(crate) starts: Vec<usize>,
}

impl Slots {
    /// A term that adds some slots' planes to the planes of a result; `None` if there are none.
    fn term(&self, slots: std::ops::Range<usize>, sign: f64) -> Option<(Source, Move<f64>)> {
        let of_group = |start: &usize| {
            let start = *start;
            self.planes[slots.clone()].iter().map(move |plane| plane.map(|plane| start + plane))
        };
        let channels: Vec<Option<usize>> = self.starts.iter().flat_map(of_group).collect();
        let any = channels.iter().any(Option::is_some);
        let moved = Move { channels: Some(channels), factor: PerChannel::uniform(sign), ..Move::plain(sign) };
        any.then_some((self.source, moved))
    }
}

impl Merger {
    /// A product of two tensors.
    pub(crate) fn push_matmul(
        &mut self,
        name: &str,
        sources: Vec<Branch>,
        (groups, right_groups): (usize, usize),
        shape: Planes,
    ) -> Branch {
        let left = sources.first().and_then(|branch| self.own_factors(branch));
        let sources = sources.into_iter().map(|branch| self.settle(name, branch).source).collect();
        let product = Product { groups, right_groups, factor: 1.0 };
        let finish = (Activation::none(), Precision::Calibrated);
        let result = self.push_term(name, product.into(), sources, shape, finish);
        self.note_left(result.source, left);
        result
    }

    /// Planes and positions swapped.
    pub(crate) fn push_transpose(&mut self, name: &str, branch: Branch, groups: usize) -> Branch {
        let source = self.settle(name, branch).source;
        let input = self.result(source);
        let shape = Planes::new(groups * input.plane(), 1, input.channels / groups.max(1));
        let transpose = Transpose { groups, centred: false };
        self.push_term(name, transpose.into(), vec![source], shape, (Activation::none(), Precision::Exact))
    }

    /// Softmax over the planes of each group.
    pub(crate) fn push_softmax(&mut self, name: &str, branch: Branch, groups: usize) -> Branch {
        let source = self.settle(name, branch).source;
        let shape = self.result(source);
        let size = shape.channels / groups.max(1);
        let most = self.push_largest(name, source, (groups, size), false);
        let of_group = |sign: f64| {
            let channels = (0..shape.channels).map(|plane| Some(plane / size)).collect();
            Move { channels: Some(channels), ..Move::plain(sign) }
        };
        let exponential = Activation::Function(Function::Exp);
        let terms = vec![(source, Move::plain(1.0)), (most, of_group(-1.0))];
        let powers = self.push_moved(name, terms.clone(), shape, exponential.clone()).source;
        self.newest_finish().precision = Precision::Deficit;
        let plane = |place: usize| Move {
            channels: Some((0..groups).map(|group| Some(group * size + place)).collect()),
            ..Move::plain(1.0)
        };
        let sums = Planes { channels: groups, ..shape };
        let summed = (0..size).map(|place| (powers, plane(place))).collect();
        let logarithms = self.push_moved(name, summed, sums, Activation::Function(Function::LogAboveOne)).source;
        self.newest_finish().precision = Precision::Calibrated;
        let less = [terms, vec![(logarithms, of_group(-1.0))]].concat();
        let shares = self.push_moved(name, less, shape, exponential);
        self.newest_finish().precision = Precision::Calibrated;
        shares
    }

    /// The largest of each group's planes at each position: halves are compared, and what the second half exceeds the first
    /// by is added. Biases are known, or weights.
    pub(crate) fn push_largest(
        &mut self,
        name: &str,
        source: Source,
        (groups, size): (usize, usize),
        known: bool,
    ) -> Source {
        let starts = (0..groups).map(|group| group * size).collect();
        self.push_largest_slot(name, Slots { source, planes: (0..size).map(Some).collect(), starts }, known)
    }

    /// The largest of each group's slots.
    pub(crate) fn push_largest_slot(&mut self, name: &str, slots: Slots, known: bool) -> Source {
        let (shape, groups, mut left) = (self.result(slots.source), slots.starts.len(), slots.planes.len());
        let planes = |channels: usize| Planes { channels, ..shape };
        let mut slots = vec![slots];
        while left > 1 {
            let half = left.div_ceil(2);
            let compared = left - half;
            let later = slots.iter().filter_map(|slots| slots.term(half..left, 1.0));
            let earlier = slots.iter().filter_map(|slots| slots.term(0..compared, -1.0));
            let terms: Vec<_> = later.chain(earlier).collect();
            let rectified = Activation::Clamp(Clamp { lo: Some(0.0), hi: None });
            let gain = self.push_moved(name, terms, planes(groups * compared), rectified).source;
            self.newest_finish().precision = Precision::Difference;
            self.know_bias(0.0, known);
            slots.iter_mut().for_each(|slots| slots.planes.truncate(half));
            let gained = (0..half).map(|slot| (slot < compared).then_some(slot)).collect();
            let starts = (0..groups).map(|group| group * compared).collect();
            slots.push(Slots { source: gain, planes: gained, starts });
            left = half;
        }
        let terms = slots.iter().filter_map(|slots| slots.term(0..1, 1.0)).collect();
        let most = self.push_moved(name, terms, planes(groups), Activation::none()).source;
        self.newest_finish().precision = Precision::Maximum;
        self.know_bias(0.0, known);
        most
    }

    /// The largest of each plane's positions in a row, as of planes: what halves exceed each other by is added. Biases are known.
    pub(crate) fn push_largest_position(&mut self, name: &str, source: Source) -> Source {
        let shape = self.result(source);
        let row = |width: usize| Planes::new(shape.channels, 1, width);
        let mut parts = vec![(source, shape.width)];
        let mut left = shape.width;
        while left > 1 {
            let half = left.div_ceil(2);
            let later = parts.iter().filter(|(_, width)| *width > half);
            let later = later.map(|part| (part.0, Move { offset: (0, half as i64), ..Move::plain(1.0) }));
            let earlier = parts.iter().map(|part| (part.0, Move::plain(-1.0)));
            let terms = later.chain(earlier).collect();
            let rectified = Activation::Clamp(Clamp { lo: Some(0.0), hi: None });
            let gain = self.push_moved(name, terms, row(left - half), rectified).source;
            self.newest_finish().precision = Precision::Difference;
            self.know_bias(0.0, true);
            parts.push((gain, left - half));
            left = half;
        }
        let terms = parts.into_iter().map(|part| (part.0, Move::plain(1.0))).collect();
        let most = self.push_moved(name, terms, row(1), Activation::none()).source;
        self.newest_finish().precision = Precision::Maximum;
        self.know_bias(0.0, true);
        most
    }

    /// `(x - mean) / sqrt(variance + epsilon)` over all planes at each position. With `n` planes, `n x - sum x` is normalised,
    /// which is `n` times as large.
    pub(crate) fn push_normalise(&mut self, name: &str, branch: Branch, centred: bool, epsilon: f64) -> Branch {
        let source = self.settle(name, branch).source;
        let input = self.result(source);
        let turned = Planes::new(input.width, 1, input.channels);
        let size = input.channels as f64;
        let (precision, summand) =
            if centred { (Precision::Calibrated, size * size * epsilon) } else { (Precision::Exact, epsilon) };
        let transpose = Transpose { groups: 1, centred };
        let own = self.push_term(name, transpose.into(), vec![source], turned, (Activation::none(), precision));
        let root = Activation::Function(Function::InverseRoot { factor: 1.0 / size, summand });
        let vector = Planes::vector(input.width);
        let calibrated = Precision::Calibrated;
        let roots = self.push_term(name, Squares.into(), vec![own.source], vector, (root, calibrated));
        let sources = vec![roots.source, own.source];
        self.push_term(name, Scaled.into(), sources, input, (Activation::none(), calibrated))
    }

    /// Features of heads joined in pairs by numbers of their position: planes are put feature by feature, swapped with positions, and
    /// swapped back as they are joined.
    pub(crate) fn push_rotation(&mut self, name: &str, branch: Branch, rotation: &Rotation<f64>) -> Branch {
        let branch = self.settle(name, branch);
        let (shape, features) = (self.result(branch.source), rotation.features().max(1));
        let heads = shape.channels / features;
        let order: Vec<usize> =
            (0..shape.channels).map(|place| place % heads * features + place / heads).collect();
        let source = if order.is_sorted() || self.reorder(&branch, &order) {
            branch.source
        } else {
            let channels = Some(order.into_iter().map(Some).collect());
            let terms = vec![(branch.source, Move { channels, ..Move::plain(1.0) })];
            self.push_moved(name, terms, shape, Activation::none()).source
        };
        let swapped = Planes::new(features * shape.width, 1, heads);
        let transpose = Transpose { groups: features, centred: false };
        let exact = (Activation::none(), Precision::Exact);
        let swapped = self.push_term(name, transpose.into(), vec![source], swapped, exact);
        let finish = (Activation::none(), Precision::Calibrated);
        self.push_term(name, rotation.clone().into(), vec![swapped.source], shape, finish)
    }

    /// A layer of one term.
    fn push_term(
        &mut self,
        name: &str,
        term: Term<f64>,
        sources: Vec<Source>,
        output: Planes,
        (activation, precision): (Activation, Precision),
    ) -> Branch {
        let finish = FloatFinish { activation, precision };
        let (name, bias) = (name.to_owned(), vec![0.0; output.channels]);
        self.push_layer(FusedLayer { name, output, terms: vec![term], bias, finish }, sources)
    }
}
