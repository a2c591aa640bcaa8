//! A woven server as a child process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Instant;

use super::{PATIENCE, Result, woven};
use crate::otlp::Sink;

/// A woven server that listens. It is killed when dropped before [`Server::stop`].
pub(super) struct Server {
    pub(super) name: &'static str,
    pub(super) port: u16,
    metrics_port: u16,
    child: Child,
    lines: Receiver<String>,
}

impl Server {
    /// Starts a program that `listen_on` tells its port, and waits until it listens.
    pub(super) fn start(
        work: &Path,
        sink: &Sink,
        name: &'static str,
        listen_on: impl FnOnce(&mut Command, &str),
    ) -> Result<Self> {
        let (port, metrics_port) = (free_port()?, free_port()?);
        let mut command = woven(work, name, sink);
        command
            .env("OTEL_EXPORTER_PROMETHEUS_PORT", metrics_port.to_string())
            .stdout(Stdio::piped());
        listen_on(&mut command, &port.to_string());
        let mut child = command.spawn()?;
        let output = child.stdout.take().ok_or("the server has no output")?;
        let mut server = Self {
            name,
            port,
            metrics_port,
            child,
            lines: forward_lines(output),
        };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if begun.elapsed() > PATIENCE || server.child.try_wait()?.is_some() {
                return Err(format!("{name} does not listen on port {port}").into());
            }
            std::thread::yield_now();
        }
        Ok(server)
    }

    /// The address of something that it serves.
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Where the agent shows the metrics.
    pub(super) fn metrics_url(&self) -> String {
        format!("http://127.0.0.1:{}/metrics", self.metrics_port)
    }

    /// The request durations, without most of their buckets.
    pub(super) fn request_metrics(&self) -> Result<Vec<String>> {
        let wanted = |line: &&str| {
            line.starts_with("http_server_request_duration_seconds")
                && (!line.contains("_bucket") || line.contains("+Inf"))
        };
        let metrics = fetch(self.metrics_port)?;
        Ok(metrics.lines().filter(wanted).map(str::to_owned).collect())
    }

    /// The first line of its log that has the id.
    pub(super) fn log_line(&self, trace_id: &str) -> Result<String> {
        loop {
            let line = self
                .lines
                .recv_timeout(PATIENCE)
                .map_err(|_| format!("no log line of {} carries the trace's id", self.name))?;
            if line.contains(trace_id) {
                return Ok(line);
            }
        }
    }

    /// Asks the server to stop, as an operator would, and waits for it.
    pub(super) fn stop(mut self) -> Result<()> {
        Command::new("kill")
            .arg(self.child.id().to_string())
            .status()?;
        let begun = Instant::now();
        while self.child.try_wait()?.is_none() {
            if begun.elapsed() > PATIENCE {
                return Err(format!("{} did not stop on SIGTERM", self.name).into());
            }
            std::thread::yield_now();
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail for a process that has ended and been waited for, which is what is wanted.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Reads lines for as long as there are any, so that the writer never waits.
fn forward_lines(output: impl Read + Send + 'static) -> Receiver<String> {
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
    lines
}

fn fetch(port: u16) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}
