//! The steps of a proof by the library's own prover, and of making keys, as counts of its kernels.
//!
//! It evaluates constraints on as many cosets as the quotient has pieces, and transforms only what they read otherwise than in sums. What
//! that is it finds anew for each proof; here it is estimated from the circuit's counts, by what was counted in the proofs of
//! some twenty plans (`docs/cost-model.md`).

use crate::cost::memory;
use crate::cost::price::Term;
use crate::cost::rates::{Coefficient, Kernel};
use crate::cost::steps::{Charge, Charges, Counts};

/// Pieces that the kernel of the quotient's transform was measured with.
const QUOTIENT_PIECES: f64 = 4.0;
/// What is read on a coset, for each fraction of a lookup's sum and for each full-width column: columns, and sums of columns.
const COLUMNS_OF_LOOKUP: f64 = 1.14;
const COLUMNS_OF_WIDE: f64 = 1.53;
/// Columns of the key that are read on a coset, of all; the others are in sums, equal to others, or read by constraints of a low degree.
const COLUMNS_OF_KEY: f64 = 0.5;
/// What committing to a layout's running sums takes, beside those that the kernel is measured on: they repeat the row before less often.
const WIDE: f64 = 1.25;
/// Products on a row of a coset, in the same way, with those of the columns' sums.
const PRODUCTS_OF_LOOKUP: f64 = 6.7;
const PRODUCTS_OF_WIDE: f64 = 6.6;
const PRODUCTS_OF_PERMUTED: f64 = 4.0;
const PRODUCTS: f64 = 100.0;
/// What computing a cell of the witness takes, laying out one of the key, and everything else that keys take, in products of one row.
const PRODUCTS_OF_CELL: f64 = 9.0;
const PRODUCTS_OF_KEY_CELL: f64 = 4.0;
const PRODUCTS_OF_KEY: f64 = 1.5e6;
/// What doubling a point takes, in products of one row.
const PRODUCTS_OF_DOUBLING: f64 = 7.0;

impl Counts<'_> {
    /// The charges of a proof by the library's own prover, in its order.
    pub(crate) fn proof_by_core(&self) -> Vec<Charge> {
        let (shape, mut charges) = (self.shape, Charges::default());
        let pieces = (shape.degree - 1) as f64;
        let products = PRODUCTS_OF_CELL * self.cells();
        charges.coefficient(Term::Synthesis, Coefficient::GateOperation, products);
        self.advice(&mut charges, WIDE);
        charges.kernel(Term::Permutation, Kernel::PermutationPass, shape.permuted as f64);
        charges.kernel(Term::Permutation, Kernel::CommitAlone, shape.products as f64);
        let polynomials = self.advice + shape.instance + shape.products;
        charges.kernel(Term::Coefficients, Kernel::InverseTransform, polynomials as f64);
        charges.kernel(Term::Blinding, Kernel::RandomColumn, 1.0);
        charges.kernel(Term::Blinding, Kernel::CommitAlone, 1.0);
        charges.kernel(Term::FixedParts, Kernel::PartTransform, self.key_on_cosets());
        charges.kernel(Term::AdviceParts, Kernel::PartTransform, self.columns_on_cosets());
        let (of_gates, of_permutation) = self.products();
        for (term, products) in [(Term::Gates, of_gates), (Term::PermutationParts, of_permutation)] {
            charges.coefficient(term, Coefficient::GateOperation, products * self.rows * pieces);
        }
        charges.kernel(Term::Quotient, Kernel::QuotientTransform, pieces / QUOTIENT_PIECES);
        let queries = shape.evaluations() as f64;
        charges.kernel(Term::Evaluations, Kernel::Evaluation, queries);
        let opened = self.advice + shape.fixed + shape.permuted + shape.products + 2;
        charges.kernel(Term::Opening, Kernel::OpeningPass, opened as f64);
        charges.kernel(Term::Opening, Kernel::Division, self.divisions());
        charges.kernel(Term::Opening, Kernel::CommitAlone, 2.0);
        charges.coefficient(Term::Overhead, Coefficient::LinkLane, shape.tied_lanes() as f64);
        charges.0
    }

    /// The charges of making both keys, which this library does for either prover; terms carry no meaning there.
    pub(crate) fn keys(&self) -> Vec<Charge> {
        let (shape, mut charges, term) = (self.shape, Charges::default(), Term::Overhead);
        let (fixed, permuted) = (shape.fixed as f64, shape.permuted as f64);
        charges.kernel(term, Kernel::CommitSmall, fixed);
        charges.kernel(term, Kernel::CommitWide, permuted);
        charges.kernel(term, Kernel::InverseTransform, fixed + permuted);
        let products = PRODUCTS_OF_KEY + PRODUCTS_OF_KEY_CELL * (fixed + permuted) * self.rows;
        charges.coefficient(term, Coefficient::GateOperation, products);
        charges.0
    }

    /// The charges of what all proofs of a key by the library's own prover share: tables of the powers of tau, which any key of as many
    /// rows uses again, and the key's columns on cosets where they are kept. Terms carry no meaning there.
    pub(crate) fn preparation(&self) -> Vec<Charge> {
        let (shape, mut charges, term) = (self.shape, Charges::default(), Term::Overhead);
        if !shape.is_proven_by_core() {
            return charges.0;
        }
        let (multiples, bits) = memory::multiples(shape.k);
        let doublings = f64::from(2 * (multiples - 1) * bits) * self.rows;
        charges.coefficient(term, Coefficient::GateOperation, PRODUCTS_OF_DOUBLING * doublings);
        if memory::keeps_key(shape) {
            let columns = COLUMNS_OF_KEY * (shape.fixed + shape.permuted) as f64;
            charges.kernel(term, Kernel::PartTransform, columns * (shape.degree - 1) as f64);
        }
        charges.0
    }

    /// Transforms of the key's columns, if their values are not kept from proof to proof.
    fn key_on_cosets(&self) -> f64 {
        let columns = COLUMNS_OF_KEY * (self.shape.fixed + self.shape.permuted) as f64;
        if memory::keeps_key(self.shape) { 0.0 } else { columns * (self.shape.degree - 1) as f64 }
    }

    /// Transforms of all other columns, and of sums of columns.
    fn columns_on_cosets(&self) -> f64 {
        let (lookups, wide) = (self.shape.lookups as f64, self.shape.wide_advice as f64);
        (COLUMNS_OF_LOOKUP * lookups + COLUMNS_OF_WIDE * wide) * (self.shape.degree - 1) as f64
    }

    /// Products on a row of a coset: of gates, and of the permutation's constraints.
    fn products(&self) -> (f64, f64) {
        let (lookups, wide) = (self.shape.lookups as f64, self.shape.wide_advice as f64);
        let of_gates = PRODUCTS + PRODUCTS_OF_LOOKUP * lookups + PRODUCTS_OF_WIDE * wide;
        (of_gates, PRODUCTS_OF_PERMUTED * self.shape.permuted as f64)
    }
}
