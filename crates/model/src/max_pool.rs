//! Largest values of windows, as layers: `max(a, b) = a + max(b - a, 0)`.
//!
//! Every layer here is exact, so that the result is the true maximum of the integers, and each is proven like any other
//! layer: moved sums and one clamp.

use ndarray::Array4;

use crate::activation::{Activation, Clamp};
use crate::fuse::Precision;
use crate::linear::Padding;
use crate::merge::{Branch, Merger, Source};
use crate::shape::Shape;
use crate::skip::Skip;

const RELU: Activation = Activation::Clamp(Clamp { lo: Some(0.0), hi: None });

impl Merger {
    pub(crate) fn push_max_pool(
        &mut self,
        name: &str,
        branch: Branch,
        window: (usize, usize),
        (stride, padding): (usize, Padding),
    ) -> Branch {
        let branch = self.settle(name, branch);
        let mut tensor = branch.source;
        if !padding.is_none() {
            tensor = self.pad(name, tensor, padding);
        }
        let shape = self.result(tensor);
        let whole = shape.height.is_multiple_of(2) && shape.width.is_multiple_of(2);
        if window == (2, 2) && stride == 2 && whole {
            return self.largest_of_four(name, tensor, shape);
        }
        let rows = self.running_maximum(name, tensor, window.0, |step| (step, 0));
        let both = self.running_maximum(name, rows, window.1, |step| (0, step));
        self.every_other(name, both, stride)
    }

    fn pad(&mut self, name: &str, tensor: Source, padding: Padding) -> Source {
        let inner = self.result(tensor);
        let shape = Shape::new(
            inner.channels,
            inner.height + padding.top + padding.bottom,
            inner.width + padding.left + padding.right,
        );
        let offset = (-(padding.top as i64), -(padding.left as i64));
        self.push_moved(name, vec![(tensor, Skip { offset, ..Skip::plain(1.0) })], shape, Activation::none())
            .source
    }

    /// The maximum of `window` neighbours in one direction: of twice as many with each step.
    fn running_maximum(
        &mut self,
        name: &str,
        mut tensor: Source,
        window: usize,
        offset: impl Fn(i64) -> (i64, i64),
    ) -> Source {
        let mut covered = 1;
        while covered < window {
            let step = covered.min(window - covered);
            let (dy, dx) = offset(step as i64);
            let inner = self.result(tensor);
            let shape = Shape::new(inner.channels, inner.height - dy as usize, inner.width - dx as usize);
            let later = (tensor, Skip { offset: (dy, dx), ..Skip::plain(1.0) });
            let gain = self.push_moved(name, vec![later, (tensor, Skip::plain(-1.0))], shape, RELU).source;
            let terms = vec![(tensor, Skip::plain(1.0)), (gain, Skip::plain(1.0))];
            tensor = self.push_kept(name, terms, shape, Precision::Maximum).source;
            covered += step;
        }
        tensor
    }

    fn every_other(&mut self, name: &str, tensor: Source, stride: usize) -> Branch {
        let channels = self.result(tensor).channels;
        let branch = Branch::on(tensor, channels);
        if stride == 1 {
            return branch;
        }
        self.push_taps(name, &branch, (1, 1), stride, &[((0, 0), 1.0)])
    }

    /// The maximum of 2x2 windows, side by side: `a + gain` of the upper pair, then what the lower pair adds to it.
    fn largest_of_four(&mut self, name: &str, tensor: Source, shape: Shape) -> Branch {
        let branch = Branch::on(tensor, shape.channels);
        let mut taps = |taps: &[((usize, usize), f64)]| self.push_taps(name, &branch, (2, 2), 2, taps);
        let first = taps(&[((0, 0), 1.0)]);
        let upper = taps(&[((0, 1), 1.0), ((0, 0), -1.0)]);
        let down = taps(&[((1, 0), 1.0), ((0, 0), -1.0)]);
        let lower = taps(&[((1, 1), 1.0), ((1, 0), -1.0)]);
        let [upper, lower] = [upper, lower].map(|gain| self.push_activation(name, gain, &RELU).source);
        let half = self.result(first.source);
        let terms = vec![(down.source, Skip::plain(1.0)), (lower, Skip::plain(1.0)), (upper, Skip::plain(-1.0))];
        let gain = self.push_kept(name, terms, half, Precision::Exact);
        let gain = self.push_activation(name, gain, &RELU).source;
        let terms = vec![(first.source, Skip::plain(1.0)), (upper, Skip::plain(1.0)), (gain, Skip::plain(1.0))];
        self.push_kept(name, terms, half, Precision::Maximum)
    }

    /// A sum of tensors of one scale.
    fn push_kept(
        &mut self,
        name: &str,
        terms: Vec<(Source, Skip<f64>)>,
        shape: Shape,
        precision: Precision,
    ) -> Branch {
        let branch = self.push_moved(name, terms, shape, Activation::none());
        self.keep(&branch, precision);
        branch
    }

    /// An exact depthwise convolution with few taps.
    fn push_taps(
        &mut self,
        name: &str,
        branch: &Branch,
        size: (usize, usize),
        stride: usize,
        taps: &[((usize, usize), f64)],
    ) -> Branch {
        let channels = self.result(branch.source).channels;
        let mut kernel = Array4::zeros((channels, 1, size.0, size.1));
        for ((_, _, y, x), weight) in kernel.indexed_iter_mut() {
            *weight = taps.iter().find(|(tap, _)| *tap == (y, x)).map_or(0.0, |(_, weight)| *weight);
        }
        let bias = vec![0.0; channels];
        let pushed = self.push_linear(name, branch, kernel, bias, (channels, stride, Padding::default()));
        self.keep(&pushed, Precision::Exact);
        pushed
    }
}
