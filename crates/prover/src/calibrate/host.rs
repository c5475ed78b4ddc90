//! Where a profile was measured: the system, the processor, and the versions of what was measured.

use std::collections::BTreeMap;

use zklayout_plan::cost::Host;

/// This machine, with as many threads as run now.
pub fn host() -> Host {
    let threads = rayon::current_num_threads();
    let system = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    Host { system, processor: processor().unwrap_or_else(|| "unknown".into()), threads }
}

/// The processor's name, where the system tells.
fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// Exact versions that this crate is built with.
pub(super) fn versions() -> BTreeMap<String, String> {
    let versions =
        [("halo2-axiom", "0.5.3"), ("halo2curves-axiom", "0.7.3"), ("zklayout", env!("CARGO_PKG_VERSION"))];
    versions.map(|(name, version)| (name.to_owned(), version.to_owned())).into()
}
