//! Load from `wrk` (Debian package `wrk`), as fast as the service answers.

use std::process::Command;

use report::{bench_root, run};

const CONNECTIONS: u32 = 32;

/// Load of a length.
pub(crate) struct Load {
    pub(crate) seconds: u64,
}

/// What came of it.
pub(crate) struct LoadResult {
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) failed: u64,
}

impl Load {
    pub(crate) fn describe(&self) -> String {
        format!(
            "wrk, 1 thread, {CONNECTIONS} connections, {} s on loopback",
            self.seconds
        )
    }

    /// Loads the service at this address, `host:port`.
    pub(crate) fn run(&self, address: &str) -> Result<LoadResult, String> {
        let mut wrk = Command::new("wrk");
        wrk.args(["--threads", "1", "--connections", &CONNECTIONS.to_string()])
            .args(["--duration", &format!("{}s", self.seconds), "--script"])
            .arg(bench_root().join("throughput/requests.lua"))
            .arg(format!("http://{address}"));
        let output = run(&mut wrk).map_err(|error| format!("{error}; is wrk installed?"))?;
        let output = String::from_utf8_lossy(&output.stdout);
        parse(&output).ok_or_else(|| format!("wrk printed no result:\n{output}"))
    }
}

/// Reads the line that `requests.lua` prints; its times are in microseconds.
fn parse(output: &str) -> Option<LoadResult> {
    let line = output
        .lines()
        .find_map(|line| line.strip_prefix("result "))?;
    let numbers: Vec<u64> = line
        .split(' ')
        .map_while(|number| number.parse().ok())
        .collect();
    let &[requests, duration, p50, p99, failed] = numbers.as_slice() else {
        return None;
    };
    Some(LoadResult {
        requests,
        seconds: duration as f64 / 1e6,
        p50_ms: p50 as f64 / 1e3,
        p99_ms: p99 as f64 / 1e3,
        failed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_line_is_found_among_what_wrk_prints() {
        let result = parse("Running 5s test\nresult 100 5000000 1200 3400 2\n").expect("a result");
        assert_eq!((result.requests, result.failed), (100, 2));
        assert!((result.p99_ms - 3.4).abs() < 1e-9);
        assert!(parse("Running 5s test\n").is_none());
    }
}
