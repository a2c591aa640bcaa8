//! The arguments meant for cargo: read where Selvedge must know, otherwise left as they are.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// What the user typed after `cargo selvedge <command>`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct CargoArguments {
    /// For cargo, in order, without Selvedge's own flags and without `--target-dir`.
    pub(crate) passed: Vec<OsString>,
    /// `--manifest-path`.
    pub(crate) manifest_path: Option<PathBuf>,
    /// `--target-dir`.
    pub(crate) target_dir: Option<PathBuf>,
    /// `--target`, each.
    pub(crate) targets: Vec<String>,
    /// The profile's directory, if an option names the profile.
    pub(crate) profile: Option<String>,
    /// `--config`, each.
    pub(crate) config: Vec<OsString>,
    /// `--quiet` or `-q`.
    pub(crate) quiet: bool,
    /// `--strict`: an integration left out is an error.
    pub(crate) strict: bool,
    /// `--no-report`.
    pub(crate) no_report: bool,
    /// Where in `passed` the program's own arguments begin.
    pub(crate) program_at: Option<usize>,
}

/// Options of `cargo run` whose value may stand apart, but for those that are read here.
const VALUED_OF_RUN: [&str; 13] = [
    "-p",
    "--package",
    "--bin",
    "--example",
    "-F",
    "--features",
    "-j",
    "--jobs",
    "-Z",
    "--color",
    "--message-format",
    "--lockfile-path",
    "-C",
];

impl CargoArguments {
    /// Reads up to `--`, or for `run` up to the first argument that is no option's; what follows
    /// belongs to the program.
    pub(crate) fn parse(command: &str, arguments: Vec<OsString>) -> Self {
        let mut parsed = Self::default();
        let mut rest = arguments.into_iter().peekable();
        let is_option = |argument: &OsString| argument.as_encoded_bytes().starts_with(b"-");
        while let Some(argument) = rest.next() {
            if argument == "--" || command == "run" && !is_option(&argument) {
                parsed.program_at = Some(parsed.passed.len());
                parsed.passed.push(argument);
                parsed.passed.extend(rest);
                break;
            }
            let is_valued = VALUED_OF_RUN.iter().any(|name| argument == *name);
            parsed.take(argument, &mut rest);
            if command == "run" && is_valued {
                parsed
                    .passed
                    .extend(rest.next_if(|value| !is_option(value)));
            }
        }
        parsed
    }

    /// What is for cargo and not for the program that it runs.
    pub(crate) fn of_cargo(&self) -> &[OsString] {
        &self.passed[..self.program_at.unwrap_or(self.passed.len())]
    }

    fn take(&mut self, argument: OsString, rest: &mut dyn Iterator<Item = OsString>) {
        match argument.to_str() {
            Some("--strict") => return self.strict = true,
            Some("--no-report") => return self.no_report = true,
            Some("--quiet" | "-q") => self.quiet = true,
            Some("--release" | "-r") => self.profile = Some("release".to_owned()),
            _ => {}
        }
        let Some((name, inline)) = valued(&argument) else {
            return self.passed.push(argument);
        };
        let value = inline.clone().or_else(|| rest.next());
        let Some(text) = value.clone() else {
            return self.passed.push(argument);
        };
        match name {
            "--manifest-path" => self.manifest_path = Some(text.into()),
            "--target-dir" => return self.target_dir = Some(text.into()),
            "--target" => self.targets.extend(text.into_string()),
            "--profile" => self.profile = text.to_str().map(profile_directory),
            _ => self.config.push(text),
        }
        self.passed.push(argument);
        if inline.is_none() {
            self.passed.extend(value);
        }
    }
}

/// Splits `--name=value` where Selvedge wants to know the value.
fn valued(argument: &OsStr) -> Option<(&'static str, Option<OsString>)> {
    let text = argument.to_str()?;
    [
        "--manifest-path",
        "--target-dir",
        "--target",
        "--profile",
        "--config",
    ]
    .into_iter()
    .find_map(|name| {
        let rest = text.strip_prefix(name)?;
        match rest.strip_prefix('=') {
            Some(value) => Some((name, Some(value.into()))),
            None => rest.is_empty().then_some((name, None)),
        }
    })
}

/// Where cargo puts what it builds with a profile.
pub(crate) fn profile_directory(profile: &str) -> String {
    match profile {
        "dev" | "test" => "debug".to_owned(),
        "bench" => "release".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> CargoArguments {
        parse_for("build", text)
    }

    fn parse_for(command: &str, text: &str) -> CargoArguments {
        let arguments = text.split_whitespace().map(OsString::from);
        CargoArguments::parse(command, arguments.collect())
    }

    #[test]
    fn what_follows_the_first_word_of_its_own_is_the_programs() {
        let parsed = parse_for("run", "-q --bin web -F a --target t serve --strict -p x");
        assert_eq!(
            parsed.of_cargo().join(OsStr::new(" ")),
            "-q --bin web -F a --target t"
        );
        assert_eq!(parsed.passed.len(), 11);
        assert!(!parsed.strict && parsed.quiet);
        let parsed = parse_for("run", "--release -- serve");
        assert_eq!(parsed.of_cargo(), ["--release"]);
        let parsed = parse_for("test", "name --release --strict");
        assert_eq!(parsed.of_cargo(), ["name", "--release"]);
        assert!(parsed.strict);
    }

    #[test]
    fn cargo_gets_everything_but_our_flags_and_the_target_directory() {
        let parsed = parse(
            "--release --strict -p a --target-dir /t --target=x86 --no-report -- --strict --target-dir b",
        );
        assert_eq!(
            parsed.passed.join(OsStr::new(" ")),
            "--release -p a --target=x86 -- --strict --target-dir b"
        );
        assert_eq!(parsed.target_dir, Some("/t".into()));
        assert_eq!(parsed.targets, ["x86"]);
        assert!(parsed.strict && parsed.no_report);
    }

    #[test]
    fn values_may_stand_apart_or_after_an_equals_sign() {
        let parsed = parse("--manifest-path a/Cargo.toml --target t1 --target=t2 --target-dir=/x");
        assert_eq!(parsed.manifest_path, Some("a/Cargo.toml".into()));
        assert_eq!(parsed.targets, ["t1", "t2"]);
        assert_eq!(parsed.target_dir, Some("/x".into()));
        assert_eq!(parsed.passed.len(), 5);
    }
}
