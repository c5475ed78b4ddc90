//! Transforms: to coefficients, to a part of the extended domain, and from all parts to the quotient.

use ff::Field;
use halo2_proofs::poly::{LagrangeCoeff, Polynomial};
use halo2curves::bn256::Fr;
use rayon::prelude::*;
use zklayout_plan::cost::Kernel;

use crate::calibrate::sampling::{Bench, Timings, record};

pub(super) fn measure(bench: &Bench<'_>, timings: &mut Timings) {
    let (domain, columns) = (&bench.domain, bench.wide.len());
    record(timings, Kernel::InverseTransform, columns, || -> Vec<_> {
        bench.wide.iter().map(|column| domain.lagrange_to_coeff(column.clone())).collect()
    });
    let factor = domain.get_extended_omega();
    record(timings, Kernel::PartTransform, columns, || -> Vec<_> {
        let part = |column: &Polynomial<_, _>| domain.coeff_to_extended_part(column.clone(), factor);
        bench.coefficients.iter().map(part).collect()
    });
    record(timings, Kernel::PartTransformTogether, columns, || -> Vec<_> {
        let part = |column: &Polynomial<_, _>| domain.coeff_to_extended_part(column.clone(), factor);
        bench.coefficients.par_iter().map(part).collect()
    });
    record(timings, Kernel::QuotientTransform, 1, || quotient(bench));
}

/// From parts to pieces, as the quotient is made.
fn quotient(bench: &Bench<'_>) -> Vec<Vec<Fr>> {
    let domain = &bench.domain;
    let parts = domain.extended_len() >> domain.k();
    let values: Vec<Polynomial<Fr, LagrangeCoeff>> =
        (0..parts).map(|part| bench.wide[part % bench.wide.len()].clone()).collect();
    let quotient = domain.divide_by_vanishing_poly(domain.extended_from_lagrange_vec(values));
    let coefficients = domain.extended_to_coeff(quotient);
    debug_assert!(coefficients.iter().any(|coefficient| *coefficient != Fr::ZERO));
    coefficients.chunks_exact(domain.get_n() as usize).map(<[Fr]>::to_vec).collect()
}
