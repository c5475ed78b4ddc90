//! The zklayout command line: the only part that prints, and that reads arguments and the environment.

mod ablation;
mod accuracy;
mod args;
mod audit;
mod benchmark;
mod calibrate;
mod check;
mod commit;
mod commit_input;
mod compare;
mod drawing;
mod error;
mod inspect;
mod limits;
mod machine;
mod measurement;
mod memory;
mod output;
mod plan;
mod powers;
mod prediction;
mod progress;
mod prove;
mod quantise;
mod report;
mod scales;
mod session;
mod setup;
mod step_times;
mod terminal;
mod verify;

use std::process::ExitCode;

use args::{Arguments, Command};
use clap::Parser;
use error::CliError;

/// Exit status after Ctrl-C, as shells have it.
const INTERRUPTED: i32 = 130;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Files are renamed into place when they are whole, so that there is nothing to undo.
    let handler = ctrlc::set_handler(|| {
        eprintln!("interrupted: no file was left half-written; run the command again");
        std::process::exit(INTERRUPTED);
    });
    if let Err(error) = handler {
        eprintln!("warning: Ctrl-C ends the process without a word: {error}");
    }
    let result = match &arguments.command {
        Command::Setup(options) => setup::run(options, arguments.json),
        Command::Commit(options) => commit::run(options, arguments.json),
        Command::CommitInput(options) => commit_input::run(options, arguments.json),
        Command::Prove(options) => prove::run(options, arguments.json, arguments.show_values),
        Command::Verify(options) => verify::run(options, arguments.json),
        Command::Audit(options) => audit::run(options, arguments.json),
        Command::Inspect(options) => inspect::run(options, arguments.json),
        Command::Quantise(options) => quantise::run(options, arguments.json),
        Command::Check(options) => check::run(options, arguments.json, arguments.show_values),
        Command::Plan(options) => plan::run(options, arguments.json),
        Command::Accuracy(options) => accuracy::run(options, arguments.json),
        Command::Benchmark(options) => benchmark::run(options, arguments.json),
        Command::Calibrate(options) => calibrate::run(options, arguments.json),
        Command::Ablation(options) => ablation::run(options, arguments.json),
        Command::Compare(options) => compare::run(options, arguments.json),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            if arguments.json && !error.has_answer() {
                let code = error.exit_code();
                terminal::say!("{}", serde_json::json!({ "error": error.to_string(), "code": code }));
            }
            if arguments.show_values
                && let CliError::Library(error) = &error
                && let Some(values) = error.private_values()
            {
                eprintln!("values: {values}");
            }
            ExitCode::from(error.exit_code())
        }
    }
}
