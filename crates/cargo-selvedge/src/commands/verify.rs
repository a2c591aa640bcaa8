//! `verify`: weaves and compiles every integration against the versions it claims to know.
//!
//! For each package: the oldest version of its range, the newest of each minor, and so the newest
//! of all. It is the gate of a release, and the first thing to run when a library brings out a
//! version.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use selvedge_weave::Integration;
use semver::{Version, VersionReq};
use serde::Deserialize;

use crate::config::integration_names;
use crate::embedded;
use crate::exit::Exit;
use crate::files;
use crate::kit;
use crate::project;
use crate::report::unit::UnitReport;
use crate::state::State;
use crate::weaving;

/// What to verify.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cargo selvedge verify hyper --fast    oldest and newest version that hyper's integration claims\n  cargo selvedge verify                 everything; takes hours"
)]
pub(crate) struct Options {
    /// One integration only
    integration: Option<String>,
    /// The oldest and the newest version only
    #[arg(long)]
    fast: bool,
}

/// A published version, as the registry's index has it.
#[derive(Clone, Debug, Deserialize)]
struct Published {
    vers: Version,
    #[serde(default)]
    yanked: bool,
    #[serde(default)]
    features: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    features2: Option<BTreeMap<String, Vec<String>>>,
}

/// What came of one version.
enum Verdict {
    Fits,
    /// It does not compile as it is either, or does not resolve: not the integration's fault.
    DoesNotBuild(String),
    Fails(String),
}

/// How many versions came to what.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    skipped: usize,
}

/// Prints one line for each version, and a last one with their numbers.
pub(crate) fn run(options: &Options) -> Result<Exit> {
    let wanted = |name: &str| {
        options
            .integration
            .as_deref()
            .is_none_or(|integration| integration == name)
    };
    let chosen: Vec<_> = embedded::integrations()
        .iter()
        .filter(|integration| wanted(integration.folder))
        .collect();
    if chosen.is_empty() {
        bail!(
            "there is no integration {}; there are: {}",
            options.integration.as_deref().unwrap_or("at all"),
            integration_names().join(", ")
        );
    }
    let scratch = Scratch::new()?;
    let mut tally = Tally::default();
    for embedded in chosen {
        let (integration, _) = weaving::load(embedded)?;
        let packages = integration.packages.iter();
        for package in packages.filter(|package| package.name != "*") {
            let published = scratch.published(&package.name)?;
            for version in chosen_versions(&published, &package.versions, options.fast) {
                let verdict = scratch.verify(&integration, &package.name, version)?;
                let (mark, reason) = tally.count(verdict);
                files::print(&format!(
                    "{mark} {} {} {}{reason}\n",
                    integration.name, package.name, version.vers
                ))?;
            }
        }
    }
    let Tally {
        passed,
        failed,
        skipped,
    } = tally;
    files::print(&format!(
        "{passed} passed, {failed} failed, {skipped} skipped\n"
    ))?;
    // Where nothing builds at all, nothing is known.
    Ok(if failed == 0 && passed > 0 {
        Exit::Success
    } else {
        Exit::Verification
    })
}

impl Tally {
    /// Counts a verdict; says what to print before and after the version.
    fn count(&mut self, verdict: Verdict) -> (&'static str, String) {
        let (mark, count, reason) = match verdict {
            Verdict::Fits => ("ok  ", &mut self.passed, None),
            Verdict::Fails(reason) => ("FAIL", &mut self.failed, Some(reason)),
            Verdict::DoesNotBuild(reason) => ("skip", &mut self.skipped, Some(reason)),
        };
        *count += 1;
        let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
        (mark, reason)
    }
}

/// The oldest, the newest of each minor, and so the newest of all; or only the first and the last.
/// Below 1.0 it is the patch that brings new things, so there each version counts as a minor.
fn chosen_versions<'a>(
    published: &'a [Published],
    range: &VersionReq,
    fast: bool,
) -> Vec<&'a Published> {
    let mut known: Vec<&Published> = published
        .iter()
        .filter(|version| !version.yanked && range.matches(&version.vers))
        .collect();
    known.sort_by(|left, right| left.vers.cmp(&right.vers));
    let minor = |index: usize| {
        let version = &known.get(index)?.vers;
        let patch = (version.major == 0).then_some(version.patch);
        Some((version.major, version.minor, patch))
    };
    let last = known.len().saturating_sub(1);
    let is_chosen =
        |index: &usize| *index == 0 || *index == last || !fast && minor(*index) != minor(index + 1);
    (0..known.len())
        .filter(is_chosen)
        .map(|index| known[index])
        .collect()
}

/// The features that aspects ask for, as far as this version has them, with `full` and `std`; none
/// if they ask for none.
fn features(integration: &Integration, package: &str, version: &Published) -> BTreeSet<String> {
    let exists = |feature: &str| {
        version.features.contains_key(feature)
            || version
                .features2
                .as_ref()
                .is_some_and(|features| features.contains_key(feature))
    };
    let aspects = integration
        .aspects
        .iter()
        .filter(|aspect| aspect.package == package);
    let mut asked: BTreeSet<&str> = aspects
        .flat_map(|aspect| aspect.features.iter().map(String::as_str))
        .collect();
    if !asked.is_empty() {
        asked.extend(["full", "std"]);
    }
    asked
        .into_iter()
        .filter(|feature| exists(feature))
        .map(str::to_owned)
        .collect()
}

/// A project that depends on one version at a time, in the user's cache so that what the versions
/// have in common is compiled once.
struct Scratch {
    root: PathBuf,
}

impl Scratch {
    fn new() -> Result<Self> {
        let root = kit::cache_directory()?.join("verify");
        files::write_if_changed(&root.join("src/lib.rs"), b"")
            .with_context(|| format!("failed to write into {}", root.display()))?;
        Ok(Self { root })
    }

    fn depend_on(&self, dependency: &str) -> Result<()> {
        let manifest = format!(
            "[package]\nname = \"selvedge-verify\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n{dependency}\n"
        );
        files::write_if_changed(&self.root.join("Cargo.toml"), manifest.as_bytes())?;
        // Each version gets the dependencies that were meant for it, not those of the one before.
        drop(fs::remove_file(self.root.join("Cargo.lock")));
        Ok(())
    }

    /// All published versions of a package. Resolving it makes cargo fetch its part of the index,
    /// which is then read from where cargo keeps it.
    fn published(&self, package: &str) -> Result<Vec<Published>> {
        self.depend_on(&format!("{package} = \"*\""))?;
        let mut cargo = Command::new(project::cargo());
        cargo
            .arg("generate-lockfile")
            .arg("--quiet")
            .current_dir(&self.root);
        let output = cargo.output().context("failed to run cargo")?;
        if !output.status.success() {
            bail!(
                "failed to find the versions of {package}: {}",
                String::from_utf8_lossy(&output.stderr).trim_end()
            );
        }
        let index = cargo_home()?.join("registry/index");
        for registry in
            fs::read_dir(&index).with_context(|| format!("failed to read {}", index.display()))?
        {
            let path = registry?.path().join(".cache").join(index_path(package));
            if let Ok(entry) = fs::read(path) {
                return Ok(read_index_entry(&entry));
            }
        }
        bail!("cargo keeps no index entry of {package}")
    }

    fn verify(
        &self,
        integration: &Integration,
        package: &str,
        version: &Published,
    ) -> Result<Verdict> {
        let features = Vec::from_iter(features(integration, package, version));
        // Defaults may bring a TLS library in C; where aspects name what they need, that will do.
        let defaults = features.is_empty();
        self.depend_on(&format!(
            "{package} = {{ version = \"={}\", default-features = {defaults}, features = {features:?} }}",
            version.vers
        ))?;
        let own = env::current_exe().context("failed to find this program")?;
        let woven = self.check(Command::new(own).arg("selvedge"))?;
        if !woven.status.success() {
            let plain = self.check(&mut Command::new(project::cargo()))?;
            return Ok(if plain.status.success() {
                Verdict::Fails(format!("builds, but not woven: {}", first_error(&woven)))
            } else {
                let error = first_error(&plain);
                Verdict::DoesNotBuild(format!("does not build by itself: {error}"))
            });
        }
        let state = State::of_target(&self.root.join("target/selvedge"));
        let is_this = |report: &UnitReport| {
            report.package == package && report.version == version.vers.to_string()
        };
        let reports = UnitReport::read_all(&state.units());
        Ok(judge(
            &integration.name,
            reports.iter().filter(|report| is_this(report)),
        ))
    }

    /// Checks without generating code: what is woven stands or falls with its types.
    fn check(&self, command: &mut Command) -> Result<Output> {
        command
            .args(["check", "--quiet"])
            .env_remove("CARGO_TARGET_DIR")
            .current_dir(&self.root)
            .output()
            .context("failed to run cargo")
    }
}

/// The first error that cargo or rustc printed, with what caused it.
fn first_error(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let mut lines = text.lines().map(str::trim);
    let mut error = lines
        .find(|line| line.starts_with("error"))
        .unwrap_or("no error was printed")
        .to_owned();
    // cargo explains itself in paragraphs, the first of which names the package.
    if error.starts_with("error: failed to") {
        let rest: Vec<&str> = lines.filter(|line| !line.is_empty()).take(2).collect();
        error = format!("{error} {}", rest.join(" "));
    }
    error
}

fn judge<'a>(integration: &str, reports: impl Iterator<Item = &'a UnitReport>) -> Verdict {
    let mut woven = false;
    for report in reports {
        if let Some(skipped) = report
            .skipped
            .iter()
            .find(|skipped| skipped.integration == integration)
        {
            return Verdict::Fails(skipped.reason.clone());
        }
        if let Some(fallback) = &report.fallback {
            return Verdict::Fails(fallback.clone());
        }
        woven |= report.integrations.contains_key(integration);
    }
    if woven {
        Verdict::Fits
    } else {
        Verdict::Fails("nothing was woven".to_owned())
    }
}

fn cargo_home() -> Result<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    home.or_else(|| env::home_dir().map(|home| home.join(".cargo")))
        .context("no CARGO_HOME and no home directory")
}

/// Where a registry's index has a package (The Cargo Book, "Index files").
fn index_path(package: &str) -> PathBuf {
    let name = package.to_lowercase();
    match name.len() {
        1 => Path::new("1").join(name),
        2 => Path::new("2").join(name),
        3 => Path::new("3").join(&name[..1]).join(name),
        _ => Path::new(&name[..2]).join(&name[2..4]).join(name),
    }
}

/// The JSON records in cargo's cache of an index entry, which separates them by NUL; what is no
/// record is cargo's own.
fn read_index_entry(entry: &[u8]) -> Vec<Published> {
    entry
        .split(|byte| *byte == 0)
        .filter_map(|piece| serde_json::from_slice(piece).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(versions: &[&str]) -> Vec<Published> {
        let entry: Vec<String> = versions
            .iter()
            .map(|version| format!("{version}\0{{\"vers\":\"{version}\"}}\0"))
            .collect();
        read_index_entry(format!("\u{3}\u{2}\0\0\0etag: x\0{}", entry.concat()).as_bytes())
    }

    #[track_caller]
    fn check(versions: &[&str], range: &str, fast: bool, expected: &[&str]) {
        let published = published(versions);
        let chosen = chosen_versions(&published, &VersionReq::parse(range).unwrap(), fast);
        let chosen: Vec<String> = chosen
            .into_iter()
            .map(|version| version.vers.to_string())
            .collect();
        assert_eq!(chosen, expected);
    }

    #[test]
    fn the_oldest_each_minor_and_the_newest_are_chosen() {
        let versions = [
            "1.0.0",
            "1.0.1",
            "1.0.2",
            "1.1.0",
            "1.1.5",
            "1.2.0-rc.1",
            "2.0.0",
        ];
        check(&versions, ">=1, <2", false, &["1.0.0", "1.0.2", "1.1.5"]);
        check(&versions, ">=1, <2", true, &["1.0.0", "1.1.5"]);
        check(&versions, ">=3", false, &[]);
        let unstable = ["0.1.0", "0.1.1", "0.1.2", "0.2.0"];
        check(&unstable, "0.1", false, &["0.1.0", "0.1.1", "0.1.2"]);
        check(&unstable, "0.1", true, &["0.1.0", "0.1.2"]);
    }

    #[test]
    fn index_paths_are_cargos() {
        for (name, path) in [
            ("a", "1/a"),
            ("ab", "2/ab"),
            ("log", "3/l/log"),
            ("Hyper", "hy/pe/hyper"),
        ] {
            assert_eq!(index_path(name), Path::new(path));
        }
    }
}
