//! How long this machine takes beside a profile's, measured on first use and kept in the cache folder.
//!
//! It is said beside prices. Layouts are chosen by the profile alone, so that keys do not depend on a machine's mood.

use std::path::Path;

use serde::{Deserialize, Serialize};
use zklayout::cost::{Host, Profile, Speed};
use zklayout::prover::{WorkSeconds, Workload, host, write_whole};

/// Runs that the median is taken of: about a second.
const RUNS: usize = 5;
const FILE: &str = "speed.json";

#[derive(Serialize, Deserialize)]
struct Kept {
    host: Host,
    seconds: WorkSeconds,
}

/// This machine's speed beside a profile's; none where the profile has no measurement to hold it against.
pub(crate) fn speed(cache: &Path, profile: &Profile) -> Option<Speed> {
    let host = host();
    let kept = kept(cache, &host).unwrap_or_else(|| measured(cache, host));
    kept.beside(profile).ok()
}

/// What this machine was measured to take, unless the folder has that of another one.
fn kept(cache: &Path, host: &Host) -> Option<WorkSeconds> {
    let text = std::fs::read_to_string(cache.join(FILE)).ok()?;
    let kept: Kept = serde_json::from_str(&text).ok()?;
    (kept.host == *host).then_some(kept.seconds)
}

fn measured(cache: &Path, host: Host) -> WorkSeconds {
    let seconds = Workload::default().usual(RUNS);
    let text = serde_json::json!(Kept { host, seconds }).to_string();
    // A folder that cannot be written costs another measurement, nothing else.
    let _ = std::fs::create_dir_all(cache).and_then(|()| write_whole(&cache.join(FILE), text.as_bytes()));
    seconds
}
