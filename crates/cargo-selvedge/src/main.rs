//! The `cargo selvedge` command, and the rustc wrapper that it puts under cargo.
//!
//! One binary plays three parts, told apart before anything else is done because cargo calls it
//! for each crate: the command, the wrapper of rustc, and the wrapper of rustdoc. This crate does
//! all input and output; what is woven where is `selvedge-weave`'s to decide.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

mod arguments;
mod baked;
mod cli;
mod commands;
mod config;
mod driver;
mod embedded;
mod exit;
mod files;
mod hash;
mod kit;
mod project;
mod prune;
mod recall;
mod report;
mod rule_problems;
mod selection;
mod session;
mod state;
mod toolchain;
mod weaving;
mod wrapper;

fn main() -> ExitCode {
    let mut arguments = env::args_os();
    let own_name = arguments.next().unwrap_or_default();
    let arguments: Vec<OsString> = arguments.collect();
    if Path::new(&own_name)
        .file_stem()
        .is_some_and(|stem| stem == wrapper::RUSTDOC)
    {
        return wrapper::run_rustdoc(arguments).into();
    }
    if arguments
        .first()
        .is_some_and(|first| names_a_compiler(first))
    {
        return wrapper::run(arguments).into();
    }
    cli::run(arguments).into()
}

/// True for the first argument that cargo gives a wrapper: the path of the next compiler. No
/// command has a separator in its name or is called like a compiler.
fn names_a_compiler(argument: &OsStr) -> bool {
    let path = Path::new(argument);
    path.components().count() > 1
        || path
            .file_stem()
            .is_some_and(|stem| stem == "rustc" || stem == "clippy-driver")
}
