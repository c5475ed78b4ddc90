//! Largest values of windows, as layers: `max(a, b) = a + max(b - a, 0)`.
//!
//! Every layer here is exact, so that the result is the true maximum of the integers, and each is proven like any other
//! layer: moved sums and one clamp. No weights take part, so that no prover can choose others.

use crate::activation::{Activation, Clamp};
use crate::fused::Precision;
use crate::merge::{Branch, Merger, Source};
use crate::planes::Planes;
use crate::term::{Move, Padding};

const RELU: Activation = Activation::Clamp(Clamp { lo: Some(0.0), hi: None });

impl Merger {
    pub(crate) fn push_max_pool(
        &mut self,
        name: &str,
        branch: Branch,
        window: (usize, usize),
        (stride, padding): (usize, Padding),
        wanted: Planes,
    ) -> Branch {
        let mut tensor = self.settle(name, branch).source;
        let shape = self.result(tensor);
        let whole = shape.height.is_multiple_of(2) && shape.width.is_multiple_of(2);
        if window == (2, 2) && stride == 2 && padding.is_none() && whole {
            return self.largest_of_four(name, tensor);
        }
        let sides = [(window.0, padding.top, padding.bottom), (window.1, padding.left, padding.right)];
        let extents = [shape.height, shape.width];
        for (axis, (window, before, after)) in sides.into_iter().enumerate() {
            // Nothing lies further away than the plane is long.
            let (direction, longest) = ((1 - axis, axis), extents[axis]);
            tensor = self.largest_before(name, tensor, before.min(longest - 1), direction);
            let (left, clipped) = ((window - before).min(longest), before + after > 0);
            tensor = self.largest_after(name, tensor, left, (direction, clipped));
        }
        let pooled = self.every_other(name, tensor, stride);
        self.crop_to(&pooled, wanted);
        pooled
    }

    /// The largest of each value and the `reach` before it, as far as the plane goes.
    fn largest_before(
        &mut self,
        name: &str,
        mut tensor: Source,
        reach: usize,
        direction: (usize, usize),
    ) -> Source {
        for step in window_steps(reach + 1) {
            let gain = self.gain(name, tensor, step, direction, -1.0);
            let offset = (-((direction.0 * step) as i64), -((direction.1 * step) as i64));
            let terms = vec![(tensor, Move::plain(1.0)), (gain, Move { offset, ..Move::plain(1.0) })];
            let shape = self.result(tensor);
            tensor = self.push_kept(name, terms, shape, Precision::Maximum).source;
        }
        tensor
    }

    /// The largest of `window` values from each one on: where windows end within the plane, or, clipped, everywhere.
    fn largest_after(
        &mut self,
        name: &str,
        mut tensor: Source,
        window: usize,
        (direction, clipped): ((usize, usize), bool),
    ) -> Source {
        for step in window_steps(window) {
            let gain = self.gain(name, tensor, step, direction, 1.0);
            let terms = vec![(tensor, Move::plain(1.0)), (gain, Move::plain(1.0))];
            let shape = self.result(if clipped { tensor } else { gain });
            tensor = self.push_kept(name, terms, shape, Precision::Maximum).source;
        }
        tensor
    }

    /// What the values `step` further on exceed each value by, or, with the sign -1, the other way round.
    fn gain(&mut self, name: &str, tensor: Source, step: usize, direction: (usize, usize), sign: f64) -> Source {
        let inner = self.result(tensor);
        let (dy, dx) = (direction.0 * step, direction.1 * step);
        let shape = Planes::new(inner.channels, inner.height - dy, inner.width - dx);
        let later = Move { offset: (dy as i64, dx as i64), ..Move::plain(sign) };
        let terms = vec![(tensor, later), (tensor, Move::plain(-sign))];
        self.push_moved(name, terms, shape, RELU).source
    }

    fn every_other(&mut self, name: &str, tensor: Source, stride: usize) -> Branch {
        if stride == 1 {
            let channels = self.result(tensor).channels;
            return Branch::on(tensor, channels);
        }
        self.push_picked(name, tensor, stride, &[((0, 0), 1.0)])
    }

    /// The maximum of 2x2 windows, side by side: `a + gain` of the upper pair, then what the lower pair adds to it.
    fn largest_of_four(&mut self, name: &str, tensor: Source) -> Branch {
        let mut picked = |taps: &[((i64, i64), f64)]| self.push_picked(name, tensor, 2, taps);
        let first = picked(&[((0, 0), 1.0)]);
        let upper = picked(&[((0, 1), 1.0), ((0, 0), -1.0)]);
        let down = picked(&[((1, 0), 1.0), ((0, 0), -1.0)]);
        let lower = picked(&[((1, 1), 1.0), ((1, 0), -1.0)]);
        let [upper, lower] = [upper, lower].map(|gain| self.push_activation(name, gain, &RELU).source);
        let half = self.result(first.source);
        let terms = vec![(down.source, Move::plain(1.0)), (lower, Move::plain(1.0)), (upper, Move::plain(-1.0))];
        let gain = self.push_kept(name, terms, half, Precision::Exact);
        let gain = self.push_activation(name, gain, &RELU).source;
        let terms = vec![(first.source, Move::plain(1.0)), (upper, Move::plain(1.0)), (gain, Move::plain(1.0))];
        self.push_kept(name, terms, half, Precision::Maximum)
    }

    /// A sum of tensors of one scale.
    fn push_kept(
        &mut self,
        name: &str,
        terms: Vec<(Source, Move<f64>)>,
        shape: Planes,
        precision: Precision,
    ) -> Branch {
        let branch = self.push_moved(name, terms, shape, Activation::none());
        self.keep(&branch, precision);
        branch
    }

    /// A sum of every `stride`-th row and column of a tensor, from several places on.
    fn push_picked(&mut self, name: &str, tensor: Source, stride: usize, taps: &[((i64, i64), f64)]) -> Branch {
        let inner = self.result(tensor);
        let shape = Planes::new(inner.channels, inner.height.div_ceil(stride), inner.width.div_ceil(stride));
        let term = |&(offset, sign): &((i64, i64), f64)| (tensor, Move { offset, stride, ..Move::plain(sign) });
        self.push_kept(name, taps.iter().map(term).collect(), shape, Precision::Exact)
    }
}

/// Distances that double what a running maximum covers, up to `window` values.
pub fn window_steps(window: usize) -> Vec<usize> {
    let (mut covered, mut steps) = (1, Vec::new());
    while covered < window {
        steps.push(covered.min(window - covered));
        covered += covered.min(window - covered);
    }
    steps
}
