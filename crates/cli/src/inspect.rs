//! `zklayout inspect`.

use zklayout::Model;

use crate::args::InspectOptions;
use crate::error::CliError;
use crate::{report, session};

pub(crate) fn run(options: &InspectOptions, json: bool) -> Result<(), CliError> {
    let model = session::load(&options.model)?;
    let rows = rows(&model);
    if json {
        let nodes: Vec<_> = rows
            .iter()
            .map(|[name, op, shape, parameters]| {
                serde_json::json!({ "name": name, "op": op, "shape": shape, "parameters": parameters })
            })
            .collect();
        println!("{}", serde_json::json!({ "nodes": nodes, "layers": model.fused().len() - 1 }));
        return Ok(());
    }
    let mut table = report::table(&["node", "operator", "output", "parameters"]);
    table.add_rows(&rows);
    println!("{table}");
    println!("{} operators merge into {} layers", rows.len() - 1, model.fused().len() - 1);
    Ok(())
}

fn rows(model: &Model) -> Vec<[String; 4]> {
    use zklayout::FloatOp;
    let parameters = |op: &FloatOp| match op {
        FloatOp::Conv { kernel, bias, .. } => kernel.len() + bias.len(),
        FloatOp::Gemm { weights, bias } => weights.len() + bias.len(),
        FloatOp::Affine { scale, shift } => scale.len() + shift.len(),
        _ => 0,
    };
    let nodes = model.graph().nodes();
    nodes
        .map(|(_, node)| {
            let label = node.op.label().to_owned();
            [node.name.clone(), label, node.shape.to_string(), parameters(&node.op).to_string()]
        })
        .collect()
}
