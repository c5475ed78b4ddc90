//! The checks can fail: a fixed cell or a copy that is changed is noticed.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

#[path = "../../circuit/tests/nets/mod.rs"]
mod nets;
mod plans;

use nets::Numbers;
use plans::random_plan;
use rayon::prelude::*;
use zklayout_circuit::Grid;
use zklayout_circuit::streams::FixedGrid;
use zklayout_independent::{check_symbolic, check_tables};
use zklayout_model::{Fixed, Graph};
use zklayout_plan::{Content, FactTerm, Plan, Streams};

/// Changes one fixed cell; false if there is none of the kind.
type Corruption = fn(&Streams, &mut FixedGrid, &mut Numbers) -> bool;

fn pick<T: Copy>(all: &[T], numbers: &mut Numbers) -> Option<T> {
    all.get(numbers.below(all.len().max(1))).copied()
}

/// Rows of each phase of each plane that hold results of a layer, with the lanes that hold values.
fn planes(layout: &Streams, grid: &FixedGrid) -> Vec<Vec<(usize, usize)>> {
    let columns = &grid.columns;
    let live = |row: usize| match columns.public_accumulators {
        Some(public) if grid.cells[public][row] != 0 => 1,
        _ => columns.masks.iter().filter(|mask| grid.cells[**mask][row] != 0).count(),
    };
    let produced = layout.homes.iter().filter(|home| matches!(home.content, Content::Layer(_)));
    let planes = produced.flat_map(|home| {
        let rows = home.phase_rows();
        let phases = home.shape.channels * home.phases();
        (0..phases).map(move |phase| home.row + phase * rows..home.row + phase * rows + home.tiles)
    });
    planes.map(|rows| rows.map(|row| (row, live(row))).collect()).collect()
}

/// Marks on rows that hold at least so many values.
fn marks(layout: &Streams, grid: &FixedGrid, columns: &[usize], values: usize) -> Vec<(usize, usize)> {
    let rows = planes(layout, grid).into_iter().flatten().filter(|(_, live)| *live >= values);
    let rows: Vec<usize> = rows.map(|(row, _)| row).collect();
    let cells = columns.iter().flat_map(|&column| rows.iter().map(move |&row| (column, row)));
    cells.filter(|&(column, row)| grid.cells[column][row] != 0).collect()
}

/// Steps from rows with values to rows with values.
fn steps(layout: &Streams, grid: &FixedGrid, columns: &[usize]) -> Vec<(usize, usize)> {
    let between = planes(layout, grid).into_iter().flat_map(|rows| {
        let first = rows.iter().position(|(_, live)| *live > 0);
        let last = rows.iter().rposition(|(_, live)| *live > 0);
        let inner = first.zip(last).map_or(0..0, |(first, last)| first + 1..last + 1);
        rows[inner].to_vec()
    });
    let rows: Vec<usize> = between.map(|(row, _)| row).collect();
    let cells = columns.iter().flat_map(|&column| rows.iter().map(move |&row| (column, row)));
    cells.filter(|&(column, row)| grid.cells[column][row] != 0).collect()
}

/// Whether no layer is a move, which may leave the first rows of a tensor unread.
fn reads_all(layout: &Streams) -> bool {
    let kernel = |term: &FactTerm| matches!(term, FactTerm::Kernel(_));
    layout.facts.iter().all(|fact| fact.terms.iter().any(kernel))
}

/// Whether every output meets a value of what its kernel reads: one that meets only padding is the bias, wherever it is.
fn reads_values(graph: &Graph<Fixed>) -> bool {
    let meets = |outputs: usize, stride: usize, kernel: usize, before: usize, size: usize| {
        (0..outputs)
            .all(|at| (at * stride..at * stride + kernel).any(|place| (before..before + size).contains(&place)))
    };
    graph.nodes().all(|(_, node)| match node {
        Fixed::Layer(layer) => layer.kernel().is_none_or(|kernel| {
            let ((kh, kw), read, out) = (kernel.size(), kernel.pooled(), layer.output);
            meets(out.height, kernel.stride, kh, kernel.padding.top, read.height)
                && meets(out.width, kernel.stride, kw, kernel.padding.left, read.width)
        }),
        Fixed::Input(_) => true,
    })
}

/// Cells of some columns that are not 0.
fn used(grid: &FixedGrid, columns: &[usize]) -> Vec<(usize, usize)> {
    let rows = 0..grid.cells[0].len();
    let cells = columns.iter().flat_map(|&column| rows.clone().map(move |row| (column, row)));
    cells.filter(|&(column, row)| grid.cells[column][row] != 0).collect()
}

fn clear(grid: &mut FixedGrid, cell: Option<(usize, usize)>) -> bool {
    cell.map(|(column, row)| grid.cells[column][row] = 0).is_some()
}

/// Moves a cell to another of its columns.
fn shift(grid: &mut FixedGrid, cell: Option<(usize, usize)>, columns: &[usize], numbers: &mut Numbers) -> bool {
    let Some((column, row)) = cell else { return false };
    let others: Vec<usize> = columns.iter().copied().filter(|other| *other != column).collect();
    let Some(other) = pick(&others, numbers) else { return false };
    grid.cells[other][row] = std::mem::take(&mut grid.cells[column][row]);
    true
}

fn raise(grid: &mut FixedGrid, cell: Option<(usize, usize)>) -> bool {
    cell.map(|(column, row)| grid.cells[column][row] += 1).is_some()
}

/// One in so many corruptions may touch nothing that a live output reads.
const MOST_HARMLESS: usize = 8;

/// What is corrupted, nearly always where it matters: padding may lie anywhere.
const CORRUPTIONS: [(&str, Corruption); 20] = [
    ("a producer's step that is missing", |layout, grid, numbers| {
        let cell = pick(&steps(layout, grid, &grid.columns.write_steps), numbers);
        clear(grid, cell)
    }),
    ("a producer's step that is another", |layout, grid, numbers| {
        let columns = grid.columns.write_steps.clone();
        let cell = pick(&steps(layout, grid, &columns), numbers);
        shift(grid, cell, &columns, numbers)
    }),
    ("a producer's tile that is another", |layout, grid, numbers| {
        let columns = grid.columns.write_tiles.clone();
        let cell = pick(&marks(layout, grid, &columns, 2), numbers);
        shift(grid, cell, &columns, numbers)
    }),
    ("a consumer's step that is missing", |layout, grid, numbers| {
        let cell = pick(&steps(layout, grid, &grid.columns.read_steps), numbers);
        reads_all(layout) && clear(grid, cell)
    }),
    ("a consumer's step that is another", |layout, grid, numbers| {
        let columns = grid.columns.read_steps.clone();
        let cell = pick(&steps(layout, grid, &columns), numbers);
        reads_all(layout) && shift(grid, cell, &columns, numbers)
    }),
    ("a consumer's window that is missing", |layout, grid, numbers| {
        let cell = pick(&marks(layout, grid, &grid.columns.read_sums, 2), numbers);
        clear(grid, cell)
    }),
    ("a weight's step that is missing", |_, grid, numbers| {
        let cell = pick(&used(grid, &grid.columns.weight_steps), numbers);
        clear(grid, cell)
    }),
    ("a weight's step that is another", |_, grid, numbers| {
        let columns = grid.columns.weight_steps.clone();
        let cell = pick(&used(grid, &columns), numbers);
        shift(grid, cell, &columns, numbers)
    }),
    ("a skip in another power's column", |_, grid, numbers| {
        let columns = grid.columns.skips.clone();
        let cell = pick(&used(grid, &columns), numbers);
        shift(grid, cell, &columns, numbers)
    }),
    ("a skip's factor", |_, grid, numbers| {
        let cell = pick(&used(grid, &grid.columns.skips), numbers);
        raise(grid, cell)
    }),
    ("a product that is not taken", |_, grid, numbers| {
        let cell = pick(&used(grid, &[grid.columns.product]), numbers);
        clear(grid, cell)
    }),
    ("an output that is not raised", |_, grid, numbers| {
        // The first output of a sum raises nothing.
        let rows: Vec<usize> = used(grid, &[grid.columns.output]).into_iter().map(|(_, row)| row).collect();
        let closed =
            |rows: &[usize]| grid.cells[grid.columns.closes][rows[0] + 1..=rows[1]].iter().any(|cell| *cell != 0);
        let later: Vec<usize> = rows.windows(2).filter(|rows| !closed(rows)).map(|rows| rows[1]).collect();
        let cell = pick(&later, numbers).map(|row| (grid.columns.output, row));
        clear(grid, cell)
    }),
    ("a layer's sum that stays open", |layout, grid, _| {
        let next = layout.facts.get(1).map(|fact| (grid.columns.closes, fact.row));
        clear(grid, next)
    }),
    ("a copy of the row before", |_, grid, numbers| {
        let place = numbers.below(grid.copies.len());
        let copy = &mut grid.copies[place];
        let before = copy.source_row.checked_sub(1);
        before.map(|row| copy.source_row = row).is_some()
    }),
    ("an operand that is no copy", |_, grid, numbers| {
        // The offset 0 needs none.
        let needed = |grid: &FixedGrid, row: usize| {
            let columns = [vec![grid.columns.output, grid.columns.product], grid.columns.skips.clone()].concat();
            columns.into_iter().any(|column| grid.cells[column][row] != 0)
        };
        let places: Vec<usize> =
            (0..grid.copies.len()).filter(|place| needed(grid, grid.copies[*place].operand_row)).collect();
        pick(&places, numbers).map(|place| grid.copies.remove(place)).is_some()
    }),
    ("a value that is masked", |layout, grid, numbers| {
        let cell = pick(&marks(layout, grid, &grid.columns.masks, 1), numbers);
        clear(grid, cell)
    }),
    ("a divisor", |layout, grid, numbers| {
        let columns: Vec<usize> = grid.columns.divisor.into_iter().collect();
        let masks: Vec<(usize, usize)> = marks(layout, grid, &grid.columns.masks, 1);
        let row = pick(&masks, numbers).map(|(_, row)| row);
        raise(grid, columns.first().copied().zip(row))
    }),
    ("a value's tag", |layout, grid, numbers| {
        let row = pick(&marks(layout, grid, &grid.columns.masks, 1), numbers).map(|(_, row)| row);
        raise(grid, Some(grid.columns.tag).zip(row))
    }),
    ("a scale", |_, grid, numbers| {
        let place = numbers.below(grid.ratios.len().max(1));
        let used = |ratio: i64| ratio != 0;
        match grid.ratios.get_mut(place) {
            Some(ratio) if used(ratio.numerator) => {
                ratio.numerator += 1;
                true
            }
            _ => false,
        }
    }),
    ("a fixed weight", |_, grid, numbers| {
        let cell = pick(&used(grid, &grid.columns.weights), numbers);
        raise(grid, cell)
    }),
];

fn objects(plan: &Plan, graph: &Graph<Fixed>, grid: FixedGrid) -> Option<String> {
    let grid = Grid::Streams(Box::new(grid));
    let symbolic = check_symbolic(plan, graph, &grid).err();
    symbolic.or_else(|| check_tables(plan, graph, &grid).err()).map(|objection| objection.to_string())
}

fn laid_out(index: u64) -> (Graph<Fixed>, Plan, FixedGrid) {
    let (graph, plan) = random_plan(index);
    let Grid::Streams(grid) = Grid::of(&plan, &graph).unwrap() else { panic!("another family") };
    (graph, plan, *grid)
}

#[test]
fn corrupted_cells_are_noticed() {
    let circuits = (10_000..10_060u64).into_par_iter().map(laid_out);
    let circuits: Vec<_> = circuits.filter(|(graph, ..)| reads_values(graph)).collect();
    assert!(circuits.len() > 25, "only {} circuits", circuits.len());
    let results: Vec<_> = CORRUPTIONS
        .par_iter()
        .map(|(what, corrupt)| {
            let mut numbers = Numbers::new(3);
            let (mut tried, mut missed, mut reason) = (0, Vec::new(), String::new());
            for (index, (graph, plan, grid)) in circuits.iter().enumerate() {
                let (layout, mut other) = (plan.layout.as_streams().unwrap(), grid.clone());
                if corrupt(layout, &mut other, &mut numbers) {
                    tried += 1;
                    match objects(plan, graph, other) {
                        Some(found) => reason = found,
                        None => missed.push(index),
                    }
                }
            }
            println!("{what}: {tried} tried, missed {missed:?}; for example: {reason}");
            (what, tried, missed)
        })
        .collect();
    for (what, tried, missed) in results {
        assert!(tried > 0, "no circuit has {what}");
        // What meets only padding may be anything: a tap that no output reads, a step before values that are biases alone.
        assert!(MOST_HARMLESS * missed.len() <= tried, "{what} was missed in {missed:?} of {tried}");
    }
}

/// Another value beside a quotient that some accumulator has.
#[test]
fn corrupted_table_entries_are_noticed() {
    let (mut tried, mut noticed) = (0, 0);
    for index in 10_000..10_030u64 {
        let (graph, plan, grid) = laid_out(index);
        let layout = plan.layout.as_streams().unwrap();
        let looked_up =
            |tag: i64| layout.tables.iter().skip(1).any(|table| table.tag as i64 == tag && tag >= 1 << 32);
        let cells: Vec<(usize, usize)> = grid
            .columns
            .tables
            .iter()
            .flat_map(|[tag, _, values]| {
                let rows = grid.cells[*tag].iter().enumerate().filter(|(_, tag)| looked_up(**tag));
                rows.map(|(row, _)| (*values, row))
            })
            .collect();
        let mut numbers = Numbers::new(index);
        for _ in 0..3 {
            let mut other = grid.clone();
            raise(&mut other, pick(&cells, &mut numbers));
            tried += 1;
            noticed += usize::from(objects(&plan, &graph, other).is_some());
        }
    }
    println!("{noticed} of {tried} table entries were noticed");
    // Entries that no accumulator falls on state nothing.
    assert!(noticed * 10 >= tried * 9);
}
