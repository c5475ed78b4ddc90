//! Tables of the multiples of a Lagrange basis: all that a prover makes of powers of tau, whatever the key.
//!
//! They are made once, or read as the bytes that they were before. It does not know where those are kept.

use group::Group;
use halo2curves::bn256::{G1, G1Affine};
use halo2curves::serde::SerdeObject;

use crate::core::wide::{Cut, Table};
use crate::points::{G1_BYTES, read_point};

/// Tables of a Lagrange basis.
pub(crate) struct Tables {
    pub(super) rows: Table,
    /// Sums of all bases from a row on: what the difference of a row and the row before it is committed with.
    pub(super) suffixes: Table,
}

impl Tables {
    /// Makes the tables of a basis.
    pub(crate) fn new(lagrange: Vec<G1Affine>) -> Self {
        let cut = Cut::of(lagrange.len().trailing_zeros());
        let suffixes = Table::new(suffixes(&lagrange), cut);
        Self { rows: Table::new(lagrange, cut), suffixes }
    }

    /// All points, those of the rows first, each as its coordinates in memory.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let points = self.rows.points().chain(self.suffixes.points());
        let mut bytes = Vec::new();
        points.for_each(|point| bytes.extend(point.to_raw_bytes()));
        bytes
    }

    /// The tables of `2^k` rows whose bytes these are; none for another number of them. Points are not looked at.
    pub(crate) fn from_bytes(k: u32, bytes: &[u8]) -> Option<Self> {
        let (cut, rows) = (Cut::of(k), 1usize << k);
        if bytes.len() != 2 * rows * cut.multiples() as usize * G1_BYTES {
            return None;
        }
        let table = |mut bytes: &[u8]| -> Option<Table> {
            let mut multiple = |_| (0..rows).map(|_| read_point(&mut bytes, true)).collect();
            let multiples: Option<Vec<Vec<G1Affine>>> = (0..cut.multiples()).map(&mut multiple).collect();
            Some(Table::of_multiples(multiples?, cut))
        };
        let (first, second) = bytes.split_at(bytes.len() / 2);
        Some(Self { rows: table(first)?, suffixes: table(second)? })
    }
}

fn suffixes(bases: &[G1Affine]) -> Vec<G1Affine> {
    let mut running = G1::identity();
    let mut sums: Vec<G1> = bases
        .iter()
        .rev()
        .map(|base| {
            running += *base;
            running
        })
        .collect();
    sums.reverse();
    crate::fixed_base::normalise(&sums)
}
