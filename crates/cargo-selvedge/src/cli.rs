//! The command line.

use std::ffi::OsString;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::arguments::CargoArguments;
use crate::commands;
use crate::driver;
use crate::exit::Exit;
use crate::files;

const EXAMPLES: &str = "\
Examples:
  cargo selvedge build --release      build the service, woven, into target/selvedge/release
  cargo selvedge run                  run it; SELVEDGE_EXPORT=console prints span trees
  cargo selvedge init                 write a selvedge.toml that fits this project's dependencies
  cargo selvedge plan                 what would be woven, without building
  cargo selvedge diff hyper           what was changed in hyper
  cargo selvedge inspect ./service    what is woven into a binary

Exit codes: 0 done, 1 failure, 2 usage, 3 selvedge.toml is wrong, 4 a rule matched nothing,
5 --strict and an integration was left out, 6 verify failed; cargo's own otherwise.";

/// Compiles an unmodified Rust service with OpenTelemetry traces, metrics and logs woven in.
#[derive(Debug, Parser)]
#[command(name = "cargo selvedge", bin_name = "cargo selvedge", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build woven; arguments as for `cargo build`
    #[command(
        after_help = "Examples:\n  cargo selvedge build                     into target/selvedge/debug\n  cargo selvedge build --release -p web    into target/selvedge/release\n  cargo selvedge build --strict            exit code 5 where an integration was left out"
    )]
    Build(Passed),
    /// Build woven and run; arguments as for `cargo run`
    #[command(
        after_help = "Examples:\n  cargo selvedge run --bin web -- --port 8080\n  cargo selvedge run                       with SELVEDGE_EXPORT=console set: prints span trees"
    )]
    Run(Passed),
    /// Build woven and test; arguments as for `cargo test`
    #[command(after_help = "Examples:\n  cargo selvedge test -p web orders::")]
    Test(Passed),
    /// Build woven and bench; arguments as for `cargo bench`
    #[command(after_help = "Examples:\n  cargo selvedge bench --bench speed")]
    Bench(Passed),
    /// Check woven; arguments as for `cargo check`
    #[command(after_help = "Examples:\n  cargo selvedge check --all-targets")]
    Check(Passed),
    /// Build woven and install; arguments as for `cargo install`
    #[command(
        after_help = "Examples:\n  cargo selvedge install ripgrep           from the registry\n  cargo selvedge install --path ."
    )]
    Install(Passed),
    /// Lint; crates of the workspace are linted as you wrote them
    #[command(after_help = "Examples:\n  cargo selvedge clippy --all-targets -- -D warnings")]
    Clippy(Passed),
    /// Write a commented selvedge.toml made from what the project depends on
    Init(commands::init::Options),
    /// Show what would be woven, without building
    Plan(commands::plan::Options),
    /// Show what the last build changed, as a unified diff
    Diff(commands::diff::Options),
    /// Explain a rule or an integration
    Explain(commands::explain::Options),
    /// Weave and compile every integration against the versions it claims
    Verify(commands::verify::Options),
    /// Check toolchain, wrapper chain, cache and endpoint
    Doctor(commands::doctor::Options),
    /// Print the manifest of a woven binary
    Inspect(commands::inspect::Options),
    /// Remove what Selvedge built for this project
    Clean(commands::clean::Options),
}

/// For cargo, and Selvedge's own `--strict` and `--no-report`.
#[derive(Debug, Args)]
struct Passed {
    /// Cargo's arguments; also --strict (an integration left out is an error) and --no-report
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGUMENTS"
    )]
    arguments: Vec<OsString>,
}

/// Cargo's commands that are run woven.
const OF_CARGO: [&str; 7] = [
    "build", "run", "test", "bench", "check", "install", "clippy",
];

/// Runs a command. `cargo selvedge x` calls `cargo-selvedge selvedge x`.
pub(crate) fn run(mut arguments: Vec<OsString>) -> Exit {
    if arguments.first().is_some_and(|first| first == "selvedge") {
        arguments.remove(0);
    }
    if let Some(command) = arguments
        .first()
        .and_then(|first| OF_CARGO.into_iter().find(|command| first == *command))
        && !arguments
            .get(1)
            .is_some_and(|next| next == "--help" || next == "-h")
    {
        // Not by way of clap, which would take a `--` that is cargo's.
        let passed = CargoArguments::parse(command, arguments.split_off(1));
        return exit(driver::run(command, passed));
    }
    let cli = match Cli::try_parse_from(std::iter::once("cargo selvedge".into()).chain(arguments)) {
        Ok(cli) => cli,
        Err(error) => {
            // Nothing is left to do if the terminal is gone.
            drop(error.print());
            return if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Success
            };
        }
    };
    exit(dispatch(cli.command))
}

fn exit(result: Result<Exit>) -> Exit {
    result.unwrap_or_else(|error| {
        files::tell(&format!("error: {error:#}"));
        Exit::Failure
    })
}

fn dispatch(command: Command) -> Result<Exit> {
    match command {
        Command::Build(_)
        | Command::Run(_)
        | Command::Test(_)
        | Command::Bench(_)
        | Command::Check(_)
        | Command::Install(_)
        | Command::Clippy(_) => {
            unreachable!("cargo's commands are dispatched before clap sees them")
        }
        Command::Init(options) => commands::init::run(&options),
        Command::Plan(options) => commands::plan::run(&options),
        Command::Diff(options) => commands::diff::run(&options),
        Command::Explain(options) => commands::explain::run(&options),
        Command::Verify(options) => commands::verify::run(&options),
        Command::Doctor(options) => commands::doctor::run(&options),
        Command::Inspect(options) => commands::inspect::run(&options),
        Command::Clean(options) => commands::clean::run(&options),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_of_cargo_is_known_to_the_help() {
        for command in OF_CARGO {
            assert!(
                Cli::command().find_subcommand(command).is_some(),
                "{command}"
            );
        }
    }
}
