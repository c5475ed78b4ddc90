//! `zklayout inspect`.

use std::collections::BTreeMap;

use zklayout::graph::Fixed;
use zklayout::import::Embedding;
use zklayout::{AnyModel, Model, QuantisedModel};

use crate::args::InspectOptions;
use crate::error::CliError;
use crate::report;
use crate::terminal::say;

pub(crate) fn run(options: &InspectOptions, json: bool) -> Result<(), CliError> {
    let model = AnyModel::open_with(&options.model, &options.reading.read(&[])?)?;
    let embedding = model.float().and_then(|model| model.embedding());
    let (rows, layers, endings) = match &model {
        AnyModel::Float(model) => (rows(model), model.fused().len() - 1, model.endings().to_vec()),
        AnyModel::Integer(model) => (layers(model), model.graph().len() - 1, Vec::new()),
    };
    let endings = report::endings(&endings);
    if json {
        let nodes: Vec<_> = rows
            .iter()
            .map(|[name, op, shape, parameters]| {
                serde_json::json!({ "name": name, "op": op, "shape": shape, "parameters": parameters })
            })
            .collect();
        let embedding = embedding.map(embedding_json);
        let all =
            serde_json::json!({ "nodes": nodes, "layers": layers, "endings": endings, "embedding": embedding });
        say!("{all}");
        return Ok(());
    }
    let mut table = report::table(&["node", "operator", "output", "parameters"]);
    table.add_rows(&rows);
    say!("{table}");
    say!("{} operators merge into {layers} layers", rows.len() - 1);
    if !endings.is_empty() {
        say!("left to whoever reads the output: {}", endings.join(", "));
    }
    embedding.into_iter().for_each(print_embedding);
    Ok(())
}

/// What of the model is looked up before the input.
fn print_embedding(embedding: &Embedding) {
    let (ids, rows) = (embedding.ids(), embedding.rows());
    let (tokens, vocabulary) = (ids.dims.iter().product::<usize>(), embedding.vocabulary());
    say!(
        "{:?}: {tokens} token ids below {vocabulary}, whose vectors {:?} {:?} are the input",
        ids.name,
        rows.name,
        rows.dims
    );
    say!(
        "the ids are not proven: with a private input, a proof is of some sequence of vectors, never of some text"
    );
    for folded in embedding.folded() {
        say!("{:?} is {}", folded.name, folded.meaning);
    }
}

fn embedding_json(embedding: &Embedding) -> serde_json::Value {
    let folded = embedding.folded().iter().map(|folded| (folded.name.clone(), folded.meaning));
    serde_json::json!({
        "ids": embedding.ids().name,
        "tokens": embedding.ids().dims.iter().product::<usize>(),
        "vocabulary": embedding.vocabulary(),
        "rows": { "name": embedding.rows().name, "dims": embedding.rows().dims },
        "folded": folded.collect::<BTreeMap<_, _>>(),
        "ids_proven": false,
    })
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
        FloatOp::Rotate(rotation) => rotation.own.len() + rotation.other.len(),
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
