//! Planes of other sizes.

use super::super::translation::{Translation, word};
use crate::error::ImportError;
use crate::tflite::operator::Operator;

pub(super) fn nearest(operator: &Operator<'_>, to: &mut Translation) -> Result<(), ImportError> {
    let options = operator.options(operator.table.builtin_options_as_resize_nearest_neighbor_options())?;
    let (read, made) = (&operator.input(0)?.dims, &operator.output.dims);
    let whole =
        read.len() == made.len() && read.iter().zip(made).all(|(read, made)| *read > 0 && made % read == 0);
    // Then every rule takes the same values.
    if options.align_corners() || !whole {
        return Err(
            operator.unsupported(format!("{read:?} to {made:?}; expected so many times as large, by places"))
        );
    }
    resized(operator, to, "nearest", "asymmetric")
}

pub(super) fn bilinear(operator: &Operator<'_>, to: &mut Translation) -> Result<(), ImportError> {
    let options = operator.options(operator.table.builtin_options_as_resize_bilinear_options())?;
    let places = match (options.align_corners(), options.half_pixel_centers()) {
        (true, _) => "align_corners",
        (false, true) => "half_pixel",
        (false, false) => "asymmetric",
    };
    resized(operator, to, "linear", places)
}

fn resized(operator: &Operator<'_>, to: &mut Translation, mode: &str, places: &str) -> Result<(), ImportError> {
    let made = &operator.output.dims;
    let &[batch, height, width, channels] = &made[..] else {
        return Err(operator.unsupported(format!("a result {made:?}; expected rows, columns and channels")));
    };
    let value = to.input(operator, 0)?;
    let planes = to.planes(&value);
    let sizes = to.integers(&[batch, channels, height, width].map(|size| size as i64));
    let attributes =
        vec![word("mode", mode), word("coordinate_transformation_mode", places), word("nearest_mode", "floor")];
    let result = to.add("Resize", &[&planes, "", "", &sizes], attributes);
    let result = to.channels_last(&result);
    to.end(operator, &result)
}
