//! Candidates: the homes and facts of a graph for given lanes.

use zklayout_model::{Clamp, Fixed, FixedInput, FixedLayer, Graph, OutputKind, Shape};

use crate::error::PlanError;
use crate::plan::Visibility;
use crate::streams::fact::LinearFact;
use crate::streams::geometry::{Demand, bias_positions, pitch_fits, place, placements, read_of};
use crate::streams::home::{Content, Home, Public, Read, Tile};
use crate::streams::pass::{Passes, WeightStep, add};

use crate::table::TableSet;

/// How far above the narrowest pitch the search for a common pitch goes.
const PITCH_TRIES: usize = 64;

/// Home of the single constant 1.
const ONE: usize = 1;
/// Home of the plane of ones.
const ONES: usize = 2;
/// First home of a tensor.
const FIRST_TENSOR: usize = 3;

/// A layout of all homes for given activation lanes; facts follow once the weight lanes are known.
pub(crate) struct Candidate<'a> {
    layers: Vec<&'a FixedLayer>,
    pub(crate) homes: Vec<Home>,
    /// For each layer the home it reads and the home it writes.
    ties: Vec<(usize, usize)>,
    pub(crate) tables: TableSet,
    passes: Passes,
}

/// A chain's input and layers.
pub(crate) fn chain(graph: &Graph<Fixed>) -> Result<(&FixedInput, Vec<&FixedLayer>), PlanError> {
    let unsupported =
        |layer: &str, reason: &str| PlanError::Unsupported { layer: layer.to_owned(), reason: reason.to_owned() };
    let mut nodes = graph.nodes();
    let Some((first, Fixed::Input(input))) = nodes.next() else {
        return Err(unsupported("input", "the graph does not start with an input"));
    };
    let (mut layers, mut last) = (Vec::new(), first);
    for (id, node) in nodes {
        let Fixed::Layer(layer) = node else { return Err(unsupported("input", "the graph has two inputs")) };
        if graph.inputs(id) != [last] {
            return Err(unsupported(
                &layer.name,
                "it does not read the layer before it; only chains are supported",
            ));
        }
        layers.push(layer);
        last = id;
    }
    if layers.is_empty() {
        return Err(unsupported("input", "the graph has no layer"));
    }
    Ok((input, layers))
}

/// Digits that hold every bias of a layer, its rounding term included.
pub(crate) fn bias_digits(layer: &FixedLayer) -> usize {
    let (least, most) =
        layer.rounded_bias().iter().fold((0i128, 0i128), |(l, m), &b| (l.min(b.into()), m.max(b.into())));
    let base = 1i128 << layer.weight_bits;
    let (mut digits, mut ones) = (1, 1i128);
    while least < -(base / 2) * ones || most > (base / 2 - 1) * ones {
        digits += 1;
        ones = ones * base + 1;
    }
    digits
}

impl<'a> Candidate<'a> {
    /// Lays out all homes, or says which layer does not fit.
    pub(crate) fn build(
        input: &FixedInput,
        layers: &[&'a FixedLayer],
        visibility: &Visibility,
        lanes: usize,
        remainders: bool,
    ) -> Result<Self, PlanError> {
        let (_, width) = layers[0].linear.live_input();
        let mut failure = None;
        // The input's place shifts the exponents of all planes after it, which is what aligns their tiles.
        for (pitch, shift) in
            (width..width + PITCH_TRIES).flat_map(|pitch| (0..lanes).map(move |shift| (pitch, shift)))
        {
            let Some(first) = input_home(input, layers[0], lanes, pitch, shift) else { continue };
            match extend(&[first], layers, lanes) {
                Ok(tensors) => {
                    let mut candidate = Self::arrange(tensors, layers, lanes);
                    candidate.publish(visibility);
                    candidate.add_tables(input, remainders);
                    candidate.stack(lanes);
                    return Ok(candidate);
                }
                Err(index) => failure = failure.max(Some(index)),
            }
        }
        let layer = &layers[failure.unwrap_or(0)];
        let reason = format!("its windows, strides and padding fit no common pitch on {lanes} lanes");
        Err(PlanError::Unsupported { layer: layer.name.clone(), reason })
    }

    /// Puts the output first, then the constants, then the other tensors.
    fn arrange(mut tensors: Vec<Home>, layers: &[&'a FixedLayer], lanes: usize) -> Self {
        let positions = tensors[1..].iter().map(|home| bias_positions(home.origin_exponent(), lanes));
        let ones = positions.max().unwrap_or(1);
        let output = tensors.pop();
        let mut homes: Vec<Home> = output.into_iter().collect();
        homes.push(ones_home(1, 1));
        homes.push(ones_home(ones.next_multiple_of(lanes), lanes));
        homes.extend(tensors);
        let last = layers.len() - 1;
        let ties = (0..layers.len())
            .map(|index| (FIRST_TENSOR + index, if index == last { 0 } else { FIRST_TENSOR + index + 1 }))
            .collect();
        Self { layers: layers.to_vec(), homes, ties, tables: TableSet::default(), passes: Passes::default() }
    }

    fn publish(&mut self, visibility: &Visibility) {
        let raw = self.layers.last().is_some_and(|layer| layer.kind == OutputKind::Raw);
        self.homes[0].public = if raw { Public::Accumulators } else { Public::Values };
        if visibility.public_input {
            self.homes[FIRST_TENSOR].public = Public::Values;
        }
    }

    fn add_tables(&mut self, input: &FixedInput, remainders: bool) {
        let one = Clamp { lo: Some(1), hi: Some(1) };
        for home in &mut self.homes {
            home.table = match home.content {
                Content::Ones => Some(self.tables.activation(0, one, 0, 0)),
                Content::Input => Some(self.tables.activation(0, Clamp::none(), input.range.lo, input.range.hi)),
                Content::Layer(index) => match &self.layers[index - 1].kind {
                    OutputKind::Raw => None,
                    OutputKind::Requantise { shift, clamp, range } if remainders => {
                        home.shift = *shift;
                        Some(self.tables.activation(0, *clamp, range.lo, range.hi))
                    }
                    OutputKind::Requantise { shift, clamp, range } => {
                        let (lo, hi) = (range.lo << shift, ((range.hi + 1) << shift) - 1);
                        Some(self.tables.activation(*shift, *clamp, lo, hi))
                    }
                },
            };
            if remainders && home.table.is_some() {
                self.tables.range(1 << home.shift);
            }
        }
    }

    /// Stacks the homes from row 0 on and collects their steps.
    fn stack(&mut self, lanes: usize) {
        let mut row = 0;
        for home in &mut self.homes {
            home.row = row;
            row += home.rows();
            self.passes.collect(home, lanes);
        }
    }

    /// The facts and all steps for given weight lanes.
    pub(crate) fn facts(&self, lanes: usize, weight_lanes: usize) -> (Vec<LinearFact>, Passes) {
        let mut passes = self.passes.clone();
        let (mut facts, mut row) = (Vec::new(), 0);
        for (index, (layer, &(input, output))) in self.layers.iter().zip(&self.ties).enumerate() {
            let fact = LinearFact {
                layer: index + 1,
                input,
                output,
                groups: layer.linear.groups,
                group_outputs: layer.linear.group_outputs(),
                group_inputs: layer.linear.group_inputs(),
                kernel: layer.linear.kernel_size(),
                pitch: self.homes[output].pitch,
                weight_bits: layer.weight_bits,
                bias_digits: bias_digits(layer),
                bias_row: self.bias_row(&self.homes[output], lanes),
                weight_lanes,
                row,
            };
            row += fact.len();
            for step in fact.rows(&self.homes).iter().filter_map(|row| row.step) {
                add::<WeightStep>(&mut passes.weight_steps, step);
            }
            facts.push(fact);
        }
        (facts, passes)
    }

    fn bias_row(&self, output: &Home, lanes: usize) -> usize {
        match bias_positions(output.origin_exponent(), lanes) {
            1 => self.homes[ONE].row,
            positions => self.homes[ONES].row + positions / lanes - 1,
        }
    }
}

/// Homes of all tensors after the last of `homes`, or the first layer that does not fit. Where the input is read in
/// windows, reading it later aligns what follows differently, so several rows are tried.
fn extend(homes: &[Home], layers: &[&FixedLayer], lanes: usize) -> Result<Vec<Home>, usize> {
    let index = homes.len() - 1;
    let Some(layer) = layers.get(index) else { return Ok(homes.to_vec()) };
    let input = &homes[index];
    if !pitch_fits(input, &layer.linear) {
        return Err(index);
    }
    // A plane of one value has no neighbours to keep a distance from.
    let stride = if layer.linear.output.plane() == 1 { 1 } else { layer.linear.stride };
    let demand = Demand {
        content: Content::Layer(index + 1),
        shape: layer.linear.output,
        stride,
        pitch: 0,
        origin_exponent: 0,
        top_exponent: 0,
        read: layers.get(index + 1).map_or(Read::Nothing, |next| read_of(&next.linear, stride)),
        lanes,
    };
    let tries = if let Read::Sums { .. } = input.read { lanes } else { 1 };
    let mut failure = index;
    for (read_row, output) in placements(input, &layer.linear, demand).take(tries) {
        let mut longer = homes.to_vec();
        longer[index].read_row = read_row;
        longer[index].tail = (read_row + 1).saturating_sub(longer[index].tiles);
        longer.push(output);
        match extend(&longer, layers, lanes) {
            Ok(homes) => return Ok(homes),
            Err(index) => failure = failure.max(index),
        }
    }
    Err(failure)
}

fn input_home(input: &FixedInput, first: &FixedLayer, lanes: usize, pitch: usize, shift: usize) -> Option<Home> {
    let read = read_of(&first.linear, 1);
    // Only what the first layer reads has a home: nothing else can change the output.
    let (height, width) = first.linear.live_input();
    let rows = height.next_multiple_of(read.factor());
    let origin_exponent = match read {
        Read::Raster => (rows - 1) * pitch + width - 1 + shift,
        _ if shift == 0 => rows * pitch - 1,
        _ => return None,
    };
    place(&Demand {
        content: Content::Input,
        shape: Shape::new(input.shape.channels, height, width),
        stride: 1,
        pitch,
        origin_exponent,
        top_exponent: origin_exponent,
        read,
        lanes,
    })
}

fn ones_home(positions: usize, columns: usize) -> Home {
    Home {
        content: Content::Ones,
        shape: Shape::new(1, 1, positions),
        stride: 1,
        tile: Tile { rows: 1, columns },
        pitch: positions,
        origin: 0,
        first_tile: 0,
        tiles: positions / columns,
        tail: 0,
        row: 0,
        read: Read::Raster,
        read_row: 0,
        shift: 0,
        table: None,
        public: Public::No,
    }
}
