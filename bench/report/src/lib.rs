//! What all benchmarks share: statistics, interleaved rounds, the head of a report, processes,
//! and the services under test, built plain or woven.
//!
//! It measures nothing itself but the time that a command takes.

mod command;
mod documented;
mod project;
mod samples;
mod table;

pub use command::{Arguments, bench_root, run, seconds};
pub use documented::Documented;
pub use project::{Build, Profile, Project, Weaving, cargo_selvedge, scratch};
pub use samples::{Samples, interleave};
pub use table::{Table, head};
