//! The units that a finished build consists of: what was asked for, and all it was compiled with.
//!
//! A target directory also holds what other builds left there: other members, features, targets.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::Build;
use super::graph::Graph;
use super::picked::Picked;
use super::unit::UnitReport;
use crate::project::{Package, Project, Target};
use crate::state::State;

/// The reports of a finished build's units.
pub(super) fn reports(project: &Project, build: &Build<'_>) -> Vec<UnitReport> {
    let state = project.state();
    let mut roots = roots(project, build, &state);
    if roots.is_empty() {
        // A package that is no member, as one that is installed: what was compiled now is known to
        // be of it.
        roots = UnitReport::read_all(&state.units());
        roots.retain(|report| report.build == build.id);
    }
    let graph = Graph::read(&state.graph());
    let known: BTreeSet<&str> = roots.iter().map(|root| root.stem.as_str()).collect();
    let dependencies = graph.closure(known.iter().copied());
    let mut reports: Vec<UnitReport> = dependencies
        .difference(&known)
        .filter_map(|unit| UnitReport::read(&state, unit))
        .collect();
    reports.extend(roots);
    reports
}

/// The units that cargo was asked for. Of those that differ only in what a report does not tell
/// apart, as features, the one that is in use.
fn roots(project: &Project, build: &Build<'_>, state: &State) -> Vec<UnitReport> {
    if build.command == "install" {
        return Vec::new();
    }
    let arguments = build.arguments;
    let picked = Picked::parse(build.command, &arguments.passed);
    let entries = fs::read_dir(state.units()).into_iter().flatten().flatten();
    let paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    let mut alike: BTreeMap<_, Vec<Candidate>> = BTreeMap::new();
    for package in &project.packages {
        if !picked.picks_package(project, package) {
            continue;
        }
        for candidate in candidates(project, package, &paths) {
            let report = &candidate.report;
            let is_picked = picked.picks_target(package, candidate.target, report.role == "test");
            if is_picked && build.has_made(report, project) {
                let key = (
                    report.root.clone(),
                    report.crate_name.clone(),
                    report.role.clone(),
                    report.out_dir.clone(),
                );
                alike.entry(key).or_default().push(candidate);
            }
        }
    }
    alike
        .into_values()
        .flat_map(|alike| in_use(alike, build))
        .collect()
}

/// A unit of a member.
struct Candidate<'a> {
    report: UnitReport,
    target: &'a Target,
    written: Option<SystemTime>,
}

/// The reports of a package's units, among `paths` of reports.
fn candidates<'a>(
    project: &Project,
    package: &'a Package,
    paths: &[PathBuf],
) -> Vec<Candidate<'a>> {
    let crates: BTreeSet<String> = package.targets.iter().map(Target::crate_name).collect();
    let is_of_package = |path: &&PathBuf| {
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let name = stem.and_then(|stem| stem.rsplit_once('-'));
        name.is_some_and(|(name, _)| crates.contains(name))
    };
    let read = |path: &PathBuf| {
        let report: UnitReport = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        if report.package != package.name || report.version != package.version {
            return None;
        }
        let root = project.root.join(&report.root);
        // A program may share its root file with another, as a library with its tests.
        let target = package
            .targets
            .iter()
            .find(|target| target.src_path == root && target.crate_name() == report.crate_name)?;
        let metadata = fs::metadata(path);
        Some(Candidate {
            written: metadata.and_then(|metadata| metadata.modified()).ok(),
            target,
            report,
        })
    };
    paths
        .iter()
        .filter(is_of_package)
        .filter_map(read)
        .collect()
}

/// Those compiled just now; else the one that cargo has linked to where the user finds it; else
/// the latest.
fn in_use(mut alike: Vec<Candidate<'_>>, build: &Build<'_>) -> Vec<UnitReport> {
    if alike
        .iter()
        .any(|candidate| candidate.report.build == build.id)
    {
        alike.retain(|candidate| candidate.report.build == build.id);
    } else if alike.len() > 1 {
        let linked = alike.iter().position(Candidate::is_linked);
        let latest = || {
            let latest = alike
                .iter()
                .enumerate()
                .max_by_key(|(_, candidate)| candidate.written);
            latest.map_or(0, |(index, _)| index)
        };
        let index = linked.unwrap_or_else(latest);
        alike = vec![alike.swap_remove(index)];
    }
    alike
        .into_iter()
        .map(|candidate| candidate.report)
        .collect()
}

impl Candidate<'_> {
    /// True when the file that cargo offers to the user is the one that this unit was compiled to.
    fn is_linked(&self) -> bool {
        let UnitReport {
            stem,
            out_dir,
            crate_name,
            role,
            ..
        } = &self.report;
        let suffix = std::env::consts::EXE_SUFFIX;
        let (made, offered) = if role == "library" {
            (format!("lib{stem}.rlib"), format!("lib{crate_name}.rlib"))
        } else {
            (
                format!("{stem}{suffix}"),
                format!("{}{suffix}", self.target.name),
            )
        };
        let folder = if out_dir.ends_with("examples") {
            Some(out_dir.as_path())
        } else {
            out_dir.parent()
        };
        folder.is_some_and(|folder| is_same_file(&out_dir.join(made), &folder.join(offered)))
    }
}

#[cfg(unix)]
fn is_same_file(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let identity = |path: &Path| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.dev(), metadata.ino()))
    };
    identity(one).is_some_and(|identity_of_one| identity(other) == Some(identity_of_one))
}

/// Elsewhere files have no identity that the standard library tells.
#[cfg(not(unix))]
fn is_same_file(_: &Path, _: &Path) -> bool {
    false
}
