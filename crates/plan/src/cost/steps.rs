//! The steps of a proof, a verification and a key generation, as counts of kernels and coefficients.
//!
//! Every price is a sum of count times rate; here are the counts. What runs on several columns at once, and what runs
//! one after the other, is in the choice of kernel: a kernel is measured with the parallelism that its step has.

use crate::cost::price::Term;
use crate::cost::rates::{Coefficient, Kernel};
use crate::shape::CircuitShape;

/// Parts that the kernel of the quotient's transform was measured with.
const QUOTIENT_PARTS: f64 = 4.0;
/// Operations of a native lookup's own constraints on one row of one part.
const LOOKUP_CONSTRAINT_OPERATIONS: usize = 24;

/// What a verifier takes for a plan, and for each value that it is given, in products of one row.
const PRODUCTS_OF_PLAN: f64 = 3.05e5;
const PRODUCTS_OF_PUBLIC_VALUE: f64 = 300.0;
/// What a plan's gates, evaluations and commitments take a verifier, of what those of a calibration's circuits do.
const VERIFIED: f64 = 0.74;

/// What one unit of a charge costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// A kernel on all rows.
    Kernel(Kernel),
    /// A fitted coefficient.
    Coefficient(Coefficient),
}

/// A number of units within a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Charge {
    /// The step.
    pub term: Term,
    /// How many units.
    pub count: f64,
    /// Of what.
    pub rate: Rate,
}

/// Counts that several steps share.
pub(crate) struct Counts<'a> {
    pub(super) shape: &'a CircuitShape,
    pub(super) rows: f64,
    parts: f64,
    pub(super) advice: usize,
    pub(super) threads: f64,
}

impl<'a> Counts<'a> {
    pub(crate) fn of(shape: &'a CircuitShape, threads: usize) -> Self {
        Self {
            shape,
            rows: f64::powi(2.0, shape.k as i32),
            parts: shape.parts() as f64,
            advice: shape.small_advice + shape.wide_advice,
            threads: threads.max(1) as f64,
        }
    }

    /// The charges of a proof by halo2's prover, in its order.
    pub(crate) fn proof_by_stock(&self) -> Vec<Charge> {
        let mut charges = Charges::default();
        charges.kernel(Term::Synthesis, Kernel::Assignment, self.advice as f64);
        charges.coefficient(Term::Synthesis, Coefficient::WitnessCell, self.cells());
        self.advice(&mut charges);
        self.lookups(&mut charges);
        self.permutation(&mut charges);
        self.transforms(&mut charges);
        self.constraints(&mut charges);
        self.opening(&mut charges);
        charges.coefficient(Term::Overhead, Coefficient::LinkLane, self.shape.tied_lanes() as f64);
        charges.coefficient(Term::Overhead, Coefficient::Proof, 1.0);
        charges.0
    }

    /// Cells that are computed and placed.
    fn cells(&self) -> f64 {
        (self.shape.assigned_small_cells + self.shape.assigned_wide_cells) as f64
    }

    fn advice(&self, charges: &mut Charges) {
        let shape = self.shape;
        charges.coefficient(Term::Synthesis, Coefficient::FoldWeight, shape.committed_weights() as f64);
        // Cells of both kinds may share a column, so that only their sums matter.
        let columns = self.advice as f64;
        let wide = (shape.assigned_wide_cells as f64 / self.rows).min(columns);
        let small = (shape.assigned_small_cells as f64 / self.rows).min(columns - wide);
        charges.kernel(Term::CommitSmall, Kernel::CommitSmall, small);
        charges.kernel(Term::CommitWide, Kernel::CommitWide, wide);
        charges.kernel(Term::CommitWide, Kernel::CommitEmpty, columns - wide - small);
    }

    fn lookups(&self, charges: &mut Charges) {
        let (term, lookups) = (Term::NativeLookups, self.shape.native_lookups as f64);
        if self.shape.native_lookups == 0 {
            return;
        }
        charges.coefficient(term, Coefficient::LookupRow, lookups * self.rows);
        charges.kernel(term, Kernel::CommitAlone, 3.0 * lookups);
        charges.kernel(term, Kernel::InverseTransform, 3.0 * lookups);
        charges.kernel(term, Kernel::BatchInversion, lookups);
        charges.kernel(term, Kernel::RunningProduct, lookups);
        charges.kernel(term, Kernel::PartTransform, 3.0 * lookups * self.parts);
        let constraints = self.shape.native_lookups * LOOKUP_CONSTRAINT_OPERATIONS;
        let operations = (self.shape.lookup_operations + constraints) as f64;
        charges.coefficient(term, Coefficient::GateOperation, operations * self.rows * self.parts);
    }

    fn permutation(&self, charges: &mut Charges) {
        let (term, products) = (Term::Permutation, self.shape.products as f64);
        charges.kernel(term, Kernel::PermutationPass, self.shape.permuted as f64);
        for kernel in
            [Kernel::BatchInversion, Kernel::RunningProduct, Kernel::CommitAlone, Kernel::InverseTransform]
        {
            charges.kernel(term, kernel, products);
        }
        charges.kernel(Term::Blinding, Kernel::RandomColumn, 1.0);
        charges.kernel(Term::Blinding, Kernel::CommitAlone, 1.0);
    }

    fn transforms(&self, charges: &mut Charges) {
        let shape = self.shape;
        let values = (self.advice + shape.instance) as f64;
        charges.kernel(Term::Coefficients, Kernel::InverseTransform, values);
        let together = shape.fixed as f64 * self.parts;
        charges.kernel(Term::FixedParts, Kernel::PartTransformTogether, together);
        // The three row indicators follow each other.
        charges.kernel(Term::FixedParts, Kernel::PartTransform, 3.0 * self.parts);
        charges.kernel(Term::AdviceParts, Kernel::PartTransform, values * self.parts);
        for columns in [shape.products, shape.permuted] {
            let kernel = if columns > 1 { Kernel::PartTransformTogether } else { Kernel::PartTransform };
            charges.kernel(Term::AdviceParts, kernel, columns as f64 * self.parts);
        }
    }

    fn constraints(&self, charges: &mut Charges) {
        let shape = self.shape;
        let extended = self.rows * self.parts;
        let operations = shape.gate_operations as f64;
        charges.coefficient(Term::Gates, Coefficient::GateOperation, operations * extended);
        let permuted = (shape.permuted + shape.products) as f64;
        charges.coefficient(Term::PermutationParts, Coefficient::PermutationRow, permuted * extended);
        charges.kernel(Term::Quotient, Kernel::QuotientTransform, self.parts / QUOTIENT_PARTS);
        charges.kernel(Term::Quotient, Kernel::CommitAlone, (shape.degree - 1) as f64);
    }

    fn opening(&self, charges: &mut Charges) {
        let shape = self.shape;
        let queries = shape.evaluations() as f64;
        charges.kernel(Term::Evaluations, Kernel::Evaluation, queries);
        charges.coefficient(Term::Evaluations, Coefficient::Query, queries);
        // The opening evaluates every query once more.
        charges.kernel(Term::Opening, Kernel::Evaluation, queries);
        let polynomials =
            self.advice + shape.fixed + shape.permuted + shape.products + 3 * shape.native_lookups + 2;
        charges.kernel(Term::Opening, Kernel::OpeningPass, polynomials as f64);
        charges.kernel(Term::Opening, Kernel::Division, self.divisions());
        charges.kernel(Term::Opening, Kernel::CommitAlone, 2.0);
    }

    /// Sets are divided at once; one of them has one point, the others two or more. The last division is alone.
    pub(super) fn divisions(&self) -> f64 {
        let of_sets = (2 * self.shape.rotation_sets).saturating_sub(1) as f64 / self.threads;
        of_sets.max(2.0) + 1.0
    }

    /// The charges of a verification; terms carry no meaning there.
    pub(crate) fn verification(&self) -> Vec<Charge> {
        let (shape, mut charges, term) = (self.shape, Charges::default(), Term::Overhead);
        let commitments = shape.commitments() + shape.fixed + shape.permuted;
        charges.coefficient(term, Coefficient::Verification, 1.0);
        charges.coefficient(term, Coefficient::VerifyCommitment, commitments as f64);
        charges.coefficient(term, Coefficient::VerifyEvaluation, shape.evaluations() as f64);
        charges.coefficient(term, Coefficient::VerifyOperation, shape.gate_operations as f64);
        charges.coefficient(term, Coefficient::VerifyRow, self.rows);
        charges.coefficient(term, Coefficient::LinkLane, shape.tied_lanes() as f64);
        charges.0
    }

    /// The same of a plan's proof.
    pub(crate) fn verification_of_plan(&self) -> Vec<Charge> {
        let share = |rate| if rate == Rate::Coefficient(Coefficient::VerifyRow) { 1.0 } else { VERIFIED };
        let charges = self.verification().into_iter();
        charges.map(|charge| Charge { count: charge.count * share(charge.rate), ..charge }).collect()
    }

    /// The charges of what a verifier does with a plan beside verifying its proof. Circuits that a profile is calibrated on have none.
    pub(crate) fn plan_checks(&self) -> Vec<Charge> {
        let (mut charges, term) = (Charges::default(), Term::Overhead);
        let products = PRODUCTS_OF_PLAN + PRODUCTS_OF_PUBLIC_VALUE * self.shape.occupancy.public_values as f64;
        charges.coefficient(term, Coefficient::GateOperation, products);
        charges.0
    }

    /// The charges of a model commitment; terms carry no meaning there.
    pub(crate) fn commitment(&self) -> Vec<Charge> {
        let mut charges = Charges::default();
        charges.coefficient(Term::Overhead, Coefficient::CommitWeight, self.shape.committed_weights() as f64);
        charges.0
    }
}

/// Charges in the order of steps.
#[derive(Default)]
pub(super) struct Charges(pub(super) Vec<Charge>);

impl Charges {
    pub(super) fn kernel(&mut self, term: Term, kernel: Kernel, count: f64) {
        self.add(term, Rate::Kernel(kernel), count);
    }

    pub(super) fn coefficient(&mut self, term: Term, coefficient: Coefficient, count: f64) {
        self.add(term, Rate::Coefficient(coefficient), count);
    }

    fn add(&mut self, term: Term, rate: Rate, count: f64) {
        if count != 0.0 {
            self.0.push(Charge { term, count, rate });
        }
    }
}
