//! The canonical structure: its bytes are pinned, every field is in them, and weights' values are not.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::collections::HashMap;

use ndarray::{Array2, Array3, Array4};
use zklayout_model::{
    Clamp, Constant, Fixed, FixedActivation, FixedFinish, FixedInput, FixedLayer, Graph, Kernel, KnownBias, Move,
    Multiplier, NodeId, OutputKind, Padding, PerChannel, Planes, RangeSource, Rescale, Rotation, Scaling, Stored,
    Term, ValueRange, ValueTable,
};
use zklayout_plan::structure;

/// An input and two layers, of which the second reads two tensors.
#[derive(Clone)]
struct Model {
    input: FixedInput,
    first: FixedLayer,
    second: FixedLayer,
    sources: Vec<usize>,
}

impl Model {
    fn new() -> Self {
        let range = ValueRange { lo: -8, hi: 7, source: RangeSource::Calibrated };
        let input = FixedInput { shape: Planes::new(2, 4, 6), scale: PerChannel::uniform(3), range, stored: None };
        let activation = FixedActivation::Clamp(Clamp { lo: Some(0), hi: None });
        let first = layer(OutputKind::Requantise { shift: PerChannel::uniform(5), activation, range });
        let mut second = layer(OutputKind::Rescale(Rescale {
            scaling: Scaling::Multipliers(vec![Multiplier { value: 1 << 30, shift: -3 }; 2]),
            stored: Stored { unit: 0.5, zero_point: -3 },
            lo: -128,
            hi: 127,
            reach: vec![(-100, 90), (-80, 70)],
        }));
        let moved = Move { channels: Some(vec![Some(1), None]), offset: (1, -1), ..Move::plain(4) };
        second.terms.push(moved.into());
        Self { input, first, second, sources: vec![1, 0] }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut graph = Graph::new();
        let input = graph.add(Fixed::Input(self.input.clone()), &[]);
        graph.add(Fixed::Layer(self.first.clone()), &[input]);
        let sources: Vec<NodeId> = self.sources.iter().map(|source| NodeId::new(*source)).collect();
        graph.add(Fixed::Layer(self.second.clone()), &sources);
        structure(&graph)
    }
}

fn layer(kind: OutputKind) -> FixedLayer {
    let kernel = Kernel {
        input: Planes::new(2, 4, 6),
        window: 1,
        weights: Array4::from_elem((2, 2, 3, 3), 1),
        groups: 1,
        stride: 1,
        padding: Padding { top: 1, left: 1, bottom: 1, right: 1 },
    };
    let finish = FixedFinish { weight_bits: 9, accumulator_scale: PerChannel::uniform(9), kind };
    let (output, terms) = (Planes::new(2, 4, 6), vec![kernel.into()]);
    FixedLayer { name: "layer".into(), output, terms, bias: vec![100, -100], finish }
}

fn kernel(layer: &mut FixedLayer) -> &mut Kernel<i64> {
    layer.kernel_mut().unwrap()
}

fn moved(model: &mut Model) -> &mut Move<i64> {
    let Some(Term::Move(moved)) = model.second.terms.last_mut() else { panic!("it adds a tensor") };
    moved
}

fn constants(planes: (usize, usize, usize), value: i64) -> Term<i64> {
    Constant { values: Array3::from_elem(planes, value) }.into()
}

fn rotation(own: [i64; 2], other: [i64; 2], partners: [usize; 2]) -> Term<i64> {
    let column = |numbers: [i64; 2]| Array2::from_shape_fn((2, 1), |(feature, _)| numbers[feature]);
    Rotation { own: column(own), other: column(other), partners: partners.to_vec() }.into()
}

fn known(numbers: PerChannel<i64>) -> Term<i64> {
    KnownBias { numbers }.into()
}

fn channels<T: Copy + PartialEq>(values: [T; 2]) -> PerChannel<T> {
    PerChannel::of_channels(values).unwrap()
}

fn outputs_in_bytes(unit: f32) -> OutputKind {
    OutputKind::Stored(PerChannel::uniform(Stored { unit, zero_point: -3 }))
}

fn shift(model: &mut Model) -> &mut PerChannel<u32> {
    let OutputKind::Requantise { shift, .. } = &mut model.first.finish.kind else { panic!("it drops bits") };
    shift
}

fn activation(model: &mut Model) -> &mut FixedActivation {
    let OutputKind::Requantise { activation, .. } = &mut model.first.finish.kind else { panic!("it drops bits") };
    activation
}

fn range(model: &mut Model) -> &mut ValueRange {
    let OutputKind::Requantise { range, .. } = &mut model.first.finish.kind else { panic!("it drops bits") };
    range
}

fn rescale(model: &mut Model) -> &mut Rescale {
    let OutputKind::Rescale(rescale) = &mut model.second.finish.kind else { panic!("it has multipliers") };
    rescale
}

fn table(values: &[i64], lo: i64, scale: i32) -> FixedActivation {
    FixedActivation::Table(ValueTable { lo, values: values.to_vec(), scale })
}

type Change = fn(&mut Model);

/// Every field of a model, changed; fields of one list or of neighbours also traded, so that a missing length would show.
const CHANGES: &[(&str, Change)] = &[
    ("nothing", |_| {}),
    ("input's channels", |m| m.input.shape.channels += 1),
    ("input's height", |m| m.input.shape.height += 1),
    ("input's width", |m| m.input.shape.width += 1),
    ("input's extents swapped", |m| m.input.shape = Planes::new(2, 6, 4)),
    ("input's scale", |m| m.input.scale = PerChannel::uniform(4)),
    ("input's least", |m| m.input.range.lo -= 1),
    ("input's most", |m| m.input.range.hi += 1),
    ("input in bytes", |m| m.input.stored = Some(Stored { unit: 1.0, zero_point: 0 })),
    ("input's unit", |m| m.input.stored = Some(Stored { unit: 2.0, zero_point: 0 })),
    ("input's zero point", |m| m.input.stored = Some(Stored { unit: 1.0, zero_point: 1 })),
    ("sources swapped", |m| m.sources = vec![0, 1]),
    ("fewer sources", |m| m.sources = vec![1]),
    ("other sources", |m| m.sources = vec![1, 1]),
    ("linear input's channels", |m| kernel(&mut m.first).input.channels += 1),
    ("linear input's height", |m| kernel(&mut m.first).input.height += 1),
    ("linear input's width", |m| kernel(&mut m.first).input.width += 1),
    ("output's channels", |m| m.first.output.channels += 1),
    ("output's height", |m| m.first.output.height += 1),
    ("output's width", |m| m.first.output.width += 1),
    ("window", |m| kernel(&mut m.first).window += 1),
    ("kernel's outputs", |m| kernel(&mut m.first).weights = Array4::zeros((3, 2, 3, 3))),
    ("kernel's inputs", |m| kernel(&mut m.first).weights = Array4::zeros((2, 1, 3, 3))),
    ("kernel's rows", |m| kernel(&mut m.first).weights = Array4::zeros((2, 2, 5, 3))),
    ("kernel's columns", |m| kernel(&mut m.first).weights = Array4::zeros((2, 2, 3, 5))),
    ("number of biases", |m| m.first.bias.push(0)),
    ("groups", |m| kernel(&mut m.first).groups += 1),
    ("stride", |m| kernel(&mut m.first).stride += 1),
    ("padding above", |m| kernel(&mut m.first).padding.top += 1),
    ("padding on the left", |m| kernel(&mut m.first).padding.left += 1),
    ("padding below", |m| kernel(&mut m.first).padding.bottom += 1),
    ("padding on the right", |m| kernel(&mut m.first).padding.right += 1),
    ("no skip connection", |m| m.second.terms.truncate(1)),
    ("skip connection of the other layer", |m| m.first.terms.extend(m.second.terms.pop())),
    ("factor", |m| moved(m).factor = PerChannel::uniform(8)),
    ("channels", |m| moved(m).channels = None),
    ("no channel", |m| moved(m).channels = Some(vec![])),
    ("channels none", |m| moved(m).channels = Some(vec![None, None])),
    ("channels swapped", |m| moved(m).channels = Some(vec![None, Some(1)])),
    ("rows of a move", |m| moved(m).offset.0 += 1),
    ("columns of a move", |m| moved(m).offset.1 += 1),
    ("stride of a move", |m| moved(m).stride = 2),
    ("terms swapped", |m| m.second.terms.reverse()),
    ("no kernel", |m| drop(m.second.terms.remove(0))),
    ("no kernel and a stride", |m| {
        m.second.terms.remove(0);
        moved(m).stride = 2;
    }),
    ("constants", |m| m.second.terms.push(constants((2, 4, 6), 1))),
    ("constants of more digits", |m| m.second.terms.push(constants((2, 4, 6), 1 << 20))),
    ("constants of other columns", |m| m.second.terms.push(constants((2, 4, 5), 1))),
    ("constants in the other layer", |m| m.first.terms.push(constants((2, 4, 6), 1))),
    ("known biases", |m| m.second.terms.push(known(PerChannel::uniform(0)))),
    ("other known biases", |m| m.second.terms.push(known(PerChannel::uniform(1)))),
    ("known biases by channel", |m| m.second.terms.push(known(channels([0, 1])))),
    ("known biases in the other layer", |m| m.first.terms.push(known(PerChannel::uniform(0)))),
    ("a rotation", |m| m.second.terms.push(rotation([1, 2], [3, 4], [1, 0]))),
    ("a rotation by other numbers", |m| m.second.terms.push(rotation([1, 3], [3, 4], [1, 0]))),
    ("a rotation with other numbers of partners", |m| m.second.terms.push(rotation([1, 2], [4, 3], [1, 0]))),
    ("a rotation of other partners", |m| m.second.terms.push(rotation([1, 2], [3, 4], [0, 1]))),
    ("a rotation in the other layer", |m| m.first.terms.push(rotation([1, 2], [3, 4], [1, 0]))),
    ("constants alone", |m| m.second.terms = vec![constants((2, 4, 6), 1)]),
    ("no term", |m| m.second.terms.clear()),
    ("a tensor twice", |m| m.second.terms[0] = m.second.terms[1].clone()),
    ("a tensor twice with two strides", |m| {
        m.second.terms[0] = m.second.terms[1].clone();
        moved(m).stride = 2;
    }),
    ("weight bits", |m| m.first.finish.weight_bits += 1),
    ("accumulator scale", |m| m.first.finish.accumulator_scale = PerChannel::uniform(10)),
    ("accumulator scale of a channel", |m| m.first.finish.accumulator_scale = channels([9, 10])),
    ("digits of a bias", |m| m.first.bias[0] = 1 << 20),
    ("raw", |m| m.first.finish.kind = OutputKind::Raw),
    ("outputs in bytes", |m| m.first.finish.kind = outputs_in_bytes(0.5)),
    ("outputs' unit", |m| m.first.finish.kind = outputs_in_bytes(0.25)),
    ("shift", |m| *shift(m) = PerChannel::uniform(6)),
    ("shift of a channel", |m| *shift(m) = channels([5, 6])),
    ("clamp's lower bound", |m| *activation(m) = FixedActivation::Clamp(Clamp { lo: Some(1), hi: None })),
    ("clamp's bounds swapped", |m| *activation(m) = FixedActivation::Clamp(Clamp { lo: None, hi: Some(0) })),
    ("clamp of two bounds", |m| *activation(m) = FixedActivation::Clamp(Clamp { lo: Some(0), hi: Some(0) })),
    ("table", |m| *activation(m) = table(&[0, 1, 2], 0, 0)),
    ("table's value", |m| *activation(m) = table(&[0, 1, 3], 0, 0)),
    ("table's length", |m| *activation(m) = table(&[0, 1], 0, 0)),
    ("table's start", |m| *activation(m) = table(&[0, 1, 2], 1, 0)),
    ("table's scale", |m| *activation(m) = table(&[0, 1, 2], 0, 1)),
    ("least", |m| range(m).lo -= 1),
    ("most", |m| range(m).hi += 1),
    ("multiplier's value", |m| {
        rescale(m).scaling = Scaling::Multipliers(vec![Multiplier { value: (1 << 30) + 1, shift: -3 }; 2]);
    }),
    ("multiplier's shift", |m| {
        rescale(m).scaling = Scaling::Multipliers(vec![Multiplier { value: 1 << 30, shift: -4 }; 2]);
    }),
    ("number of multipliers", |m| {
        rescale(m).scaling = Scaling::Multipliers(vec![Multiplier { value: 1 << 30, shift: -3 }]);
    }),
    ("factors", |m| rescale(m).scaling = Scaling::Factors(vec![0.25, 0.5])),
    ("factor of a channel", |m| rescale(m).scaling = Scaling::Factors(vec![0.25, 0.125])),
    ("mean", |m| rescale(m).scaling = Scaling::Mean(4)),
    ("mean of others", |m| rescale(m).scaling = Scaling::Mean(5)),
    ("shift alone", |m| rescale(m).scaling = Scaling::Shift(4)),
    ("other shift alone", |m| rescale(m).scaling = Scaling::Shift(5)),
    ("unit", |m| rescale(m).stored.unit = 0.25),
    ("zero point", |m| rescale(m).stored.zero_point += 1),
    ("least stored", |m| rescale(m).lo += 1),
    ("most stored", |m| rescale(m).hi -= 1),
    ("least in reach", |m| rescale(m).reach[1].0 -= 1),
    ("most in reach", |m| rescale(m).reach[1].1 += 1),
    ("reach of a channel", |m| rescale(m).reach.truncate(1)),
];

#[test]
fn every_field_changes_the_bytes() {
    let mut found = HashMap::new();
    for (name, change) in CHANGES {
        let mut model = Model::new();
        change(&mut model);
        if let Some(other) = found.insert(model.bytes(), name) {
            panic!("{name} and {other} have one encoding");
        }
    }
    // No encoding continues another: each says itself where it ends.
    let all: Vec<&Vec<u8>> = found.keys().collect();
    for (a, b) in all.iter().flat_map(|a| all.iter().map(move |b| (a, b))) {
        assert!(a == b || !a.starts_with(b), "{} continues {}", found[*a], found[*b]);
    }
}

#[test]
fn weights_names_and_sources_of_ranges_change_nothing() {
    let changes: [Change; 4] = [
        |m| kernel(&mut m.first).weights.fill(-7),
        |m| m.first.bias = vec![-99, 80],
        |m| m.first.name = "another".into(),
        |m| range(m).source = RangeSource::WorstCase,
    ];
    for change in changes {
        let mut model = Model::new();
        change(&mut model);
        assert_eq!(model.bytes(), Model::new().bytes());
    }
}

/// The bytes of a fully connected layer, written down by hand from the format's description.
#[test]
fn bytes_are_those_of_the_format() {
    let range = ValueRange { lo: 0, hi: 255, source: RangeSource::WorstCase };
    let mut graph = Graph::new();
    let input = FixedInput { shape: Planes::vector(2), scale: PerChannel::uniform(8), range, stored: None };
    let input = graph.add(Fixed::Input(input), &[]);
    let mut dense = layer(OutputKind::Raw);
    kernel(&mut dense).input = Planes::vector(2);
    dense.output = Planes::vector(3);
    kernel(&mut dense).weights = Array4::zeros((3, 2, 1, 1));
    dense.bias = vec![1, 2, 3];
    kernel(&mut dense).padding = Padding::default();
    graph.add(Fixed::Layer(dense), &[input]);

    enum Part {
        Number(i64),
        Choice(u8),
    }
    use Part::{Choice, Number};
    let numbers = |numbers: &[i64]| numbers.iter().map(|number| Number(*number)).collect::<Vec<_>>();
    let parts = [
        // Version, nodes.
        numbers(&[1, 2]),
        // No sources; an input of shape, scale, range, and no unit.
        [numbers(&[0]), vec![Choice(0)], numbers(&[2, 1, 1, 1, 8, 0, 255]), vec![Choice(0)]]
            .into_iter()
            .flatten()
            .collect(),
        // One source, the input; a layer.
        [numbers(&[1, 0]), vec![Choice(1)]].into_iter().flatten().collect(),
        // Input, output, window, kernel, biases, groups, stride, padding.
        numbers(&[2, 1, 1, 3, 1, 1, 1, 4, 3, 2, 1, 1, 3, 1, 1, 0, 0, 0, 0]),
        // Skip connections, weight bits, scales of accumulators.
        numbers(&[0, 9, 1, 9]),
        // A raw output, digits of a bias.
        vec![Choice(0), Number(1)],
    ];
    let bytes = parts.into_iter().flatten().flat_map(|part| match part {
        Number(number) => number.to_le_bytes().to_vec(),
        Choice(variant) => vec![variant],
    });
    assert_eq!(structure(&graph), bytes.collect::<Vec<u8>>());
}
