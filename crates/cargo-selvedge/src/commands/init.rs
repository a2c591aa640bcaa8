//! `init`: writes a commented `selvedge.toml` that fits the project.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Write as _};

use anyhow::{Context as _, Result};
use clap::Args;
use selvedge_weave::Integration;
use semver::Version;

use crate::cli::ManifestPath;
use crate::embedded::{self, Embedded};
use crate::exit::Exit;
use crate::project::{CONFIG, Project, Target};
use crate::report::manifest::locked_packages;

/// Where to write.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    project: ManifestPath,
}

/// Writes the file; one that exists is left alone.
pub(crate) fn run(options: &Options) -> Result<Exit> {
    let project = Project::find(&options.project.arguments())?;
    let path = project.root.join(CONFIG);
    let mut file = match File::create_new(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            eprintln!("error: {} exists already", path.display());
            return Ok(Exit::Failure);
        }
        Err(error) => {
            return Err(error).with_context(|| format!("failed to create {}", path.display()));
        }
    };
    let locked = locked_packages(&project.lock_file()).unwrap_or_default();
    file.write_all(text(&project, &locked).as_bytes())
        .with_context(|| format!("failed to write {}", path.display()))?;
    eprintln!("{:>12} {}", "Created", path.display());
    Ok(Exit::Success)
}

fn text(project: &Project, locked: &BTreeSet<(String, String)>) -> String {
    let binary = project
        .packages
        .iter()
        .flat_map(|package| &package.targets)
        .find(|target| target.kind.iter().any(|kind| kind == "bin"));
    let service = binary.map_or("service", |target| target.name.as_str());
    let example = binary.map_or_else(|| "service".to_owned(), Target::crate_name);
    let integrations: String = embedded::integrations()
        .iter()
        .filter_map(|integration| line(integration, locked))
        .collect();
    let integrations = if integrations.is_empty() {
        "#   (none of this project's dependencies)\n".to_owned()
    } else {
        integrations
    };
    format!(
        "\
# What `cargo selvedge build` weaves into this project. Every key is optional.

[service]
name = {service:?}                      # OTEL_SERVICE_NAME wins

# Which share of the traces that begin here is kept. SELVEDGE_ENV picks the table.
[sampling.default]
parent_based_ratio = 1.0
[sampling.production]
parent_based_ratio = 0.15

# Woven without being asked, as far as this project depends on them:
{integrations}[integrations]
disable = []

# A span around a function of your own; `**` and `*` match modules and names.
# [[span]]
# function = \"{example}::orders::place\"
# name = \"order.place\"
# attributes = {{ \"order.id\" = \"order.id\" }}

# [[counter]]
# function = \"{example}::orders::place\"
# name = \"orders_placed_total\"
# when = \"ok\"
"
    )
}

/// One commented line for an integration that this project has a use for.
fn line(embedded: &Embedded, locked: &BTreeSet<(String, String)>) -> Option<String> {
    let integration = Integration::parse(embedded.aspects).ok()?;
    let mut found = Vec::new();
    for package in &integration.packages {
        if package.name == "*" {
            found.push("your own crates".to_owned());
        }
        for (name, version) in locked.iter().filter(|(name, _)| *name == package.name) {
            let known =
                Version::parse(version).is_ok_and(|version| package.versions.matches(&version));
            let note = if known {
                ""
            } else {
                " (not a version it knows)"
            };
            found.push(format!("{name} {version}{note}"));
        }
    }
    (!found.is_empty()).then(|| {
        format!(
            "#   {:<20} {}: {}\n",
            integration.name,
            integration.title,
            found.join(", ")
        )
    })
}
