//! `doctor`: checks what a woven build and its telemetry depend on.

use std::env;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use selvedge_weave::Agent;

use crate::config::Config;
use crate::exit::Exit;
use crate::files;
use crate::kit::{self, OnTerminal, Request};
use crate::project::Project;
use crate::selection::Location;
use crate::toolchain;

const CONNECT_WAIT_MAX: Duration = Duration::from_secs(3);
/// The default of the OTLP exporter specification for HTTP.
const ENDPOINT: &str = "http://localhost:4318";

/// Which project.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cargo selvedge doctor
  OTEL_EXPORTER_OTLP_ENDPOINT=https://collector:4318 cargo selvedge doctor

Lines begin with ok, warn (a build does not need it) or FAIL (exit code 1).")]
pub(crate) struct Options {
    #[command(flatten)]
    location: Location,
}

/// What a check came to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Good,
    /// A build does not need it.
    Doubtful,
    Bad,
}

/// Prints one line per check; fails if one of them would stop a build.
pub(crate) fn run(options: &Options) -> Result<Exit> {
    let mut is_healthy = true;
    let mut line = |name: &str, (verdict, text): (Verdict, String)| {
        is_healthy &= verdict != Verdict::Bad;
        let mark = match verdict {
            Verdict::Good => "ok  ",
            Verdict::Doubtful => "warn",
            Verdict::Bad => "FAIL",
        };
        files::print(&format!("{mark} {name:<10} {text}\n"))
    };
    let folder = env::current_dir().context("failed to find the current directory")?;
    let project = Project::find(&options.location.arguments());
    // What is wrong with the file has its own line below.
    let path = project
        .as_ref()
        .ok()
        .and_then(|project| project.config.clone());
    let config = Config::load(path.as_deref());
    let agent = match &config {
        Ok(Some(config)) => config.rules.agent.clone(),
        _ => Agent::default(),
    };
    let rustc = toolchain::rustc(&folder);
    match toolchain::version(&rustc) {
        Ok(version) => {
            let first = version.lines().next().unwrap_or_default().to_owned();
            line("toolchain", (Verdict::Good, first))?;
            line("agent", check_agent(rustc, version, &agent))?;
        }
        Err(error) => line("toolchain", (Verdict::Bad, format!("{error:#}")))?,
    }
    match &project {
        Ok(project) => line("wrapper", (Verdict::Good, wrappers(&project.root)))?,
        Err(error) => line("project", (Verdict::Bad, format!("{error:#}")))?,
    }
    if project.is_ok() {
        line("config", check_config(path.as_deref(), &config))?;
    }
    let endpoint = env::var("OTEL_EXPORTER_OTLP_ENDPOINT").unwrap_or_else(|_| ENDPOINT.to_owned());
    line("endpoint", check_endpoint(&endpoint, &agent))?;
    Ok(if is_healthy {
        Exit::Success
    } else {
        Exit::Failure
    })
}

fn check_agent(rustc: std::ffi::OsString, version: String, agent: &Agent) -> (Verdict, String) {
    let request = Request {
        rustc,
        version,
        target: None,
        flags: kit::kit_flags_of_environment(),
        agent_features: agent.features.clone(),
    };
    match kit::ensure(&request, &OnTerminal) {
        Ok(kit) => match (kit.agent_error(), &kit.agent) {
            (None, Some(agent)) => (Verdict::Good, agent.display().to_string()),
            (error, _) => (Verdict::Bad, error.unwrap_or_default()),
        },
        Err(error) => (Verdict::Bad, format!("{error:#}")),
    }
}

fn wrappers(root: &Path) -> String {
    toolchain::chained_wrapper(root).map_or("none but ours".to_owned(), |next| {
        format!("ours, then {}", next.display())
    })
}

fn check_config(path: Option<&Path>, config: &Result<Option<Config>>) -> (Verdict, String) {
    let name = path.map_or_else(
        || "absent: all integrations, no rules; `cargo selvedge init` writes one".to_owned(),
        |path| path.display().to_string(),
    );
    match config {
        Ok(Some(_)) => (Verdict::Good, name),
        Ok(None) => (Verdict::Bad, name),
        Err(error) => (Verdict::Bad, format!("{error:#}")),
    }
}

fn check_endpoint(endpoint: &str, agent: &Agent) -> (Verdict, String) {
    let has_tls = agent.features.iter().any(|feature| feature == "tls");
    if endpoint.starts_with("https:") && !has_tls {
        let help = "needs `[agent] features = [\"tls\"]` in selvedge.toml";
        return (Verdict::Doubtful, format!("{endpoint}: {help}"));
    }
    match connect(endpoint) {
        Ok(()) => (Verdict::Good, endpoint.to_owned()),
        Err(error) => (Verdict::Doubtful, format!("{endpoint}: {error:#}")),
    }
}

fn connect(endpoint: &str) -> Result<()> {
    let (scheme, rest) = endpoint.split_once("://").context("not a URL")?;
    let authority = rest.split('/').next().unwrap_or(rest);
    let has_port = authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let address = match (has_port, scheme) {
        (true, _) => authority.to_owned(),
        (false, "https") => format!("{authority}:443"),
        (false, _) => format!("{authority}:80"),
    };
    let resolved = address
        .to_socket_addrs()?
        .next()
        .context("the name has no address")?;
    TcpStream::connect_timeout(&resolved, CONNECT_WAIT_MAX)?;
    Ok(())
}
