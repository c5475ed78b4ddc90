//! Proofs about committed inputs: what ties several models to one record, and forgeries, each refused by the check that is there for it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::duplicate_mod)]

#[path = "../../../circuit/tests/nets/mod.rs"]
mod nets;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use ff::Field;
use halo2_proofs::transcript::TranscriptWriterBuffer;
use halo2curves::bn256::Fr;
use ndarray::Array3;
use nets::{Case, NONE, RELU, Spec, conv, dense};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use zklayout_model::{Planes, Trace, execute_integers};
use zklayout_plan::{Family, InputMode, Plan, PlanHash, PlanOptions, Visibility, WeightMode, plan};

use crate::bundle::{Claim, ProofBundle, ProofJob, transcript};
use crate::commitment::{Bound, InputCommitment, InputHolder, Owner, OwnerSeed, bound_layout};
use crate::error::ProverError;
use crate::keys::{ProvingKey, keygen};
use crate::prover::Prover;
use crate::srs::Srs;
use crate::verification::{Commitments, verify, verify_all, verify_tied};

const CONTEXT: &[u8] = b"a nonce";
/// Rows of all plans.
const K: u32 = 11;

/// A model whose input is committed.
struct Subject {
    case: Case,
    plan: Plan,
    key: ProvingKey,
}

/// Models that read one kind of record, with weights held in every way.
struct Subjects {
    srs: Srs,
    models: Vec<Subject>,
    record: Array3<i64>,
    holder: InputHolder,
}

static SUBJECTS: LazyLock<Subjects> = LazyLock::new(|| {
    let srs = Srs::development(K, 0).unwrap();
    let specs: [(Vec<Spec>, WeightMode); 3] = [
        (vec![conv(3, 3, 1, RELU), dense(4, NONE)], WeightMode::Committed),
        (vec![dense(6, RELU), dense(2, NONE)], WeightMode::Private),
        (vec![conv(2, 3, 0, RELU), conv(2, 2, 0, RELU), dense(3, NONE)], WeightMode::Fixed),
    ];
    let models: Vec<Subject> = specs.iter().map(|(specs, weights)| subject(&srs, specs, *weights)).collect();
    let record = models[0].case.trace.values[0].clone();
    let holder = InputHolder::commit(&srs, &models[0].plan, &record).unwrap();
    Subjects { srs, models, record, holder }
});

fn subject(srs: &Srs, specs: &[Spec], weights: WeightMode) -> Subject {
    let case = Case::new(Planes::new(2, 5, 5), specs, true, 5);
    let visibility = Visibility { input: InputMode::Committed, weights };
    let options =
        PlanOptions { visibility, min_k: K, max_k: K, family: Some(Family::Streams), ..PlanOptions::default() };
    let plan = plan(&case.graph, &options).unwrap();
    let key = keygen(srs, &plan, &case.graph).unwrap();
    let key = match weights {
        WeightMode::Committed => key.with_owner(Owner::commit(srs, &plan, &case.graph).unwrap()).unwrap(),
        WeightMode::Private | WeightMode::Fixed => key,
    };
    Subject { case, plan, key }
}

impl Subject {
    fn run(&self, record: &Array3<i64>) -> Trace {
        let integers: Vec<i64> = record.iter().copied().collect();
        execute_integers(&self.case.graph, &integers).unwrap()
    }

    fn job<'a>(&'a self, srs: &'a Srs, trace: &'a Trace, holder: Option<&'a InputHolder>) -> ProofJob<'a> {
        let (key, graph) = (&self.key, &self.case.graph);
        ProofJob { prover: Prover::Core, srs, key, graph, trace, context: CONTEXT, holder }
    }

    fn honest(&self, all: &Subjects) -> ProofBundle {
        self.job(&all.srs, &self.run(&all.record), Some(&all.holder)).prove().unwrap()
    }

    /// A proof about an input by someone who claims a commitment, whatever it holds. Of private or fixed weights.
    fn claim(&self, all: &Subjects, trace: &Trace, digest: PlanHash, blinds: &[Fr]) -> ProofBundle {
        let blinding = self.key.verifying().blinding(&self.plan).unwrap();
        let (bound, refusal) = (Bound::input(bound_layout(&self.plan).unwrap()), ProverError::OtherValues);
        let claim = Claim { bound, digest, blinds: blinds.into(), lanes: Vec::new(), refusal };
        let mut transcript = transcript();
        self.job(&all.srs, trace, None).write_linked(&[claim], &blinding, &mut transcript).unwrap();
        let (output, record) = (trace.output(), Some(digest));
        ProofBundle { output, record, proof: transcript.inner.finalize(), ..self.honest(all) }
    }

    fn check(&self, all: &Subjects, inputs: &[InputCommitment], bundle: &ProofBundle) -> Result<(), ProverError> {
        let commitments = Commitments { model: self.key.owner().map(Owner::commitment), inputs };
        verify_tied(all.srs.verifier(), self.key.verifying(), commitments, bundle, CONTEXT).map(|_| ())
    }
}

fn refused_by_link(result: Result<(), ProverError>) {
    let error = result.unwrap_err().to_string();
    assert!(error.contains("its input is not that of the input commitment"), "{error}");
}

fn refused_by_halo2(result: Result<(), ProverError>) {
    let error = result.unwrap_err();
    assert!(matches!(error, ProverError::Invalid(_)) && !error.to_string().contains("commitment"), "{error}");
}

/// The record with another value in one place, within the ranges.
fn another(all: &Subjects, place: usize) -> Array3<i64> {
    let range = all.models[0].plan.input_range;
    let mut record = all.record.clone();
    let value = record.iter_mut().nth(place).unwrap();
    *value += if *value < range.hi { 1 } else { -1 };
    record
}

#[test]
fn three_models_show_one_record() {
    let all = &*SUBJECTS;
    let commitment = std::slice::from_ref(all.holder.commitment());
    for model in &all.models {
        let bundle = model.honest(all);
        model.check(all, commitment, &bundle).unwrap();
        assert_eq!(bundle.record, Some(all.holder.commitment().digest()));
        assert_eq!(bundle.proof.len(), model.plan.shape.proof_bytes);
        // Whoever commits for another of the models commits to the same.
        let again = InputHolder::again(&all.srs, &model.plan, &all.record, all.holder.seed()).unwrap();
        assert_eq!(again.commitment(), all.holder.commitment());
    }
    let elements =
        |bundle: &ProofBundle| -> BTreeSet<Vec<u8>> { bundle.proof.chunks(32).map(<[u8]>::to_vec).collect() };
    let [one, other] = [0, 0].map(|model| elements(&all.models[model].honest(all)));
    assert_eq!(one.intersection(&other).count(), 0, "two proofs share nothing");
}

/// What a dishonest holder or prover runs the model on is not what was committed: halo2 alone accepts.
#[test]
fn another_record_is_refused_by_the_link_alone() {
    let all = &*SUBJECTS;
    let (commitment, model) = (std::slice::from_ref(all.holder.commitment()), &all.models[1]);
    let blinds = all.holder.blinds(&model.plan, &all.record).unwrap();
    for place in [0, 7, 24, 25, 49] {
        let trace = model.run(&another(all, place));
        let bundle = model.claim(all, &trace, all.holder.commitment().digest(), &blinds);
        refused_by_link(model.check(all, commitment, &bundle));
        let error = model.job(&all.srs, &trace, Some(&all.holder)).prove().unwrap_err();
        assert!(matches!(error, ProverError::OtherValues), "the prover hands nothing out: {error}");
    }
}

#[test]
fn another_commitment_or_seed_is_refused() {
    let all = &*SUBJECTS;
    let model = &all.models[2];
    let again = InputHolder::commit(&all.srs, &model.plan, &all.record).unwrap();
    let (ours, theirs) = (all.holder.commitment(), again.commitment());
    assert_ne!(ours.digest(), theirs.digest());
    let points = |one: &InputCommitment| model_points(model, one);
    assert!(points(ours).is_disjoint(&points(theirs)), "two commitments to one record share no point");
    let honest = model.honest(all);
    let other = model.check(all, std::slice::from_ref(theirs), &honest);
    assert!(matches!(other, Err(ProverError::OtherRecord { .. })), "{other:?}");
    let relabelled = ProofBundle { record: Some(theirs.digest()), ..honest.clone() };
    refused_by_halo2(model.check(all, std::slice::from_ref(theirs), &relabelled));
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let guessed = [Fr::random(&mut rng), Fr::random(&mut rng)];
    let bundle = model.claim(all, &model.run(&all.record), ours.digest(), &guessed);
    refused_by_link(model.check(all, std::slice::from_ref(ours), &bundle));
    // No commitment, or a bundle that leaves it out.
    let bare = verify(all.srs.verifier(), model.key.verifying(), &honest, CONTEXT);
    assert!(matches!(bare, Err(ProverError::NoInputCommitment(_))));
    let unnamed = model.check(all, std::slice::from_ref(ours), &ProofBundle { record: None, ..honest });
    assert!(matches!(unnamed, Err(ProverError::OtherRecord { .. })));
    let trace = model.run(&all.record);
    assert!(matches!(model.job(&all.srs, &trace, None).prove(), Err(ProverError::NoInputCommitment(_))));
    assert!(matches!(InputHolder::new(ours.clone(), again.seed().clone()), Err(ProverError::OtherSeed { .. })));
    let seed: &OwnerSeed = all.holder.seed();
    let changed = InputHolder::again(&all.srs, &model.plan, &another(all, 3), seed);
    assert!(matches!(changed, Err(ProverError::OtherSeed { .. })), "a seed hides one record alone");
}

fn model_points(model: &Subject, commitment: &InputCommitment) -> BTreeSet<String> {
    let points = commitment.points_for(&model.plan, model.key.verifying().srs_hash()).unwrap();
    points.iter().map(|point| format!("{point:?}")).collect()
}

#[test]
fn every_byte_counts_and_links_cannot_be_spliced() {
    let all = &*SUBJECTS;
    let (commitment, model) = (std::slice::from_ref(all.holder.commitment()), &all.models[0]);
    let (honest, other) = (model.honest(all), model.honest(all));
    let changed = |proof: Vec<u8>| ProofBundle { proof, ..honest.clone() };
    let links = honest.proof.len() - 32 * model.plan.shape.link_elements();
    let input = (links + honest.proof.len()) / 2;
    for place in (links..honest.proof.len()).step_by(13) {
        let mut proof = honest.proof.clone();
        proof[place] ^= 1;
        assert!(model.check(all, commitment, &changed(proof)).is_err(), "byte {place}");
    }
    refused_by_link(model.check(
        all,
        commitment,
        &changed([&honest.proof[..input], &other.proof[input..]].concat()),
    ));
    // The links of weights and input cannot change places either.
    let swapped = [&honest.proof[..links], &honest.proof[input..], &honest.proof[links..input]].concat();
    assert!(model.check(all, commitment, &changed(swapped)).is_err());
}

#[test]
fn commitments_of_other_plans_are_refused_before_anything_else() {
    let all = &*SUBJECTS;
    let (commitment, model) = (all.holder.commitment(), &all.models[1]);
    let with = |pointer: &str, number: u64| -> InputCommitment {
        let mut value = serde_json::to_value(commitment).unwrap();
        *value.pointer_mut(pointer).unwrap() = number.into();
        serde_json::from_value(value).unwrap()
    };
    let honest = model.honest(all);
    for (pointer, number) in [
        ("/tape/k", 12),
        ("/tape/k", 99),
        ("/tape/shape/channels", 1),
        ("/tape/shape/width", 6),
        ("/points/0", 999),
    ] {
        let Ok(changed) = std::panic::catch_unwind(|| with(pointer, number)) else { continue };
        assert!(model.check(all, std::slice::from_ref(&changed), &honest).is_err(), "{pointer}");
    }
    let mut value = serde_json::to_value(commitment).unwrap();
    value["points"].as_array_mut().unwrap().truncate(64);
    let short: InputCommitment = serde_json::from_value(value).unwrap();
    let error = model.check(all, &[short], &honest).unwrap_err();
    assert!(matches!(error, ProverError::OtherCommitment { .. }), "{error}");
    let other = Case::new(Planes::new(2, 5, 5), &[dense(2, NONE)], true, 5);
    let private = other.plan(nets::PRIVATE);
    assert!(matches!(InputHolder::commit(&all.srs, &private, &all.record), Err(ProverError::NotBound)));
}

#[test]
fn proofs_about_several_records_are_verified_at_once() {
    let all = &*SUBJECTS;
    let model = &all.models[1];
    let record = another(all, 11);
    let holder = InputHolder::commit(&all.srs, &model.plan, &record).unwrap();
    let theirs = model.job(&all.srs, &model.run(&record), Some(&holder)).prove().unwrap();
    let inputs = [all.holder.commitment().clone(), holder.commitment().clone()];
    let batch = |bundles: &[&ProofBundle]| {
        let bundles: Vec<(&ProofBundle, &[u8])> = bundles.iter().map(|bundle| (*bundle, CONTEXT)).collect();
        let commitments = Commitments { model: None, inputs: &inputs };
        verify_all(all.srs.verifier(), model.key.verifying(), commitments, &bundles)
    };
    let honest = model.honest(all);
    assert_eq!(batch(&[&honest, &theirs, &honest]).unwrap().len(), 3);
    let blinds = all.holder.blinds(&model.plan, &all.record).unwrap();
    let forged = model.claim(all, &model.run(&record), all.holder.commitment().digest(), &blinds);
    assert_eq!(batch(&[&honest, &theirs, &forged]).unwrap_err().0, 2);
}
