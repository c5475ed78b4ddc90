//! Zero padding, as the format's two schemes say.

use tract_tflite::tflite;
use zklayout_model::{Padding, Planes};

use super::operator::Operator;
use crate::error::ImportError;

/// Padding of planes that a kernel reads.
pub(super) fn padding(
    operator: &Operator<'_>,
    scheme: tflite::Padding,
    input: Planes,
    kernel: (usize, usize),
    strides: (usize, usize),
) -> Result<Padding, ImportError> {
    match scheme {
        tflite::Padding::VALID => Ok(Padding::default()),
        tflite::Padding::SAME => {
            let (top, bottom) = around(input.height, kernel.0, strides.0);
            let (left, right) = around(input.width, kernel.1, strides.1);
            Ok(Padding { top, left, bottom, right })
        }
        other => Err(operator.unsupported(format!("padding {other:?}"))),
    }
}

/// What is missing for `size / stride` outputs, rounded up; the odd one comes after.
pub(super) fn around(size: usize, kernel: usize, stride: usize) -> (usize, usize) {
    let reach = (size.div_ceil(stride).max(1) - 1) * stride + kernel;
    let missing = reach.saturating_sub(size);
    (missing / 2, missing - missing / 2)
}

#[cfg(test)]
mod tests {
    use super::around;

    #[test]
    fn the_odd_one_comes_after() {
        assert_eq!(around(96, 3, 2), (0, 1));
        assert_eq!(around(32, 3, 1), (1, 1));
        assert_eq!(around(50, 10, 2), (4, 4));
        assert_eq!(around(10, 1, 2), (0, 0));
    }
}
