//! What cargo was asked to build: which targets of which members, and in which way.

use std::ffi::OsString;

use crate::project::{Package, Project, Target};

/// Options that pick packages by name.
const PACKAGE: [&str; 2] = ["--package", "-p"];
/// Options that pick all targets of a kind, with that kind.
const ALL_OF: [(&str, Kind); 5] = [
    ("--lib", Kind::Library),
    ("--bins", Kind::Binary),
    ("--examples", Kind::Example),
    ("--tests", Kind::Test),
    ("--benches", Kind::Bench),
];
/// Options that pick targets of a kind by name, with that kind.
const NAMED: [(&str, Kind); 4] = [
    ("--bin", Kind::Binary),
    ("--example", Kind::Example),
    ("--test", Kind::Test),
    ("--bench", Kind::Bench),
];

/// The kinds of targets that cargo's options tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Of any crate type.
    Library,
    /// `src/main.rs`, `src/bin`.
    Binary,
    /// `examples`.
    Example,
    /// Integration tests.
    Test,
    /// `benches`.
    Bench,
}

/// The part of cargo's arguments that picks packages and targets.
#[derive(Debug, Default)]
pub(crate) struct Picked {
    is_testing: bool,
    is_workspace: bool,
    packages: Vec<String>,
    excluded: Vec<String>,
    all_targets: bool,
    kinds: Vec<Kind>,
    named: Vec<(Kind, String)>,
}

impl Picked {
    /// Reads what was given to `cargo <command>`, up to `--`.
    pub(crate) fn parse(command: &str, arguments: &[OsString]) -> Self {
        let mut picked = Self {
            is_testing: matches!(command, "test" | "bench"),
            ..Self::default()
        };
        let mut rest = arguments
            .iter()
            .filter_map(|argument| argument.to_str())
            .take_while(|argument| *argument != "--");
        while let Some(argument) = rest.next() {
            picked.take(argument, &mut rest);
        }
        // What a command is for when nothing is picked.
        match command {
            "test" if picked.picks_no_kind() => {
                picked.kinds.extend([Kind::Test, Kind::Example]);
            }
            "bench" if picked.picks_no_kind() => picked.kinds.push(Kind::Bench),
            _ if picked.picks_no_kind() => picked.kinds.extend([Kind::Library, Kind::Binary]),
            _ => {}
        }
        picked
    }

    fn take<'a>(&mut self, argument: &'a str, rest: &mut dyn Iterator<Item = &'a str>) {
        match argument {
            "--workspace" | "--all" => return self.is_workspace = true,
            "--all-targets" => return self.all_targets = true,
            _ => {}
        }
        if let Some((_, kind)) = ALL_OF.iter().find(|(option, _)| *option == argument) {
            return self.kinds.push(*kind);
        }
        let mut value = |option: &str| {
            let given = argument.strip_prefix(option)?;
            match given.strip_prefix('=') {
                Some(value) => Some(value.to_owned()),
                None if given.is_empty() => rest.next().map(str::to_owned),
                // `-pname`
                None => (!option.starts_with("--")).then(|| given.to_owned()),
            }
        };
        if let Some(package) = PACKAGE.into_iter().find_map(&mut value) {
            self.packages.push(package);
        } else if let Some(package) = value("--exclude") {
            self.excluded.push(package);
        } else {
            let named = NAMED
                .into_iter()
                .find_map(|(option, kind)| Some((kind, value(option)?)));
            self.named.extend(named);
        }
    }

    fn picks_no_kind(&self) -> bool {
        !self.all_targets && self.kinds.is_empty() && self.named.is_empty()
    }

    /// True for a member that is to be built.
    pub(crate) fn picks_package(&self, project: &Project, package: &Package) -> bool {
        let is_in = |specs: &[String]| specs.iter().any(|spec| names(spec, package));
        if self.is_workspace {
            !is_in(&self.excluded)
        } else if self.packages.is_empty() {
            project.default_members.contains(&package.name)
        } else {
            is_in(&self.packages)
        }
    }

    /// True for a target that is to be built, as a test (`--test`) or as it is.
    pub(crate) fn picks_target(&self, package: &Package, target: &Target, as_test: bool) -> bool {
        let kind = kind(target);
        self.picks(kind, &target.name, as_test) || {
            // Integration tests run the package's programs.
            let is_program_of_tests = kind == Kind::Binary && !as_test;
            is_program_of_tests
                && package.targets.iter().any(|other| {
                    let of = self::kind(other);
                    matches!(of, Kind::Test | Kind::Bench) && self.picks(of, &other.name, true)
                })
        }
    }

    fn picks(&self, kind: Kind, name: &str, as_test: bool) -> bool {
        // Whether a test or benchmark has a harness is its own affair.
        let is_as_asked = matches!(kind, Kind::Test | Kind::Bench)
            || as_test == self.is_testing
            || kind == Kind::Example;
        let is_of_kind = |picked: &Kind| match picked {
            Kind::Test => kind == Kind::Test || as_test && kind != Kind::Bench,
            Kind::Bench => kind == Kind::Bench || as_test && kind != Kind::Test,
            other => *other == kind && is_as_asked,
        };
        let is_named = |(picked, pattern): &(Kind, String)| {
            *picked == kind && is_as_asked && matches_glob(pattern, name)
        };
        self.all_targets || self.kinds.iter().any(is_of_kind) || self.named.iter().any(is_named)
    }
}

fn kind(target: &Target) -> Kind {
    match target.kind.first().map(String::as_str) {
        Some("bin") => Kind::Binary,
        Some("example") => Kind::Example,
        Some("test") => Kind::Test,
        Some("bench") => Kind::Bench,
        _ => Kind::Library,
    }
}

/// True when a package id specification (`name`, `name@1.2`, a URL with or without these after a
/// `#`) fits a package.
fn names(spec: &str, package: &Package) -> bool {
    let spec = match spec.rsplit_once('#') {
        Some((_, fragment)) => fragment,
        None if spec.contains("://") => return is_at(spec, package),
        None => spec,
    };
    if spec.starts_with(|first: char| first.is_ascii_digit()) {
        return package.version.starts_with(spec);
    }
    let (name, version) = spec
        .split_once(['@', ':'])
        .map_or((spec, None), |(name, version)| (name, Some(version)));
    matches_glob(name, &package.name)
        && version.is_none_or(|version| package.version.starts_with(version))
}

/// True when a URL of a directory is that of a package.
fn is_at(url: &str, package: &Package) -> bool {
    let path = url.split_once("://").map_or(url, |(_, path)| path);
    let mut targets = package.targets.iter();
    targets.any(|target| target.src_path.starts_with(path))
}

/// `*` and `?` as cargo takes them in names. Sets (`[ab]`) are taken to fit: too much is reported
/// rather than too little.
fn matches_glob(pattern: &str, name: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => name.is_empty(),
        Some('[') => true,
        Some('*') => {
            let ends = name
                .char_indices()
                .map(|(index, _)| index)
                .chain([name.len()]);
            ends.into_iter()
                .any(|index| matches_glob(rest.as_str(), &name[index..]))
        }
        Some(wanted) => name
            .strip_prefix(|first| first == wanted || wanted == '?')
            .is_some_and(|name| matches_glob(rest.as_str(), name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str) -> Package {
        let package = name;
        let target = |kind: &str, name: &str| Target {
            name: name.to_owned(),
            kind: vec![kind.to_owned()],
            src_path: format!("/w/{package}/{kind}-{name}.rs").into(),
            edition: "2024".to_owned(),
        };
        Package {
            name: name.to_owned(),
            version: "0.1.0".to_owned(),
            targets: vec![
                target("lib", name),
                target("bin", "serve"),
                target("bin", "admin"),
                target("test", "whole"),
                target("bench", "speed"),
            ],
        }
    }

    /// The packages and, of `a`, the targets that a command picks; `+` marks tests.
    fn picked(arguments: &str) -> String {
        let mut words = arguments.split_whitespace();
        let command = words.next().unwrap_or_default();
        let arguments: Vec<OsString> = words.map(OsString::from).collect();
        let picked = Picked::parse(command, &arguments);
        let (a, b) = (package("a"), package("b-c"));
        let project = Project {
            root: "/w".into(),
            target: "/w/target".into(),
            config: None,
            default_members: vec![a.name.clone()],
            packages: Vec::new(),
        };
        let mut names = Vec::new();
        for package in [&a, &b] {
            if picked.picks_package(&project, package) {
                names.push(package.name.clone());
            }
        }
        names.push("|".to_owned());
        for target in &a.targets {
            for (as_test, mark) in [(false, ""), (true, "+")] {
                if picked.picks_target(&a, target, as_test) {
                    names.push(format!("{}{mark}", target.name));
                }
            }
        }
        names.join(" ")
    }

    #[test]
    fn packages_are_picked_as_cargo_does() {
        assert_eq!(picked("build"), "a | a serve admin");
        assert_eq!(picked("build --workspace"), "a b-c | a serve admin");
        assert_eq!(picked("build --all --exclude=a"), "b-c | a serve admin");
        for spec in [
            "-p b-c",
            "-pb-c",
            "--package=b-*",
            "-p b?c@0.1",
            "-p path+file:///w/b-c#0.1.0",
            "-p path+file:///w/b-c",
        ] {
            let picked = picked(&format!("build {spec} -- -p a"));
            assert!(picked.contains("b-c |"), "{spec}: {picked}");
        }
    }

    #[test]
    fn targets_are_picked_as_cargo_does() {
        assert_eq!(picked("build --bin ad*"), "a | admin");
        assert_eq!(picked("check --lib"), "a | a");
        assert_eq!(
            picked("test"),
            "a | a+ serve serve+ admin admin+ whole whole+"
        );
        assert_eq!(picked("test --lib"), "a | a+");
        assert_eq!(picked("test --test whole"), "a | serve admin whole whole+");
        assert_eq!(
            picked("bench"),
            "a | a+ serve serve+ admin admin+ speed speed+"
        );
        assert_eq!(
            picked("build --all-targets"),
            "a | a a+ serve serve+ admin admin+ whole whole+ speed speed+"
        );
    }
}
