//! Steps that take a while: a spinner on the terminal, and their times.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::terminal::say;

/// Times the steps of a command and shows which one runs.
pub(crate) struct Steps {
    visible: bool,
    silent: bool,
    times: Vec<(String, f64)>,
}

impl Steps {
    pub(crate) fn new(json: bool) -> Self {
        Self { visible: !json && std::io::stderr().is_terminal(), silent: json, times: Vec::new() }
    }

    /// Runs a step.
    pub(crate) fn run<T, E>(&mut self, name: &str, step: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let bar = ProgressBar::new_spinner().with_message(name.to_owned());
        let target = if self.visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        bar.set_draw_target(target);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed_precise}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        let start = Instant::now();
        let result = step();
        self.times.push((name.to_owned(), start.elapsed().as_secs_f64()));
        bar.finish_and_clear();
        result
    }

    /// Says something between two steps, to people.
    pub(crate) fn say(&self, text: &str) {
        if !self.silent {
            say!("{text}");
        }
    }

    /// Seconds of every step so far.
    pub(crate) fn times(&self) -> &[(String, f64)] {
        &self.times
    }
}
