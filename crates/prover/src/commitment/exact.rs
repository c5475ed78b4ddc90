//! The exact audit: a proof, made once per model, that a commitment holds integers of the plan's bits in rows that hold weights, and 0
//! everywhere else. Anyone checks it, without the weights.
//!
//! Lanes are audited in slices, each by a proof of its own, so that memory is bounded whatever the model. A slice is a column of its
//! lanes' folded rows, tied to the commitment as a proof's is, beside the lanes themselves, looked up. All slices together have to be
//! all lanes, each once. What it does not show: that idle lanes of ragged blocks are 0, which is harmless.

use std::sync::Arc;

use halo2_proofs::SerdeFormat;
use halo2_proofs::plonk::{self, keygen_vk_custom, verify_proof};
use halo2_proofs::poly::kzg::commitment::{KZGCommitmentScheme, ParamsKZG};
use halo2_proofs::poly::kzg::multiopen::VerifierSHPLONK;
use halo2_proofs::poly::kzg::strategy::SingleStrategy;
use halo2_proofs::transcript::{Blake2bRead, Challenge255, TranscriptReadBuffer, TranscriptWriterBuffer};
use halo2curves::bn256::{Bn256, Fr, G1Affine};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use serde::{Deserialize, Serialize};
use zklayout_circuit::audit::{AuditCircuit, AuditShape, AuditWitness};
use zklayout_circuit::streams::{WeightTape, powers};
use zklayout_model::{Fixed, Graph};
use zklayout_plan::cost::MOST_KEPT;
use zklayout_plan::{PlanHash, Streams};

use crate::artefact::Artefact;
use crate::binding::{bind, context_hash};
use crate::bundle::transcript;
use crate::commitment::bound::Bound;
use crate::commitment::link::{Link, hold};
use crate::commitment::model::ModelCommitment;
use crate::commitment::owner::{Owner, committed_layout};
use crate::commitment::recorder::Recorder;
use crate::core::{Cells, Key, Prepared, keygen, prove};
use crate::error::ProverError;
use crate::keys::VerifyingKey;
use crate::srs::Srs;

/// Lanes of a slice, unless it is the last.
const SLICE: usize = 16;

/// See the module's description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditProof {
    /// Digest of the model commitment.
    digest: PlanHash,
    /// By slice, from lane 0 on.
    slices: Vec<Vec<u8>>,
}

impl Artefact for AuditProof {
    const KIND: [u8; 4] = *b"audi";
    const NAME: &'static str = "proof of an audit";
}

impl AuditProof {
    /// Digest of the model commitment that it is about.
    pub fn digest(&self) -> PlanHash {
        self.digest
    }

    /// Bytes of all slices.
    pub fn size(&self) -> usize {
        self.slices.iter().map(Vec::len).sum()
    }
}

/// Proves what an audit says, slice by slice. `progress` is told of each slice that is done, and of how many there are.
///
/// # Errors
/// A key of another tape, a model whose weights are not the commitment's, or a failure of the proof system.
pub fn prove_audit(
    srs: &Srs,
    key: &VerifyingKey,
    owner: &Owner,
    graph: &Graph<Fixed>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<AuditProof, ProverError> {
    let plan = key.plan()?;
    let layout = committed_layout(&plan)?;
    let tape = WeightTape::of(layout, graph)?;
    let job = Job {
        key,
        model: owner.commitment(),
        shape: shape(layout),
        points: key.lanes_of(&plan, owner.commitment())?,
    };
    let (blinds, blinding) = (owner.blinds(layout, graph)?, key.blinding(&plan)?);
    let slices = slices(layout);
    let mut keys: Option<(usize, SliceKey)> = None;
    let mut proofs = Vec::with_capacity(slices.len());
    for (place, lanes) in slices.iter().enumerate() {
        let (_, slice_key) = match keys.take().filter(|(width, _)| *width == lanes.len()) {
            Some(known) => keys.insert(known),
            None => keys.insert((lanes.len(), SliceKey::new(srs, job.shape_of(lanes.len()))?)),
        };
        let cells = tape.cells().chunks(tape.lanes()).flat_map(|row| row[lanes.clone()].iter().copied()).collect();
        let witness = AuditWitness::of(&slice_key.shape, WeightTape::from_cells(lanes.len(), cells))?;
        proofs.push(job.prove(slice_key, lanes.start, witness, (&blinds[lanes.clone()], &blinding))?);
        progress(place + 1, slices.len());
    }
    Ok(AuditProof { digest: owner.commitment().digest(), slices: proofs })
}

/// Checks an audit, and returns the bits of the integers that the commitment holds.
///
/// # Errors
/// A key of another tape, an audit of another commitment, or one that does not verify; the message names the slice.
pub fn verify_audit(
    srs: &Srs,
    key: &VerifyingKey,
    model: &ModelCommitment,
    audit: &AuditProof,
) -> Result<u32, ProverError> {
    model.check_digest("audit", audit.digest)?;
    crate::keys::same_hash("the powers of tau", ("verifying key", key.srs_hash()), ("setup", srs.hash()))?;
    let plan = key.plan()?;
    let layout = committed_layout(&plan)?;
    let job = Job { key, model, shape: shape(layout), points: key.lanes_of(&plan, model)? };
    let (slices, blinding) = (slices(layout), key.blinding(&plan)?);
    if slices.len() != audit.slices.len() {
        let reason = format!("an audit of {} slices, expected {}", audit.slices.len(), slices.len());
        return Err(ProverError::Invalid(reason));
    }
    let params = srs.params(plan.k())?;
    let mut keys: Option<(usize, plonk::VerifyingKey<G1Affine>)> = None;
    for (lanes, proof) in slices.iter().zip(&audit.slices) {
        let (_, slice_key) = match keys.take().filter(|(width, _)| *width == lanes.len()) {
            Some(known) => keys.insert(known),
            None => keys.insert((lanes.len(), verifying_key(&params, job.shape_of(lanes.len()))?)),
        };
        job.verify(&params, slice_key, lanes.start, proof, &blinding)
            .map_err(|reason| ProverError::Invalid(format!("lanes {lanes:?} of the audit: {reason}")))?;
    }
    Ok(layout.weight_bits)
}

/// The lanes of each slice.
fn slices(layout: &Streams) -> Vec<std::ops::Range<usize>> {
    let lanes = layout.knobs.weight_lanes;
    (0..lanes).step_by(SLICE).map(|first| first..lanes.min(first + SLICE)).collect()
}

/// What the circuits of all slices share: a tape's rows, and which of them hold weights.
fn shape(layout: &Streams) -> AuditShape {
    let rows = layout.facts.iter().flat_map(|fact| fact.rows(&layout.homes, layout.weight_bits));
    let used = Arc::new(rows.map(|row| row.cells.is_some()).collect());
    AuditShape { k: layout.knobs.k, lanes: 0, bits: layout.weight_bits, used }
}

/// What slices of one width are proven with.
struct SliceKey {
    shape: AuditShape,
    key: Key,
    prepared: Prepared,
}

impl SliceKey {
    fn new(srs: &Srs, shape: AuditShape) -> Result<Self, ProverError> {
        let (k, circuit) = (shape.k, AuditCircuit { shape: shape.clone(), witness: None });
        let lagrange = srs.lagrange(k)?;
        let key = keygen(&*srs.params(k)?, &lagrange, &circuit).map_err(failed)?;
        let prepared = Prepared::new(&key, srs.tables(k)?, MOST_KEPT as usize);
        Ok(Self { shape, key, prepared })
    }
}

fn verifying_key(
    params: &ParamsKZG<Bn256>,
    shape: AuditShape,
) -> Result<plonk::VerifyingKey<G1Affine>, ProverError> {
    keygen_vk_custom(params, &AuditCircuit { shape, witness: None }, false).map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> ProverError {
    ProverError::ProofSystem { doing: "auditing", reason: error.to_string() }
}

/// What all slices share.
struct Job<'a> {
    key: &'a VerifyingKey,
    model: &'a ModelCommitment,
    shape: AuditShape,
    points: Vec<G1Affine>,
}

impl Job<'_> {
    fn shape_of(&self, lanes: usize) -> AuditShape {
        AuditShape { lanes, ..self.shape.clone() }
    }

    fn bound(&self, shape: &AuditShape, first: usize) -> Bound {
        let (column, challenge) = shape.folded();
        let unlinked = "its lanes are not those of the model commitment";
        Bound { role: "audited weights", unlinked, column, challenge, first, lanes: shape.lanes }
    }

    /// Hash of the audit's own key, with the key whose plan it is derived from.
    fn key_hash(&self, slice: &plonk::VerifyingKey<G1Affine>) -> PlanHash {
        let bytes = slice.to_bytes(SerdeFormat::RawBytes);
        PlanHash::of("audit key", &[&self.key.hash().0[..], &bytes].concat())
    }

    fn prove(
        &self,
        slice: &SliceKey,
        first: usize,
        witness: AuditWitness,
        (blinds, blinding): (&[Fr], &[G1Affine]),
    ) -> Result<Vec<u8>, ProverError> {
        let bound = self.bound(&slice.shape, first);
        let mut transcript = transcript();
        let (key, prefix) = (self.key_hash(&slice.key.verifying()), bound.prefix(self.model.digest()));
        bind(&mut transcript, key, context_hash(&[])?, Some(prefix)).map_err(failed)?;
        let generator = ChaCha20Rng::from_entropy();
        let cells = SliceCells { shape: &slice.shape, witness };
        prove(&slice.prepared, &slice.key, cells, &[], generator.clone(), &mut transcript).map_err(failed)?;
        let coefficients = powers(transcript.challenges[bound.challenge], bound.lanes);
        let difference = bound.difference(generator, slice.key.constraints(), &coefficients, blinds);
        let column = (transcript.points[bound.column], coefficients);
        let link =
            Link::write(&mut transcript, column, blinding, &difference, rand::rngs::OsRng).map_err(failed)?;
        let points = &self.points[first..first + bound.lanes];
        if !hold(&[link], &[Fr::one()], points, blinding) {
            return Err(ProverError::OtherWeights);
        }
        Ok(transcript.inner.finalize())
    }

    fn verify(
        &self,
        params: &ParamsKZG<Bn256>,
        slice: &plonk::VerifyingKey<G1Affine>,
        first: usize,
        proof: &[u8],
        blinding: &[G1Affine],
    ) -> Result<(), String> {
        let lanes = self.points.len().min(first + SLICE) - first;
        let bound = self.bound(&self.shape_of(lanes), first);
        let mut rest = proof;
        let mut transcript = Recorder::new(Blake2bRead::<_, G1Affine, Challenge255<_>>::init(&mut rest));
        let (key, prefix) = (self.key_hash(slice), bound.prefix(self.model.digest()));
        let context = context_hash(&[]).map_err(|error| error.to_string())?;
        bind(&mut transcript, key, context, Some(prefix)).map_err(|error| error.to_string())?;
        verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
            params,
            slice,
            SingleStrategy::new(params),
            &[&[]],
            &mut transcript,
        )
        .map_err(|error| error.to_string())?;
        let coefficients = powers(transcript.challenges[bound.challenge], lanes);
        let column = (transcript.points[bound.column], coefficients);
        let link = Link::read(&mut transcript, column, blinding.len()).map_err(|error| error.to_string())?;
        let points = &self.points[first..first + lanes];
        if !rest.is_empty() || !hold(&[link], &[Fr::one()], points, blinding) {
            return Err("its weights are not those of the model commitment".into());
        }
        Ok(())
    }
}

struct SliceCells<'a> {
    shape: &'a AuditShape,
    witness: AuditWitness,
}

impl Cells for SliceCells<'_> {
    fn small(&self) -> Vec<&[i64]> {
        self.witness.small()
    }

    fn wide(&self, challenges: &[Fr]) -> Vec<Vec<Fr>> {
        self.witness.wide(self.shape, challenges)
    }
}
