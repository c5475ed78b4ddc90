//! The quotient: all constraints in one sum, divided by the polynomial that is 0 on every row.
//!
//! On a coset `shift * H` the divisor is the number `shift^n - 1`. With as many cosets as the quotient has pieces, its
//! remainders modulo `X^n - shift^n` are `sum of piece_m * shift^(n m)`, from which the pieces follow. One coset is in
//! memory at a time. Constraints of a lower degree have a shorter quotient, and are evaluated on the first cosets alone.

use std::collections::{BTreeMap, BTreeSet};

use ff::{Field, PrimeField};
use halo2_proofs::arithmetic::lagrange_interpolate;
use halo2_proofs::plonk::ConstraintSystem;
use halo2curves::bn256::Fr;
use rayon::prelude::*;

use crate::core::domain::{Domain, Twiddles};
use crate::core::expression::{Arena, Expression, Source};
use crate::core::forms::{Finder, Forms};
use crate::core::kept::Kept;
use crate::core::key::Key;
use crate::core::permutation;
use crate::core::stages::{Stage, stages};

/// Terms of the forms that are summed anew on each coset: their sums take a fifth of a transform, and as much memory as columns.
const MOST_TERMS: usize = 2;
/// Fewest cosets that constraints are put together for.
const FEWEST_COSETS: usize = 2;

/// Challenges that constraints depend on.
pub(super) struct Challenges<'a> {
    /// Of the circuit.
    pub(super) circuit: &'a [Fr],
    pub(super) permutation: permutation::Challenges,
    /// Tells constraints apart.
    pub(super) y: Fr,
}

/// The sum of all constraints, in parts: of those whose quotients have equally many pieces.
pub(super) struct Numerator {
    /// Pieces of the quotient, by part.
    pieces: Vec<usize>,
    stages: Vec<Stage>,
    forms: Forms,
}

/// The polynomials that constraints are about, as coefficients.
pub(super) struct Polynomials<'a> {
    pub(super) key: &'a Key,
    pub(super) kept: &'a Kept,
    pub(super) advice: &'a [Vec<Fr>],
    pub(super) instance: &'a [Vec<Fr>],
    pub(super) products: &'a [Vec<Fr>],
}

/// Shifts of the cosets: one for each piece of the quotient.
pub(super) fn cosets(cs: &ConstraintSystem<Fr>) -> Vec<Fr> {
    (1..cs.degree()).map(|power| Fr::MULTIPLICATIVE_GENERATOR.pow_vartime([power as u64])).collect()
}

/// The key's columns that constraints read on each coset if their values are kept: whatever the challenges are, but for
/// those that make terms cancel.
pub(super) fn read_on_cosets(key: &Key) -> Vec<BTreeSet<usize>> {
    let cs = key.constraints();
    let number = |seed: u64| Fr::from(seed).pow_vartime([5_000_003]);
    let circuit: Vec<Fr> = (0..cs.num_challenges() as u64).map(|challenge| number(challenge + 7)).collect();
    let permutation = permutation::Challenges { beta: number(2), gamma: number(3) };
    let challenges = Challenges { circuit: &circuit, permutation, y: number(5) };
    let Some(numerator) = Numerator::of(key, &challenges, true) else { return Vec::new() };
    let fixed = |source| if let Source::Fixed(place) = source { Some(place) } else { None };
    (0..cs.degree() - 1).map(|coset| numerator.sources(coset).into_iter().filter_map(fixed).collect()).collect()
}

impl Numerator {
    /// Collects the constraints, for a key whose values on cosets are kept or not; none if a gate has a selector.
    pub(super) fn of(key: &Key, challenges: &Challenges<'_>, keeps_fixed: bool) -> Option<Self> {
        let (cs, k) = (key.constraints(), key.domain.k);
        let (mut arena, mut forms) = (Arena::default(), Forms::default());
        let constraints = constraints(key, challenges, &mut arena)?;
        let mut sums = vec![Expression::constant(Fr::ZERO); cs.degree()];
        let mut power = Fr::ONE;
        for (degree, constraint) in constraints.iter().rev() {
            let pieces = degree.saturating_sub(1).clamp(FEWEST_COSETS, cs.degree() - 1);
            sums[pieces] = arena.add(&sums[pieces], constraint, power);
            power *= challenges.y;
        }
        let mut parts = (Vec::new(), Vec::new());
        for (pieces, sum) in sums.iter().enumerate().filter(|(_, sum)| **sum != Expression::constant(Fr::ZERO)) {
            let mut finder = Finder { arena: &mut arena, forms: &mut forms, cosets: pieces, k, keeps_fixed };
            parts.0.push(pieces);
            parts.1.push(finder.replace(sum));
        }
        let (pieces, sums) = parts;
        Some(Self { pieces, stages: stages(&mut arena, &sums), forms })
    }

    /// Whether a part is evaluated on a coset.
    fn is_on(&self, coset: usize) -> impl Fn(usize) -> bool + Copy + '_ {
        move |part| self.pieces[part] > coset
    }

    /// The columns that are read on a coset.
    fn sources(&self, coset: usize) -> BTreeSet<Source> {
        self.stages.iter().flat_map(|stage| stage.sources(self.is_on(coset))).collect()
    }

    /// The pieces of the quotient, as coefficients.
    pub(super) fn quotient(&self, polynomials: &Polynomials<'_>, cosets: &[Fr]) -> Vec<Vec<Fr>> {
        let domain = &polynomials.key.domain;
        let long = polynomials.long_forms(&self.forms, domain.len());
        let mut remainders: Vec<Vec<Vec<Fr>>> = self.pieces.iter().map(|_| Vec::new()).collect();
        for (place, shift) in cosets.iter().enumerate() {
            let mut values = Values::new(domain, polynomials, (&self.forms, &long), (place, *shift));
            let sums = self.sums(place, &mut values).into_par_iter();
            let divided: Vec<_> = sums.map(|(part, sum)| (part, remainder(domain, sum, *shift))).collect();
            divided.into_iter().for_each(|(part, remainder)| remainders[part].push(remainder));
        }
        let mut pieces = vec![vec![Fr::ZERO; domain.len()]; cosets.len()];
        for remainders in remainders {
            add_pieces(&mut pieces, &remainders, &cosets[..remainders.len()]);
        }
        pieces
    }

    /// The parts' values on a coset. A column is there from the first stage that reads it to the last.
    fn sums(&self, coset: usize, values: &mut Values<'_>) -> BTreeMap<usize, Vec<Fr>> {
        let is_on = self.is_on(coset);
        let read: Vec<BTreeSet<Source>> = self.stages.iter().map(|stage| stage.sources(is_on)).collect();
        let last: BTreeMap<Source, usize> = read
            .iter()
            .enumerate()
            .flat_map(|(place, sources)| sources.iter().map(move |one| (*one, place)))
            .collect();
        let mut sums = BTreeMap::new();
        for (place, (stage, sources)) in self.stages.iter().zip(&read).enumerate() {
            values.add(sources);
            for (part, program) in stage.programs(is_on) {
                let columns: Vec<&[Fr]> = program.cells.iter().map(|cell| values.get(cell.source)).collect();
                let sum = sums.entry(part).or_insert_with(|| vec![Fr::ZERO; values.domain.len()]);
                program.run(&columns, sum);
            }
            values.retain(|source| last[source] > place);
        }
        sums
    }
}

/// All constraints in the protocol's order, with their degrees.
fn constraints(key: &Key, challenges: &Challenges<'_>, arena: &mut Arena) -> Option<Vec<(usize, Expression)>> {
    let cs = key.constraints();
    let fixed = |index: usize| Source::Fixed(key.fixed[index]);
    let mut constraints = Vec::new();
    for polynomial in cs.gates().iter().flat_map(|gate| gate.polynomials()) {
        constraints.push((polynomial.degree(), arena.gate(polynomial, challenges.circuit, &fixed)?));
    }
    constraints.extend(permutation::constraints(key, challenges.permutation, arena));
    Some(constraints)
}

/// Columns on a coset.
struct Values<'a> {
    domain: &'a Domain,
    polynomials: &'a Polynomials<'a>,
    forms: &'a Forms,
    long: &'a BTreeMap<usize, Vec<Fr>>,
    coset: usize,
    shift: Fr,
    twiddles: Twiddles,
    computed: BTreeMap<Source, Vec<Fr>>,
}

impl<'a> Values<'a> {
    fn new(
        domain: &'a Domain,
        polynomials: &'a Polynomials<'a>,
        (forms, long): (&'a Forms, &'a BTreeMap<usize, Vec<Fr>>),
        (coset, shift): (usize, Fr),
    ) -> Self {
        let twiddles = domain.coset(shift);
        Self { domain, polynomials, forms, long, coset, shift, twiddles, computed: BTreeMap::new() }
    }

    /// Computes columns that are not there.
    fn add(&mut self, sources: &BTreeSet<Source>) {
        let missing: Vec<Source> = sources.iter().copied().filter(|source| self.get(*source).is_empty()).collect();
        let computed: Vec<(Source, Vec<Fr>)> =
            missing.into_par_iter().map(|source| (source, self.compute(source))).collect();
        self.computed.extend(computed);
    }

    fn compute(&self, source: Source) -> Vec<Fr> {
        let mut values = match source {
            Source::Point => return self.domain.points(self.shift),
            Source::Form(place) => match self.long.get(&place) {
                Some(coefficients) => coefficients.clone(),
                None => self.polynomials.form(&self.forms.0[place], self.domain.len()),
            },
            _ => self.polynomials.coefficients(source).to_vec(),
        };
        self.domain.to_coset(&mut values, &self.twiddles);
        values
    }

    fn retain(&mut self, is_needed: impl Fn(&Source) -> bool) {
        self.computed.retain(|source, _| is_needed(source));
    }

    /// A column, if it is there.
    fn get(&self, source: Source) -> &[Fr] {
        if let Some(values) = self.computed.get(&source) {
            return values;
        }
        let Source::Fixed(place) = source else { return &[] };
        self.polynomials.kept.get(self.coset, place).unwrap_or_default()
    }
}

impl Polynomials<'_> {
    fn coefficients(&self, source: Source) -> &[Fr] {
        match source {
            Source::Fixed(place) => self.key.coefficients(place),
            Source::Advice(index) => &self.advice[index],
            Source::Instance(index) => &self.instance[index],
            Source::Product(set) => &self.products[set],
            Source::Point | Source::Form(_) => &[],
        }
    }

    /// The coefficients of each long form.
    fn long_forms(&self, forms: &Forms, rows: usize) -> BTreeMap<usize, Vec<Fr>> {
        let long: Vec<usize> = (0..forms.0.len()).filter(|place| forms.0[*place].len() > MOST_TERMS).collect();
        long.into_par_iter().map(|place| (place, self.form(&forms.0[place], rows))).collect()
    }

    /// The coefficients of a form.
    fn form(&self, form: &[(Source, Fr)], rows: usize) -> Vec<Fr> {
        let mut terms = form.iter().map(|(source, factor)| (self.coefficients(*source), *factor));
        let Some((first, factor)) = terms.next() else { return vec![Fr::ZERO; rows] };
        let mut sum = first.to_vec();
        sum.resize(rows, Fr::ZERO);
        if factor != Fr::ONE {
            sum.iter_mut().for_each(|sum| *sum *= factor);
        }
        for (coefficients, factor) in terms {
            let cells = sum.iter_mut().zip(coefficients);
            if factor == Fr::ONE {
                cells.for_each(|(sum, coefficient)| *sum += coefficient);
            } else {
                cells.for_each(|(sum, coefficient)| *sum += *coefficient * factor);
            }
        }
        sum
    }
}

/// A sum of constraints on a coset, divided, as coefficients.
pub(super) fn remainder(domain: &Domain, mut values: Vec<Fr>, shift: Fr) -> Vec<Fr> {
    domain.interpolate(&mut values);
    let divisor = shift.pow_vartime([domain.len() as u64]) - Fr::ONE;
    let [divisor, shift] = [divisor, shift].map(|number| number.invert().unwrap_or(Fr::ZERO));
    let size = values.len().div_ceil(rayon::current_num_threads());
    values.par_chunks_mut(size).enumerate().for_each(|(place, values)| {
        let mut power = domain.scale * divisor * shift.pow_vartime([(place * size) as u64]);
        for value in values {
            *value *= power;
            power *= shift;
        }
    });
    values
}

/// Adds the pieces whose sums with the powers of each coset's `shift^n` are its remainder.
pub(super) fn add_pieces(pieces: &mut [Vec<Fr>], remainders: &[Vec<Fr>], cosets: &[Fr]) {
    let points: Vec<Fr> = cosets
        .iter()
        .zip(remainders)
        .map(|(shift, remainder)| shift.pow_vartime([remainder.len() as u64]))
        .collect();
    let unit =
        |place: usize| (0..cosets.len()).map(|other| Fr::from(u64::from(other == place))).collect::<Vec<_>>();
    let basis: Vec<Vec<Fr>> = (0..cosets.len()).map(|place| lagrange_interpolate(&points, &unit(place))).collect();
    for (index, piece) in pieces.iter_mut().enumerate().take(cosets.len()) {
        piece.par_iter_mut().enumerate().for_each(|(row, coefficient)| {
            let terms = remainders.iter().zip(&basis).map(|(remainder, basis)| remainder[row] * basis[index]);
            *coefficient += terms.sum::<Fr>();
        });
    }
}
