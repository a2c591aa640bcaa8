//! `diff`: what the last build changed, so that what ships is never a secret.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use clap::Args;
use similar::TextDiff;

use crate::cli::ManifestPath;
use crate::exit::Exit;
use crate::files;
use crate::project::Project;
use crate::report::reports_of_build;
use crate::report::unit::UnitReport;

/// What to compare.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Crate or package; all when absent
    name: Option<String>,
    #[command(flatten)]
    project: ManifestPath,
}

/// Prints a unified diff of original against woven.
pub(crate) fn run(options: &Options) -> Result<Exit> {
    let project = Project::find(&options.project.arguments())?;
    let mut reports = reports_of_build(&project);
    if let Some(name) = &options.name {
        reports.retain(|report| report.crate_name == *name || report.package == *name);
    }
    reports.retain(|report| !report.files.is_empty());
    if reports.is_empty() {
        let of = options
            .name
            .as_deref()
            .map_or_else(String::new, |name| format!(" of {name}"));
        eprintln!("error: nothing{of} was woven by the last build");
        return Ok(Exit::Failure);
    }
    for report in &reports {
        print_report(report)?;
    }
    Ok(Exit::Success)
}

fn print_report(report: &UnitReport) -> Result<()> {
    for file in &report.files {
        let read = |folder: &Path| {
            let path = folder.join(file);
            fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))
        };
        let (original, woven) = (read(&report.original)?, read(&report.mirror)?);
        let name = file.display();
        let (package, version) = (&report.package, &report.version);
        let diff = TextDiff::from_lines(&original, &woven);
        let names = [
            format!("{package}-{version}/{name}"),
            format!("woven/{package}-{version}/{name}"),
        ];
        let unified = diff
            .unified_diff()
            .context_radius(3)
            .header(&names[0], &names[1])
            .to_string();
        files::print(&unified)?;
    }
    Ok(())
}
