//! Woven builds by the real cargo and rustc.
#![expect(
    clippy::unwrap_used,
    reason = "a fixture that cannot be made is a failed test"
)]

mod cache;
mod cases;
mod commands;
mod cross;
mod diagnostics;
mod fail_open;
mod graph;
mod matrix;
mod project;
mod questions;
mod robust;
mod run;
mod sccache;
mod streams;
mod tls;
