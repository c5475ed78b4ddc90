//! One of several inputs, by name: which of them a proof names is part of what its key says. It knows no values.

use serde::{Deserialize, Serialize};
use zklayout_model::Planes;

/// Inputs that a plan names.
const MOST_INPUTS: usize = 1 << 8;
/// Characters of an input's name.
const MOST_LETTERS: usize = 1 << 10;

/// One of several inputs that lie one after the other in a model's input, those that are public first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedInput {
    /// Its name in the model's file.
    pub name: String,
    /// Number of its values.
    pub values: usize,
    /// Whether every proof names it.
    pub public: bool,
}

/// Whether names, if there are any, are those of inputs that fill planes, of which `shown` are public.
pub(crate) fn are_inputs(inputs: &[NamedInput], planes: Planes, shown: Planes) -> bool {
    if inputs.len() > MOST_INPUTS {
        return false;
    }
    let total = |only: bool| {
        let counted = inputs.iter().filter(|input| input.public || !only).map(|input| input.values);
        counted.fold(0usize, usize::saturating_add)
    };
    let first = inputs.iter().skip_while(|input| input.public).all(|input| !input.public);
    let different = inputs.iter().enumerate().all(|(place, input)| {
        input.name.len() <= MOST_LETTERS && inputs[..place].iter().all(|other| other.name != input.name)
    });
    let filled = total(false) == planes.len() && total(true) == shown.len();
    inputs.is_empty() || inputs.iter().all(|input| input.values > 0) && filled && first && different
}
