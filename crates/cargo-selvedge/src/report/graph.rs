//! Which unit was compiled with which: how a program's own dependencies are told from everything
//! else in its target directory.
//!
//! One file for all units, a line for each: many a unit is not woven and has no report, but what it
//! depends on may be.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use crate::files;

/// A longer file is not appended to: what is missing from it is missing from manifests only.
const BYTES_MAX: u64 = 64 << 20;
/// A longer file is written anew without the lines that no longer hold.
const COMPACT_BYTES: u64 = 8 << 20;
/// A unit's last line is looked for in so much of the file's end; a line that was there before is
/// written again.
const RECENT_BYTES: u64 = 256 << 10;

/// The units of a target directory, by their file stems, each with those it was compiled with.
pub(crate) struct Graph(HashMap<String, Vec<String>>);

impl Graph {
    /// Reads what there is. Of lines about one unit the last holds.
    pub(crate) fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_default();
        let edges = text.lines().filter_map(|line| {
            let mut names = line.split(' ').map(str::to_owned);
            Some((names.next()?, names.collect()))
        });
        Self(edges.collect())
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (unit, externs) in &self.0 {
            text.push_str(unit);
            for name in externs {
                text.push(' ');
                text.push_str(name);
            }
            text.push('\n');
        }
        text
    }

    /// These units and all that they were compiled with, directly or not.
    pub(crate) fn closure<'a>(
        &'a self,
        roots: impl IntoIterator<Item = &'a str>,
    ) -> BTreeSet<&'a str> {
        let mut open: Vec<&str> = roots.into_iter().collect();
        let mut closure = BTreeSet::new();
        while let Some(unit) = open.pop() {
            if closure.insert(unit) {
                open.extend(self.0.get(unit).into_iter().flatten().map(String::as_str));
            }
        }
        closure
    }
}

/// Records what a unit is compiled with, unless that is what was recorded last.
pub(crate) fn record(path: &Path, unit: &str, externs: &[String]) -> io::Result<()> {
    let mut line = format!("{unit} {}", externs.join(" "));
    line.truncate(line.trim_end().len());
    line.push('\n');
    let mut known = Vec::new();
    match File::open(path) {
        Ok(mut file) => {
            let bytes = file.metadata()?.len();
            if bytes > BYTES_MAX {
                return Ok(());
            }
            file.seek(SeekFrom::Start(bytes.saturating_sub(RECENT_BYTES)))?;
            file.read_to_end(&mut known)?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
        }
        Err(error) => return Err(error),
    }
    if last_line_of(&known, unit) == Some(line.trim_end().as_bytes()) {
        return Ok(());
    }
    if known.last().is_some_and(|byte| *byte != b'\n') {
        // A build that was killed while it wrote.
        line.insert(0, '\n');
    }
    // One write at the end of the file, so that lines of parallel calls do not mix.
    let mut file = File::options().create(true).append(true).open(path)?;
    file.write_all(line.as_bytes())
}

/// Drops lines that later ones replace, once there are many. What another build records at the same
/// moment may be lost, and is then missing from manifests until the unit is compiled again.
pub(crate) fn compact(path: &Path) -> io::Result<()> {
    if fs::metadata(path)?.len() <= COMPACT_BYTES {
        return Ok(());
    }
    files::write_if_changed(path, Graph::read(path).text().as_bytes()).map(drop)
}

fn last_line_of<'a>(known: &'a [u8], unit: &str) -> Option<&'a [u8]> {
    let is_of_unit = |line: &&[u8]| {
        let rest = line.strip_prefix(unit.as_bytes());
        rest.is_some_and(|rest| rest.is_empty() || rest[0] == b' ')
    };
    known.split(|byte| *byte == b'\n').rfind(is_of_unit)
}

/// The units among the values of `--extern`, by their file stems; those without a path, as
/// `proc_macro`, are the compiler's own.
pub(crate) fn stems(externs: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<String> {
    let stem = |value: &str| {
        let (_, path) = value.split_once('=')?;
        let name = Path::new(path).file_stem().and_then(OsStr::to_str)?;
        Some(name.strip_prefix("lib").unwrap_or(name).to_owned())
    };
    let mut stems: Vec<String> = externs
        .into_iter()
        .filter_map(|value| stem(value.as_ref()))
        .collect();
    stems.sort();
    stems.dedup();
    stems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_reached_is_in_the_closure_and_the_last_record_holds() {
        let folder = std::env::temp_dir().join(format!("selvedge-graph-{}", std::process::id()));
        let path = folder.join("deep/graph");
        let names = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        for (unit, externs) in [
            ("app-1", &["web-2", "old-3"][..]),
            ("web-2", &["log-4"]),
            ("other-5", &["sql-6"]),
            ("app-1", &["web-2"]),
            ("log-4", &["web-2"]),
            ("log", &[]),
        ] {
            record(&path, unit, &names(externs)).unwrap();
        }
        let graph = Graph::read(&path);
        let closure: Vec<&str> = graph.closure(["app-1"]).into_iter().collect();
        assert_eq!(closure, ["app-1", "log-4", "web-2"]);

        let length = || fs::metadata(&path).unwrap().len();
        let before = length();
        record(&path, "app-1", &names(&["web-2"])).unwrap();
        record(&path, "log", &[]).unwrap();
        assert_eq!(length(), before, "what is known is not recorded again");

        let text = graph.text();
        fs::write(&path, &text).unwrap();
        let mut rewritten: Vec<&str> = text.lines().collect();
        rewritten.sort_unstable();
        assert_eq!(
            rewritten,
            [
                "app-1 web-2",
                "log",
                "log-4 web-2",
                "other-5 sql-6",
                "web-2 log-4"
            ]
        );
        compact(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text, "it is short");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn units_are_known_by_the_files_they_are_linked_from() {
        let externs = [
            "a=/t/deps/liba-1.rlib",
            "priv:b_c=/t/deps/libb-2.rmeta",
            "proc_macro",
            "a=/t/deps/liba-1.rmeta",
        ];
        assert_eq!(stems(externs), ["a-1", "b-2"]);
    }
}
