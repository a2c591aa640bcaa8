//! Takes the source files of one crate through the engine.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result};
use selvedge_weave::{
    Edit, Edition, FileInput, FileOutput, Integration, ListedFunction, MainOutcome, Origin, Plan,
    Role, Rules, Unit, UnitOutcome, apply, finish, list_functions, weave_file,
};
use semver::Version;

use crate::embedded::{self, Embedded};

/// At most so many files of a crate are looked at; those past it stay as they are.
const FILES_MAX: usize = 20_000;
/// A longer file is a table that a program wrote, not code that a person did.
const FILE_BYTES_MAX: u64 = 8 << 20;

/// A crate after weaving.
pub(crate) struct WovenCrate {
    /// The files with insertions, by path relative to the base.
    pub(crate) files: BTreeMap<PathBuf, WovenFile>,
    /// What the engine says about the crate as a whole.
    pub(crate) outcome: UnitOutcome,
    /// Files that could not be read as Rust, and why.
    pub(crate) unread: Vec<String>,
    /// Source text read, in bytes.
    pub(crate) source_bytes: u64,
}

/// One woven file.
pub(crate) struct WovenFile {
    /// Its woven text.
    pub(crate) text: String,
    /// What was inserted.
    pub(crate) edits: Vec<Edit>,
}

/// An integration with the texts of its glue modules by file name.
pub(crate) type Loaded = (Integration, BTreeMap<String, String>);

/// The integrations that may have something for a package, but those left out by name.
pub(crate) fn integrations(
    package: &str,
    is_member: bool,
    without: &BTreeSet<String>,
) -> Result<Vec<Loaded>> {
    let everywhere = if is_member { "*" } else { "" };
    let names = [package, everywhere];
    let candidates = names.into_iter().flat_map(embedded::integrations_of);
    let mut loaded: Vec<Loaded> = Vec::new();
    for embedded in candidates.filter(|embedded| !without.contains(embedded.folder)) {
        if loaded
            .iter()
            .all(|(integration, _)| integration.name != embedded.folder)
        {
            loaded.push(load(embedded)?);
        }
    }
    Ok(loaded)
}

/// Reads an embedded integration.
pub(crate) fn load(embedded: &Embedded) -> Result<Loaded> {
    let integration = Integration::parse(embedded.aspects).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("integration {}: {}", embedded.folder, problems.join("; "))
    })?;
    let glue = embedded
        .files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    Ok((integration, glue.collect()))
}

/// Stands in the plan for the statement that starts the agent, which tells what was woven and so
/// is known last.
pub(crate) const AGENT_START: &str = "__selvedge_agent_start";

/// Weaves a crate whose root is `base/root`. Only files that the plan has an interest in are read.
/// `agent_start` gives what [`AGENT_START`] stands for.
pub(crate) fn weave(
    plan: &Plan,
    base: &Path,
    root: &Path,
    agent_start: impl FnOnce(&UnitOutcome) -> String,
) -> Result<WovenCrate> {
    let mut walk = Walk {
        plan,
        base,
        seen: BTreeSet::new(),
        files: Vec::new(),
        unread: Vec::new(),
    };
    walk.follow(root)
        .with_context(|| format!("failed to read {}", base.join(root).display()))?;
    let outputs: Vec<(String, &FileOutput)> = walk
        .files
        .iter()
        .map(|file| (file.output.display_path.clone(), &file.output))
        .collect();
    let outcome = finish(plan, &outputs);
    let start = if outcome.main == MainOutcome::Woven {
        agent_start(&outcome)
    } else {
        String::new()
    };
    let source_bytes = walk.files.iter().map(|file| file.text.len() as u64).sum();
    let mut files = BTreeMap::new();
    for file in walk.files {
        let mut edits: Vec<Edit> = file
            .output
            .edits
            .into_iter()
            .filter(|edit| outcome.keeps(&edit.origin))
            .collect();
        for edit in edits.iter_mut().filter(|edit| edit.origin == Origin::Agent) {
            edit.text = edit.text.replace(AGENT_START, &start);
        }
        if !edits.is_empty() {
            files.insert(
                file.path,
                WovenFile {
                    text: apply(&file.text, &edits),
                    edits,
                },
            );
        }
    }
    Ok(WovenCrate {
        files,
        outcome,
        unread: walk.unread,
        source_bytes,
    })
}

/// A source file of a crate, and the functions that are written out in it.
pub(crate) struct Source {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Its text.
    pub(crate) text: String,
    /// The functions, by their path from the crate root.
    pub(crate) functions: Vec<ListedFunction>,
}

/// The source files of a crate, as far as they can be read.
pub(crate) fn sources(root: &Path) -> Vec<Source> {
    let (Some(base), Some(name)) = (root.parent(), root.file_name()) else {
        return Vec::new();
    };
    let plan = interested_in_everything();
    let mut walk = Walk {
        plan: &plan,
        base,
        seen: BTreeSet::new(),
        files: Vec::new(),
        unread: Vec::new(),
    };
    if walk.follow(Path::new(name)).is_err() {
        return Vec::new();
    }
    let listed = walk.files.into_iter().filter_map(|file| {
        let input = FileInput {
            text: &file.text,
            module: &file.module,
            display_path: "",
        };
        Some(Source {
            functions: list_functions(&input).ok()?,
            path: base.join(&file.path),
            text: file.text,
        })
    });
    listed.collect()
}

/// A plan by which every module is read.
fn interested_in_everything() -> Plan {
    let (rules, _) = Rules::parse("[[span]]\nfunction = \"**\"\n", &[]);
    let unit = Unit {
        crate_name: "any".to_owned(),
        package: "any".to_owned(),
        version: Version::new(0, 0, 0),
        edition: Edition::E2024,
        features: Vec::new(),
        is_workspace: true,
        role: Role::Library,
        baked: None,
    };
    Plan::new(&[], &rules, &unit)
}

struct Walk<'a> {
    plan: &'a Plan,
    base: &'a Path,
    seen: BTreeSet<PathBuf>,
    files: Vec<ReadFile>,
    unread: Vec<String>,
}

struct ReadFile {
    path: PathBuf,
    module: String,
    text: String,
    output: FileOutput,
}

/// A file to be read, and the module it holds.
struct Pending {
    path: PathBuf,
    module: String,
    is_mod_rs_like: bool,
}

impl Walk<'_> {
    /// Reads the root and the modules that the plan wants, breadth first. Only a missing root is
    /// an error: a module without a file may be one that is not configured in.
    fn follow(&mut self, root: &Path) -> io::Result<()> {
        let mut open = VecDeque::from([Pending {
            path: root.to_owned(),
            module: String::new(),
            is_mod_rs_like: true,
        }]);
        while let Some(pending) = open.pop_front() {
            if self.files.len() >= FILES_MAX || !self.seen.insert(pending.path.clone()) {
                continue;
            }
            match self.read(&pending) {
                Ok(Some(file)) => {
                    self.declare(&pending, &file, &mut open);
                    self.files.push(file);
                }
                Ok(None) => {}
                Err(error) if pending.module.is_empty() => return Err(error),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => self
                    .unread
                    .push(format!("{}: {error}", pending.path.display())),
            }
        }
        Ok(())
    }

    fn read(&mut self, pending: &Pending) -> io::Result<Option<ReadFile>> {
        let path = self.base.join(&pending.path);
        if fs::metadata(&path)?.len() > FILE_BYTES_MAX {
            self.unread.push(format!(
                "{}: longer than {FILE_BYTES_MAX} bytes",
                pending.path.display()
            ));
            return Ok(None);
        }
        let text = fs::read_to_string(&path)?;
        let display_path = pending.path.to_string_lossy();
        let input = FileInput {
            text: &text,
            module: &pending.module,
            display_path: &display_path,
        };
        match weave_file(self.plan, &input) {
            Ok(output) => Ok(Some(ReadFile {
                path: pending.path.clone(),
                module: pending.module.clone(),
                text,
                output,
            })),
            Err(error) => {
                self.unread.push(format!("{display_path}: {error}"));
                Ok(None)
            }
        }
    }

    fn declare(&self, parent: &Pending, file: &ReadFile, open: &mut VecDeque<Pending>) {
        for module in &file.output.modules {
            if !self.plan.wants_module(&module.path) {
                continue;
            }
            for candidate in module.candidates(&parent.path, parent.is_mod_rs_like) {
                // What is outside of the base is not mirrored, so it stays as it is.
                let Some(path) = normal(&candidate) else {
                    continue;
                };
                let is_mod_rs_like = module.is_mod_rs_like(&candidate);
                open.push_back(Pending {
                    path,
                    module: module.path.clone(),
                    is_mod_rs_like,
                });
            }
        }
    }
}

/// A relative path without `.` and `..`; none if it leads out.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => out.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !out.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_integration_reads() {
        for embedded in embedded::integrations() {
            load(embedded).unwrap();
        }
    }

    #[test]
    fn paths_that_lead_out_are_left_alone() {
        assert_eq!(
            normal(Path::new("a/src/../../b/./c.rs")),
            Some("b/c.rs".into())
        );
        assert_eq!(normal(Path::new("../b.rs")), None);
    }
}
