//! A linear fact as plans write it: the kernel and the moved tensors by themselves, other terms after them.

use serde::{Deserialize, Serialize};
use zklayout_model::PerChannel;

use crate::streams::fact::{FactTerm, KernelFact, MoveFact, is_origin};
use crate::streams::limbs::Scale;
use crate::streams::pass::{is_one, one};

/// A linear fact.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) layer: usize,
    /// Home that the kernel reads; without one, the first term's.
    pub(super) input: usize,
    pub(super) read_row: usize,
    pub(super) output: usize,
    pub(super) scales: Vec<Scale>,
    pub(super) skips: Vec<Skip>,
    pub(super) groups: usize,
    pub(super) group_outputs: usize,
    /// 0 without a kernel.
    pub(super) group_inputs: usize,
    pub(super) kernel: (usize, usize),
    pub(super) pitch: usize,
    pub(super) bias_digits: usize,
    pub(super) bias_row: usize,
    pub(super) weight_lanes: usize,
    pub(super) row: usize,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) terms: Vec<FactTerm>,
    /// Phase that the kernel's first tap meets.
    #[serde(default, skip_serializing_if = "is_origin")]
    pub(super) first: (usize, usize),
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub(super) phases: usize,
}

/// See [`MoveFact`].
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Skip {
    home: usize,
    read_row: usize,
    exponent: usize,
    factor: PerChannel<i64>,
    channels: Option<Vec<Option<usize>>>,
}

/// Terms apart: the kernel that they start with, the moved tensors after it, and all others.
pub(super) fn split(terms: Vec<FactTerm>) -> (KernelFact, Vec<Skip>, Vec<FactTerm>) {
    let mut terms = terms.into_iter().peekable();
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
    let nothing = KernelFact { input: first, read_row: 0, group_inputs: 0, size: (1, 1), first: (0, 0) };
    (kernel.unwrap_or(nothing), skips, terms.collect())
}

/// Terms together; a kernel that reads no channel is none.
pub(super) fn join(kernel: KernelFact, skips: Vec<Skip>, others: Vec<FactTerm>) -> Vec<FactTerm> {
    let kernel = Some(kernel).filter(|kernel| kernel.group_inputs > 0);
    let moves = skips.into_iter().map(|skip| {
        let Skip { home, read_row, exponent, factor, channels } = skip;
        FactTerm::Move(MoveFact { home, read_row, exponent, factor, channels })
    });
    kernel.map(FactTerm::Kernel).into_iter().chain(moves).chain(others).collect()
}
