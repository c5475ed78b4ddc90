//! `zklayout audit`: what a model commitment holds, shown to whoever has the weights, or proven once for everyone.

use std::path::Path;

use serde::Serialize;
use zklayout::prover::{AuditProof, OwnerSeed, prove_audit, verify_audit};
use zklayout::{Artefact, ModelCommitment, Setup, Srs, VerifyingKey, audit, files};

use crate::args::AuditOptions;
use crate::error::CliError;
use crate::powers::Powers;
use crate::progress::Steps;
use crate::session::{self, ModelFile};
use crate::terminal::say;
use crate::{memory, report};

#[derive(Serialize)]
struct Summary {
    /// How it was shown.
    audited: How,
    model: String,
    verifying_key: String,
    weight_bits: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof_bytes: Option<usize>,
    #[serde(flatten)]
    powers: Powers,
    peak_memory_bytes: Option<u64>,
    seconds: Vec<(String, f64)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum How {
    /// The setup's integers, of a model file that is at hand.
    WeightsOfTheModel,
    /// The setup's integers, whose source was not looked at.
    Weights,
    /// A proof that was made now.
    Proven,
    /// A proof that was verified.
    Verified,
}

pub(crate) fn run(options: &AuditOptions, json: bool) -> Result<(), CliError> {
    let mut steps = Steps::new(json);
    let key = VerifyingKey::load(&options.setup.join(files::VERIFYING_KEY))?;
    let file = options
        .model
        .as_deref()
        .map(|path| steps.run("read model", || ModelFile::read(path, &options.reading)))
        .transpose()?;
    let srs = steps.run("powers of tau", || session::powers(&options.powers, key.plan()?.k()))?;
    let (how, digest, weight_bits, proof_bytes) = match (&options.prove, &options.verify) {
        (Some(path), _) => prove(options, &srs, path, &mut steps)?,
        (_, Some(path)) => verify(options, &srs, &key, path, &mut steps)?,
        _ => {
            if let Some(file) = &file {
                file.check_setup(&options.setup, &Setup::load_model(&options.setup)?)?;
            }
            let shown = steps.run("audit", || audit(&options.setup, &srs).map_err(unverified))?;
            let how = if file.is_some() { How::WeightsOfTheModel } else { How::Weights };
            (how, shown.model.to_string(), shown.weight_bits, None)
        }
    };
    let summary = Summary {
        audited: how,
        model: digest,
        verifying_key: key.hash().to_string(),
        weight_bits,
        proof_bytes,
        powers: Powers::of(srs.verifier()),
        peak_memory_bytes: memory::peak_bytes(),
        seconds: steps.times().to_vec(),
    };
    if json {
        say!("{}", serde_json::json!(summary));
    } else {
        print(&summary);
    }
    Ok(())
}

/// A commitment that holds something else does not verify; anything else is an error as ever.
fn unverified(error: zklayout::Error) -> CliError {
    match error {
        zklayout::Error::Prover(error @ zklayout::prover::ProverError::Invalid(_)) => CliError::Unverified(error),
        error => error.into(),
    }
}

type Shown = (How, String, u32, Option<usize>);

fn prove(options: &AuditOptions, srs: &Srs, path: &Path, steps: &mut Steps) -> Result<Shown, CliError> {
    let setup = steps.run("read keys", || Setup::load(&options.setup))?;
    let setup = match &options.seed {
        Some(seed) => setup.with_seed(OwnerSeed::load(seed)?)?,
        None => setup,
    };
    let Some(owner) = setup.proving_key().owner() else {
        let reason =
            "an audit is proven with the owner's seed of a setup with committed weights; give it with --seed FILE";
        return Err(CliError::Usage(format!("{}: {reason}", options.setup.display())));
    };
    let (key, graph) = (setup.verifying_key(), setup.model().graph());
    let proof = steps.run("prove audit", || prove_audit(srs, key, owner, graph, &mut |_, _| {}))?;
    let bits = steps.run("verify audit", || verify_audit(srs, key, owner.commitment(), &proof))?;
    proof.save(path)?;
    Ok((How::Proven, proof.digest().to_string(), bits, Some(proof.size())))
}

fn verify(
    options: &AuditOptions,
    srs: &Srs,
    key: &VerifyingKey,
    path: &Path,
    steps: &mut Steps,
) -> Result<Shown, CliError> {
    let model = ModelCommitment::load(&options.setup.join(files::MODEL_COMMITMENT))?;
    let proof = AuditProof::load(path)?;
    let bits =
        steps.run("verify audit", || verify_audit(srs, key, &model, &proof).map_err(CliError::Unverified))?;
    Ok((How::Verified, model.digest().to_string(), bits, Some(proof.size())))
}

fn print(summary: &Summary) {
    say!("verifying key {}", summary.verifying_key);
    say!("model {}", summary.model);
    let bits = summary.weight_bits;
    match summary.audited {
        How::Proven | How::Verified => {
            say!(
                "its commitment holds integers of {bits} bits where the tape has weights, and 0 elsewhere: proven"
            );
        }
        How::WeightsOfTheModel | How::Weights => {
            say!("its commitment holds the setup's integers, of {bits} bits each, and nothing else");
        }
    }
    if summary.audited == How::Weights {
        say!("whose model the integers are was not looked at: give its file");
    }
    say!("{}", report::pairs(&[("times", report::times(&summary.seconds))]));
    summary.powers.print();
}
