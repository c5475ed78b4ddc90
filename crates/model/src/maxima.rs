//! Largest values of windows, as sums of moved tensors and clamps: `max(a, b) = a + max(b - a, 0)`.
//!
//! Rows come first, then columns, each by maxima of windows that double. Nothing beyond the plane takes part: where a tensor
//! ends, nothing is gained. Each step is exact, so that the result is the true maximum of the integers, and no weights take
//! part, so that no prover can choose others. It does not know whose layers the steps become.

use crate::planes::Planes;
use crate::term::{Move, Padding};

/// What a step reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// The tensor whose maxima are taken.
    Input,
    /// The result of an earlier step.
    Step(usize),
}

/// What the values of a step are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Magnitude {
    /// Values of the tensor, picked.
    Picked,
    /// The largest of some of its values.
    Maximum,
    /// Differences of two of its values.
    Difference,
    /// Differences where they are above 0, and 0 elsewhere.
    Gain,
}

/// A sum of moved tensors.
#[derive(Clone, Debug, PartialEq)]
pub struct MaximumStep {
    /// What is added, moved by how much, with which sign.
    pub terms: Vec<(Operand, Move<i64>)>,
    /// Planes of the result.
    pub planes: Planes,
    /// What the result's values are.
    pub magnitude: Magnitude,
}

/// The steps to the largest values of windows, the last of which is the result; none if each window is one value.
///
/// `output` are the planes of the result: what lies beyond is left out.
pub fn maxima(
    input: Planes,
    window: (usize, usize),
    (stride, padding): (usize, Padding),
    output: Planes,
) -> Vec<MaximumStep> {
    let mut maxima = Maxima { steps: Vec::new(), tensor: Operand::Input, planes: input };
    if window == (2, 2) && stride == 2 && padding.is_none() {
        maxima.largest_of_four(output);
        return maxima.steps;
    }
    let sides = [(window.0, padding.top, padding.bottom), (window.1, padding.left, padding.right)];
    for (axis, (window, before, after)) in sides.into_iter().enumerate() {
        let (direction, longest) = ((1 - axis, axis), [input.height, input.width][axis]);
        // Nothing lies further away than the plane is long.
        for step in doubling(before.min(longest - 1) + 1) {
            maxima.with_before(step, direction);
        }
        for step in doubling(window.saturating_sub(before).min(longest)) {
            maxima.with_after(step, direction, before + after > 0);
        }
    }
    if stride > 1 {
        maxima.pick(stride, output);
    }
    if let Some(last) = maxima.steps.last_mut() {
        last.planes = output;
    }
    maxima.steps
}

struct Maxima {
    steps: Vec<MaximumStep>,
    /// The maxima so far, and their planes.
    tensor: Operand,
    planes: Planes,
}

impl Maxima {
    fn push(&mut self, terms: Vec<(Operand, Move<i64>)>, planes: Planes, magnitude: Magnitude) -> Operand {
        self.steps.push(MaximumStep { terms, planes, magnitude });
        Operand::Step(self.steps.len() - 1)
    }

    /// The larger of each value and the one `step` before it.
    fn with_before(&mut self, step: usize, direction: (usize, usize)) {
        let (gain, _) = self.gain(step, direction, -1);
        let (rows, columns) = distance(step, direction);
        let back = Move { offset: (-rows, -columns), ..Move::plain(1) };
        self.largest(vec![(self.tensor, Move::plain(1)), (gain, back)], self.planes);
    }

    /// The larger of each value and the one `step` after it: where there is one, or, clipped, everywhere.
    fn with_after(&mut self, step: usize, direction: (usize, usize), clipped: bool) {
        let (gain, inner) = self.gain(step, direction, 1);
        let planes = if clipped { self.planes } else { inner };
        self.largest(vec![(self.tensor, Move::plain(1)), (gain, Move::plain(1))], planes);
    }

    fn largest(&mut self, terms: Vec<(Operand, Move<i64>)>, planes: Planes) {
        self.tensor = self.push(terms, planes, Magnitude::Maximum);
        self.planes = planes;
    }

    /// What the values `step` further on exceed each value by, or, with the sign -1, the other way round.
    fn gain(&mut self, step: usize, direction: (usize, usize), sign: i64) -> (Operand, Planes) {
        let (rows, columns) = (direction.0 * step, direction.1 * step);
        let inner = Planes::new(self.planes.channels, self.planes.height - rows, self.planes.width - columns);
        let later = Move { offset: distance(step, direction), ..Move::plain(sign) };
        let terms = vec![(self.tensor, later), (self.tensor, Move::plain(-sign))];
        (self.push(terms, inner, Magnitude::Gain), inner)
    }

    /// Every `stride`-th row and column.
    fn pick(&mut self, stride: usize, output: Planes) {
        let every = Move { stride, ..Move::plain(1) };
        self.tensor = self.push(vec![(self.tensor, every)], output, Magnitude::Picked);
    }

    /// The maximum of 2x2 windows, side by side: `a + gain` of the upper pair, then what the lower pair adds to it.
    fn largest_of_four(&mut self, half: Planes) {
        let at = |offset: (i64, i64), sign: i64| (Operand::Input, Move { offset, stride: 2, ..Move::plain(sign) });
        let add = |operand: Operand, sign: i64| (operand, Move::plain(sign));
        let first = self.push(vec![at((0, 0), 1)], half, Magnitude::Picked);
        let upper = self.push(vec![at((0, 1), 1), at((0, 0), -1)], half, Magnitude::Gain);
        let down = self.push(vec![at((1, 0), 1), at((0, 0), -1)], half, Magnitude::Difference);
        let lower = self.push(vec![at((1, 1), 1), at((1, 0), -1)], half, Magnitude::Gain);
        let gain = self.push(vec![add(down, 1), add(lower, 1), add(upper, -1)], half, Magnitude::Gain);
        self.push(vec![add(first, 1), add(upper, 1), add(gain, 1)], half, Magnitude::Maximum);
    }
}

fn distance(step: usize, direction: (usize, usize)) -> (i64, i64) {
    ((direction.0 * step) as i64, (direction.1 * step) as i64)
}

/// Distances that double what a running maximum covers, up to `window` values.
fn doubling(window: usize) -> Vec<usize> {
    let (mut covered, mut steps) = (1, Vec::new());
    while covered < window {
        steps.push(covered.min(window - covered));
        covered += covered.min(window - covered);
    }
    steps
}
