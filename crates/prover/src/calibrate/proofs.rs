//! Whole proofs of synthetic circuits: keys, proof, verification, each timed.

use halo2_proofs::plonk::{create_proof, keygen_pk2, verify_proof};
use halo2_proofs::poly::kzg::commitment::{KZGCommitmentScheme, ParamsKZG};
use halo2_proofs::poly::kzg::multiopen::{ProverSHPLONK, VerifierSHPLONK};
use halo2_proofs::poly::kzg::strategy::SingleStrategy;
use halo2_proofs::transcript::{
    Blake2bRead, Blake2bWrite, Challenge255, TranscriptReadBuffer, TranscriptWriterBuffer,
};
use halo2curves::bn256::{Bn256, G1Affine};
use std::time::Instant;
use zklayout_plan::CircuitShape;

use crate::calibrate::circuits::Synthetic;
use crate::calibrate::{Progress, failure};
use crate::error::ProverError;
use crate::srs::{DEVELOPMENT_SEED, Srs};

/// Proofs of each circuit; the fastest counts.
const RUNS: usize = 3;
/// Sizes of the synthetic circuits, where the profile's range allows.
const SIZES: [u32; 4] = [9, 11, 13, 14];

/// One circuit's times.
pub(super) struct Measured {
    pub(super) name: String,
    pub(super) shape: CircuitShape,
    pub(super) prove: f64,
    pub(super) keygen: f64,
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
        for circuit in circuits(k) {
            progress(Progress::Proof(circuit.name()));
            proofs.push(prove(&*srs.params(k)?, &circuit)?);
        }
    }
    Ok(proofs)
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

fn prove(params: &ParamsKZG<Bn256>, circuit: &Synthetic) -> Result<Measured, ProverError> {
    let start = Instant::now();
    let key = keygen_pk2(params, circuit, false).map_err(|error| failure(error.to_string()))?;
    let keygen = start.elapsed().as_secs_f64();
    let (mut proving, mut verifying) = (f64::INFINITY, f64::INFINITY);
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
        .map_err(|error| failure(error.to_string()))?;
        proving = proving.min(start.elapsed().as_secs_f64());
        let proof = transcript.finalize();
        let start = Instant::now();
        let mut transcript = Blake2bRead::<_, G1Affine, Challenge255<_>>::init(&proof[..]);
        verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
            params,
            key.get_vk(),
            SingleStrategy::new(params),
            &[&[]],
            &mut transcript,
        )
        .map_err(|error| failure(error.to_string()))?;
        verifying = verifying.min(start.elapsed().as_secs_f64());
    }
    Ok(Measured { name: circuit.name(), shape: circuit.shape(), prove: proving, keygen, verify: verifying })
}
