//! Searches for layouts under limits and prints those that no other one beats, as text and as JSON.
//!
//! Run it with a model whose file has integers: `cargo run --release --example search --
//! fixtures/models/resnet8_int8.tflite`.

use zklayout::plan::{Limits, Objective};
use zklayout::{PlanOptions, QuantisedModel};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("give a model whose file has integers")?;
    let model = QuantisedModel::load(path)?;
    let options = PlanOptions {
        objective: Objective::ProofSize,
        limits: Limits { memory: Some(4 << 30), columns: Some(200) },
        ..PlanOptions::default()
    };
    let report = model.search(&options)?;
    println!("{report}\n");
    for priced in &report.front {
        println!("{priced}");
    }
    let plan = model.realise(&report.best.candidate, &options)?;
    println!("\n{plan}\n\n{}", serde_json::to_string_pretty(&report.best)?);
    Ok(())
}
