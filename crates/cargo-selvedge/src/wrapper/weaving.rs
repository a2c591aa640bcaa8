//! What is woven into the unit being compiled, where, and the report of it.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result};
use selvedge_weave::{Edition, MainOutcome, Origin, Plan, Role, UnitOutcome};
use semver::Version;

use super::Unit;
use super::mirror::Layout;
use crate::baked::{self, Program};
use crate::config::{Config, rule_key};
use crate::report::graph::Graph;
use crate::report::manifest::Manifest;
use crate::report::unit::{Problem, Skipped, UnitReport};
use crate::session::BUILD;
use crate::weaving::{self, AGENT_START, WovenFile};

/// A unit's woven sources.
pub(super) struct Woven {
    /// Where they are mirrored.
    pub(super) layout: Layout,
    /// The woven files, by path relative to the layout's root.
    pub(super) files: BTreeMap<PathBuf, WovenFile>,
    /// What was done.
    pub(super) report: UnitReport,
    /// The rules, for messages about them.
    pub(super) config: Config,
    /// True when `main` names the agent.
    pub(super) starts_agent: bool,
}

/// Decides what to weave; none when the unit is to be compiled as it is. `without` names
/// integrations that are to be left out.
pub(super) fn weave(unit: &Unit<'_>, without: &BTreeSet<String>) -> Result<Option<Woven>> {
    let started = Instant::now();
    let config = Config::read(unit.session.config.as_deref())?;
    let integrations =
        weaving::integrations(&unit.package.name.clone(), unit.is_member(), without)?;
    let plan = Plan::new(&integrations, &config.rules, &described(unit)?);
    let mut report = blank_report(unit);
    report
        .skipped
        .extend(plan.unsupported().iter().map(|unsupported| Skipped {
            integration: unsupported.integration.clone(),
            reason: format!("knows {} only", unsupported.supported),
            unsupported: true,
        }));
    if plan.is_empty() {
        return replace_report(unit, &report).map(|()| None);
    }
    let current = env::current_dir().context("failed to find the current directory")?;
    let mirror = unit.session.state.mirror(&unit.unit.unit());
    let root = &unit.unit.root;
    let layout = Layout::new(mirror, root, &current, &unit.package.manifest_dir)
        .with_context(|| format!("{} cannot be mirrored", root.display()))?;
    let woven = weaving::weave(&plan, &layout.original, &layout.root, |outcome| {
        let mut own = report.clone();
        describe_outcome(&mut own, outcome, &config);
        baked_statement(unit, &config, own)
    })?;
    report.original.clone_from(&layout.original);
    report.mirror.clone_from(&layout.mirror);
    report.files = woven.files.keys().cloned().collect();
    report.source_bytes = woven.source_bytes;
    describe_outcome(&mut report, &woven.outcome, &config);
    report.unread = woven.unread;
    let mut woven = Woven {
        layout,
        starts_agent: woven.outcome.main == MainOutcome::Woven,
        files: woven.files,
        report,
        config,
    };
    woven.write_mirror()?;
    woven.report.weaving_us = started.elapsed().as_micros() as u64;
    Ok(Some(woven))
}

fn blank_report(unit: &Unit<'_>) -> UnitReport {
    UnitReport {
        crate_name: unit.unit.name.clone(),
        package: unit.package.name.clone(),
        version: unit.package.version.clone(),
        role: role_name(unit).to_owned(),
        root: unit.unit.root.clone(),
        stem: unit.unit.stem(),
        is_linked: unit.unit.emit.iter().any(|kind| kind == "link"),
        features: unit.unit.features.clone(),
        out_dir: unit.unit.out_dir.clone(),
        build: env::var(BUILD).unwrap_or_default(),
        ..UnitReport::default()
    }
}

/// The report of a unit that was compiled as it is although there is something to weave.
pub(super) fn unwoven(unit: &Unit<'_>, reason: String) -> UnitReport {
    UnitReport {
        fallback: Some(reason),
        ..blank_report(unit)
    }
}

/// Keeps the report of a unit that is compiled as it is, if it has anything to say or may be what a
/// build was asked for; one from when there was something to weave would be a lie now.
fn replace_report(unit: &Unit<'_>, report: &UnitReport) -> Result<()> {
    let (state, name) = (&unit.session.state, unit.unit.unit());
    if report.skipped.is_empty() && !unit.is_member() && !unit.unit.is_binary() {
        drop(fs::remove_file(state.unit(&name)));
        return Ok(());
    }
    report
        .write(state, &name)
        .context("failed to write the unit's report")
}

impl Woven {
    fn write_mirror(&self) -> Result<()> {
        let texts = self
            .files
            .iter()
            .map(|(path, file)| (path.clone(), file.text.as_str()));
        let mirror = &self.layout.mirror;
        self.layout
            .write(&texts.collect())
            .with_context(|| format!("failed to write {}", mirror.display()))
    }

    /// True when there is nothing in the sources that is not in the originals.
    pub(super) fn is_plain(&self) -> bool {
        self.files.is_empty()
    }

    /// Names of the integrations that inserted something.
    pub(super) fn integrations(&self) -> BTreeSet<String> {
        let edits = self.files.values().flat_map(|file| &file.edits);
        edits
            .filter_map(|edit| integration_of(&edit.origin))
            .map(str::to_owned)
            .collect()
    }

    /// Records that an integration did not survive the compiler.
    pub(super) fn skip(&mut self, integrations: BTreeSet<String>, error: &str) {
        for integration in integrations {
            self.report.integrations.remove(&integration);
            let reason = format!("the woven crate does not compile: {error}");
            self.report.skipped.push(Skipped {
                integration,
                reason,
                unsupported: false,
            });
        }
    }

    /// Records that nothing was woven after all, and why.
    pub(super) fn fall_back(&mut self, error: &str) {
        let integrations = std::mem::take(&mut self.report.integrations)
            .into_keys()
            .collect();
        self.skip(integrations, error);
        self.report.rules.clear();
        self.report.files.clear();
        self.report.fallback = Some(error.to_owned());
    }
}

/// The integration that an insertion belongs to.
pub(super) fn integration_of(origin: &Origin) -> Option<&str> {
    match origin {
        Origin::Aspect { integration, .. } | Origin::Glue { integration } => Some(integration),
        Origin::Rule(_) | Origin::Agent | Origin::Edition => None,
    }
}

/// Puts what the engine says about a unit into its report.
pub(crate) fn describe_outcome(report: &mut UnitReport, outcome: &UnitOutcome, config: &Config) {
    let is_dropped = |name: &String| {
        outcome
            .dropped
            .iter()
            .any(|dropped| dropped.integration == *name)
    };
    for aspect in outcome
        .aspects
        .iter()
        .filter(|aspect| aspect.found > 0 && !is_dropped(&aspect.integration))
    {
        let aspects = report
            .integrations
            .entry(aspect.integration.clone())
            .or_default();
        aspects.insert(aspect.aspect.clone(), aspect.found);
    }
    report
        .skipped
        .extend(outcome.dropped.iter().map(|dropped| Skipped {
            integration: dropped.integration.clone(),
            reason: dropped.reasons.join("; "),
            unsupported: false,
        }));
    let key = |index: usize| config.rules.rules.get(index).map(rule_key);
    for rule in &outcome.rules {
        let Some(key) = key(rule.rule) else { continue };
        report.rules.insert(key.clone(), rule.functions.clone());
        if rule.functions.is_empty() {
            report.nearest.insert(key, rule.nearest.clone());
        }
    }
    report
        .problems
        .extend(outcome.problems.iter().filter_map(|problem| {
            Some(Problem {
                rule: key(problem.rule)?,
                function: problem.function.clone(),
                message: problem.message.clone(),
                fatal: problem.fatal,
            })
        }));
    report.unhookable = outcome.unhookable.len();
}

fn described(unit: &Unit<'_>) -> Result<selvedge_weave::Unit> {
    let version = unit.package.version.clone();
    Ok(selvedge_weave::Unit {
        crate_name: unit.unit.name.clone(),
        package: unit.package.name.clone(),
        version: Version::parse(&version).with_context(|| format!("{version} is no version"))?,
        edition: match unit.unit.edition {
            2015 => Edition::E2015,
            2018 => Edition::E2018,
            2021 => Edition::E2021,
            _ => Edition::E2024,
        },
        features: unit.unit.features.clone(),
        is_workspace: unit.is_member(),
        role: match () {
            () if unit.unit.test => Role::TestHarness,
            () if unit.unit.is_binary() => Role::Binary,
            () => Role::Library,
        },
        baked: (unit.unit.is_binary() && unit.kit.agent.is_some()).then(|| AGENT_START.to_owned()),
    })
}

fn role_name(unit: &Unit<'_>) -> &'static str {
    match () {
        () if unit.unit.test => "test",
        () if unit.unit.is_binary() => "binary",
        () => "library",
    }
}

/// The program's dependencies are compiled before it is, so their reports are complete; its own is
/// `own`.
fn baked_statement(unit: &Unit<'_>, config: &Config, own: UnitReport) -> String {
    let state = &unit.session.state;
    let graph = Graph::read(&state.graph());
    let externs = unit.call.externs();
    let dependencies = graph.closure(externs.iter().map(String::as_str));
    let mut reports: Vec<UnitReport> = dependencies
        .into_iter()
        .filter_map(|dependency| UnitReport::read(state, dependency))
        .collect();
    reports.push(own);
    let name = env::var("CARGO_BIN_NAME").unwrap_or_else(|_| unit.unit.name.clone());
    baked::statement(
        &Program {
            name: &name,
            version: &unit.package.version.clone(),
            manifest: &Manifest::collate(&reports).marked(),
        },
        &config.rules,
    )
}
