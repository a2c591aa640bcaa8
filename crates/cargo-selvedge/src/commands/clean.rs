//! `clean`: removes what Selvedge built.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::exit::Exit;
use crate::files;
use crate::kit;
use crate::project::Project;
use crate::selection::Location;

/// What to remove besides the project's own.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cargo selvedge clean            removes target/selvedge\n  cargo selvedge clean --cache    and hooks and agent, which the next build makes anew"
)]
pub(crate) struct Options {
    #[command(flatten)]
    location: Location,
    /// Also the user's cache of hooks and agent
    #[arg(long)]
    cache: bool,
}

/// Removes `<target>/selvedge`.
pub(crate) fn run(options: &Options) -> Result<Exit> {
    let project = Project::find(&options.location.arguments())?;
    remove(&project.target)?;
    if options.cache {
        remove(&kit::cache_directory()?)?;
    }
    Ok(Exit::Success)
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Ok(()) => files::tell(&format!("{:>12} {}", "Removed", folder.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            return Err(error).with_context(|| format!("failed to remove {}", folder.display()));
        }
    }
    Ok(())
}
