//! Hooks and agent as libraries, built once per toolchain and kept in the user's cache.
//!
//! They are built apart from the user's crates: no wrapper, no flags of theirs, a `-C metadata`
//! of their own so that the agent's dependencies never clash with the program's.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use selvedge_weave::Agent;
use serde::{Deserialize, Serialize};

use crate::hash::Hasher;
use crate::{embedded, files};

/// The hooks' library, in a directory of its own.
const HOOKS_LIBRARY: &str = "libselvedge_hooks.rlib";

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
    /// Optional parts of the agent, sorted. Agents of one kit differ in nothing else, so that crates
    /// woven with one link with another.
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
    /// Where the reason is, if there is no agent.
    pub(crate) error: PathBuf,
}

impl Kit {
    /// The hooks' library.
    pub(crate) fn hooks_library(&self) -> PathBuf {
        self.hooks.join(HOOKS_LIBRARY)
    }

    /// True while the cache has what it had when this was written down.
    pub(crate) fn is_current(&self) -> bool {
        self.hooks_library().is_file() && (self.agent.is_some() || self.error.is_file())
    }

    /// Why there is no agent.
    pub(crate) fn agent_error(&self) -> Option<String> {
        fs::read_to_string(&self.error)
            .ok()
            .filter(|_| self.agent.is_none())
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

    /// The agent does not build; the reason is in a file.
    fn without_agent(&self, request: &Request, error: &str, path: &Path);

    /// Whether an agent that failed to build is worth another try: once a build, not once a crate.
    fn retries(&self) -> bool;
}

/// Says nothing: a wrapper's standard error belongs to rustc.
pub(crate) struct Silent;

impl Progress for Silent {
    fn building(&self, _: &Request) {}

    fn without_agent(&self, _: &Request, _: &str, _: &Path) {}

    fn retries(&self) -> bool {
        false
    }
}

/// Says what takes so long, the way cargo does.
pub(crate) struct OnTerminal;

impl Progress for OnTerminal {
    fn building(&self, request: &Request) {
        files::tell(&format!(
            "{:>12} {} (once per toolchain)",
            "Preparing",
            request.agent()
        ));
    }

    fn without_agent(&self, request: &Request, error: &str, path: &Path) {
        let error = error.lines().find(|line| line.starts_with("error"));
        files::tell(&format!(
            "warning: {} does not build: {}\n  programs are woven without it and send nothing; all of the message is in {}",
            request.agent(),
            error.unwrap_or("cargo failed"),
            path.display()
        ));
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
        // Hooks and agent are built from directories of their own.
        return std::path::absolute(&cache)
            .with_context(|| format!("failed to resolve {}", cache.display()));
    }
    let base = set("XDG_CACHE_HOME")
        .or_else(|| set("LOCALAPPDATA").filter(|_| cfg!(windows)))
        // Also where HOME is not set, by the system's list of users.
        .or_else(|| env::home_dir().map(|home| home.join(".cache")))
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
    let (agent, error) = (home.join(request.agent_name()), request.error_file(&home));
    let is_final = !progress.retries() || request.reason_without_agent().is_some();
    let is_done = || agent.is_dir() || is_final && error.is_file();
    if !is_done() {
        let _lock = files::lock(&cache.join(format!("{}.lock", request.key())))
            .with_context(|| format!("failed to lock {}", cache.display()))?;
        // Another build may have finished it while this one waited.
        if !is_done() {
            progress.building(request);
            build(request, &cache, &home)?;
        }
    }
    if let (false, Ok(text)) = (agent.is_dir(), fs::read_to_string(&error)) {
        progress.without_agent(request, &text, &error);
    }
    Ok(Kit {
        hooks: home.join("hooks"),
        agent: agent.is_dir().then_some(agent),
        error,
    })
}

impl Request {
    /// Names the kit; see [`Request::agent_name`] for what tells its agents apart.
    fn key(&self) -> String {
        Hasher::new()
            .part(embedded::tool_hash())
            .part(&self.version)
            .part(self.target.as_deref().unwrap_or(""))
            .part(self.flags.join("\n"))
            .hex()
    }

    /// Name of the agent's directory in the kit.
    fn agent_name(&self) -> String {
        format!("agent-{}", self.agent_features.join("-"))
    }

    fn error_file(&self, home: &Path) -> PathBuf {
        home.join(format!("{}.error", self.agent_name()))
    }

    /// Why no agent can run on the target. WebAssembly without threads and targets without an
    /// operating system have no thread, clock or socket for one; on some of them it would even
    /// compile, and then keep the program from starting.
    fn reason_without_agent(&self) -> Option<String> {
        let target = self.target.as_deref()?;
        let mut parts = target.split('-');
        let is_bare = parts.clone().any(|part| part == "none");
        let is_wasm = parts.next().is_some_and(|cpu| cpu.starts_with("wasm"));
        (is_bare || is_wasm)
            .then(|| format!("error: {target} has nothing that an agent can run on"))
    }

    /// The agent, for people.
    fn agent(&self) -> String {
        let target = self.target.as_deref();
        let target = target.map_or_else(String::new, |target| format!(" for {target}"));
        let features = if self.agent_features == Agent::default().features {
            String::new()
        } else {
            format!(" with features [{}]", self.agent_features.join(", "))
        };
        format!("the agent{target}{features}")
    }
}

/// Builds into a temporary directory and moves it into place, so that a kit is whole or absent.
/// The caller holds the kit's lock.
fn build(request: &Request, cache: &Path, home: &Path) -> Result<()> {
    let work = cache.join(format!(".building-{}", request.key()));
    // A build that was interrupted has left its own behind.
    drop(fs::remove_dir_all(&work));
    let result = build_in(request, &work, home);
    // What is left is of no use to anyone; a failure to remove it changes nothing.
    drop(fs::remove_dir_all(&work));
    result
}

fn build_in(request: &Request, work: &Path, home: &Path) -> Result<()> {
    let made = work.join("kit");
    let (hooks, agent) = (made.join("hooks"), made.join(request.agent_name()));
    let library = hooks.join(HOOKS_LIBRARY);
    write_sources(&work.join("hooks"), embedded::hooks())?;
    fs::create_dir_all(&hooks)?;
    if home.is_dir() {
        // The hooks stay: woven crates link to this very build of them.
        files::link_or_copy(&home.join("hooks").join(HOOKS_LIBRARY), &library)?;
    } else {
        build_hooks(request, work, &library)?;
    }
    if let Err(error) = build_agent(request, work, &library, &agent) {
        // Every crate still links without the agent.
        drop(fs::remove_dir_all(&agent));
        files::write_if_changed(
            &request.error_file(&made),
            format!("{error:#}\n").as_bytes(),
        )?;
    }
    if home.is_dir() {
        return install_agent(request, &made, home);
    }
    fs::rename(&made, home).with_context(|| format!("failed to write {}", home.display()))
}

/// Adds an agent, or why there is none, to a kit.
fn install_agent(request: &Request, made: &Path, home: &Path) -> Result<()> {
    let (agent, error) = (request.agent_name(), request.error_file(home));
    if made.join(&agent).is_dir() {
        fs::rename(made.join(&agent), home.join(&agent))
            .with_context(|| format!("failed to write {}", home.display()))?;
        drop(fs::remove_file(error));
        return Ok(());
    }
    fs::rename(request.error_file(made), &error)
        .with_context(|| format!("failed to write {}", error.display()))
}

fn write_sources(folder: &Path, sources: &[(&str, &str)]) -> Result<()> {
    for (relative, text) in sources {
        let path = folder.join(relative);
        files::write_if_changed(&path, text.as_bytes())
            .with_context(|| format!("failed to write {}", path.display()))?;
    }
    Ok(())
}

fn build_hooks(request: &Request, work: &Path, library: &Path) -> Result<()> {
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
            OsStr::new("=/selvedge/selvedge-hooks/src"),
        ]))
        .arg(work.join("hooks/lib.rs"))
        // rustc hashes the directory that it runs in: from this one, which has another name for it,
        // the library is the same each time it is built, and woven crates go on linking to it.
        .current_dir(work.join("hooks"))
        .arg("-o")
        .arg(library)
        .args(&request.flags);
    if let Some(target) = &request.target {
        command.args(["--target", target]);
    }
    run(command, "hooks")
}

/// Leaves what a linker needs in `agent`.
fn build_agent(request: &Request, work: &Path, hooks_library: &Path, agent: &Path) -> Result<()> {
    if let Some(reason) = request.reason_without_agent() {
        bail!(reason);
    }
    let source = work.join("agent");
    write_sources(&source.join("src"), embedded::agent())?;
    let manifest = format!(
        "{}\n[profile.release]\nopt-level = 2\ncodegen-units = 1\n",
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
    let offline = run(agent_command(request, work, hooks_library, true), "agent");
    if offline.is_err() {
        run(agent_command(request, work, hooks_library, false), "agent")?;
    }
    collect_agent(request, work, agent)
}

fn agent_command(request: &Request, work: &Path, hooks_library: &Path, offline: bool) -> Command {
    let mut flags = vec![
        OsString::from("-Cmetadata=selvedge"),
        OsString::from("-Cembed-bitcode=yes"),
        OsString::from("-Cpanic=unwind"),
        joined([
            OsStr::new("--extern=selvedge_hooks="),
            hooks_library.as_os_str(),
        ]),
        joined([
            OsStr::new("--remap-path-prefix="),
            work.join("agent").as_os_str(),
            OsStr::new("=/selvedge/selvedge-agent"),
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
    command
        .args(["--no-default-features", "--features"])
        .arg(request.agent_features.join(","));
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
fn collect_agent(request: &Request, work: &Path, agent: &Path) -> Result<()> {
    let target = request
        .target
        .as_deref()
        .map(|target| Path::new(target).file_stem().unwrap_or_default().to_owned());
    let built = work
        .join("target")
        .join(target.unwrap_or_default())
        .join("release/deps");
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
    fn the_features_that_selvedge_toml_may_name_are_those_of_the_agents_manifest() {
        let manifest: toml::Table = embedded::agent_manifest().parse().unwrap();
        let offered = manifest["features"].as_table().unwrap();
        let by_default = offered["default"].as_array().unwrap();
        let features: Vec<(&str, bool)> = offered
            .keys()
            .filter(|name| *name != "default")
            .map(|name| {
                let name = name.as_str();
                (
                    name,
                    by_default.iter().any(|other| other.as_str() == Some(name)),
                )
            })
            .collect();
        assert_eq!(features, Agent::FEATURES);
    }

    #[test]
    fn targets_without_threads_have_no_agent() {
        let has_agent = |target: Option<&str>| {
            let request = Request {
                rustc: "rustc".into(),
                version: "1".to_owned(),
                target: target.map(str::to_owned),
                flags: Vec::new(),
                agent_features: Vec::new(),
            };
            request.reason_without_agent().is_none()
        };
        for target in [
            "aarch64-unknown-linux-gnu",
            "x86_64-unknown-linux-musl",
            "mine.json",
        ] {
            assert!(has_agent(Some(target)), "{target}");
        }
        for target in [
            "wasm32-unknown-unknown",
            "wasm32-wasip1",
            "thumbv7em-none-eabihf",
        ] {
            assert!(!has_agent(Some(target)), "{target}");
        }
        assert!(has_agent(None));
    }

    #[test]
    fn agents_that_differ_in_features_share_the_hooks() {
        let request = |features: &[&str]| Request {
            rustc: "rustc".into(),
            version: "1".to_owned(),
            target: None,
            flags: Vec::new(),
            agent_features: features.iter().map(|name| (*name).to_owned()).collect(),
        };
        let (plain, tls) = (request(&["gzip"]), request(&["gzip", "tls"]));
        assert_eq!(plain.key(), tls.key());
        assert_ne!(plain.agent_name(), tls.agent_name());
    }

    #[test]
    fn hooks_are_the_same_wherever_they_are_built() {
        let folder = env::temp_dir().join(format!("selvedge-hooks-{}", std::process::id()));
        let request = Request {
            rustc: "rustc".into(),
            version: String::new(),
            target: None,
            flags: Vec::new(),
            agent_features: Vec::new(),
        };
        let built = ["one", "other"].map(|name| {
            let work = folder.join(name);
            write_sources(&work.join("hooks"), embedded::hooks()).unwrap();
            build_hooks(&request, &work, &work.join(HOOKS_LIBRARY)).unwrap();
            fs::read(work.join(HOOKS_LIBRARY)).unwrap()
        });
        assert!(built[0] == built[1]);
        fs::remove_dir_all(folder).unwrap();
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
