//! What a plan becomes before halo2 sees it, whatever its family: fixed cells, witness cells, public cells.

use halo2_proofs::plonk::Error;
use zklayout_model::{Fixed, Graph, Trace};
use zklayout_plan::{Layout, Plan};

use crate::direct::{self, Numbers};
use crate::error::CircuitError;
use crate::streams::{self, WeightTape};

/// Every fixed cell and copy of a plan.
#[derive(Clone, Debug)]
pub enum Grid {
    /// Of the family `streams`.
    Streams(Box<streams::FixedGrid>),
    /// Of the family `direct`.
    Direct(Box<direct::FixedGrid>),
}

/// Every cell that is committed before any challenge.
#[derive(Clone, Debug)]
pub enum Witness {
    /// Of the family `streams`.
    Streams(streams::Witness),
    /// Of the family `direct`.
    Direct(direct::Witness),
}

/// What the fixed cells of a plan take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GridCounts {
    /// Copy constraints.
    pub copies: usize,
    /// Rows of the activation tape, or of the whole grid.
    pub activation_rows: usize,
    /// Rows of the weight tape.
    pub weight_rows: usize,
    /// Table entries that were placed.
    pub table_entries: usize,
}

impl Grid {
    /// Lays out a plan. Fixed weights are taken from `graph`.
    ///
    /// # Errors
    /// A plan whose parts do not fit its own number of rows, or a plan of another graph.
    pub fn of(plan: &Plan, graph: &Graph<Fixed>) -> Result<Self, CircuitError> {
        match &plan.layout {
            Layout::Streams(layout) => {
                let grid = streams::FixedGrid::of(layout, &WeightTape::of(layout, graph)?)?;
                Ok(Self::Streams(Box::new(grid)))
            }
            Layout::Direct(layout) => {
                let grid = direct::FixedGrid::of(layout, &Numbers::of(layout, graph)?)?;
                Ok(Self::Direct(Box::new(grid)))
            }
        }
    }

    /// What was placed.
    pub fn counts(&self) -> GridCounts {
        match self {
            Self::Streams(grid) => GridCounts {
                copies: grid.copies.len(),
                activation_rows: grid.activation_rows,
                weight_rows: grid.weight_rows,
                table_entries: grid.table_entries,
            },
            Self::Direct(grid) => GridCounts {
                copies: grid.copies.len() + grid.public.len(),
                activation_rows: grid.rows,
                weight_rows: 0,
                table_entries: grid.table_entries,
            },
        }
    }

    /// Whether `graph` has the weights that the grid fixes.
    ///
    /// # Errors
    /// A plan of another graph.
    pub fn fixes_weights_of(&self, plan: &Plan, graph: &Graph<Fixed>) -> Result<bool, CircuitError> {
        match (self, &plan.layout) {
            (Self::Streams(grid), Layout::Streams(layout)) => {
                Ok(grid.fixes_weights(&WeightTape::of(layout, graph)?))
            }
            (Self::Direct(grid), Layout::Direct(layout)) => Ok(grid.fixes(&Numbers::of(layout, graph)?)),
            _ => Err(other_family()),
        }
    }
}

impl Witness {
    /// Places an execution.
    ///
    /// # Errors
    /// An execution that the plan's tables do not cover, or a plan of another model.
    pub fn of(plan: &Plan, graph: &Graph<Fixed>, trace: &Trace, grid: &Grid) -> Result<Self, CircuitError> {
        match (&plan.layout, grid) {
            (Layout::Streams(layout), Grid::Streams(grid)) => {
                Ok(Self::Streams(streams::Witness::of(layout, graph, trace, grid)?))
            }
            (Layout::Direct(layout), Grid::Direct(_)) => {
                Ok(Self::Direct(direct::Witness::of(layout, graph, trace)?))
            }
            _ => Err(other_family()),
        }
    }

    /// The witness, if it is of the family `streams`.
    pub(crate) fn as_streams(&self) -> Result<&streams::Witness, Error> {
        if let Self::Streams(witness) = self { Ok(witness) } else { Err(Error::Synthesis) }
    }

    /// The witness, if it is of the family `direct`.
    pub(crate) fn as_direct(&self) -> Result<&direct::Witness, Error> {
        if let Self::Direct(witness) = self { Ok(witness) } else { Err(Error::Synthesis) }
    }
}

fn other_family() -> CircuitError {
    CircuitError::Mismatch("the grid and the plan are of two families".into())
}

/// The instance columns of an execution.
///
/// `output` and `input` are integers in the tensors' own order; `input` is read only if the plan makes it public.
///
/// # Errors
/// A number of values other than the plan's.
pub fn instance_columns(plan: &Plan, output: &[i64], input: &[i64]) -> Result<Vec<Vec<i64>>, CircuitError> {
    match &plan.layout {
        Layout::Streams(layout) => streams::instance_columns(layout, plan.input_shape, output, input),
        Layout::Direct(layout) => direct::instance_columns(layout, output, input),
    }
}
