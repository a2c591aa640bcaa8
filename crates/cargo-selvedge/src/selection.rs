//! Which part of a project a command is about, said as to `cargo build`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use clap::Args;

use crate::arguments::{CargoArguments, profile_directory};
use crate::project::Target;

/// Where the project is.
#[derive(Debug, Args)]
pub(crate) struct Location {
    /// Path to Cargo.toml
    #[arg(long, value_name = "PATH")]
    manifest_path: Option<PathBuf>,
    /// Directory for all artifacts; woven ones are in its `selvedge`
    #[arg(long, value_name = "DIRECTORY")]
    target_dir: Option<PathBuf>,
}

impl Location {
    /// As cargo takes it.
    pub(crate) fn arguments(&self) -> CargoArguments {
        CargoArguments {
            manifest_path: self.manifest_path.clone(),
            target_dir: self.target_dir.clone(),
            ..CargoArguments::default()
        }
    }
}

/// What `cargo build` would be given.
#[derive(Debug, Args)]
#[command(next_help_heading = "As for `cargo build`")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of cargo's that the user gives by itself"
)]
pub(crate) struct Selection {
    #[command(flatten)]
    location: Location,
    /// Package (can be repeated)
    #[arg(short, long = "package", value_name = "NAME")]
    packages: Vec<String>,
    /// All packages of the workspace
    #[arg(long)]
    workspace: bool,
    /// Package of the workspace to leave out
    #[arg(long, value_name = "NAME")]
    exclude: Vec<String>,
    /// The libraries
    #[arg(long)]
    lib: bool,
    /// All programs
    #[arg(long)]
    bins: bool,
    /// One program
    #[arg(long, value_name = "NAME")]
    bin: Vec<String>,
    /// All examples
    #[arg(long)]
    examples: bool,
    /// One example
    #[arg(long, value_name = "NAME")]
    example: Vec<String>,
    /// Features to turn on
    #[arg(short = 'F', long, value_name = "FEATURES")]
    features: Vec<String>,
    /// Turn all features on
    #[arg(long)]
    all_features: bool,
    /// Turn the default feature off
    #[arg(long)]
    no_default_features: bool,
    /// With the release profile
    #[arg(short, long)]
    release: bool,
    /// With a profile
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// For a target
    #[arg(long, value_name = "TRIPLE")]
    target: Vec<String>,
    /// Cargo.lock must be right already
    #[arg(long)]
    locked: bool,
    /// Without the network
    #[arg(long)]
    offline: bool,
    /// Both of them
    #[arg(long)]
    frozen: bool,
    /// Override a value of cargo's configuration
    #[arg(long, value_name = "KEY=VALUE")]
    config: Vec<OsString>,
}

impl Selection {
    /// As cargo takes it, as far as Selvedge looks at it.
    pub(crate) fn arguments(&self) -> CargoArguments {
        CargoArguments {
            targets: self.target.clone(),
            profile: self.profile(),
            config: self.config.clone(),
            ..self.location.arguments()
        }
    }

    /// The profile's directory, if one is named.
    pub(crate) fn profile(&self) -> Option<String> {
        let release = self.release.then(|| "release".to_owned());
        release.or_else(|| self.profile.as_deref().map(profile_directory))
    }

    /// Gives `cargo metadata` what decides over features and dependencies. `host` is the target
    /// where none is named.
    pub(crate) fn pass_to_metadata(&self, command: &mut Command, host: &str) {
        for features in &self.features {
            command.args(["--features", features]);
        }
        for config in &self.config {
            command.arg("--config").arg(config);
        }
        let flags = [
            (self.all_features, "--all-features"),
            (self.no_default_features, "--no-default-features"),
            (self.locked, "--locked"),
            (self.offline, "--offline"),
            (self.frozen, "--frozen"),
        ];
        command.args(flags.iter().filter(|(on, _)| *on).map(|(_, name)| name));
        if self.target.is_empty() {
            command.args(["--filter-platform", host]);
        }
        for target in &self.target {
            command.args(["--filter-platform", target]);
        }
    }

    /// Packages that are named and that the workspace does not have.
    pub(crate) fn unknown_packages<'a>(&'a self, members: &[&str]) -> Vec<&'a str> {
        let named = self.packages.iter().chain(&self.exclude);
        named
            .map(|spec| name_of(spec))
            .filter(|name| !name.contains('*') && !members.contains(name))
            .collect()
    }

    /// Programs and examples that are named and that no member has.
    pub(crate) fn unknown_targets<'a>(&'a self, targets: &[&Target]) -> Vec<&'a str> {
        let of_kind = |names: &'a [String], kind: &'static str| {
            let is_there = move |name: &str| {
                let mut targets = targets.iter();
                targets.any(|target| {
                    target.kind.iter().any(|known| known == kind) && fits(name, &target.name)
                })
            };
            let names = names.iter().map(String::as_str);
            names.filter(move |name| !is_there(name))
        };
        of_kind(&self.bin, "bin")
            .chain(of_kind(&self.example, "example"))
            .collect()
    }

    /// Whether a package is meant; `is_default` says so where none is named.
    pub(crate) fn has_package(&self, name: &str, is_default: bool) -> bool {
        let named = |specs: &[String]| specs.iter().any(|spec| fits(name_of(spec), name));
        let is_meant = match self.packages.as_slice() {
            _ if self.workspace => true,
            [] => is_default,
            packages => named(packages),
        };
        is_meant && !named(&self.exclude)
    }

    /// Whether it leaves out what is not named.
    pub(crate) fn names_packages(&self) -> bool {
        !self.packages.is_empty() || !self.bin.is_empty() || !self.example.is_empty()
    }

    /// Like [`Selection::has_target`], of what a build has made: examples too, unless other
    /// targets are named.
    pub(crate) fn has_built(&self, target: &Target) -> bool {
        self.has_target(target) || self.has_default_targets()
    }

    /// Whether a target of such a member is meant. Libraries are what the others depend on.
    pub(crate) fn has_target(&self, target: &Target) -> bool {
        let is = |wanted: &str| target.kind.iter().any(|kind| kind == wanted);
        let named = |names: &[String]| names.iter().any(|name| fits(name, &target.name));
        if is("bin") {
            self.bins || named(&self.bin) || self.has_default_targets()
        } else if is("example") {
            self.examples || named(&self.example)
        } else {
            true
        }
    }

    /// Whether dependencies of tests and examples matter.
    pub(crate) fn has_development_targets(&self) -> bool {
        self.examples || !self.example.is_empty()
    }

    fn has_default_targets(&self) -> bool {
        let flags = [self.lib, self.bins, self.examples];
        !flags.contains(&true) && self.bin.is_empty() && self.example.is_empty()
    }
}

/// The name in a package id specification such as `name@1.2.0`.
fn name_of(spec: &str) -> &str {
    let spec = spec.rsplit('#').next().unwrap_or(spec);
    spec.split(['@', ':']).next().unwrap_or(spec)
}

/// cargo takes globs here; `*` is the one that is in use.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, after)) => name.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len()).any(|at| rest.is_char_boundary(at) && fits(after, &rest[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        selection: Selection,
    }

    fn selection(text: &str) -> Selection {
        Command::parse_from(std::iter::once("x").chain(text.split_whitespace())).selection
    }

    fn target(kind: &str, name: &str) -> Target {
        Target {
            name: name.to_owned(),
            kind: vec![kind.to_owned()],
            src_path: PathBuf::new(),
            edition: "2024".to_owned(),
        }
    }

    #[test]
    fn packages_are_selected_as_cargo_does() {
        assert!(selection("").has_package("a", true));
        assert!(selection("-p a@1.0.0").has_package("a", true));
        assert!(!selection("-p a").has_package("b", true));
        assert!(!selection("").has_package("a", false));
        assert!(selection("--workspace").has_package("a", false));
        assert!(selection("-p shop-*").has_package("shop-web", false));
        assert!(!selection("--workspace --exclude b").has_package("b", true));
        assert_eq!(selection("-p a -p c").unknown_packages(&["a", "b"]), ["c"]);
    }

    #[test]
    fn a_program_brings_its_library_and_no_other_program() {
        let one = selection("--bin web");
        assert!(one.has_target(&target("bin", "web")));
        assert!(!one.has_target(&target("bin", "worker")));
        assert!(one.has_target(&target("lib", "shop")));
        assert!(selection("").has_target(&target("bin", "worker")));
        assert!(!selection("").has_target(&target("example", "show")));
        assert!(!selection("--lib").has_target(&target("bin", "web")));
        let web = target("bin", "web");
        assert_eq!(selection("--bin wb").unknown_targets(&[&web]), ["wb"]);
        assert_eq!(selection("--bin web").unknown_targets(&[&web]), [""; 0]);
    }

    #[test]
    fn profiles_are_known_by_their_directories() {
        assert_eq!(selection("-r").profile().as_deref(), Some("release"));
        assert_eq!(
            selection("--profile dev").profile().as_deref(),
            Some("debug")
        );
        assert_eq!(selection("").profile(), None);
    }
}
