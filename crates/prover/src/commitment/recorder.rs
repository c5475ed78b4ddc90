//! A transcript that remembers the points and challenges that pass through it, so that the link uses exactly what halo2 used.

use std::io;

use halo2_proofs::transcript::{EncodedChallenge, Transcript, TranscriptRead, TranscriptWrite};
use halo2curves::bn256::{Fr, G1Affine};

/// See the module's description.
#[derive(Debug)]
pub(crate) struct Recorder<T> {
    pub(crate) inner: T,
    /// Points of the proof, in order.
    pub(crate) points: Vec<G1Affine>,
    /// Challenges, in order.
    pub(crate) challenges: Vec<Fr>,
}

impl<T> Recorder<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self { inner, points: Vec::new(), challenges: Vec::new() }
    }
}

impl<E: EncodedChallenge<G1Affine>, T: Transcript<G1Affine, E>> Transcript<G1Affine, E> for Recorder<T> {
    fn squeeze_challenge(&mut self) -> E {
        let challenge = self.inner.squeeze_challenge();
        self.challenges.push(challenge.get_scalar());
        challenge
    }

    fn common_point(&mut self, point: G1Affine) -> io::Result<()> {
        self.inner.common_point(point)
    }

    fn common_scalar(&mut self, scalar: Fr) -> io::Result<()> {
        self.inner.common_scalar(scalar)
    }
}

impl<E: EncodedChallenge<G1Affine>, T: TranscriptRead<G1Affine, E>> TranscriptRead<G1Affine, E> for Recorder<T> {
    fn read_point(&mut self) -> io::Result<G1Affine> {
        let point = self.inner.read_point()?;
        self.points.push(point);
        Ok(point)
    }

    fn read_scalar(&mut self) -> io::Result<Fr> {
        self.inner.read_scalar()
    }
}

impl<E: EncodedChallenge<G1Affine>, T: TranscriptWrite<G1Affine, E>> TranscriptWrite<G1Affine, E> for Recorder<T> {
    fn write_point(&mut self, point: G1Affine) -> io::Result<()> {
        self.points.push(point);
        self.inner.write_point(point)
    }

    fn write_scalar(&mut self, scalar: Fr) -> io::Result<()> {
        self.inner.write_scalar(scalar)
    }
}
