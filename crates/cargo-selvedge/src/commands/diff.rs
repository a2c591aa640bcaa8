//! `diff`: what the last build changed, so that what ships is never a secret.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use clap::Args;
use similar::TextDiff;

use crate::exit::Exit;
use crate::files;
use crate::project::{Project, Target};
use crate::report::reports_of_build;
use crate::report::unit::UnitReport;
use crate::selection::Selection;

/// What to compare.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cargo selvedge diff                 everything that was woven
  cargo selvedge diff hyper           one crate or package, a dependency too
  cargo selvedge diff -p web --release

Each crate is shown once, as it was woven last; a profile or target is looked for where one is named.")]
pub(crate) struct Options {
    /// Crate or package; all when absent
    name: Option<String>,
    #[command(flatten)]
    selection: Selection,
}

/// Prints a unified diff of original against woven.
pub(crate) fn run(options: &Options) -> Result<Exit> {
    let project = Project::find(&options.selection.arguments())?;
    let mut reports = reports_of_build(&project);
    reports.retain(|report| !report.files.is_empty() && options.wants(report, &project));
    let reports = newest(reports);
    if reports.is_empty() {
        let of = options
            .name
            .as_deref()
            .map_or_else(String::new, |name| format!(" of {name}"));
        files::tell(&format!(
            "error: nothing{of} was woven by the last build in {}",
            project.target.display()
        ));
        return Ok(Exit::Failure);
    }
    let mut printed = BTreeSet::new();
    for report in &reports {
        for file in &report.files {
            let text = unified(report, file)?;
            // A library and its tests have files in common.
            if printed.insert(text.clone()) {
                files::print(&text)?;
            }
        }
    }
    Ok(Exit::Success)
}

impl Options {
    fn wants(&self, report: &UnitReport, project: &Project) -> bool {
        let name = self.name.as_deref();
        let is_named = name.is_none_or(|name| report.crate_name == name || report.package == name);
        let arguments = self.selection.arguments();
        let out_dir = report.out_dir.strip_prefix(&project.target);
        let out_dir = out_dir.unwrap_or(&report.out_dir);
        let is_in = |name: &String| out_dir.iter().any(|part| part == name.as_str());
        let targets = &arguments.targets;
        is_named
            && arguments.profile.as_ref().is_none_or(is_in)
            && (targets.is_empty() || targets.iter().any(is_in))
            && self.selects(report, project)
    }

    /// Dependencies are shown unless packages are named.
    fn selects(&self, report: &UnitReport, project: &Project) -> bool {
        let mut members = project.packages.iter();
        let Some(member) = members.find(|package| package.name == report.package) else {
            let is_default = !self.selection.names_packages();
            return self.selection.has_package(&report.package, is_default);
        };
        let is_it = |target: &&Target| target.crate_name() == report.crate_name;
        let mut targets = member.targets.iter().filter(is_it);
        self.selection.has_package(&report.package, true)
            && (report.role == "test" || targets.any(|target| self.selection.has_built(target)))
    }
}

/// The newest report of each crate in each role, in the order of their names.
fn newest(reports: Vec<UnitReport>) -> Vec<UnitReport> {
    let mut newest: BTreeMap<[String; 4], UnitReport> = BTreeMap::new();
    for report in reports {
        let texts = [
            &report.package,
            &report.version,
            &report.crate_name,
            &report.role,
        ];
        let key = texts.map(Clone::clone);
        let known = newest.get(&key).map(UnitReport::built_at);
        if known.is_none_or(|known| known <= report.built_at()) {
            newest.insert(key, report);
        }
    }
    newest.into_values().collect()
}

fn unified(report: &UnitReport, file: &Path) -> Result<String> {
    let read = |folder: &Path| {
        let path = folder.join(file);
        fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))
    };
    let (original, woven) = (read(&report.original)?, read(&report.mirror)?);
    let (package, version) = (&report.package, &report.version);
    let name = format!("{package}-{version}/{}", file.display());
    Ok(TextDiff::from_lines(&original, &woven)
        .unified_diff()
        .context_radius(3)
        .header(&name, &format!("woven/{name}"))
        .to_string())
}
