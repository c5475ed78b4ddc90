//! Verifies the proof in a folder that `zklayout prove` wrote, under a key of a given hash.
//!
//! It uses only what `default-features = false, features = ["verify"]` leaves of this crate: a program of one's own with this
//! text builds without importers, for targets without threads such as `wasm32-wasip1` as well. Run it with a folder and the
//! key's hash, which `zklayout setup` prints.

use std::path::Path;

use zklayout::{Artefact, ProofBundle, VerifierSrs, VerifyingKey, files, verify};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, trusted] = arguments.as_slice() else {
        return Err("give the folder of a proof and the hash of the key that you trust".into());
    };
    let folder = Path::new(folder);
    let key = VerifyingKey::load(&folder.join(files::VERIFYING_KEY))?;
    if key.hash().to_string() != *trusted {
        return Err(format!("the folder's key is {}", key.hash()).into());
    }
    let srs = VerifierSrs::load(&folder.join(files::VERIFIER_SRS))?;
    let bundle = ProofBundle::load(&folder.join(files::PROOF))?;
    let public = verify(&srs, &key, &bundle, b"")?;
    println!("verified: {:?}, powers of tau: {}", public.output_values, public.provenance);
    Ok(())
}
