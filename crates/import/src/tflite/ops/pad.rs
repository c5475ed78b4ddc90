//! PAD and PADV2: a tensor that is moved within a larger one. What is around it stands for 0, which is the value 0.

use zklayout_model::{FixedActivation, Move, Planes};

use super::super::builder::{Builder, Place, Sum};
use super::super::operator::Operator;
use crate::error::ImportError;

pub(super) fn zero(operator: &Operator<'_>, builder: &mut Builder<'_>) -> Result<Place, ImportError> {
    let (source, input) = builder.source(operator, 0)?;
    operator.same_stored()?;
    let [rows, columns, channels] = around(operator)?;
    let extent = |size: usize, (before, after): (usize, usize)| size.saturating_add(before).saturating_add(after);
    let (height, width) = (extent(input.height, rows), extent(input.width, columns));
    let shape = Planes::new(extent(input.channels, channels), height, width);
    builder.check_room(operator, shape)?;
    let moved = |output: usize| output.checked_sub(channels.0).filter(|channel| *channel < input.channels);
    let channels = (shape.channels != input.channels).then(|| (0..shape.channels).map(moved).collect());
    let skip = Move { channels, offset: (-(rows.0 as i64), -(columns.0 as i64)), ..Move::plain(1) };
    let (activation, range) = (FixedActivation::none(), operator.input(0)?.range()?);
    builder.finish_sum(operator, Sum { terms: vec![(source, skip)], shape, activation, range })
}

/// With a constant that stands for 0.
pub(super) fn constant(operator: &Operator<'_>, builder: &mut Builder<'_>) -> Result<Place, ImportError> {
    let constant = operator.input(2)?;
    if constant.stored()? != operator.output.stored()? {
        return Err(operator.unsupported("its constant has another scale or zero point than its result"));
    }
    match constant.values()?.as_slice() {
        [0] => zero(operator, builder),
        found => Err(operator.unsupported(format!("its constant is {found:?}; expected one 0"))),
    }
}

/// Rows, columns and channels before and after the tensor.
fn around(operator: &Operator<'_>) -> Result<[(usize, usize); 3], ImportError> {
    let paddings = operator.input(1)?;
    let words = paddings.words()?;
    let refused =
        || operator.unsupported(format!("paddings {words:?}; expected four pairs, the first 0, none negative"));
    let sides: Option<Vec<usize>> = words.iter().map(|word| usize::try_from(*word).ok()).collect();
    match sides.ok_or_else(refused)?[..] {
        [0, 0, top, bottom, left, right, first, last] if operator.input(0)?.dims.len() == 4 => {
            Ok([(top, bottom), (left, right), (first, last)])
        }
        _ => Err(refused()),
    }
}
