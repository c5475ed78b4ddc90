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
/// Columns of the key that are read on a coset, of all; the others are in sums, equal to others, or read by constraints of a low degree.
const COLUMNS_OF_KEY: f64 = 0.5;
/// What committing to a layout's running sums takes, beside those that the kernel is measured on: they repeat the row before less often.
const WIDE: f64 = 1.15;
/// By fractions to a running sum, one to three: columns and sums of columns that are transformed on all cosets together, for each
/// fraction and beside them.
const COLUMNS: [(f64, f64); 3] = [(4.63, 41.0), (5.52, 42.0), (6.05, 53.0)];
/// Products on a row of all cosets together, in the same way. What is between products, sums and what is gathered from other rows, takes
/// four fifths of their time, and is in these numbers.
const PRODUCTS: [(f64, f64); 3] = [(10.6, 690.0), (12.8, 1030.0), (36.6, 680.0)];
/// Of which for each permuted column on one coset.
const PRODUCTS_OF_PERMUTED: f64 = 4.0;
/// Full-width columns that are no running sums of lookups, at least.
const OTHER_WIDE: usize = 5;
/// Degree of constraints from which sums have three fractions.
const DEGREE_OF_THREE: usize = 5;
/// What computing a cell of the witness takes, laying out one of the key, and everything else that keys take, in products of one row.
const PRODUCTS_OF_CELL: f64 = 9.0;
const PRODUCTS_OF_KEY_CELL: f64 = 6.0;
const PRODUCTS_OF_KEY: f64 = 2.3e6;
/// What doubling a point takes, in products of one row.
const PRODUCTS_OF_DOUBLING: f64 = 12.0;

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
        charges.coefficient(Term::Gates, Coefficient::GateOperation, of_gates * self.rows);
        charges.coefficient(Term::PermutationParts, Coefficient::GateOperation, of_permutation * self.rows);
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
        self.by_fractions(&COLUMNS)
    }

    /// Products on a row of all cosets together: of gates, and of the permutation's constraints.
    fn products(&self) -> (f64, f64) {
        let of_permutation = PRODUCTS_OF_PERMUTED * (self.shape.permuted * (self.shape.degree - 1)) as f64;
        ((self.by_fractions(&PRODUCTS) - of_permutation).max(0.0), of_permutation)
    }

    /// What a circuit has whose running sums have so many fractions each as this one's.
    fn by_fractions(&self, counts: &[(f64, f64); 3]) -> f64 {
        let shape = self.shape;
        let sums = shape.wide_advice.saturating_sub(OTHER_WIDE).max(1);
        let of_three = shape.degree >= DEGREE_OF_THREE;
        let fractions = if of_three { 3 } else { 1 + usize::from(5 * shape.lookups > 7 * sums) };
        let (each, beside) = counts[fractions - 1];
        each * shape.lookups as f64 + beside
    }
}
