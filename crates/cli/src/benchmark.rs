//! `zklayout benchmark`: proving and verifying, beside a unit of the machine's speed measured in the same run.

use std::time::Instant;

use serde::Serialize;
use zklayout::plan::CircuitShape;
use zklayout::prover::{Commitments, InputHolder, Owner, ProofJob, Prover, Unit, keygen};
use zklayout::record::RecordedFidelity;
use zklayout::{InputCommitment, verify_tied};

use crate::args::BenchmarkOptions;
use crate::error::CliError;
use crate::progress::Steps;
use crate::session::Job;
use crate::terminal::say;
use crate::{memory, report, session};

#[derive(Serialize)]
struct Benchmark<'a> {
    /// The one that made the proofs.
    prover: Prover,
    /// What the prover makes once for all proofs of a key.
    prepare: f64,
    prove_best: f64,
    prove_median: f64,
    prove_all: Vec<f64>,
    /// Seconds of all cores together.
    prove_cpu: Vec<f64>,
    prepare_cpu: f64,
    verify_best: f64,
    keygen: f64,
    /// The model commitment, once.
    commit: Option<f64>,
    /// A full-width multi-scalar multiplication of 2^16 points.
    unit: Option<f64>,
    prove_units: Option<f64>,
    peak_memory_bytes: Option<u64>,
    proof_bytes: usize,
    fidelity: RecordedFidelity,
    shape: &'a CircuitShape,
}

pub(crate) fn run(options: &BenchmarkOptions, json: bool) -> Result<(), CliError> {
    let mut steps = Steps::new(json);
    let job = Job::prepare(&options.job, options.plan.as_deref(), &mut steps)?;
    let graph = job.quantised.graph();
    let plan = session::choose(options.plan.as_deref(), &job.layout, &job.quantised)?;
    let srs = steps.run("powers of tau", || session::powers(&options.job.powers, plan.k()))?;
    let start = Instant::now();
    let key = steps.run("make keys", || keygen(&srs, &plan, graph))?;
    let keygen_seconds = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let key = steps.run("commit", || session::tied(&srs, key, graph))?;
    let commit = (plan.shape.committed_lanes > 0).then(|| start.elapsed().as_secs_f64());
    let binds = plan.visibility().binds_input();
    let holder = binds.then(|| InputHolder::commit(&srs, &plan, &job.trace.values[0])).transpose()?;
    let inputs: Vec<InputCommitment> = holder.iter().map(|holder| holder.commitment().clone()).collect();
    let commitments = Commitments { model: key.owner().map(Owner::commitment), inputs: &inputs };
    let prover = Prover::from(options.prover).of_plan(&plan);
    let (start, start_cpu) = (Instant::now(), memory::cpu_seconds());
    steps.run("prepare keys", || prover.prepare(&srs, &key))?;
    let (prepare, prepare_cpu) = (start.elapsed().as_secs_f64(), memory::cpu_seconds() - start_cpu);
    let (mut proving, mut proving_cpu, mut verifying, mut proof_bytes) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for _ in 0..options.runs.max(1) {
        let (start, start_cpu) = (Instant::now(), memory::cpu_seconds());
        let (srs, key, trace, holder) = (&srs, &key, &job.trace, holder.as_ref());
        let job = ProofJob { prover, srs, key, graph, trace, context: &[], holder };
        let bundle = steps.run("prove", || job.prove())?;
        proving.push(start.elapsed().as_secs_f64());
        proving_cpu.push(memory::cpu_seconds() - start_cpu);
        proof_bytes = bundle.proof.len();
        let start = Instant::now();
        verify_tied(srs.verifier(), key.verifying(), commitments, &bundle, &[])?;
        verifying.push(start.elapsed().as_secs_f64());
    }
    let peak_memory_bytes = memory::peak_bytes();
    let measure_unit = || Ok::<_, CliError>((!options.no_unit).then(|| Unit::new().seconds(options.runs.max(3))));
    let unit = steps.run("unit of speed", measure_unit)?;
    let prove_best = best(&proving);
    let benchmark = Benchmark {
        prover,
        prepare,
        prove_best,
        prove_median: median(&proving),
        prove_all: proving,
        prove_cpu: proving_cpu,
        prepare_cpu,
        verify_best: best(&verifying),
        keygen: keygen_seconds,
        commit,
        unit,
        prove_units: unit.map(|unit| prove_best / unit),
        peak_memory_bytes,
        proof_bytes,
        fidelity: RecordedFidelity::of(job.quantised.fidelity()),
        shape: &plan.shape,
    };
    if json {
        say!("{}", serde_json::json!(benchmark));
        return Ok(());
    }
    let mut pairs = plan.description();
    pairs.extend(report::integers(&job.quantised));
    pairs.extend(rows(&benchmark));
    say!("{}", report::pairs(&pairs));
    Ok(())
}

fn rows(benchmark: &Benchmark<'_>) -> Vec<(&'static str, String)> {
    let runs = benchmark.prove_all.len();
    let (fastest, median) = (report::seconds(benchmark.prove_best), report::seconds(benchmark.prove_median));
    let mut rows = vec![
        ("prover", format!("{:?}", benchmark.prover).to_lowercase()),
        ("prepare", report::seconds(benchmark.prepare)),
        ("prove", format!("{fastest} best, {median} median of {runs}")),
        ("cores' time", report::seconds(best(&benchmark.prove_cpu))),
    ];
    if let (Some(unit), Some(units)) = (benchmark.unit, benchmark.prove_units) {
        rows.push(("unit", format!("{} for a full-width MSM of 2^16 points", report::seconds(unit))));
        rows.push(("prove in units", format!("{units:.2}")));
    }
    rows.extend([
        ("verify", report::seconds(benchmark.verify_best)),
        ("peak memory", benchmark.peak_memory_bytes.map_or("unknown".into(), report::bytes)),
    ]);
    rows
}

fn best(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::INFINITY, f64::min)
}

fn median(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
