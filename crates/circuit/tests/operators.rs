//! Networks of every operator that is made of others: maxima, products, concatenations, moves. The integers are compared
//! with floats, and their circuits accept them.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod nets;

use ndarray::Array3;
use nets::operators::{Net, random_operators};
use nets::{Case, Numbers, accept};
use zklayout_model::{FloatOp, Function, Move, Planes, QuantiseOptions, execute, execute_floats, fuse, quantise};
use zklayout_plan::{Family, PlanOptions, plan};

/// Runs the network in floats and in integers, compares them, and has circuits of several widths accept it.
fn check(net: &mut Net, name: &str) {
    let input = net.graph.nodes().next().unwrap().1.shape;
    let sample: Vec<f64> = (0..input.len()).map(|_| net.numbers.real()).collect();
    let options = QuantiseOptions { input_bits: 8, weight_bits: 8, table_bits: 9, ..QuantiseOptions::default() };
    let fused = fuse(&net.graph).unwrap();
    let graph = quantise(&fused, std::slice::from_ref(&sample), &options).unwrap();
    let trace = execute(&graph, &sample).unwrap();
    let tensor = Array3::from_shape_vec(input.dims(), sample).unwrap();
    let float = execute_floats(&fused, &tensor).unwrap().values.pop().unwrap();
    let found = graph.nodes().last().unwrap().1.dequantise(trace.values.last().unwrap());
    let largest = float.iter().fold(1.0f64, |most, value| most.max(value.abs()));
    for (value, float) in found.iter().zip(&float) {
        assert!((value - float).abs() < 0.1 * largest, "{name}: {value} is not {float}");
    }
    let case = Case { graph, trace };
    let mut accepted = 0;
    for lanes in [None, Some(1), Some(4), Some(6), Some(11)] {
        let options = PlanOptions { lanes, family: Some(Family::Streams), max_k: 15, ..PlanOptions::default() };
        match plan(&case.graph, &options) {
            Ok(plan) => {
                accept(&format!("{name}, {lanes:?} lanes"), &case, plan);
                accepted += 1;
            }
            Err(error) => assert!(lanes.is_some(), "{name}: {error}"),
        }
    }
    assert!(accepted >= 2, "{name}: {accepted} widths fit");
}

#[test]
fn pools_of_strided_convolutions() {
    let (mut net, input) = Net::new(Planes::new(2, 16, 12));
    let x = net.conv(input, 3, 3, 2);
    let x = net.relu(x);
    let x = net.max_pool(x, (2, 2), 2, 0);
    let x = net.conv(x, 4, 3, 1);
    net.add(FloatOp::Flatten, &[x], Planes::vector(4 * 4 * 3));
    check(&mut net, "pools of strided convolutions");
}

#[test]
fn inception() {
    let (mut net, input) = Net::new(Planes::new(2, 8, 8));
    let x = net.conv(input, 3, 3, 1);
    let x = net.relu(x);
    let narrow = net.conv(x, 2, 1, 1);
    let wide = net.conv(x, 3, 5, 1);
    let wide = net.relu(wide);
    let pooled = net.max_pool(x, (3, 3), 1, 1);
    let all = net.concat(&[narrow, wide, pooled]);
    let y = net.conv(all, 2, 3, 1);
    net.relu(y);
    check(&mut net, "inception");
}

#[test]
fn overlapping_pools() {
    let (mut net, input) = Net::new(Planes::new(1, 9, 9));
    let x = net.conv(input, 2, 3, 1);
    let x = net.relu(x);
    let x = net.max_pool(x, (3, 3), 2, 1);
    let x = net.conv(x, 3, 3, 1);
    let shape = net.shape(x);
    net.max_pool(x, (shape.height, shape.width), 1, 0);
    check(&mut net, "overlapping pools");
}

#[test]
fn gates_and_products() {
    let (mut net, input) = Net::new(Planes::new(2, 6, 6));
    let a = net.conv(input, 3, 3, 1);
    let b = net.conv(input, 3, 1, 1);
    let b = net.function(b, Function::Sigmoid);
    let gated = net.same(FloatOp::Product, &[a, b]);
    let x = net.conv(gated, 2, 3, 2);
    let x = net.function(x, Function::HardSwish);
    let x = net.same(FloatOp::ChannelLeaky { slopes: vec![0.25, -0.5] }, &[x]);
    net.function(x, Function::Tanh);
    check(&mut net, "gates and products");
}

/// In open layers, after activations, beside skip connections, cropped by what reads them, and on what is read in windows.
#[test]
fn constants_of_positions() {
    let (mut net, input) = Net::new(Planes::new(2, 8, 7));
    let x = net.offset(input, 1.0);
    let x = net.conv(x, 3, 3, 1);
    let x = net.offset(x, 1.0);
    let relu = net.relu(x);
    let turned = net.offset(relu, -1.0);
    let sum = net.same(FloatOp::Sum { terms: vec![Move::plain(1.0), Move::plain(1.0)] }, &[turned, relu]);
    let sum = net.offset(sum, 1.0);
    let part = net.part(sum, (0, 0), Planes::new(3, 6, 6));
    let strided = net.conv(part, 2, 3, 2);
    let strided = net.offset(strided, 1.0);
    let y = net.relu(strided);
    net.max_pool(y, (3, 3), 1, 1);
    check(&mut net, "constants of positions");
}

/// Whatever reads and crops the tensor that a constant is added to.
#[test]
fn random_operators_on_constants_are_accepted() {
    let mut numbers = Numbers::new(8);
    let mut accepted = 0;
    for index in 0..60 {
        let mut net = random_operators(&mut numbers);
        let last = net.graph.nodes().last().unwrap().0;
        let offset = net.offset(last, if index % 3 == 0 { -1.0 } else { 1.0 });
        let relu = net.relu(offset);
        let (shape, stride) = (net.shape(relu), 1 + index % 2);
        if shape.height.min(shape.width) >= 3 {
            let y = net.conv(relu, 2, 3, stride);
            net.offset(y, 1.0);
        }
        let Ok(case) = Case::of_operators(&net.graph, index as u64) else { continue };
        let lanes = Some(1 + numbers.below(16));
        let options = PlanOptions { lanes, family: Some(Family::Streams), max_k: 14, ..PlanOptions::default() };
        if let Ok(plan) = plan(&case.graph, &options) {
            accept(&format!("network {index} with constants"), &case, plan);
            accepted += 1;
        }
    }
    assert!(accepted > 35, "only {accepted} networks were laid out");
}

#[test]
fn slices_and_pads() {
    let (mut net, input) = Net::new(Planes::new(2, 7, 6));
    let x = net.conv(input, 3, 3, 1);
    let upper = net.part(x, (0, 1), Planes::new(3, 4, 5));
    let lower = net.part(x, (3, 0), Planes::new(3, 4, 5));
    let sum = net.same(FloatOp::Sum { terms: vec![Move::plain(1.0), Move::plain(-1.0)] }, &[upper, lower]);
    let wide = net.part(sum, (-2, -1), Planes::new(3, 7, 8));
    let y = net.conv(wide, 2, 3, 1);
    net.relu(y);
    check(&mut net, "slices and pads");
}

/// The largest integer of every window, whatever its size and place.
#[test]
fn maxima_are_exact() {
    for window in [(1, 1), (1, 2), (2, 1), (2, 2), (2, 3), (3, 3), (4, 2), (5, 4)] {
        for (stride, padding) in [(1, 0), (2, 0), (3, 0), (1, 1), (2, 1)] {
            if 2 * padding >= window.0.min(window.1) {
                continue;
            }
            let (mut net, input) = Net::new(Planes::new(2, 6, 8));
            let x = net.conv(input, 2, 3, 1);
            let pooled = net.max_pool(x, window, stride, padding);
            let shape = net.shape(pooled);
            let sample: Vec<f64> = (0..96).map(|_| net.numbers.real()).collect();
            let graph =
                quantise(&fuse(&net.graph).unwrap(), std::slice::from_ref(&sample), &QuantiseOptions::default())
                    .unwrap();
            let trace = execute(&graph, &sample).unwrap();
            let (source, found) = (&trace.values[1], trace.values.last().unwrap());
            for ((c, y, x), value) in found.indexed_iter() {
                let rows = (0..window.0).filter_map(|dy| (y * stride + dy).checked_sub(padding));
                let cells = rows.flat_map(|row| {
                    let columns = (0..window.1).filter_map(|dx| (x * stride + dx).checked_sub(padding));
                    columns.filter_map(move |column| source.get((c, row, column))).collect::<Vec<_>>()
                });
                assert_eq!(
                    Some(value),
                    cells.max(),
                    "{window:?}, stride {stride}, {padding} padded, at {c} {y} {x}"
                );
            }
            assert_eq!(found.dim(), shape.dims());
        }
    }
}

/// Planes of one row or column, and windows that reach beyond both of their ends.
#[test]
fn windows_larger_than_the_plane() {
    for (size, reach) in [((1, 4), 1), ((4, 1), 1), ((2, 5), 3), ((1, 1), 1)] {
        let (mut net, input) = Net::new(Planes::new(2, size.0, size.1));
        let x = net.conv(input, 2, 1, 1);
        net.max_pool(x, (2 * reach + 1, 2 * reach + 1), 1, reach);
        check(&mut net, "windows larger than the plane");
    }
}

/// Zeros that are outside of an activation's values, on one side only.
#[test]
fn pads_beyond_an_activation() {
    let (mut net, input) = Net::new(Planes::new(1, 3, 3));
    let x = net.conv(input, 2, 3, 1);
    let x = net.function(x, Function::Sigmoid);
    net.part(x, (0, 0), Planes::new(2, 4, 5));
    check(&mut net, "pads beyond an activation");
}

#[test]
fn random_operators_are_accepted() {
    let mut numbers = Numbers::new(3);
    let mut accepted = 0;
    for index in 0..150 {
        let net = random_operators(&mut numbers);
        let Ok(case) = Case::of_operators(&net.graph, index) else { continue };
        let lanes = Some(1 + numbers.below(16));
        let options = PlanOptions { lanes, family: Some(Family::Streams), max_k: 14, ..PlanOptions::default() };
        if let Ok(plan) = plan(&case.graph, &options) {
            accept(&format!("network {index}"), &case, plan);
            accepted += 1;
        }
    }
    assert!(accepted > 100, "only {accepted} networks were laid out");
}
