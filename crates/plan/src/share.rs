//! Who takes how much of the grid: advice cells and lookups by layer.
//!
//! Columns are shared by all layers, so that a layer has no time of its own; its share of the cells is what stands for it.

use serde::{Deserialize, Serialize};

use crate::direct::{Direct, Gadget};
use crate::layout::Layout;
use crate::plan::Plan;
use crate::streams::{Content, Home, Streams, Strips};

/// A part of the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Part {
    /// The model's input.
    Input,
    /// The layer at this place of the quantised graph.
    Layer(usize),
    /// Constants that biases are multiplied by.
    Constants,
    /// Multiplicities of the tables, and running sums of the lookups.
    Lookups,
    /// Nothing.
    Idle,
}

/// What one part takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The part.
    pub part: Part,
    /// Advice cells.
    pub cells: usize,
    /// Lookups.
    pub lookups: usize,
}

impl Plan {
    /// Advice cells on the grid.
    pub fn cells(&self) -> usize {
        (self.shape.small_advice + self.shape.wide_advice) << self.shape.k
    }

    /// What every part of the grid takes; cells add up to all of it.
    pub fn shares(&self) -> Vec<Share> {
        let mut shares = match &self.layout {
            Layout::Streams(layout) => self.stream_shares(layout),
            Layout::Direct(layout) => direct_shares(layout),
        };
        let taken: usize = shares.iter().map(|share| share.cells).sum();
        shares.push(Share { part: Part::Idle, cells: self.cells().saturating_sub(taken), lookups: 0 });
        shares
    }

    /// A home's lanes and its rows of both evaluations; a fact's weights and its rows of the weights' evaluation, the
    /// operand and the scalar sum.
    fn stream_shares(&self, layout: &Streams) -> Vec<Share> {
        let knobs = &layout.knobs;
        let cells = 2 + knobs.remainders();
        let strips = Strips::of(layout);
        let weights = strips.weights.count + strips.folded.count + strips.folded_input.count;
        let home_share = |home: &Home| Share {
            part: part_of(home.content),
            cells: home.rows() * (knobs.lanes * cells + 2),
            lookups: if home.is_looked_up() { home.shape.len() * (cells - 1) } else { 0 },
        };
        let mut shares: Vec<Share> = Vec::new();
        for share in layout.homes.iter().map(home_share) {
            add(&mut shares, share);
        }
        for fact in layout.all_facts() {
            let part = layout.homes.get(fact.output).map_or(Part::Constants, |home| part_of(home.content));
            let rows = fact.len();
            let lookups = rows * layout.private_weight_lookups();
            add(&mut shares, Share { part, cells: rows * (weights + 3), lookups });
        }
        let sums = layout.lookup_chunk().map_or(0, |chunk| self.shape.lookups.div_ceil(chunk));
        let multiplicities = if sums > 0 { self.shape.table_entries } else { 0 };
        let cells = multiplicities + sums * layout.usable_rows();
        add(&mut shares, Share { part: Part::Lookups, cells, lookups: 0 });
        shares.sort_by_key(|share| share.part);
        shares
    }
}

fn direct_shares(layout: &Direct) -> Vec<Share> {
    let mut looks = vec![0; layout.rows];
    layout.walk(&mut |row, gadget, _| {
        looks[row] = if matches!(gadget, Gadget::Look { .. }) { 2 * layout.knobs.slots } else { 0 };
    });
    let starts = layout.layers.iter().map(|layer| layer.row);
    let ends = starts.clone().skip(1).chain([layout.rows]);
    let layers = layout.layers.iter().zip(starts.zip(ends)).map(|(layer, range)| (Part::Layer(layer.node), range));
    let input = (Part::Input, (0, layout.layers.first().map_or(layout.rows, |layer| layer.row)));
    std::iter::once(input)
        .chain(layers)
        .map(|(part, (from, to))| Share {
            part,
            cells: (to - from) * layout.knobs.columns,
            lookups: looks[from..to].iter().sum(),
        })
        .collect()
}

fn part_of(content: Content) -> Part {
    match content {
        Content::Ones => Part::Constants,
        Content::Input => Part::Input,
        Content::Layer(place) => Part::Layer(place),
    }
}

fn add(shares: &mut Vec<Share>, share: Share) {
    match shares.iter_mut().find(|other| other.part == share.part) {
        Some(other) => {
            other.cells += share.cells;
            other.lookups += share.lookups;
        }
        None => shares.push(share),
    }
}
