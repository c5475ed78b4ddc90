//! A calibration measures everything that prices need.
#![allow(missing_docs, clippy::unwrap_used)]

use zklayout_plan::CircuitShape;
use zklayout_plan::cost::{Coefficient, CostModel, Kernel, Profile};
use zklayout_prover::{CalibrateOptions, calibrate, extend};

fn small() -> CalibrateOptions {
    CalibrateOptions { name: "small".into(), min_k: 6, max_k: 6, threads: Some(2), earlier: Vec::new() }
}

/// A circuit of either prover.
fn shape(k: u32, native_lookups: usize) -> CircuitShape {
    let shape = CircuitShape {
        k,
        small_advice: 8,
        wide_advice: 4,
        fixed: 12,
        permuted: 3,
        products: 1,
        degree: 5,
        native_lookups,
        advice_queries: 16,
        fixed_queries: 12,
        rotation_sets: 3,
        gate_operations: 100,
        assigned_small_cells: 6 << k,
        assigned_wide_cells: 3 << k,
        ..CircuitShape::default()
    };
    shape.with_proof_bytes()
}

#[test]
#[ignore = "measures this machine for half a minute"]
fn calibrations_price_both_provers_and_are_read_again() {
    let profile = calibrate(&small(), &mut |_| ()).unwrap();
    assert_eq!(Profile::from_json(&profile.to_json().unwrap()).unwrap(), profile);
    assert!(profile.stock.coefficients[&Coefficient::RelativeError] < 0.5, "{:?}", profile.stock.residuals);
    for native_lookups in [0, 1] {
        let cost = CostModel::new(&profile).price(&shape(6, native_lookups)).unwrap();
        assert!(cost.prove_seconds > 0.0 && cost.prove_error > 0.0);
        assert!(CostModel::new(&profile).price(&shape(7, native_lookups)).is_err());
    }
    let extended = extend(&profile, 7, &mut |_| ()).unwrap();
    for (rates, before, kernels) in [
        (&extended.core, &profile.core, &Kernel::OF_CORE[..]),
        (&extended.stock, &profile.stock, &Kernel::ALL[..]),
    ] {
        for kernel in kernels {
            let seconds = |k: u32| rates.kernel("extended", *kernel, k).unwrap();
            assert!(seconds(7) > 0.0);
            assert_eq!(seconds(6), before.kernel("small", *kernel, 6).unwrap(), "{kernel:?}");
        }
    }
    let cost = CostModel::new(&extended).price(&shape(7, 0)).unwrap();
    assert!(cost.prove_seconds > 0.0);
}
