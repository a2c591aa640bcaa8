//! `inspect`: prints the manifest that a woven binary carries.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::exit::Exit;
use crate::files;
use crate::report::manifest;

/// What to look at.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cargo selvedge inspect target/selvedge/release/web\n  cargo selvedge inspect /usr/local/bin/web | jq .packages"
)]
pub(crate) struct Options {
    /// The binary
    binary: PathBuf,
}

/// Finds the marks and prints what is between them.
pub(crate) fn run(options: &Options) -> Result<Exit> {
    let path = &options.binary;
    let bytes = fs::read(path).with_context(|| format!("failed to read {}", path.display()))?;
    let Some(json) = manifest::find(&bytes) else {
        files::tell(&format!(
            "error: {} was not built with cargo selvedge",
            path.display()
        ));
        return Ok(Exit::Failure);
    };
    let value: serde_json::Value =
        serde_json::from_slice(json).context("failed to read the manifest")?;
    files::print(&format!("{}\n", serde_json::to_string_pretty(&value)?))?;
    Ok(Exit::Success)
}
