//! `zklayout verify`.

use std::time::Instant;

use zklayout::{Artefact, ProofBundle, Provenance, VerifierSrs, VerifyingKey, verify};

use crate::args::VerifyOptions;
use crate::error::CliError;
use crate::prove::{PROOF, VERIFIER_SRS, VERIFYING_KEY};
use crate::report;

pub(crate) fn run(options: &VerifyOptions, json: bool) -> Result<(), CliError> {
    let path = |given: &Option<std::path::PathBuf>, name: &str| {
        given.clone().unwrap_or_else(|| options.folder.join(name))
    };
    let key = VerifyingKey::load(&path(&options.key, VERIFYING_KEY))?;
    if let Some(expected) = options.key_hash.as_ref().filter(|expected| **expected != key.hash().to_string()) {
        return Err(CliError::Usage(format!("the verifying key's hash is {}, expected {expected}", key.hash())));
    }
    let k = key.plan()?.k();
    if k > options.max_k {
        let reason = format!("the verifying key is for 2^{k} rows, more than 2^{}; raise --max-k", options.max_k);
        return Err(CliError::Usage(reason));
    }
    let srs = VerifierSrs::load(&path(&options.srs, VERIFIER_SRS))?;
    let bundle = ProofBundle::load(&options.folder.join(PROOF))?;
    let start = Instant::now();
    let public = verify(&srs, &key, &bundle)?;
    let seconds = start.elapsed().as_secs_f64();
    let insecure = srs.provenance() == Provenance::Development;
    if json {
        let summary = serde_json::json!({
            "verified": true,
            "insecure_setup": insecure,
            "verifying_key": key.hash().to_string(),
            "output": public.output,
            "output_values": public.output_values,
            "output_stored": public.output_stored,
            "input_values": public.input_values,
            "seconds": seconds,
        });
        println!("{summary}");
        return Ok(());
    }
    let mut table = report::table(&["output", "integer", "value", "stored"]);
    for (index, (integer, value)) in public.output.iter().zip(&public.output_values).enumerate() {
        let stored = public.output_stored.as_ref().and_then(|stored| stored.get(index));
        let stored = stored.map_or("-".to_owned(), ToString::to_string);
        table.add_row([index.to_string(), integer.to_string(), format!("{value:.4}"), stored]);
    }
    println!("{table}");
    println!("verifying key {}", key.hash());
    if insecure {
        println!("The powers of tau are an INSECURE development setup.");
    }
    println!("verified in {}", report::seconds(seconds));
    Ok(())
}
