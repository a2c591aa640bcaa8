//! Arguments of the benchmarks, and processes that they time.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

/// The arguments that the benchmarks understand: `--full`, `--rounds <n>`, `--seconds <n>`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// Longer and more rounds, for figures to publish.
    pub full: bool,
    /// Rounds, instead of the benchmark's default.
    pub rounds: Option<usize>,
    /// Seconds of one measurement, instead of the benchmark's default.
    pub seconds: Option<u64>,
}

impl Arguments {
    /// The arguments of this process.
    pub fn from_environment() -> Result<Self, String> {
        Self::parse(std::env::args().skip(1))
    }

    fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--full" => parsed.full = true,
                "--rounds" => parsed.rounds = Some(number(arguments.next())? as usize),
                "--seconds" => parsed.seconds = Some(number(arguments.next())?),
                other => return Err(format!("unknown argument {other:?}")),
            }
        }
        Ok(parsed)
    }

    /// Rounds to run: what was asked for, else the short or the full default.
    pub fn rounds(&self, short: usize, full: usize) -> usize {
        self.rounds.unwrap_or(if self.full { full } else { short })
    }
}

fn number(argument: Option<String>) -> Result<u64, String> {
    let argument = argument.ok_or("a number is missing")?;
    argument
        .parse()
        .map_err(|_| format!("{argument:?} is not a number"))
}

/// The folder `bench/` of the checkout that this was built from.
pub fn bench_root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package
        .parent()
        .expect("this package stands in bench/")
        .to_owned()
}

/// Runs a command to its end; its output is part of the error when it fails.
pub fn run(command: &mut Command) -> Result<Output, String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("failed to run {command:?}: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let messages = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "{command:?} failed ({}):\n{messages}",
        output.status
    ))
}

/// Runs a command to its end: the seconds it took, and what it said.
pub fn seconds(command: &mut Command) -> Result<(f64, Output), String> {
    let started = Instant::now();
    let output = run(command)?;
    Ok((started.elapsed().as_secs_f64(), output))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arguments: &[&str], expected: Result<Arguments, &str>) {
        let parsed = Arguments::parse(arguments.iter().map(ToString::to_string));
        assert_eq!(parsed, expected.map_err(ToOwned::to_owned));
    }

    #[test]
    fn rounds_and_seconds_are_numbers() {
        let expected = Arguments {
            full: true,
            rounds: Some(3),
            seconds: Some(5),
        };
        check(&["--full", "--rounds", "3", "--seconds", "5"], Ok(expected));
        check(&["--rounds"], Err("a number is missing"));
        check(&["--rounds", "many"], Err("\"many\" is not a number"));
    }

    #[test]
    fn an_unknown_argument_is_named() {
        check(&["--fast"], Err("unknown argument \"--fast\""));
    }
}
