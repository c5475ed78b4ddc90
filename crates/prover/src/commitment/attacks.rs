//! Forgeries of proofs with committed weights, each refused by the check that is there for it; where the design says so, a verifier
//! without the check accepts.
#![allow(clippy::unwrap_used, clippy::panic, clippy::duplicate_mod)]

#[path = "../../../circuit/tests/nets/mod.rs"]
mod nets;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use ff::Field;
use group::Curve;
use halo2_proofs::transcript::TranscriptWriterBuffer;
use halo2curves::bn256::{Fr, G1Affine};
use nets::{Case, NONE, RELU, conv, dense};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use zklayout_circuit::streams::{WeightTape, fold, powers};
use zklayout_model::{Fixed, Graph, Planes, Term, Trace, execute_integers};
use zklayout_plan::{InputMode, Knobs, Plan, PlanHash, PlanOptions, StreamKnobs, Streams, Visibility, WeightMode};

use crate::bundle::{Claim, ProofBundle, ProofJob, transcript};
use crate::commitment::{
    Bound, Link, ModelCommitment, Owner, OwnerSeed, audit_same, audit_weights, committed_layout, hold,
    prove_audit, verify_audit,
};
use crate::error::ProverError;
use crate::keys::{ProvingKey, VerifyingKey, keygen};
use crate::prover::Prover;
use crate::srs::Srs;
use crate::verification::{Commitments, verify, verify_all, verify_committed};
use crate::{Artefact, prove};

const CONTEXT: &[u8] = b"a nonce";

/// A model with committed weights.
struct Subject {
    srs: Srs,
    plan: Plan,
    graph: Graph<Fixed>,
    trace: Trace,
    key: ProvingKey,
    owner: Owner,
}

static SUBJECT: LazyLock<Subject> = LazyLock::new(|| {
    let specs = [conv(3, 3, 1, RELU), conv(5, 3, 0, RELU), dense(4, NONE)];
    let case = Case::new(Planes::new(2, 5, 5), &specs, true, 5);
    let visibility = Visibility { input: InputMode::Private, weights: WeightMode::Committed };
    let plan = in_lanes(&case, visibility, 4);
    let srs = Srs::development(plan.k(), 0).unwrap();
    let owner = Owner::commit(&srs, &plan, &case.graph).unwrap();
    let key = keygen(&srs, &plan, &case.graph).unwrap().with_owner(owner.clone()).unwrap();
    Subject { srs, plan, graph: case.graph, trace: case.trace, key, owner }
});

/// A plan with so many lanes of weights; the search would take fewer.
fn in_lanes(case: &Case, visibility: Visibility, weight_lanes: usize) -> Plan {
    let chosen = case.plan(visibility);
    let knobs = StreamKnobs { weight_lanes, ..committed_layout(&chosen).unwrap().knobs.clone() };
    Plan::realise(&case.graph, visibility, &Knobs::Streams(knobs)).unwrap()
}

impl Subject {
    fn layout(&self) -> &Streams {
        committed_layout(&self.plan).unwrap()
    }

    fn job<'a>(&'a self, graph: &'a Graph<Fixed>, trace: &'a Trace) -> ProofJob<'a> {
        let Self { srs, key, .. } = self;
        ProofJob { prover: Prover::Core, srs, key, graph, trace, context: CONTEXT, holder: None }
    }

    fn honest(&self) -> ProofBundle {
        prove(&self.srs, &self.key, &self.graph, &self.trace, CONTEXT).unwrap()
    }

    /// A proof by someone who holds the weights of `graph` and claims a commitment.
    fn claim(&self, graph: &Graph<Fixed>, trace: &Trace, model: &ModelCommitment, blinds: &[Fr]) -> ProofBundle {
        let blinding = self.key.verifying().blinding(&self.plan).unwrap();
        let claim = self.claimed(model.digest(), blinds);
        let mut transcript = transcript();
        self.job(graph, trace).write_linked(&[claim], &blinding, &mut transcript).unwrap();
        let (output, model) = (trace.output(), Some(model.digest()));
        ProofBundle { output, model, proof: transcript.inner.finalize(), ..self.honest() }
    }

    /// A claim of weights, whatever its lanes are.
    fn claimed<'a>(&self, digest: PlanHash, blinds: &'a [Fr]) -> Claim<'a> {
        let (bound, lanes) = (Bound::weights(self.layout()), Vec::new());
        Claim { bound, digest, blinds: blinds.into(), lanes, refusal: ProverError::OtherWeights }
    }

    fn check(&self, model: &ModelCommitment, bundle: &ProofBundle) -> Result<(), ProverError> {
        verify_committed(self.srs.verifier(), self.key.verifying(), model, bundle, CONTEXT).map(|_| ())
    }

    fn blinds(&self) -> &[Fr] {
        self.owner.blinds(self.layout(), &self.graph).unwrap()
    }

    fn refused_by_link(&self, model: &ModelCommitment, bundle: &ProofBundle) {
        let error = self.check(model, bundle).unwrap_err().to_string();
        assert!(error.contains("its weights are not those of the model commitment"), "{error}");
    }

    fn refused_by_halo2(&self, model: &ModelCommitment, bundle: &ProofBundle) {
        let error = self.check(model, bundle).unwrap_err();
        assert!(matches!(error, ProverError::Invalid(_)), "{error}");
        assert!(!error.to_string().contains("model commitment"), "{error}");
    }
}

/// The same network with one weight of its last layer changed, and what it gives.
fn with_other_weight(subject: &Subject, place: usize) -> (Graph<Fixed>, Trace) {
    let (mut other, mut nodes) = (Graph::new(), Vec::new());
    let last = subject.graph.len() - 1;
    for (id, node) in subject.graph.nodes() {
        let mut node = node.clone();
        if let (Fixed::Layer(layer), true) = (&mut node, id.index() == last) {
            let Term::Kernel(kernel) = &mut layer.terms[0] else { panic!("a kernel comes first") };
            let weight = kernel.weights.iter_mut().nth(place).unwrap();
            *weight += if *weight > 0 { -1 } else { 1 };
        }
        let sources: Vec<_> = subject.graph.inputs(id).iter().map(|source| nodes[source.index()]).collect();
        nodes.push(other.add(node, &sources));
    }
    let input: Vec<i64> = subject.trace.values[0].iter().copied().collect();
    let trace = execute_integers(&other, &input).unwrap();
    (other, trace)
}

/// A changed weight that changes the output.
fn another_model(subject: &Subject) -> (Graph<Fixed>, Trace) {
    let changed = (0..40).map(|place| with_other_weight(subject, place));
    changed.into_iter().find(|(_, trace)| trace.output() != subject.trace.output()).unwrap()
}

#[test]
fn ten_proofs_name_one_model_and_share_nothing() {
    let subject = &*SUBJECT;
    let model = subject.owner.commitment();
    let mut input: Vec<i64> = subject.trace.values[0].iter().copied().collect();
    let mut seen = BTreeSet::new();
    for turn in 0..10 {
        input.rotate_left(1);
        let trace = execute_integers(&subject.graph, &input).unwrap();
        let bundle = prove(&subject.srs, &subject.key, &subject.graph, &trace, CONTEXT).unwrap();
        let public =
            verify_committed(subject.srs.verifier(), subject.key.verifying(), model, &bundle, CONTEXT).unwrap();
        assert_eq!((public.output, public.model), (trace.output(), Some(model.digest())));
        // What two proofs share are evaluations and commitments of what the key alone decides; here every column is hidden and
        // every evaluation is taken at another point.
        let elements: BTreeSet<Vec<u8>> = bundle.proof.chunks(32).map(<[u8]>::to_vec).collect();
        assert_eq!(elements.intersection(&seen).count(), 0, "proof {turn}");
        seen.extend(elements);
    }
}

/// Other weights with their own true outputs, under the approved digest. halo2 alone accepts: without the link this is a forgery.
#[test]
fn other_weights_are_refused_by_the_link_alone() {
    let subject = &*SUBJECT;
    let model = subject.owner.commitment();
    for place in [0, 7, 23, 41, 60] {
        let (graph, trace) = with_other_weight(subject, place);
        let bundle = subject.claim(&graph, &trace, model, subject.blinds());
        subject.refused_by_link(model, &bundle);
    }
    let (graph, trace) = another_model(subject);
    let error = prove(&subject.srs, &subject.key, &graph, &trace, CONTEXT).unwrap_err();
    assert!(matches!(error, ProverError::OtherWeights), "the prover hands nothing out: {error}");
}

#[test]
fn a_false_output_is_refused_by_halo2() {
    let subject = &*SUBJECT;
    let mut bundle = subject.honest();
    bundle.output[0] += 1;
    subject.refused_by_halo2(subject.owner.commitment(), &bundle);
}

#[test]
fn other_commitments_are_refused() {
    let subject = &*SUBJECT;
    let model = subject.owner.commitment();
    let honest = subject.honest();
    // The same weights, hidden anew: another digest, and other challenges whatever the bundle says.
    let again = Owner::commit(&subject.srs, &subject.plan, &subject.graph).unwrap();
    assert!(matches!(subject.check(again.commitment(), &honest), Err(ProverError::OtherModel { .. })));
    let relabelled = ProofBundle { model: Some(again.commitment().digest()), ..honest };
    subject.refused_by_halo2(again.commitment(), &relabelled);
    // Two lanes that changed places, claimed from the start.
    let swapped = with_points(model, |points| points.rotate_left(64));
    let bundle = subject.claim(&subject.graph, &subject.trace, &swapped, subject.blinds());
    subject.refused_by_link(&swapped, &bundle);
    // Right weights, and the blinds of someone who guesses.
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let guessed: Vec<Fr> = subject.blinds().iter().map(|_| Fr::random(&mut rng)).collect();
    let bundle = subject.claim(&subject.graph, &subject.trace, model, &guessed);
    subject.refused_by_link(model, &bundle);
    // No commitment at all, or one for a key of another kind.
    let error = verify(subject.srs.verifier(), subject.key.verifying(), &subject.honest(), CONTEXT).unwrap_err();
    assert!(matches!(error, ProverError::NoCommitment(_)), "{error}");
}

/// A commitment with other points.
fn with_points(model: &ModelCommitment, change: impl Fn(&mut Vec<u8>)) -> ModelCommitment {
    let mut value = serde_json::to_value(model).unwrap();
    let mut points: Vec<u8> = serde_json::from_value(value["points"].clone()).unwrap();
    change(&mut points);
    value["points"] = points.into();
    serde_json::from_value(value).unwrap()
}

/// A commitment that says something else of its tape.
fn with_tape(model: &ModelCommitment, field: &str, number: u64) -> ModelCommitment {
    let mut value = serde_json::to_value(model).unwrap();
    value["tape"][field] = number.into();
    serde_json::from_value(value).unwrap()
}

#[test]
fn commitments_of_other_numbers_or_without_points_are_refused_before_anything_else() {
    let subject = &*SUBJECT;
    let model = subject.owner.commitment();
    let lanes = model.tape().lanes as u64;
    let no_point = |model: &ModelCommitment| {
        matches!(subject.check(model, &subject.honest()), Err(ProverError::NoPoint { lane: 0 }))
    };
    let other = |model: &ModelCommitment| {
        matches!(subject.check(model, &subject.honest()), Err(ProverError::OtherCommitment { .. }))
    };
    assert!(no_point(&with_points(model, |points| points[..64].fill(0))), "the point at infinity hides nothing");
    assert!(no_point(&with_points(model, |points| points[0] ^= 1)), "off the curve");
    assert!(no_point(&with_points(model, |points| points[..32].fill(0xff))), "beyond the modulus");
    assert!(other(&with_points(model, |points| points.truncate(points.len() - 64))), "a lane is missing");
    assert!(other(&with_points(model, |points| points.extend(points[..64].to_vec()))), "a lane too many");
    for (field, number) in [("k", 99), ("k", u64::from(subject.plan.k()) + 1), ("lanes", lanes + 1), ("rows", 1)] {
        assert!(other(&with_tape(model, field, number)), "{field}");
    }
    let case = Case::new(Planes::new(2, 5, 5), &[dense(4, NONE)], true, 5);
    let visibility = Visibility { input: InputMode::Private, weights: WeightMode::Committed };
    let plan = case.plan(visibility);
    let owner = Owner::commit(&subject.srs, &plan, &case.graph).unwrap();
    assert!(other(owner.commitment()), "another model's");
    assert!(subject.key.clone().with_owner(owner).is_err());
}

#[test]
fn every_byte_matters() {
    let subject = &*SUBJECT;
    let (model, honest) = (subject.owner.commitment(), subject.honest());
    let link = honest.proof.len() - 32 * subject.plan.shape.link_elements();
    let changed = |proof: Vec<u8>| ProofBundle { proof, ..honest.clone() };
    for place in (0..honest.proof.len()).filter(|place| *place >= link || place % 97 == 0) {
        let mut proof = honest.proof.clone();
        proof[place] ^= 1 << (place % 8);
        assert!(subject.check(model, &changed(proof)).is_err(), "byte {place}");
    }
    assert!(subject.check(model, &changed(honest.proof[..link].to_vec())).is_err(), "without its link");
    assert!(subject.check(model, &changed([&honest.proof[..], &[0; 32]].concat())).is_err());
    // The link of another proof of the same statement.
    let other = subject.honest();
    let spliced = [&honest.proof[..link], &other.proof[link..]].concat();
    subject.refused_by_link(model, &changed(spliced));
}

/// The digest has to be absorbed before rho: an owner who knows rho makes a commitment that fits any outputs.
#[test]
fn commitments_made_after_rho_are_refused() {
    let subject = &*SUBJECT;
    let (graph, trace) = another_model(subject);
    let blinding = subject.key.verifying().blinding(&subject.plan).unwrap();
    // The transcript starts with some number that is the digest of nothing.
    let claim = subject.claimed(PlanHash([7; 32]), subject.blinds());
    let mut transcript = transcript();
    let links = subject.job(&graph, &trace).write_linked(&[claim], &blinding, &mut transcript).unwrap();
    let [link] = <[Link; 1]>::try_from(links).unwrap();
    let rho = transcript.challenges[Bound::weights(subject.layout()).challenge];
    // What the link is short of: the difference of both models' folded rows. The owner moves it into the first lane.
    let tapes = [&graph, &subject.graph].map(|graph| WeightTape::of(subject.layout(), graph).unwrap());
    let [forged, approved] = tapes.map(|tape| fold(&tape, rho));
    let lagrange = subject.srs.lagrange(subject.plan.k()).unwrap();
    let first = powers(rho, subject.layout().knobs.weight_lanes)[0].invert().unwrap();
    let mut lanes = subject.key.verifying().lanes_of(&subject.plan, subject.owner.commitment()).unwrap();
    let correction = forged.iter().zip(approved).zip(&lagrange).map(|((f, a), base)| *base * ((f - a) * first));
    lanes[0] = correction.fold(lanes[0].into(), |sum: halo2curves::bn256::G1, term| sum + term).to_affine();
    assert!(hold(&[link], &[Fr::ONE], &lanes, &blinding), "a verifier that absorbs no digest accepts");
    let bundle = ProofBundle {
        output: trace.output(),
        model: Some(subject.owner.commitment().digest()),
        proof: transcript.inner.finalize(),
        ..subject.honest()
    };
    subject.refused_by_halo2(subject.owner.commitment(), &bundle);
}

/// A used row's Lagrange point among those of the blinding rows is a place for any error; so they belong to the key's hash, and their
/// number is the circuit's.
#[test]
fn other_blinding_points_are_another_key() {
    let subject = &*SUBJECT;
    let key = subject.key.verifying();
    let changed = |change: &dyn Fn(&mut Vec<u8>)| -> VerifyingKey {
        let mut value = serde_json::to_value(key).unwrap();
        let mut bytes: Vec<u8> = serde_json::from_value(value["key"].clone()).unwrap();
        change(&mut bytes);
        value["key"] = bytes.into();
        serde_json::from_value(value).unwrap()
    };
    let used = {
        use halo2curves::serde::SerdeObject;
        subject.srs.lagrange(subject.plan.k()).unwrap()[0].to_raw_bytes()
    };
    let (honest, model) = (subject.honest(), subject.owner.commitment());
    let verify = |key: &VerifyingKey| verify_committed(subject.srs.verifier(), key, model, &honest, CONTEXT);
    let opened = changed(&|bytes| {
        let last = bytes.len() - 64;
        bytes[last..].copy_from_slice(&used);
    });
    assert_ne!(opened.hash(), key.hash());
    assert!(matches!(verify(&opened), Err(ProverError::NotTogether { .. })));
    let longer = changed(&|bytes| bytes.extend(&used));
    let error = verify(&longer).unwrap_err().to_string();
    assert!(error.contains("do not hold the commitments of its plan"), "{error}");
}

/// Two versions of a model under one secret: what hides them has nothing in common, so that their difference shows nothing.
#[test]
fn one_seed_for_two_versions_shows_no_difference() {
    let subject = &*SUBJECT;
    let (graph, _) = another_model(subject);
    let seed = subject.owner.seed();
    let refused = Owner::again(&subject.srs, &subject.plan, &graph, seed);
    assert!(matches!(refused, Err(ProverError::OtherModel { of: "seed", .. })), "a seed is of one model");
    let other = Owner::new(subject.owner.commitment().clone(), OwnerSeed::new([3; 32], seed.digest())).unwrap();
    let (one, two) = (other.blinds(subject.layout(), &subject.graph).unwrap().to_vec(), {
        let fresh = Owner::new(subject.owner.commitment().clone(), other.seed().clone()).unwrap();
        fresh.blinds(subject.layout(), &graph).unwrap().to_vec()
    });
    assert!(one.iter().all(|blind| !two.contains(blind)));
    assert!(
        Owner::again(&subject.srs, &subject.plan, &subject.graph, seed).unwrap().commitment()
            == subject.owner.commitment()
    );
}

#[test]
fn no_point_is_in_two_commitments_of_the_same_weights() {
    let subject = &*SUBJECT;
    let again = Owner::commit(&subject.srs, &subject.plan, &subject.graph).unwrap();
    let points = |owner: &Owner| subject.key.verifying().lanes_of(&subject.plan, owner.commitment()).unwrap();
    let (one, two): (Vec<G1Affine>, Vec<G1Affine>) = (points(&subject.owner), points(&again));
    assert!(one.iter().all(|point| !two.contains(point)));
    assert_ne!(subject.owner.commitment().digest(), again.commitment().digest());
}

#[test]
fn many_proofs_of_one_model_are_verified_at_once() {
    let subject = &*SUBJECT;
    let model = subject.owner.commitment();
    let honest: Vec<ProofBundle> = (0..3).map(|_| subject.honest()).collect();
    let all = |bundles: &[ProofBundle]| {
        let bundles: Vec<_> = bundles.iter().map(|bundle| (bundle, CONTEXT)).collect();
        let commitments = Commitments { model: Some(model), inputs: &[] };
        verify_all(subject.srs.verifier(), subject.key.verifying(), commitments, &bundles)
    };
    assert_eq!(all(&honest).unwrap().len(), 3);
    assert_eq!(all(&[]).unwrap().len(), 0);
    let (graph, trace) = another_model(subject);
    let forged = subject.claim(&graph, &trace, model, subject.blinds());
    let (place, error) = all(&[honest[0].clone(), honest[1].clone(), forged]).unwrap_err();
    assert_eq!(place, 2);
    assert!(error.to_string().contains("not those of the model commitment"), "{error}");
    let mut other = honest[1].clone();
    other.output[0] += 1;
    assert_eq!(all(&[honest[0].clone(), other, honest[2].clone()]).unwrap_err().0, 1);
}

/// A kept tape survives another layout of everything else: the digest is the same, the keys are not.
#[test]
fn the_digest_survives_another_layout() {
    let subject = &*SUBJECT;
    let tape = subject.layout().tape_id();
    let visibility = subject.plan.visibility();
    let other_lanes = if subject.layout().knobs.lanes == 4 { 5 } else { 4 };
    let options = PlanOptions { visibility, lanes: Some(other_lanes), tape: Some(tape), ..PlanOptions::default() };
    let plan = zklayout_plan::plan(&subject.graph, &options).unwrap();
    assert_eq!(committed_layout(&plan).unwrap().tape_id(), tape);
    let key = keygen(&subject.srs, &plan, &subject.graph).unwrap();
    assert_ne!(key.verifying().hash(), subject.key.verifying().hash());
    let key = key.with_owner(subject.owner.clone()).unwrap();
    let bundle = prove(&subject.srs, &key, &subject.graph, &subject.trace, CONTEXT).unwrap();
    let model = subject.owner.commitment();
    let public = verify_committed(subject.srs.verifier(), key.verifying(), model, &bundle, CONTEXT).unwrap();
    assert_eq!(public.model, Some(model.digest()));
    // A tape that this model has under no layout.
    let other = zklayout_plan::TapeId { rows: tape.rows - 1, ..tape };
    let refused = zklayout_plan::plan(&subject.graph, &PlanOptions { tape: Some(other), ..options });
    assert!(matches!(refused, Err(zklayout_plan::PlanError::OtherTape(_))), "{refused:?}");
}

#[test]
fn files_survive_and_others_are_refused() {
    let subject = &*SUBJECT;
    let folder = tempfile::tempdir().unwrap();
    let (model, seed) = (folder.path().join("model"), folder.path().join("seed"));
    subject.owner.commitment().save(&model).unwrap();
    subject.owner.seed().save(&seed).unwrap();
    assert_eq!(ModelCommitment::load(&model).unwrap(), *subject.owner.commitment());
    let read = OwnerSeed::load(&seed).unwrap();
    assert!(Owner::new(ModelCommitment::load(&model).unwrap(), read.clone()).is_ok());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&seed).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let again = Owner::commit(&subject.srs, &subject.plan, &subject.graph).unwrap();
    let refused = Owner::new(again.commitment().clone(), read);
    assert!(matches!(refused, Err(ProverError::OtherModel { of: "seed", .. })));
    assert!(OwnerSeed::load(&model).unwrap_err().to_string().contains("is not a seed of an owner"));
    assert!(!format!("{:?}", subject.owner).contains("secret"));
}

/// The openings of every advice column stay below its blinding cells, so that any number of proofs shows nothing.
#[test]
fn columns_are_opened_less_often_than_they_are_blinded() {
    let cs = SUBJECT.key.key.constraints();
    for column in 0..cs.num_advice_columns() {
        let queries = cs.advice_queries().iter().filter(|(queried, _)| queried.index() == column).count();
        // The commitment, the evaluations, and the opening of all.
        assert!(queries + 2 < cs.blinding_factors() + 1, "column {column}: {queries} queries");
    }
}

/// An auditor with the weights and the owner's answer: the same weights are found, any other are not, and no seed is needed.
#[test]
fn audits_find_the_weights_and_no_others() {
    let subject = &*SUBJECT;
    let (srs, key, model) = (&subject.srs, subject.key.verifying(), subject.owner.commitment());
    let answer = subject.owner.answer_weights(key, &subject.graph).unwrap();
    audit_weights(srs, key, model, &subject.graph, &answer).unwrap();
    for place in [0, 5, 33] {
        let (other, _) = with_other_weight(subject, place);
        assert!(audit_weights(srs, key, model, &other, &answer).is_err(), "weight {place}");
        // Nor does an answer help that is made for these weights.
        let theirs = subject.owner.answer_weights(key, &other).unwrap();
        assert!(audit_weights(srs, key, model, &other, &theirs).is_err(), "weight {place}");
    }
    let again = Owner::commit(srs, &subject.plan, &subject.graph).unwrap();
    assert!(audit_weights(srs, key, again.commitment(), &subject.graph, &answer).is_err(), "another commitment");
    let swapped = with_points(model, |points| points.rotate_left(64));
    assert!(audit_weights(srs, key, &swapped, &subject.graph, &answer).is_err(), "lanes in another order");
}

#[test]
fn two_commitments_are_shown_to_hold_the_same() {
    let subject = &*SUBJECT;
    let (srs, key, one) = (&subject.srs, subject.key.verifying(), &subject.owner);
    let two = Owner::commit(srs, &subject.plan, &subject.graph).unwrap();
    let answer = one.answer_same(&two, key, &subject.graph).unwrap();
    audit_same(key, one.commitment(), two.commitment(), &answer).unwrap();
    assert!(audit_same(key, two.commitment(), one.commitment(), &answer).is_err(), "the other way round");
    let (other, _) = with_other_weight(subject, 3);
    let three = Owner::commit(srs, &subject.plan, &other).unwrap();
    for graph in [&subject.graph, &other] {
        let answer = one.answer_same(&three, key, graph).unwrap();
        assert!(audit_same(key, one.commitment(), three.commitment(), &answer).is_err());
    }
}

/// The exact audit: made by the owner, checked by anyone, of this commitment alone.
#[test]
fn exact_audits_hold_for_their_commitment() {
    let subject = &*SUBJECT;
    let (srs, key, owner) = (&subject.srs, subject.key.verifying(), &subject.owner);
    let mut told = Vec::new();
    let audit = prove_audit(srs, key, owner, &subject.graph, &mut |done, all| told.push((done, all))).unwrap();
    assert_eq!(told, [(1, 1)]);
    assert_eq!(verify_audit(srs, key, owner.commitment(), &audit).unwrap(), subject.layout().weight_bits);
    let again = Owner::commit(srs, &subject.plan, &subject.graph).unwrap();
    let refused = verify_audit(srs, key, again.commitment(), &audit).unwrap_err();
    assert!(matches!(refused, ProverError::OtherModel { of: "audit", .. }), "{refused}");
    // Of other weights than the commitment's there is none.
    let (other, _) = with_other_weight(subject, 2);
    let refused = prove_audit(srs, key, owner, &other, &mut |_, _| {}).unwrap_err();
    assert!(matches!(refused, ProverError::OtherWeights), "{refused}");
    let mut value = serde_json::to_value(&audit).unwrap();
    let slices: Vec<Vec<u8>> = serde_json::from_value(value["slices"].clone()).unwrap();
    let mut with = |slices: Vec<Vec<u8>>| -> crate::AuditProof {
        value["slices"] = serde_json::to_value(slices).unwrap();
        serde_json::from_value(value.clone()).unwrap()
    };
    for place in (0..slices[0].len()).step_by(61) {
        let mut changed = slices.clone();
        changed[0][place] ^= 1 << (place % 8);
        assert!(verify_audit(srs, key, owner.commitment(), &with(changed)).is_err(), "byte {place}");
    }
    assert!(verify_audit(srs, key, owner.commitment(), &with(Vec::new())).is_err(), "no slice");
    let twice = [slices.clone(), slices.clone()].concat();
    assert!(verify_audit(srs, key, owner.commitment(), &with(twice)).is_err(), "a slice too many");
}

/// Slices cover all lanes, and none stands for another.
#[test]
fn slices_of_an_audit_are_bound_to_their_lanes() {
    let specs = [conv(40, 1, 0, RELU), dense(3, NONE)];
    let case = Case::new(Planes::new(2, 2, 2), &specs, true, 5);
    let visibility = Visibility { input: InputMode::Private, weights: WeightMode::Committed };
    let plan = in_lanes(&case, visibility, 40);
    let srs = Srs::development(plan.k(), 0).unwrap();
    let key = keygen(&srs, &plan, &case.graph).unwrap();
    let owner = Owner::commit(&srs, &plan, &case.graph).unwrap();
    let audit = prove_audit(&srs, key.verifying(), &owner, &case.graph, &mut |_, _| {}).unwrap();
    verify_audit(&srs, key.verifying(), owner.commitment(), &audit).unwrap();
    let mut value = serde_json::to_value(&audit).unwrap();
    value["slices"].as_array_mut().unwrap().swap(0, 1);
    let swapped: crate::AuditProof = serde_json::from_value(value).unwrap();
    let refused = verify_audit(&srs, key.verifying(), owner.commitment(), &swapped).unwrap_err().to_string();
    assert!(refused.contains("lanes 0..16"), "{refused}");
}
