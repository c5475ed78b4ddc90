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
//! Where the input is stored in phases, each is a plane of its own, whose taps are those that meet it: rows are those of all
//! phases in turn, and the scalar sum takes a product after the last tap of each.
//!
//! A fully connected layer reads its inputs row by row, so that each tap is a product by itself.

use serde::{Deserialize, Serialize};
use zklayout_model::{Kernel, Planes};

use super::axis::PhaseAxis;
use super::row::{Block, Scalar};
use super::rules::{Arranged, FactRules, Factors, Laid, Outputs, Placement, Source, Taken, TermRow};
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
    /// Row of each phase of a plane of that home after which the evaluation is taken.
    pub read_row: usize,
    /// Input channels of a group.
    pub group_inputs: usize,
    /// Rows and columns of the weights.
    pub size: (usize, usize),
    /// Row and column, in a block, of the phase that the first tap meets.
    #[serde(default, skip_serializing_if = "is_origin")]
    pub first: (usize, usize),
}

/// Whether the first tap meets the first phase.
pub(crate) fn is_origin(first: &(usize, usize)) -> bool {
    *first == (0, 0)
}

/// A kernel along both axes where it reads a tensor in a way, with the padding and the corner of each; `None` if its phases do
/// not start together.
fn axes(kernel: &Kernel<i64>, read: Read) -> Option<[(PhaseAxis, usize, usize); 2]> {
    let ((rows, columns), (padding, corner)) = (kernel.size(), (kernel.padding, read.corner()));
    let axis =
        |taps, padding, corner| Some((PhaseAxis::of(read.block(), taps, padding, corner)?, padding, corner));
    Some([axis(rows, padding.top, corner.0)?, axis(columns, padding.left, corner.1)?])
}

/// Whether a kernel's taps meet a tensor's phases as those of kernels of stride 1.
pub(crate) fn meets_phases(kernel: &Kernel<i64>, read: Read) -> bool {
    axes(kernel, read).is_some()
}

/// Rows and columns of padding before the first value; of a plane in phases, in blocks.
fn before(kernel: &Kernel<i64>, read: Read) -> (usize, usize) {
    axes(kernel, read).map_or((0, 0), |[rows, columns]| {
        let before = |(axis, padding, corner): (PhaseAxis, usize, usize)| axis.before(padding, corner);
        (before(rows), before(columns))
    })
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

    fn least_pitch(&self, source: Source, output: Planes) -> usize {
        if is_flat(source.read) {
            return 1;
        }
        if let (Read::Phases { .. }, Some([_, (axis, padding, corner)])) = (source.read, axes(self, source.read)) {
            return axis.least_pitch((source.planes.width, output.width), padding, corner);
        }
        let width = source.planes.width.div_ceil(self.window);
        (width + self.padding.left.max(self.padding.right)).max(self.size().1.saturating_sub(1))
    }

    fn reach(&self, source: Source, pitch: usize) -> usize {
        let ((kh, kw), (top, left)) = (self.size(), before(self, source.read));
        let after = |taps: usize, before: usize| (taps.div_ceil(source.read.block()) - 1).saturating_sub(before);
        after(kh, top) * pitch + after(kw, left)
    }

    fn anchors(&self) -> bool {
        true
    }

    /// `E_out = E_in + top * pitch + left`; reading a row later raises both.
    fn outputs(&self, source: &Home, demand: &Demand, reach: usize) -> Outputs {
        let last = last_value_row(source);
        if is_flat(source.read) {
            let output = place(&Demand { origin_exponent: 0, top_exponent: 0, ..*demand });
            return Box::new(output.into_iter().map(move |output| (Taken { row: last, lift: 0 }, output)));
        }
        let (demand, last_value) = (*demand, demand.last_value());
        let (top, left) = before(self, source.read);
        let above = top * demand.pitch + left;
        Box::new(readings(source, &demand, last).filter_map(move |(taken, exponent)| {
            let origin_exponent = exponent + above;
            let top_exponent = origin_exponent + reach;
            let output = place(&Demand { origin_exponent, top_exponent, ..demand })?;
            (origin_exponent >= last_value).then_some((taken, output))
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

/// Where a source may be read, with the exponent of its first value there: after its last value's row and those that follow.
/// An output in phases has few places for its first value, so that a row which lifts the evaluation by any number is
/// tried before several rows of zeros.
fn readings(source: &Home, demand: &Demand, last: usize) -> impl Iterator<Item = (Taken, usize)> + use<> {
    let (source, end, pitch) = (source.clone(), source.phase_rows(), demand.pitch);
    let in_phases = demand.read.block() > 1;
    let rows = match (source.lift > 0, in_phases) {
        (true, _) => last..end,
        (false, true) => last..end + 1,
        (false, false) => last..last + 2 * source.pitch + 2,
    };
    let lifts = if in_phases && source.lift == 0 { 1..2 * demand.read.block() * pitch + 1 } else { 0..0 };
    let below = read_exponent(&source, end - 1);
    let lifted = lifts.map(move |lift| (Taken { row: end, lift }, below + lift));
    rows.map(move |row| (Taken { row, lift: 0 }, read_exponent(&source, row))).chain(lifted)
}

impl Laid for Kernel<i64> {
    type Fact = KernelFact;

    fn fact(&self, arranged: &Arranged<'_>) -> Self::Fact {
        let source = arranged.sources.first();
        let first = source.and_then(|source| axes(self, source.home.read));
        let first = first.map_or((0, 0), |[(rows, ..), (columns, ..)]| (rows.first, columns.first));
        let (input, read_row) = (source.map_or(0, |source| source.index), arranged.read_row);
        KernelFact { input, read_row, group_inputs: self.group_inputs(), size: self.size(), first }
    }

    fn unplaced(&self, _: &[Planes], _: u32) -> Self::Fact {
        KernelFact { input: 0, read_row: 0, group_inputs: self.group_inputs(), size: self.size(), first: (0, 0) }
    }
}

impl KernelFact {
    fn taps(&self) -> usize {
        self.size.0 * self.size.1
    }

    fn is_full(&self, homes: &[Home]) -> bool {
        matches!(homes[self.input].read, Read::Scalars { .. })
    }

    /// The kernel along both axes, as the home that it reads has phases.
    pub fn axes(&self, home: &Home) -> [PhaseAxis; 2] {
        let axis = |taps, first| PhaseAxis { stride: home.read.block(), taps, first };
        [axis(self.size.0, self.first.0), axis(self.size.1, self.first.1)]
    }

    /// The phases that taps meet, each with its taps, those of the highest exponents first.
    fn phases(&self, home: &Home) -> Vec<(usize, Vec<Tap>)> {
        let ([rows, columns], block) = (self.axes(home), home.read.block());
        let phases = (0..home.phases()).map(|phase| {
            let columns = columns.taps_of(phase % block).rev();
            let taps = rows.taps_of(phase / block).rev().flat_map(move |y| columns.clone().map(move |x| (y, x)));
            (phase, self.steps_between(taps.collect(), home))
        });
        phases.filter(|(_, taps)| !taps.is_empty()).collect()
    }

    /// Taps of a phase with the distances from each to the next.
    fn steps_between(&self, taps: Vec<(usize, usize)>, home: &Home) -> Vec<Tap> {
        let [rows, columns] = self.axes(home);
        let place = |(y, x): (usize, usize)| (rows.place(y), columns.place(x));
        let before = std::iter::once(None).chain(taps.iter().copied().map(Some));
        let step = |(tap, before): (&(usize, usize), Option<(usize, usize)>)| {
            let distance = before.map(|before| (place(before), place(*tap)));
            Tap { at: *tap, distance: distance.map(|((y, x), (to_y, to_x))| (y - to_y, x as i64 - to_x as i64)) }
        };
        taps.iter().zip(before).map(step).collect()
    }
}

/// A tap, and the rows and columns of what it meets from the tap before; none of the first of a phase.
struct Tap {
    at: (usize, usize),
    distance: Option<(usize, i64)>,
}

impl Tap {
    fn step(&self, pitch: usize) -> Option<WeightStep> {
        let (rows, columns) = self.distance?;
        let distance = (rows * pitch) as i64 + columns;
        Some(WeightStep::Position(usize::try_from(distance).unwrap_or(0)))
    }
}

impl FactRules for KernelFact {
    fn block_rows(&self) -> usize {
        self.group_inputs * self.taps()
    }

    fn block_copies(&self, homes: &[Home]) -> usize {
        let home = &homes[self.input];
        self.group_inputs * if self.is_full(homes) { self.taps() } else { self.phases(home).len() }
    }

    fn weight_rows(&self, pitch: usize, block: Block, homes: &[Home], _: u32) -> Vec<TermRow> {
        let (home, full) = (&homes[self.input], self.is_full(homes));
        let phases = self.phases(home);
        let mut rows = Vec::with_capacity(self.block_rows());
        for channel in 0..self.group_inputs {
            let plane = block.group * self.group_inputs + channel;
            for (phase, taps) in &phases {
                for (place, tap) in taps.iter().enumerate() {
                    let (y, x) = tap.at;
                    let scalar = if full {
                        Scalar::Product { row: home.scalar_row(plane, y, x), factor: 1 }
                    } else if place + 1 == taps.len() {
                        Scalar::Product { row: home.phase_row(plane, *phase) + self.read_row, factor: 1 }
                    } else {
                        Scalar::Hold
                    };
                    let step = if full { None } else { tap.step(pitch) };
                    let weight = channel * self.taps() + y * self.size.1 + x;
                    rows.push(TermRow { weight: Some((weight, None)), step, scalar });
                }
            }
        }
        rows
    }

    fn steps(&self, pitch: usize, homes: &[Home]) -> Vec<WeightStep> {
        let mut steps = Vec::new();
        if self.is_full(homes) {
            return steps;
        }
        let taps = self.phases(&homes[self.input]).into_iter().flat_map(|(_, taps)| taps);
        for step in taps.filter_map(|tap| tap.step(pitch)) {
            add(&mut steps, step);
        }
        steps
    }

    fn bound(&self, homes: &[Home], values: &dyn Fn(&Home) -> f64, weight: f64) -> f64 {
        let Some(input) = homes.get(self.input) else { return f64::INFINITY };
        let window = match input.read {
            Read::Total => input.shape.plane(),
            Read::Phases { .. } => 1,
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
        let whole = |home: &Home| {
            let inside = self.read_row < home.phase_rows() || home.read.block() == 1;
            inside && self.axes(home).iter().all(PhaseAxis::starts_together)
        };
        // A kernel that reads no channel has no row, whatever its taps.
        taps.is_some_and(|taps| (1..=MOST_POSITIONS).contains(&taps))
            && sizes.iter().all(|size| *size <= MOST_POSITIONS)
            && homes.get(self.input).is_some_and(whole)
    }
}
