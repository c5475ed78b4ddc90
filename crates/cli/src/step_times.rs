//! Where a proof's time goes: seconds of the prover's steps, measured by the spans that it enters, and as they are predicted.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde::Serialize;
use tracing::span::{Attributes, Id};
use tracing::subscriber::with_default;
use tracing::{Level, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use zklayout::cost::{Cost, Term};

use crate::memory;

/// The prover's spans, in its order, with the terms of a price that they are.
const STEPS: [(&str, &[Term]); 10] = [
    ("witness", &[Term::Synthesis]),
    ("small columns", &[Term::CommitSmall]),
    ("wide columns", &[Term::CommitWide]),
    ("permutation", &[Term::Permutation]),
    ("coefficients", &[Term::Coefficients]),
    ("blinding", &[Term::Blinding]),
    ("constraints", &[Term::FixedParts, Term::AdviceParts, Term::Gates, Term::PermutationParts]),
    ("quotient", &[Term::Quotient]),
    ("evaluations", &[Term::Evaluations]),
    ("opening", &[Term::Opening]),
];

/// A step of the library's own prover.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Step {
    step: &'static str,
    /// Seconds of the fastest proof's.
    measured: f64,
    /// Seconds that all cores together worked in it.
    cores: f64,
    /// Seconds on the profile's machine.
    predicted: Option<f64>,
}

/// What a span took.
#[derive(Clone, Copy)]
struct Spent {
    span: &'static str,
    seconds: f64,
    cores: f64,
}

/// When a span began.
struct Start {
    time: Instant,
    cores: f64,
}

/// What the spans took that one proof enters.
#[derive(Clone, Default)]
pub(crate) struct StepTimes(Arc<Mutex<Vec<Spent>>>);

impl StepTimes {
    /// Runs something, and listens to its spans.
    pub(crate) fn listen<T>(&self, run: impl FnOnce() -> T) -> T {
        with_default(Registry::default().with(self.clone()), run)
    }

    /// Every step that was entered, beside its price.
    pub(crate) fn steps(&self, cost: Option<&Cost>) -> Vec<Step> {
        let times = self.0.lock().map(|times| times.clone()).unwrap_or_default();
        let step = |(step, terms): &(&'static str, &[Term])| {
            let own: Vec<&Spent> = times.iter().filter(|spent| spent.span == *step).collect();
            let sum = |of: fn(&Spent) -> f64| own.iter().copied().map(of).sum();
            let predicted = cost.map(|cost| {
                cost.terms.iter().filter(|(term, _)| terms.contains(term)).map(|(_, seconds)| seconds).sum()
            });
            let (measured, cores) = (sum(|spent| spent.seconds), sum(|spent| spent.cores));
            (!own.is_empty()).then_some(Step { step, measured, cores, predicted })
        };
        STEPS.iter().filter_map(step).collect()
    }
}

impl Step {
    /// What a table shows.
    pub(crate) fn cells(&self) -> [String; 4] {
        let seconds = crate::report::seconds;
        let predicted = self.predicted.map_or("unknown".into(), seconds);
        [self.step.to_owned(), seconds(self.measured), seconds(self.cores), predicted]
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for StepTimes {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let of_step = *attributes.metadata().level() == Level::INFO;
        if let Some(span) = context.span(id).filter(|_| of_step) {
            span.extensions_mut().insert(Start { time: Instant::now(), cores: memory::cpu_seconds() });
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let spent = span.extensions().get::<Start>().map(|start| Spent {
            span: span.name(),
            seconds: start.time.elapsed().as_secs_f64(),
            cores: memory::cpu_seconds() - start.cores,
        });
        if let (Some(spent), Ok(mut times)) = (spent, self.0.lock()) {
            times.push(spent);
        }
    }
}
