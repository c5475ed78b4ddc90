//! Commitments: alone, as the quotient's pieces are made, and several columns at once, as advice is committed.

use halo2_proofs::poly::commitment::{Blind, Params, ParamsProver};
use halo2_proofs::poly::{LagrangeCoeff, Polynomial};
use halo2curves::bn256::{Fr, G1};
use rayon::prelude::*;
use zklayout_plan::cost::Kernel;

use crate::calibrate::sampling::{Bench, Timings, record};

pub(super) fn measure(bench: &Bench<'_>, timings: &mut Timings) {
    record(timings, Kernel::CommitAlone, 1, || bench.params.commit(&bench.coefficients[0], Blind::default()));
    let kinds = [
        (Kernel::CommitWide, &bench.wide),
        (Kernel::CommitSmall, &bench.small),
        (Kernel::CommitEmpty, &bench.empty),
    ];
    for (kernel, columns) in kinds {
        record(timings, kernel, columns.len(), || together(bench, columns));
    }
}

fn together(bench: &Bench<'_>, columns: &[Polynomial<Fr, LagrangeCoeff>]) -> Vec<G1> {
    columns.par_iter().map(|column| bench.params.commit_lagrange(column, Blind::default())).collect()
}
