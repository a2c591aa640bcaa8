//! `clean`: removes what Selvedge built.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::cli::ManifestPath;
use crate::exit::Exit;
use crate::kit;
use crate::project::Project;

/// What to remove besides the project's own.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    project: ManifestPath,
    /// Also the user's cache of hooks and agent
    #[arg(long)]
    cache: bool,
}

/// Removes `<target>/selvedge`.
pub(crate) fn run(options: &Options) -> Result<Exit> {
    let project = Project::find(&options.project.arguments())?;
    remove(&project.target)?;
    if options.cache {
        remove(&kit::cache_directory()?)?;
    }
    Ok(Exit::Success)
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Ok(()) => eprintln!("{:>12} {}", "Removed", folder.display()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            return Err(error).with_context(|| format!("failed to remove {}", folder.display()));
        }
    }
    Ok(())
}
