//! What to do about operators that are not known: said with every refusal.

/// What a model needs that this library does not have, by the operators of one kind.
const ADVICE: &[(&[&str], &str)] = &[
    (
        &["LogSoftmax", "LpNormalization", "MeanVarianceNormalization", "LRN"],
        "this norm over the input's own statistics is not proven yet; at the model's end a softmax is left to the reader",
    ),
    (&["Attention", "Einsum", "RotaryEmbedding"], "export attention as MatMul and Softmax"),
    (&["LSTM", "GRU", "RNN"], "recurrences are not unrolled; export the steps as Gemm and functions"),
    (&["If", "Loop", "Scan"], "branches and loops are not run; export with fixed shapes, and fold constants"),
    (
        &["NonMaxSuppression", "NonZero", "Unique", "Compress"],
        "its shape depends on the input; cut it off the model",
    ),
    (
        &["RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial"],
        "a random operator has no value to prove",
    ),
    (
        &["MatMulInteger", "ConvInteger", "QLinearConv", "QLinearMatMul", "DynamicQuantizeLinear"],
        "export with QuantizeLinear and DequantizeLinear",
    ),
];

/// What to do about an operator, by its full name.
pub(super) fn advice(operator: &str) -> &'static str {
    if let Some((domain, _)) = operator.split_once(':') {
        return match domain {
            "ai.onnx.ml" => "convert trees and pipelines to tensor operators with hummingbird-ml",
            "com.microsoft" => "an operator of onnxruntime; export without its optimiser",
            _ => {
                "an operator of another domain than ONNX's that the file does not define; give its importer, or export the model without it"
            }
        };
    }
    let known = ADVICE.iter().find(|(operators, _)| operators.contains(&operator));
    known.map_or("give its importer, or export the model without it", |(_, advice)| advice)
}
