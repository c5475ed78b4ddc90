//! The protocol: what is committed, drawn and evaluated, in halo2's order.

use std::io;

use ff::Field;
use halo2_proofs::plonk::{Any, Column as AnyColumn, ConstraintSystem};
use halo2_proofs::transcript::{Challenge255, TranscriptWrite};
use halo2curves::bn256::{Fr, G1, G1Affine};
use rand::RngCore;
use rayon::prelude::*;
use tracing::info_span;

use crate::core::columns::{Column, affine, coefficients};
use crate::core::hiding::Hiding;
use crate::core::key::Key;
use crate::core::opening::{Opening, evaluate};
use crate::core::permutation;
use crate::core::prepared::Prepared;
use crate::core::queries::{self, Queries};
use crate::core::quotient::{self, Numerator};

/// What is proven: a circuit's cells, by column in the circuit's order and by usable row.
pub(crate) trait Cells {
    /// The first phase.
    fn small(&self) -> Vec<&[i64]>;

    /// The second phase, from the challenges.
    fn wide(&self, challenges: &[Fr]) -> Vec<Vec<Fr>>;
}

/// Proves cells, with public columns. The cells are dropped on the way.
///
/// # Errors
/// A circuit that this prover does not know, or a transcript that refuses a point: that of a polynomial that is 0.
pub(crate) fn prove<T: TranscriptWrite<G1Affine, Challenge255<G1Affine>>>(
    prepared: &Prepared,
    key: &Key,
    cells: impl Cells,
    instance: &[Vec<Fr>],
    rng: impl RngCore,
    transcript: &mut T,
) -> io::Result<()> {
    let cs = key.constraints();
    let mut proof = Proof { prepared, key, cs, instance, hiding: Hiding(rng), transcript };
    proof.check(&cells)?;
    proof.transcript.common_scalar(key.digest)?;
    let committed = proof.commit_advice(&cells)?;
    let polynomials = proof.commit_products(committed)?;
    drop(cells);
    let blinding = proof.commit_blinding()?;
    let quotient = proof.commit_quotient(&polynomials)?;
    proof.open(&polynomials, quotient, &blinding)
}

/// A proof under construction.
struct Proof<'a, R, T> {
    prepared: &'a Prepared,
    key: &'a Key,
    cs: &'a ConstraintSystem<Fr>,
    instance: &'a [Vec<Fr>],
    hiding: Hiding<R>,
    transcript: &'a mut T,
}

/// Advice by row, and the challenges that followed.
struct Committed<'a> {
    advice: Vec<Column<'a>>,
    challenges: Vec<Fr>,
}

/// All columns as coefficients.
struct Polynomials {
    advice: Vec<Vec<Fr>>,
    instance: Vec<Vec<Fr>>,
    products: Vec<Vec<Fr>>,
    challenges: Vec<Fr>,
    permutation: permutation::Challenges,
}

impl<R: RngCore, T: TranscriptWrite<G1Affine, Challenge255<G1Affine>>> Proof<'_, R, T> {
    /// Rows that are not random.
    fn usable(&self) -> usize {
        self.key.domain.len() - self.cs.blinding_factors() - 1
    }

    fn check(&self, cells: &impl Cells) -> io::Result<()> {
        let phases = self.cs.advice_column_phase();
        let small = phases.iter().take_while(|phase| **phase == 0).count();
        let (cells, usable) = (cells.small(), self.usable());
        let known = self.cs.lookups().is_empty()
            && self.cs.challenge_phase().iter().all(|phase| *phase == 0)
            && phases[small..].iter().all(|phase| *phase == 1)
            && cells.len() == small
            && cells.iter().all(|column| column.len() == usable)
            && self.instance.len() == self.cs.num_instance_columns()
            && self.instance.iter().all(|column| column.len() <= usable);
        if known { Ok(()) } else { Err(unknown("the circuit's columns are not those of its witness")) }
    }

    fn squeeze(&mut self) -> Fr {
        *self.transcript.squeeze_challenge_scalar::<()>()
    }

    fn write_points(&mut self, commitments: &[G1]) -> io::Result<()> {
        affine(commitments).into_iter().try_for_each(|point| self.transcript.write_point(point))
    }

    /// Both phases.
    fn commit_advice<'a>(&mut self, cells: &'a impl Cells) -> io::Result<Committed<'a>> {
        for value in self.instance.iter().flatten() {
            self.transcript.common_scalar(*value)?;
        }
        let hidden = self.key.domain.len() - self.usable();
        let small = cells.small().into_iter();
        let mut advice: Vec<Column<'_>> =
            small.map(|values| Column::Small { values, hiding: self.hiding.draw(hidden) }).collect();
        info_span!("small columns").in_scope(|| self.commit(&advice))?;
        let challenges: Vec<Fr> = (0..self.cs.num_challenges()).map(|_| self.squeeze()).collect();
        let wide = info_span!("witness").in_scope(|| cells.wide(&challenges));
        if advice.len() + wide.len() != self.cs.num_advice_columns() {
            return Err(unknown("the circuit has another number of columns after its challenges"));
        }
        let wide: Vec<Column<'_>> = wide.into_iter().map(|values| self.hide(values)).collect();
        info_span!("wide columns").in_scope(|| self.commit(&wide))?;
        advice.extend(wide);
        Ok(Committed { advice, challenges })
    }

    fn hide(&mut self, mut values: Vec<Fr>) -> Column<'static> {
        let usable = self.usable();
        values.resize(self.key.domain.len(), Fr::ZERO);
        self.hiding.fill(&mut values[usable..]);
        Column::Wide(values)
    }

    fn commit(&mut self, columns: &[Column<'_>]) -> io::Result<()> {
        columns.iter().for_each(|_| self.hiding.skip_unused());
        let commitments: Vec<G1> = columns.par_iter().map(|column| column.commit(&self.prepared.bases)).collect();
        self.write_points(&commitments)
    }

    /// The permutation's running products; then no row is needed any more.
    fn commit_products(&mut self, committed: Committed<'_>) -> io::Result<Polynomials> {
        let Committed { advice, challenges } = committed;
        // Tells lookups apart, of which there are none.
        self.squeeze();
        let (beta, gamma) = (self.squeeze(), self.squeeze());
        let permutation = permutation::Challenges { beta, gamma };
        let domain = &self.key.domain;
        let padded = |column: &Vec<Fr>| {
            let mut column = column.clone();
            column.resize(domain.len(), Fr::ZERO);
            column
        };
        let values = |column: &AnyColumn<Any>| match column.column_type() {
            Any::Advice(_) => advice[column.index()].values(),
            Any::Fixed => self.key.rows(self.key.fixed[column.index()]),
            Any::Instance => padded(&self.instance[column.index()]),
        };
        let span = info_span!("permutation").entered();
        let products = permutation::products(self.key, values, permutation, &mut self.hiding);
        let bases = &self.prepared.bases;
        let commitments: Vec<G1> = match products.as_slice() {
            [product] => vec![bases.wide_on_threads(product)],
            products => products.par_iter().map(|product| bases.wide(product)).collect(),
        };
        self.write_points(&commitments)?;
        drop(span);
        let _coefficients = info_span!("coefficients").entered();
        Ok(Polynomials {
            advice: advice.into_par_iter().map(|column| column.coefficients(domain)).collect(),
            instance: self.instance.iter().map(|column| coefficients(domain, padded(column))).collect(),
            products: products.into_par_iter().map(|product| coefficients(domain, product)).collect(),
            challenges,
            permutation,
        })
    }

    /// A random polynomial, which hides the quotient's evaluation: random values are random coefficients.
    #[tracing::instrument(skip_all, name = "blinding")]
    fn commit_blinding(&mut self) -> io::Result<Vec<Fr>> {
        let values = self.hiding.draw(self.key.domain.len());
        self.hiding.skip_unused();
        self.write_points(&[self.prepared.bases.wide_on_threads(&values)])?;
        Ok(coefficients(&self.key.domain, values))
    }

    /// The quotient's pieces.
    fn commit_quotient(&mut self, polynomials: &Polynomials) -> io::Result<Vec<Vec<Fr>>> {
        let Prepared { cosets, bases, kept } = self.prepared;
        let y = self.squeeze();
        let Polynomials { advice, instance, products, challenges, permutation } = polynomials;
        let challenges = quotient::Challenges { circuit: challenges, permutation: *permutation, y };
        let constraints = info_span!("constraints").entered();
        let numerator = Numerator::of(self.key, &challenges, !kept.is_empty())
            .ok_or_else(|| unknown("a gate has a selector"))?;
        let polynomials = quotient::Polynomials { key: self.key, kept, advice, instance, products };
        let pieces = numerator.quotient(&polynomials, cosets);
        drop(constraints);
        let _quotient = info_span!("quotient").entered();
        let commitments = bases.polynomials(&self.key.domain, &pieces);
        pieces.iter().for_each(|_| self.hiding.skip_unused());
        self.write_points(&commitments)?;
        Ok(pieces)
    }

    /// Evaluations, and the opening.
    fn open(&mut self, polynomials: &Polynomials, pieces: Vec<Vec<Fr>>, blinding: &[Fr]) -> io::Result<()> {
        let (domain, bases) = (&self.key.domain, &self.prepared.bases);
        let x = self.squeeze();
        let quotient = sum_of_pieces(pieces, x.pow_vartime([domain.len() as u64]));
        let polynomials = queries::Polynomials {
            advice: &polynomials.advice,
            products: &polynomials.products,
            fixed: self.key.fixed.iter().map(|place| self.key.coefficients(*place)).collect(),
            permutation: self.key.permutation.iter().map(|place| self.key.coefficients(*place)).collect(),
            quotient: &quotient,
            blinding,
        };
        let (polynomials, queries) = (polynomials.all(), Queries::of(self.cs));
        let evaluations =
            info_span!("evaluations").in_scope(|| evaluate(domain, x, &polynomials, &queries.opened));
        for query in &queries.written {
            self.transcript.write_scalar(evaluations[query])?;
        }
        let _opening = info_span!("opening").entered();
        let (y, v) = (self.squeeze(), self.squeeze());
        let opening =
            Opening { domain, x, polynomials: &polynomials, queries: &queries.opened, evaluations: &evaluations };
        let opened = opening.open(y, v);
        self.write_points(&bases.polynomials(domain, std::slice::from_ref(&opened.quotient)))?;
        let u = self.squeeze();
        self.write_points(&bases.polynomials(domain, &[opened.finish(u)]))
    }
}

/// `sum of pieces[m] * factor^m`.
fn sum_of_pieces(pieces: Vec<Vec<Fr>>, factor: Fr) -> Vec<Fr> {
    let mut pieces = pieces.into_iter().rev();
    let mut sum = pieces.next().unwrap_or_default();
    for piece in pieces {
        sum.par_iter_mut().zip(&piece).for_each(|(sum, coefficient)| *sum = *sum * factor + coefficient);
    }
    sum
}

fn unknown(reason: &str) -> io::Error {
    io::Error::other(reason)
}
