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
const QUOTIENT_PIECES: f64 = 4.5;
/// Columns of the key that are read on a coset where they are not kept, of all; the others are in sums, equal to others, or read by
/// constraints of a low degree.
const COLUMNS_OF_KEY: f64 = 0.5;
/// What a wide cell takes that differs from the row before, in cells of the kernel's columns: of evaluations, weights and tables, and of running
/// sums, whose rows lie apart; and what a column takes whatever it holds, in such columns.
const WIDE_CELL: f64 = 1.14;
const MOVED_CELL: f64 = 1.63;
const WIDE_COLUMN: f64 = 0.083;
/// Of the cells that evaluations and weights take, those that differ from the row before; of a table's entries, those that are looked up.
const FILLED: f64 = 0.9;
const LOOKED_UP: f64 = 0.4;
/// What a small column takes whatever it holds, in empty ones: it has several windows, and each has buckets.
const EMPTY_COLUMNS: f64 = 3.3;
/// Small cells for each lookup of a value or a remainder: three for two of them, of more bits than the kernel's.
const SMALL_CELLS_OF_LOOKUP: f64 = 1.8;
/// Passes of the kernel to one of a permuted column, and what a product column takes, in columns that are committed to alone.
const PASSES: f64 = 3.6;
const PRODUCT: f64 = 0.72;
/// What a column takes that becomes coefficients in its place, in columns of the kernel, half of which are copied; and a polynomial that is
/// committed to alone, beside the kernel's, whose columns are in the caches.
const IN_PLACE: f64 = 0.94;
const ALONE: f64 = 1.1;
/// By fractions to a running sum, one to three: columns and sums of columns that are transformed on all cosets together, for each lookup and
/// beside them. In proportion they are as counted in proofs; the first were raised and the second lowered to what constraints
/// took in proofs of 2^11 to 2^14 rows: a proof with few lookups keeps its columns in a cache.
const COLUMNS: [(f64, f64); 3] = [(5.49, 26.7), (7.18, 19.3), (6.26, 35.0)];
/// By fractions too, products on a row of all cosets together, for each operation of the gates, and beside them. What is between products,
/// sums and what is gathered from other rows, is in these numbers.
const PRODUCTS: [f64; 3] = [0.965, 1.29, 2.29];
const PRODUCTS_OF_ROW: f64 = 340.0;
/// Of which for each permuted column on one coset.
const PRODUCTS_OF_PERMUTED: f64 = 4.0;
/// What the witness takes, in products of one row: for each lookup that counts, each row of weights, each row of a running sum, and each
/// small cell where values are evaluated at the challenge of planes too.
const PRODUCTS_OF_LOOKUP: f64 = 24.0;
const PRODUCTS_OF_WEIGHT_ROW: f64 = 108.0;
const PRODUCTS_OF_SUM: f64 = 3.5;
const PRODUCTS_OF_SECOND: f64 = 14.7;
/// Columns that copies connect where there is no second evaluation.
const COPIED_COLUMNS: usize = 3;
/// Of making keys, as timed step by step for mnist_chen, lenet5 and residual on 2^11 to 2^14 rows: committing to a fixed column, in small
/// columns; and to cells that are copies, about three of four of them in different places, in columns that are committed to with tables.
const FIXED: f64 = 0.4;
const COPIED: f64 = 1.1;
/// And in products of one row: each cell of the key's columns, which are compared; each row; each column that copies change; and once.
const PRODUCTS_OF_KEY_CELL: f64 = 3.5;
const PRODUCTS_OF_KEY_ROW: f64 = 140.0;
const PRODUCTS_OF_CHANGED_COLUMN: f64 = 9.0e4;
const PRODUCTS_OF_KEY: f64 = 1.0e5;
/// What doubling a point takes, in products of one row.
const PRODUCTS_OF_DOUBLING: f64 = 12.0;

impl Counts<'_> {
    /// The charges of a proof by the library's own prover, in its order, if it keeps the key's columns on cosets or if not.
    pub(crate) fn proof_by_core(&self, keeps_key: bool) -> Vec<Charge> {
        let (shape, mut charges) = (self.shape, Charges::default());
        let pieces = (shape.degree - 1) as f64;
        self.witness(&mut charges);
        self.commitments(&mut charges);
        self.copies(&mut charges);
        let polynomials = self.advice + shape.instance + shape.products;
        charges.kernel(Term::Coefficients, Kernel::InverseTransform, IN_PLACE * polynomials as f64);
        charges.kernel(Term::Blinding, Kernel::RandomColumn, 1.0);
        charges.kernel(Term::Blinding, Kernel::CommitAlone, ALONE);
        charges.kernel(
            Term::FixedParts,
            Kernel::PartTransform,
            if keeps_key { 0.0 } else { self.key_on_cosets() },
        );
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
        charges.kernel(Term::Opening, Kernel::CommitAlone, 2.0 * ALONE);
        charges.coefficient(Term::Overhead, Coefficient::LinkLane, shape.tied_lanes() as f64);
        charges.0
    }

    /// The charges of making both keys, which this library does for either prover; terms carry no meaning there.
    pub(crate) fn keys(&self) -> Vec<Charge> {
        let (shape, mut charges, term) = (self.shape, Charges::default(), Term::Overhead);
        let fixed = shape.fixed.saturating_sub(shape.occupancy.same_masks) as f64;
        let copied = ((2 * shape.copies) as f64 / self.rows).min(shape.permuted as f64);
        let cells = (shape.fixed + shape.permuted) as f64 * self.rows;
        let changed = shape.permuted.min(COPIED_COLUMNS) as f64;
        charges.kernel(term, Kernel::InverseTransform, memory::distinct(shape) as f64);
        charges.kernel(term, Kernel::CommitSmall, FIXED * fixed);
        charges.kernel(term, Kernel::CommitAlone, COPIED * copied);
        let products = PRODUCTS_OF_KEY_CELL * cells
            + PRODUCTS_OF_KEY_ROW * self.rows
            + PRODUCTS_OF_CHANGED_COLUMN * changed
            + PRODUCTS_OF_KEY;
        charges.coefficient(term, Coefficient::GateOperation, products);
        charges.0
    }

    /// The charges of what all proofs of a key by the library's own prover share: tables of the powers of tau, which any key of as many
    /// rows uses again, and the key's columns on cosets where they are kept. Terms carry no meaning there.
    pub(crate) fn preparation(&self, keeps_key: bool) -> Vec<Charge> {
        let (shape, mut charges, term) = (self.shape, Charges::default(), Term::Overhead);
        if !shape.is_proven_by_core() {
            return charges.0;
        }
        let (multiples, bits) = memory::multiples(shape.k);
        let doublings = f64::from(2 * (multiples - 1) * bits) * self.rows;
        charges.coefficient(term, Coefficient::GateOperation, PRODUCTS_OF_DOUBLING * doublings);
        if keeps_key {
            charges.kernel(term, Kernel::PartTransform, memory::columns_on_cosets(shape) as f64);
        }
        charges.0
    }

    /// Computing the witness.
    fn witness(&self, charges: &mut Charges) {
        let (shape, sums) = (self.shape, self.sums() as f64 * self.rows);
        let seconds = shape.permuted.saturating_sub(COPIED_COLUMNS) as f64;
        let cells = (shape.small_advice * shape.activation_rows) as f64;
        let products = PRODUCTS_OF_LOOKUP * shape.occupancy.lookups as f64
            + PRODUCTS_OF_WEIGHT_ROW * shape.weight_rows as f64
            + PRODUCTS_OF_SUM * sums
            + PRODUCTS_OF_SECOND * seconds * cells;
        charges.coefficient(Term::Synthesis, Coefficient::GateOperation, products);
        charges.coefficient(Term::Synthesis, Coefficient::FoldWeight, shape.committed_weights() as f64);
    }

    /// Commitments to the witness: to every column, by buckets that are summed whatever they hold, and to every cell that is not padding.
    fn commitments(&self, charges: &mut Charges) {
        let shape = self.shape;
        let cells = SMALL_CELLS_OF_LOOKUP * shape.occupancy.lookups as f64 + shape.table_entries as f64;
        let small = (cells / self.rows).min(shape.small_advice as f64);
        charges.kernel(Term::CommitSmall, Kernel::CommitSmall, small);
        charges.kernel(Term::CommitSmall, Kernel::CommitEmpty, EMPTY_COLUMNS * shape.small_advice as f64);
        let wide = WIDE_CELL * self.new_cells() + MOVED_CELL * shape.occupancy.moved as f64;
        let columns = WIDE_COLUMN * shape.wide_advice as f64;
        charges.kernel(Term::CommitWide, Kernel::CommitWide, wide / self.rows + columns);
    }

    /// Cells of evaluations, weights and tables that differ from the row before; what running sums move is counted beside them.
    fn new_cells(&self) -> f64 {
        let (shape, sums) = (self.shape, self.sums());
        let fractions = self.fractions();
        let table_columns = shape.table_entries.div_ceil(shape.usable_rows().max(1)).max(1);
        let of_tables = table_columns.div_ceil(fractions) * shape.table_entries / table_columns;
        let others = shape.assigned_wide_cells.saturating_sub(sums * shape.usable_rows());
        FILLED * others as f64 + LOOKED_UP * of_tables as f64
    }

    /// The permutation's product columns, which change where something is copied.
    fn copies(&self, charges: &mut Charges) {
        let shape = self.shape;
        charges.kernel(Term::Permutation, Kernel::PermutationPass, PASSES * shape.permuted as f64);
        let changed = (2 * shape.copies) as f64 / self.rows;
        charges.kernel(Term::Permutation, Kernel::CommitAlone, PRODUCT * changed.min(shape.products as f64));
    }

    /// Columns of running sums.
    fn sums(&self) -> usize {
        self.shape.lookups.div_ceil(self.fractions())
    }

    /// Fractions to a running sum.
    fn fractions(&self) -> usize {
        self.shape.occupancy.fractions.clamp(1, COLUMNS.len())
    }

    /// Transforms of the key's columns where their values are not kept from proof to proof.
    fn key_on_cosets(&self) -> f64 {
        COLUMNS_OF_KEY * ((self.shape.fixed + self.shape.permuted) * (self.shape.degree - 1)) as f64
    }

    /// Transforms of all other columns, and of sums of columns.
    fn columns_on_cosets(&self) -> f64 {
        let (each, beside) = COLUMNS[self.fractions() - 1];
        each * self.shape.lookups as f64 + beside
    }

    /// Products on a row of all cosets together: of gates, and of the permutation's constraints.
    fn products(&self) -> (f64, f64) {
        let all = PRODUCTS[self.fractions() - 1] * self.shape.gate_operations as f64 + PRODUCTS_OF_ROW;
        let of_permutation = PRODUCTS_OF_PERMUTED * (self.shape.permuted * (self.shape.degree - 1)) as f64;
        ((all - of_permutation).max(0.0), of_permutation)
    }
}
