//! A service under test as a process.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use report::run;

/// `sysconf(_SC_CLK_TCK)`: 100 on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;
/// How long a service may take to flush and end.
const STOP_SECONDS_MAX: u64 = 15;

/// A running service; killed when dropped without [`Service::stop`].
pub(crate) struct Service {
    child: Child,
    /// Where it listens, `host:port`.
    pub(crate) address: String,
}

impl Service {
    /// Starts the program and waits for it to say where it listens.
    pub(crate) fn start(
        binary: &Path,
        database: &Path,
        environment: &[(&str, &str)],
        endpoint: &str,
    ) -> Result<Self, String> {
        let child = Command::new(binary)
            .env("DATABASE", database)
            .env("OTEL_SERVICE_NAME", "service")
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("failed to start {}: {error}", binary.display()))?;
        let mut service = Self {
            child,
            address: String::new(),
        };
        let output = service
            .child
            .stdout
            .take()
            .expect("standard output is piped");
        let mut line = String::new();
        BufReader::new(output)
            .read_line(&mut line)
            .map_err(|error| error.to_string())?;
        let address = line.trim().strip_prefix("listening on ");
        let address = address.ok_or_else(|| format!("{} said {line:?}", binary.display()))?;
        address.clone_into(&mut service.address);
        Ok(service)
    }

    /// CPU time of the process so far, user and system.
    pub(crate) fn cpu_seconds(&self) -> Result<f64, String> {
        let stat = self.proc("stat")?;
        // Fields are counted after the name, which may contain spaces: 14 and 15 of proc(5).
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: Option<u64> = ticks.map(|field| field.parse::<u64>().ok()).sum();
        let ticks = ticks.ok_or_else(|| format!("no CPU time in {stat:?}"))?;
        Ok(ticks as f64 / TICKS_PER_SECOND)
    }

    /// The most memory the process has had resident.
    pub(crate) fn peak_rss_mb(&self) -> Result<f64, String> {
        let status = self.proc("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        kilobytes
            .map(|kilobytes| kilobytes / 1024.0)
            .ok_or_else(|| "no VmHWM".to_owned())
    }

    fn proc(&self, file: &str) -> Result<String, String> {
        let path = format!("/proc/{}/{file}", self.child.id());
        fs::read_to_string(&path).map_err(|error| format!("failed to read {path}: {error}"))
    }

    /// Asks the service to end, which flushes what it has yet to export.
    pub(crate) fn stop(mut self) -> Result<(), String> {
        run(Command::new("kill").args(["-TERM", &self.child.id().to_string()]))?;
        let deadline = Instant::now() + Duration::from_secs(STOP_SECONDS_MAX);
        while Instant::now() < deadline {
            match self.child.try_wait() {
                Ok(Some(_)) => return Ok(()),
                Ok(None) => std::thread::sleep(Duration::from_millis(20)),
                Err(error) => return Err(error.to_string()),
            }
        }
        Err(format!(
            "the service did not end within {STOP_SECONDS_MAX} s"
        ))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Both fail when it has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
