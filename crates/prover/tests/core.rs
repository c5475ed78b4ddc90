//! The core's proofs are those of halo2's own prover, on random networks under random plans.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

#[path = "../../circuit/tests/nets/mod.rs"]
mod nets;
#[path = "../../independent/tests/plans/mod.rs"]
mod plans;
mod replay;

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use halo2_proofs::SerdeFormat;
use halo2_proofs::plonk::keygen_vk;
use halo2_proofs::poly::commitment::Params;
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use halo2_proofs::transcript::{Blake2bWrite, Challenge255, TranscriptWriterBuffer};
use halo2curves::bn256::Bn256;
use plans::random_case;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use rayon::{ThreadPool, ThreadPoolBuilder};
use replay::{Element, Replay};
use zklayout_circuit::{Grid, InferenceCircuit};
use zklayout_model::{Fixed, Graph};
use zklayout_plan::{CircuitShape, Family, LookupArgument, Plan, PlanOptions, UNUSABLE_ROWS, plan};
use zklayout_prover::{Owner, Prover, ProvingKey, Srs, keygen, prove_with, verify, verify_committed};

use nets::Case;

/// Powers of tau of every size that a random plan may have.
fn powers(k: u32) -> &'static Srs {
    static POWERS: [OnceLock<Srs>; 11] = [const { OnceLock::new() }; 11];
    POWERS[k as usize].get_or_init(|| Srs::development(k, 0).unwrap())
}

fn pool(threads: usize) -> ThreadPool {
    ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

/// A network with its key.
struct Subject {
    case: Case,
    plan: Plan,
    key: ProvingKey,
    index: u64,
}

impl Subject {
    fn new(index: u64) -> Self {
        let (case, plan) = random_case(index);
        let key = keygen(powers(plan.k()), &plan, &case.graph).unwrap();
        Self { case, plan, key, index }
    }

    fn srs(&self) -> &'static Srs {
        powers(self.plan.k())
    }

    /// The key's commitments are those that halo2's own key generation makes.
    fn check_key(&self) {
        check_key(self.srs(), &self.plan, &self.case.graph, &self.key);
    }

    /// Everything that a prover absorbs and writes, with challenges and random numbers that depend on the index alone.
    fn replayed(&self, prover: Prover) -> Vec<Element> {
        let mut transcript = Replay::new(self.index);
        let rng = ChaCha20Rng::seed_from_u64(self.index);
        prover
            .write_proof(self.srs(), &self.key, (&self.case.graph, &self.case.trace), rng, &mut transcript)
            .unwrap();
        transcript.elements
    }

    fn proof(&self, key: &ProvingKey) -> Vec<u8> {
        let mut transcript = Blake2bWrite::<_, _, Challenge255<_>>::init(Vec::new());
        let rng = ChaCha20Rng::seed_from_u64(self.index);
        Prover::Core
            .write_proof(self.srs(), key, (&self.case.graph, &self.case.trace), rng, &mut transcript)
            .unwrap();
        transcript.finalize()
    }

    /// halo2 draws the blinding polynomial elsewhere than from the caller's generator: its commitment, its evaluation and
    /// the openings that contain it are its own. Everything else is the same.
    fn check_against_stock(&self) {
        let (core, stock) = (self.replayed(Prover::Core), self.replayed(Prover::Stock));
        assert_eq!(core.len(), stock.len(), "network {}", self.index);
        let differing = core.iter().zip(&stock).enumerate().filter(|(_, (core, stock))| core != stock);
        let differing: Vec<usize> = differing.map(|(place, _)| place).collect();
        assert_eq!(
            differing,
            blinded(&self.plan.shape, &core),
            "network {}, {:?}",
            self.index,
            self.plan.layout.knobs()
        );
    }

    fn check_threads(&self, pools: &[ThreadPool]) {
        let proofs: Vec<Vec<u8>> = pools.iter().map(|pool| pool.install(|| self.proof(&self.key))).collect();
        assert!(proofs.iter().all(|proof| *proof == proofs[0]), "network {}", self.index);
        let keeps_nothing = self.key.clone().keeping(0);
        assert!(self.proof(&keeps_nothing) == proofs[0], "network {}, nothing kept", self.index);
    }

    fn check_verified(&self) {
        let (srs, key, case) = (self.srs(), &self.key, &self.case);
        let committed = self.plan.shape.committed_lanes > 0;
        let owner = committed.then(|| Owner::commit(srs, &self.plan, &case.graph).unwrap());
        let model = owner.as_ref().map(|owner| owner.commitment().clone());
        let key = &owner.map_or_else(|| key.clone(), |owner| key.clone().with_owner(owner).unwrap());
        let bundle = prove_with(Prover::Core, srs, key, &case.graph, &case.trace, b"nonce").unwrap();
        let public = match &model {
            None => verify(srs.verifier(), key.verifying(), &bundle, b"nonce").unwrap(),
            Some(model) => verify_committed(srs.verifier(), key.verifying(), model, &bundle, b"nonce").unwrap(),
        };
        assert_eq!(public.model, model.map(|model| model.digest()));
        assert_eq!(public.output, case.trace.output(), "network {}", self.index);
    }

    /// What the plan chooses, for a test that everything was covered.
    fn variants(&self) -> BTreeSet<String> {
        let layout = self.plan.layout.as_streams().unwrap();
        let choices = layout.knobs.requantise.iter().map(|choice| format!("{choice:?}"));
        choices
            .chain([
                format!("{:?}", layout.knobs.lookups),
                format!("{:?} weights", layout.visibility.weights),
                format!("public input {}", layout.visibility.shows_input()),
                format!("degree {}", self.plan.shape.degree),
            ])
            .collect()
    }
}

fn check_key(srs: &Srs, plan: &Plan, graph: &Graph<Fixed>, key: &ProvingKey) {
    let raw = srs.to_bytes().unwrap();
    let mut params = ParamsKZG::<Bn256>::read_custom(&mut raw.as_slice(), SerdeFormat::RawBytes).unwrap();
    params.downsize(plan.k());
    let grid = Arc::new(Grid::of(plan, graph).unwrap());
    let circuit = InferenceCircuit::without_witness(Arc::new(plan.clone()), grid);
    let stock = keygen_vk(&params, &circuit).unwrap().to_bytes(SerdeFormat::RawBytes);
    let own = key.verifying().commitments();
    assert_eq!(stock.len() + if plan.shape.links() > 0 { 64 * UNUSABLE_ROWS } else { 0 }, own.len());
    assert!(own.starts_with(&stock), "{:?}", plan.layout.knobs());
}

/// Places of the blinding polynomial's commitment, of its evaluation, and of the two openings.
fn blinded(shape: &CircuitShape, elements: &[Element]) -> Vec<usize> {
    let written: Vec<usize> = (0..elements.len()).filter(|place| elements[*place].is_written()).collect();
    let sets = shape.permuted.div_ceil(shape.degree - 2);
    let commitment = shape.small_advice + shape.wide_advice + sets;
    let first_evaluation = commitment + shape.degree;
    let of_products = 3 * sets - 1;
    let evaluation = written.len() - 2 - of_products - shape.permuted - 1;
    assert!(evaluation > first_evaluation);
    [commitment, evaluation, written.len() - 2, written.len() - 1].map(|place| written[place]).into()
}

/// Checks one network; none if its plan is left to halo2's prover.
fn check(index: u64, pools: &[ThreadPool]) -> Option<BTreeSet<String>> {
    let subject = Subject::new(index);
    subject.check_key();
    if Prover::Core.of_plan(&subject.plan) == Prover::Stock {
        let lookups = subject.plan.layout.as_streams().unwrap().knobs.lookups;
        assert_eq!(lookups, LookupArgument::Native);
        return None;
    }
    if index.is_multiple_of(100) {
        println!("network {index}");
    }
    subject.check_against_stock();
    subject.check_threads(pools);
    subject.check_verified();
    Some(subject.variants())
}

/// Shares networks out to threads that are not rayon's: one of those would begin the next network while it waits for another pool, on the
/// same stack, until that overflows.
fn on_threads<T: Send>(networks: u64, check: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = |first: usize| (first as u64..networks).step_by(threads).map(&check).collect::<Vec<T>>();
    std::thread::scope(|scope| {
        let shares: Vec<_> = (0..threads)
            .map(|first| {
                scope.spawn({
                    let share = &share;
                    move || share(first)
                })
            })
            .collect();
        shares.into_iter().flat_map(|share| share.join().unwrap()).collect()
    })
}

fn check_all(networks: u64) {
    let pools = [1, 2, 8].map(pool);
    let variants = on_threads(networks, |index| check(index, &pools));
    let proven = variants.iter().flatten().count();
    let variants: BTreeSet<String> = variants.into_iter().flatten().flatten().collect();
    println!("{proven} of {networks} networks by the core, {variants:?}");
    let expected = [
        "degree 4",
        "degree 5",
        "Fixed weights",
        "Committed weights",
        "public input true",
        "Limbs",
        "Split",
        "Table",
    ];
    assert!(expected.iter().all(|name| variants.contains(*name)), "not covered: {variants:?}");
    assert!(proven as u64 > networks / 2);
}

#[test]
fn proofs_are_those_of_stock_on_random_networks() {
    check_all(40);
}

#[test]
fn keys_of_other_layouts_are_those_of_stock() {
    let (mut found, options) =
        (0, PlanOptions { family: Some(Family::Direct), max_k: 11, ..PlanOptions::default() });
    for index in 0..12 {
        let graph = random_case(index).0.graph;
        let Ok(plan) = plan(&graph, &options) else { continue };
        let srs = Srs::development(plan.k(), 0).unwrap();
        check_key(&srs, &plan, &graph, &keygen(&srs, &plan, &graph).unwrap());
        found += 1;
    }
    assert!(found > 1, "{found} plans");
}

#[test]
#[ignore = "two thousand networks"]
fn proofs_are_those_of_stock_on_two_thousand_networks() {
    check_all(2_000);
}
