//! Sums of points by bucket, and the sum of the buckets, each as often as its number says.

use group::Group;
use halo2curves::bn256::{G1, G1Affine};

use crate::core::additions::{Adder, BATCH, IDENTITY};

/// Points that wait for a bucket, before they are sorted.
const WAITING: usize = 1 << 14;
/// Buckets that are weighed one by one.
const FEW: usize = 64;
/// Rows that are sorted together, by bucket and at least: as many as the nearer caches hold.
const TOGETHER_BY_BUCKET: usize = 8;
const FEWEST_TOGETHER: usize = 1 << 12;

/// `sum of digits[i] * bases[i]`, for digits of few values beside the number of bases.
pub(super) fn sum_by_digit(digits: &[i32], bases: &[G1Affine], adder: &mut Adder) -> G1 {
    let buckets = digits.iter().map(|digit| digit.unsigned_abs()).max().unwrap_or_default() as usize;
    let rows = FEWEST_TOGETHER.max(TOGETHER_BY_BUCKET * buckets);
    let sums =
        digits.chunks(rows).zip(bases.chunks(rows)).fold(vec![IDENTITY; buckets], |sums, (digits, bases)| {
            let before = || (0..).zip(sums.iter().copied()).filter(|(_, sum)| *sum != IDENTITY);
            Sorted::new(buckets, || before().chain(entries(digits, bases))).sums(adder)
        });
    weigh(&sums, adder)
}

/// Buckets and points, with the digits' signs; 0 is no bucket.
fn entries(digits: &[i32], bases: &[G1Affine]) -> impl Iterator<Item = (u32, G1Affine)> {
    let filled = digits.iter().zip(bases).filter(|(digit, _)| **digit != 0);
    filled.map(|(digit, base)| (digit.unsigned_abs() - 1, if *digit < 0 { -*base } else { *base }))
}

/// Buckets that are filled in batches; no bucket is twice in a batch.
#[derive(Debug)]
pub(super) struct Buckets {
    sums: Vec<G1Affine>,
    /// 0 if the bucket is empty, else the batch that it was last in.
    batches: Vec<u32>,
    batch: u32,
    /// Additions to a batch: few beside the buckets, so that few points meet a bucket twice.
    size: usize,
    places: Vec<u32>,
    points: Vec<G1Affine>,
    before: Vec<G1Affine>,
    waiting: Vec<(u32, G1Affine)>,
    adder: Adder,
}

impl Buckets {
    pub(super) fn new(count: usize) -> Self {
        Self {
            sums: vec![IDENTITY; count],
            batches: vec![0; count],
            batch: 2,
            size: (count / 8).clamp(FEW, BATCH),
            places: Vec::with_capacity(BATCH),
            points: Vec::with_capacity(BATCH),
            before: Vec::with_capacity(BATCH),
            waiting: Vec::new(),
            adder: Adder::default(),
        }
    }

    /// Adds a point to bucket `|digit| - 1`, with the digit's sign; 0 is no bucket.
    #[inline]
    pub(super) fn push(&mut self, digit: i32, point: &G1Affine) {
        if digit != 0 {
            let point = if digit < 0 { -*point } else { *point };
            self.push_to(digit.unsigned_abs() - 1, point);
        }
    }

    #[inline]
    fn push_to(&mut self, bucket: u32, point: G1Affine) {
        let last = &mut self.batches[bucket as usize];
        if *last == 0 {
            (*last, self.sums[bucket as usize]) = (1, point);
        } else if *last == self.batch {
            self.waiting.push((bucket, point));
            if self.waiting.len() == WAITING {
                self.drain();
            }
        } else {
            *last = self.batch;
            self.places.push(bucket);
            self.points.push(point);
            if self.places.len() == self.size {
                self.run();
            }
        }
    }

    fn run(&mut self) {
        self.before.clear();
        self.before.extend(self.places.iter().map(|bucket| self.sums[*bucket as usize]));
        self.adder.add(&mut self.before, &self.points);
        for (bucket, sum) in self.places.iter().zip(&self.before) {
            self.sums[*bucket as usize] = *sum;
        }
        self.places.clear();
        self.points.clear();
        self.batch += 1;
    }

    /// Takes those that wait, such as rows that repeat a scalar: sorted and summed, one point to a bucket.
    fn drain(&mut self) {
        self.run();
        let waiting = std::mem::take(&mut self.waiting);
        let sorted = Sorted::new(self.sums.len(), || waiting.iter().map(|(bucket, point)| (*bucket, *point)));
        for (bucket, sum) in sorted.sums(&mut self.adder).into_iter().enumerate() {
            if sum != IDENTITY {
                self.push_to(bucket as u32, sum);
            }
        }
    }

    /// The sum of all buckets, bucket `i` taken `i + 1` times.
    pub(super) fn weigh(mut self) -> G1 {
        while !self.waiting.is_empty() {
            self.drain();
        }
        self.run();
        weigh(&self.sums, &mut self.adder)
    }
}

/// Points in the order of their buckets.
#[derive(Debug)]
struct Sorted {
    points: Vec<G1Affine>,
    counts: Vec<u32>,
}

impl Sorted {
    /// Sorts points by their buckets; they are gone through twice.
    fn new<I: Iterator<Item = (u32, G1Affine)>>(buckets: usize, entries: impl Fn() -> I) -> Self {
        let mut counts = vec![0u32; buckets];
        entries().for_each(|(bucket, _)| counts[bucket as usize] += 1);
        let mut total = 0;
        let start = |count: &u32| {
            total += count;
            total - count
        };
        let mut places: Vec<u32> = counts.iter().map(start).collect();
        let mut points = vec![IDENTITY; total as usize];
        for (bucket, point) in entries() {
            let place = &mut places[bucket as usize];
            points[*place as usize] = point;
            *place += 1;
        }
        Self { points, counts }
    }

    /// The sum of each bucket: pairs are added until there is at most one point in each.
    fn sums(mut self, adder: &mut Adder) -> Vec<G1Affine> {
        while self.counts.iter().any(|count| *count > 1) {
            self.halve(adder);
        }
        let mut points = self.points.iter();
        let mut take = |count: &u32| if *count == 0 { None } else { points.next().copied() };
        self.counts.iter().map(|count| take(count).unwrap_or(IDENTITY)).collect()
    }

    /// Adds each bucket's points in pairs. Sums are written where points were read before.
    fn halve(&mut self, adder: &mut Adder) {
        let mut pairs = Pairs::default();
        let (mut from, mut to) = (0, 0);
        for count in &mut self.counts {
            let points = *count as usize;
            for pair in 0..points / 2 {
                pairs.left.push(self.points[from + 2 * pair]);
                pairs.right.push(self.points[from + 2 * pair + 1]);
                pairs.places.push(to + pair);
                if pairs.places.len() == BATCH {
                    pairs.add(adder, &mut self.points);
                }
            }
            if !points.is_multiple_of(2) {
                self.points[to + points / 2] = self.points[from + points - 1];
            }
            (from, to) = (from + points, to + points.div_ceil(2));
            *count = count.div_ceil(2);
        }
        pairs.add(adder, &mut self.points);
        self.points.truncate(to);
    }
}

/// Pairs to be added, and where their sums go.
#[derive(Default)]
struct Pairs {
    left: Vec<G1Affine>,
    right: Vec<G1Affine>,
    places: Vec<usize>,
}

impl Pairs {
    fn add(&mut self, adder: &mut Adder, points: &mut [G1Affine]) {
        adder.add(&mut self.left, &self.right);
        self.places.iter().zip(&self.left).for_each(|(place, sum)| points[*place] = *sum);
        self.left.clear();
        self.right.clear();
        self.places.clear();
    }
}

/// `sum of (i + 1) * sums[i]`. With many buckets `i + 1 = high * 2^low + rest`: the sums by rest and by high part are
/// affine additions, and only those few are weighed one by one.
fn weigh(sums: &[G1Affine], adder: &mut Adder) -> G1 {
    if sums.len() <= FEW {
        return weigh_one_by_one(sums);
    }
    let low = (usize::BITS - (sums.len() - 1).leading_zeros()) / 2;
    let filled = || sums.iter().enumerate().filter(|(_, sum)| **sum != IDENTITY);
    let by_rest = || filled().map(|(place, sum)| ((place & ((1 << low) - 1)) as u32, *sum));
    let by_high = || filled().map(|(place, sum)| ((place >> low) as u32, *sum)).filter(|(high, _)| *high > 0);
    let rest = weigh_one_by_one(&Sorted::new(1 << low, by_rest).sums(adder));
    let highs = Sorted::new((sums.len() >> low) + 1, by_high).sums(adder);
    let high = (0..low).fold(weigh_one_by_one(&highs[1..]), |sum, _| sum.double());
    rest + high
}

fn weigh_one_by_one(sums: &[G1Affine]) -> G1 {
    let (mut running, mut weighed) = (G1::identity(), G1::identity());
    for sum in sums.iter().rev() {
        if *sum != IDENTITY {
            running += *sum;
        }
        weighed += running;
    }
    weighed
}
