//! Weaves packages as the wrapper does, in memory.

use std::hint::black_box;
use std::time::Instant;

use selvedge_weave::{Edition, FileInput, Plan, Role, Rules, Unit, apply, finish, weave_file};

use crate::integrations::Integrations;
use crate::sources::Package;

/// Text that a user would write to see everything.
const RULE: &str = "[[span]]\nfunction = \"**\"\n";

/// Packages, each with what applies to it.
pub(crate) struct Work<'a> {
    units: Vec<(&'a Package, Plan)>,
}

/// What was woven.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) bytes: usize,
    pub(crate) files: usize,
    /// Files that the scanner refuses, such as test data of macro libraries.
    pub(crate) unparsed: usize,
    pub(crate) insertions: usize,
}

impl<'a> Work<'a> {
    /// A rule that matches every function, of every package.
    pub(crate) fn every_function(packages: &'a [Package]) -> Result<Self, String> {
        let (rules, problems) = Rules::parse(RULE, &[]);
        if !problems.is_empty() {
            return Err(format!("the rule for every function: {problems:?}"));
        }
        let units = packages.iter().filter_map(|package| {
            let plan = Plan::new(&[], &rules, &unit(package, true)?);
            Some((package, plan))
        });
        Ok(Self {
            units: units.collect(),
        })
    }

    /// The integrations, of the packages that they know.
    pub(crate) fn integrations(packages: &[&'a Package], integrations: &Integrations) -> Self {
        let (rules, _) = Rules::parse("", &[]);
        let units = packages.iter().filter_map(|package| {
            let plan = Plan::new(&integrations.0, &rules, &unit(package, false)?);
            Some((*package, plan))
        });
        Self {
            units: units.collect(),
        }
    }

    /// Weaves everything once: the seconds it took, and what it was.
    pub(crate) fn timed(&self) -> (f64, Tally) {
        let mut tally = Tally::default();
        let started = Instant::now();
        for (package, plan) in &self.units {
            weave(package, plan, &mut tally);
        }
        (started.elapsed().as_secs_f64(), tally)
    }
}

fn weave(package: &Package, plan: &Plan, tally: &mut Tally) {
    let mut outputs = Vec::with_capacity(package.files.len());
    for file in &package.files {
        let display_path = file.path.display().to_string();
        let input = FileInput {
            text: &file.text,
            module: &file.module,
            display_path: &display_path,
        };
        tally.bytes += file.text.len();
        tally.files += 1;
        match weave_file(plan, &input) {
            Ok(output) => outputs.push((file, output)),
            Err(_) => tally.unparsed += 1,
        }
    }
    let judged: Vec<_> = outputs
        .iter()
        .map(|(file, output)| (file.module.clone(), output))
        .collect();
    let outcome = finish(plan, &judged);
    for (file, output) in &outputs {
        let kept = output
            .edits
            .iter()
            .filter(|edit| outcome.keeps(&edit.origin));
        let edits: Vec<_> = kept.cloned().collect();
        tally.insertions += edits.len();
        black_box(apply(&file.text, &edits));
    }
}

/// The package's library; none where its version is no semantic one.
fn unit(package: &Package, is_workspace: bool) -> Option<Unit> {
    Some(Unit {
        crate_name: package.name.replace('-', "_"),
        package: package.name.clone(),
        version: package.version.parse().ok()?,
        edition: match package.edition.as_str() {
            "2015" => Edition::E2015,
            "2018" => Edition::E2018,
            "2021" => Edition::E2021,
            _ => Edition::E2024,
        },
        features: package.features.clone(),
        is_workspace,
        role: Role::Library,
        baked: None,
    })
}
