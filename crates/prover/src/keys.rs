//! Proving and verifying keys.

use std::sync::{Arc, OnceLock};

use group::prime::PrimeCurveAffine;
use halo2_proofs::SerdeFormat;
use halo2_proofs::plonk::{self, Circuit, ConstraintSystem};
use halo2curves::CurveAffine;
use halo2curves::bn256::G1Affine;
use halo2curves::serde::SerdeObject;
use serde::{Deserialize, Serialize};
use zklayout_circuit::{CircuitParams, Grid, InferenceCircuit, check_shape, configured_shape};
use zklayout_model::{Fixed, Graph};
use zklayout_plan::cost::{MOST_KEPT, most_kept};
use zklayout_plan::{CircuitShape, Plan, PlanHash, UNUSABLE_ROWS, WeightMode};

use crate::artefact::Artefact;
use crate::commitment::{ModelCommitment, Owner, committed_layout};
use crate::core::{self, Key, Prepared};
use crate::error::ProverError;
use crate::srs::Srs;

/// First byte of halo2's keys.
const KEY_VERSION: u8 = 2;
/// Bytes of a point in halo2's raw format.
const POINT_BYTES: usize = 64;

/// What a verifier needs beside the verifier's powers of tau: the plan and the key's commitments, and where something is committed
/// outside of the circuit the Lagrange points of the rows that hide a column.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VerifyingKey {
    plan: String,
    srs: PlanHash,
    key: Vec<u8>,
}

impl Artefact for VerifyingKey {
    const KIND: [u8; 4] = *b"vkey";
    const NAME: &'static str = "verifying key";
}

/// What a prover needs beside the powers of tau and the model.
#[derive(Clone, Debug)]
pub struct ProvingKey {
    pub(crate) plan: Arc<Plan>,
    pub(crate) grid: Arc<Grid>,
    pub(crate) key: Arc<Key>,
    most_kept: usize,
    prepared: Arc<OnceLock<Prepared>>,
    stock: Arc<OnceLock<plonk::ProvingKey<G1Affine>>>,
    verifying: VerifyingKey,
    owner: Option<Arc<Owner>>,
}

/// Makes the keys of a plan, which are those that halo2 makes, and checks that the circuit has exactly the planned shape.
///
/// # Errors
/// Too few powers of tau, a plan of another model, or a circuit that differs from its plan.
#[tracing::instrument(skip_all, fields(k = plan.k()))]
pub fn keygen(srs: &Srs, plan: &Plan, graph: &Graph<Fixed>) -> Result<ProvingKey, ProverError> {
    let params = srs.params(plan.k())?;
    let (plan, grid) = (Arc::new(plan.clone()), Arc::new(fixed_grid(plan, graph)?));
    let mut cs = ConstraintSystem::default();
    InferenceCircuit::configure_with_params(&mut cs, CircuitParams(Some(plan.clone())));
    check_shape(&plan, &cs, &grid)?;
    let circuit = InferenceCircuit::without_witness(plan.clone(), grid.clone());
    let lagrange = srs.lagrange(plan.k())?;
    let key = core::keygen(&params, &lagrange, &circuit)
        .map_err(|e| ProverError::ProofSystem { doing: "making keys", reason: e.to_string() })?;
    let mut commitments = key.verifying().to_bytes(SerdeFormat::RawBytes);
    if plan.shape.links() > 0 {
        commitments.extend(lagrange[plan.shape.usable_rows()..].iter().flat_map(SerdeObject::to_raw_bytes));
    }
    let verifying = VerifyingKey { plan: plan.to_json()?, srs: srs.hash(), key: commitments };
    Ok(ProvingKey::of(plan, grid, key, verifying))
}

fn fixed_grid(plan: &Plan, graph: &Graph<Fixed>) -> Result<Grid, ProverError> {
    plan.check_model(graph)?;
    Ok(Grid::of(plan, graph)?)
}

impl ProvingKey {
    /// The prover's counterpart of a verifying key: everything else is laid out again from its plan and the model.
    ///
    /// # Errors
    /// A verifying key that cannot be read, or one of another model.
    pub fn new(verifying: VerifyingKey, graph: &Graph<Fixed>) -> Result<Self, ProverError> {
        let plan = Arc::new(verifying.plan()?);
        let grid = Arc::new(fixed_grid(&plan, graph)?);
        let circuit = InferenceCircuit::without_witness(plan.clone(), grid.clone());
        let key = core::with_columns(&verifying.key(&plan)?, &circuit)
            .map_err(|e| ProverError::ProofSystem { doing: "laying out a proving key", reason: e.to_string() })?;
        Ok(Self::of(plan, grid, key, verifying))
    }

    fn of(plan: Arc<Plan>, grid: Arc<Grid>, key: Key, verifying: VerifyingKey) -> Self {
        let key = Arc::new(key);
        let (prepared, stock) = (Arc::default(), Arc::default());
        Self { plan, grid, key, most_kept: MOST_KEPT as usize, prepared, stock, verifying, owner: None }
    }

    /// The verifier's counterpart.
    pub fn verifying(&self) -> &VerifyingKey {
        &self.verifying
    }

    /// The plan that the key was made for.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The key with what its model's owner proves with, where weights are committed.
    ///
    /// # Errors
    /// A commitment of another tape or other powers of tau than the key's, or a key without committed weights.
    pub fn with_owner(self, owner: Owner) -> Result<Self, ProverError> {
        owner.commitment().points_for(committed_layout(&self.plan)?, self.verifying.srs)?;
        Ok(Self { owner: Some(Arc::new(owner)), ..self })
    }

    /// The key with another limit on what [`Prover::Core`](crate::Prover::Core) keeps of it from proof to proof, in bytes: the values of its
    /// columns where constraints are evaluated. They are kept as a whole or not at all; then every proof computes them anew. Proofs are
    /// the same.
    #[must_use]
    pub fn keeping(self, most_kept: usize) -> Self {
        Self { most_kept, prepared: Arc::default(), ..self }
    }

    /// The key for a process that is limited to so many bytes of memory, if it is limited: what is kept from proof to proof is what fits,
    /// as predicted. A limit of 0 keeps nothing, which costs nothing where there is one proof alone.
    #[must_use]
    pub fn within(self, memory: Option<u64>) -> Self {
        let most = most_kept(&self.plan.shape, rayon::current_num_threads(), memory);
        self.keeping(usize::try_from(most).unwrap_or(usize::MAX))
    }

    /// What the model's owner proves with; none unless weights are committed.
    pub fn owner(&self) -> Option<&Owner> {
        self.owner.as_deref()
    }

    /// The key in halo2's own form.
    pub(crate) fn stock(&self) -> &plonk::ProvingKey<G1Affine> {
        self.stock.get_or_init(|| self.key.stock())
    }

    /// What all proofs of the key by [`Prover::Core`](crate::Prover::Core) share: tables of the powers of tau, and the key's columns
    /// where constraints are evaluated.
    pub(crate) fn prepared(&self, srs: &Srs) -> Result<&Prepared, ProverError> {
        self.check_powers(srs)?;
        if let Some(prepared) = self.prepared.get() {
            return Ok(prepared);
        }
        let tables = srs.tables(self.plan.k())?;
        Ok(self.prepared.get_or_init(|| Prepared::new(&self.key, tables, self.most_kept)))
    }

    /// Refuses powers of tau that the key was not made with.
    ///
    /// # Errors
    /// [`ProverError::NotTogether`].
    pub fn check_powers(&self, srs: &Srs) -> Result<(), ProverError> {
        same_hash("powers of tau", ("proving key", self.verifying.srs_hash()), ("setup", srs.hash()))
    }

    /// Refuses a model whose weights are not those the key fixes.
    pub(crate) fn check_weights(&self, graph: &Graph<Fixed>) -> Result<(), ProverError> {
        self.plan.check_structure(graph)?;
        let fixed = self.plan.visibility().weights == WeightMode::Fixed;
        if !fixed || self.grid.fixes_weights_of(&self.plan, graph)? {
            Ok(())
        } else {
            Err(ProverError::OtherWeights)
        }
    }
}

impl VerifyingKey {
    /// The plan that the key was made for.
    ///
    /// # Errors
    /// If the plan inside the key cannot be read.
    pub fn plan(&self) -> Result<Plan, ProverError> {
        Ok(Plan::from_json(&self.plan)?)
    }

    /// Hash of the plan.
    pub fn plan_hash(&self) -> PlanHash {
        PlanHash::of("plan", self.plan.as_bytes())
    }

    /// Hash of the powers of tau that the key was made with.
    pub fn srs_hash(&self) -> PlanHash {
        self.srs
    }

    /// Identifies the key: what a verifier has to trust.
    pub fn hash(&self) -> PlanHash {
        let parts = [self.plan_hash().0, self.srs.0, PlanHash::of("commitments", &self.key).0];
        PlanHash::of("verifying key", &parts.concat())
    }

    /// The key in halo2's raw format, from its version on; where something is committed outside of the circuit, with the Lagrange points
    /// of the rows that hide a column after it.
    pub fn commitments(&self) -> &[u8] {
        &self.key
    }

    /// Refuses a key of another size than its plan's: halo2 believes the numbers that a key starts with.
    fn check_header(&self, plan: &Arc<Plan>) -> Result<(), String> {
        let mut cs = ConstraintSystem::default();
        InferenceCircuit::configure_with_params(&mut cs, CircuitParams(Some(plan.clone())));
        let configured = configured_shape(plan.k(), &cs);
        let columns = |shape: &CircuitShape| {
            (shape.small_advice + shape.wide_advice, shape.fixed, shape.instance, shape.permuted, shape.degree)
        };
        if columns(&configured) != columns(&plan.shape) {
            return Err("its plan's layout has other columns than its plan says".into());
        }
        // Version, k, whether selectors are compressed, number of fixed commitments.
        let mut header = vec![KEY_VERSION];
        header.extend(plan.k().to_le_bytes());
        header.push(0);
        header.extend((plan.shape.fixed as u32).to_le_bytes());
        let points = plan.shape.fixed + plan.shape.permuted + blinding_points(plan);
        let length = header.len() + POINT_BYTES * points;
        if !self.key.starts_with(&header) || self.key.len() != length {
            return Err(format!("{} bytes do not hold the commitments of its plan", self.key.len()));
        }
        Ok(())
    }

    /// halo2's key.
    pub(crate) fn key(&self, plan: &Arc<Plan>) -> Result<plonk::VerifyingKey<G1Affine>, ProverError> {
        let unreadable = |reason: String| ProverError::ProofSystem { doing: "reading a verifying key", reason };
        self.check_header(plan).map_err(unreadable)?;
        let params = CircuitParams(Some(plan.clone()));
        let (key, _) = self.parts(plan);
        let key =
            plonk::VerifyingKey::<G1Affine>::from_bytes::<InferenceCircuit>(key, SerdeFormat::RawBytes, params)
                .map_err(|e| unreadable(e.to_string()))?;
        // halo2's raw format checks coordinates, not the curve.
        let mut points = key.fixed_commitments().iter().chain(key.permutation().commitments());
        if !points.all(|point| bool::from(point.is_on_curve())) {
            return Err(unreadable("a commitment is not on the curve".into()));
        }
        Ok(key)
    }
}

impl VerifyingKey {
    /// halo2's bytes, and those of the Lagrange points of the blinding rows.
    fn parts(&self, plan: &Plan) -> (&[u8], &[u8]) {
        self.key.split_at(self.key.len().saturating_sub(POINT_BYTES * blinding_points(plan)))
    }

    /// Lagrange points of the rows that hide a column; none unless something is committed outside of the circuit. The key's size has
    /// been checked.
    pub(crate) fn blinding(&self, plan: &Plan) -> Result<Vec<G1Affine>, ProverError> {
        let (_, points) = self.parts(plan);
        let on_curve = |point: &G1Affine| bool::from(point.is_on_curve()) && !bool::from(point.is_identity());
        let point = |bytes: &[u8]| G1Affine::from_raw_bytes(bytes).filter(on_curve);
        let points: Option<Vec<G1Affine>> = points.chunks(POINT_BYTES).map(point).collect();
        points.ok_or_else(|| ProverError::ProofSystem {
            doing: "reading a verifying key",
            reason: "a blinding row's point is not on the curve".into(),
        })
    }

    /// A model commitment's points, if it is one for this key.
    pub(crate) fn lanes_of(&self, plan: &Plan, model: &ModelCommitment) -> Result<Vec<G1Affine>, ProverError> {
        model.points_for(committed_layout(plan)?, self.srs)
    }
}

/// Points of blinding rows that a plan's key has.
fn blinding_points(plan: &Plan) -> usize {
    if plan.shape.links() > 0 { UNUSABLE_ROWS } else { 0 }
}

/// Refuses two artefacts with different hashes of one thing.
pub(crate) fn same_hash(
    what: &'static str,
    (left, found): (&'static str, PlanHash),
    (right, expected): (&'static str, PlanHash),
) -> Result<(), ProverError> {
    if found == expected {
        return Ok(());
    }
    let (found, expected) = (found.to_string(), expected.to_string());
    Err(ProverError::NotTogether { what, left, right, found, expected })
}
