//! A column of a proof holds a known combination of what was committed elsewhere, but for its blinding rows.
//!
//! For the column's commitment `C`, coefficients `a_l` and commitments `C_l`, and the Lagrange points `L_j` of the blinding rows,
//! the prover knows `d_j` with `C - sum_l a_l * C_l = sum_j d_j * L_j`. Every point of the curve is such a combination; that the
//! prover *knows* one is what binds the column, because nobody knows two representations of a point in powers of tau. It is shown
//! as Schnorr does, on the transcript that halo2 ended, so that the challenge depends on the whole proof:
//!
//! ```text
//! prover                          verifier
//! t_j random, R = sum t_j L_j  ->
//!                              <- c, the transcript's
//! z_j = t_j + c * d_j          ->  sum_j z_j L_j = R + c * (C - sum_l a_l C_l)
//! ```
//!
//! It does not know what is committed. A column's values on all other rows are those of the combination, whatever they are.

use std::io;

use ff::Field;
use group::{Curve, Group};
use halo2_proofs::arithmetic::best_multiexp;
use halo2_proofs::transcript::{Challenge255, TranscriptRead, TranscriptWrite};
use halo2curves::bn256::{Fr, G1, G1Affine};
use rand::RngCore;

/// A link as the verifier sees it.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    /// The column's commitment.
    column: G1Affine,
    /// What each commitment is multiplied by.
    coefficients: Vec<Fr>,
    /// `R`.
    nonce: G1Affine,
    /// `c`.
    challenge: Fr,
    /// `z_j`.
    answers: Vec<Fr>,
}

impl Link {
    /// Shows that the prover knows `difference`: the column's blinding cells less those of the combination.
    pub(crate) fn write<T: TranscriptWrite<G1Affine, Challenge255<G1Affine>>>(
        transcript: &mut T,
        (column, coefficients): (G1Affine, Vec<Fr>),
        blinding: &[G1Affine],
        difference: &[Fr],
        mut rng: impl RngCore,
    ) -> io::Result<Self> {
        let nonces: Vec<Fr> = blinding.iter().map(|_| Fr::random(&mut rng)).collect();
        let nonce = best_multiexp(&nonces, blinding).to_affine();
        transcript.write_point(nonce)?;
        let challenge: Fr = *transcript.squeeze_challenge_scalar::<()>();
        let answers: Vec<Fr> =
            nonces.iter().zip(difference).map(|(nonce, difference)| *nonce + challenge * difference).collect();
        answers.iter().try_for_each(|answer| transcript.write_scalar(*answer))?;
        Ok(Self { column, coefficients, nonce, challenge, answers })
    }

    /// Reads what [`Link::write`] wrote, for so many blinding rows.
    pub(crate) fn read<T: TranscriptRead<G1Affine, Challenge255<G1Affine>>>(
        transcript: &mut T,
        (column, coefficients): (G1Affine, Vec<Fr>),
        rows: usize,
    ) -> io::Result<Self> {
        let nonce = transcript.read_point()?;
        let challenge: Fr = *transcript.squeeze_challenge_scalar::<()>();
        let answers = (0..rows).map(|_| transcript.read_scalar()).collect::<io::Result<_>>()?;
        Ok(Self { column, coefficients, nonce, challenge, answers })
    }
}

/// Whether all links hold, by one multi-scalar multiplication of the commitments' points, however many links there are.
///
/// `weights` has one number per link. One link needs none but 1; of several, they must be drawn when all links are known.
pub(crate) fn hold(links: &[Link], weights: &[Fr], commitments: &[G1Affine], blinding: &[G1Affine]) -> bool {
    let fits = |link: &Link| link.coefficients.len() == commitments.len() && link.answers.len() == blinding.len();
    if !links.iter().all(fits) || weights.len() != links.len() {
        return false;
    }
    let mut scalars = vec![Fr::ZERO; commitments.len() + blinding.len()];
    let mut points = [commitments, blinding].concat();
    for (link, weight) in links.iter().zip(weights) {
        let raised = *weight * link.challenge;
        let combined = link.coefficients.iter().map(|coefficient| raised * coefficient);
        let terms = combined.chain(link.answers.iter().map(|answer| *weight * answer));
        scalars.iter_mut().zip(terms).for_each(|(scalar, term)| *scalar += term);
        scalars.extend([-*weight, -raised]);
        points.extend([link.nonce, link.column]);
    }
    let sum: G1 = best_multiexp(&scalars, &points);
    sum.is_identity().into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;

    /// A link that the equation's left side is solved for: what anyone can make who knows the challenge beforehand.
    fn simulated(commitments: &[G1Affine], blinding: &[G1Affine], rng: &mut ChaCha20Rng) -> Link {
        let coefficients: Vec<Fr> = commitments.iter().map(|_| Fr::random(&mut *rng)).collect();
        let column = (G1Affine::generator() * Fr::random(&mut *rng)).to_affine();
        let challenge = Fr::random(&mut *rng);
        let answers: Vec<Fr> = blinding.iter().map(|_| Fr::random(&mut *rng)).collect();
        let expected: G1 = best_multiexp(&coefficients, commitments);
        let answered: G1 = best_multiexp(&answers, blinding);
        let nonce = (answered - (G1::from(column) - expected) * challenge).to_affine();
        Link { column, coefficients, nonce, challenge, answers }
    }

    fn points(count: usize, rng: &mut ChaCha20Rng) -> Vec<G1Affine> {
        (0..count).map(|_| (G1Affine::generator() * Fr::random(&mut *rng)).to_affine()).collect()
    }

    #[test]
    fn links_are_simulated_without_weights_and_forged_where_the_challenge_is_known() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let (commitments, blinding) = (points(5, &mut rng), points(6, &mut rng));
        let link = simulated(&commitments, &blinding, &mut rng);
        assert!(hold(std::slice::from_ref(&link), &[Fr::ONE], &commitments, &blinding));
        let drawn = Link { challenge: Fr::random(&mut rng), ..link };
        assert!(!hold(&[drawn], &[Fr::ONE], &commitments, &blinding));
    }

    #[test]
    fn errors_that_cancel_are_found_by_numbers_drawn_afterwards() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let (commitments, blinding) = (points(3, &mut rng), points(6, &mut rng));
        let mut links: Vec<Link> = (0..2).map(|_| simulated(&commitments, &blinding, &mut rng)).collect();
        let error = G1Affine::generator() * Fr::random(&mut rng);
        links[0].nonce = (links[0].nonce + error).to_affine();
        links[1].nonce = (links[1].nonce - error).to_affine();
        assert!(hold(&links, &[Fr::ONE, Fr::ONE], &commitments, &blinding), "a batch without numbers is fooled");
        assert!(!hold(&links, &[Fr::random(&mut rng), Fr::random(&mut rng)], &commitments, &blinding));
    }

    #[test]
    fn other_numbers_of_points_or_answers_are_refused() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let (commitments, blinding) = (points(4, &mut rng), points(6, &mut rng));
        let link = simulated(&commitments, &blinding, &mut rng);
        let one = |link: Link, commitments: &[G1Affine], blinding: &[G1Affine]| {
            hold(&[link], &[Fr::ONE], commitments, blinding)
        };
        assert!(!one(link.clone(), &commitments[1..], &blinding));
        assert!(!one(link.clone(), &commitments, &blinding[1..]));
        assert!(!one(Link { answers: link.answers[1..].to_vec(), ..link }, &commitments, &blinding));
    }
}
