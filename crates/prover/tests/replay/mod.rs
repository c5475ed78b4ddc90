//! A transcript whose challenges are given, whatever it absorbs.

use std::io;

use halo2_proofs::transcript::{Challenge255, EncodedChallenge, Transcript, TranscriptWrite};
use halo2curves::bn256::{Fr, G1Affine};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// Something that a prover told the transcript.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Element {
    Point(G1Affine),
    Scalar(Fr),
    WrittenPoint(G1Affine),
    WrittenScalar(Fr),
    Challenge,
}

impl Element {
    pub fn is_written(&self) -> bool {
        matches!(self, Self::WrittenPoint(_) | Self::WrittenScalar(_))
    }
}

/// See the module's description.
pub struct Replay {
    challenges: ChaCha20Rng,
    pub elements: Vec<Element>,
}

impl Replay {
    pub fn new(seed: u64) -> Self {
        Self { challenges: ChaCha20Rng::seed_from_u64(!seed), elements: Vec::new() }
    }

    fn push(&mut self, element: Element) -> io::Result<()> {
        self.elements.push(element);
        Ok(())
    }
}

impl Transcript<G1Affine, Challenge255<G1Affine>> for Replay {
    fn squeeze_challenge(&mut self) -> Challenge255<G1Affine> {
        let mut bytes = [0; 64];
        self.challenges.fill_bytes(&mut bytes);
        self.elements.push(Element::Challenge);
        Challenge255::new(&bytes)
    }

    fn common_point(&mut self, point: G1Affine) -> io::Result<()> {
        self.push(Element::Point(point))
    }

    fn common_scalar(&mut self, scalar: Fr) -> io::Result<()> {
        self.push(Element::Scalar(scalar))
    }
}

impl TranscriptWrite<G1Affine, Challenge255<G1Affine>> for Replay {
    fn write_point(&mut self, point: G1Affine) -> io::Result<()> {
        self.push(Element::WrittenPoint(point))
    }

    fn write_scalar(&mut self, scalar: Fr) -> io::Result<()> {
        self.push(Element::WrittenScalar(scalar))
    }
}
