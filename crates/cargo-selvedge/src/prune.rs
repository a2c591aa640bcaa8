//! Removes what no build will use again: kits in the user's cache, and in a target directory what
//! is left of units and versions of Selvedge that are gone.
//!
//! Builds at the same time are safe: nothing that was used or written lately is looked at, and a
//! directory is renamed before it is removed, so that it is whole or absent. A failure to remove
//! something changes nothing.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::files;
use crate::kit::Kit;
use crate::report::graph;
use crate::report::unit::UnitReport;
use crate::state::State;

const DAY: Duration = Duration::from_hours(24);
/// A kit, and what another version of Selvedge knows of a target directory, is kept this long after
/// its last use.
const UNUSED_MAX: Duration = Duration::from_hours(30 * 24);
/// What is younger may be in the making.
const YOUNG: Duration = DAY;
/// Begins the name of what is being removed.
const REMOVED: &str = ".removed-";

/// Notes that a kit is in use.
pub(crate) fn mark_used(kit: &Kit) {
    let Some(mark) = kit.hooks.parent().map(mark) else {
        return;
    };
    if is_older(&mark, DAY)
        && let Ok(file) = File::options().write(true).open(mark)
    {
        drop(file.set_modified(SystemTime::now()));
    }
}

/// Removes kits that are not used any more, and what is left of kits whose build was killed.
pub(crate) fn kits(cache: &Path) {
    for path in entries(cache).filter(|path| path.is_dir()) {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let is_key = name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_key && is_older(&mark(&path), UNUSED_MAX) {
            // A build that has just chosen this kit has marked it, or waits for this lock.
            let lock = files::lock(&mark(&path));
            if lock.is_ok() && is_older(&mark(&path), UNUSED_MAX) {
                remove(&path);
            }
        } else if (name.starts_with(".building-") || name.starts_with(REMOVED))
            && is_older(&path, YOUNG)
        {
            drop(fs::remove_dir_all(&path));
        }
    }
}

/// Removes mirrors of units that are no more, and what other versions of Selvedge left behind.
pub(crate) fn target(state: &State) {
    let mirrors = entries(&state.mirrors());
    for mirror in mirrors.filter(|path| is_older(path, YOUNG)) {
        let unit = mirror.file_name().and_then(OsStr::to_str);
        if unit.is_some_and(|unit| !is_there(state, unit)) {
            remove(&mirror);
        }
    }
    drop(graph::compact(&state.graph()));
    for kept in [state.units(), state.graph()] {
        let all = kept.parent().map(entries).into_iter().flatten();
        for old in all.filter(|path| *path != kept && is_older(path, UNUSED_MAX)) {
            if old.is_dir() {
                remove(&old);
            } else {
                drop(fs::remove_file(old));
            }
        }
    }
}

/// True for a unit that cargo may still take for fresh: there is a report of it, by this version of
/// Selvedge or by one whose reports are still kept, and its dep-info.
fn is_there(state: &State, unit: &str) -> bool {
    let all = state.units();
    let reports = all.parent().map(entries).into_iter().flatten();
    reports
        .map(|version| version.join(format!("{unit}.json")))
        .filter_map(|path| fs::read(path).ok())
        .any(|json| {
            let report = serde_json::from_slice::<UnitReport>(&json);
            // Another version's may read differently.
            report.map_or(true, |report| {
                report.out_dir.join(format!("{}.d", report.stem)).is_file()
            })
        })
}

/// The lock of a kit, whose date tells when it was used.
fn mark(kit: &Path) -> PathBuf {
    kit.with_extension("lock")
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path())
}

/// False for what is not there.
fn is_older(path: &Path, age: Duration) -> bool {
    let modified = fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
    modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|elapsed| elapsed > age))
}

fn remove(path: &Path) {
    let Some(name) = path.file_name().and_then(OsStr::to_str) else {
        return;
    };
    let removed = path.with_file_name(format!("{REMOVED}{name}-{}", std::process::id()));
    if fs::rename(path, &removed).is_ok() {
        drop(fs::remove_dir_all(removed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let name = format!("selvedge-prune-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        drop(fs::remove_dir_all(&folder));
        folder
    }

    fn age(path: &Path, days: u32) {
        let time = SystemTime::now() - DAY * days;
        File::open(path).unwrap().set_modified(time).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn kits_are_kept_for_as_long_as_they_are_used() {
        let cache = scratch("kits");
        let kit = |digit: &str, days: u32| {
            let home = cache.join(digit.repeat(32));
            fs::create_dir_all(home.join("hooks")).unwrap();
            fs::write(mark(&home), "").unwrap();
            age(&mark(&home), days);
            home
        };
        let (recent, old, marked) = (kit("a", 2), kit("b", 31), kit("c", 31));
        let killed = cache.join(".building-d-1");
        fs::create_dir_all(killed.join("target")).unwrap();
        let json = serde_json::json!({"hooks": marked.join("hooks"), "agent": null, "error": ""});
        mark_used(&serde_json::from_value(json).unwrap());
        kits(&cache);
        assert!(recent.exists() && marked.exists() && !old.exists());
        assert!(killed.exists(), "it may be in the making");
        age(&killed, 2);
        kits(&cache);
        assert!(!killed.exists());
        fs::remove_dir_all(cache).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn mirrors_go_with_their_units() {
        let folder = scratch("target");
        let state = State::of_target(&folder);
        let deps = folder.join("deps");
        fs::create_dir_all(&deps).unwrap();
        fs::write(deps.join("kept-1.d"), "").unwrap();
        for unit in ["kept-1", "cleaned-2", "unreported-3", "young-4"] {
            let mirror = state.mirror(unit);
            fs::create_dir_all(mirror.join("src")).unwrap();
            if unit != "young-4" {
                age(&mirror, 2);
            }
            if unit != "unreported-3" {
                let report = UnitReport {
                    stem: unit.to_owned(),
                    out_dir: deps.clone(),
                    ..UnitReport::default()
                };
                report.write(&state, unit).unwrap();
            }
        }
        let other = state.units().with_file_name("other");
        fs::create_dir_all(&other).unwrap();
        target(&state);
        let mut left: Vec<_> = entries(&state.mirrors()).collect();
        left.sort();
        assert_eq!(left, [state.mirror("kept-1"), state.mirror("young-4")]);
        assert!(other.exists());
        age(&other, 31);
        target(&state);
        assert!(!other.exists());
        fs::remove_dir_all(folder).unwrap();
    }
}
