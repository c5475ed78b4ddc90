//! A linear fact as plans write it: the kernel and the moved tensors by themselves, other terms after them.

use serde::{Deserialize, Serialize};
use zklayout_model::PerChannel;

use super::{FactTerm, KernelFact, LinearFact, MoveFact};
use crate::streams::limbs::Scale;

/// See [`LinearFact`].
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Record {
    layer: usize,
    /// Home that the kernel reads; without one, the first term's.
    input: usize,
    read_row: usize,
    output: usize,
    scales: Vec<Scale>,
    skips: Vec<Skip>,
    groups: usize,
    group_outputs: usize,
    /// 0 without a kernel.
    group_inputs: usize,
    kernel: (usize, usize),
    pitch: usize,
    bias_digits: usize,
    bias_row: usize,
    weight_lanes: usize,
    row: usize,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    terms: Vec<FactTerm>,
}

/// See [`MoveFact`].
#[derive(Clone, Serialize, Deserialize)]
struct Skip {
    home: usize,
    read_row: usize,
    exponent: usize,
    factor: PerChannel<i64>,
    channels: Option<Vec<Option<usize>>>,
}

impl From<LinearFact> for Record {
    fn from(fact: LinearFact) -> Self {
        let mut terms = fact.terms.into_iter().peekable();
        let kernel = match terms.next_if(|term| matches!(term, FactTerm::Kernel(_))) {
            Some(FactTerm::Kernel(kernel)) => Some(kernel),
            _ => None,
        };
        let mut skips = Vec::new();
        while let Some(FactTerm::Move(moved)) = terms.next_if(|term| matches!(term, FactTerm::Move(_))) {
            let MoveFact { home, read_row, exponent, factor, channels } = moved;
            skips.push(Skip { home, read_row, exponent, factor, channels });
        }
        let first = skips.first().map_or(0, |skip| skip.home);
        let nothing = KernelFact { input: first, read_row: 0, group_inputs: 0, size: (1, 1) };
        let KernelFact { input, read_row, group_inputs, size } = kernel.unwrap_or(nothing);
        Self {
            layer: fact.layer,
            input,
            read_row,
            output: fact.output,
            scales: fact.scales,
            skips,
            groups: fact.groups,
            group_outputs: fact.group_outputs,
            group_inputs,
            kernel: size,
            pitch: fact.pitch,
            bias_digits: fact.bias_digits,
            bias_row: fact.bias_row,
            weight_lanes: fact.weight_lanes,
            row: fact.row,
            terms: terms.collect(),
        }
    }
}

impl From<Record> for LinearFact {
    fn from(record: Record) -> Self {
        let Record { input, read_row, group_inputs, kernel: size, .. } = record;
        let kernel = (group_inputs > 0).then_some(KernelFact { input, read_row, group_inputs, size });
        let moves = record.skips.into_iter().map(|skip| {
            let Skip { home, read_row, exponent, factor, channels } = skip;
            FactTerm::Move(MoveFact { home, read_row, exponent, factor, channels })
        });
        Self {
            layer: record.layer,
            output: record.output,
            terms: kernel.map(FactTerm::Kernel).into_iter().chain(moves).chain(record.terms).collect(),
            scales: record.scales,
            groups: record.groups,
            group_outputs: record.group_outputs,
            pitch: record.pitch,
            bias_digits: record.bias_digits,
            bias_row: record.bias_row,
            weight_lanes: record.weight_lanes,
            row: record.row,
        }
    }
}
