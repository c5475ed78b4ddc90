//! Linear before transforms: sums of columns with numbers are taken of coefficients, where constraints use nothing else of
//! the columns or where the sum is long. A sum then takes one transform and a product for each term, instead of a
//! product for each term on every coset, and columns that are used in one sum alone are not transformed at all: advice,
//! and the key's own where their values on cosets are not kept from proof to proof.

use std::collections::HashMap;

use halo2curves::bn256::Fr;

use crate::core::expression::{Arena, CellId, Expression, Id, Source};

/// Sums of columns, by their places among the sources that are forms.
#[derive(Debug, Default)]
pub(super) struct Forms(pub(super) Vec<Vec<(Source, Fr)>>);

/// Finds the sums of constraints that are evaluated on the same cosets.
pub(super) struct Finder<'a> {
    pub(super) arena: &'a mut Arena,
    pub(super) forms: &'a mut Forms,
    /// Number of cosets.
    pub(super) cosets: usize,
    /// Logarithm of the number of rows.
    pub(super) k: u32,
    /// Whether the key's columns need no transforms.
    pub(super) keeps_fixed: bool,
}

impl Finder<'_> {
    /// The same expression with sums in place of columns.
    pub(super) fn replace(&mut self, root: &Expression) -> Expression {
        let uses = self.uses(root);
        self.rewrite(root, &uses, &mut HashMap::new())
    }

    /// In how many lists of cells each column is, at any rotation.
    fn uses(&self, root: &Expression) -> HashMap<Source, usize> {
        let mut uses = HashMap::new();
        let mut seen = vec![false; self.arena.len()];
        let mut waiting = vec![root];
        while let Some(expression) = waiting.pop() {
            for (cell, _) in &expression.cells {
                *uses.entry(self.arena.cells()[*cell as usize].source).or_insert(0) += 1;
            }
            for id in expression.children() {
                if !std::mem::replace(&mut seen[id as usize], true) {
                    waiting.push(self.arena.get(id));
                }
            }
            for (cell, _) in &expression.switched {
                *uses.entry(self.arena.cells()[*cell as usize].source).or_insert(0) += 1;
            }
        }
        uses
    }

    fn rewrite(
        &mut self,
        expression: &Expression,
        uses: &HashMap<Source, usize>,
        done: &mut HashMap<Id, Id>,
    ) -> Expression {
        let mut child = |finder: &mut Self, id: Id| {
            if let Some(new) = done.get(&id) {
                return *new;
            }
            let inner = finder.arena.get(id).clone();
            let new = finder.rewrite(&inner, uses, done);
            let new = finder.arena.intern(new);
            done.insert(id, new);
            new
        };
        let switched = expression.switched.iter().map(|(cell, id)| (*cell, child(self, *id))).collect();
        let products = expression.products.iter();
        let products = products.map(|((a, b), factor)| {
            let (a, b) = (child(self, *a), child(self, *b));
            ((a.min(b), a.max(b)), *factor)
        });
        let products = products.collect();
        let cells = self.with_form(&expression.cells, uses);
        Expression { constant: expression.constant, cells, switched, products }
    }

    /// A list of cells, with a form for those that are worth it.
    fn with_form(&mut self, cells: &[(CellId, Fr)], uses: &HashMap<Source, usize>) -> Vec<(CellId, Fr)> {
        let term = |(id, _): &(CellId, Fr)| {
            let cell = self.arena.cells()[*id as usize];
            (cell.rotation == 0).then_some(cell.source)
        };
        let column = |entry: &(CellId, Fr)| matches!(term(entry), Some(Source::Advice(_) | Source::Fixed(_)));
        let terms = cells.iter().filter(|entry| column(entry)).count();
        let is_long = terms * (self.cosets - 1) > self.cosets * self.k as usize / 2;
        let transformed = |source: Source| match source {
            Source::Advice(_) => true,
            Source::Fixed(_) => !self.keeps_fixed,
            _ => false,
        };
        let alone = |entry: &(CellId, Fr)| {
            term(entry).is_some_and(|source| transformed(source) && uses.get(&source) == Some(&1))
        };
        let replaces = cells.iter().filter(|entry| alone(entry)).count() > 1;
        if !is_long && !replaces {
            return cells.to_vec();
        }
        let taken = |entry: &(CellId, Fr)| if is_long { column(entry) } else { alone(entry) };
        let form = cells.iter().filter(|entry| taken(entry)).filter_map(|entry| Some((term(entry)?, entry.1)));
        let form = form.collect();
        let mut rest: Vec<(CellId, Fr)> = cells.iter().filter(|entry| !taken(entry)).copied().collect();
        rest.extend(self.cell(form));
        rest
    }

    fn cell(&mut self, form: Vec<(Source, Fr)>) -> Vec<(CellId, Fr)> {
        let known = self.forms.0.iter().position(|other| *other == form);
        let place = known.unwrap_or_else(|| {
            self.forms.0.push(form);
            self.forms.0.len() - 1
        });
        self.arena.cell(Source::Form(place), 0).cells
    }
}

#[cfg(test)]
mod tests {
    use ff::Field;

    use super::*;

    #[test]
    fn columns_of_one_sum_alone_become_one() {
        let mut arena = Arena::default();
        let cells: Vec<Expression> = (0..4).map(|index| arena.cell(Source::Advice(index), 0)).collect();
        let pair = arena.add(&cells[0], &cells[1], Fr::from(5));
        let other = arena.add(&cells[2], &cells[3], Fr::from(7));
        let product = arena.multiply(&pair, &other);
        let sum = arena.add(&product, &cells[2], Fr::ONE);
        let mut forms = Forms::default();
        let replaced =
            Finder { arena: &mut arena, forms: &mut forms, cosets: 4, k: 10, keeps_fixed: true }.replace(&sum);
        assert_eq!(forms.0, [vec![(Source::Advice(0), Fr::ONE), (Source::Advice(1), Fr::from(5))]]);
        let form = arena.cell(Source::Form(0), 0);
        let expected = arena.multiply(&form, &other);
        assert_eq!(replaced, arena.add(&expected, &cells[2], Fr::ONE));
    }

    #[test]
    fn long_sums_become_one_whatever_else_their_columns_are_in() {
        let mut arena = Arena::default();
        let mut sum = Expression::constant(Fr::ZERO);
        for index in 0..8 {
            let cell = arena.cell(Source::Advice(index), 0);
            sum = arena.add(&sum, &cell, Fr::from(index as u64 + 2));
        }
        let first = arena.cell(Source::Advice(0), 1);
        let product = arena.multiply(&sum, &first);
        let mut forms = Forms::default();
        Finder { arena: &mut arena, forms: &mut forms, cosets: 4, k: 10, keeps_fixed: true }.replace(&product);
        assert_eq!(forms.0.iter().map(Vec::len).collect::<Vec<_>>(), [8]);
        Finder { arena: &mut arena, forms: &mut forms, cosets: 2, k: 20, keeps_fixed: true }.replace(&product);
        assert_eq!(
            forms.0.iter().map(Vec::len).collect::<Vec<_>>(),
            [8, 7],
            "only those that are used in nothing else"
        );
    }

    #[test]
    fn columns_of_the_key_are_summed_where_they_are_not_kept() {
        let mut arena = Arena::default();
        let marks: Vec<Expression> = (0..3).map(|index| arena.cell(Source::Fixed(index), 0)).collect();
        let step = marks
            .iter()
            .zip(2..)
            .fold(Expression::zero(), |sum, (mark, factor)| arena.add(&sum, mark, Fr::from(factor)));
        let before = arena.cell(Source::Advice(0), -1);
        let stepped = arena.multiply(&step, &before);
        for (keeps_fixed, expected) in [(true, vec![]), (false, vec![3])] {
            let mut forms = Forms::default();
            Finder { arena: &mut arena, forms: &mut forms, cosets: 4, k: 17, keeps_fixed }.replace(&stepped);
            assert_eq!(forms.0.iter().map(Vec::len).collect::<Vec<_>>(), expected);
        }
    }
}
