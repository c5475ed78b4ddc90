//! Searches a family of layouts of one's own: those of `streams` that have few advice columns.
//!
//! A family offers candidates to the search, which asks first whether a circuit that takes at least some counts could still
//! matter. What a family offers need not be laid out by code of its own: this one hands on what another offers, and says no to
//! whatever is too wide before it is laid out. Run it with a model whose file has integers:
//! `cargo run --release --example own_family -- fixtures/models/resnet8_int8.tflite`.

use zklayout::graph::{Fixed, Graph};
use zklayout::plan::{Buyer, Candidate, CircuitShape, Family, LayoutFamily, PlanError, search_among};
use zklayout::{PlanOptions, QuantisedModel};

/// Layouts of at most so many advice columns.
struct Narrow {
    most: usize,
}

impl LayoutFamily for Narrow {
    fn name(&self) -> &str {
        "narrow"
    }

    fn offer(&self, graph: &Graph<Fixed>, options: &PlanOptions, buyer: &mut dyn Buyer) -> Result<(), PlanError> {
        Family::Streams.offer(graph, options, &mut NarrowBuyer { most: self.most, buyer })
    }
}

/// Hands on what is narrow enough.
struct NarrowBuyer<'a> {
    most: usize,
    buyer: &'a mut dyn Buyer,
}

impl NarrowBuyer<'_> {
    fn fits(&self, shape: &CircuitShape) -> bool {
        shape.small_advice + shape.wide_advice <= self.most
    }
}

impl Buyer for NarrowBuyer<'_> {
    fn wants(&self, least: &CircuitShape) -> bool {
        self.fits(least) && self.buyer.wants(least)
    }

    fn take(&mut self, mut candidates: Vec<Candidate>, pruned: usize) {
        candidates.retain(|candidate| self.fits(&candidate.shape));
        self.buyer.take(candidates, pruned);
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("give a model whose file has integers")?;
    let (model, options) = (QuantisedModel::load(path)?, PlanOptions::default());
    let widest = model.search(&options)?;
    println!("of all:\n{widest}\n");
    let shape = &widest.best.candidate.shape;
    let narrow = Narrow { most: (shape.small_advice + shape.wide_advice) * 3 / 4 };
    let report = search_among(model.graph(), &options, &[&narrow])?;
    println!("with at most {} advice columns:\n{report}\n", narrow.most);
    println!("{}", model.realise(&report.best.candidate, &options)?);
    Ok(())
}
