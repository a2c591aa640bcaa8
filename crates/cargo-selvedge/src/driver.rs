//! Runs cargo with Selvedge under it, and reports.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::time::{Instant, SystemTime};

use anyhow::{Context as _, Result};

use crate::arguments::CargoArguments;
use crate::config::Config;
use crate::exit::Exit;
use crate::hash::Hasher;
use crate::kit::{OnTerminal, Request, kit_flags_of_environment};
use crate::project::{self, Project};
use crate::session::{BUILD, CHAINED_WRAPPER, SESSION, Session};
use crate::wrapper::late;
use crate::{embedded, files, report, toolchain, wrapper};

/// Marks a directory that backups may pass over (Cache Directory Tagging Specification).
const CACHE_TAG: &[u8] =
    b"Signature: 8a477f597d28d172789f06886806bc55\n# Made by cargo selvedge.\n";

/// At most so many times is cargo run again for crates that failed after it was told of them.
const LATE_FAILURES_MAX: usize = 4;

/// `cargo selvedge <command>` for commands of cargo.
pub(crate) fn run(command: &str, arguments: CargoArguments) -> Result<Exit> {
    // Both take their time, so they go side by side.
    let folder = env::current_dir().context("failed to find the current directory")?;
    let rustc = toolchain::rustc(&folder);
    let version = toolchain::ask_version(&rustc)?;
    let project = match Project::find(&arguments) {
        // A published program is installed from anywhere.
        Err(_) if command == "install" => Project::nowhere(&arguments, &folder)?,
        found => found?,
    };
    let Some(config) = Config::load(project.config.as_deref())? else {
        return Ok(Exit::Configuration);
    };
    let driver = Driver::prepare(project, config, arguments, (rustc, version.answer()?))?;
    match command {
        // The program may run for months, so the report comes before it starts.
        "run" => match driver.build_and_report("build", driver.arguments.of_cargo())? {
            Exit::Success => driver.replace_by_cargo("run"),
            failed => {
                // Where the build failed, cargo has said so.
                if let Some(why) = why_not_started(failed) {
                    eprintln!("error: the program was built but not started, because {why}");
                }
                Ok(failed)
            }
        },
        _ => driver.build_and_report(command, &driver.arguments.passed),
    }
}

/// Why a program that was built is not run, where that is Selvedge's doing.
fn why_not_started(failed: Exit) -> Option<&'static str> {
    match failed {
        Exit::RuleUnmatched => {
            Some("a rule in selvedge.toml does not do what it was written for (see above)")
        }
        Exit::Skipped => Some("`--strict` is set and an integration was left out (see above)"),
        _ => None,
    }
}

struct Driver {
    project: Project,
    config: Config,
    arguments: CargoArguments,
    session: PathBuf,
    wrapper: PathBuf,
    /// Unlike that of any other build in this target directory.
    id: String,
}

impl Driver {
    fn prepare(
        project: Project,
        config: Config,
        arguments: CargoArguments,
        compiler: (OsString, String),
    ) -> Result<Self> {
        // cargo tags a target directory only when it makes it itself.
        files::write_if_changed(&project.target.join("CACHEDIR.TAG"), CACHE_TAG)
            .with_context(|| format!("failed to write into {}", project.target.display()))?;
        let session = prepare_session(&project, &config, &arguments, compiler)?;
        config.refresh_rules(&project.state())?;
        Ok(Self {
            wrapper: place_wrapper(&project)?,
            session: session.write()?,
            id: build_id(),
            project,
            config,
            arguments,
        })
    }

    fn build_and_report(&self, command: &str, arguments: &[OsString]) -> Result<Exit> {
        let started = Instant::now();
        let built = self.build(command, arguments)?;
        if built != Exit::Success || command == "clippy" {
            return Ok(built);
        }
        let build = report::Build {
            command,
            arguments: &self.arguments,
            id: &self.id,
            took: started.elapsed(),
        };
        report::conclude(&self.project, &self.config, &build)
    }

    /// Runs cargo, and again if it failed for a crate that will be compiled as it is from now on.
    fn build(&self, command: &str, arguments: &[OsString]) -> Result<Exit> {
        let state = self.project.state();
        let mut failures = late::notes(&state);
        for _ in 0..LATE_FAILURES_MAX {
            let built = self.run_cargo(command, arguments)?;
            let known = std::mem::replace(&mut failures, late::notes(&state));
            if built == Exit::Success || failures.is_subset(&known) {
                return Ok(built);
            }
        }
        self.run_cargo(command, arguments)
    }

    fn run_cargo(&self, command: &str, arguments: &[OsString]) -> Result<Exit> {
        let status = self.cargo(command, arguments).status();
        Ok(Exit::passed(status.context("failed to run cargo")?))
    }

    /// Ends as cargo does: on Unix this process becomes cargo and then the program, which so gets
    /// signals itself.
    fn replace_by_cargo(&self, command: &str) -> Result<Exit> {
        let mut cargo = self.cargo(command, &self.arguments.passed);
        #[cfg(unix)]
        {
            use std::os::unix::process::CommandExt as _;
            Err(cargo.exec()).context("failed to run cargo")
        }
        #[cfg(not(unix))]
        Ok(Exit::passed(cargo.status().context("failed to run cargo")?))
    }

    fn cargo(&self, command: &str, arguments: &[OsString]) -> Command {
        let mut cargo = Command::new(project::cargo());
        cargo
            .arg(command)
            .arg("--target-dir")
            .arg(&self.project.target)
            .args(arguments)
            .env("RUSTC_WRAPPER", &self.wrapper)
            .env(
                "RUSTDOC",
                self.wrapper.with_file_name(format!(
                    "{}{}",
                    wrapper::RUSTDOC,
                    env::consts::EXE_SUFFIX
                )),
            )
            .env(SESSION, &self.session)
            .env(BUILD, &self.id);
        if let Some(chained) = toolchain::chained_wrapper(&self.project.root) {
            cargo.env(CHAINED_WRAPPER, chained);
        }
        if let Some(rustdoc) = env::var_os("RUSTDOC") {
            cargo.env(wrapper::CHAINED_RUSTDOC, rustdoc);
        }
        cargo
    }
}

fn build_id() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    format!("{}-{}", now.unwrap_or_default().as_nanos(), process::id())
}

/// Builds or finds the kits that this build is known to need.
fn prepare_session(
    project: &Project,
    config: &Config,
    arguments: &CargoArguments,
    (rustc, version): (OsString, String),
) -> Result<Session> {
    let mut session = Session {
        state: project.state(),
        config: project.config.clone(),
        rustc: rustc.clone(),
        version: version.clone(),
        kits: std::collections::BTreeMap::new(),
        agent_features: config.rules.agent.features.clone(),
        driven: true,
    };
    let targets = arguments
        .targets
        .iter()
        .cloned()
        .chain(env::var("CARGO_BUILD_TARGET"));
    for target in std::iter::once(None).chain(targets.map(Some)) {
        let request = Request {
            rustc: rustc.clone(),
            version: version.clone(),
            target,
            flags: kit_flags_of_environment(),
            agent_features: session.agent_features.clone(),
        };
        session.prepare(&request, &OnTerminal)?;
    }
    Ok(session)
}

/// Puts links to this program where cargo finds it as rustc's and rustdoc's wrapper.
fn place_wrapper(project: &Project) -> Result<PathBuf> {
    let own = env::current_exe().context("failed to find this program")?;
    let version = Hasher::new()
        .part(embedded::tool_hash())
        .part(own.as_os_str().as_encoded_bytes())
        .hex();
    let path = project.state().wrapper(&version);
    let folder = path.parent().context("a wrapper is in a directory")?;
    fs::create_dir_all(folder).with_context(|| format!("failed to create {}", folder.display()))?;
    for link in [
        path.clone(),
        path.with_file_name(format!("{}{}", wrapper::RUSTDOC, env::consts::EXE_SUFFIX)),
    ] {
        place_link(&own, &link).with_context(|| format!("failed to create {}", link.display()))?;
    }
    Ok(path)
}

fn place_link(own: &Path, link: &Path) -> std::io::Result<()> {
    if link.exists() {
        return Ok(());
    }
    #[cfg(unix)]
    let placed = std::os::unix::fs::symlink(own, link);
    #[cfg(not(unix))]
    let placed = crate::files::link_or_copy(own, link);
    match placed {
        // Another build was faster.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        placed => placed,
    }
}
