//! A profile of any machine with sizes that it was not measured at: how much longer a kernel takes on more rows depends on a machine
//! less than how long it takes.

use zklayout_plan::cost::{Kernel, Profile, Rates, Sample, Table};

use super::kernels;
use super::progress::Progress;
use crate::error::ProverError;

/// A profile's kernels on up to `2^max_k` rows: at the largest size that it has times this machine's ratio.
///
/// # Errors
/// A profile without kernels, sizes that powers of tau cannot be made for, or a failure of halo2.
pub fn extend(
    profile: &Profile,
    max_k: u32,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Profile, ProverError> {
    let last = profile.stock.kernels.values().filter_map(|table| Some(table.range()?.1)).max();
    let last = last.ok_or_else(|| ProverError::calibrating("the profile has no kernels".into()))?;
    let sizes = kernels::measure(last..=max_k, progress)?;
    let mut extended = profile.clone();
    extend_rates(&mut extended.core, last, max_k, |k, kernel| sizes.get(&k)?.core.get(kernel).copied());
    extend_rates(&mut extended.stock, last, max_k, |k, kernel| sizes.get(&k)?.stock.get(kernel).copied());
    Ok(extended)
}

/// Adds the sizes above `last`; `here` is what a kernel takes on this machine.
fn extend_rates(rates: &mut Rates, last: u32, max_k: u32, here: impl Fn(u32, &Kernel) -> Option<f64>) {
    for (kernel, table) in &mut rates.kernels {
        let there = table.samples().iter().find(|sample| sample.k == last).map(|sample| sample.seconds);
        let (Some(here_last), Some(there)) = (here(last, kernel), there) else { continue };
        let new =
            (last + 1..=max_k).filter_map(|k| Some(Sample { k, seconds: there * here(k, kernel)? / here_last }));
        *table = Table::new(table.samples().iter().copied().chain(new).collect());
    }
}
