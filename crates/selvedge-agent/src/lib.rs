//! Linked into woven programs: sampling, metrics, OTLP export, /metrics, logs.
//!
//! Woven `main` calls [`start`]; everything else reaches the agent through the table of
//! functions in `selvedge-hooks`.

mod baked;
mod clock;
mod drain;
#[doc(hidden)]
pub mod export;
mod ids;
mod lifecycle;
#[doc(hidden)]
pub mod metrics;
#[doc(hidden)]
pub mod model;
mod node;
mod process;
mod propagation;
mod record;
#[doc(hidden)]
pub mod resource;
mod ring;
mod runtime;
mod sampler;
#[doc(hidden)]
pub mod settings;
mod sort;
mod store;
mod tally;
mod thread;

pub use baked::{Baked, EnvironmentSampling};
pub use drain::Event;
pub use lifecycle::{Running, start, start_with};

/// Nodes in use; see `tests/runtime.rs`.
#[doc(hidden)]
pub fn live_nodes() -> isize {
    node::live_nodes()
}
