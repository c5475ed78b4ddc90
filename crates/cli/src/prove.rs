//! `zklayout prove`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use zklayout::Prover;
use zklayout::plan::CircuitShape;
use zklayout::prover::{Commitments, InputHolder};
use zklayout::samples::InputShape;
use zklayout::{Artefact, InputCommitment, Plan, PublicValues, Setup, SetupRecord, Srs, files, verify_tied};

use crate::args::{HolderOptions, KeyOptions, ProveOptions};
use crate::error::CliError;
use crate::limits::ONE_PROOF;
use crate::powers::Powers;
use crate::prediction::Prediction;
use crate::progress::Steps;
use crate::session::ModelFile;
use crate::setup::{self, FEWEST_SAMPLES, Made};
use crate::terminal::say;
use crate::{commit, commit_input, memory, output, prediction, report, session};

#[derive(Serialize)]
struct Summary<'a> {
    verified: bool,
    /// The one that made the proof.
    prover: Prover,
    #[serde(flatten)]
    powers: &'a Powers,
    verifying_key: String,
    /// Digest of the model commitment, if weights are committed.
    model: Option<String>,
    /// Digest of the input commitment, if the input is committed.
    input: Option<String>,
    output: &'a [i64],
    output_values: &'a [f64],
    /// The same by the names that the model's file has, each flat.
    outputs: BTreeMap<&'a str, &'a [f64]>,
    /// What the model's file does with them afterwards, which is left to whoever reads them.
    endings: &'a [String],
    /// Place of the largest value; of places there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    argmax: Option<usize>,
    /// Says more of a private input than the public output does, and is given on request alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    float_output: Option<&'a [f64]>,
    record: &'a SetupRecord,
    predicted: &'a Prediction,
    proof_bytes: usize,
    peak_memory_bytes: Option<u64>,
    seconds: &'a [(String, f64)],
    shape: &'a CircuitShape,
    folder: &'a Path,
    setup: &'a Path,
}

/// Everything that a proof is made of.
struct Ready {
    made: Made,
    input: Vec<f64>,
    float_output: Option<Vec<f64>>,
    endings: Vec<String>,
    folder: PathBuf,
}

pub(crate) fn run(options: &ProveOptions, json: bool, show_values: bool) -> Result<(), CliError> {
    let out = options.out.clone().unwrap_or_else(|| default_folder(options));
    let context = options.context.read()?;
    prediction::check_start(options.keys.force)?;
    output::try_folder(&out)?;
    let mut steps = Steps::new(json);
    let ready = match &options.setup {
        Some(folder) => with_setup(options, folder, &mut steps)?,
        None => with_new_setup(options, &mut steps)?,
    };
    let Made { setup, srs, predicted } = &ready.made;
    let (prover, input) = (options.prover.into(), &ready.input);
    let held = holder(options, &ready, &mut steps)?;
    let bundle = steps.run("prove", || match &held {
        Some((holder, _)) => setup.prove_about(holder, prover, srs, input, &context),
        None => setup.prove_with(prover, srs, input, &context),
    })?;
    let peak_memory_bytes = memory::peak_bytes();
    let inputs: Vec<InputCommitment> = held.iter().map(|(holder, _)| holder.commitment().clone()).collect();
    let commitments = Commitments { model: setup.commitment(), inputs: &inputs };
    let key = setup.verifying_key();
    let public = steps.run("verify", || verify_tied(srs.verifier(), key, commitments, &bundle, &context))?;
    steps.run("write files", || {
        setup.save_public(&out)?;
        inputs.iter().try_for_each(|input| input.save(&out.join(files::INPUT_COMMITMENT)))?;
        bundle.save(&out.join(files::PROOF)).map_err(CliError::from)
    })?;
    let summary = Summary {
        verified: true,
        prover: Prover::from(options.prover).of_plan(setup.plan()),
        powers: &Powers::of(srs.verifier()),
        verifying_key: setup.verifying_key().hash().to_string(),
        model: public.model.map(|model| model.to_string()),
        input: public.record.map(|input| input.to_string()),
        output: &public.output,
        output_values: &public.output_values,
        outputs: by_name(setup.model().outputs(), &public.output_values),
        endings: &ready.endings,
        argmax: (!report::gives_places(setup.model())).then(|| report::argmax(&public.output_values)),
        float_output: ready.float_output.as_deref().filter(|_| show_values),
        record: setup.record(),
        predicted,
        proof_bytes: bundle.proof.len(),
        peak_memory_bytes,
        seconds: steps.times(),
        shape: &setup.plan().shape,
        folder: &out,
        setup: &ready.folder,
    };
    if json {
        say!("{}", serde_json::json!(summary));
    } else {
        print(&summary, setup, &public, held.as_ref().map(|(_, files)| files));
    }
    Ok(())
}

/// Who holds the input, and where commitment and seed are; nobody unless the input is committed.
fn holder(
    options: &ProveOptions,
    ready: &Ready,
    steps: &mut Steps,
) -> Result<Option<(InputHolder, commit_input::Files)>, CliError> {
    let Made { setup, srs, .. } = &ready.made;
    if !setup.plan().visibility().binds_input() {
        return Ok(None);
    }
    let files = commit_input::Files::of(&options.holder, &options.sample)?;
    let holder = files.holder(setup, srs, &ready.input, steps)?;
    Ok(Some((holder, files)))
}

/// Refuses what a holder gives to keys that bind no input, before anything is spent.
fn check_holder(options: &ProveOptions, binds: bool) -> Result<(), CliError> {
    let HolderOptions { input_commitment, input_seed } = &options.holder;
    if !binds && (input_commitment.is_some() || input_seed.is_some()) {
        return Err(CliError::Usage(
            "the keys are not for a committed input: set up with --committed-input".into(),
        ));
    }
    if binds { commit_input::Files::of(&options.holder, &options.sample)?.try_folders() } else { Ok(()) }
}

/// Where the proof goes.
fn default_folder(options: &ProveOptions) -> PathBuf {
    let named = options.model.as_deref().and_then(Path::file_stem);
    let named = named.or_else(|| options.setup.as_deref().and_then(Path::file_name));
    Path::new("proofs").join(named.unwrap_or_default())
}

/// Reads keys that were made before.
fn with_setup(options: &ProveOptions, folder: &Path, steps: &mut Steps) -> Result<Ready, CliError> {
    let (key, ..) = Setup::load_public(folder)?;
    let plan = key.plan()?;
    check_holder(options, plan.visibility().binds_input())?;
    let read = |path: &PathBuf| steps.run("read model", || ModelFile::of_plan(path, &options.reading, &plan));
    let file = options.model.as_ref().map(read).transpose()?;
    if let Some(file) = &file {
        file.check_setup(folder, &Setup::load_model(folder)?)?;
    }
    let input = match &file {
        Some(file) => file.input(&options.sample)?,
        None => session::input(&options.sample, InputShape::of_plan(&plan))?,
    };
    let predicted = predict(&plan, options, steps)?;
    let srs = steps.run("powers of tau", || session::powers(&options.keys.powers, plan.k()))?;
    check_powers(folder, &srs, key.srs_hash())?;
    let setup = steps.run("read keys", || Setup::load(folder))?.within(ONE_PROOF);
    let setup = commit::with_seed(setup, &options.keys.owner)?;
    check_seed(&setup, folder)?;
    let float_output = match &file {
        Some(file) => file.float_output(&input)?,
        None => None,
    };
    setup.model().run(&input)?;
    let endings = file.as_ref().map(ModelFile::endings).unwrap_or_default();
    let (made, folder) = (Made { setup, srs, predicted }, folder.to_owned());
    Ok(Ready { made, input, float_output, endings, folder })
}

/// Refuses to prove without the owner's seed, before anything is spent.
fn check_seed(setup: &Setup, folder: &Path) -> Result<(), CliError> {
    if setup.commitment().is_none() || setup.proving_key().owner().is_some() {
        return Ok(());
    }
    let seed = setup.seed_file().map_or("nowhere".to_owned(), |path| path.display().to_string());
    let reason = format!("it was saved at {seed}; give it with --seed FILE");
    Err(CliError::Usage(format!("{} needs the owner's seed to prove: {reason}", folder.display())))
}

fn predict(plan: &Plan, options: &ProveOptions, steps: &mut Steps) -> Result<Prediction, CliError> {
    let KeyOptions { layout, powers, force, .. } = &options.keys;
    let predicted = Prediction::of_fitting(plan, &layout.prices()?, &powers.cache.folder(), *force)?;
    steps.say(&format!("predicted: {}", predicted.line()));
    Ok(predicted)
}

fn check_powers(folder: &Path, srs: &Srs, expected: zklayout::plan::PlanHash) -> Result<(), CliError> {
    if srs.hash() == expected {
        return Ok(());
    }
    Err(CliError::Usage(format!(
        "{} was made with powers of tau {expected}, these are {}; give the same with --srs FILE",
        folder.display(),
        srs.hash()
    )))
}

/// Makes a setup first, without a look at a private input.
fn with_new_setup(options: &ProveOptions, steps: &mut Steps) -> Result<Ready, CliError> {
    let path = options.model.as_deref().ok_or_else(|| CliError::Usage("give a model or a setup".into()))?;
    let folder = options.setup_out.clone().unwrap_or_else(|| setup::default_folder(path));
    output::try_folder(&folder)?;
    // A saved plan says itself whether it binds the input.
    if options.keys.plan.is_none() {
        check_holder(options, options.keys.layout.committed_input)?;
    }
    let KeyOptions { layout, plan, .. } = &options.keys;
    let read = || ModelFile::to_lay_out(path, &options.reading, layout, plan.as_deref());
    let file = steps.run("read model", read)?;
    let input = file.input(&options.sample)?;
    let layout = layout.plan(&file.model.input())?;
    let quantised = steps.run("quantise", || file.integers(&options.keys.scales, &layout, Some(&input)))?;
    if let Some(few) = setup::few_samples(&quantised) {
        let reason = format!("other inputs may leave their ranges; {FEWEST_SAMPLES} or more are better");
        steps.say(&format!("{few} chose the scales: {reason}"));
    }
    // An input that the ranges refuse is known before keys are made.
    quantised.run(&input)?;
    let float_output = file.float_output(&input)?;
    let endings = file.endings();
    let Made { setup, srs, predicted } = setup::make(file, quantised, &options.keys, &folder, steps)?;
    let made = Made { setup: setup.within(ONE_PROOF), srs, predicted };
    check_seed(&made.setup, &folder)?;
    Ok(Ready { made, input, float_output, endings, folder })
}

fn print(summary: &Summary<'_>, setup: &Setup, public: &PublicValues, held: Option<&commit_input::Files>) {
    say!("{}", report::layers(setup.model().graph(), setup.plan()));
    let mut pairs = setup.plan().description();
    pairs.extend(report::record(summary.record));
    pairs.extend(report::statements(summary.record, setup.plan().visibility().shows_input()));
    pairs.push(("times", report::times(summary.seconds)));
    pairs.push(("peak memory", summary.peak_memory_bytes.map_or("unknown".into(), report::bytes)));
    pairs.push(("setup", format!("{} (keep it: it holds the weights)", summary.setup.display())));
    pairs.extend(setup.seed_file().map(|seed| ("seed", commit::seed_advice(seed))));
    pairs.extend(held.map(|files| ("input seed", commit_input::seed_advice(&files.seed))));
    pairs.push(("proof", format!("{} (give it to whoever verifies)", summary.folder.display())));
    say!("{}", report::pairs(&pairs));
    let places = report::gives_places(setup.model());
    say!("{}", outputs(public, summary.float_output, places));
    for ending in summary.endings {
        say!("left to whoever reads the output: {ending}");
    }
    say!("verifying key {}", summary.verifying_key);
    if let Some(model) = &summary.model {
        say!("model {model}");
    }
    if let Some(input) = &summary.input {
        say!("input {input}");
    }
    summary.powers.print();
    let values = summary.outputs.len() <= 1 && !places;
    match report::largest(summary.output).filter(|_| values) {
        Some(place) => say!("verified: the output's largest value is at {place}"),
        None => say!("verified"),
    }
}

/// Outputs by name, if there are names for all of them.
fn by_name<'a>(names: &'a [(String, usize)], values: &'a [f64]) -> BTreeMap<&'a str, &'a [f64]> {
    let count: usize = names.iter().map(|(_, count)| count).sum();
    let mut rest = if count == values.len() { values } else { &[] };
    let mut all = BTreeMap::new();
    for (name, count) in names {
        let (own, others) = rest.split_at((*count).min(rest.len()));
        rest = others;
        all.insert(name.as_str(), own);
    }
    all
}

/// The largest outputs, or the first of places, at most as many as fit a screen.
fn outputs(public: &PublicValues, float: Option<&[f64]>, places: bool) -> comfy_table::Table {
    const MOST: usize = 16;
    let stored = public.output_stored.as_ref();
    let mut header = vec!["output", "integer", "value"];
    header.extend(stored.map(|_| "stored"));
    header.extend(float.map(|_| "float model"));
    let mut table = report::table(&header);
    let mut order: Vec<usize> = (0..public.output.len()).collect();
    if !places {
        order.sort_by(|&a, &b| public.output[b].cmp(&public.output[a]));
    }
    for &index in order.iter().take(MOST) {
        let value = format!("{:.4}", public.output_values[index]);
        let mut row = vec![index.to_string(), public.output[index].to_string(), value];
        row.extend(stored.and_then(|stored| stored.get(index)).map(ToString::to_string));
        row.extend(float.and_then(|float| float.get(index)).map(|value| format!("{value:.4}")));
        table.add_row(row);
    }
    table
}
