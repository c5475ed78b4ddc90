//! Convolutions are summed as their definition says, overflow by overflow and floats bit by bit, on any number of threads.
#![allow(missing_docs, clippy::unwrap_used)]

use ndarray::{Array3, Array4};
use proptest::prelude::*;
use zklayout_model::{
    Activation, FixedFinish, FloatFinish, Kernel, Layer, Number, OutputKind, Padding, PerChannel, Planes,
    Precision,
};

/// Numbers that look random, of at most `bits` bits.
fn numbers(seed: u64, bits: u32) -> impl Iterator<Item = i64> {
    (1..).map(move |place: u64| {
        let mixed = (place ^ seed.rotate_left(17)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) as i64 >> (64 - bits)
    })
}

#[derive(Clone, Debug)]
struct Case {
    kernel: Kernel<i64>,
    values: Array3<i64>,
    bias: Vec<i64>,
    output: Planes,
}

prop_compose! {
    fn cases()(
        (groups, inputs, outputs) in (1..3usize, 1..4usize, 1..4usize),
        (height, width, stride) in (1..7usize, 1..7usize, 1..4usize),
        (kh, kw) in (1..4usize, 1..4usize),
        (top, left, bottom, right) in (0..3usize, 0..3usize, 0..3usize, 0..3usize),
        (seed, bits) in (any::<u64>(), prop_oneof![2..20u32, 28..40u32]),
    ) -> Case {
        let input = Planes::new(groups * inputs, height.max(kh), width.max(kw));
        let mut numbers = numbers(seed, bits);
        let weights = Array4::from_shape_simple_fn((groups * outputs, inputs, kh, kw), || numbers.next().unwrap());
        let values = Array3::from_shape_simple_fn(input.dims(), || numbers.next().unwrap());
        let bias: Vec<i64> = numbers.take(groups * outputs).collect();
        let padding = Padding { top, left, bottom, right };
        let kernel = Kernel { input, window: 1, weights, groups, stride, padding };
        let output = kernel.output();
        Case { kernel, values, bias, output }
    }
}

/// The definition: every tap, and of each every channel.
fn defined<T: Number>(kernel: &Kernel<T>, values: &Array3<T>, bias: &[T], output: Planes) -> Option<Array3<T>> {
    let mut sums = Array3::from_shape_fn(output.dims(), |(channel, ..)| bias[channel]);
    let (kh, kw) = kernel.size();
    for ((o, row, column), sum) in sums.indexed_iter_mut() {
        for (dy, dx) in (0..kh).flat_map(|dy| (0..kw).map(move |dx| (dy, dx))) {
            let y = (row * kernel.stride + dy).checked_sub(kernel.padding.top);
            let x = (column * kernel.stride + dx).checked_sub(kernel.padding.left);
            let (Some(y), Some(x)) = (y, x) else { continue };
            for c in 0..kernel.group_inputs() {
                let Some(&value) = values.get((kernel.first_input(o) + c, y, x)) else { continue };
                *sum = sum.mul_add(kernel.weights[[o, c, dy, dx]], value)?;
            }
        }
    }
    Some(sums)
}

fn summed<T: Number<Finish: Sync>>(
    case: &Case,
    of: impl Fn(i64) -> T,
    finish: T::Finish,
) -> [Option<Array3<T>>; 3] {
    let kernel = case.kernel.with_weights(case.kernel.weights.mapv(&of));
    let (values, bias) = (case.values.mapv(&of), case.bias.iter().map(|&bias| of(bias)).collect::<Vec<_>>());
    let wanted = defined(&kernel, &values, &bias, case.output);
    let layer = Layer { name: "sum".into(), output: case.output, terms: vec![kernel.into()], bias, finish };
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| layer.accumulate(&[&values]))
    };
    [wanted, with(1), with(3)]
}

fn integers(case: &Case) -> [Option<Array3<i64>>; 3] {
    let finish = FixedFinish { weight_bits: 40, accumulator_scale: PerChannel::uniform(0), kind: OutputKind::Raw };
    summed(case, |integer| integer, finish)
}

fn floats(case: &Case) -> [Option<Array3<f64>>; 3] {
    let finish = FloatFinish { activation: Activation::none(), precision: Precision::Calibrated };
    summed(case, |integer| integer as f64 / 3.0, finish)
}

proptest! {
    #[test]
    fn sums_are_those_of_the_definition(case in cases()) {
        let [wanted, one, three] = integers(&case);
        prop_assert_eq!(&wanted, &one);
        prop_assert_eq!(&wanted, &three);
        let [wanted, one, three] = floats(&case).map(|sums| sums.unwrap().mapv(f64::to_bits));
        prop_assert_eq!(&wanted, &one);
        prop_assert_eq!(&wanted, &three);
    }
}

/// A dense layer over tokens with enough to add for several tasks.
fn dense(bits: u32) -> Case {
    let input = Planes::new(96, 1, 24);
    let mut numbers = numbers(7, bits);
    let weights = Array4::from_shape_simple_fn((160, 96, 1, 1), || numbers.next().unwrap());
    let values = Array3::from_shape_simple_fn(input.dims(), || numbers.next().unwrap());
    let kernel = Kernel { input, window: 1, weights, groups: 1, stride: 1, padding: Padding::default() };
    Case { output: kernel.output(), kernel, values, bias: numbers.take(160).collect() }
}

#[test]
fn sums_of_several_tasks_are_those_of_the_definition() {
    for (bits, overflows) in [(9, false), (26, false), (34, true)] {
        let [wanted, one, three] = integers(&dense(bits));
        assert_eq!(wanted.is_none(), overflows, "{bits} bits");
        assert_eq!((&wanted, &wanted), (&one, &three), "{bits} bits");
    }
    let [wanted, one, three] = floats(&dense(20)).map(|sums| sums.unwrap().mapv(f64::to_bits));
    assert_eq!((&wanted, &wanted), (&one, &three));
}

/// A sum that comes back from beyond 64 bits has overflowed all the same, and one that only might have is right.
#[test]
fn what_overflows_on_the_way_is_refused() {
    let large = 1i64 << 32;
    let cases = [
        ([large, large, -large], [large / 4, large / 4, large / 4], None),
        ([large, -large, large], [large / 4, large / 4, large / 4 - 1], Some((large / 4 - 1) * large)),
    ];
    for (weights, values, wanted) in cases {
        let input = Planes::vector(3);
        let weights = Array4::from_shape_vec((1, 3, 1, 1), weights.to_vec()).unwrap();
        let values = Array3::from_shape_vec(input.dims(), values.to_vec()).unwrap();
        let kernel = Kernel { input, window: 1, weights, groups: 1, stride: 1, padding: Padding::default() };
        let case = Case { output: kernel.output(), kernel, values, bias: vec![0] };
        for sums in integers(&case) {
            assert_eq!(sums.map(|sums| sums[[0, 0, 0]]), wanted);
        }
    }
}
