//! Hooks and agent as libraries, built once per toolchain and kept in the user's cache.
//!
//! They are built apart from the user's crates: no wrapper, no flags of theirs, a `-C metadata`
//! of their own so that the agent's dependencies never clash with the program's.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::hash::Hasher;
use crate::{embedded, files};

/// In a kit without an agent: why.
const AGENT_ERROR: &str = "agent-error.txt";

/// What decides whether a built kit fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// The compiler.
    pub(crate) rustc: OsString,
    /// Its `-vV`.
    pub(crate) version: String,
    /// The triple to build for; none for the host.
    pub(crate) target: Option<String>,
    /// Flags that libraries linked together must share, such as `-Zsanitizer=address`.
    pub(crate) flags: Vec<String>,
    /// Optional parts of the agent.
    pub(crate) agent_features: Vec<String>,
}

/// Hooks and agent, ready to link.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Kit {
    /// Holds `libselvedge_hooks.rlib` only: every unit sees this directory.
    pub(crate) hooks: PathBuf,
    /// Holds the agent and its dependencies; none where the agent does not build, as on
    /// targets without `std`.
    pub(crate) agent: Option<PathBuf>,
}

impl Kit {
    /// The hooks' library.
    pub(crate) fn hooks_library(&self) -> PathBuf {
        self.hooks.join("libselvedge_hooks.rlib")
    }

    /// Why there is no agent.
    pub(crate) fn agent_error(&self) -> Option<String> {
        fs::read_to_string(self.hooks.with_file_name(AGENT_ERROR)).ok()
    }

    /// The agent's library.
    pub(crate) fn agent_library(&self) -> Option<PathBuf> {
        Some(self.agent.as_ref()?.join("libselvedge_agent.rlib"))
    }
}

/// What to tell the user while a kit is built.
pub(crate) trait Progress {
    /// A build has to be done now.
    fn building(&self, request: &Request);

    /// Whether an agent that failed to build is worth another try: once a build, not once a crate.
    fn retries(&self) -> bool;
}

/// Says nothing: a wrapper's standard error belongs to rustc.
pub(crate) struct Silent;

impl Progress for Silent {
    fn building(&self, _: &Request) {}

    fn retries(&self) -> bool {
        false
    }
}

/// Says what takes so long, the way cargo does.
pub(crate) struct OnTerminal;

impl Progress for OnTerminal {
    fn building(&self, request: &Request) {
        let target = request
            .target
            .as_deref()
            .map_or_else(String::new, |target| format!(" for {target}"));
        eprintln!("{:>12} the agent{target} (once per toolchain)", "Preparing");
    }

    fn retries(&self) -> bool {
        true
    }
}

/// The directory shared by all projects of a user.
pub(crate) fn cache_directory() -> Result<PathBuf> {
    let set = |name| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    if let Some(cache) = set("SELVEDGE_CACHE") {
        return Ok(cache);
    }
    let base = set("XDG_CACHE_HOME")
        .or_else(|| set("LOCALAPPDATA").filter(|_| cfg!(windows)))
        .or_else(|| set("HOME").map(|home| home.join(".cache")))
        .context("no cache directory: set SELVEDGE_CACHE or HOME")?;
    Ok(base.join("selvedge"))
}

/// Flags among rustc's that all linked libraries must share.
pub(crate) fn shared_flags(flags: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<String> {
    let mut shared = Vec::new();
    let mut flags = flags.into_iter().peekable();
    while let Some(flag) = flags.next() {
        let option = match flag.as_ref() {
            "-Z" => flags.peek().map(|next| next.as_ref().to_owned()),
            flag => flag.strip_prefix("-Z").map(str::to_owned),
        };
        shared.extend(
            option
                .filter(|option| option.starts_with("sanitizer"))
                .map(|option| format!("-Z{option}")),
        );
    }
    shared.sort();
    shared.dedup();
    shared
}

/// [`shared_flags`] among those that the environment sets for all crates.
pub(crate) fn kit_flags_of_environment() -> Vec<String> {
    match (env::var("CARGO_ENCODED_RUSTFLAGS"), env::var("RUSTFLAGS")) {
        (Ok(encoded), _) => shared_flags(encoded.split('\u{1f}')),
        (_, Ok(flags)) => shared_flags(flags.split_whitespace()),
        _ => Vec::new(),
    }
}

/// The kit for a request, built if the cache has none.
pub(crate) fn ensure(request: &Request, progress: &dyn Progress) -> Result<Kit> {
    let cache = cache_directory()?;
    let home = cache.join(request.key());
    let is_done = || home.is_dir() && (home.join("agent").is_dir() || !progress.retries());
    if !is_done() {
        let _lock = files::lock(&cache.join(format!("{}.lock", request.key())))
            .with_context(|| format!("failed to lock {}", cache.display()))?;
        // Another build may have finished it while this one waited.
        if !is_done() {
            progress.building(request);
            build(request, &cache, &home)?;
        }
    }
    let agent = home.join("agent");
    Ok(Kit {
        hooks: home.join("hooks"),
        agent: agent.is_dir().then_some(agent),
    })
}

impl Request {
    fn key(&self) -> String {
        let list = |list: &[String]| list.join("\n");
        Hasher::new()
            .part(embedded::tool_hash())
            .part(&self.version)
            .part(self.target.as_deref().unwrap_or(""))
            .part(list(&self.flags))
            .part(list(&self.agent_features))
            .hex()
    }
}

/// Builds into a temporary directory and moves it into place, so that a kit is whole or absent.
fn build(request: &Request, cache: &Path, home: &Path) -> Result<()> {
    let work = cache.join(format!(".building-{}-{}", request.key(), process::id()));
    let result = build_in(request, &work, home);
    // What is left is of no use to anyone; a failure to remove it changes nothing.
    drop(fs::remove_dir_all(&work));
    result
}

fn build_in(request: &Request, work: &Path, home: &Path) -> Result<()> {
    let kit = Kit {
        hooks: work.join("kit/hooks"),
        agent: Some(work.join("kit/agent")),
    };
    write_sources(&work.join("hooks"), embedded::hooks())?;
    fs::create_dir_all(&kit.hooks)?;
    if home.is_dir() {
        let built = Kit {
            hooks: home.join("hooks"),
            agent: None,
        };
        files::link_or_copy(&built.hooks_library(), &kit.hooks_library())?;
    } else {
        build_hooks(request, work, &kit)?;
    }
    if let Err(error) = build_agent(request, work, &kit) {
        // Every crate still links without the agent; `doctor` shows why it is missing.
        drop(fs::remove_dir_all(work.join("kit/agent")));
        files::write_if_changed(
            &work.join("kit").join(AGENT_ERROR),
            format!("{error:#}\n").as_bytes(),
        )?;
    }
    if home.is_dir() {
        // The hooks stay: woven crates link to this very build of them.
        return install_agent(&work.join("kit"), home);
    }
    fs::rename(work.join("kit"), home)
        .with_context(|| format!("failed to write {}", home.display()))
}

fn install_agent(kit: &Path, home: &Path) -> Result<()> {
    if kit.join("agent").is_dir() {
        fs::rename(kit.join("agent"), home.join("agent"))
            .with_context(|| format!("failed to write {}", home.display()))?;
        drop(fs::remove_file(home.join(AGENT_ERROR)));
    }
    Ok(())
}

fn write_sources(folder: &Path, sources: &[(&str, &str)]) -> Result<()> {
    for (relative, text) in sources {
        let path = folder.join(relative);
        files::write_if_changed(&path, text.as_bytes())
            .with_context(|| format!("failed to write {}", path.display()))?;
    }
    Ok(())
}

fn build_hooks(request: &Request, work: &Path, kit: &Kit) -> Result<()> {
    let mut command = Command::new(&request.rustc);
    command
        .args([
            "--crate-name",
            "selvedge_hooks",
            "--edition",
            "2021",
            "--crate-type",
            "rlib",
            "--cap-lints",
            "allow",
        ])
        .args([
            "-C",
            "opt-level=3",
            "-C",
            "codegen-units=1",
            "-C",
            "embed-bitcode=yes",
            "-C",
            "metadata=selvedge",
        ])
        .arg("--remap-path-prefix")
        .arg(joined([
            work.join("hooks").as_os_str(),
            OsStr::new("=selvedge-hooks"),
        ]))
        .arg(work.join("hooks/lib.rs"))
        .arg("-o")
        .arg(kit.hooks_library())
        .args(&request.flags);
    if let Some(target) = &request.target {
        command.args(["--target", target]);
    }
    run(command, "hooks")
}

fn build_agent(request: &Request, work: &Path, kit: &Kit) -> Result<()> {
    let source = work.join("agent");
    write_sources(&source.join("src"), embedded::agent())?;
    let manifest = format!(
        "{}\n[profile.release]\nopt-level = 3\ncodegen-units = 1\n",
        embedded::agent_manifest()
    );
    write_sources(
        &source,
        &[
            ("Cargo.toml", &manifest),
            ("Cargo.lock", embedded::agent_lock()),
        ],
    )?;
    // Crates that are on this machine already must do without a network.
    let offline = run(agent_command(request, work, kit, true), "agent");
    if offline.is_err() {
        run(agent_command(request, work, kit, false), "agent")?;
    }
    collect_agent(request, work, kit)
}

fn agent_command(request: &Request, work: &Path, kit: &Kit, offline: bool) -> Command {
    let mut flags = vec![
        OsString::from("-Cmetadata=selvedge"),
        OsString::from("-Cembed-bitcode=yes"),
        OsString::from("-Cpanic=unwind"),
        joined([
            OsStr::new("--extern=selvedge_hooks="),
            kit.hooks_library().as_os_str(),
        ]),
        joined([
            OsStr::new("--remap-path-prefix="),
            work.join("agent").as_os_str(),
            OsStr::new("=selvedge-agent"),
        ]),
    ];
    flags.extend(request.flags.iter().map(OsString::from));
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os().filter(|(name, _)| is_build_setting(name)) {
        command.env_remove(name);
    }
    command
        .args(["build", "--release", "--quiet", "--target-dir"])
        .arg(work.join("target"))
        // The configuration of the user's project must not apply, so neither does its directory.
        .current_dir(work.join("agent"))
        .env("RUSTC", &request.rustc)
        .env("RUSTC_WRAPPER", "")
        .env("RUSTC_WORKSPACE_WRAPPER", "")
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join(OsStr::new("\u{1f}")));
    if offline {
        command.arg("--offline");
    }
    if let Some(target) = &request.target {
        command.args(["--target", target]);
    }
    if !request.agent_features.is_empty() {
        command.args(["--features", &request.agent_features.join(",")]);
    }
    command
}

/// True for variables by which a user shapes builds of their own crates.
fn is_build_setting(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else {
        return false;
    };
    let kept = [
        "CARGO_HOME",
        "CARGO_MAKEFLAGS",
        "CARGO_NET_",
        "CARGO_HTTP_",
        "CARGO_REGISTRIES_",
        "CARGO_REGISTRY_",
    ];
    let cargo = name.starts_with("CARGO_") && !kept.iter().any(|prefix| name.starts_with(prefix));
    cargo
        || matches!(
            name,
            "RUSTFLAGS" | "RUSTDOCFLAGS" | "RUSTC_WRAPPER" | "RUSTC_WORKSPACE_WRAPPER"
        )
}

/// Keeps what a linker needs of the agent's build.
fn collect_agent(request: &Request, work: &Path, kit: &Kit) -> Result<()> {
    let target = request
        .target
        .as_deref()
        .map(|target| Path::new(target).file_stem().unwrap_or_default().to_owned());
    let built = work
        .join("target")
        .join(target.unwrap_or_default())
        .join("release/deps");
    let agent = kit
        .agent
        .as_ref()
        .context("the kit in the making has an agent")?;
    fs::create_dir_all(agent)?;
    for entry in
        fs::read_dir(&built).with_context(|| format!("failed to read {}", built.display()))?
    {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(OsStr::to_str) else {
            continue;
        };
        if path
            .extension()
            .is_some_and(|extension| extension == "rlib")
        {
            let name = if name.starts_with("libselvedge_agent-") {
                "libselvedge_agent.rlib"
            } else {
                name
            };
            files::link_or_copy(&path, &agent.join(name))?;
        }
    }
    Ok(())
}

fn joined<const N: usize>(parts: [&OsStr; N]) -> OsString {
    parts.into_iter().collect()
}

fn run(mut command: Command, what: &str) -> Result<()> {
    let output = command
        .output()
        .with_context(|| format!("failed to run {}", command.get_program().display()))?;
    if !output.status.success() {
        bail!(
            "failed to build the {what} ({}):\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_flags_that_must_agree_are_shared() {
        let flags = [
            "-C",
            "target-cpu=native",
            "-Z",
            "sanitizer=address",
            "-Zsanitizer=address",
            "-Zthreads=8",
        ];
        assert_eq!(shared_flags(flags), ["-Zsanitizer=address"]);
    }

    #[test]
    fn settings_of_the_registry_stay_and_those_of_the_build_go() {
        for name in [
            "CARGO_BUILD_TARGET",
            "CARGO_PROFILE_RELEASE_LTO",
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
        ] {
            assert!(is_build_setting(OsStr::new(name)), "{name}");
        }
        for name in [
            "CARGO_HOME",
            "CARGO_NET_OFFLINE",
            "PATH",
            "RUSTUP_TOOLCHAIN",
            "CARGO_MAKEFLAGS",
        ] {
            assert!(!is_build_setting(OsStr::new(name)), "{name}");
        }
    }
}
