//! ONNX import: the file's operators become a [`Graph`] of [`Float`] nodes, and the file itself a runnable
//! float [`Reference`].
//!
//! Parsing and float execution are tract's. The mapping reads ONNX nodes rather than tract's lowered ones so
//! that every error can name the node and operator that the user wrote.

mod advice;
mod arrange;
mod builder;
mod constant;
mod cut;
mod embedding;
mod ending;
mod extents;
mod external;
mod functions;
mod head;
mod inputs;
mod interpreter;
mod layers;
mod multiple;
mod node;
mod norms;
mod ops;
mod options;
mod reference;
mod results;
mod rotation;
mod value;

use std::path::Path;

use tract_onnx::pb;
use tract_onnx::prelude::Framework;
use zklayout_model::{Float, Graph};

use crate::error::ImportError;

use builder::Builder;

pub use constant::Constant;
pub use embedding::{Embedding, Folded};
pub use ending::Ending;
pub use head::Head;
pub use inputs::TensorInfo;
pub use node::Node;
pub use ops::{Importer, Operators};
pub use options::OnnxOptions;
pub use reference::Reference;
pub use value::Kind;

/// An imported model: the float graph, and the same file as others run it.
#[derive(Debug)]
pub struct Imported {
    /// The layer graph. Its input holds all inputs that are read, one after the other; its last node all outputs likewise.
    pub graph: Graph<Float>,
    /// The float engine on the same file, and the operators' own numbers.
    pub reference: Reference,
    /// Operators after the output that are left to whoever reads it, the last one first; the reference leaves them out too.
    pub endings: Vec<Ending>,
    /// The embedding, if the file takes token ids: the graph and its reference then read the embedding's rows.
    pub embedding: Option<Embedding>,
    /// The inputs, in the file's order but for those that are to come first; the embedding's rows, if there is one.
    pub inputs: Vec<TensorInfo>,
    /// The file's outputs, in its order.
    pub outputs: Vec<TensorInfo>,
    /// Files beside the model that hold weights of it, relative to its folder.
    pub external: Vec<String>,
}

/// Reads an ONNX file.
///
/// # Errors
/// An unreadable or malformed file, operators that are not supported (all of them, with their nodes' names), or a use of one
/// that is not.
pub fn import_onnx(path: &Path, options: &OnnxOptions) -> Result<Imported, ImportError> {
    let bytes = std::fs::read(path).map_err(|source| ImportError::Read { path: path.to_owned(), source })?;
    import_onnx_bytes(&bytes, path, options)
}

/// Reads the contents of an ONNX file; `path` names them in errors, and weights beside the file are looked for in its folder.
///
/// # Errors
/// See [`import_onnx`].
pub fn import_onnx_bytes(bytes: &[u8], path: &Path, options: &OnnxOptions) -> Result<Imported, ImportError> {
    let mut proto = tract_onnx::onnx()
        .proto_model_for_read(&mut &*bytes)
        .map_err(|reason| ImportError::Parse { path: path.to_owned(), reason: format!("{reason:#}") })?;
    let opset = opset(&proto);
    let Some(onnx) = proto.graph.as_mut().filter(|graph| !graph.node.is_empty()) else {
        let reason = "it holds no graph".to_owned();
        return Err(ImportError::Parse { path: path.to_owned(), reason });
    };
    inputs::put_first(&mut onnx.input, &options.first_inputs);
    functions::inline(bytes, onnx, opset)?;
    let cut = ending::cut(onnx, &options.operators);
    let endings = options.head.append(onnx, cut, opset)?;
    let external = fetch(onnx, path.parent())?;
    // The float engine runs the file as it is.
    let mut spelled = onnx.clone();
    norms::recognise(&mut spelled);
    let cut = cut::find(&spelled, options, opset)?;
    let mut options = options.clone();
    if let Some(cut) = &cut {
        cut.check(&proto)?;
        cut.apply(&mut spelled);
        proto.graph.as_mut().into_iter().for_each(|own| cut.apply(own));
        // Free dimensions were those of the ids.
        options.dimensions.clear();
    }
    let options = &options;
    let built = Builder::new(&spelled, options, opset)?.build(&spelled)?;
    let inputs = built.inputs.iter().map(|(info, datum)| (info.dims.clone(), *datum, info.read)).collect();
    let reference = Reference::new(&proto, inputs, built.interpreter);
    let inputs = built.inputs.into_iter().map(|(info, _)| info).collect();
    let embedding = cut.map(|cut| cut.embedding);
    Ok(Imported { graph: built.graph, reference, endings, embedding, inputs, outputs: built.outputs, external })
}

/// Version of the standard's own operator set.
fn opset(proto: &pb::ModelProto) -> i64 {
    let own = proto.opset_import.iter().find(|set| ["", "ai.onnx"].contains(&set.domain.as_str()));
    own.map_or(1, |set| set.version)
}

/// Brings weights that are in files beside the model into its graph, and names those files.
fn fetch(onnx: &mut pb::GraphProto, folder: Option<&Path>) -> Result<Vec<String>, ImportError> {
    let attributes = onnx.node.iter_mut().flat_map(|node| &mut node.attribute).filter_map(|own| own.t.as_mut());
    let mut files = Vec::new();
    for tensor in onnx.initializer.iter_mut().chain(attributes).filter(|tensor| constant::is_external(tensor)) {
        let named = tensor.external_data.iter().find(|entry| entry.key == "location");
        files.extend(named.map(|entry| entry.value.clone()));
        constant::fetch(tensor, folder)?;
    }
    files.sort();
    files.dedup();
    Ok(files)
}
