//! What a circuit costs to prove: seconds and bytes, from its counts alone.
//!
//! A [`Profile`] holds what one machine's kernels take; a [`CostModel`] prices a [`crate::CircuitShape`] by it. This
//! module knows the steps of the proof system, but neither halo2 nor any layout: two layouts with equal counts have
//! equal prices.

mod core_steps;
mod error;
mod memory;
mod model;
mod price;
mod profile;
mod quantity;
mod rates;
mod speed;
mod steps;
mod table;

pub use error::CostError;
pub use memory::{MOST_KEPT, keeps_key, most_kept, peak_memory, with_margin};
pub use model::CostModel;
pub use price::{Cost, Term};
pub use profile::{Host, PROFILE_FORMAT, Profile};
pub use quantity::{Bytes, Seconds};
pub use rates::{Coefficient, Kernel, Rates, Residual, Work};
pub use speed::Speed;
pub use steps::{Charge, Rate};
pub use table::{Sample, Table};
