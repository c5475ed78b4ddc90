//! An expression as a flat list of operations on blocks of rows.
//!
//! Values on a coset are in bit-reversed order, so that a block holds rows that are equally far from each other; another
//! row's cells are another block, in the same order. Only where a rotation leaves the grid are they gathered.

use std::collections::HashMap;

use ff::Field;
use halo2curves::bn256::Fr;
use rayon::prelude::*;

use crate::core::domain::reversed;
use crate::core::expression::{Arena, Cell, CellId, Expression, Id};

/// Logarithm of the rows of a block: operands of an operation stay in the cache.
const BLOCK_BITS: u32 = 6;
/// Blocks to a task.
const TASK: usize = 16;

#[derive(Clone, Copy, Debug)]
enum Operand {
    Register(usize),
    Cell(CellId),
}

/// An operation on a register.
#[derive(Clone, Copy, Debug)]
enum Operation {
    Set(Fr),
    Add(CellId),
    Subtract(CellId),
    AddScaled(CellId, Fr),
    AddProduct(Operand, Operand),
    SubtractProduct(Operand, Operand),
    AddScaledProduct(Operand, Operand, Fr),
}

/// Operations in order, each with the register that it changes.
#[derive(Debug)]
pub(super) struct Program {
    operations: Vec<(usize, Operation)>,
    /// The cells that are read, by their places in the operations.
    pub(super) cells: Vec<Cell>,
    registers: usize,
    result: usize,
}

impl Program {
    pub(super) fn of(arena: &Arena, root: &Expression) -> Self {
        let mut compiler = Compiler::new(arena, root);
        let result = compiler.expression(root);
        let Compiler { operations, cells, registers, .. } = compiler;
        Self { operations, cells, registers, result }
    }

    /// Products that the program takes on a row.
    pub(super) fn products(&self) -> usize {
        let of = |operation: &Operation| match operation {
            Operation::Set(_) | Operation::Add(_) | Operation::Subtract(_) => 0,
            Operation::AddScaled(..) | Operation::AddProduct(..) | Operation::SubtractProduct(..) => 1,
            Operation::AddScaledProduct(..) => 2,
        };
        self.operations.iter().map(|(_, operation)| of(operation)).sum()
    }

    /// Adds the program's values on a coset, on all threads; `columns` has the column of each cell.
    pub(super) fn run(&self, columns: &[&[Fr]], out: &mut [Fr]) {
        let block = out.len().min(1 << BLOCK_BITS);
        out.par_chunks_mut(block * TASK).enumerate().for_each(|(task, out)| {
            let mut space = Space::new(self, block);
            for (place, out) in out.chunks_mut(block).enumerate() {
                space.run(self, columns, task * TASK + place);
                add(out, &space.registers[self.result * block..][..block]);
            }
        });
    }
}

/// Registers of a block, and the cells that had to be gathered.
struct Space {
    block: usize,
    registers: Vec<Fr>,
    product: Vec<Fr>,
    gathered: Vec<Vec<Fr>>,
}

/// Where a cell's values are.
#[derive(Clone, Copy)]
enum Values<'a> {
    Column(&'a [Fr]),
    Gathered(usize),
}

impl Space {
    fn new(program: &Program, block: usize) -> Self {
        let registers = vec![Fr::ZERO; program.registers * block];
        Self { block, registers, product: vec![Fr::ZERO; block], gathered: Vec::new() }
    }

    fn run(&mut self, program: &Program, columns: &[&[Fr]], place: usize) {
        self.gathered.clear();
        let cells = program.cells.iter().zip(columns);
        let cells: Vec<Values<'_>> = cells.map(|(cell, column)| self.cell(column, cell.rotation, place)).collect();
        for (register, operation) in &program.operations {
            self.apply(*register, operation, &cells);
        }
    }

    /// A block of a rotated column: rows `first`, `first + blocks`, `first + 2 * blocks`, ... moved by `rotation`.
    fn cell<'a>(&mut self, column: &'a [Fr], rotation: i32, place: usize) -> Values<'a> {
        let blocks = column.len() / self.block;
        let bits = blocks.trailing_zeros();
        let row = reversed(place, bits) as i64 + i64::from(rotation);
        let (turns, first) = (row.div_euclid(blocks as i64), row.rem_euclid(blocks as i64) as usize);
        let values = &column[reversed(first, bits) * self.block..][..self.block];
        if turns == 0 {
            return Values::Column(values);
        }
        let bits = self.block.trailing_zeros();
        let moved = |place: usize| (reversed(place, bits) as i64 + turns).rem_euclid(self.block as i64) as usize;
        self.gathered.push((0..self.block).map(|place| values[reversed(moved(place), bits)]).collect());
        Values::Gathered(self.gathered.len() - 1)
    }

    fn apply(&mut self, register: usize, operation: &Operation, cells: &[Values<'_>]) {
        let Self { block, registers, product, gathered } = self;
        let cell = |id: CellId| match cells[id as usize] {
            Values::Column(values) => values,
            Values::Gathered(place) => gathered[place].as_slice(),
        };
        if let Operation::AddProduct(a, b)
        | Operation::SubtractProduct(a, b)
        | Operation::AddScaledProduct(a, b, _) = operation
        {
            let operand = |operand: &Operand| match operand {
                Operand::Register(register) => &registers[register * *block..][..*block],
                Operand::Cell(id) => cell(*id),
            };
            let factors = operand(a).iter().zip(operand(b));
            product.iter_mut().zip(factors).for_each(|(product, (a, b))| *product = a * b);
        }
        let target = &mut registers[register * *block..][..*block];
        match operation {
            Operation::Set(constant) => target.fill(*constant),
            Operation::Add(id) => add(target, cell(*id)),
            Operation::Subtract(id) => subtract(target, cell(*id)),
            Operation::AddScaled(id, factor) => add_scaled(target, cell(*id), *factor),
            Operation::AddProduct(..) => add(target, product),
            Operation::SubtractProduct(..) => subtract(target, product),
            Operation::AddScaledProduct(_, _, factor) => add_scaled(target, product, *factor),
        }
    }
}

fn add(target: &mut [Fr], values: &[Fr]) {
    target.iter_mut().zip(values).for_each(|(target, value)| *target += value);
}

fn subtract(target: &mut [Fr], values: &[Fr]) {
    target.iter_mut().zip(values).for_each(|(target, value)| *target -= value);
}

fn add_scaled(target: &mut [Fr], values: &[Fr], factor: Fr) {
    target.iter_mut().zip(values).for_each(|(target, value)| *target += *value * factor);
}

/// Assigns registers: one is free again after the last use of what it holds.
struct Compiler<'a> {
    arena: &'a Arena,
    uses: Vec<u32>,
    held: HashMap<Id, usize>,
    free: Vec<usize>,
    registers: usize,
    operations: Vec<(usize, Operation)>,
    cells: Vec<Cell>,
    places: HashMap<CellId, CellId>,
}

impl<'a> Compiler<'a> {
    fn new(arena: &'a Arena, root: &Expression) -> Self {
        let mut uses = vec![0; arena.len()];
        let mut waiting = root.children();
        while let Some(id) = waiting.pop() {
            uses[id as usize] += 1;
            if uses[id as usize] == 1 {
                waiting.extend(arena.get(id).children());
            }
        }
        Self {
            arena,
            uses,
            held: HashMap::new(),
            free: Vec::new(),
            registers: 0,
            operations: Vec::new(),
            cells: Vec::new(),
            places: HashMap::new(),
        }
    }

    /// The place of a cell among those that are read.
    fn cell(&mut self, id: CellId) -> CellId {
        let next = self.cells.len() as CellId;
        let place = *self.places.entry(id).or_insert(next);
        if place == next {
            self.cells.push(self.arena.cells()[id as usize]);
        }
        place
    }

    fn allocate(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.registers += 1;
            self.registers - 1
        })
    }

    fn release(&mut self, id: Id) {
        self.uses[id as usize] -= 1;
        if self.uses[id as usize] == 0
            && let Some(register) = self.held.remove(&id)
        {
            self.free.push(register);
        }
    }

    /// Where an expression's value is; it is computed on the first use.
    fn operand(&mut self, id: Id) -> Operand {
        let arena = self.arena;
        let expression = arena.get(id);
        if let Some((cell, factor)) = expression.as_cell()
            && factor == Fr::ONE
        {
            return Operand::Cell(self.cell(cell));
        }
        if let Some(register) = self.held.get(&id) {
            return Operand::Register(*register);
        }
        let register = self.expression(expression);
        self.held.insert(id, register);
        Operand::Register(register)
    }

    fn expression(&mut self, expression: &Expression) -> usize {
        let register = self.allocate();
        self.operations.push((register, Operation::Set(expression.constant)));
        for &(cell, factor) in &expression.cells {
            let cell = self.cell(cell);
            self.operations.push((register, scaled(cell, factor)));
        }
        for &((a, b), factor) in &expression.products {
            let (left, right) = (self.operand(a), self.operand(b));
            self.operations.push((register, scaled_product(left, right, factor)));
            self.release(a);
            self.release(b);
        }
        for &(cell, inner) in &expression.switched {
            let (value, switch) = (self.operand(inner), Operand::Cell(self.cell(cell)));
            self.operations.push((register, Operation::AddProduct(switch, value)));
            self.release(inner);
        }
        register
    }
}

fn scaled(cell: CellId, factor: Fr) -> Operation {
    if factor == Fr::ONE {
        Operation::Add(cell)
    } else if factor == -Fr::ONE {
        Operation::Subtract(cell)
    } else {
        Operation::AddScaled(cell, factor)
    }
}

fn scaled_product(a: Operand, b: Operand, factor: Fr) -> Operation {
    if factor == Fr::ONE {
        Operation::AddProduct(a, b)
    } else if factor == -Fr::ONE {
        Operation::SubtractProduct(a, b)
    } else {
        Operation::AddScaledProduct(a, b, factor)
    }
}
