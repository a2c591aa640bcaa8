//! `init`: writes a commented `selvedge.toml` that fits the project.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Write as _};

use anyhow::{Context as _, Result};
use clap::Args;
use selvedge_weave::Integration;
use semver::Version;

use crate::embedded::{self, Embedded};
use crate::exit::Exit;
use crate::files;
use crate::project::{CONFIG, Project, Target};
use crate::report::manifest::locked_packages;
use crate::selection::Location;

/// Where to write.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cargo selvedge init    writes selvedge.toml beside the workspace's Cargo.toml; one that is there stays"
)]
pub(crate) struct Options {
    #[command(flatten)]
    location: Location,
}

/// Writes the file; one that exists is left alone.
pub(crate) fn run(options: &Options) -> Result<Exit> {
    let project = Project::find(&options.location.arguments())?;
    let path = project.root.join(CONFIG);
    let mut file = match File::create_new(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            files::tell(&format!(
                "error: {} exists already; it stays as it is",
                path.display()
            ));
            return Ok(Exit::Failure);
        }
        Err(error) => {
            return Err(error).with_context(|| format!("failed to create {}", path.display()));
        }
    };
    let locked = locked_packages(&project.lock_file()).unwrap_or_default();
    file.write_all(text(&project, &locked).as_bytes())
        .with_context(|| format!("failed to write {}", path.display()))?;
    files::tell(&format!("{:>12} {}", "Created", path.display()));
    Ok(Exit::Success)
}

fn text(project: &Project, locked: &BTreeSet<(String, String)>) -> String {
    let targets = project.packages.iter().flat_map(|package| &package.targets);
    let binaries: Vec<&Target> = targets
        .filter(|target| target.kind.iter().any(|kind| kind == "bin"))
        .collect();
    let service = service(&binaries);
    let example = binaries
        .first()
        .map_or_else(|| "service".to_owned(), |target| target.crate_name());
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

{service}
# Which share of the traces that begin here is kept. SELVEDGE_ENV picks the table.
[sampling.default]
parent_based_ratio = 1.0
[sampling.production]
parent_based_ratio = 0.15

# Woven without being asked, as far as this project depends on them:
{integrations}[integrations]
disable = []

# Optional parts of what runs inside the program: \"tls\" for https endpoints.
# [agent]
# features = [\"tls\"]

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

/// `[service]`: one name is right for one program only.
fn service(binaries: &[&Target]) -> String {
    match binaries {
        [binary] => format!(
            "[service]\nname = {:?}                      # OTEL_SERVICE_NAME wins\n",
            binary.name
        ),
        [] => {
            "# [service]\n# name = \"service\"                # OTEL_SERVICE_NAME wins\n".to_owned()
        }
        several => {
            let names: Vec<&str> = several.iter().map(|binary| binary.name.as_str()).collect();
            format!(
                "# Each program is a service by its own name: {}.\n\
                 # A name here would be that of all of them; OTEL_SERVICE_NAME names one when it runs.\n\
                 # [service]\n# name = {:?}\n",
                names.join(", "),
                names[0]
            )
        }
    }
}

/// One commented line for an integration that this project has a use for.
fn line(embedded: &Embedded, locked: &BTreeSet<(String, String)>) -> Option<String> {
    let integration = Integration::parse(embedded.aspects).ok()?;
    let ranges_of = |name: &str| {
        let packages = integration.packages.iter();
        let of_it = packages.filter(|package| package.name == *name);
        of_it.map(|package| &package.versions).collect::<Vec<_>>()
    };
    let mut found = Vec::new();
    if !ranges_of("*").is_empty() {
        found.push("your own crates".to_owned());
    }
    for (name, version) in locked {
        let ranges = ranges_of(name);
        if ranges.is_empty() {
            continue;
        }
        let is_known = Version::parse(version)
            .is_ok_and(|version| ranges.iter().any(|range| range.matches(&version)));
        let note = if is_known {
            ""
        } else {
            " (not a version it knows)"
        };
        found.push(format!("{name} {version}{note}"));
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use selvedge_weave::Rules;

    use super::*;
    use crate::config::integration_names;
    use crate::project::Package;

    fn written(binaries: &[&str], locked: &[(&str, &str)]) -> String {
        let target = |name: &&str| Target {
            name: (*name).to_owned(),
            kind: vec!["bin".to_owned()],
            src_path: PathBuf::new(),
            edition: "2024".to_owned(),
        };
        let project = Project {
            root: PathBuf::new(),
            target: PathBuf::new(),
            config: None,
            default_members: Vec::new(),
            packages: vec![Package {
                name: "shop".to_owned(),
                version: "0.1.0".to_owned(),
                targets: binaries.iter().map(target).collect(),
            }],
        };
        let locked = locked
            .iter()
            .map(|(name, version)| ((*name).to_owned(), (*version).to_owned()));
        text(&project, &locked.collect())
    }

    #[test]
    fn what_is_written_reads_and_a_service_is_named_only_where_there_is_one_program() {
        let named = |binaries| {
            let (rules, problems) = Rules::parse(&written(binaries, &[]), &integration_names());
            assert_eq!(problems, []);
            rules.service.name
        };
        assert_eq!(named(&["gate-way"]), Some("gate-way".to_owned()));
        assert_eq!(named(&["a", "b"]), None);
        assert_eq!(named(&[]), None);
    }

    #[test]
    fn a_version_is_listed_once_and_known_when_one_of_the_ranges_has_it() {
        let text = written(&["a"], &[("tokio", "1.54.1"), ("tokio", "0.1.0")]);
        let line = text
            .lines()
            .find(|line| line.starts_with("#   tokio "))
            .unwrap();
        assert_eq!(line.matches("tokio 1.54.1").count(), 1, "{line}");
        assert!(!line.contains("1.54.1 (not"), "{line}");
        assert!(line.contains("tokio 0.1.0 (not a version"), "{line}");
    }
}
