//! The supported ONNX operators: a file for each family, a line for each operator in the registry.

mod batch_normalization;
mod blocks;
mod compare;
mod concat;
mod constants;
mod contract;
mod conv;
mod conv_transpose;
mod elementwise;
mod expand;
mod function;
mod gather;
mod gemm;
mod mask;
mod norm;
mod pad;
mod pool;
mod product;
mod quantised;
mod reduce;
mod reshape;
mod resize;
mod slice;
mod softmax;
mod top;
mod transpose;
mod window;

use std::borrow::Cow;
use std::collections::BTreeMap;

use tract_onnx::pb;
use zklayout_model::{Activation, FloatOp, Planes};

use super::layers::Layers;
use super::node::Node;
use super::results::{AtNode, Results};
use super::value::Picked;
use crate::error::ImportError;

/// Reads one node in terms of the graph's operators; `None` means that its output is its input.
///
/// The node's first tensor is read as the planes of [`Node::shape`]. A sum or a product reads all of its tensors.
pub type Importer = fn(&Node<'_>) -> Result<Option<(FloatOp, Planes)>, ImportError>;

/// What is known of an operator.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    /// It moves the values of its first input.
    Pick(fn(&Node<'_>, &[usize]) -> Result<Vec<Picked>, ImportError>),
    /// It is a function of each value of its first input.
    Function(fn(&Node<'_>) -> Result<Activation, ImportError>),
    /// It has constants only, whatever the model's input holds.
    Constants(fn(&Node<'_>) -> Results),
    /// Anything else: what it is in the graph, and what it is in numbers.
    Layers(fn(&Node<'_>, &mut Layers) -> Results, fn(&Node<'_>) -> Results),
    /// An operator of one's own.
    Own(Importer),
}

use Rule::{Constants, Function, Pick};

/// By name, what is known of an operator, and what of it is supported, where that is not all.
const REGISTRY: &[(&str, Rule, &str)] = &[
    ("Abs", Function(function::abs), ""),
    ("Add", Rule::Layers(elementwise::import_add, elementwise::evaluate_add), "tensors and constants, broadcast"),
    ("And", Rule::Layers(compare::import_and, compare::evaluate_and), ""),
    (
        "ArgMax",
        Rule::Layers(top::import_arg_max, top::evaluate_arg_max),
        "within a model; of as many values as tables hold",
    ),
    ("ArgMin", Rule::Layers(top::import_arg_min, top::evaluate_arg_min), "of as many values as tables hold"),
    (
        "AveragePool",
        Rule::Layers(pool::import_average, pool::evaluate_average),
        "one or two directions; padding counted or not, ceil_mode, strides that differ, dilations",
    ),
    (
        "BatchNormalization",
        Rule::Layers(batch_normalization::import, batch_normalization::evaluate),
        "at inference",
    ),
    (
        "Cast",
        Rule::Layers(function::import_cast, function::evaluate_cast),
        "to floats; to 32 and 64-bit integers, which cuts; to truth values",
    ),
    ("Ceil", Function(function::ceil), ""),
    ("Celu", Function(function::celu), ""),
    ("Clip", Function(function::clip), "constant bounds"),
    ("Concat", Rule::Layers(concat::import, concat::evaluate), "tensors and constants, any axis"),
    ("Constant", Constants(constants::constant), "tensors, value_float(s), value_int(s)"),
    ("ConstantOfShape", Constants(constants::constant_of_shape), ""),
    (
        "Conv",
        Rule::Layers(conv::import, conv::evaluate),
        "one or two directions; groups, strides, dilations, padding, a batch",
    ),
    (
        "ConvTranspose",
        Rule::Layers(conv_transpose::import, conv_transpose::evaluate),
        "one or two directions, one image; groups, strides, dilations, output_padding",
    ),
    ("Cos", Function(function::cos), ""),
    ("DepthToSpace", Pick(blocks::depth_to_space), ""),
    (
        "DequantizeLinear",
        Rule::Layers(quantised::import_dequantize, quantised::evaluate_dequantize),
        "of a tensor or an axis",
    ),
    (
        "Div",
        Rule::Layers(elementwise::import_div, elementwise::evaluate_div),
        "by constants, or by a tensor through Reciprocal",
    ),
    ("Dropout", Rule::Layers(reshape::import_dropout, reshape::evaluate_dropout), "at inference"),
    ("Elu", Function(function::elu), ""),
    (
        "Equal",
        Rule::Layers(compare::import_equal, compare::evaluate_equal),
        "by the difference, at the precision of its integers",
    ),
    ("Erf", Function(function::erf), ""),
    ("Exp", Function(function::exp), ""),
    ("Expand", Pick(expand::expand), ""),
    ("Flatten", Pick(reshape::flatten), ""),
    ("Floor", Function(function::floor), ""),
    ("Gather", Pick(gather::gather), "constant indices, any axis"),
    ("GatherElements", Pick(gather::gather_elements), "constant indices"),
    ("GatherND", Pick(gather::gather_nd), "constant indices of whole cells"),
    ("Gelu", Function(function::gelu), "both forms"),
    ("Gemm", Rule::Layers(gemm::import_gemm, gemm::evaluate_gemm), "one constant operand"),
    ("GlobalAveragePool", Rule::Layers(pool::import_global_average, pool::evaluate_global_average), ""),
    ("GlobalMaxPool", Rule::Layers(pool::import_global_max, pool::evaluate_global_max), ""),
    ("Greater", Rule::Layers(compare::import_greater, compare::evaluate_greater), ""),
    ("GreaterOrEqual", Rule::Layers(compare::import_greater_or_equal, compare::evaluate_greater_or_equal), ""),
    ("GroupNormalization", Rule::Layers(norm::import_group, norm::evaluate_group), ""),
    ("HardSigmoid", Function(function::hard_sigmoid), ""),
    ("HardSwish", Function(function::hard_swish), ""),
    ("Identity", Pick(reshape::identity), ""),
    ("InstanceNormalization", Rule::Layers(norm::import_instance, norm::evaluate_instance), "of one image"),
    (
        "IsNaN",
        Rule::Layers(compare::import_is_nan, compare::evaluate_is_nan),
        "never of what depends on the input",
    ),
    ("LayerNormalization", Rule::Layers(norm::import_layer, norm::evaluate_layer), "values, no mean or deviation"),
    ("LeakyRelu", Function(function::leaky_relu), ""),
    ("Less", Rule::Layers(compare::import_less, compare::evaluate_less), ""),
    ("LessOrEqual", Rule::Layers(compare::import_less_or_equal, compare::evaluate_less_or_equal), ""),
    ("Log", Function(function::log), ""),
    (
        "MatMul",
        Rule::Layers(product::import_matmul, gemm::evaluate_matmul),
        "one constant operand or none, any leading axes",
    ),
    ("Max", Rule::Layers(elementwise::import_max, elementwise::evaluate_max), "tensors and constants"),
    (
        "MaxPool",
        Rule::Layers(pool::import_max, pool::evaluate_max),
        "one or two directions; padding, ceil_mode, strides that differ, dilations; values, not indices",
    ),
    ("Mean", Rule::Layers(elementwise::import_mean, elementwise::evaluate_mean), ""),
    ("Min", Rule::Layers(elementwise::import_min, elementwise::evaluate_min), "tensors and constants"),
    ("Mish", Function(function::mish), ""),
    ("Mul", Rule::Layers(elementwise::import_mul, elementwise::evaluate_mul), "tensors and constants, broadcast"),
    ("Neg", Rule::Layers(elementwise::import_neg, elementwise::evaluate_neg), ""),
    ("Not", Rule::Layers(compare::import_not, compare::evaluate_not), ""),
    ("Or", Rule::Layers(compare::import_or, compare::evaluate_or), ""),
    ("PRelu", Rule::Layers(elementwise::import_prelu, elementwise::evaluate_prelu), "constant slopes"),
    ("Pad", Pick(pad::pad), "constant, edge, reflect, wrap"),
    (
        "Pow",
        Rule::Layers(elementwise::import_pow, elementwise::evaluate_pow),
        "a constant exponent, or a constant base above 0",
    ),
    ("QuantizeLinear", Rule::Layers(quantised::import_quantize, quantised::evaluate_quantize), "to 8 and 16 bits"),
    ("RMSNormalization", Rule::Layers(norm::import_root, norm::evaluate_root), ""),
    ("Range", Constants(constants::range), ""),
    ("Reciprocal", Function(function::reciprocal), ""),
    ("ReduceMax", Rule::Layers(reduce::import_max, reduce::evaluate_max), "any axes"),
    ("ReduceMean", Rule::Layers(reduce::import_mean, reduce::evaluate_mean), "any axes"),
    ("ReduceMin", Rule::Layers(reduce::import_min, reduce::evaluate_min), "any axes"),
    ("ReduceSum", Rule::Layers(reduce::import_sum, reduce::evaluate_sum), "any axes"),
    ("Relu", Function(function::relu), ""),
    ("Reshape", Pick(reshape::reshape), "constant shapes"),
    (
        "Resize",
        Rule::Layers(resize::import, resize::evaluate),
        "nearest along any axes; linear along rows and columns",
    ),
    ("Round", Function(function::round), "to even"),
    ("Selu", Function(function::selu), ""),
    ("Shape", Constants(constants::shape), ""),
    ("Shrink", Function(function::shrink), ""),
    ("Sigmoid", Function(function::sigmoid), ""),
    ("Sign", Function(function::sign), ""),
    ("Sin", Function(function::sin), ""),
    ("Size", Constants(constants::size), ""),
    ("Slice", Pick(slice::slice), "constant starts, ends and steps"),
    ("Softmax", Rule::Layers(softmax::import, softmax::evaluate), "any axis"),
    ("Softplus", Function(function::softplus), ""),
    ("Softsign", Function(function::softsign), ""),
    ("SpaceToDepth", Pick(blocks::space_to_depth), ""),
    ("Split", Pick(slice::split), "constant lengths"),
    ("Sqrt", Function(function::sqrt), ""),
    ("Squeeze", Pick(reshape::squeeze), ""),
    ("Sub", Rule::Layers(elementwise::import_sub, elementwise::evaluate_sub), "tensors and constants, broadcast"),
    ("Sum", Rule::Layers(elementwise::import_sum, elementwise::evaluate_sum), ""),
    ("Tanh", Function(function::tanh), ""),
    ("ThresholdedRelu", Function(function::thresholded_relu), ""),
    ("Tile", Pick(expand::tile), ""),
    (
        "TopK",
        Rule::Layers(top::import_top, top::evaluate_top),
        "values and places, as far as 16,384 comparisons go",
    ),
    ("Transpose", Pick(transpose::transpose), ""),
    ("Unsqueeze", Pick(reshape::unsqueeze), ""),
    (
        "Upsample",
        Rule::Layers(resize::import_upsample, resize::evaluate_upsample),
        "nearest along any axes; linear along rows and columns",
    ),
    ("Where", Rule::Layers(compare::import_where, compare::evaluate_where), ""),
    ("Xor", Rule::Layers(compare::import_xor, compare::evaluate_xor), ""),
];

/// A node's operator by its full name: `Relu` of the standard's own domain, `com.example:Relu` of another.
pub(super) fn qualified_name(node: &pb::NodeProto) -> Cow<'_, str> {
    match node.domain.as_str() {
        "" | "ai.onnx" => Cow::Borrowed(&node.op_type),
        domain => Cow::Owned(format!("{domain}:{}", node.op_type)),
    }
}

/// The operators that an import understands, by their ONNX names; those of other domains as `domain:name`.
#[derive(Clone, Debug)]
pub struct Operators(BTreeMap<&'static str, (Rule, &'static str)>);

impl Default for Operators {
    fn default() -> Self {
        Self(REGISTRY.iter().map(|(name, rule, note)| (*name, (*rule, *note))).collect())
    }
}

impl Operators {
    /// Adds an operator, or replaces the one of that name.
    /// One of another domain than the standard's own is named `domain:name`.
    ///
    /// The importer says what the node computes in terms of [`FloatOp`]. The import is checked against the float
    /// engine, which must know the operator too.
    pub fn with(mut self, name: &'static str, importer: Importer) -> Self {
        self.0.insert(name, (Rule::Own(importer), ""));
        self
    }

    /// What is known of an operator.
    pub(super) fn rule(&self, op: &str) -> Option<Rule> {
        self.0.get(op).map(|(rule, _)| *rule)
    }

    /// Names of every operator.
    pub fn names(&self) -> Vec<&'static str> {
        self.0.keys().copied().collect()
    }

    /// Every operator, and what of it is supported where that is not all.
    pub fn described(&self) -> Vec<(&'static str, &'static str)> {
        self.0.iter().map(|(name, (_, note))| (*name, *note)).collect()
    }
}
