//! What is woven into a build: `manifest.json`, and the copy that a binary carries.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::unit::{Skipped, UnitReport};
use crate::embedded;

/// Where the manifest begins in a binary. In two parts so that this program does not contain it.
const BEGIN: [&str; 2] = ["\u{2}SELVEDGE", "-MANIFEST\u{2}"];
/// Where it ends.
const END: &str = "\u{3}";

/// Everything woven into one build.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// Version and content hash of the tool.
    pub(crate) tool: String,
    /// The packages woven, by name and version.
    pub(crate) packages: BTreeMap<String, PackageManifest>,
}

/// What was woven into one package.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct PackageManifest {
    /// Places woven, by aspect, by integration.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub(crate) integrations: BTreeMap<String, BTreeMap<String, usize>>,
    /// Functions matched, by rule.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub(crate) rules: BTreeMap<String, BTreeSet<String>>,
    /// What was left out.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub(crate) skipped: BTreeSet<Skipped>,
    /// Why a unit was compiled unwoven.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub(crate) fallbacks: BTreeSet<String>,
}

impl Manifest {
    /// Collates the reports of units.
    pub(crate) fn collate<'a>(reports: impl IntoIterator<Item = &'a UnitReport>) -> Self {
        let mut manifest = Self {
            tool: format!("{} {}", env!("CARGO_PKG_VERSION"), embedded::tool_hash()),
            ..Self::default()
        };
        for report in reports {
            let key = format!("{} {}", report.package, report.version);
            manifest.packages.entry(key).or_default().add(report);
        }
        manifest.packages.retain(|_, package| !package.is_empty());
        manifest
    }

    /// As the text to bake into a binary, marks included.
    pub(crate) fn marked(&self) -> String {
        let json = serde_json::to_string(self).unwrap_or_default();
        format!("{}{json}{END}", BEGIN.concat())
    }
}

impl PackageManifest {
    /// True when something that should have been woven was not.
    pub(crate) fn is_left_out(&self) -> bool {
        !self.fallbacks.is_empty() || self.skipped.iter().any(|skipped| !skipped.unsupported)
    }

    fn is_empty(&self) -> bool {
        self.integrations.is_empty()
            && self.rules.is_empty()
            && self.skipped.is_empty()
            && self.fallbacks.is_empty()
    }

    fn add(&mut self, report: &UnitReport) {
        for (integration, aspects) in &report.integrations {
            let known = self.integrations.entry(integration.clone()).or_default();
            for (aspect, count) in aspects {
                let most = known.entry(aspect.clone()).or_default();
                *most = (*most).max(*count);
            }
        }
        for (rule, functions) in &report.rules {
            self.rules
                .entry(rule.clone())
                .or_default()
                .extend(functions.iter().cloned());
        }
        self.skipped.extend(report.skipped.iter().cloned());
        self.fallbacks.extend(report.fallback.clone());
    }
}

/// The packages of a lock file, as (name, version); none if it cannot be read, as for
/// `cargo install`.
pub(crate) fn locked_packages(lock_file: &Path) -> Option<BTreeSet<(String, String)>> {
    let lock = fs::read_to_string(lock_file).ok()?;
    let value = |line: &str, key: &str| {
        let rest = line.strip_prefix(key)?.strip_prefix(" = \"")?;
        Some(rest.strip_suffix('"')?.to_owned())
    };
    let mut packages = BTreeSet::new();
    let mut name = None;
    // cargo writes each key on a line of its own, the name first; a parser of all of TOML would
    // take most of the time of a build without a change.
    for line in lock.lines() {
        name = value(line, "name").or(name);
        if let (Some(_), Some(version)) = (&name, value(line, "version")) {
            packages.extend(name.take().map(|name| (name, version)));
        }
    }
    Some(packages)
}

/// The JSON between the marks in a binary.
pub(crate) fn find(binary: &[u8]) -> Option<&[u8]> {
    let begin = BEGIN.concat();
    let start = position(binary, begin.as_bytes())? + begin.len();
    let length = position(&binary[start..], END.as_bytes())?;
    Some(&binary[start..start + length])
}

fn position(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(step) = haystack[from..].iter().position(|byte| *byte == first) {
        from += step;
        if haystack[from..].starts_with(needle) {
            return Some(from);
        }
        from += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_marked_is_found_again() {
        let manifest = Manifest {
            tool: "t".to_owned(),
            ..Manifest::default()
        };
        let binary = [
            b"\x02SELV\x02".as_slice(),
            manifest.marked().as_bytes(),
            b"\x03rest",
        ]
        .concat();
        let json = find(&binary).expect("the marks are there");
        assert_eq!(
            serde_json::from_slice::<Manifest>(json).expect("JSON").tool,
            "t"
        );
        assert!(find(b"an ordinary binary").is_none());
    }
}
