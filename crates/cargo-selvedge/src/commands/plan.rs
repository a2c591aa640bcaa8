//! `plan`: what a build would weave, found from cargo's metadata and the sources alone.
//!
//! It looks at the members of the workspace that are selected and at the libraries that they
//! depend on, with the features that cargo resolves for the whole graph.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use selvedge_weave::{Edition, MainOutcome, Plan, Role, Unit, UnitOutcome};
use semver::Version;
use serde::Deserialize;

use crate::config::Config;
use crate::exit::Exit;
use crate::files;
use crate::project::{self, Package, Project, Target};
use crate::report::unit::{Skipped, UnitReport};
use crate::rule_problems;
use crate::selection::Selection;
use crate::toolchain;
use crate::weaving;
use crate::wrapper::describe_outcome;

/// Which project, and how much of it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cargo selvedge plan                      all of the workspace and what it depends on
  cargo selvedge plan -p web --verbose     one package, with every place
  cargo selvedge plan --bin worker -F queue

Exit code 4 where a rule matches nothing.")]
pub(crate) struct Options {
    /// Also list the packages that nothing is woven into
    #[arg(long)]
    all: bool,
    /// One line for each place in a library
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    selection: Selection,
}

#[derive(Deserialize)]
struct Graph {
    packages: Vec<Node>,
    workspace_members: Vec<String>,
    workspace_default_members: Vec<String>,
    workspace_root: PathBuf,
    resolve: Resolve,
}

/// A package of the graph.
#[derive(Deserialize)]
struct Node {
    id: String,
    /// None for what is on this machine only: the user's own.
    source: Option<String>,
    manifest_path: PathBuf,
    #[serde(flatten)]
    package: Package,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Resolved>,
}

#[derive(Deserialize)]
struct Resolved {
    id: String,
    features: Vec<String>,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    /// `dev`, `build`, or none.
    kind: Option<String>,
}

/// Prints one block for each crate.
pub(crate) fn run(options: &Options) -> Result<Exit> {
    let selection = &options.selection;
    let project = Project::find(&selection.arguments())?;
    let Some(config) = Config::load(project.config.as_deref())? else {
        return Ok(Exit::Configuration);
    };
    check_names(&project, selection)?;
    let graph = graph(&project, selection)?;
    let resolved = graph
        .resolve
        .nodes
        .iter()
        .map(|node| (node.id.as_str(), node));
    let resolved: BTreeMap<&str, &Resolved> = resolved.collect();
    let selected = selected(&graph, selection)?;
    let reached = reached(&selected, &resolved, selection);
    let mut reports = Vec::new();
    let mut planned_roots = BTreeSet::new();
    for node in graph
        .packages
        .iter()
        .filter(|node| reached.contains(node.id.as_str()))
    {
        let is_selected = selected.contains(&node.id.as_str());
        for target in &node.package.targets {
            let Some(role) = role(target) else { continue };
            if role != Role::Library && !(is_selected && selection.has_target(target)) {
                continue;
            }
            let features = resolved
                .get(node.id.as_str())
                .map_or(&[][..], |node| &node.features);
            let planned = plan(node, target, role, features, &config).with_context(|| {
                let Package { name, version, .. } = &node.package;
                format!("failed to plan {name} {version}")
            })?;
            let text = describe(&planned, &config, options.verbose);
            if options.all || !text.is_empty() {
                files::print(&format!("{}{text}", heading(&node.package, target)))?;
            }
            reports.push(planned.report);
            planned_roots.insert(target.src_path.as_path());
        }
    }
    let absent = rule_problems::crates_without(&project, |root| planned_roots.contains(root));
    let problems = rule_problems::find_in_part(&project, &config, &reports, &absent);
    for problem in &problems {
        config.show(problem);
    }
    Ok(if problems.is_empty() {
        Exit::Success
    } else {
        Exit::RuleUnmatched
    })
}

/// Complains of the first name that is nobody's.
fn check_names(project: &Project, selection: &Selection) -> Result<()> {
    let packages = &project.packages;
    let names: Vec<&str> = packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    if let Some(unknown) = selection.unknown_packages(&names).first() {
        let there_are = names.join(", ");
        bail!("no package of this workspace is named `{unknown}`; there are: {there_are}");
    }
    let targets: Vec<&Target> = packages
        .iter()
        .flat_map(|package| &package.targets)
        .collect();
    if let Some(unknown) = selection.unknown_targets(&targets).first() {
        let programs = targets
            .iter()
            .filter(|target| role(target) == Some(Role::Binary));
        let programs: Vec<&str> = programs.map(|target| target.name.as_str()).collect();
        bail!(
            "no program or example is named `{unknown}`; there are: {}",
            programs.join(", ")
        );
    }
    Ok(())
}

/// The crate's name where it is not plain from the package's.
fn heading(package: &Package, target: &Target) -> String {
    let Package { name, version, .. } = package;
    let crate_name = target.crate_name();
    if name.replace('-', "_") == crate_name {
        format!("{name} {version}\n")
    } else {
        format!("{name} {version} ({crate_name})\n")
    }
}

fn graph(workspace: &Project, selection: &Selection) -> Result<Graph> {
    let version = toolchain::version(&toolchain::rustc(&env::current_dir()?))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let mut command = Command::new(project::cargo());
    command
        .args(["metadata", "--format-version", "1", "--manifest-path"])
        .arg(workspace.root.join("Cargo.toml"));
    selection.pass_to_metadata(&mut command, host.context("rustc -vV names no host")?);
    let output = command.output().context("failed to run cargo metadata")?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        bail!("{}", message.trim_end().trim_start_matches("error: "));
    }
    serde_json::from_slice(&output.stdout).context("failed to read what cargo metadata printed")
}

/// Ids of the members that are built, by default those that cargo takes in this directory.
fn selected<'a>(graph: &'a Graph, selection: &Selection) -> Result<Vec<&'a str>> {
    let named = selection.arguments().manifest_path;
    let start = match named.as_deref().map(|manifest| manifest.parent()) {
        Some(Some(folder)) => std::path::absolute(folder)?,
        _ => env::current_dir()?,
    };
    let is_package = |folder: &&Path| folder.join("Cargo.toml").is_file();
    let nearest = start.ancestors().find(is_package);
    let is_nearest = |folder: Option<&Path>| {
        folder.and_then(|folder| folder.canonicalize().ok())
            == nearest.and_then(|folder| folder.canonicalize().ok())
    };
    let is_root = is_nearest(Some(&graph.workspace_root));
    let is_default = |node: &Node| {
        if is_root {
            graph.workspace_default_members.contains(&node.id)
        } else {
            is_nearest(node.manifest_path.parent())
        }
    };
    let members = graph.packages.iter().filter(|node| {
        graph.workspace_members.contains(&node.id)
            && selection.has_package(&node.package.name, is_default(node))
    });
    Ok(members.map(|node| node.id.as_str()).collect())
}

/// Ids of the selected members and of everything that is built for them.
fn reached<'a>(
    selected: &[&'a str],
    resolved: &BTreeMap<&str, &'a Resolved>,
    selection: &Selection,
) -> BTreeSet<&'a str> {
    let mut open = selected.to_vec();
    let mut reached = BTreeSet::new();
    while let Some(id) = open.pop() {
        if !reached.insert(id) {
            continue;
        }
        let dependencies = resolved.get(id).into_iter().flat_map(|node| &node.deps);
        let is_built = |dependency: &&Dependency| {
            let mut kinds = dependency.dep_kinds.iter();
            selection.has_development_targets()
                || kinds.any(|kind| kind.kind.as_deref() != Some("dev"))
        };
        open.extend(
            dependencies
                .filter(is_built)
                .map(|dependency| dependency.pkg.as_str()),
        );
    }
    reached
}

fn role(target: &Target) -> Option<Role> {
    let is = |kinds: &[&str]| {
        target
            .kind
            .iter()
            .any(|kind| kinds.contains(&kind.as_str()))
    };
    match () {
        () if is(&["lib", "rlib", "dylib", "cdylib", "staticlib"]) => Some(Role::Library),
        () if is(&["bin", "example"]) => Some(Role::Binary),
        () => None,
    }
}

/// What a crate would become.
struct Planned {
    report: UnitReport,
    outcome: UnitOutcome,
}

fn plan(
    node: &Node,
    target: &Target,
    role: Role,
    features: &[String],
    config: &Config,
) -> Result<Planned> {
    let is_member = node.source.is_none();
    let package = &node.package;
    let unit = Unit {
        crate_name: target.crate_name(),
        package: package.name.clone(),
        version: Version::parse(&package.version)?,
        edition: match target.edition.as_str() {
            "2015" => Edition::E2015,
            "2018" => Edition::E2018,
            "2021" => Edition::E2021,
            _ => Edition::E2024,
        },
        features: features.to_vec(),
        is_workspace: is_member,
        role,
        baked: (role == Role::Binary).then(|| weaving::AGENT_START.to_owned()),
    };
    let integrations = weaving::integrations(&package.name, is_member, &BTreeSet::new())?;
    let plan = Plan::new(&integrations, &config.rules, &unit);
    let unsupported = plan.unsupported().iter().map(|unsupported| Skipped {
        integration: unsupported.integration.clone(),
        reason: format!("knows {} only", unsupported.supported),
        unsupported: true,
    });
    let mut report = UnitReport {
        crate_name: unit.crate_name.clone(),
        package: package.name.clone(),
        version: package.version.clone(),
        skipped: unsupported.collect(),
        ..UnitReport::default()
    };
    let mut outcome = UnitOutcome::default();
    if !plan.is_empty() {
        let base = node.manifest_path.parent().unwrap_or(Path::new(""));
        let (base, root) = match target.src_path.strip_prefix(base) {
            Ok(root) => (base, root),
            Err(_) => (
                target.src_path.parent().unwrap_or(base),
                Path::new(target.src_path.file_name().unwrap_or_default()),
            ),
        };
        outcome = weaving::weave(&plan, base, root, |_| String::new())?.outcome;
        describe_outcome(&mut report, &outcome, config);
    }
    Ok(Planned { report, outcome })
}

/// One line for each integration and each rule; with `is_verbose`, for each place.
fn describe(planned: &Planned, config: &Config, is_verbose: bool) -> String {
    let Planned { report, outcome } = planned;
    let mut text = String::new();
    let mut line = |line: String| writeln!(text, "  {line}").expect("writing to a string");
    for (integration, aspects) in &report.integrations {
        if is_verbose {
            for (aspect, places) in aspects {
                line(format!("{integration:<12} {aspect} ({places})"));
            }
        } else {
            let places: usize = aspects.values().sum();
            let unit = if places == 1 { "place" } else { "places" };
            line(format!("{integration:<12} {places} {unit}"));
        }
    }
    for skipped in &report.skipped {
        let label = if skipped.unsupported {
            ""
        } else {
            "left out: "
        };
        line(format!(
            "{:<12} {label}{}",
            skipped.integration, skipped.reason
        ));
    }
    for rule in outcome
        .rules
        .iter()
        .filter(|rule| !rule.functions.is_empty())
    {
        let label = config.rules.rules.get(rule.rule);
        let label = label.map_or("rule", |rule| rule.label.as_str());
        line(format!("{label}: {}", rule.functions.join(", ")));
    }
    match outcome.main {
        MainOutcome::Woven => line("main         starts the agent".to_owned()),
        MainOutcome::NotFound => line("main         is not in the source: no agent".to_owned()),
        MainOutcome::NotWanted => {}
    }
    text
}
