//! Samples of layouts: what predictions are held to measurements on.

use zklayout_model::{Fixed, Graph};

use crate::cost::{CostModel, Profile};
use crate::error::PlanError;
use crate::families::FAMILIES;
use crate::layout::{Candidate, Family};
use crate::options::PlanOptions;
use crate::search::{Priced, candidates};

/// How much more than the cheapest the most expensive layout of a sample is predicted to take.
const REACH: f64 = 3.0;
/// How often a ladder's step is made finer before it stays short.
const FINER_STEPS: usize = 8;

/// The layout that a search chooses, and others of every family with ever higher predicted times: on the front and off
/// it. A third is of the family `direct`, where that has a way to hold weights and inputs as asked.
///
/// # Errors
/// A graph that no layout covers.
pub fn sample(graph: &Graph<Fixed>, options: &PlanOptions, count: usize) -> Result<Vec<Priced>, PlanError> {
    let mut chosen = Vec::new();
    for (family, count) in shares(options, count) {
        let own = PlanOptions { family: Some(family), ..options.clone() };
        chosen.extend(ladder(&priced(graph, &own)?, count));
    }
    Ok(chosen)
}

/// How many layouts of each family.
fn shares(options: &PlanOptions, count: usize) -> Vec<(Family, usize)> {
    if let Some(only) = options.family {
        return vec![(only, count)];
    }
    let families: Vec<Family> =
        FAMILIES.iter().copied().filter(|family| family.holds(options.visibility)).collect();
    let of_direct = if families.contains(&Family::Direct) { count.div_ceil(3) } else { 0 };
    let share = |family: Family| if family == Family::Direct { of_direct } else { count - of_direct };
    families.into_iter().map(|family| (family, share(family))).collect()
}

/// Every candidate that the profile can price and the limits allow, the cheapest first.
fn priced(graph: &Graph<Fixed>, options: &PlanOptions) -> Result<Vec<Priced>, PlanError> {
    let shipped = Profile::two_cores()?;
    let model = CostModel::new(options.profile.as_ref().unwrap_or(&shipped)).within(options.keeping_within());
    let price = |candidate: Candidate| {
        let cost = model.price(&candidate.shape).ok()?;
        options.limits.allow(&candidate.shape, &cost).then_some(Priced { candidate, cost })
    };
    let mut priced: Vec<Priced> = candidates(graph, options)?.into_iter().filter_map(price).collect();
    let score = |priced: &Priced| options.objective.score(&priced.cost);
    priced.sort_by(|a, b| score(a).total_cmp(&score(b)));
    Ok(priced)
}

/// The cheapest, and each further one a step more expensive: a step of the largest size that leaves enough rungs.
fn ladder(sorted: &[Priced], count: usize) -> Vec<Priced> {
    let mut step = REACH.ln() / count.max(2) as f64;
    let mut rungs = climb(sorted, count, step);
    for _ in 0..FINER_STEPS {
        if rungs.len() == count.min(sorted.len()) {
            break;
        }
        step /= 1.5;
        rungs = climb(sorted, count, step);
    }
    rungs
}

fn climb(sorted: &[Priced], count: usize, step: f64) -> Vec<Priced> {
    let mut rungs: Vec<Priced> = Vec::new();
    for priced in sorted {
        let high = |last: &Priced| priced.cost.prove_seconds >= last.cost.prove_seconds * step.exp();
        if rungs.len() < count && rungs.last().is_none_or(high) {
            rungs.push(priced.clone());
        }
    }
    rungs
}

#[cfg(test)]
mod tests {
    use super::shares;
    use crate::layout::Family;
    use crate::options::PlanOptions;
    use crate::visibility::{Visibility, WeightMode};

    #[test]
    fn samples_are_of_families_that_hold_what_is_asked() {
        let with = |weights: WeightMode, family: Option<Family>| {
            let visibility = Visibility { weights, ..PlanOptions::default().visibility };
            shares(&PlanOptions { visibility, family, ..PlanOptions::default() }, 12)
        };
        let (streams, direct) = (Family::Streams, Family::Direct);
        assert_eq!(with(WeightMode::Private, None), [(streams, 8), (direct, 4)]);
        assert_eq!(with(WeightMode::Committed, None), [(streams, 12)]);
        assert_eq!(with(WeightMode::Private, Some(direct)), [(direct, 12)]);
    }
}
