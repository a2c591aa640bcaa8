//! `make demo`: weaves three published programs as they are, lets one call the others, checks and
//! shows the traces, the metrics and the log line that come out.
//!
//! dufs is a file server on bare hyper, mdserve a Markdown server on axum, xh a client on reqwest.
//! All are fetched by cargo from the registry at pinned versions; not a byte of them is changed on
//! disk.

mod server;
mod trace;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::otlp::Sink;
use server::Server;
use trace::Expected;

/// A published program, and what cargo is to be told about its features.
struct Program {
    name: &'static str,
    version: &'static str,
    features: &'static [&'static str],
}

const PROGRAMS: &[Program] = &[
    Program {
        name: "dufs",
        version: "0.47.0",
        features: &["--no-default-features"],
    },
    Program {
        name: "mdserve",
        version: "1.1.0",
        features: &[],
    },
    // xh does not compile without one of its TLS back-ends.
    Program {
        name: "xh",
        version: "0.26.3",
        features: &["--no-default-features", "--features", "rustls"],
    },
];
/// How long the programs may take for anything but compiling.
const PATIENCE: Duration = Duration::from_secs(30);

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Builds, runs, checks, shows.
pub(crate) fn run(root: &Path) -> Result<()> {
    let work = root.join("target/demo");
    std::fs::create_dir_all(work.join("files"))?;
    std::fs::write(work.join("files/hello.txt"), "Woven, not written.\n")?;
    std::fs::write(work.join("files/loom.md"), "# A loom\n")?;
    let command = build_command(root)?;
    for program in PROGRAMS {
        weave(&command, &work, program)?;
    }
    let sink = Sink::start()?;
    let files = work.join("files");
    let dufs = Server::start(&work, &sink, "dufs", |command, port| {
        command
            .args(["--bind", "127.0.0.1", "--port", port])
            .arg(&files);
    })?;
    let mdserve = Server::start(&work, &sink, "mdserve", |command, port| {
        command
            .args(["--hostname", "127.0.0.1", "--port", port])
            .arg(&files);
    })?;
    show_file_server(&work, &sink, &dufs)?;
    show_routed_server(&work, &sink, &mdserve)?;
    dufs.stop()?;
    mdserve.stop()
}

fn build_command(root: &Path) -> Result<PathBuf> {
    println!("== building cargo-selvedge");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--locked"])
        .args(["--package", "cargo-selvedge"])
        .current_dir(root)
        .status()?;
    if !status.success() {
        return Err("failed to build cargo-selvedge".into());
    }
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join("release/cargo-selvedge"))
}

fn weave(command: &Path, work: &Path, program: &Program) -> Result<()> {
    let package = format!("{}@{}", program.name, program.version);
    println!("== cargo selvedge install {package}");
    let status = Command::new(command)
        .args(["selvedge", "install", "--locked", "--debug", "--force"])
        .arg(&package)
        .arg("--root")
        .arg(work)
        .arg("--target-dir")
        .arg(work.join("build"))
        .args(program.features)
        .current_dir(work)
        // A third of the time would go into debug information that nobody looks at.
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("failed to weave {package}").into())
    }
}

/// The environment that every woven program reads; nothing in it is Selvedge's own.
fn woven(work: &Path, program: &str, sink: &Sink) -> Command {
    let mut command = Command::new(work.join("bin").join(program));
    command
        .env("OTEL_SERVICE_NAME", program)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &sink.endpoint)
        .env("OTEL_BSP_SCHEDULE_DELAY", "100");
    command
}

/// One trace over client and server, the server's metrics, and its log line with the trace's id.
fn show_file_server(work: &Path, sink: &Sink, dufs: &Server) -> Result<()> {
    let answer = call(work, sink, &dufs.url("/hello.txt"))?;
    println!("{}", answer.trim_end());
    let trace_id = trace::show(sink, &Expected::of(dufs, "/hello.txt", None))?;
    println!("\n== metrics of dufs: {}", dufs.metrics_url());
    for line in dufs.request_metrics()? {
        println!("{line}");
    }
    println!("\n== log line of dufs with the trace's id");
    println!("{}", dufs.log_line(&trace_id)?);
    Ok(())
}

/// A server whose router names the request: its template is on the span and on the metrics.
fn show_routed_server(work: &Path, sink: &Sink, mdserve: &Server) -> Result<()> {
    const ROUTE: &str = "/*filename";
    println!();
    let page = call(work, sink, &mdserve.url("/loom.md"))?;
    let heading = page.lines().find(|line| line.contains("A loom</h1>"));
    println!(
        "{}",
        heading
            .ok_or("mdserve did not answer with the page")?
            .trim()
    );
    trace::show(sink, &Expected::of(mdserve, "/loom.md", Some(ROUTE)))?;
    println!("\n== metrics of mdserve: {}", mdserve.metrics_url());
    let metrics = mdserve.request_metrics()?;
    for line in &metrics {
        println!("{line}");
    }
    let label = format!("http_route=\"{ROUTE}\"");
    if metrics.iter().any(|line| line.contains(&label)) {
        Ok(())
    } else {
        Err(format!("no metric of mdserve has {label}").into())
    }
}

/// What the server answers to the woven client.
fn call(work: &Path, sink: &Sink, url: &str) -> Result<String> {
    println!("== xh GET {url}");
    let output = woven(work, "xh", sink)
        .env("OTEL_METRICS_EXPORTER", "none")
        .args(["--ignore-stdin", "--body", "GET", url])
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("xh: {}", output.status).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
