//! The compiler that cargo will take, its version, and the wrapper that would run without Selvedge.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};

use crate::recall;

/// The compiler that cargo will take in a directory.
pub(crate) fn rustc(folder: &Path) -> OsString {
    ["RUSTC", "CARGO_BUILD_RUSTC"]
        .into_iter()
        .find_map(env::var_os)
        .or_else(|| configured(folder, "rustc"))
        .or_else(|| behind_rustup("rustc").map(PathBuf::into_os_string))
        .unwrap_or_else(|| "rustc".into())
}

/// The wrapper that would run without Selvedge, from the environment or cargo's configuration.
pub(crate) fn chained_wrapper(folder: &Path) -> Option<OsString> {
    let set = ["RUSTC_WRAPPER", "CARGO_BUILD_RUSTC_WRAPPER"]
        .into_iter()
        .find_map(env::var_os);
    let chained = set.or_else(|| configured(folder, "rustc-wrapper"))?;
    let is_own = Path::new(&chained)
        .file_stem()
        .is_some_and(|stem| stem == "cargo-selvedge");
    (!chained.is_empty() && !is_own).then_some(chained)
}

/// The files in which cargo looks for its configuration, the nearest first.
pub(crate) fn configuration_files(folder: &Path) -> Vec<PathBuf> {
    let above = folder.ancestors().map(|folder| folder.join(".cargo"));
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    above
        .chain(home)
        .flat_map(|folder| [folder.join("config"), folder.join("config.toml")])
        .collect()
}

/// A program in `[build]` of the nearest configuration that names one.
fn configured(folder: &Path, key: &str) -> Option<OsString> {
    configuration_files(folder).into_iter().find_map(|path| {
        let config: toml::Table = fs::read_to_string(&path).ok()?.parse().ok()?;
        let program = config.get("build")?.get(key)?.as_str()?;
        // A path is relative to the directory that holds `.cargo`; a bare name is looked up.
        let is_bare = Path::new(program).components().count() == 1;
        let base = path.ancestors().nth(2).unwrap_or(&path);
        Some(if is_bare {
            program.into()
        } else {
            base.join(program).into_os_string()
        })
    })
}

/// The program that rustup's proxy would start, found as cargo finds it, so that both name it by
/// one path and neither waits for the proxy.
fn behind_rustup(name: &str) -> Option<PathBuf> {
    let toolchain = env::var_os("RUSTUP_TOOLCHAIN")?;
    if Path::new(&toolchain).components().count() > 1 {
        return None;
    }
    let size = |name: &str| Some(fs::metadata(on_path(name)?).ok()?.len());
    // The proxies are links to rustup itself.
    if size(name)? != size("rustup")? {
        return None;
    }
    let home = env::var_os("RUSTUP_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".rustup")))?;
    let program = home
        .join("toolchains")
        .join(toolchain)
        .join("bin")
        .join(format!("{name}{}", env::consts::EXE_SUFFIX));
    program.is_file().then_some(program)
}

fn on_path(name: &str) -> Option<PathBuf> {
    let name = format!("{name}{}", env::consts::EXE_SUFFIX);
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(&name))
        .find(|path| path.is_file())
}

/// `rustc -vV`.
pub(crate) fn version(rustc: &OsStr) -> Result<String> {
    ask_version(rustc)?.answer()
}

/// A compiler that has been asked for its version and has not answered yet.
pub(crate) enum Asked {
    /// It has said so before, and has not changed since.
    Recalled(String),
    /// It is running.
    Running(Question),
}

/// A running compiler.
pub(crate) struct Question {
    rustc: OsString,
    asked: SystemTime,
    /// Whether the answer is the same until the compiler's file changes.
    is_lasting: bool,
    child: Child,
}

/// Asks for `rustc -vV`. A compiler found on the `PATH` may be rustup's proxy, whose answer depends
/// on more than a file, so only what a path names is recalled.
pub(crate) fn ask_version(rustc: &OsStr) -> Result<Asked> {
    let is_lasting = behind_rustup("rustc").is_some_and(|program| program == rustc);
    if is_lasting && let Some(version) = recall::recall(&question(rustc)) {
        return Ok(Asked::Recalled(version));
    }
    let asked = SystemTime::now();
    let child = Command::new(rustc)
        .arg("-vV")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("failed to run {}", rustc.display()))?;
    Ok(Asked::Running(Question {
        rustc: rustc.to_owned(),
        asked,
        is_lasting,
        child,
    }))
}

fn question(rustc: &OsStr) -> String {
    format!("{} -vV", rustc.display())
}

impl Asked {
    /// Waits for the answer.
    pub(crate) fn answer(self) -> Result<String> {
        match self {
            Self::Recalled(version) => Ok(version),
            Self::Running(question) => question.answer(),
        }
    }
}

impl Question {
    fn answer(self) -> Result<String> {
        let rustc = self.rustc.display();
        let output = self
            .child
            .wait_with_output()
            .with_context(|| format!("failed to run {rustc}"))?;
        if !output.status.success() {
            bail!(
                "{rustc} -vV failed: {}",
                String::from_utf8_lossy(&output.stderr).trim_end()
            );
        }
        let version = String::from_utf8(output.stdout).context("rustc -vV printed no UTF-8")?;
        if self.is_lasting {
            let watched = vec![PathBuf::from(&self.rustc)];
            recall::remember(&question(&self.rustc), self.asked, watched, &version);
        }
        Ok(version)
    }
}
