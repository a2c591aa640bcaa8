//! `plan`: what a build would weave, found from cargo's metadata and the sources alone.
//!
//! It looks at libraries of all packages and at the programs of the workspace, with the features
//! that cargo resolves for the whole graph.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use selvedge_weave::{Edition, Plan, Role, Unit, UnitOutcome};
use semver::Version;
use serde::Deserialize;

use crate::cli::ManifestPath;
use crate::config::Config;
use crate::exit::Exit;
use crate::files;
use crate::project::{self, Package, Project, Target};
use crate::weaving;

/// Which project.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    project: ManifestPath,
    /// Also list the packages that nothing is woven into
    #[arg(long)]
    all: bool,
}

#[derive(Deserialize)]
struct Graph {
    packages: Vec<Node>,
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
    nodes: Vec<Features>,
}

#[derive(Deserialize)]
struct Features {
    id: String,
    features: Vec<String>,
}

/// Prints one block for each crate.
pub(crate) fn run(options: &Options) -> Result<Exit> {
    let project = Project::find(&options.project.arguments())?;
    let Some(config) = Config::load(project.config.as_deref())? else {
        return Ok(Exit::Configuration);
    };
    let graph = graph(&project)?;
    let features: BTreeMap<&str, &Vec<String>> = graph
        .resolve
        .nodes
        .iter()
        .map(|node| (node.id.as_str(), &node.features))
        .collect();
    for node in &graph.packages {
        let features = features
            .get(node.id.as_str())
            .map(|features| (*features).clone())
            .unwrap_or_default();
        for target in node
            .package
            .targets
            .iter()
            .filter(|target| role(target).is_some())
        {
            let text = describe(node, target, &features, &config).with_context(|| {
                format!(
                    "failed to plan {} {}",
                    node.package.name, node.package.version
                )
            })?;
            if options.all || !text.is_empty() {
                let Package { name, version, .. } = &node.package;
                files::print(&format!(
                    "{name} {version} ({})\n{text}",
                    target.crate_name()
                ))?;
            }
        }
    }
    Ok(Exit::Success)
}

fn graph(workspace: &Project) -> Result<Graph> {
    let mut command = Command::new(project::cargo());
    command
        .args(["metadata", "--format-version", "1"])
        .current_dir(&workspace.root);
    let output = command.output().context("failed to run cargo metadata")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim_end());
    }
    serde_json::from_slice(&output.stdout).context("failed to read what cargo metadata printed")
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
        () if is(&["bin"]) => Some(Role::Binary),
        () => None,
    }
}

fn describe(node: &Node, target: &Target, features: &[String], config: &Config) -> Result<String> {
    let is_member = node.source.is_none();
    let role = role(target).context("only planned targets are described")?;
    if !is_member && role == Role::Binary {
        return Ok(String::new());
    }
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
    let mut text = String::new();
    for unsupported in plan.unsupported() {
        let (name, supported) = (&unsupported.integration, &unsupported.supported);
        writeln!(text, "  {name:<12} knows {supported} only").expect("writing to a string");
    }
    if !plan.is_empty() {
        let base = node.manifest_path.parent().unwrap_or(Path::new(""));
        let (base, root) = match target.src_path.strip_prefix(base) {
            Ok(root) => (base, root),
            Err(_) => (
                target.src_path.parent().unwrap_or(base),
                Path::new(target.src_path.file_name().unwrap_or_default()),
            ),
        };
        let woven = weaving::weave(&plan, base, root, |_| String::new())?;
        text.push_str(&outcome(&woven.outcome, config));
    }
    Ok(text)
}

fn outcome(outcome: &UnitOutcome, config: &Config) -> String {
    let mut lines = BTreeSet::new();
    for aspect in outcome.aspects.iter().filter(|aspect| aspect.found > 0) {
        lines.insert(format!(
            "  {:<12} {} ({})\n",
            aspect.integration, aspect.aspect, aspect.found
        ));
    }
    for dropped in &outcome.dropped {
        let prefix = format!("  {:<12} ", dropped.integration);
        lines.retain(|line| !line.starts_with(&prefix));
        lines.insert(format!(
            "{prefix}left out: {}\n",
            dropped.reasons.join("; ")
        ));
    }
    for rule in outcome
        .rules
        .iter()
        .filter(|rule| !rule.functions.is_empty())
    {
        let label = config
            .rules
            .rules
            .get(rule.rule)
            .map_or("rule", |rule| rule.label.as_str());
        lines.insert(format!("  {label}: {}\n", rule.functions.join(", ")));
    }
    lines.into_iter().collect()
}
