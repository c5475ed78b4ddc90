//! `zklayout benchmark`: proving and verifying, beside a unit of the machine's speed measured in the same run.

use std::time::Instant;

use serde::Serialize;
use zklayout::cost::Cost;
use zklayout::plan::{CircuitShape, Occupancy};
use zklayout::prover::{Commitments, InputHolder, Owner, ProofJob, Prover, Unit, keygen};
use zklayout::record::RecordedFidelity;
use zklayout::{InputCommitment, verify_tied};

use crate::args::BenchmarkOptions;
use crate::error::CliError;
use crate::progress::Steps;
use crate::session::Job;
use crate::step_times::{Step, StepTimes};
use crate::terminal::say;
use crate::{memory, plan, report, session};

/// Verifications of each proof: they are short, and the fastest counts.
const VERIFICATIONS: usize = 3;

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
    /// Of the fastest proof, if the library's own prover made it.
    steps: Vec<Step>,
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
    occupancy: Occupancy,
}

pub(crate) fn run(options: &BenchmarkOptions, json: bool) -> Result<(), CliError> {
    let mut steps = Steps::new(json);
    let job = Job::prepare(&options.job, options.plan.as_deref(), &mut steps)?;
    let graph = job.quantised.graph();
    let plan = session::choose(options.plan.as_deref(), &job.layout, &job.quantised)?;
    let srs = steps.run("powers of tau", || session::powers(&options.job.powers, plan.k()))?;
    let start = Instant::now();
    let key = steps.run("make keys", || keygen(&srs, &plan, graph))?.within(job.layout.keeping_within());
    let keygen_seconds = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let key = steps.run("commit", || session::tied(&srs, key, graph))?;
    let commit = (plan.shape.committed_lanes > 0).then(|| start.elapsed().as_secs_f64());
    let binds = plan.visibility().binds_input();
    let holder = binds.then(|| InputHolder::commit(&srs, &plan, &job.trace.values[0])).transpose()?;
    let prover = Prover::from(options.prover).of_plan(&plan);
    let (start, start_cpu) = (Instant::now(), memory::cpu_seconds());
    steps.run("prepare keys", || prover.prepare(&srs, &key))?;
    let (prepare, prepare_cpu) = (start.elapsed().as_secs_f64(), memory::cpu_seconds() - start_cpu);
    let (trace, holder) = (&job.trace, holder.as_ref());
    let proof = ProofJob { prover, srs: &srs, key: &key, graph, trace, context: &[], holder };
    let cost = plan::price(&plan.shape, &options.job.layout.prices()?).ok();
    let proofs = Proofs::make(&proof, options.runs.max(1), cost.as_ref(), &mut steps)?;
    let peak_memory_bytes = memory::peak_bytes();
    let measure_unit = || Ok::<_, CliError>((!options.no_unit).then(|| Unit::new().seconds(options.runs.max(3))));
    let unit = steps.run("unit of speed", measure_unit)?;
    let prove_best = best(&proofs.proving);
    let benchmark = Benchmark {
        prover,
        prepare,
        prove_best,
        prove_median: median(&proofs.proving),
        prove_all: proofs.proving,
        prove_cpu: proofs.proving_cpu,
        steps: proofs.steps,
        prepare_cpu,
        verify_best: best(&proofs.verifying),
        keygen: keygen_seconds,
        commit,
        unit,
        prove_units: unit.map(|unit| prove_best / unit),
        peak_memory_bytes,
        proof_bytes: proofs.bytes,
        fidelity: RecordedFidelity::of(job.quantised.fidelity()),
        shape: &plan.shape,
        occupancy: plan.shape.occupancy,
    };
    if json {
        say!("{}", serde_json::json!(benchmark));
        return Ok(());
    }
    let mut pairs = plan.description();
    pairs.extend(report::integers(&job.quantised));
    pairs.extend(rows(&benchmark));
    say!("{}", report::pairs(&pairs));
    if !benchmark.steps.is_empty() {
        let mut table = report::table(&["step", "measured", "cores' time", "predicted"]);
        benchmark.steps.iter().for_each(|step| {
            table.add_row(step.cells());
        });
        say!("{table}");
    }
    Ok(())
}

/// Proofs of one execution, one after the other.
#[derive(Default)]
struct Proofs {
    proving: Vec<f64>,
    proving_cpu: Vec<f64>,
    verifying: Vec<f64>,
    bytes: usize,
    /// Of the fastest.
    steps: Vec<Step>,
}

impl Proofs {
    fn make(job: &ProofJob<'_>, runs: usize, cost: Option<&Cost>, steps: &mut Steps) -> Result<Self, CliError> {
        let inputs: Vec<InputCommitment> = job.holder.iter().map(|holder| holder.commitment().clone()).collect();
        let commitments = Commitments { model: job.key.owner().map(Owner::commitment), inputs: &inputs };
        let mut proofs = Self::default();
        for _ in 0..runs {
            let (start, start_cpu, times) = (Instant::now(), memory::cpu_seconds(), StepTimes::default());
            let bundle = steps.run("prove", || times.listen(|| job.prove()))?;
            let seconds = start.elapsed().as_secs_f64();
            if seconds < best(&proofs.proving) {
                proofs.steps = times.steps(cost);
            }
            proofs.proving.push(seconds);
            proofs.proving_cpu.push(memory::cpu_seconds() - start_cpu);
            proofs.bytes = bundle.proof.len();
            for _ in 0..VERIFICATIONS {
                let start = Instant::now();
                verify_tied(job.srs.verifier(), job.key.verifying(), commitments, &bundle, &[])?;
                proofs.verifying.push(start.elapsed().as_secs_f64());
            }
        }
        Ok(proofs)
    }
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
