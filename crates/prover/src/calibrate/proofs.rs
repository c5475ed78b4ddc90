//! Whole proofs of synthetic circuits: keys, proof, verification, each timed.

use halo2_proofs::SerdeFormat;
use halo2_proofs::plonk::{VerifyingKey, create_proof, verify_proof};
use halo2_proofs::poly::kzg::commitment::{KZGCommitmentScheme, ParamsKZG};
use halo2_proofs::poly::kzg::multiopen::{ProverSHPLONK, VerifierSHPLONK};
use halo2_proofs::poly::kzg::strategy::SingleStrategy;
use halo2_proofs::transcript::{
    Blake2bRead, Blake2bWrite, Challenge255, TranscriptReadBuffer, TranscriptWriterBuffer,
};
use halo2curves::bn256::{Bn256, G1Affine};
use std::time::Instant;
use zklayout_plan::{CircuitShape, Profile};

use crate::calibrate::circuits::Synthetic;
use crate::calibrate::progress::Progress;
use crate::core::keygen;
use crate::error::ProverError;
use crate::provenance::DEVELOPMENT_SEED;
use crate::srs::Srs;

/// Rounds over all circuits of one size, and proofs of each circuit in a round; the fastest counts.
const ROUNDS: usize = 2;
const RUNS: usize = 1;
/// Sizes of the synthetic circuits, where the profile's range allows.
const SIZES: [u32; 4] = [9, 11, 13, 14];

/// One circuit's times.
pub(super) struct Measured {
    pub(super) name: String,
    pub(super) shape: CircuitShape,
    pub(super) prove: f64,
    pub(super) verify: f64,
}

/// Proves every synthetic circuit whose size is in range.
pub(super) fn measure(
    min_k: u32,
    max_k: u32,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Vec<Measured>, ProverError> {
    let mut sizes: Vec<u32> = SIZES.iter().map(|k| (*k).clamp(min_k, max_k)).collect();
    sizes.dedup();
    let mut proofs = Vec::new();
    for k in sizes {
        let srs = Srs::development(k, DEVELOPMENT_SEED)?;
        let (params, lagrange) = (srs.params(k)?, srs.lagrange(k)?);
        let mut sized: Vec<Measured> = circuits(k).iter().map(Measured::nothing).collect();
        for _ in 0..ROUNDS {
            for (circuit, measured) in circuits(k).iter().zip(&mut sized) {
                progress(Progress::Proof(circuit.name()));
                prove((&params, &lagrange), circuit, measured)?;
            }
        }
        proofs.extend(sized);
    }
    Ok(proofs)
}

/// Keeps the faster of both measurements of each circuit's proof.
pub(super) fn merge(proofs: &mut [Measured], earlier: &Profile) {
    for proof in proofs {
        let same = earlier.stock.residuals.iter().filter(|residual| residual.circuit == proof.name);
        proof.prove = same.map(|residual| residual.measured).fold(proof.prove, f64::min);
    }
}

/// A plain circuit, then one with more of each kind of work.
fn circuits(k: u32) -> Vec<Synthetic> {
    let plain = Synthetic { k, small: 6, wide: 3, fixed: 8, permuted: 3, lookups: 0, steps: 20 };
    vec![
        plain,
        Synthetic { steps: 300, ..plain },
        Synthetic { small: 24, permuted: 24, ..plain },
        Synthetic { small: 24, ..plain },
        Synthetic { fixed: 36, wide: 9, ..plain },
        Synthetic { lookups: 4, ..plain },
    ]
}

impl Measured {
    fn nothing(circuit: &Synthetic) -> Self {
        let shape = circuit.shape();
        Self { name: circuit.name(), shape, prove: f64::INFINITY, verify: f64::INFINITY }
    }
}

/// Makes keys, proves and verifies; keeps the fastest of each.
fn prove(
    (params, lagrange): (&ParamsKZG<Bn256>, &[G1Affine]),
    circuit: &Synthetic,
    measured: &mut Measured,
) -> Result<(), ProverError> {
    let key = keygen(params, lagrange, circuit).map_err(|error| ProverError::calibrating(error.to_string()))?;
    let key = key.stock();
    let saved = key.get_vk().to_bytes(SerdeFormat::RawBytes);
    for _ in 0..RUNS {
        let start = Instant::now();
        let mut transcript = Blake2bWrite::<_, _, Challenge255<_>>::init(Vec::new());
        create_proof::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, Bn256>, _, _, _, _>(
            params,
            &key,
            &[*circuit],
            &[&[]],
            rand::rngs::OsRng,
            &mut transcript,
        )
        .map_err(|error| ProverError::calibrating(error.to_string()))?;
        measured.prove = measured.prove.min(start.elapsed().as_secs_f64());
        let start = Instant::now();
        verify(params, &saved, circuit, &transcript.finalize())?;
        measured.verify = measured.verify.min(start.elapsed().as_secs_f64());
    }
    Ok(())
}

/// Reads the key, as a verifier does, and verifies.
fn verify(params: &ParamsKZG<Bn256>, key: &[u8], circuit: &Synthetic, proof: &[u8]) -> Result<(), ProverError> {
    let key = VerifyingKey::<G1Affine>::from_bytes::<Synthetic>(key, SerdeFormat::RawBytes, *circuit)
        .map_err(|error| ProverError::calibrating(error.to_string()))?;
    let mut transcript = Blake2bRead::<_, G1Affine, Challenge255<_>>::init(proof);
    verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
        params,
        &key,
        SingleStrategy::new(params),
        &[&[]],
        &mut transcript,
    )
    .map_err(|error| ProverError::calibrating(error.to_string()))
}
