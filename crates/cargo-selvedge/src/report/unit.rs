//! What was done to one unit: written by the wrapper, collated by the driver.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::files;
use crate::state::State;

/// One call of rustc.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct UnitReport {
    /// `--crate-name`.
    pub(crate) crate_name: String,
    /// Package name.
    pub(crate) package: String,
    /// Package version.
    pub(crate) version: String,
    /// `library`, `binary` or `test`.
    pub(crate) role: String,
    /// The crate root as cargo passed it.
    pub(crate) root: PathBuf,
    /// The stem of the files that rustc writes.
    pub(crate) stem: String,
    /// Whether code is generated, which a check does not.
    pub(crate) is_linked: bool,
    /// Enabled features.
    pub(crate) features: Vec<String>,
    /// `--out-dir`, which tells profiles and targets apart.
    pub(crate) out_dir: PathBuf,
    /// The build that compiled it; empty without a driver.
    pub(crate) build: String,
    /// The original sources' root and its mirror, where files were woven.
    pub(crate) original: PathBuf,
    /// See `original`.
    pub(crate) mirror: PathBuf,
    /// Files woven, relative to `original`.
    pub(crate) files: Vec<PathBuf>,
    /// Places woven, by aspect, by integration.
    pub(crate) integrations: BTreeMap<String, BTreeMap<String, usize>>,
    /// Functions that each rule matched, by the rule's [`crate::config::rule_key`].
    pub(crate) rules: BTreeMap<String, Vec<String>>,
    /// For each rule that found no function here: names that may have been meant.
    pub(crate) nearest: BTreeMap<String, Vec<String>>,
    /// What is to be said about rules at certain functions.
    pub(crate) problems: Vec<Problem>,
    /// Integrations that were left out, and why.
    pub(crate) skipped: Vec<Skipped>,
    /// Files that could not be read as Rust, and why.
    pub(crate) unread: Vec<String>,
    /// Code that cannot take hooks.
    pub(crate) unhookable: usize,
    /// Why the whole unit was compiled unwoven.
    pub(crate) fallback: Option<String>,
    /// Time spent deciding what to weave and writing it, in microseconds.
    pub(crate) weaving_us: u64,
    /// Source text read, in bytes.
    pub(crate) source_bytes: u64,
}

/// Something about a rule that the user should know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Problem {
    /// The rule's key.
    pub(crate) rule: String,
    /// The function.
    pub(crate) function: String,
    /// What it is.
    pub(crate) message: String,
    /// True when the rule does not do what it was written for.
    pub(crate) fatal: bool,
}

/// An integration that was left out of a package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Skipped {
    /// The integration.
    pub(crate) integration: String,
    /// Why, as a sentence part.
    pub(crate) reason: String,
    /// True when the package's version is outside of what the integration knows, which is no
    /// fault of either.
    pub(crate) unsupported: bool,
}

impl UnitReport {
    /// Replaces the unit's report.
    pub(crate) fn write(&self, state: &State, unit: &str) -> std::io::Result<()> {
        let json = serde_json::to_vec(self)?;
        files::write_if_changed(&state.unit(unit), &json).map(drop)
    }

    /// The report of a unit; none if it has nothing to say, or is from an interrupted write.
    pub(crate) fn read(state: &State, unit: &str) -> Option<Self> {
        let json = fs::read(state.unit(unit)).ok()?;
        serde_json::from_slice(&json).ok()
    }

    /// The reports there are, in a stable order; of those that tell of the same crate, as after a
    /// library was patched, the newest. One that does not read is from an interrupted write, and is
    /// passed over.
    pub(crate) fn read_all(folder: &Path) -> Vec<Self> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut paths: Vec<(SystemTime, PathBuf)> = entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|kind| kind == "json"))
            .filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path)))
            .collect();
        paths.sort();
        let mut newest = BTreeMap::new();
        for (_, path) in paths {
            let json = fs::read(path).unwrap_or_default();
            if let Ok(report) = serde_json::from_slice::<Self>(&json) {
                newest.insert(report.subject(), report);
            }
        }
        newest.into_values().collect()
    }

    /// When the build that compiled it began, in nanoseconds of the clock; 0 without a driver.
    pub(crate) fn built_at(&self) -> u128 {
        let nanoseconds = self.build.split('-').next();
        nanoseconds
            .and_then(|text| text.parse().ok())
            .unwrap_or_default()
    }

    /// What the report is about, as far as a reader of reports can tell.
    fn subject(&self) -> impl Ord + use<> {
        let texts = [&self.package, &self.version, &self.crate_name, &self.role];
        (
            texts.map(Clone::clone),
            self.root.clone(),
            self.features.clone(),
            self.out_dir.clone(),
        )
    }
}
