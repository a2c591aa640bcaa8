//! What a woven build comes to: the manifest, the lines at the end, the exit code.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result};
use selvedge_weave::{Diagnostic, Rule, nearest};

use crate::arguments::CargoArguments;
use crate::config::{Config, rule_key};
use crate::exit::Exit;
use crate::files;
use crate::project::{Project, Target};

pub(crate) mod manifest;
pub(crate) mod unit;

use manifest::{Manifest, PackageManifest, locked_packages};
use unit::{Problem, UnitReport};

/// At most so many lines of one kind; the manifest has them all.
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
    let mut reports = reports_of_build(project);
    if build.command == "install" {
        // The program's own lock file is in its package: only what was compiled now is known to
        // be of it, and the rules of a project around are not about it.
        reports.retain(|report| report.build == build.id);
    } else if reports.iter().any(|report| build.has_made(report, project)) {
        reports.retain(|report| build.has_made(report, project));
    }
    let arguments = build.arguments;
    let manifest = Manifest::collate(&reports);
    let path = project.target.join("manifest.json");
    files::write_if_changed(&path, &serde_json::to_vec_pretty(&manifest)?)
        .with_context(|| format!("failed to write {}", path.display()))?;
    if !arguments.no_report && !arguments.quiet {
        eprint!("{}", render(&manifest, &reports, build));
    }
    let unmatched = if build.command == "install" {
        Vec::new()
    } else {
        rule_problems(project, config, &reports)
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
    /// True for units of the profile and target that were built.
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
        is_in(profile) && (targets.is_empty() || targets.iter().any(|target| is_in(target)))
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

/// What is wrong with rules: they found nothing in a crate that was compiled, name a crate there is
/// not, or cannot be woven where they matched.
fn rule_problems(project: &Project, config: &Config, reports: &[UnitReport]) -> Vec<Diagnostic> {
    let crates: BTreeSet<String> = project
        .packages
        .iter()
        .flat_map(|package| &package.targets)
        .map(Target::crate_name)
        .collect();
    config
        .rules
        .rules
        .iter()
        .flat_map(|rule| problems_of(rule, reports, &crates))
        .collect()
}

fn problems_of(rule: &Rule, reports: &[UnitReport], crates: &BTreeSet<String>) -> Vec<Diagnostic> {
    let key = rule_key(rule);
    let fatal: BTreeSet<&Problem> = reports
        .iter()
        .flat_map(|report| &report.problems)
        .filter(|problem| problem.fatal && problem.rule == key)
        .collect();
    if !fatal.is_empty() {
        let message = |problem: &&Problem| {
            Diagnostic::at(
                rule.span.clone(),
                format!(
                    "{} at `{}`: {}",
                    rule.label, problem.function, problem.message
                ),
            )
        };
        return fatal.iter().map(message).collect();
    }
    let matched = reports
        .iter()
        .filter_map(|report| report.rules.get(&key))
        .any(|functions| !functions.is_empty());
    if matched {
        Vec::new()
    } else {
        unmatched_rule(rule, &key, reports, crates)
            .into_iter()
            .collect()
    }
}

fn unmatched_rule(
    rule: &Rule,
    key: &str,
    reports: &[UnitReport],
    crates: &BTreeSet<String>,
) -> Option<Diagnostic> {
    let function = rule.function.as_str();
    // The crate stands before the trait or before the type.
    let first_of = |path: &str| path.split("::").next().unwrap_or_default().to_owned();
    let (before, path) = function
        .rsplit_once(" for ")
        .map_or((None, function), |(before, path)| (Some(before), path));
    let named = before.map(first_of).filter(|name| crates.contains(name));
    let first = &named.unwrap_or_else(|| first_of(path));
    if !first.contains('*') && !crates.contains(first) {
        let problem = Diagnostic::at(
            rule.span.clone(),
            format!("no crate of this workspace is named `{first}`"),
        );
        return Some(with_nearest(
            problem,
            first,
            crates.iter().map(String::as_str),
        ));
    }
    let looked: Vec<&Vec<String>> = reports
        .iter()
        .filter_map(|report| report.nearest.get(key))
        .collect();
    // Without a report that has looked for it, its crate is not part of what was built.
    if looked.is_empty() {
        return None;
    }
    let problem = Diagnostic::at(
        rule.span.clone(),
        format!("{} matches no function", rule.label),
    );
    Some(with_nearest(
        problem,
        path,
        looked.into_iter().flatten().map(String::as_str),
    ))
}

fn with_nearest<'a>(
    problem: Diagnostic,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    let near = nearest(name, known);
    if near.is_empty() {
        problem
    } else {
        problem.with_help(format!("did you mean {}?", listed(&near)))
    }
}

fn listed(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(" or ")
}

/// The lines at the end of a build.
fn render(manifest: &Manifest, reports: &[UnitReport], build: &Build<'_>) -> String {
    let mut out = String::new();
    let mut line = |label: &str, text: String| {
        writeln!(out, "{label:>12} {text}").expect("writing to a string");
    };
    let woven: Vec<String> = woven_packages(manifest);
    line(
        "Woven",
        format!("{} ({})", summary(&woven), cost(reports, build)),
    );
    let mut lines = Vec::new();
    for (rule, functions) in rules(manifest) {
        lines.push((
            "Rule",
            format!(
                "{rule}: {}",
                summary(&functions.into_iter().collect::<Vec<_>>())
            ),
        ));
    }
    for (name, package) in &manifest.packages {
        for skipped in &package.skipped {
            let label = if skipped.unsupported {
                "Unsupported"
            } else {
                "Skipped"
            };
            lines.push((
                label,
                format!("{} in {name}: {}", skipped.integration, skipped.reason),
            ));
        }
        for fallback in package
            .fallbacks
            .iter()
            .filter(|_| package.skipped.is_empty())
        {
            lines.push(("Skipped", format!("{name}: {fallback}")));
        }
    }
    let hidden = lines.len().saturating_sub(LINES_MAX);
    for (label, text) in lines.into_iter().take(LINES_MAX) {
        line(label, text);
    }
    if hidden > 0 {
        line("", format!("{hidden} more in manifest.json"));
    }
    out
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
