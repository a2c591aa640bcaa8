//! `explain`: what a rule or an integration is, and where the last build found it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::Result;
use clap::Args;
use selvedge_weave::{Integration, Rule, nearest};

use crate::config::{Config, integration_names, rule_key};
use crate::embedded::{self, Embedded};
use crate::exit::Exit;
use crate::files;
use crate::project::{Project, Target};
use crate::report::reports_of_build;
use crate::report::unit::UnitReport;
use crate::rule_problems::shown;
use crate::selection::Location;
use crate::weaving;

/// What to explain.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cargo selvedge explain hyper            an integration: versions it knows, where it was woven
  cargo selvedge explain order.place      a rule, by its name
  cargo selvedge explain shop::orders     all rules for functions below a path")]
pub(crate) struct Options {
    /// An integration's name, or part of a rule: its name, its function
    subject: String,
    #[command(flatten)]
    location: Location,
}

/// Prints all that answers to the name.
pub(crate) fn run(options: &Options) -> Result<Exit> {
    let project = Project::find(&options.location.arguments())?;
    let Some(config) = Config::load(project.config.as_deref())? else {
        return Ok(Exit::Configuration);
    };
    let reports = reports_of_build(&project);
    let subject = options.subject.as_str();
    let integration = embedded::integrations()
        .iter()
        .find(|integration| integration.folder == subject);
    let mut text = String::new();
    if let Some(integration) = integration {
        text.push_str(&explain_integration(integration, &reports));
    }
    let rules = config.rules.rules.iter();
    for rule in rules.filter(|rule| rule_key(rule).contains(subject)) {
        text.push_str(&explain_rule(rule, &config, &project, &reports));
    }
    if !text.is_empty() {
        files::print(&text)?;
        return Ok(Exit::Success);
    }
    let rules = &config.rules.rules;
    let functions = rules.iter().map(|rule| rule.function.as_str());
    let near = nearest(subject, integration_names().into_iter().chain(functions));
    let help = if near.is_empty() {
        format!("; there are: {}", integration_names().join(", "))
    } else {
        format!("; did you mean {}?", near.join(" or "))
    };
    files::tell(&format!(
        "error: no rule and no integration is named `{subject}`{help}"
    ));
    Ok(Exit::Failure)
}

fn explain_rule(rule: &Rule, config: &Config, project: &Project, reports: &[UnitReport]) -> String {
    let key = rule_key(rule);
    let path = config.path.as_deref().map_or_else(String::new, shown);
    let mut text = format!("{key}\n  declared at {path}:{}\n", rule.line);
    let mut line = |line: String| writeln!(text, "  {line}").expect("writing to a string");
    let functions = |report: &&UnitReport| report.rules.get(&key).cloned().unwrap_or_default();
    let found: BTreeSet<String> = reports
        .iter()
        .flat_map(|report| functions(&report))
        .collect();
    for function in &found {
        let place = place(function, project);
        line(format!("woven into {function}{place}"));
    }
    if found.is_empty() {
        line("found nowhere by the last build".to_owned());
    }
    let problems = reports.iter().flat_map(|report| &report.problems);
    let problems: BTreeSet<_> = problems.filter(|problem| problem.rule == key).collect();
    for problem in problems {
        line(format!("at {}: {}", problem.function, problem.message));
    }
    text
}

/// ` at src/orders.rs:17`, if the function is still there.
fn place(function: &str, project: &Project) -> String {
    let Some((crate_name, path)) = function.split_once("::") else {
        return String::new();
    };
    let targets = project.packages.iter().flat_map(|package| &package.targets);
    let mut of_crate = targets.filter(|target: &&Target| target.crate_name() == crate_name);
    let place = of_crate.find_map(|target| {
        weaving::sources(&target.src_path)
            .iter()
            .find_map(|source| {
                let mut functions = source.functions.iter();
                let found = functions.find(|listed| listed.has_body && listed.path == path)?;
                let line = source.text[..found.offset].matches('\n').count() + 1;
                Some(format!(" at {}:{line}", shown(&source.path)))
            })
    });
    place.unwrap_or_default()
}

fn explain_integration(embedded: &Embedded, reports: &[UnitReport]) -> String {
    let Ok(integration) = Integration::parse(embedded.aspects) else {
        return String::new();
    };
    let mut text = format!("{}: {}\n", integration.name, integration.title);
    let mut line = |line: String| writeln!(text, "  {line}").expect("writing to a string");
    for package in &integration.packages {
        let name = if package.name == "*" {
            "every crate of the workspace"
        } else {
            &package.name
        };
        line(format!("knows {name} {}", package.versions));
    }
    // Units of one package differ in profile, target and features.
    let mut places = BTreeSet::new();
    for report in reports {
        let package = format!("{} {}", report.package, report.version);
        let aspects = report.integrations.get(&integration.name);
        for (aspect, count) in aspects.into_iter().flatten() {
            places.insert(format!("woven into {package}: {aspect} ({count})"));
        }
        let skipped = report.skipped.iter();
        for skipped in skipped.filter(|skipped| skipped.integration == integration.name) {
            places.insert(format!("left out of {package}: {}", skipped.reason));
        }
    }
    if places.is_empty() {
        line("woven nowhere by the last build".to_owned());
    }
    places.into_iter().for_each(line);
    text
}
