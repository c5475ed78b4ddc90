//! A proof of anything, by whoever knows tau.
//!
//! Every commitment and every evaluation is drawn at random; halo2's verifier then says which point the last one has to
//! be, and with tau that point is a division: `h (tau - u) = outer`, where the verifier holds `e(h, tau G2)` against
//! `e(outer + u h, G2)`.
#![allow(missing_docs, clippy::unwrap_used)]

use std::io;
use std::sync::Arc;

use ff::{Field, PrimeField};
use group::{Curve, Group, GroupEncoding};
use halo2_proofs::SerdeFormat;
use halo2_proofs::plonk::{self, Error, verify_proof};
use halo2_proofs::poly::VerificationStrategy;
use halo2_proofs::poly::kzg::commitment::{KZGCommitmentScheme, ParamsKZG};
use halo2_proofs::poly::kzg::msm::DualMSM;
use halo2_proofs::poly::kzg::multiopen::VerifierSHPLONK;
use halo2_proofs::poly::kzg::strategy::GuardKZG;
use halo2_proofs::transcript::{
    Blake2bWrite, Challenge255, EncodedChallenge, Transcript, TranscriptRead, TranscriptWrite,
    TranscriptWriterBuffer,
};
use halo2curves::bn256::{Bn256, Fq, Fr, G1, G1Affine};
use rand::rngs::OsRng;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use zklayout::plan::PlanHash;
use zklayout::{ProofBundle, VerifyingKey};
use zklayout_circuit::{CircuitParams, InferenceCircuit, instance_columns};

type Challenge = Challenge255<G1Affine>;

/// Bytes of a point in a proof.
const POINT_BYTES: usize = 32;

/// A bundle that verifies and says `output`, whatever the model: for a key under the development setup of `seed`.
pub fn forge(key: &VerifyingKey, seed: u64, output: Vec<i64>) -> ProofBundle {
    let plan = Arc::new(key.plan().unwrap());
    let params = ParamsKZG::<Bn256>::setup(plan.k(), ChaCha20Rng::seed_from_u64(seed));
    let tau = Fr::random(ChaCha20Rng::seed_from_u64(seed));
    let columns: Vec<Vec<Fr>> = instance_columns(&plan, &output, &[])
        .unwrap()
        .iter()
        .map(|column| column.iter().map(|value| field(*value)).collect())
        .collect();
    let columns: Vec<&[Fr]> = columns.iter().map(Vec::as_slice).collect();
    let context = PlanHash::of("context", &[]);
    let mut drawn = Drawn::new();
    for half in [key.hash(), context].iter().flat_map(|hash| hash.0.chunks(16)) {
        drawn.common_scalar(Fr::from_u128(u128::from_le_bytes(half.try_into().unwrap()))).unwrap();
    }
    let key_of_halo2 = halo2_key(key, CircuitParams(Some(plan)));
    let sums = verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, Sums<'_>>(
        &params,
        &key_of_halo2,
        Sums(DualMSM::new(&params)),
        &[&columns],
        &mut drawn,
    );
    let outer = right_side(&sums.unwrap()) - drawn.point * drawn.challenge;
    let last = (outer * (tau - drawn.challenge).invert().unwrap()).to_affine();
    let mut proof = drawn.inner.finalize();
    let end = proof.len() - POINT_BYTES;
    proof[end..].copy_from_slice(last.to_bytes().as_ref());
    ProofBundle {
        plan: key.plan_hash(),
        srs: key.srs_hash(),
        key: key.hash(),
        context,
        output,
        input: None,
        model: None,
        record: None,
        proof,
    }
}

fn field(value: i64) -> Fr {
    let magnitude = Fr::from(value.unsigned_abs());
    if value < 0 { -magnitude } else { magnitude }
}

fn halo2_key(key: &VerifyingKey, params: CircuitParams) -> plonk::VerifyingKey<G1Affine> {
    let saved = serde_json::to_value(key).unwrap();
    let bytes: Vec<u8> = serde_json::from_value(saved["key"].clone()).unwrap();
    plonk::VerifyingKey::from_bytes::<InferenceCircuit>(&bytes, SerdeFormat::RawBytes, params).unwrap()
}

/// A transcript that makes up whatever the verifier reads.
struct Drawn {
    inner: Blake2bWrite<Vec<u8>, G1Affine, Challenge>,
    /// The last challenge that was drawn, and the last point that was made up.
    challenge: Fr,
    point: G1Affine,
}

impl Drawn {
    fn new() -> Self {
        Self { inner: Blake2bWrite::init(Vec::new()), challenge: Fr::ZERO, point: G1Affine::default() }
    }
}

impl Transcript<G1Affine, Challenge> for Drawn {
    fn squeeze_challenge(&mut self) -> Challenge {
        let challenge = self.inner.squeeze_challenge();
        self.challenge = challenge.get_scalar();
        challenge
    }

    fn common_point(&mut self, point: G1Affine) -> io::Result<()> {
        self.inner.common_point(point)
    }

    fn common_scalar(&mut self, scalar: Fr) -> io::Result<()> {
        self.inner.common_scalar(scalar)
    }
}

impl TranscriptRead<G1Affine, Challenge> for Drawn {
    fn read_point(&mut self) -> io::Result<G1Affine> {
        self.point = G1::random(OsRng).to_affine();
        self.inner.write_point(self.point)?;
        Ok(self.point)
    }

    fn read_scalar(&mut self) -> io::Result<Fr> {
        let scalar = Fr::random(OsRng);
        self.inner.write_scalar(scalar)?;
        Ok(scalar)
    }
}

/// Keeps both sides of the pairing instead of comparing them; halo2 shows them to nobody but a debugger.
struct Sums<'params>(DualMSM<'params, Bn256>);

impl<'params> VerificationStrategy<'params, KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'params, Bn256>>
    for Sums<'params>
{
    type Output = String;

    fn new(params: &'params ParamsKZG<Bn256>) -> Self {
        Self(DualMSM::new(params))
    }

    fn process(
        self,
        verify: impl FnOnce(DualMSM<'params, Bn256>) -> Result<GuardKZG<'params, Bn256>, Error>,
    ) -> Result<String, Error> {
        verify(self.0).map(|guard| format!("{guard:?}"))
    }

    fn finalize(self) -> bool {
        false
    }
}

/// The sum of the pairing's right side, from its text: `right: MSMKZG { scalars: [...], bases: [G1 { x, y, z }, ...] }`.
fn right_side(sums: &str) -> G1 {
    let (_, right) = sums.rsplit_once("right: MSMKZG").unwrap();
    let (scalars, bases) = right.split_once("bases").unwrap();
    let coordinates: Vec<Fq> = numbers(bases);
    let points = coordinates.chunks(3).map(|point| G1 { x: point[0], y: point[1], z: point[2] });
    numbers::<Fr>(scalars).iter().zip(points).map(|(scalar, point)| point * scalar).sum()
}

/// All hexadecimal numbers of a text.
fn numbers<F: PrimeField>(text: &str) -> Vec<F> {
    let number = |digits: &str| {
        let bits = digits.chars().take_while(char::is_ascii_hexdigit).map(|digit| digit.to_digit(16).unwrap());
        bits.fold(F::ZERO, |number, digit| number * F::from(16) + F::from(u64::from(digit)))
    };
    text.split("0x").skip(1).map(number).collect()
}
