//! The user's project as cargo sees it.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::arguments::CargoArguments;
use crate::kit;
use crate::recall;
use crate::state::State;

mod watched;

/// Name of the configuration file.
pub(crate) const CONFIG: &str = "selvedge.toml";

/// A workspace, or a package alone.
#[derive(Debug)]
pub(crate) struct Project {
    /// The workspace's root.
    pub(crate) root: PathBuf,
    /// Where woven things are built: `<target>/selvedge`.
    pub(crate) target: PathBuf,
    /// The nearest `selvedge.toml` above the manifest; none when there is none.
    pub(crate) config: Option<PathBuf>,
    /// The members.
    pub(crate) packages: Vec<Package>,
    /// Names of the members that cargo builds when it is told of none.
    pub(crate) default_members: Vec<String>,
}

/// A member of the workspace.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Package {
    /// The package's name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// Its libraries, binaries, examples, tests.
    pub(crate) targets: Vec<Target>,
}

/// One thing a package can be built into.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Target {
    /// The target's name.
    pub(crate) name: String,
    /// `lib`, `bin`, `test` and so on.
    pub(crate) kind: Vec<String>,
    /// Its root file.
    pub(crate) src_path: PathBuf,
    /// Its edition.
    pub(crate) edition: String,
}

#[derive(Serialize, Deserialize)]
struct Metadata {
    packages: Vec<Member>,
    workspace_default_members: Vec<String>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Member {
    id: String,
    manifest_path: PathBuf,
    #[serde(flatten)]
    package: Package,
}

impl Project {
    /// Asks cargo, once.
    pub(crate) fn find(arguments: &CargoArguments) -> Result<Self> {
        let folder = env::current_dir().context("failed to find the current directory")?;
        let start = match &arguments.manifest_path {
            Some(manifest) => absolute(manifest)?
                .parent()
                .map(Path::to_owned)
                .unwrap_or_default(),
            None => folder.clone(),
        };
        let metadata = recalled_metadata(arguments, &folder, &start)?;
        let default_members = metadata.default_members();
        let target = match &arguments.target_dir {
            Some(target) => absolute(target)?,
            None => metadata.target_directory,
        };
        Ok(Self {
            config: find_config(&start, Some(&metadata.workspace_root)),
            root: metadata.workspace_root,
            target: target.join("selvedge"),
            default_members,
            packages: metadata
                .packages
                .into_iter()
                .map(|member| member.package)
                .collect(),
        })
    }

    /// Stands in for a project where there is none, to build what the registry has.
    pub(crate) fn nowhere(arguments: &CargoArguments, folder: &Path) -> Result<Self> {
        let target = match &arguments.target_dir {
            Some(target) => absolute(target)?,
            None => kit::cache_directory()?.join("install"),
        };
        Ok(Self {
            root: folder.to_owned(),
            target: target.join("selvedge"),
            config: find_config(folder, None),
            packages: Vec::new(),
            default_members: Vec::new(),
        })
    }

    /// What Selvedge keeps in the target directory.
    pub(crate) fn state(&self) -> State {
        State::of_target(&self.target)
    }

    /// The workspace's lock file.
    pub(crate) fn lock_file(&self) -> PathBuf {
        self.root.join("Cargo.lock")
    }
}

impl Target {
    /// The name rustc knows it by.
    pub(crate) fn crate_name(&self) -> String {
        self.name.replace('-', "_")
    }
}

impl Metadata {
    fn default_members(&self) -> Vec<String> {
        let is_default = |member: &&Member| self.workspace_default_members.contains(&member.id);
        let members = self.packages.iter().filter(is_default);
        members.map(|member| member.package.name.clone()).collect()
    }
}

/// The nearest `selvedge.toml` at or above a directory, no higher than a repository's root.
pub(crate) fn find_config(start: &Path, fallback: Option<&Path>) -> Option<PathBuf> {
    // One that cannot be read, as a link that leads nowhere, is an error and not an absence.
    let is_there = |path: &Path| path.symlink_metadata().is_ok();
    let mut found = None;
    for folder in start.ancestors() {
        if is_there(&folder.join(CONFIG)) {
            found = Some(folder.join(CONFIG));
        }
        if found.is_some() || folder.join(".git").exists() {
            break;
        }
    }
    let in_root = || {
        fallback
            .map(|root| root.join(CONFIG))
            .filter(|path| is_there(path))
    };
    found.or_else(in_root)
}

/// cargo itself, as cargo tells its subcommands.
pub(crate) fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// What cargo says about the project, asked only if what it said before may no longer be right.
fn recalled_metadata(arguments: &CargoArguments, folder: &Path, start: &Path) -> Result<Metadata> {
    let question = question(arguments, folder);
    if let Some(metadata) = recall::recall(&question) {
        return Ok(metadata);
    }
    let asked = SystemTime::now();
    let metadata = metadata(arguments)?;
    if let Some(watched) = watched::paths(&metadata, arguments, folder, start) {
        recall::remember(&question, asked, watched, &metadata);
    }
    Ok(metadata)
}

/// All that is given to cargo but files.
fn question(arguments: &CargoArguments, folder: &Path) -> String {
    let mut variables: Vec<_> = env::vars_os()
        .filter(|(name, _)| {
            let name = name.as_encoded_bytes();
            name.starts_with(b"CARGO") || name.starts_with(b"RUST") || name == b"HOME"
        })
        .collect();
    variables.sort();
    let given = (&arguments.manifest_path, &arguments.config);
    format!("metadata {:?}", (cargo(), folder, given, variables))
}

fn metadata(arguments: &CargoArguments) -> Result<Metadata> {
    let mut command = Command::new(cargo());
    command.args(["metadata", "--no-deps", "--format-version", "1"]);
    if let Some(manifest) = &arguments.manifest_path {
        command.arg("--manifest-path").arg(manifest);
    }
    for config in &arguments.config {
        command.arg("--config").arg(config);
    }
    let output = command.output().context("failed to run cargo metadata")?;
    if !output.status.success() {
        bail!(
            "{}",
            String::from_utf8_lossy(&output.stderr)
                .trim_end()
                .trim_start_matches("error: ")
        );
    }
    serde_json::from_slice(&output.stdout).context("failed to read what cargo metadata printed")
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("failed to resolve {}", path.display()))
}
