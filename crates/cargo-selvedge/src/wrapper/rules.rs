//! The file that makes cargo rebuild a unit when what `selvedge.toml` says about it changes.

use std::path::PathBuf;

use anyhow::Result;

use super::Unit;
use crate::config::{self, Concern};
use crate::files;

/// The rules file of a unit.
pub(crate) struct RulesFile {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Why `selvedge.toml` cannot be used, where no driver has said so before.
    pub(crate) invalid: Option<String>,
}

/// Finds the rules file, and creates it if this is the unit's first compilation.
pub(crate) fn file(unit: &Unit<'_>) -> Result<RulesFile> {
    let concern = Concern {
        package: unit.package.name.clone(),
        crate_name: unit.unit.name.clone(),
        is_member: unit.is_member(),
        is_program: unit.unit.is_binary(),
    };
    let path = concern.path(&unit.session.state);
    if unit.session.driven && path.exists() {
        return Ok(RulesFile {
            path,
            invalid: None,
        });
    }
    let (content, invalid) = match config::table(unit.session.config.as_deref()) {
        Ok(table) => (concern.content(&table), None),
        Err(error) => (String::new(), Some(format!("{error:#}"))),
    };
    if unit.session.driven {
        files::create_backdated(&path, content.as_bytes())?;
    } else {
        // Nobody else updates it, and cargo must not take it for newer than this compilation.
        files::replace_backdated(&path, content.as_bytes())?;
    }
    // Without a driver only the file itself can tell cargo of a change.
    let path = if unit.session.driven {
        path
    } else {
        unit.session.config.clone().unwrap_or(path)
    };
    Ok(RulesFile {
        path,
        invalid: invalid.filter(|_| concern.is_member),
    })
}
