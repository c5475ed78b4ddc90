//! Explicit bytes of integers, lists and choices.
//!
//! ```text
//! number      8 bytes, little-endian: two's complement, or a float's bits
//! list        its length, then its elements
//! choice      one byte that names the variant, then its fields
//! ```
//!
//! It knows nothing of what is encoded.

use zklayout_model::{Move, Padding, Planes};

/// Bytes so far.
#[derive(Default)]
pub(crate) struct Encoder(Vec<u8>);

impl Encoder {
    /// The bytes.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }

    pub(crate) fn extent(&mut self, extent: &usize) {
        self.count(*extent);
    }

    pub(crate) fn bits(&mut self, bits: &u32) {
        self.integer(&i64::from(*bits));
    }

    pub(crate) fn scale(&mut self, scale: &i32) {
        self.integer(&i64::from(*scale));
    }

    pub(crate) fn list<T>(&mut self, items: &[T], each: impl Fn(&mut Self, &T)) {
        self.count(items.len());
        items.iter().for_each(|item| each(self, item));
    }

    pub(crate) fn option<T>(&mut self, value: Option<&T>, some: impl Fn(&mut Self, &T)) {
        self.choice(u8::from(value.is_some()));
        if let Some(value) = value {
            some(self, value);
        }
    }

    pub(crate) fn choice(&mut self, variant: u8) {
        self.0.push(variant);
    }

    pub(crate) fn count(&mut self, count: usize) {
        self.0.extend((count as u64).to_le_bytes());
    }

    pub(crate) fn integer(&mut self, value: &i64) {
        self.0.extend(value.to_le_bytes());
    }

    pub(crate) fn float(&mut self, value: f64) {
        self.0.extend(value.to_bits().to_le_bytes());
    }

    pub(crate) fn planes(&mut self, Planes { channels, height, width }: &Planes) {
        [channels, height, width].into_iter().for_each(|extent| self.count(*extent));
    }

    pub(crate) fn padding(&mut self, Padding { top, left, bottom, right }: &Padding) {
        [top, left, bottom, right].into_iter().for_each(|side| self.count(*side));
    }

    /// A moved tensor but for its stride.
    pub(crate) fn moved(&mut self, Move { factor, channels, offset, stride: _ }: &Move<i64>) {
        self.list(factor.values(), Self::integer);
        self.option(channels.as_ref(), |encoder, channels| {
            encoder.list(channels, |encoder, channel| encoder.option(channel.as_ref(), Self::extent));
        });
        self.integer(&offset.0);
        self.integer(&offset.1);
    }
}
