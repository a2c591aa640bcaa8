//! Where things are in a target directory that woven code is built in.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::embedded;

/// `<target>/.selvedge`: all that Selvedge keeps between builds of one project.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct State(PathBuf);

impl State {
    /// The state of a target directory.
    pub(crate) fn of_target(target: &Path) -> Self {
        Self(target.join(".selvedge"))
    }

    /// The directory itself.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// What concerns each crate in `selvedge.toml`: a dependency of each unit, by which cargo
    /// knows what to rebuild.
    pub(crate) fn rules(&self) -> PathBuf {
        self.0.join("rules")
    }

    /// The woven copies of all units' sources.
    pub(crate) fn mirrors(&self) -> PathBuf {
        self.0.join("mirror")
    }

    /// The woven copy of a unit's sources.
    pub(crate) fn mirror(&self, unit: &str) -> PathBuf {
        self.mirrors().join(unit)
    }

    /// One report per unit that this version of Selvedge has compiled: cargo takes another version
    /// for another compiler, so all is compiled anew then.
    pub(crate) fn units(&self) -> PathBuf {
        self.0.join("units").join(embedded::tool_hash())
    }

    /// The report of a unit.
    pub(crate) fn unit(&self, unit: &str) -> PathBuf {
        self.units().join(format!("{unit}.json"))
    }

    /// Which unit of this version of Selvedge was compiled with which.
    pub(crate) fn graph(&self) -> PathBuf {
        self.0.join("graph").join(embedded::tool_hash())
    }

    /// Units that failed when cargo had already been told of them.
    pub(crate) fn failures(&self) -> PathBuf {
        self.0.join("failed-late")
    }

    /// Why a unit is to be compiled as it is the next time.
    pub(crate) fn failure(&self, unit: &str) -> PathBuf {
        self.failures().join(unit)
    }

    /// Output of compilations whose only purpose is their messages.
    pub(crate) fn scratch(&self, unit: &str) -> PathBuf {
        self.0.join("scratch").join(unit)
    }

    /// The wrapper under a path of its own per version: cargo asks a compiler for its version
    /// again only when its path or date changes.
    pub(crate) fn wrapper(&self, version: &str) -> PathBuf {
        self.0
            .join("wrapper")
            .join(version)
            .join(format!("cargo-selvedge{}", std::env::consts::EXE_SUFFIX))
    }

    /// What a compiler says of its version, by the hash of what tells it from others.
    pub(crate) fn compiler_version(&self, hash: &str) -> PathBuf {
        self.0.join("session").join(format!("{hash}.version"))
    }

    /// A session, by the hash of its content.
    pub(crate) fn session(&self, hash: &str) -> PathBuf {
        self.0.join("session").join(format!("{hash}.json"))
    }
}
