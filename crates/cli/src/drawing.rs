//! The grid of a plan as an SVG: columns by rows, one hue per layer, one shade per kind of cell.
//!
//! It draws what the plan states and knows no circuit.

use std::fmt::Write;

use zklayout::Plan;
use zklayout::graph::{Fixed, Graph};
use zklayout::plan::{Content, Direct, Layout, Streams, WeightMode};

/// Pixels of the grid.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 760.0;
/// Pixels around it, and of a line of the legend.
const MARGIN: f64 = 50.0;
const LEGEND: f64 = 260.0;
const LINE: f64 = 18.0;

/// A rectangle of cells.
struct Block {
    column: usize,
    columns: usize,
    row: usize,
    rows: usize,
    colour: String,
}

/// A group of neighbouring columns.
struct Group {
    name: &'static str,
    columns: usize,
}

/// Draws a plan.
pub(crate) fn draw(graph: &Graph<Fixed>, plan: &Plan, title: &str) -> String {
    let (groups, blocks) = match &plan.layout {
        Layout::Streams(layout) => streams(plan, layout),
        Layout::Direct(layout) => direct(plan, layout),
    };
    let columns: usize = groups.iter().map(|group| group.columns).sum();
    let scale = (WIDTH / columns.max(1) as f64, HEIGHT / f64::powi(2.0, plan.k() as i32));
    let names: Vec<&str> = graph.nodes().map(|(_, node)| name(node)).collect();
    let height = (HEIGHT + 2.0 * MARGIN).max(MARGIN + LINE * (names.len() + 2) as f64);
    let mut svg = String::new();
    let width = WIDTH + LEGEND + 2.0 * MARGIN;
    let _ = writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">"#
    );
    let counts = format!("{title}: {columns} columns by 2^{} rows", plan.k());
    let _ = writeln!(svg, r#"<text x="{MARGIN}" y="20" font-size="15">{}</text>"#, escape(&counts));
    let _ = writeln!(
        svg,
        r##"<rect x="{MARGIN}" y="{MARGIN}" width="{WIDTH}" height="{HEIGHT}" fill="#f2f2f2" stroke="#888"/>"##
    );
    for block in &blocks {
        rectangle(&mut svg, block, scale);
    }
    headings(&mut svg, &groups, scale.0);
    legend(&mut svg, &names);
    svg.push_str("</svg>\n");
    svg
}

fn rectangle(svg: &mut String, block: &Block, (x, y): (f64, f64)) {
    let _ = writeln!(
        svg,
        r#"<rect x="{:.2}" y="{:.2}" width="{:.2}" height="{:.2}" fill="{}"/>"#,
        MARGIN + block.column as f64 * x,
        MARGIN + block.row as f64 * y,
        block.columns as f64 * x,
        block.rows as f64 * y,
        block.colour
    );
}

fn headings(svg: &mut String, groups: &[Group], scale: f64) {
    let mut column = 0;
    for (index, group) in groups.iter().enumerate() {
        let x = MARGIN + column as f64 * scale;
        // Neighbours alternate in height, so that narrow groups stay legible.
        let y = MARGIN - 6.0 - 12.0 * (index % 2) as f64;
        let _ = writeln!(svg, r#"<text x="{x:.1}" y="{y}">{}</text>"#, group.name);
        let bottom = MARGIN + HEIGHT;
        let _ = writeln!(svg, r##"<path d="M{x:.1} {MARGIN}V{bottom}" stroke="#888"/>"##);
        column += group.columns;
    }
}

fn legend(svg: &mut String, names: &[&str]) {
    let x = WIDTH + 1.5 * MARGIN;
    for (place, name) in names.iter().enumerate() {
        let y = MARGIN + LINE * place as f64;
        let colour = hue(place, 50);
        let _ = writeln!(svg, r#"<rect x="{x}" y="{y}" width="12" height="12" fill="{colour}"/>"#);
        let _ = writeln!(svg, r#"<text x="{}" y="{}" class="layer">{}</text>"#, x + 18.0, y + 10.0, escape(name));
    }
}

fn streams(plan: &Plan, layout: &Streams) -> (Vec<Group>, Vec<Block>) {
    let (knobs, shape) = (&layout.knobs, &plan.shape);
    let private = layout.visibility.weights == WeightMode::Private;
    let weights = if private { knobs.weight_lanes } else { 0 };
    let remainders = knobs.remainders() * knobs.lanes;
    let multiplicities = shape.small_advice - 2 * knobs.lanes - remainders - weights;
    let groups = [
        ("quotients", knobs.lanes),
        ("remainders", remainders),
        ("values", knobs.lanes),
        ("weights", weights),
        ("counts", multiplicities),
        ("read, write", 2),
        ("scalars", 3),
        ("sums", shape.wide_advice - 5),
        ("fixed", shape.fixed),
    ];
    let starts: Vec<usize> =
        groups.iter().scan(0, |at, (_, columns)| Some(std::mem::replace(at, *at + columns))).collect();
    let mut blocks = Vec::new();
    let mut add = |group: usize, row: usize, rows: usize, colour: String| {
        let (column, columns) = (starts[group], groups[group].1);
        blocks.push(Block { column, columns, row, rows, colour });
    };
    for home in &layout.homes {
        let Some(place) = place(home.content) else { continue };
        for (group, light) in [(0, 62), (1, 74), (2, 50), (5, 40)] {
            add(group, home.row, home.rows(), hue(place, light));
        }
    }
    for fact in &layout.facts {
        for (group, light) in [(3, 58), (6, 36)] {
            add(group, fact.row, fact.len(), hue(fact.layer, light));
        }
    }
    add(4, 0, shape.table_entries.div_ceil(knobs.table_columns), "#999".into());
    add(7, 0, shape.usable_rows(), "#bbb".into());
    add(8, 0, shape.usable_rows(), "#ddd".into());
    (groups.into_iter().map(|(name, columns)| Group { name, columns }).collect(), blocks)
}

fn direct(plan: &Plan, layout: &Direct) -> (Vec<Group>, Vec<Block>) {
    let columns = layout.knobs.columns;
    let first = layout.layers.first().map_or(layout.rows, |layer| layer.row);
    let mut blocks = vec![Block { column: 0, columns, row: 0, rows: first, colour: hue(0, 50) }];
    let ends = layout.layers.iter().skip(1).map(|layer| layer.row).chain([layout.rows]);
    for (layer, end) in layout.layers.iter().zip(ends) {
        let (row, rows) = (layer.row, end - layer.row);
        blocks.push(Block { column: 0, columns, row, rows, colour: hue(layer.node, 50) });
    }
    let (fixed, rows) = (plan.shape.fixed, plan.shape.usable_rows());
    blocks.push(Block { column: columns, columns: fixed, row: 0, rows, colour: "#ddd".into() });
    (vec![Group { name: "gadgets", columns }, Group { name: "fixed", columns: fixed }], blocks)
}

fn place(content: Content) -> Option<usize> {
    match content {
        Content::Ones => None,
        Content::Input => Some(0),
        Content::Layer(place) => Some(place),
    }
}

fn name(node: &Fixed) -> &str {
    match node {
        Fixed::Input(_) => "input",
        Fixed::Layer(layer) => &layer.name,
    }
}

/// The colour of a node; the golden angle keeps neighbours apart.
fn hue(place: usize, light: u32) -> String {
    format!("hsl({:.0},65%,{light}%)", (place as f64 * 137.508) % 360.0)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
