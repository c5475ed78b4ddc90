//! The reference kernel of HARD_SWISH: `x * min(max(x + 3, 0), 6) / 6` in 16 bits.
//!
//! It knows one value at a time.

use zklayout_model::Multiplier;

/// Bits that a value is shifted to the left by.
const LEFT_SHIFT: u32 = 7;
/// The real number that 1 stands for where 3 is 2^15.
const RELU_UNIT: f32 = 3.0 / 32768.0;
/// Bits of a fraction.
const FRACTION_BITS: u32 = 15;

/// A multiplier of 16 bits, and the power of two after it.
#[derive(Clone, Copy)]
struct Short {
    value: i64,
    exponent: i32,
}

/// One use of the kernel.
pub(super) struct HardSwish {
    output: Short,
    relu: Short,
}

impl HardSwish {
    /// The kernel between two units; `None` where its 16 bits are not enough.
    pub(super) fn of(input: f32, output: f32) -> Option<Self> {
        let unit = (1.0 / (1 << LEFT_SHIFT) as f32) * input;
        let kernel = Self { output: Short::of(unit / output)?, relu: Short::of(unit / RELU_UNIT)? };
        (kernel.output.exponent <= 0).then_some(kernel)
    }

    /// The result of a value, less its zero point; `None` if the value is no byte less a zero point.
    pub(super) fn apply(&self, value: i64) -> Option<i64> {
        let shifted = i64::from(i16::try_from(value.checked_mul(1 << LEFT_SHIFT)?).ok()?);
        let scaled = rounded_high_product(shifted, self.output.value);
        let share = (self.relu.share(shifted) + (1 << FRACTION_BITS)) >> 1;
        // The kernel's division cuts off.
        Some(divide_by_power(share * scaled / (1 << FRACTION_BITS), self.output.exponent.unsigned_abs()))
    }
}

impl Short {
    /// The multiplier that stands for `real`; `None` if it is far from 1.
    fn of(real: f32) -> Option<Self> {
        let Multiplier { value, shift } = Multiplier::of(real.into())?;
        let value = ((i64::from(value) + (1 << FRACTION_BITS)) >> 16).min(i64::from(i16::MAX));
        (shift >= -(FRACTION_BITS as i32)).then_some(Self { value, exponent: shift })
    }

    /// The product, saturated as 16 bits wherever the kernel shifts to the left.
    fn share(&self, value: i64) -> i64 {
        let left = self.exponent.max(0).unsigned_abs();
        let product = rounded_high_product(shifted_left(value, left.saturating_sub(1)), self.value);
        if left > 0 { shifted_left(product, 1) } else { divide_by_power(product, self.exponent.unsigned_abs()) }
    }
}

fn shifted_left(value: i64, bits: u32) -> i64 {
    (value << bits).clamp(i16::MIN.into(), i16::MAX.into())
}

/// `a * b / 2^15`, rounded half up; the original cuts off what it has rounded away from zero, to the same integers. It
/// saturates where both are -2^15, which no multiplier is.
fn rounded_high_product(a: i64, b: i64) -> i64 {
    (a * b + (1 << (FRACTION_BITS - 1))) >> FRACTION_BITS
}

/// `x / 2^exponent`, rounded half away from zero.
fn divide_by_power(x: i64, exponent: u32) -> i64 {
    let mask = (1 << exponent) - 1;
    (x >> exponent) + i64::from(x & mask > (mask >> 1) + i64::from(x < 0))
}
