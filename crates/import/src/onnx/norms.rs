//! Norms that a file spells out in single operators: the last of them becomes the operator of the norm.
//!
//! ```text
//! d = x - ReduceMean(x)      s = ReduceMean(d * d) + epsilon      y = d / Sqrt(s)
//! ```
//!
//! The square may be a Mul or a Pow by 2, the root a Sqrt and a Div, its Reciprocal and a Mul, or a Pow by -0.5; without the first
//! line it is a root-mean-square norm. It knows how files spell, not what norms become. What else reads the operators in between
//! still finds them.

use std::collections::HashMap;

use tract_onnx::pb;

use super::constant;

/// Puts norms in the place of what spells them.
pub(super) fn recognise(onnx: &mut pb::GraphProto) {
    let found: Vec<(usize, pb::NodeProto)> = {
        let spelling = Spelling::of(onnx);
        onnx.node.iter().enumerate().filter_map(|(place, node)| Some((place, spelling.norm(node)?))).collect()
    };
    for (place, norm) in found {
        onnx.node[place] = norm;
    }
}

/// A graph's nodes by what they give, and its small constants.
struct Spelling<'a> {
    nodes: HashMap<&'a str, &'a pb::NodeProto>,
    numbers: HashMap<&'a str, Vec<f64>>,
    ranks: HashMap<&'a str, usize>,
}

impl<'a> Spelling<'a> {
    fn of(onnx: &'a pb::GraphProto) -> Self {
        let nodes = onnx.node.iter().flat_map(|node| node.output.iter().map(move |name| (name.as_str(), node)));
        let of_node = |node: &'a pb::NodeProto| {
            let own = node.attribute.iter().find(|own| own.name == "value").and_then(|own| own.t.as_ref());
            Some((node.output.first()?.as_str(), own?))
        };
        let constants = onnx.node.iter().filter(|node| node.op_type == "Constant").filter_map(of_node);
        let tensors = onnx.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).chain(constants);
        let small = tensors.filter(|(_, tensor)| tensor.dims.iter().product::<i64>() <= 8);
        let numbers = small.filter_map(|(name, tensor)| {
            let value = constant::load(tensor).ok()?;
            Some((name, value.as_numbers()?.to_vec()))
        });
        let ranks = onnx.value_info.iter().chain(&onnx.input).filter_map(|info| {
            let Some(pb::type_proto::Value::TensorType(tensor)) = info.r#type.as_ref()?.value.as_ref() else {
                return None;
            };
            Some((info.name.as_str(), tensor.shape.as_ref()?.dim.len()))
        });
        Self { nodes: nodes.collect(), numbers: numbers.collect(), ranks: ranks.collect() }
    }

    fn norm(&self, node: &pb::NodeProto) -> Option<pb::NodeProto> {
        let (numerator, squares) = self.quotient(node)?;
        let (mean, epsilon) = self.sum_with_number(squares)?;
        let axis = self.last_axis(self.node(mean, "ReduceMean")?)?;
        let squared = self.square(self.node(mean, "ReduceMean")?.input.first()?)?;
        if squared != numerator {
            return None;
        }
        let centred = self.centred(numerator, axis);
        let (operator, source) = match centred {
            Some(source) => ("LayerNormalization", source),
            None => ("RMSNormalization", numerator),
        };
        let attribute = |name: &str, kind: pb::attribute_proto::AttributeType| pb::AttributeProto {
            name: name.into(),
            r#type: kind as i32,
            ..Default::default()
        };
        let axis = pb::AttributeProto { i: axis, ..attribute("axis", pb::attribute_proto::AttributeType::Int) };
        let epsilon = pb::AttributeProto {
            f: epsilon as f32,
            ..attribute("epsilon", pb::attribute_proto::AttributeType::Float)
        };
        Some(pb::NodeProto {
            op_type: operator.into(),
            input: vec![source.to_owned()],
            output: node.output.clone(),
            name: node.name.clone(),
            attribute: vec![axis, epsilon],
            ..Default::default()
        })
    }

    fn node(&self, name: &str, operator: &str) -> Option<&'a pb::NodeProto> {
        self.nodes.get(name).copied().filter(|node| node.op_type == operator)
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.numbers.get(name).filter(|numbers| numbers.len() == 1).map(|numbers| numbers[0])
    }

    /// `x` and `s` of `x / sqrt(s)`.
    fn quotient<'b>(&self, node: &'b pb::NodeProto) -> Option<(&'b str, &'a str)> {
        let [a, b] = node.input.as_slice() else { return None };
        match node.op_type.as_str() {
            "Div" => Some((a, self.node(b, "Sqrt")?.input.first()?)),
            "Mul" => {
                let inverse = |name: &str| -> Option<&'a str> {
                    if let Some(reciprocal) = self.node(name, "Reciprocal") {
                        return self.node(reciprocal.input.first()?, "Sqrt")?.input.first().map(String::as_str);
                    }
                    let power = self.node(name, "Pow")?;
                    (self.number(power.input.get(1)?)? == -0.5).then_some(power.input.first()?.as_str())
                };
                inverse(b).map(|s| (a.as_str(), s)).or_else(|| inverse(a).map(|s| (b.as_str(), s)))
            }
            _ => None,
        }
    }

    /// `m` and `epsilon` of `m + epsilon`.
    fn sum_with_number(&self, name: &str) -> Option<(&'a str, f64)> {
        let [a, b] = self.node(name, "Add")?.input.as_slice() else { return None };
        let sum = match (self.number(a), self.number(b)) {
            (None, Some(number)) => (a.as_str(), number),
            (Some(number), None) => (b.as_str(), number),
            _ => return None,
        };
        Some(sum).filter(|(_, number)| *number > 0.0)
    }

    /// What is squared.
    fn square(&self, name: &str) -> Option<&'a str> {
        let node = self.nodes.get(name)?;
        let [a, b] = node.input.as_slice() else { return None };
        let own = match node.op_type.as_str() {
            "Mul" => a == b,
            "Pow" => self.number(b) == Some(2.0),
            _ => false,
        };
        own.then_some(a.as_str())
    }

    /// The last axis, if a mean is over that alone and keeps it.
    fn last_axis(&self, node: &'a pb::NodeProto) -> Option<i64> {
        let attribute = |name: &str| node.attribute.iter().find(|own| own.name == name);
        let given = attribute("axes").map(|own| own.ints.clone()).or_else(|| {
            let numbers = self.numbers.get(node.input.get(1)?.as_str())?;
            Some(numbers.iter().map(|number| *number as i64).collect())
        });
        let keeps = attribute("keepdims").is_none_or(|own| own.i != 0);
        let rank = node.input.first().and_then(|name| self.ranks.get(name.as_str()));
        match given?.as_slice() {
            [-1] if keeps => Some(-1),
            [axis] if keeps && rank.is_some_and(|rank| *axis + 1 == *rank as i64) => Some(-1),
            _ => None,
        }
    }

    /// `x` of `x - ReduceMean(x)`.
    fn centred(&self, name: &str, axis: i64) -> Option<&'a str> {
        let [x, mean] = self.node(name, "Sub")?.input.as_slice() else { return None };
        let mean = self.node(mean, "ReduceMean")?;
        (mean.input.first() == Some(x) && self.last_axis(mean) == Some(axis)).then_some(x.as_str())
    }
}
