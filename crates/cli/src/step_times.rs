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
    /// Seconds on the profile's machine.
    predicted: Option<f64>,
}

/// Seconds of the spans that one proof enters.
#[derive(Clone, Default)]
pub(crate) struct StepTimes(Arc<Mutex<Vec<(&'static str, f64)>>>);

impl StepTimes {
    /// Runs something, and listens to its spans.
    pub(crate) fn listen<T>(&self, run: impl FnOnce() -> T) -> T {
        with_default(Registry::default().with(self.clone()), run)
    }

    /// Every step that was entered, beside its price.
    pub(crate) fn steps(&self, cost: Option<&Cost>) -> Vec<Step> {
        let times = self.0.lock().map(|times| times.clone()).unwrap_or_default();
        let step = |(step, terms): &(&'static str, &[Term])| {
            let own: Vec<f64> = times.iter().filter(|(name, _)| name == step).map(|(_, time)| *time).collect();
            let predicted = cost.map(|cost| {
                cost.terms.iter().filter(|(term, _)| terms.contains(term)).map(|(_, seconds)| seconds).sum()
            });
            (!own.is_empty()).then(|| Step { step, measured: own.iter().sum(), predicted })
        };
        STEPS.iter().filter_map(step).collect()
    }
}

impl Step {
    /// What a table shows.
    pub(crate) fn cells(&self) -> [String; 3] {
        let seconds = crate::report::seconds;
        [self.step.to_owned(), seconds(self.measured), self.predicted.map_or("unknown".into(), seconds)]
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for StepTimes {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let of_step = *attributes.metadata().level() == Level::INFO;
        if let Some(span) = context.span(id).filter(|_| of_step) {
            span.extensions_mut().insert(Instant::now());
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let elapsed = span.extensions().get::<Instant>().map(Instant::elapsed);
        if let (Some(elapsed), Ok(mut times)) = (elapsed, self.0.lock()) {
            times.push((span.name(), elapsed.as_secs_f64()));
        }
    }
}
