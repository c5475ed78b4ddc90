//! No input crashes a reader, makes it hang, or makes it allocate much more than it was given.
//!
//! `cargo test --release --workspace --test fuzz` makes a few thousand executions of each reader; the job for a machine
//! with time makes a million: `cargo test --release --workspace --test fuzz -- --ignored --nocapture`.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod fuzzing;

use std::path::Path;

use fuzzing::{Target, mutate};
use zklayout::cost::Profile;
use zklayout::graph::{Fixed, Planes};
use zklayout::plan::{InputMode, Visibility, WeightMode};
use zklayout::prover::{
    AuditProof, Commitments, InputHolder, Owner, OwnerSeed, OwnersAnswer, ProofJob, audit_weights, keygen, prove,
    prove_audit,
};
use zklayout::samples::SampleFormat;
use zklayout::{
    Artefact, InputCommitment, Model, ModelCommitment, OnnxOptions, Plan, PlanOptions, ProofBundle, Prover,
    ProvingKey, QuantiseOptions, QuantisedModel, Samples, SetupRecord, Srs, VerifierSrs, VerifyingKey, verify,
    verify_tied,
};

const HEADER: usize = 24;
const CHECKSUM: usize = 32;

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name)
}

/// Small valid artefacts of every kind.
struct Seeds {
    quantised: QuantisedModel,
    onnx: Vec<u8>,
    plans: Vec<String>,
    srs: Srs,
    raw_srs: Vec<u8>,
    key: VerifyingKey,
    bundle: ProofBundle,
    committed: Committed,
}

/// The artefacts of committed weights and a committed input.
struct Committed {
    srs: Srs,
    key: VerifyingKey,
    bundle: ProofBundle,
    owner: Owner,
    holder: InputHolder,
    answer: OwnersAnswer,
    audit: AuditProof,
}

impl Committed {
    fn new(model: &QuantisedModel, input: &[f64], k: u32) -> Self {
        let srs = &Srs::development(k, 0).unwrap();
        let visibility = Visibility { input: InputMode::Committed, weights: WeightMode::Committed };
        let options = PlanOptions { visibility, min_k: srs.k(), max_k: srs.k(), ..PlanOptions::default() };
        let plan = model.plan(&options).unwrap();
        let owner = Owner::commit(srs, &plan, model.graph()).unwrap();
        let proving = keygen(srs, &plan, model.graph()).unwrap().with_owner(owner.clone()).unwrap();
        let trace = model.run(input).unwrap();
        let holder = InputHolder::commit(srs, &plan, &trace.values[0]).unwrap();
        let (prover, key, graph) = (Prover::default(), &proving, model.graph());
        let job = ProofJob { prover, srs, key, graph, trace: &trace, context: &[], holder: Some(&holder) };
        let bundle = job.prove().unwrap();
        let key = proving.verifying().clone();
        let answer = owner.answer_weights(&key, model.graph()).unwrap();
        let audit = prove_audit(srs, &key, &owner, model.graph(), &mut |_, _| {}).unwrap();
        Self { srs: srs.clone(), key, bundle, owner, holder, answer, audit }
    }

    fn holds(&self, model: &ModelCommitment, input: &InputCommitment, bundle: &ProofBundle) -> bool {
        let commitments = Commitments { model: Some(model), inputs: std::slice::from_ref(input) };
        verify_tied(self.srs.verifier(), &self.key, commitments, bundle, &[]).is_ok()
    }

    /// Readers of files of what is committed, each with a use of what was read.
    fn targets<'a>(&'a self, model: &'a QuantisedModel) -> Vec<Target<'a>> {
        let here = Path::new("input");
        let commitment = self.owner.commitment().to_bytes().unwrap();
        let (answer, audit) = (self.answer.to_bytes().unwrap(), self.audit.to_bytes().unwrap());
        let bundle = self.bundle.to_bytes().unwrap();
        let (own, input) = (self.owner.commitment(), self.holder.commitment());
        let record = input.to_bytes().unwrap();
        vec![
            Target {
                name: "model commitment, resealed",
                seeds: vec![payload(&commitment)],
                read: Box::new(move |bytes| {
                    ModelCommitment::from_bytes(&seal(&commitment, bytes), here).is_ok_and(|model| {
                        let bundle = ProofBundle { model: Some(model.digest()), ..self.bundle.clone() };
                        self.holds(&model, input, &bundle)
                    })
                }),
            },
            Target {
                name: "input commitment, resealed",
                seeds: vec![payload(&record)],
                read: Box::new(move |bytes| {
                    InputCommitment::from_bytes(&seal(&record, bytes), here).is_ok_and(|input| {
                        let bundle = ProofBundle { record: Some(input.digest()), ..self.bundle.clone() };
                        self.holds(own, &input, &bundle)
                    })
                }),
            },
            Target {
                name: "seed of an owner",
                seeds: vec![self.owner.seed().to_bytes().unwrap()],
                read: Box::new(move |bytes| {
                    OwnerSeed::from_bytes(bytes, here).is_ok_and(|seed| Owner::new(own.clone(), seed).is_ok())
                }),
            },
            Target {
                name: "answer of an owner, resealed",
                seeds: vec![payload(&answer)],
                read: Box::new(move |bytes| {
                    OwnersAnswer::from_bytes(&seal(&answer, bytes), here).is_ok_and(|answer| {
                        audit_weights(&self.srs, &self.key, own, model.graph(), &answer).is_ok()
                    })
                }),
            },
            Target {
                name: "proof of an audit",
                seeds: vec![audit.clone()],
                read: Box::new(move |bytes| AuditProof::from_bytes(bytes, here).is_ok()),
            },
            Target {
                name: "bundle of committed weights, resealed",
                seeds: vec![payload(&bundle)],
                read: Box::new(move |bytes| {
                    ProofBundle::from_bytes(&seal(&bundle, bytes), here)
                        .is_ok_and(|bundle| self.holds(own, input, &bundle))
                }),
            },
        ]
    }
}

impl Seeds {
    fn new() -> Self {
        let path = fixture("models/tiny.onnx");
        let model = Model::load(&path).unwrap();
        let input: Vec<f64> = (0..model.input_shape().len()).map(|i| (i % 7) as f64 / 7.0).collect();
        let options =
            QuantiseOptions { input_bits: 4, weight_bits: 4, table_bits: 6, ..QuantiseOptions::default() };
        let quantised = model.quantise(std::slice::from_ref(&input), &options).unwrap();
        let plan = quantised.plan(&PlanOptions { min_k: 6, ..PlanOptions::default() }).unwrap();
        let direct = PlanOptions { family: Some(zklayout::plan::Family::Direct), ..PlanOptions::default() };
        let plans = [&plan, &quantised.plan(&direct).unwrap()].map(|plan| plan.to_json().unwrap());
        let srs = Srs::development(plan.k(), 0).unwrap();
        let proving = keygen(&srs, &plan, quantised.graph()).unwrap();
        let bundle = prove(&srs, &proving, quantised.graph(), &quantised.run(&input).unwrap(), &[]).unwrap();
        Self {
            onnx: std::fs::read(path).unwrap(),
            plans: plans.to_vec(),
            raw_srs: Srs::development(4, 3).unwrap().to_bytes().unwrap(),
            key: proving.verifying().clone(),
            committed: Committed::new(&quantised, &input, srs.k() + 2),
            srs,
            bundle,
            quantised,
        }
    }

    #[expect(clippy::too_many_lines, reason = "a list of cases")]
    fn targets(&self) -> Vec<Target<'_>> {
        let here = Path::new("input");
        let shape = Planes::new(1, 2, 3);
        let samples = move |format| move |bytes: &[u8]| Samples::parse(format, bytes, &shape.into()).is_ok();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let key = self.key.to_bytes().unwrap();
        let laid_out = key.clone();
        let bundle = self.bundle.to_bytes().unwrap();
        let model = self.quantised.to_bytes().unwrap();
        let mut targets = vec![
            Target {
                name: "quantised model",
                seeds: vec![model.clone()],
                read: Box::new(move |bytes| QuantisedModel::from_bytes(bytes, here).is_ok()),
            },
            Target {
                name: "quantised model, resealed",
                seeds: vec![payload(&model)],
                read: Box::new(move |bytes| {
                    QuantisedModel::from_bytes(&seal(&model, bytes), here).is_ok_and(|model| runs(&model))
                }),
            },
            Target {
                name: "setup record",
                seeds: vec![self.record().to_json().unwrap().into_bytes()],
                read: Box::new(move |bytes| {
                    SetupRecord::from_json(&text(bytes)).is_ok_and(|r| !r.to_string().is_empty())
                }),
            },
            #[cfg(feature = "text")]
            Target {
                name: "tokenizer",
                seeds: vec![std::fs::read(fixture("language/tokenizer.json")).unwrap()],
                read: Box::new(move |bytes| {
                    zklayout::text::Tokenizer::from_bytes(bytes, here)
                        .is_ok_and(|own| own.ids("le column").is_ok())
                }),
            },
            Target {
                name: "tflite",
                seeds: vec![std::fs::read(fixture("models/ds_cnn_int8.tflite")).unwrap()],
                read: Box::new(move |bytes| zklayout::import::import_tflite_bytes(bytes, here).is_ok()),
            },
            Target {
                name: "tflite of floats",
                seeds: vec![std::fs::read(fixture("tflite/two_heads.tflite")).unwrap()],
                read: Box::new(move |bytes| {
                    zklayout::import::is_float_tflite(bytes, here).is_ok_and(|floats| floats)
                        && zklayout::import::tflite_as_onnx(bytes, here).is_ok_and(|onnx| {
                            zklayout::import::import_onnx_bytes(&onnx, here, &OnnxOptions::default()).is_ok()
                        })
                }),
            },
            Target {
                name: "onnx",
                seeds: vec![self.onnx.clone()],
                read: Box::new(move |bytes| {
                    zklayout::import::import_onnx_bytes(bytes, here, &OnnxOptions::default()).is_ok()
                }),
            },
            Target {
                name: "onnx of every element type",
                seeds: everyday(&[
                    "in_f16",
                    "in_int64",
                    "int_weights",
                    "qdq_weights",
                    "w_bfloat16",
                    "w_double",
                    "local_function",
                    "two_inputs",
                ]),
                read: Box::new(move |bytes| {
                    zklayout::import::import_onnx_bytes(bytes, here, &OnnxOptions::default()).is_ok()
                }),
            },
            Target {
                name: "onnx with weights beside it",
                seeds: everyday(&["external"]),
                read: Box::new(|bytes| {
                    let beside = fixture("everyday/external.onnx");
                    zklayout::import::import_onnx_bytes(bytes, &beside, &OnnxOptions::default()).is_ok()
                }),
            },
            Target {
                name: "npy",
                seeds: vec![npy(), second_version(&npy())],
                read: Box::new(samples(SampleFormat::Npy)),
            },
            Target { name: "npz", seeds: vec![npz()], read: Box::new(samples(SampleFormat::Npz)) },
            Target {
                name: "json",
                seeds: vec![b"[[[1, 2.5, -3e2], [4, 5, 6]], [[7, 8, 9], [1, 2, 3]]]".to_vec()],
                read: Box::new(samples(SampleFormat::Json)),
            },
            Target {
                name: "plan",
                seeds: self.plans.iter().map(|plan| plan.clone().into_bytes()).collect(),
                read: Box::new(move |bytes| Plan::from_json(&text(bytes)).is_ok()),
            },
            Target {
                name: "profile",
                seeds: vec![small_profile()],
                read: Box::new(move |bytes| Profile::from_json(&text(bytes)).is_ok()),
            },
            Target {
                name: "powers of tau",
                seeds: vec![self.raw_srs.clone()],
                read: Box::new(|bytes| Srs::from_bytes(bytes).is_ok()),
            },
            Target {
                name: "powers of tau, ptau",
                seeds: vec![std::fs::read(fixture("powers/small.ptau")).unwrap()],
                read: Box::new(|bytes| Srs::from_bytes(bytes).is_ok()),
            },
            Target {
                name: "verifier's powers of tau",
                seeds: vec![self.srs.verifier().to_bytes().unwrap()],
                read: Box::new(move |bytes| VerifierSrs::from_bytes(bytes, here).is_ok()),
            },
            Target {
                name: "verifying key",
                seeds: vec![key.clone()],
                read: Box::new(move |bytes| {
                    VerifyingKey::from_bytes(bytes, here).is_ok_and(|key| key.plan().is_ok())
                }),
            },
            Target {
                name: "verifying key, resealed",
                seeds: vec![payload(&key)],
                read: Box::new(move |bytes| {
                    VerifyingKey::from_bytes(&seal(&key, bytes), here).is_ok_and(|key| self.verifies(&key))
                }),
            },
            Target {
                name: "proving key of a verifying key, resealed",
                seeds: vec![payload(&laid_out)],
                read: Box::new(move |bytes| {
                    VerifyingKey::from_bytes(&seal(&laid_out, bytes), here)
                        .is_ok_and(|key| ProvingKey::new(key, self.quantised.graph()).is_ok())
                }),
            },
            Target {
                name: "bundle",
                seeds: vec![bundle.clone()],
                read: Box::new(move |bytes| ProofBundle::from_bytes(bytes, here).is_ok()),
            },
            Target {
                name: "bundle, resealed",
                seeds: vec![payload(&bundle)],
                read: Box::new(move |bytes| {
                    ProofBundle::from_bytes(&seal(&bundle, bytes), here)
                        .is_ok_and(|bundle| verify(self.srs.verifier(), &self.key, &bundle, &[]).is_ok())
                }),
            },
        ];
        targets.extend(self.committed.targets(&self.quantised));
        targets
    }

    /// A hostile key comes with a bundle that fits it in everything but the proof.
    fn record(&self) -> SetupRecord {
        SetupRecord::of(self.quantised.calibration(), self.quantised.fidelity(), &self.key)
    }

    fn verifies(&self, key: &VerifyingKey) -> bool {
        let Ok(plan) = key.plan() else { return false };
        let mut bundle =
            ProofBundle { plan: key.plan_hash(), srs: key.srs_hash(), key: key.hash(), ..self.bundle.clone() };
        if plan.shape.proof_bytes < 1 << 16 {
            bundle.proof.resize(plan.shape.proof_bytes, 0);
        }
        verify(self.srs.verifier(), key, &bundle, &[]).is_ok()
    }
}

/// Whether a hostile model of small tensors can be run, whatever comes out.
fn runs(model: &QuantisedModel) -> bool {
    let small = |node: &Fixed| match node {
        Fixed::Input(input) => input.shape.len() < 1 << 10,
        Fixed::Layer(layer) => layer.output.len() < 1 << 10,
    };
    if !model.graph().nodes().all(|(_, node)| small(node)) {
        return false;
    }
    let zeros = vec![0; model.input_shape().len()];
    let _ = model.run_integers(&zeros);
    true
}

/// What a sealed file holds.
fn payload(sealed: &[u8]) -> Vec<u8> {
    sealed[HEADER..sealed.len() - CHECKSUM].to_vec()
}

/// The same kind of file around another payload.
fn seal(sealed: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut bytes = sealed[..16].to_vec();
    bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    bytes.extend_from_slice(payload);
    let checksum = zklayout::plan::PlanHash::of("artefact", &bytes);
    bytes.extend_from_slice(&checksum.0);
    bytes
}

/// Small models as exporters write them.
fn everyday(names: &[&str]) -> Vec<Vec<u8>> {
    names.iter().map(|name| std::fs::read(fixture(&format!("everyday/{name}.onnx"))).unwrap()).collect()
}

fn npy() -> Vec<u8> {
    let mut bytes = Vec::new();
    let array = ndarray::Array3::<f32>::from_shape_fn((2, 2, 3), |(a, b, c)| (a + b + c) as f32);
    ndarray_npy::WriteNpyExt::write_npy(&array, &mut bytes).unwrap();
    bytes
}

/// The same array in the second version of the format, whose header may be longer than memory.
fn second_version(npy: &[u8]) -> Vec<u8> {
    let length = u32::from(u16::from_le_bytes([npy[8], npy[9]]));
    [&npy[..6], &[2, 0], &length.to_le_bytes(), &npy[10..]].concat()
}

fn npz() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut writer = ndarray_npy::NpzWriter::new_compressed(&mut bytes);
    writer.add_array("inputs", &ndarray::Array3::<f32>::ones((2, 2, 3))).unwrap();
    writer.add_array("labels", &ndarray::arr1(&[1i64, 2])).unwrap();
    writer.finish().unwrap();
    bytes.into_inner()
}

/// The shipped profile with few sizes of each kernel.
fn small_profile() -> Vec<u8> {
    let mut profile = Profile::two_cores().unwrap();
    profile.stock.residuals.clear();
    profile.to_json().unwrap().into_bytes()
}

fn fuzz(executions: usize, only: &[&str]) {
    let seeds = Seeds::new();
    std::panic::set_hook(Box::new(|_| {}));
    let mut failures = Vec::new();
    for target in seeds.targets().into_iter().filter(|target| only.is_empty() || only.contains(&target.name)) {
        let start = std::time::Instant::now();
        // Whatever is read from a resealed bundle is also verified, which takes a thousand times as long.
        let share = if target.name == "bundle, resealed" { 10 } else { 1 };
        let findings = target.run(executions / share, 1);
        println!(
            "{:<26} {:>9} executions in {:>5.0} s, {:>7} accepted, {} panics, slowest {:.3} s, most memory {:.1} MB",
            target.name,
            findings.executions,
            start.elapsed().as_secs_f64(),
            findings.accepted,
            findings.panics.len(),
            findings.slowest.as_secs_f64(),
            findings.largest as f64 / 1e6,
        );
        for (message, input) in &findings.panics {
            println!("    panic: {message}");
            save(target.name, input);
            failures.push(format!("{}: {message}", target.name));
        }
        for input in findings.excessive.iter().take(3) {
            save(target.name, input);
            failures.push(format!("{}: {} bytes take too much memory or time", target.name, input.len()));
        }
    }
    let _ = std::panic::take_hook();
    assert!(failures.is_empty(), "{failures:#?}");
}

/// Keeps an input that broke something.
fn save(target: &str, input: &[u8]) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz");
    std::fs::create_dir_all(&folder).unwrap();
    let name =
        format!("{}-{}", target.replace([' ', ',', '\''], "-"), zklayout::plan::PlanHash::of("input", input));
    println!("    input: {}", folder.join(&name).display());
    std::fs::write(folder.join(name), input).unwrap();
}

#[test]
fn readers_survive_mutated_files() {
    fuzz(1500, &[]);
}

#[test]
#[ignore = "an hour"]
fn readers_survive_a_million_mutated_files() {
    fuzz(1_000_000, &[]);
}

#[test]
#[ignore = "a minute"]
fn importers_survive_mutated_files() {
    fuzz(100_000, &["onnx of every element type", "onnx with weights beside it", "tflite of floats"]);
}

#[test]
#[ignore = "ten minutes"]
fn resealed_files_survive_a_million_mutations() {
    fuzz(1_000_000, &["verifying key, resealed", "bundle, resealed", "quantised model, resealed"]);
}

/// Inputs that once broke a reader.
#[test]
fn found_cases_stay_mended() {
    let seeds = Seeds::new();
    for target in seeds.targets() {
        let folder = fixture("fuzz").join(target.name.replace([' ', ',', '\''], "-"));
        let Ok(files) = std::fs::read_dir(folder) else { continue };
        for file in files {
            (target.read)(&std::fs::read(file.unwrap().path()).unwrap());
        }
    }
}

#[test]
fn every_changed_byte_of_a_bundle_is_noticed() {
    let seeds = Seeds::new();
    let bytes = seeds.bundle.to_bytes().unwrap();
    let here = Path::new("bundle");
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 1 << (place % 8);
        assert!(ProofBundle::from_bytes(&changed, here).is_err(), "byte {place} may change");
    }
    // The same with a checksum that fits: something in the bundle itself must object.
    let inner = payload(&bytes);
    for place in 0..inner.len() {
        let mut changed = inner.clone();
        changed[place] ^= 1 << (place % 8);
        let read = ProofBundle::from_bytes(&seal(&bytes, &changed), here);
        let accepted = read.is_ok_and(|bundle| verify(seeds.srs.verifier(), &seeds.key, &bundle, &[]).is_ok());
        assert!(!accepted, "byte {place} of the payload may change");
    }
}

#[test]
fn mutations_change_their_seed() {
    let seeds = vec![vec![7; 40]];
    let mut numbers = fuzzing::Numbers::new(3);
    let changed = (0..200).filter(|_| mutate(&seeds, &mut numbers) != seeds[0]).count();
    assert!(changed > 150);
}
