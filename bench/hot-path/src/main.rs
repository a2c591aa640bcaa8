//! What one hook, span or measurement costs the calling thread, next to its rivals, and what
//! memory a steady stream of spans takes.
//!
//! Each contender runs in a process of its own, so that no other's threads, tables or
//! subscribers are in its way; the processes take turns.

mod allocations;
mod contender;
mod driver;
mod meter;
mod rivals;
mod selvedge;

use std::process::ExitCode;

/// First argument of a contender's process, before its name, mode and sizes.
const CONTENDER: &str = "contender";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.split_first() {
        Some((first, rest)) if first == CONTENDER => contender::run(rest),
        _ => report::Arguments::from_environment().and_then(|arguments| driver::run(&arguments)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hot-path: {error}");
            ExitCode::FAILURE
        }
    }
}
