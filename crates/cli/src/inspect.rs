//! `zklayout inspect`.

use zklayout::graph::Fixed;
use zklayout::{AnyModel, Model, QuantisedModel};

use crate::args::InspectOptions;
use crate::error::CliError;
use crate::report;
use crate::terminal::say;

pub(crate) fn run(options: &InspectOptions, json: bool) -> Result<(), CliError> {
    let (rows, layers, endings) = match AnyModel::open_with(&options.model, &options.dimensions.read()?)? {
        AnyModel::Float(model) => (rows(&model), model.fused().len() - 1, model.endings().to_vec()),
        AnyModel::Integer(model) => (layers(&model), model.graph().len() - 1, Vec::new()),
    };
    let endings = report::endings(&endings);
    if json {
        let nodes: Vec<_> = rows
            .iter()
            .map(|[name, op, shape, parameters]| {
                serde_json::json!({ "name": name, "op": op, "shape": shape, "parameters": parameters })
            })
            .collect();
        say!("{}", serde_json::json!({ "nodes": nodes, "layers": layers, "endings": endings }));
        return Ok(());
    }
    let mut table = report::table(&["node", "operator", "output", "parameters"]);
    table.add_rows(&rows);
    say!("{table}");
    say!("{} operators merge into {layers} layers", rows.len() - 1);
    if !endings.is_empty() {
        say!("left to whoever reads the output: {}", endings.join(", "));
    }
    Ok(())
}

/// The layers of a model that has integers.
fn layers(model: &QuantisedModel) -> Vec<[String; 4]> {
    let row = |node: &Fixed| match node {
        Fixed::Input(input) => ["input".to_owned(), "Input".to_owned(), input.shape.to_string(), "0".to_owned()],
        Fixed::Layer(layer) => {
            let parameters = layer.parameters();
            [layer.name.clone(), report::terms(layer), layer.output.to_string(), parameters.to_string()]
        }
    };
    model.graph().nodes().map(|(_, node)| row(node)).collect()
}

fn rows(model: &Model) -> Vec<[String; 4]> {
    use zklayout::graph::FloatOp;
    let parameters = |op: &FloatOp| match op {
        FloatOp::Conv { kernel, bias, .. } => kernel.len() + bias.len(),
        FloatOp::Gemm { weights, bias } => weights.len() + bias.len(),
        FloatOp::Affine { scale, shift } => scale.len() + shift.len(),
        FloatOp::Offset { values, .. } => values.len(),
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
