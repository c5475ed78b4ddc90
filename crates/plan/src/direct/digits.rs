//! Ranges as binary digits: which numbers of digits hold a quotient in exactly the range that its layer has.
//!
//! It knows nothing of rows.

/// A number as digits: `offset + sum 2^i b_i`, in `[offset, offset + 2^count)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DigitRange {
    /// Number of digits.
    pub(crate) count: u32,
    /// What they are added to.
    pub(crate) offset: i64,
}

impl DigitRange {
    /// The fewest digits that hold a range in two's complement: the first digit is 1 exactly if the number is not negative.
    pub(crate) fn signed(lo: i64, hi: i64) -> Self {
        let bits = |x: i64| i64::BITS + 1 - (if x < 0 { !x } else { x }).leading_zeros();
        let count = bits(lo).max(bits(hi));
        Self { count, offset: -(1i64 << (count - 1)) }
    }

    fn last(&self) -> i64 {
        self.offset + ((1i64 << self.count) - 1)
    }

    /// Ranges that hold a number all together exactly if it is in `[lo, hi]`, the first and the others. The first one's digits
    /// are also those of the number's sign, if that is wanted. At most 62 bits are taken.
    pub(crate) fn of(lo: i64, hi: i64, with_sign: bool) -> (Self, Vec<Self>) {
        let count = (i64::BITS - (hi - lo).leading_zeros()).max(1);
        let (from_lo, to_hi) = (Self { count, offset: lo }, Self { count, offset: hi - ((1i64 << count) - 1) });
        let first = if with_sign { Self::signed(lo, hi) } else { from_lo };
        let mut others = Vec::new();
        if first.offset < lo {
            others.push(from_lo);
        }
        if others.iter().map(Self::last).fold(first.last(), i64::min) > hi {
            others.push(to_hi);
        }
        (first, others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(lo: i64, hi: i64, with_sign: bool) -> Vec<DigitRange> {
        let (first, others) = DigitRange::of(lo, hi, with_sign);
        [vec![first], others].concat()
    }

    #[test]
    fn ranges_hold_exactly_the_numbers_between_their_ends() {
        for (lo, hi) in (-20i64..20).flat_map(|lo| (lo..24).map(move |hi| (lo, hi))) {
            for with_sign in [false, true] {
                let ranges = all(lo, hi, with_sign);
                assert!(ranges.len() <= 2 + usize::from(with_sign));
                for x in -100..100 {
                    let held = ranges.iter().all(|range| (range.offset..=range.last()).contains(&x));
                    assert_eq!(held, (lo..=hi).contains(&x), "{x} in [{lo}, {hi}]: {ranges:?}");
                    let first_digit = (x - ranges[0].offset) >> (ranges[0].count - 1);
                    assert!(!held || !with_sign || (first_digit == 1) == (x >= 0), "sign of {x}: {ranges:?}");
                }
            }
        }
    }

    #[test]
    fn powers_of_two_take_their_digits_once() {
        assert_eq!(all(-128, 127, true), [DigitRange { count: 8, offset: -128 }]);
        assert_eq!(all(3, 10, false), [DigitRange { count: 3, offset: 3 }]);
    }
}
