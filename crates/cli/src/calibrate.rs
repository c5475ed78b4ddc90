//! `zklayout calibrate`: this machine's kernels and whole proofs, as a profile.

use comfy_table::Table;
use zklayout::cost::{Profile, Rates};
use zklayout::prover::{CalibrateOptions, Progress, calibrate, extend};

use crate::args::{CalibrateCommand, read_profile};
use crate::error::CliError;
use crate::terminal::say;
use crate::{plan, report};

pub(crate) fn run(options: &CalibrateCommand, json: bool) -> Result<(), CliError> {
    let mut report_step = |progress: Progress| {
        if !json {
            eprintln!("{}", step(&progress));
        }
    };
    let profile = match &options.extend {
        Some(path) => extend(&read_profile(path)?, options.max_k, &mut report_step)?,
        None => calibrate(&measuring(options)?, &mut report_step)?,
    };
    let text = profile.to_json().map_err(zklayout::Error::from)?;
    if let Some(path) = &options.out {
        plan::write_text(&text, path)?;
    }
    if json {
        say!("{text}");
    } else {
        for (whose, rates) in [("this library's prover", &profile.core), ("halo2's prover", &profile.stock)] {
            say!("{whose}\n{}", kernels(&profile.name, rates));
        }
        say!("{}", residuals(&profile));
    }
    Ok(())
}

fn measuring(options: &CalibrateCommand) -> Result<CalibrateOptions, CliError> {
    Ok(CalibrateOptions {
        name: options.name.clone(),
        min_k: options.min_k,
        max_k: options.max_k,
        threads: options.threads,
        earlier: options.earlier.iter().map(|path| read_profile(path)).collect::<Result<_, _>>()?,
    })
}

fn step(progress: &Progress) -> String {
    match progress {
        Progress::Kernels(k) => format!("kernels on 2^{k} rows"),
        Progress::Proof(circuit) => format!("proof of {circuit}"),
    }
}

fn kernels(profile: &str, rates: &Rates) -> Table {
    let first = rates.kernels.values().next();
    let sizes: Vec<u32> =
        first.map(|table| table.samples().iter().map(|sample| sample.k).collect()).unwrap_or_default();
    let header: Vec<String> =
        std::iter::once("kernel".to_owned()).chain(sizes.iter().map(|k| format!("2^{k}"))).collect();
    let mut table = report::table(&header.iter().map(String::as_str).collect::<Vec<_>>());
    for kernel in rates.kernels.keys() {
        let milliseconds = |seconds: f64| format!("{:.3} ms", seconds * 1e3);
        let cell = |k: &u32| rates.kernel(profile, *kernel, *k).map_or("-".into(), milliseconds);
        table.add_row(std::iter::once(format!("{kernel:?}")).chain(sizes.iter().map(cell)));
    }
    table
}

fn residuals(profile: &Profile) -> Table {
    let mut table = report::table(&["synthetic circuit", "measured", "fitted", "error"]);
    for residual in &profile.stock.residuals {
        table.add_row([
            residual.circuit.clone(),
            report::seconds(residual.measured),
            report::seconds(residual.fitted),
            format!("{:+.1} %", 100.0 * (residual.fitted / residual.measured - 1.0)),
        ]);
    }
    let coefficients = [
        ("core: ", &profile.core.coefficients),
        ("stock: ", &profile.stock.coefficients),
        ("", &profile.coefficients),
    ];
    for (whose, coefficients) in coefficients {
        for (coefficient, value) in coefficients {
            let name = format!("{whose}{coefficient:?}");
            table.add_row([name, format!("{value:.4e}"), String::new(), String::new()]);
        }
    }
    table
}
