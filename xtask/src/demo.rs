//! `make demo`: weaves two published programs as they are, lets one call the other, and shows
//! the one trace, the metrics and the log line that come out.
//!
//! dufs is a file server on hyper, xh is an HTTP client on reqwest. Both are fetched by cargo
//! from the registry at pinned versions; not a byte of them is changed on disk.

use std::collections::BTreeSet;
use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use crate::otlp::{Sink, Span};

/// What the demo weaves: name, version, features.
const PROGRAMS: &[(&str, &str, &[&str])] = &[
    ("dufs", "0.47.0", &["--no-default-features"]),
    // xh does not compile without one of its TLS back-ends.
    (
        "xh",
        "0.26.3",
        &["--no-default-features", "--features", "rustls"],
    ),
];
/// How long the programs may take for anything but compiling.
const PATIENCE: Duration = Duration::from_secs(30);

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Builds, runs, shows.
pub(crate) fn run(root: &Path) -> Result<()> {
    let work = root.join("target/demo");
    std::fs::create_dir_all(work.join("files"))?;
    std::fs::write(work.join("files/hello.txt"), "Woven, not written.\n")?;
    let command = build_command(root)?;
    for program in PROGRAMS {
        weave(&command, &work, program)?;
    }
    let sink = Sink::start()?;
    let metrics_port = free_port()?;
    let (mut server, lines, address) = start_server(&work, &sink, metrics_port)?;
    let outcome =
        call(&work, &sink, &address).and_then(|answer| show(&sink, &lines, metrics_port, &answer));
    stop(&mut server)?;
    outcome
}

fn build_command(root: &Path) -> Result<PathBuf> {
    println!("== building cargo-selvedge");
    let status = Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--release",
            "--locked",
            "--package",
            "cargo-selvedge",
        ])
        .current_dir(root)
        .status()?;
    if !status.success() {
        return Err("failed to build cargo-selvedge".into());
    }
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join("release/cargo-selvedge"))
}

fn weave(
    command: &Path,
    work: &Path,
    (name, version, features): &(&str, &str, &[&str]),
) -> Result<()> {
    println!("== cargo selvedge install {name}@{version}");
    let status = Command::new(command)
        .args(["selvedge", "install", "--locked", "--debug", "--force"])
        .arg(format!("{name}@{version}"))
        .arg("--root")
        .arg(work)
        .arg("--target-dir")
        .arg(work.join("build"))
        .args(*features)
        .current_dir(work)
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("failed to weave {name} {version}").into())
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// The environment that every woven program reads; nothing in it is Selvedge's own.
fn woven(program: PathBuf, service: &str, sink: &Sink) -> Command {
    let mut command = Command::new(program);
    command
        .env("OTEL_SERVICE_NAME", service)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &sink.endpoint)
        .env("OTEL_BSP_SCHEDULE_DELAY", "100");
    command
}

fn start_server(
    work: &Path,
    sink: &Sink,
    metrics_port: u16,
) -> Result<(Child, Receiver<String>, String)> {
    let port = free_port()?;
    let mut server = woven(work.join("bin/dufs"), "dufs", sink)
        .env("OTEL_EXPORTER_PROMETHEUS_PORT", metrics_port.to_string())
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .arg(work.join("files"))
        .stdout(Stdio::piped())
        .spawn()?;
    let output = server.stdout.take().ok_or("the server has no output")?;
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output)
            .lines()
            .map_while(std::result::Result::ok)
        {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let address = format!("127.0.0.1:{port}");
    let begun = Instant::now();
    while TcpStream::connect(&address).is_err() {
        if begun.elapsed() > PATIENCE || server.try_wait()?.is_some() {
            server.kill().ok();
            return Err(format!("dufs does not listen on {address}").into());
        }
        std::thread::yield_now();
    }
    Ok((server, lines, address))
}

fn call(work: &Path, sink: &Sink, address: &str) -> Result<String> {
    let url = format!("http://{address}/hello.txt");
    println!("== xh GET {url}");
    let output = woven(work.join("bin/xh"), "xh", sink)
        .env("OTEL_METRICS_EXPORTER", "none")
        .args(["--ignore-stdin", "--body", "GET", &url])
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("xh: {}", output.status).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn show(sink: &Sink, lines: &Receiver<String>, metrics_port: u16, answer: &str) -> Result<()> {
    println!("{}", answer.trim_end());
    let spans = one_trace(sink)?;
    println!("\n== one trace over both programs: {}", spans[0].trace_id);
    print_tree(&spans, "", 0);
    println!("\n== metrics of dufs: http://127.0.0.1:{metrics_port}/metrics");
    let metrics = fetch(metrics_port)?;
    let wanted = |line: &&str| {
        line.starts_with("http_server_request_duration_seconds")
            && (!line.contains("_bucket") || line.contains("+Inf"))
    };
    for line in metrics.lines().filter(wanted) {
        println!("{line}");
    }
    println!("\n== log line of dufs with the trace's id");
    println!("{}", log_line(lines, &spans[0].trace_id)?);
    Ok(())
}

/// Waits for a trace that has spans of both services.
fn one_trace(sink: &Sink) -> Result<Vec<Span>> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let spans = sink.spans();
        for root in spans.iter().filter(|span| span.parent_span_id.is_empty()) {
            let trace: Vec<Span> = spans
                .iter()
                .filter(|span| span.trace_id == root.trace_id)
                .cloned()
                .collect();
            if trace
                .iter()
                .map(|span| &span.service)
                .collect::<BTreeSet<_>>()
                .len()
                == 2
            {
                return Ok(trace);
            }
        }
        std::thread::yield_now();
    }
    Err(format!(
        "no trace with spans of both programs arrived; {} spans did",
        sink.spans().len()
    )
    .into())
}

fn print_tree(spans: &[Span], parent: &str, depth: usize) {
    let mut children: Vec<&Span> = spans
        .iter()
        .filter(|span| span.parent_span_id == parent)
        .collect();
    children.sort_by_key(|span| span.start_unix_ns);
    for span in children {
        let kind =
            ["", "internal", "server", "client", "producer", "consumer"][span.kind.min(5) as usize];
        let status = if span.status_code == 2 { " ERROR" } else { "" };
        let indentation = "  ".repeat(depth);
        println!(
            "{indentation}[{}] {} ({kind}, {} µs){status}",
            span.service, span.name, span.duration_us
        );
        for (key, value) in &span.attributes {
            println!("{indentation}    {key} = {value}");
        }
        print_tree(spans, &span.span_id, depth + 1);
    }
}

fn fetch(port: u16) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

fn log_line(lines: &Receiver<String>, trace_id: &str) -> Result<String> {
    loop {
        let line = lines
            .recv_timeout(PATIENCE)
            .map_err(|_| "no log line carries the trace's id")?;
        if line.contains(trace_id) {
            return Ok(line);
        }
    }
}

/// Asks the server to stop, as an operator would, and waits for it.
fn stop(server: &mut Child) -> Result<()> {
    Command::new("kill").arg(server.id().to_string()).status()?;
    let begun = Instant::now();
    while server.try_wait()?.is_none() {
        if begun.elapsed() > PATIENCE {
            server.kill()?;
            return Err("dufs did not stop on SIGTERM".into());
        }
        std::thread::yield_now();
    }
    Ok(())
}
