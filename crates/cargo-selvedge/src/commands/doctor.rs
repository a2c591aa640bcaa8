//! `doctor`: checks what a woven build and its telemetry depend on.

use std::env;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::arguments::CargoArguments;
use crate::config::Config;
use crate::exit::Exit;
use crate::kit::{self, OnTerminal, Request};
use crate::project::Project;
use crate::toolchain;

const CONNECT_WAIT_MAX: Duration = Duration::from_secs(3);
/// The default of the OTLP exporter specification for HTTP.
const ENDPOINT: &str = "http://localhost:4318";

/// Prints one line per check; fails if one of them would stop a build.
pub(crate) fn run(arguments: &CargoArguments) -> Result<Exit> {
    let mut healthy = true;
    let mut line = |good: bool, name: &str, text: String| {
        healthy &= good;
        println!("{} {name:<10} {text}", if good { "ok  " } else { "FAIL" });
    };
    let folder = env::current_dir().context("failed to find the current directory")?;
    let rustc = toolchain::rustc(&folder);
    let version = toolchain::version(&rustc);
    match &version {
        Ok(version) => line(
            true,
            "toolchain",
            version.lines().next().unwrap_or_default().to_owned(),
        ),
        Err(error) => line(false, "toolchain", format!("{error:#}")),
    }
    if let Ok(version) = version {
        let request = Request {
            rustc,
            version,
            target: None,
            flags: kit::kit_flags_of_environment(),
            agent_features: Vec::new(),
        };
        match kit::ensure(&request, &OnTerminal) {
            Ok(kit) => match kit.agent_error() {
                None => line(
                    true,
                    "cache",
                    kit.hooks
                        .parent()
                        .unwrap_or(&kit.hooks)
                        .display()
                        .to_string(),
                ),
                Some(error) => line(false, "agent", error),
            },
            Err(error) => line(false, "cache", format!("{error:#}")),
        }
    }
    match Project::find(arguments) {
        Ok(project) => {
            let chained = toolchain::chained_wrapper(&project.root);
            line(
                true,
                "wrapper",
                chained.map_or("none but ours".into(), |next| {
                    format!("ours, then {}", next.display())
                }),
            );
            let valid = Config::load(project.config.as_deref())?.is_some();
            let name = project
                .config
                .map_or("absent: all integrations, no rules".into(), |path| {
                    path.display().to_string()
                });
            line(valid, "config", name);
        }
        Err(error) => line(false, "project", format!("{error:#}")),
    }
    let endpoint = env::var("OTEL_EXPORTER_OTLP_ENDPOINT").unwrap_or_else(|_| ENDPOINT.to_owned());
    match connect(&endpoint) {
        Ok(()) => line(true, "endpoint", endpoint),
        // A build does not need it.
        Err(error) => println!("warn endpoint   {endpoint}: {error:#}"),
    }
    Ok(if healthy {
        Exit::Success
    } else {
        Exit::Failure
    })
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
