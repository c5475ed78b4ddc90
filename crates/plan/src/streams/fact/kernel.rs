//! A convolution on the weight tape.
//!
//! With `A_c` the evaluation of input plane `c`, and
//! `U_c = sum_taps sigma^(y * pitch + x) sum_o rho^(B-1-o) K[o, c, y, x]` that of the weights of a block of `B` outputs:
//!
//! ```text
//! rows                        | weights        | scalar sum s
//! taps of input c             | K[o, c, y, x]  | s holds, and after the last tap s <- s - A_c * U_c
//! ```
//!
//! A fully connected layer reads its inputs row by row, so that each tap is a product by itself.

use serde::{Deserialize, Serialize};
use zklayout_model::{Kernel, Planes};

use super::row::{Block, Scalar};
use super::rules::{Arranged, FactRules, Factors, Laid, Outputs, Placement, Source, TermRow};
use crate::encoder::Encoder;
use crate::limits::MOST_POSITIONS;
use crate::streams::geometry::{Demand, last_value_row, place, read_exponent};
use crate::streams::home::{Home, Read};
use crate::streams::pass::{WeightStep, add};

/// The term on the tapes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelFact {
    /// Home that it reads.
    pub input: usize,
    /// Row of a plane of that home after which the evaluation is taken.
    pub read_row: usize,
    /// Input channels of a group.
    pub group_inputs: usize,
    /// Rows and columns of the weights.
    pub size: (usize, usize),
}

/// Whether an evaluation has no positions.
fn is_flat(read: Read) -> bool {
    matches!(read, Read::Total | Read::Scalars { .. })
}

impl Placement for Kernel<i64> {
    fn encode(&self, encoder: &mut Encoder, _: u32) {
        let Self { input, window, weights, groups, stride, padding } = self;
        encoder.choice(0);
        encoder.planes(input);
        encoder.count(*window);
        encoder.list(weights.shape(), Encoder::extent);
        encoder.count(*groups);
        encoder.count(*stride);
        encoder.padding(padding);
    }

    fn groups(&self) -> usize {
        self.groups
    }

    fn read(&self, _: usize, stride: usize) -> Read {
        let factor = stride * self.window;
        if self.window > 1 && self.pooled().plane() == 1 {
            Read::Total
        } else if self.is_full() {
            Read::Scalars { factor }
        } else if factor > 1 {
            Read::Sums { factor }
        } else {
            Read::Raster
        }
    }

    /// A flat evaluation has no positions: it proves only fully connected layers that read exactly that evaluation. A
    /// padded kernel, or the sum of another window, would be taken for something that it is not.
    fn check(&self, source: Source) -> Result<(), &'static str> {
        let own = self.is_full() && source.read == self.read(0, source.stride);
        let whole = source.read != Read::Total || source.planes.plane() == self.window * self.window;
        if is_flat(source.read) && !(own && whole) {
            return Err("it evaluates single values or sums of a plane by a wider kernel");
        }
        Ok(())
    }

    fn shares_pitch(&self, source: Source) -> bool {
        !is_flat(source.read)
    }

    fn least_pitch(&self, source: Source, _: Planes) -> usize {
        if is_flat(source.read) {
            return 1;
        }
        let width = source.planes.width.div_ceil(self.window);
        (width + self.padding.left.max(self.padding.right)).max(self.size().1.saturating_sub(1))
    }

    fn reach(&self, pitch: usize) -> usize {
        let ((kh, kw), padding) = (self.size(), self.padding);
        (kh - 1 - padding.top.min(kh - 1)) * pitch + kw - 1 - padding.left.min(kw - 1)
    }

    fn anchors(&self) -> bool {
        true
    }

    /// `E_out = E_in + top * pitch + left`; reading a row later raises both.
    fn outputs(&self, source: &Home, demand: &Demand, reach: usize) -> Outputs {
        let last = last_value_row(source);
        if is_flat(source.read) {
            let output = place(&Demand { origin_exponent: 0, top_exponent: 0, ..*demand });
            return Box::new(output.into_iter().map(move |output| (last, output)));
        }
        let (demand, source) = (*demand, source.clone());
        let above = self.padding.top * demand.pitch + self.padding.left;
        let last_value = demand.last_value();
        Box::new((last..last + 2 * source.pitch + 2).filter_map(move |row| {
            let origin_exponent = read_exponent(&source, row) + above;
            let top_exponent = origin_exponent + reach;
            let output = place(&Demand { origin_exponent, top_exponent, ..demand })?;
            (origin_exponent >= last_value).then_some((row, output))
        }))
    }

    fn least_origin(&self, _: &Home, _: usize) -> usize {
        0
    }

    /// The output lies on it.
    fn exponent(&self, _: usize, _: &Home, _: &Home) -> Option<usize> {
        Some(0)
    }
}

impl Laid for Kernel<i64> {
    type Fact = KernelFact;

    fn fact(&self, arranged: &Arranged<'_>) -> Self::Fact {
        let input = arranged.sources.first().map_or(0, |source| source.index);
        let (read_row, group_inputs, size) = (arranged.read_row, self.group_inputs(), self.size());
        KernelFact { input, read_row, group_inputs, size }
    }

    fn unplaced(&self, _: &[Planes], _: u32) -> Self::Fact {
        KernelFact { input: 0, read_row: 0, group_inputs: self.group_inputs(), size: self.size() }
    }
}

impl KernelFact {
    fn taps(&self) -> usize {
        self.size.0 * self.size.1
    }

    fn is_full(&self, homes: &[Home]) -> bool {
        matches!(homes[self.input].read, Read::Scalars { .. })
    }

    fn tap_step(&self, pitch: usize, y: usize, x: usize) -> Option<WeightStep> {
        let (kh, kw) = self.size;
        if (y, x) == (kh - 1, kw - 1) {
            return None;
        }
        let distance = if x == kw - 1 { pitch + 1 - kw } else { 1 };
        Some(WeightStep::Position(distance))
    }

    /// Taps, those of the highest exponents first.
    fn descending(&self) -> impl Iterator<Item = (usize, usize)> {
        let (kh, kw) = self.size;
        (0..kh).rev().flat_map(move |y| (0..kw).rev().map(move |x| (y, x)))
    }
}

impl FactRules for KernelFact {
    fn block_rows(&self) -> usize {
        self.group_inputs * self.taps()
    }

    fn block_copies(&self, homes: &[Home]) -> usize {
        self.group_inputs * if self.is_full(homes) { self.taps() } else { 1 }
    }

    fn weight_rows(&self, pitch: usize, block: Block, homes: &[Home], _: u32) -> Vec<TermRow> {
        let (home, full) = (&homes[self.input], self.is_full(homes));
        let mut rows = Vec::with_capacity(self.block_rows());
        for channel in 0..self.group_inputs {
            let plane = block.group * self.group_inputs + channel;
            for (y, x) in self.descending() {
                let scalar = if full {
                    Scalar::Product { row: home.scalar_row(plane, y, x), factor: 1 }
                } else if (y, x) == (0, 0) {
                    Scalar::Product { row: home.plane_row(plane) + self.read_row, factor: 1 }
                } else {
                    Scalar::Hold
                };
                let step = if full { None } else { self.tap_step(pitch, y, x) };
                let place = channel * self.taps() + y * self.size.1 + x;
                rows.push(TermRow { weight: Some((place, None)), step, scalar });
            }
        }
        rows
    }

    fn steps(&self, pitch: usize, homes: &[Home]) -> Vec<WeightStep> {
        let mut steps = Vec::new();
        let full = self.is_full(homes);
        for step in self.descending().filter(|_| !full).filter_map(|(y, x)| self.tap_step(pitch, y, x)) {
            add(&mut steps, step);
        }
        steps
    }

    fn bound(&self, homes: &[Home], values: &dyn Fn(&Home) -> f64, weight: f64) -> f64 {
        let Some(input) = homes.get(self.input) else { return f64::INFINITY };
        let window = match input.read {
            Read::Total => input.shape.plane(),
            read => read.factor() * read.factor(),
        };
        self.block_rows() as f64 * window as f64 * values(input) * weight
    }

    fn sigma_degree(&self, pitch: usize) -> f64 {
        self.size.0 as f64 * pitch as f64 + self.size.1 as f64
    }

    fn factors(&self) -> Factors {
        Factors { products: self.group_inputs, rows: 0 }
    }

    fn is_known(&self, homes: &[Home], _: usize, _: u32) -> bool {
        let taps = self.size.0.checked_mul(self.size.1).and_then(|taps| taps.checked_mul(self.group_inputs));
        let sizes = [self.group_inputs, self.size.0, self.size.1, self.read_row];
        taps.is_some_and(|taps| taps <= MOST_POSITIONS)
            && sizes.iter().all(|size| *size <= MOST_POSITIONS)
            && self.input < homes.len()
    }
}
