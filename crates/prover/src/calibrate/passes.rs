//! Passes over columns that are neither commitments nor transforms.

use ff::{BatchInvert, Field};
use halo2_proofs::arithmetic::{eval_polynomial, kate_division, parallelize};
use halo2_proofs::plonk::Assigned;
use halo2_proofs::poly::{Coeff, Polynomial};
use halo2curves::bn256::Fr;
use rayon::prelude::*;
use zklayout_plan::cost::Kernel;

use crate::calibrate::sampling::{Bench, Timings, record};

pub(super) fn measure(bench: &Bench<'_>, timings: &mut Timings) {
    let column: &[Fr] = &bench.wide[0];
    let point = column[0];
    record(timings, Kernel::Assignment, bench.wide.len(), || assign(bench));
    record(timings, Kernel::BatchInversion, 1, || {
        let mut cells = column.to_vec();
        cells.iter_mut().batch_invert();
        cells
    });
    record(timings, Kernel::PermutationPass, 1, || permutation_pass(bench));
    record(timings, Kernel::RunningProduct, 1, || {
        let mut products = vec![Fr::ONE];
        for row in 1..column.len() {
            products.push(products[row - 1] * column[row - 1]);
        }
        products
    });
    record(timings, Kernel::Evaluation, 1, || eval_polynomial(column, point));
    record(timings, Kernel::OpeningPass, bench.coefficients.len(), || opening(bench));
    record(timings, Kernel::Division, 1, || kate_division(column, point));
    record(timings, Kernel::RandomColumn, 1, || {
        let mut cells = vec![Fr::ZERO; column.len()];
        parallelize(&mut cells, |cells, _| {
            let mut rng = rand::thread_rng();
            cells.iter_mut().for_each(|cell| *cell = Fr::random(&mut rng));
        });
        cells
    });
}

/// Tables of possibly fractional cells: made, filled, searched for denominators, read.
fn assign(bench: &Bench<'_>) -> Vec<Vec<Fr>> {
    let empty = vec![Assigned::Trivial(Fr::ZERO); bench.wide[0].len()];
    let mut tables = vec![empty; bench.wide.len()];
    for (table, column) in tables.iter_mut().zip(&bench.wide) {
        for (cell, value) in table.iter_mut().zip(column.iter()) {
            *cell = Assigned::Trivial(*value);
        }
    }
    let mut denominators: Vec<Option<Fr>> =
        tables.iter().flat_map(|table| table.iter().map(Assigned::denominator)).collect();
    denominators.iter_mut().filter_map(Option::as_mut).batch_invert();
    let read = |(table, denominators): (&Vec<Assigned<Fr>>, &[Option<Fr>])| {
        let cells = table.iter().zip(denominators);
        cells.map(|(cell, inverse)| cell.numerator() * inverse.unwrap_or(Fr::ONE)).collect()
    };
    tables.par_iter().zip(denominators.par_chunks(bench.wide[0].len())).map(read).collect()
}

/// Both factors of one permuted column.
fn permutation_pass(bench: &Bench<'_>) -> Vec<Fr> {
    let (values, targets) = (&bench.wide[0], &bench.wide[1]);
    let (beta, gamma, omega) = (values[0], values[1], bench.domain.get_omega());
    let mut products = vec![Fr::ONE; values.len()];
    parallelize(&mut products, |products, start| {
        let cells = products.iter_mut().zip(&values[start..]).zip(&targets[start..]);
        cells.for_each(|((product, value), target)| *product *= beta * target + gamma + value);
    });
    parallelize(&mut products, |products, start| {
        let mut power = omega.pow_vartime([start as u64]);
        for (product, value) in products.iter_mut().zip(&values[start..]) {
            *product *= power * beta + gamma + value;
            power *= omega;
        }
    });
    products
}

/// Both combinations of the opening.
fn opening(bench: &Bench<'_>) -> Option<Polynomial<Fr, Coeff>> {
    let factor = bench.wide[0][0];
    let combine = |polynomials: Vec<Polynomial<Fr, Coeff>>| {
        let scaled = polynomials.into_iter().map(|polynomial| polynomial * factor);
        scaled.reduce(|sum, polynomial| sum + &polynomial)
    };
    let copies = || bench.coefficients.par_iter().map(|polynomial| polynomial - factor).collect();
    let first = combine(copies());
    let second = combine(copies());
    first.zip(second).map(|(first, second)| first + &second)
}
