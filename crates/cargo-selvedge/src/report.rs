//! What a woven build comes to: the manifest, the lines at the end, the exit code.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::arguments::CargoArguments;
use crate::config::Config;
use crate::exit::Exit;
use crate::files;
use crate::project::Project;
use crate::{kit, prune, rule_problems};

mod built;
pub(crate) mod graph;
pub(crate) mod manifest;
mod picked;
pub(crate) mod unit;

use manifest::{Manifest, PackageManifest, locked_packages};
use unit::UnitReport;

/// At most so many lines about dependencies, and names in one line; the manifest has them all.
const LINES_MAX: usize = 12;

/// A build that cargo has finished.
pub(crate) struct Build<'a> {
    /// cargo's command.
    pub(crate) command: &'a str,
    /// What was given to it.
    pub(crate) arguments: &'a CargoArguments,
    /// Its [`crate::session::BUILD`].
    pub(crate) id: &'a str,
    /// Time it took.
    pub(crate) took: Duration,
}

/// Writes the manifest, prints the report, and decides how the build ends.
pub(crate) fn conclude(project: &Project, config: &Config, build: &Build<'_>) -> Result<Exit> {
    let reports = built::reports(project, build);
    let arguments = build.arguments;
    if reports.iter().any(|report| report.build == build.id) {
        prune::target(&project.state());
        if let Ok(cache) = kit::cache_directory() {
            prune::kits(&cache);
        }
    }
    let manifest = Manifest::collate(&reports);
    let path = project.target.join("manifest.json");
    files::write_if_changed(&path, &serde_json::to_vec_pretty(&manifest)?)
        .with_context(|| format!("failed to write {}", path.display()))?;
    if !arguments.no_report && !arguments.quiet {
        files::tell(render(&manifest, &reports, build, project).trim_end());
    }
    let unmatched = if build.command == "install" {
        // The rules of a project around are not about the program.
        Vec::new()
    } else {
        rule_problems::find_in_part(project, config, &reports, &absent_crates(project, &reports))
    };
    for problem in &unmatched {
        config.show(problem);
    }
    let left_out = manifest.packages.values().any(PackageManifest::is_left_out);
    Ok(match () {
        () if !unmatched.is_empty() => Exit::RuleUnmatched,
        () if arguments.strict && left_out => Exit::Skipped,
        () => Exit::Success,
    })
}

impl Build<'_> {
    /// True for units of the profile and target that were built, in the way they were.
    fn has_made(&self, report: &UnitReport, project: &Project) -> bool {
        let default = if self.command == "bench" {
            "release"
        } else {
            "debug"
        };
        let profile = self.arguments.profile.as_deref().unwrap_or(default);
        let out_dir = report.out_dir.strip_prefix(&project.target);
        let out_dir = out_dir.unwrap_or(&report.out_dir);
        let is_in = |name: &str| out_dir.iter().any(|part| part == name);
        let targets = &self.arguments.targets;
        report.is_linked == (self.command != "check")
            && is_in(profile)
            && (targets.is_empty() || targets.iter().any(|target| is_in(target)))
    }
}

/// The reports of units whose package is still in the lock file.
pub(crate) fn reports_of_build(project: &Project) -> Vec<UnitReport> {
    let locked = locked_packages(&project.lock_file());
    let mut reports = UnitReport::read_all(&project.state().units());
    if let Some(locked) = locked {
        reports.retain(|report| locked.contains(&(report.package.clone(), report.version.clone())));
    }
    reports
}

/// Crates of which a library or program is not part of a build.
fn absent_crates(project: &Project, reports: &[UnitReport]) -> BTreeSet<String> {
    let roots: BTreeSet<PathBuf> = reports
        .iter()
        .map(|report| project.root.join(&report.root))
        .collect();
    rule_problems::crates_without(project, |root| roots.contains(root))
}

/// The lines at the end of a build. What concerns the user's own crates is never left out.
fn render(
    manifest: &Manifest,
    reports: &[UnitReport],
    build: &Build<'_>,
    project: &Project,
) -> String {
    let mut out = String::new();
    let mut line = |label: &str, text: String| {
        writeln!(out, "{label:>12} {text}").expect("writing to a string");
    };
    let woven: Vec<String> = woven_packages(manifest);
    line(
        "Woven",
        format!("{} ({})", summary(&woven), cost(reports, build)),
    );
    for (rule, functions) in rules(manifest) {
        let functions: Vec<String> = functions.into_iter().collect();
        line("Rule", format!("{rule}: {}", summary(&functions)));
    }
    let members = project.packages.iter();
    let members: BTreeSet<String> = members
        .map(|package| format!("{} {}", package.name, package.version))
        .collect();
    let mut of_dependencies = Vec::new();
    for (name, package) in &manifest.packages {
        for (label, text) in left_out(name, package) {
            if members.contains(name) {
                line(label, text);
            } else {
                of_dependencies.push((label, text));
            }
        }
    }
    let hidden = of_dependencies.len().saturating_sub(LINES_MAX);
    for (label, text) in of_dependencies.into_iter().take(LINES_MAX) {
        line(label, text);
    }
    if hidden > 0 {
        line("", format!("{hidden} more in manifest.json"));
    }
    out
}

/// What was left out of a package, as labels and texts.
fn left_out(name: &str, package: &PackageManifest) -> Vec<(&'static str, String)> {
    let skipped = package.skipped.iter().map(|skipped| {
        let label = if skipped.unsupported {
            "Unsupported"
        } else {
            "Skipped"
        };
        let text = format!("{} in {name}: {}", skipped.integration, skipped.reason);
        (label, text)
    });
    let fallbacks = package.fallbacks.iter();
    let fallbacks = fallbacks
        .filter(|_| package.skipped.is_empty())
        .map(|fallback| ("Skipped", format!("{name}: {fallback}")));
    skipped.chain(fallbacks).collect()
}

/// The time that weaving took, of units that were compiled in this build.
fn cost(reports: &[UnitReport], build: &Build<'_>) -> String {
    let anew = reports.iter().filter(|report| report.build == build.id);
    let costs: Vec<u64> = anew.map(|report| report.weaving_us).collect();
    if costs.is_empty() {
        return "unchanged".to_owned();
    }
    format!(
        "{} ms of {:.1} s",
        Duration::from_micros(costs.iter().sum()).as_millis(),
        build.took.as_secs_f64()
    )
}

/// `hyper 1.8.1`, for each package that something was woven into.
fn woven_packages(manifest: &Manifest) -> Vec<String> {
    let is_woven = |package: &PackageManifest| {
        !package.integrations.is_empty()
            || package
                .rules
                .values()
                .any(|functions| !functions.is_empty())
    };
    let packages = manifest
        .packages
        .iter()
        .filter(|(_, package)| is_woven(package));
    packages.map(|(name, _)| name.clone()).collect()
}

fn rules(manifest: &Manifest) -> BTreeMap<&String, BTreeSet<String>> {
    let mut rules: BTreeMap<&String, BTreeSet<String>> = BTreeMap::new();
    for (rule, functions) in manifest
        .packages
        .values()
        .flat_map(|package| &package.rules)
    {
        rules
            .entry(rule)
            .or_default()
            .extend(functions.iter().cloned());
    }
    rules.retain(|_, functions| !functions.is_empty());
    rules
}

fn summary(names: &[String]) -> String {
    match names {
        [] => "nothing".to_owned(),
        names if names.len() <= LINES_MAX => names.join(", "),
        names => format!(
            "{} and {} more",
            names[..LINES_MAX].join(", "),
            names.len() - LINES_MAX
        ),
    }
}
