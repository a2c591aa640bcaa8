//! The files and directories that cargo's answer about a project depends on: manifests, cargo's
//! configuration, and the directories in which it finds targets and members by itself.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::Metadata;
use crate::arguments::CargoArguments;
use crate::toolchain;

/// Directories below a package in which cargo looks for targets.
const TARGET_FOLDERS: [&str; 5] = ["src", "src/bin", "tests", "examples", "benches"];
/// A project that depends on more than this is asked about every time.
const PATHS_MAX: usize = 4096;

/// The paths, also of what is not there but would matter if it were; none if they cannot be told.
pub(super) fn paths(
    metadata: &Metadata,
    arguments: &CargoArguments,
    folder: &Path,
    start: &Path,
) -> Option<Vec<PathBuf>> {
    let mut paths = BTreeSet::new();
    // A manifest further up may be that of a workspace.
    paths.extend(start.ancestors().map(|above| above.join("Cargo.toml")));
    paths.extend(toolchain::configuration_files(folder));
    paths.extend(arguments.config.iter().map(|config| folder.join(config)));
    for member in &metadata.packages {
        let folder = member.manifest_path.parent()?;
        paths.extend(folder.ancestors().map(|above| above.join("Cargo.toml")));
        paths.insert(folder.to_owned());
        for name in TARGET_FOLDERS {
            let targets = folder.join(name);
            paths.extend(folders_in(&targets));
            paths.insert(targets);
        }
    }
    members_by_pattern(&metadata.workspace_root, &mut paths)?;
    (paths.len() <= PATHS_MAX).then(|| paths.into_iter().collect())
}

/// The directories through which `workspace.members` leads, and the manifests at its ends.
fn members_by_pattern(root: &Path, paths: &mut BTreeSet<PathBuf>) -> Option<()> {
    let manifest: Table = fs::read_to_string(root.join("Cargo.toml"))
        .ok()?
        .parse()
        .ok()?;
    let members = manifest
        .get("workspace")
        .and_then(|workspace| workspace.get("members"))
        .and_then(Value::as_array);
    let patterns = members.into_iter().flatten().filter_map(Value::as_str);
    for pattern in patterns.filter(|pattern| is_glob(pattern)) {
        let mut reached = vec![root.to_owned()];
        for part in pattern.split('/') {
            if part.contains("**") {
                return None;
            }
            paths.extend(reached.iter().cloned());
            reached = if is_glob(part) {
                reached.iter().flat_map(|path| folders_in(path)).collect()
            } else {
                reached.iter().map(|path| path.join(part)).collect()
            };
            if reached.len() > PATHS_MAX {
                return None;
            }
        }
        paths.extend(reached.iter().map(|path| path.join("Cargo.toml")));
    }
    Some(())
}

fn is_glob(pattern: &str) -> bool {
    pattern.contains(['*', '?', '['])
}

fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}
