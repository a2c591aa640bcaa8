//! The compiler that cargo will take, its version, and the wrapper that would run without Selvedge.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::Read as _;
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
    if !is_proxy(&on_path(name)?) {
        return None;
    }
    let program = rustup_home()?
        .join("toolchains")
        .join(toolchain)
        .join("bin")
        .join(format!("{name}{}", env::consts::EXE_SUFFIX));
    program.is_file().then_some(program)
}

/// True for rustup's stand-ins, which are links to rustup itself.
fn is_proxy(program: &Path) -> bool {
    let size = |path: &Path| Some(fs::metadata(path).ok()?.len());
    let rustup = on_path("rustup")
        .unwrap_or_else(|| program.with_file_name(format!("rustup{}", env::consts::EXE_SUFFIX)));
    size(program).is_some_and(|bytes| size(&rustup) == Some(bytes))
}

fn rustup_home() -> Option<PathBuf> {
    let home = env::var_os("RUSTUP_HOME").map(PathBuf::from);
    home.or_else(|| Some(env::home_dir()?.join(".rustup")))
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
    /// What the answer depends on, where that can be told.
    watched: Option<Vec<PathBuf>>,
    child: Child,
}

/// Asks for `rustc -vV`, unless nothing that the answer depends on has changed since it was asked.
pub(crate) fn ask_version(rustc: &OsStr) -> Result<Asked> {
    let watched = watched(rustc);
    if watched.is_some()
        && let Some(version) = recall::recall(&question(rustc))
    {
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
        watched,
        child,
    }))
}

/// The compiler and all by which rustup may choose another one for its name.
fn question(rustc: &OsStr) -> String {
    let name = Path::new(rustc);
    let program = if name.components().count() > 1 {
        Some(name.to_owned())
    } else {
        name.to_str().and_then(on_path)
    };
    let chosen_by = (env::var_os("RUSTUP_TOOLCHAIN"), env::current_dir().ok());
    format!("{program:?} -vV {chosen_by:?}")
}

/// What the answer of a compiler depends on; none where that cannot be told, as of a script.
fn watched(rustc: &OsStr) -> Option<Vec<PathBuf>> {
    let name = Path::new(rustc);
    let program = if name.components().count() > 1 {
        name.to_owned()
    } else {
        on_path(name.to_str()?)?
    };
    let mut start = [0; 2];
    File::open(&program).ok()?.read_exact(&mut start).ok()?;
    if start == *b"#!" {
        return None;
    }
    let mut watched = Vec::new();
    if is_proxy(&program) {
        watched.extend(choices_of_rustup(name)?);
    }
    watched.push(program);
    Some(watched)
}

/// By what rustup's stand-in chooses a toolchain, and all that it can choose.
fn choices_of_rustup(name: &Path) -> Option<Vec<PathBuf>> {
    // A toolchain in a directory of its own need not be among those watched below.
    let chosen = env::var_os("RUSTUP_TOOLCHAIN");
    if chosen.is_some_and(|chosen| Path::new(&chosen).components().count() > 1) {
        return None;
    }
    let home = rustup_home()?;
    let toolchains = home.join("toolchains");
    let mut paths = vec![home.join("settings.toml")];
    for entry in fs::read_dir(&toolchains).ok()?.flatten() {
        paths.push(entry.path().join("bin").join(name.file_name()?));
    }
    paths.push(toolchains);
    for folder in env::current_dir().ok()?.ancestors() {
        for file in ["rust-toolchain", "rust-toolchain.toml"] {
            let path = folder.join(file);
            // As above, if it names one by its path.
            if fs::read_to_string(&path).is_ok_and(|text| text.contains("path")) {
                return None;
            }
            paths.push(path);
        }
    }
    Some(paths)
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
        if let Some(watched) = self.watched {
            recall::remember(&question(&self.rustc), self.asked, watched, &version);
        }
        Ok(version)
    }
}
