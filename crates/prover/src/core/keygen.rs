//! Key generation: halo2's keys, by commitments to integers and to what copies change.
//!
//! A permuted column without copies is `delta^column * X`, whose commitment is a multiple of the second power of tau: only the cells
//! that are copies of others are summed.

use ff::{Field, PrimeField};
use group::prime::PrimeCurveAffine;
use halo2_proofs::plonk::{Circuit, Error, VerifyingKey, permutation};
use halo2_proofs::poly::EvaluationDomain;
use halo2_proofs::poly::commitment::{Params, ParamsProver};
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use halo2curves::bn256::{Bn256, Fr, G1, G1Affine};
use rayon::prelude::*;

use crate::core::columns::affine;
use crate::core::key::Key;
use crate::core::key_columns::{KeyColumns, root};
use crate::core::small;
use crate::core::wide::sum_once;

/// Makes a circuit's key, with the Lagrange basis of as many powers as it has rows.
///
/// # Errors
/// A circuit with selectors or constants, or one that takes more rows.
pub(crate) fn keygen<C: Circuit<Fr>>(
    params: &ParamsKZG<Bn256>,
    lagrange: &[G1Affine],
    circuit: &C,
) -> Result<Key, Error> {
    if lagrange.len() != 1 << params.k() {
        return Err(Error::NotEnoughRowsAvailable { current_k: params.k() });
    }
    let (cs, columns) = KeyColumns::of(params.k(), circuit)?;
    let fixed = affine(&commit_fixed(&columns, lagrange));
    let permuted: Vec<G1> = columns
        .permutations
        .iter()
        .enumerate()
        .map(|(place, values)| commit_permuted(params, lagrange, place, values))
        .collect();
    let permutation = permutation::VerifyingKey::from_commitments(affine(&permuted));
    let (cs, _) = cs.directly_convert_selectors_to_fixed(Vec::new());
    let domain = EvaluationDomain::new(cs.degree() as u32, params.k());
    let verifying = VerifyingKey::from_parts(domain, fixed, permutation, cs, Vec::new(), false);
    Ok(Key::of(&verifying, columns))
}

/// The key whose verifier's part is known.
///
/// # Errors
/// See [`keygen`].
pub(crate) fn with_columns<C: Circuit<Fr>>(verifying: &VerifyingKey<G1Affine>, circuit: &C) -> Result<Key, Error> {
    let (_, columns) = KeyColumns::of(verifying.get_domain().k(), circuit)?;
    Ok(Key::of(verifying, columns))
}

/// Commitments to the different ones of the fixed columns, by fixed column.
fn commit_fixed(columns: &KeyColumns, lagrange: &[G1Affine]) -> Vec<G1> {
    let commit = |values: &&Vec<Fr>| match values.iter().map(integer).collect::<Option<Vec<i64>>>() {
        Some(integers) => small::sum(&integers, lagrange),
        None => sum_once(values, lagrange),
    };
    let commitments: Vec<G1> = columns.different()[..columns.different_fixed()].par_iter().map(commit).collect();
    columns.places().fixed.iter().map(|place| commitments[*place]).collect()
}

/// An integer of 62 bits and a sign, if a number is one.
fn integer(value: &Fr) -> Option<i64> {
    let magnitude = |value: &Fr| {
        let repr = value.to_repr();
        let (low, high) = repr.as_ref().split_first_chunk::<8>()?;
        let low = i64::try_from(u64::from_le_bytes(*low)).ok()?;
        high.iter().all(|byte| *byte == 0).then_some(low)
    };
    if *value == Fr::ZERO { Some(0) } else { magnitude(value).or_else(|| magnitude(&-value).map(|low| -low)) }
}

fn commit_permuted(params: &ParamsKZG<Bn256>, lagrange: &[G1Affine], place: usize, values: &[Fr]) -> G1 {
    let (delta, root) = (Fr::DELTA.pow_vartime([place as u64]), root(params.k()));
    let points = std::iter::successors(Some(delta), |point| Some(*point * root));
    let changed = values.iter().zip(points).zip(lagrange).filter(|((value, point), _)| **value != *point);
    let (changes, bases): (Vec<Fr>, Vec<G1Affine>) =
        changed.map(|((value, point), base)| (*value - point, *base)).unzip();
    let plain = params.get_g().get(1).map_or(G1::default(), |tau| tau.to_curve() * delta);
    plain + sum_once(&changes, &bases)
}
