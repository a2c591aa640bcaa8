//! What code woven by `cargo selvedge` calls.
//!
//! Woven crates name only `::selvedge_hooks::…`. Every hook goes through one table of functions
//! ([`table`]) that is null until the agent installs it; without an agent a hook is one load and
//! a branch. This crate has no dependencies, does not use `std` or an allocator, so it links into
//! `no_std` libraries, proc macros and build scripts alike, and its functions are safe to call
//! from crates that forbid unsafe code.
//!
//! It decides nothing: sampling, clocks, ids, buffers and export are the agent's.
#![no_std]

mod context;
mod future;
mod http;
mod log;
mod metric;
pub mod probe;
#[doc(hidden)]
pub mod rule;
mod site;
mod span;
pub mod table;
mod value;

#[doc(hidden)]
pub use core as __core;

pub use context::{Attached, Context};
pub use future::{carry, carry_call, carry_in, instrument, Carried, Instrumented, Streamed};
pub use http::Resend;
pub use log::{log_identifiers, logs_enabled, Log, Severity};
pub use metric::{observe, Instrument, InstrumentKind, Observer};
pub use site::{Convention, Kind, Site};
pub use span::{Entered, Outcome, Parent, Span, Start};
pub use value::{Attribute, Value};

/// True when an agent is installed in this process.
///
/// Glue code asks this before it computes anything that only a span would need.
#[inline]
pub fn active() -> bool {
    table::get().is_some()
}

/// A value of type `T` that is never made.
///
/// Woven async bodies contain `if false { return never::<T>(); }`, which tells the compiler the
/// type of the body without a lint to silence. Calling it does not return.
#[doc(hidden)]
#[cold]
pub fn never<T>() -> T {
    loop {
        core::hint::spin_loop();
    }
}
