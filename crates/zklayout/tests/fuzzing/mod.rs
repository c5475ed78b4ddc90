//! Byte fuzzing of readers: mutated seeds, panics caught, time and memory bounded.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;

/// Counts what readers allocate.
#[global_allocator]
pub static ALLOCATIONS: PeakAlloc = PeakAlloc;

/// Bytes that a reader may allocate for each byte that it reads, and beyond.
const MOST_BYTES_PER_BYTE: usize = 160;
const MOST_BYTES: usize = 64 << 20;
/// The same of an importer of files that state extents, and hold no values of activations: a tensor of them has at most 2^23 places.
const MOST_IMPORTED: usize = 512 << 20;
/// What a reader may take for one input, on a machine that does something else too.
const MOST_TIME: Duration = Duration::from_secs(5);
/// Inputs longer than this are cut.
const MOST_LENGTH: usize = 1 << 16;

/// A deterministic generator.
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 8
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// Reads an input; whether it was taken for valid.
type Read<'a> = Box<dyn Fn(&[u8]) -> bool + 'a>;

/// A reader under test.
pub struct Target<'a> {
    pub name: &'static str,
    pub seeds: Vec<Vec<u8>>,
    pub read: Read<'a>,
}

/// What many executions came to.
#[derive(Debug, Default)]
pub struct Findings {
    pub executions: usize,
    pub accepted: usize,
    pub panics: Vec<(String, Vec<u8>)>,
    pub slowest: Duration,
    /// Most bytes allocated beyond what was there before.
    pub largest: usize,
    /// Inputs that took more memory or time than allowed.
    pub excessive: Vec<Vec<u8>>,
}

impl Target<'_> {
    /// Reads every seed, then mutations of them.
    pub fn run(&self, executions: usize, seed: u64) -> Findings {
        let mut findings = Findings::default();
        let mut numbers = Numbers::new(seed);
        for input in &self.seeds {
            self.execute(input, &mut findings);
        }
        assert_eq!(findings.accepted, self.seeds.len(), "{}: a seed is refused", self.name);
        for _ in 0..executions {
            let input = mutate(&self.seeds, &mut numbers);
            self.execute(&input, &mut findings);
        }
        findings
    }

    fn most_bytes(&self) -> usize {
        if self.name == "tflite of floats" { MOST_IMPORTED } else { MOST_BYTES }
    }

    fn execute(&self, input: &[u8], findings: &mut Findings) {
        ALLOCATIONS.reset_peak_usage();
        let (before, start) = (ALLOCATIONS.current_usage(), Instant::now());
        let verdict = catch_unwind(AssertUnwindSafe(|| (self.read)(input)));
        let (took, peak) = (start.elapsed(), ALLOCATIONS.peak_usage().saturating_sub(before));
        findings.executions += 1;
        findings.slowest = findings.slowest.max(took);
        findings.largest = findings.largest.max(peak);
        if took > MOST_TIME || peak > self.most_bytes() + MOST_BYTES_PER_BYTE * input.len() {
            findings.excessive.push(input.to_vec());
        }
        match verdict {
            Ok(accepted) => findings.accepted += usize::from(accepted),
            Err(panic) => {
                let message = panic.downcast_ref::<String>().cloned();
                let message = message.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                let message = message.unwrap_or_default();
                if findings.panics.len() < 20 && findings.panics.iter().all(|(other, _)| *other != message) {
                    findings.panics.push((message, input.to_vec()));
                }
            }
        }
    }
}

const INTERESTING: [u64; 14] =
    [0, 1, 7, 16, 127, 128, 255, 256, 65_535, 1 << 20, (1 << 31) - 1, 1 << 32, (1 << 63) - 1, u64::MAX];

/// A seed after one to six changes.
pub fn mutate(seeds: &[Vec<u8>], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = seeds[numbers.below(seeds.len())].clone();
    for _ in 0..=numbers.below(6) {
        change(&mut bytes, seeds, numbers);
    }
    bytes.truncate(MOST_LENGTH);
    bytes
}

fn change(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], numbers: &mut Numbers) {
    let at = numbers.below(bytes.len());
    let end = (at + 1 + numbers.below(16)).min(bytes.len());
    if bytes.is_empty() {
        bytes.push(numbers.next() as u8);
        return;
    }
    match numbers.below(10) {
        0 => bytes[at] ^= 1 << numbers.below(8),
        1 => bytes[at] = numbers.next() as u8,
        2 => {
            let value = INTERESTING[numbers.below(INTERESTING.len())].to_le_bytes();
            let width = 1 << numbers.below(4);
            let end = (at + width).min(bytes.len());
            bytes[at..end].copy_from_slice(&value[..end - at]);
        }
        3 => {
            bytes.drain(at..end);
        }
        4 => {
            let copied = bytes[at..end].to_vec();
            bytes.splice(at..at, copied);
        }
        5 => bytes.truncate(at),
        6 => {
            let other = &seeds[numbers.below(seeds.len())];
            let from = numbers.below(other.len());
            let to = (from + numbers.below(64)).min(other.len());
            bytes.splice(at..end, other[from..to].iter().copied());
        }
        _ => replace_number(bytes, at, numbers),
    }
}

/// Another decimal number where there is one.
fn replace_number(bytes: &mut Vec<u8>, at: usize, numbers: &mut Numbers) {
    let Some(start) = (at..bytes.len()).find(|&place| bytes[place].is_ascii_digit()) else {
        bytes[at] = bytes[at].wrapping_add(1);
        return;
    };
    let end = (start..bytes.len()).find(|&place| !bytes[place].is_ascii_digit()).unwrap_or(bytes.len());
    let value = match numbers.below(3) {
        0 => numbers.next() % 100,
        _ => INTERESTING[numbers.below(INTERESTING.len())],
    };
    let sign = if numbers.below(4) == 0 { "-" } else { "" };
    bytes.splice(start..end, format!("{sign}{value}").into_bytes());
}
