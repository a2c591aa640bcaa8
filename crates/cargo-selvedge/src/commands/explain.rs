//! `explain`: what a rule, an integration or a span is, and where the last build found it.

use std::collections::BTreeSet;

use anyhow::Result;
use clap::Args;
use selvedge_weave::{Integration, Rule, nearest};

use crate::cli::ManifestPath;
use crate::config::{Config, integration_names, rule_key};
use crate::embedded::{self, Embedded};
use crate::exit::Exit;
use crate::project::Project;
use crate::report::reports_of_build;
use crate::report::unit::UnitReport;

/// What to explain.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// An integration's name, or part of a rule: its name, its function
    subject: String,
    #[command(flatten)]
    project: ManifestPath,
}

/// Prints all that answers to the name.
pub(crate) fn run(options: &Options) -> Result<Exit> {
    let project = Project::find(&options.project.arguments())?;
    let Some(config) = Config::load(project.config.as_deref())? else {
        return Ok(Exit::Configuration);
    };
    let reports = reports_of_build(&project);
    let subject = options.subject.as_str();
    let integration = embedded::integrations()
        .iter()
        .find(|integration| integration.folder == subject);
    let rules: Vec<&Rule> = config
        .rules
        .rules
        .iter()
        .filter(|rule| rule_key(rule).contains(subject))
        .collect();
    if let Some(integration) = integration {
        explain_integration(integration, &reports);
    }
    for rule in &rules {
        explain_rule(rule, &config, &reports);
    }
    if integration.is_some() || !rules.is_empty() {
        return Ok(Exit::Success);
    }
    let near = nearest(subject, integration_names());
    let help = if near.is_empty() {
        String::new()
    } else {
        format!("; did you mean {}?", near.join(" or "))
    };
    eprintln!("error: no rule and no integration is named `{subject}`{help}");
    Ok(Exit::Failure)
}

fn explain_rule(rule: &Rule, config: &Config, reports: &[UnitReport]) {
    let key = rule_key(rule);
    println!("{key}");
    let path = config
        .path
        .as_deref()
        .unwrap_or(std::path::Path::new("selvedge.toml"));
    println!("  declared at {}:{}", path.display(), rule.line);
    let found: BTreeSet<&String> = reports
        .iter()
        .filter_map(|report| report.rules.get(&key))
        .flatten()
        .collect();
    for function in &found {
        println!("  woven into {function}");
    }
    if found.is_empty() {
        println!("  found nowhere by the last build");
    }
}

fn explain_integration(embedded: &Embedded, reports: &[UnitReport]) {
    let Ok(integration) = Integration::parse(embedded.aspects) else {
        return;
    };
    println!("{}: {}", integration.name, integration.title);
    for package in &integration.packages {
        let name = if package.name == "*" {
            "every crate of the workspace"
        } else {
            &package.name
        };
        println!("  knows {name} {}", package.versions);
    }
    for report in reports {
        let package = format!("{} {}", report.package, report.version);
        for (aspect, count) in report
            .integrations
            .get(&integration.name)
            .into_iter()
            .flatten()
        {
            println!("  woven into {package}: {aspect} ({count})");
        }
        for skipped in report
            .skipped
            .iter()
            .filter(|skipped| skipped.integration == integration.name)
        {
            println!("  left out of {package}: {}", skipped.reason);
        }
    }
}
