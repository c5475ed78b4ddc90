//! Where powers of tau come from, judged by the points alone: a file is never believed about itself.

use std::collections::HashSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use ff::Field;
use group::Curve;
use halo2curves::bn256::{Fr, G2Affine};
use halo2curves::serde::SerdeObject;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use serde::Serialize;
use zklayout_plan::PlanHash;

use crate::fixed_base::FixedBase;

/// Seed of the development setup that is made where none is named.
pub const DEVELOPMENT_SEED: u64 = 0;

/// Seeds that development setups are made from; powers of any of them are recognised wherever they come from.
pub const DEVELOPMENT_SEEDS: RangeInclusive<u64> = 0..=1023;

/// Where powers of tau come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// Made from a public seed: anyone can forge proofs.
    Development,
    /// Those of a ceremony in [`CEREMONIES`].
    Ceremony(&'static Ceremony),
    /// Neither: as trustworthy as whoever vouches for their hash.
    Unknown,
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Development => f.write_str("an INSECURE development setup: anyone can forge such proofs"),
            Self::Ceremony(ceremony) => write!(f, "those of {}: {}", ceremony.name, ceremony.source),
            Self::Unknown => f.write_str("of UNKNOWN provenance: whoever knows their tau can forge such proofs"),
        }
    }
}

/// A ceremony whose powers are recognised.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Ceremony {
    /// What it is called.
    pub name: &'static str,
    /// Where its point `tau G2` is published.
    pub source: &'static str,
    /// Hash of its powers, as [`crate::VerifierSrs::hash`] gives it.
    pub hash: &'static str,
}

/// The known ceremonies. No row without a source that anyone can look up: a test makes each hash from the coordinates
/// that its source gives.
pub const CEREMONIES: [Ceremony; 2] = [
    Ceremony {
        name: "Hermez (snarkjs's powersOfTau28_hez_final files)",
        source: "github.com/0xPolygonHermez/zkevm-contracts, contracts/verifiers/FflonkVerifier.sol, X2x1 to X2y2",
        hash: "46bbb63dc96e102d60f58c7c6c49cebb3ac405d9473e807e86d801b53790766f",
    },
    Ceremony {
        name: "Aztec Ignition",
        source: "github.com/AztecProtocol/aztec-verifier-contracts, src/ultra/keys/UltraVerificationKey.sol, g2_x",
        hash: "813976456e8202e4551d880e71f390300c3191a54cb4b25c0ad224e9296bdcf7",
    },
];

/// Points `tau G2` of all development setups: a tenth of a second's work, done once, and only for powers that are neither
/// a ceremony's nor those of the usual seed.
static DEVELOPMENT: LazyLock<HashSet<Vec<u8>>> = LazyLock::new(|| {
    let table = FixedBase::new(G2Affine::generator());
    let taus: Vec<Fr> = DEVELOPMENT_SEEDS.map(development_tau).chain([zero_seed_tau()]).collect();
    table.multiply(&taus).iter().map(SerdeObject::to_raw_bytes).collect()
});

impl Provenance {
    /// The provenance of the powers with this hash and this point `tau G2`.
    pub(crate) fn of(hash: PlanHash, tau_g2: &G2Affine) -> Self {
        let hash = hash.to_string();
        if let Some(ceremony) = CEREMONIES.iter().find(|ceremony| ceremony.hash == hash) {
            Self::Ceremony(ceremony)
        } else if is_of_seed(tau_g2, DEVELOPMENT_SEED) || DEVELOPMENT.contains(&tau_g2.to_raw_bytes()) {
            Self::Development
        } else {
            Self::Unknown
        }
    }
}

fn is_of_seed(tau_g2: &G2Affine, seed: u64) -> bool {
    *tau_g2 == (G2Affine::generator() * development_tau(seed)).to_affine()
}

/// The secret of a development setup.
pub(crate) fn development_tau(seed: u64) -> Fr {
    Fr::random(ChaCha20Rng::seed_from_u64(seed))
}

/// The secret of the files that halo2's tools make for tests, from a generator with the key 0.
fn zero_seed_tau() -> Fr {
    Fr::random(ChaCha20Rng::from_seed([0; 32]))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use ff::PrimeField;
    use halo2_proofs::poly::kzg::commitment::ParamsKZG;
    use halo2curves::CurveAffine;
    use halo2curves::bn256::{Bn256, Fq, Fq2, G1Affine};

    use super::*;
    use crate::points::is_in_subgroup;

    /// Hash of the generators and a point that is given by its four coordinates.
    fn hash(coordinates: [&str; 4]) -> String {
        let [x0, x1, y0, y1] = coordinates.map(|number| Fq::from_str_vartime(number).unwrap());
        let point = G2Affine::from_xy(Fq2 { c0: x0, c1: x1 }, Fq2 { c0: y0, c1: y1 }).unwrap();
        assert!(is_in_subgroup(&point));
        let generators = [G1Affine::generator().to_raw_bytes(), G2Affine::generator().to_raw_bytes()].concat();
        PlanHash::of("powers of tau", &[generators, point.to_raw_bytes()].concat()).to_string()
    }

    #[test]
    fn ceremonies_are_those_of_their_sources() {
        // X2x1, X2x2, X2y1, X2y2 of the first source; g2_x.X.c0, X.c1, Y.c0, Y.c1 of the second, in decimal.
        let points = [
            [
                "21831381940315734285607113342023901060522397560371972897001948545212302161822",
                "17231025384763736816414546592865244497437017442647097510447326538965263639101",
                "2388026358213174446665280700919698872609886601280537296205114254867301080648",
                "11507326595632554467052522095592665270651932854513688777769618397986436103170",
            ],
            [
                "496075682290949347282619629729389528669750910289829251317610107342504362928",
                "17212635814319756364507010169094758005397460366678210664966334781961899574209",
                "15828724851114720558251891430452666121603726704878231219287131634746610441813",
                "2255182984359105691812395885056400739448730162863181907784180250290003009508",
            ],
        ];
        for (ceremony, point) in CEREMONIES.iter().zip(points) {
            assert_eq!(ceremony.hash, hash(point), "{}", ceremony.name);
        }
    }

    #[test]
    fn every_seed_is_recognised() {
        let of = |tau: Fr| {
            Provenance::of(PlanHash::of("powers of tau", &[]), &(G2Affine::generator() * tau).to_affine())
        };
        for seed in [0, 1, 2, 511, *DEVELOPMENT_SEEDS.end()] {
            assert_eq!(of(development_tau(seed)), Provenance::Development, "seed {seed}");
        }
        assert_eq!(of(development_tau(DEVELOPMENT_SEEDS.end() + 1)), Provenance::Unknown);
        let published = ParamsKZG::<Bn256>::setup(2, ChaCha20Rng::from_seed([0; 32]));
        assert_eq!(Provenance::of(PlanHash::of("powers of tau", &[]), &published.s_g2()), Provenance::Development);
    }
}
