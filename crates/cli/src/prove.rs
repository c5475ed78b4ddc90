//! `zklayout prove`.

use std::path::{Path, PathBuf};

use serde::Serialize;
use zklayout::{
    Artefact, CircuitShape, Plan, ProofBundle, ProvingKey, PublicValues, QuantisedModel, Srs, VerifierSrs, keygen,
    prove, verify,
};

use crate::args::ProveOptions;
use crate::error::CliError;
use crate::powers::Powers;
use crate::progress::Steps;
use crate::session::Job;
use crate::{memory, report, session};

/// Names of the files in the output folder.
pub(crate) const PROOF: &str = "proof.bin";
pub(crate) const VERIFYING_KEY: &str = "verifying.key";
pub(crate) const VERIFIER_SRS: &str = "verifier.srs";
const PROVING_KEY: &str = "proving.key";
const PLAN: &str = "plan.json";

#[derive(Serialize)]
struct Summary<'a> {
    verified: bool,
    #[serde(flatten)]
    powers: &'a Powers,
    verifying_key: String,
    output: &'a [i64],
    output_values: &'a [f64],
    argmax: usize,
    float_output: Option<&'a [f64]>,
    proof_bytes: usize,
    peak_memory_bytes: Option<u64>,
    seconds: Vec<(&'a str, f64)>,
    shape: &'a CircuitShape,
    folder: &'a Path,
}

pub(crate) fn run(options: &ProveOptions, json: bool) -> Result<(), CliError> {
    let mut steps = Steps::new(json);
    let context = options.context.read()?;
    let Job { quantised, trace, float_output } = Job::prepare(&options.job, &mut steps)?;
    let plan = steps.run("plan", || session::choose(options.plan.as_deref(), &options.job.layout, &quantised))?;
    let srs = steps.run("powers of tau", || session::setup(&options.job.setup, plan.k()))?;
    let key = steps.run("make keys", || keygen(&srs, &plan, quantised.graph()))?;
    let bundle = steps.run("prove", || prove(&srs, &key, quantised.graph(), &trace, &context))?;
    let peak = memory::peak_bytes();
    let public = steps.run("verify", || verify(srs.verifier(), key.verifying(), &bundle, &context))?;
    let folder = options.out.clone().unwrap_or_else(|| default_folder(&options.job.model.model));
    steps.run("write files", || save(&folder, &plan, &srs, &key, &bundle))?;
    let summary = Summary {
        verified: true,
        powers: &Powers::of(srs.verifier()),
        verifying_key: key.verifying().hash().to_string(),
        output: &public.output,
        output_values: &public.output_values,
        argmax: report::argmax(&public.output_values),
        float_output: float_output.as_deref(),
        proof_bytes: bundle.proof.len(),
        peak_memory_bytes: peak,
        seconds: steps.times().iter().map(|(name, seconds)| (name.as_str(), *seconds)).collect(),
        shape: &plan.shape,
        folder: &folder,
    };
    if json {
        println!("{}", serde_json::json!(summary));
    } else {
        print(&summary, &quantised, &plan, &public);
    }
    Ok(())
}

fn default_folder(model: &Path) -> PathBuf {
    Path::new("proofs").join(model.file_stem().unwrap_or_default())
}

fn save(folder: &Path, plan: &Plan, srs: &Srs, key: &ProvingKey, bundle: &ProofBundle) -> Result<(), CliError> {
    key.save(&folder.join(PROVING_KEY))?;
    key.verifying().save(&folder.join(VERIFYING_KEY))?;
    VerifierSrs::save(srs.verifier(), &folder.join(VERIFIER_SRS))?;
    crate::plan::save(plan, &folder.join(PLAN))?;
    bundle.save(&folder.join(PROOF))?;
    Ok(())
}

fn print(summary: &Summary<'_>, quantised: &QuantisedModel, plan: &Plan, public: &PublicValues) {
    println!("{}", report::layers(quantised.graph(), plan));
    let mut pairs = report::counts(plan);
    let times: Vec<String> =
        summary.seconds.iter().map(|(name, seconds)| format!("{name} {}", report::seconds(*seconds))).collect();
    pairs.push(("times", times.join(", ")));
    pairs.push(("peak memory", summary.peak_memory_bytes.map_or("unknown".into(), report::bytes)));
    pairs.push(("files", summary.folder.display().to_string()));
    println!("{}", report::pairs(&pairs));
    println!("{}", outputs(public, summary.float_output));
    println!("verifying key {}", summary.verifying_key);
    summary.powers.print();
    println!("verified: the output's largest value is at {}", summary.argmax);
}

/// The largest outputs, at most as many as fit a screen.
fn outputs(public: &PublicValues, float: Option<&[f64]>) -> comfy_table::Table {
    const MOST: usize = 16;
    let last = if float.is_some() { "float model" } else { "stored" };
    let stored = |index: usize| public.output_stored.as_ref()?.get(index).map(ToString::to_string);
    let mut table = report::table(&["output", "integer", "value", last]);
    let mut order: Vec<usize> = (0..public.output.len()).collect();
    order.sort_by(|&a, &b| public.output[b].cmp(&public.output[a]));
    for &index in order.iter().take(MOST) {
        table.add_row([
            index.to_string(),
            public.output[index].to_string(),
            format!("{:.4}", public.output_values[index]),
            match float.and_then(|float| float.get(index)) {
                Some(value) => format!("{value:.4}"),
                None => stored(index).unwrap_or_default(),
            },
        ]);
    }
    table
}
