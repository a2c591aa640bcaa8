//! A woven crate that fails after cargo was told of its metadata.
//!
//! cargo starts on dependents as soon as rustc has written a crate's metadata, before code is
//! generated. What fails only then (a constant that is evaluated for a generic function, the code
//! generator itself) cannot be mended in the same call: dependents may have been compiled against
//! the woven metadata, which the plain crate's does not match. So the call fails, and leaves a note
//! by which the next one compiles the crate as it is; cargo rebuilds the dependents then. The
//! driver starts cargo once more by itself.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;

use anyhow::Result;

use super::compile::{run_apart, show};
use super::compiler::{Run, forward_all};
use super::weaving::Woven;
use super::{Unit, blame};
use crate::exit::Exit;
use crate::files;
use crate::state::State;

/// Takes the note that the unit's last compilation left, if it did. The one after this is woven
/// again: by then its sources or rules have changed.
pub(super) fn taken(unit: &Unit<'_>) -> Option<String> {
    let path = unit.session.state.failure(&unit.unit.unit());
    let reason = fs::read_to_string(&path).ok()?;
    fs::remove_file(path).ok()?;
    Some(reason)
}

/// Ends the call with the errors that are the user's to see, or with a note for the next one.
pub(super) fn fail(unit: &Unit<'_>, woven: &Woven, run: &Run) -> Result<Exit> {
    // Whether the plain crate fails too shows only when its code is generated.
    let plain = run_apart(unit, "metadata,link")?;
    if !plain.status.success() {
        show(unit, &plain.messages)?;
        return Ok(Exit::passed(plain.status));
    }
    let blamed = blame::rules_at_fault(run, woven, unit);
    if !blamed.is_empty() {
        forward_all(&blamed)?;
        return Ok(Exit::passed(run.status));
    }
    let reason = format!(
        "the woven crate does not compile: {}",
        blame::first_error(run)
    );
    let path = unit.session.state.failure(&unit.unit.unit());
    files::write_if_changed(&path, reason.as_bytes())?;
    eprintln!(
        "error: `{}` cannot be woven; the next build compiles it as it is",
        unit.unit.name
    );
    Ok(Exit::passed(run.status))
}

/// The notes there are.
pub(crate) fn notes(state: &State) -> BTreeSet<OsString> {
    let entries = fs::read_dir(state.failures())
        .into_iter()
        .flatten()
        .flatten();
    entries.map(|entry| entry.file_name()).collect()
}
