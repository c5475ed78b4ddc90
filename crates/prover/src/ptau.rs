//! Powers of tau in snarkjs's format, `.ptau`, prepared for phase 2.
//!
//! ```text
//! "ptau" | version: u32 | sections: u32 | (id: u32 | bytes: u64 | contents) ...
//! 1: bytes of a coordinate: u32 | prime | power: u32 | power of the ceremony: u32
//! 2: tau^i G1, i < 2^(power + 1) - 1        3: tau^i G2, i < 2^power
//! 12: for each p up to power + 1, the Lagrange form of 2^p powers in G1
//! ```
//!
//! All numbers are little-endian, coordinates in Montgomery form: point by point the bytes are those of halo2's raw
//! format. Contributions and the powers of alpha and beta are not read.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};

use ff::{Field, PrimeField};
use halo2curves::bn256::{Fq, Fr, G1Affine};
use halo2curves::serde::SerdeObject;

use crate::points::{G1_BYTES, G2_BYTES, MOST_POWERS, Points, read_point};
use crate::ptau_error::{LAGRANGE_G1, PtauError, VERSION};

/// What files of this format start with.
pub(crate) const MAGIC: &[u8; 4] = b"ptau";
/// snarkjs takes its roots of unity from 5, halo2 from 7: the power of halo2's 2^28-th root that is snarkjs's.
const ROOT_LOGARITHM: usize = 48_078_113;

const HEADER: u32 = 1;
const TAU_G1: u32 = 2;
const TAU_G2: u32 = 3;

/// Reads the powers, as many as a setup may have; their Lagrange form comes out in halo2's order.
pub(crate) fn read(file: impl Read + Seek) -> Result<Points, PtauError> {
    let mut file = Sections::open(file)?;
    let power = file.power()?;
    if !file.places.contains_key(&LAGRANGE_G1) {
        return Err(PtauError::NotPrepared);
    }
    file.check_size(TAU_G1, ((2 << power) - 1) * G1_BYTES as u64)?;
    file.check_size(TAU_G2, (1 << power) * G2_BYTES as u64)?;
    file.check_size(LAGRANGE_G1, ((4 << power) - 1) * G1_BYTES as u64)?;
    let k = power.min(MOST_POWERS);
    let n = 1 << k;
    let g = file.points(TAU_G1, 0, n)?;
    let lagrange = file.points(LAGRANGE_G1, n - 1, n)?;
    let [g2, s_g2] = file.points(TAU_G2, 0, 2)?[..] else { return Err(PtauError::Point(TAU_G2)) };
    Ok(Points { k, g, g_lagrange: in_halo2_order(&lagrange), g2, s_g2 })
}

/// The polynomial that belongs to the i-th power of snarkjs's root is at the same power's place among halo2's.
fn in_halo2_order(lagrange: &[G1Affine]) -> Vec<G1Affine> {
    let mut ordered = vec![G1Affine::default(); lagrange.len()];
    for (index, point) in lagrange.iter().enumerate() {
        ordered[index * ROOT_LOGARITHM % lagrange.len()] = *point;
    }
    ordered
}

/// A file's sections.
struct Sections<F> {
    file: F,
    /// Where each starts, and how many bytes it has.
    places: BTreeMap<u32, (u64, u64)>,
}

impl<F: Read + Seek> Sections<F> {
    /// Reads the table of sections; nothing is believed that goes beyond the file's end.
    fn open(mut file: F) -> Result<Self, PtauError> {
        let length = file.seek(SeekFrom::End(0))?;
        file.rewind()?;
        within("its header", 12, length)?;
        let [_, version, count]: [u32; 3] = [number(&mut file)?, number(&mut file)?, number(&mut file)?];
        if version != VERSION {
            return Err(PtauError::Version { found: version });
        }
        let (mut places, mut end) = (BTreeMap::new(), 12);
        for _ in 0..count {
            within("its table of sections", end + 12, length)?;
            file.seek(SeekFrom::Start(end))?;
            let (id, low, high) = (number(&mut file)?, number(&mut file)?, number(&mut file)?);
            let (start, size) = (end + 12, u64::from(high) << 32 | u64::from(low));
            end = start.saturating_add(size);
            within(&format!("section {id}"), end, length)?;
            if places.insert(id, (start, size)).is_some() {
                return Err(PtauError::Repeated(id));
            }
        }
        if end != length {
            return Err(PtauError::Trailing(length - end));
        }
        Ok(Self { file, places })
    }

    fn place(&self, section: u32) -> Result<(u64, u64), PtauError> {
        self.places.get(&section).copied().ok_or(PtauError::Missing(section))
    }

    fn check_size(&self, section: u32, expected: u64) -> Result<(), PtauError> {
        match self.place(section)? {
            (_, found) if found == expected => Ok(()),
            (_, found) => Err(PtauError::Size { section, found, expected }),
        }
    }

    /// The logarithm of the number of powers, of a file on our curve.
    fn power(&mut self) -> Result<u32, PtauError> {
        let (start, size) = self.place(HEADER)?;
        // No curve's coordinates take more bytes.
        let coordinate = size.saturating_sub(12).min(128);
        self.check_size(HEADER, coordinate + 12)?;
        self.file.seek(SeekFrom::Start(start + 4))?;
        let mut prime = vec![0; coordinate as usize];
        self.file.read_exact(&mut prime)?;
        let expected = curve_prime();
        if prime != expected {
            return Err(PtauError::OtherCurve { found: hexadecimal(&prime), expected: hexadecimal(&expected) });
        }
        let power = number(&mut self.file)?;
        if !(1..=Fr::S).contains(&power) {
            return Err(PtauError::Power(power));
        }
        Ok(power)
    }

    /// Some of a section's points, which are known to lie in it.
    fn points<P: SerdeObject>(&mut self, section: u32, first: usize, count: usize) -> Result<Vec<P>, PtauError> {
        let (start, _) = self.place(section)?;
        self.file.seek(SeekFrom::Start(start + (first * size_of::<P>()) as u64))?;
        let mut bytes = vec![0; count * size_of::<P>()];
        self.file.read_exact(&mut bytes)?;
        let mut reader = bytes.as_slice();
        (0..count).map(|_| read_point(&mut reader, false).ok_or(PtauError::Point(section))).collect()
    }
}

fn within(what: &str, needed: u64, found: u64) -> Result<(), PtauError> {
    if needed > found { Err(PtauError::Truncated { what: what.to_owned(), needed, found }) } else { Ok(()) }
}

fn number(file: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    file.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

/// The prime of the coordinates: one more than the largest of them, which is even.
fn curve_prime() -> Vec<u8> {
    let mut prime = (-Fq::ONE).to_repr().as_ref().to_vec();
    prime[0] |= 1;
    prime
}

/// A little-endian number in hexadecimal.
fn hexadecimal(number: &[u8]) -> String {
    number.iter().rev().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn snarkjs_root_is_a_power_of_halo2s() {
        // ffjavascript's `Fr.w[28]`: 5 to the odd factor of the number of units.
        let snarkjs = "19103219067921713944291392827692070036145651957329286315305642004821462161904";
        let root = Fr::ROOT_OF_UNITY.pow_vartime([ROOT_LOGARITHM as u64]);
        assert_eq!(root, Fr::from_str_vartime(snarkjs).unwrap());
    }
}
