//! What the driver found out, for each call of the wrapper to read.
//!
//! Without a driver (`RUSTC_WRAPPER=cargo-selvedge cargo build`) the first call finds it out and
//! leaves it for the others.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use selvedge_weave::Agent;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::hash::Hasher;
use crate::kit::{self, Kit, Progress, Request};
use crate::project::find_config;
use crate::state::State;
use crate::{embedded, files, prune, toolchain};

/// Names the session's file.
pub(crate) const SESSION: &str = "SELVEDGE_SESSION";
/// Tells one build from another, so that reports can say what was woven in this one.
pub(crate) const BUILD: &str = "SELVEDGE_BUILD";
/// Names the wrapper that was set before Selvedge, sccache say.
pub(crate) const CHAINED_WRAPPER: &str = "SELVEDGE_CHAINED_WRAPPER";

/// The part of a build that all its rustc calls share.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Session {
    /// What Selvedge keeps in the target directory.
    pub(crate) state: State,
    /// `selvedge.toml`, if there is one.
    pub(crate) config: Option<PathBuf>,
    /// The compiler that the driver expects cargo to take.
    pub(crate) rustc: OsString,
    /// Its `-vV`.
    pub(crate) version: String,
    /// Hooks and agent by [`kit_key`], as far as known.
    pub(crate) kits: BTreeMap<String, Kit>,
    /// Optional parts of the agent, as [`Request::agent_features`].
    pub(crate) agent_features: Vec<String>,
    /// True when a driver keeps the rules files in step with `selvedge.toml`.
    pub(crate) driven: bool,
}

/// What tells the kits of one session apart.
pub(crate) fn kit_key(target: Option<&str>, flags: &[String]) -> String {
    let mut key = target.unwrap_or("").to_owned();
    for flag in flags {
        key.push(' ');
        key.push_str(flag);
    }
    key
}

impl Session {
    /// Writes the session where its calls find it, and says where.
    pub(crate) fn write(&self) -> Result<PathBuf> {
        let json = serde_json::to_vec(self).context("a session is plain data")?;
        let path = self.state.session(&Hasher::new().part(&json).hex());
        files::write_if_changed(&path, &json)
            .with_context(|| format!("failed to write {}", path.display()))?;
        Ok(path)
    }

    /// The session of a wrapper call.
    pub(crate) fn of_wrapper(rustc: &OsString, out_dir: &Path) -> Result<Self> {
        match env::var_os(SESSION) {
            Some(path) => read(Path::new(&path)),
            None => Self::without_driver(rustc, out_dir),
        }
    }

    /// The kit for a unit; built now if the driver did not foresee it.
    pub(crate) fn kit(
        &self,
        rustc: &OsString,
        target: Option<&str>,
        flags: Vec<String>,
    ) -> Result<Kit> {
        let is_expected = *rustc == self.rustc;
        // A target that is the host is the same code, but not for cargo, so it may be asked for.
        if let Some(kit) = self
            .kits
            .get(&kit_key(target, &flags))
            // A driver has just made sure that there is one; otherwise it may have been removed, or
            // an agent may have been built meanwhile.
            .filter(|kit| is_expected && (self.driven || kit.is_current()))
        {
            return Ok(kit.clone());
        }
        let version = if is_expected {
            self.version.clone()
        } else {
            self.version_of(rustc)?
        };
        let request = Request {
            rustc: rustc.clone(),
            version,
            target: target.map(str::to_owned),
            flags,
            agent_features: self.agent_features.clone(),
        };
        kit::ensure(&request, &kit::Silent)
    }

    /// The version of a compiler that the driver did not expect, which is asked once, not once a
    /// crate.
    fn version_of(&self, rustc: &OsString) -> Result<String> {
        let key = Hasher::new()
            .part(rustc.as_encoded_bytes())
            .part(modified(rustc))
            .hex();
        let path = self.state.compiler_version(&key);
        if let Ok(version) = fs::read_to_string(&path) {
            return Ok(version);
        }
        let version = toolchain::version(rustc)?;
        files::write_if_changed(&path, version.as_bytes())
            .with_context(|| format!("failed to write {}", path.display()))?;
        Ok(version)
    }

    /// Requests a kit and remembers it.
    pub(crate) fn prepare(&mut self, request: &Request, progress: &dyn Progress) -> Result<()> {
        let kit = kit::ensure(request, progress)?;
        prune::mark_used(&kit);
        self.kits
            .insert(kit_key(request.target.as_deref(), &request.flags), kit);
        Ok(())
    }

    fn without_driver(rustc: &OsString, out_dir: &Path) -> Result<Self> {
        let target = target_directory(out_dir);
        let state = State::of_target(target);
        let key = Hasher::new()
            .part(embedded::tool_hash())
            .part(rustc.as_encoded_bytes())
            .part(modified(rustc))
            .hex();
        let path = state.session(&format!("plain-{key}"));
        if let Ok(session) = read(&path) {
            return Ok(session.with_config(target));
        }
        let _lock =
            files::lock(&path.with_extension("lock")).context("failed to lock the session")?;
        if let Ok(session) = read(&path) {
            return Ok(session.with_config(target));
        }
        let mut session = Self {
            state,
            config: None,
            rustc: rustc.clone(),
            version: toolchain::version(rustc)?,
            kits: BTreeMap::new(),
            agent_features: Agent::default().features,
            driven: false,
        };
        let request = Request {
            rustc: rustc.clone(),
            version: session.version.clone(),
            target: None,
            flags: Vec::new(),
            agent_features: session.agent_features.clone(),
        };
        session.prepare(&request, &kit::Silent)?;
        files::write_if_changed(&path, &serde_json::to_vec(&session)?)?;
        Ok(session.with_config(target))
    }

    /// Finds the project's selvedge.toml where no driver has said which it is: above the target
    /// directory, where cargo was called, or above the package. Asked anew for each unit: the
    /// first one may be a dependency, which knows nothing of the project.
    fn with_config(mut self, target: &Path) -> Self {
        let above = |variable: &str| {
            let folder = env::var_os(variable)?;
            find_config(Path::new(&folder), None)
        };
        self.config = target
            .parent()
            .and_then(|above| find_config(above, None))
            .or_else(|| above("PWD"))
            .or_else(|| above("CARGO_MANIFEST_DIR"));
        // One that does not read is complained of where the crate is compiled.
        let config = Config::read(self.config.as_deref()).unwrap_or_default();
        if config.rules.agent.features != self.agent_features {
            self.agent_features = config.rules.agent.features;
            self.kits.clear();
        }
        self
    }
}

fn read(path: &Path) -> Result<Session> {
    let json = fs::read(path).with_context(|| format!("failed to read {}", path.display()))?;
    serde_json::from_slice(&json).with_context(|| format!("failed to read {}", path.display()))
}

/// The target directory that an `--out-dir` belongs to: cargo tags it.
fn target_directory(out_dir: &Path) -> &Path {
    let tagged = out_dir
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").is_file());
    tagged
        .or_else(|| out_dir.ancestors().nth(2))
        .unwrap_or(out_dir)
}

fn modified(rustc: &OsString) -> String {
    let modified = fs::metadata(rustc)
        .and_then(|metadata| metadata.modified())
        .ok();
    format!("{modified:?} {:?}", env::var_os("RUSTUP_TOOLCHAIN"))
}
