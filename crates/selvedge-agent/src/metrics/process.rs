//! Metrics of the process itself, from `/proc`; nothing on systems without it.

use std::fs;

use selvedge_hooks::{Attribute, Observer};

use super::instruments as own;

/// The kernel's `USER_HZ`, the unit of times in `/proc/self/stat`; 100 on every architecture
/// that Rust's standard library runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Reports what can be read; called at each collection.
pub(crate) fn observe(observer: &mut Observer<'_>) {
    let stat = fs::read_to_string("/proc/self/stat");
    if let Some(times) = stat.ok().and_then(|stat| Times::parse(&stat)) {
        report_times(observer, &times);
    }
    if let Ok(status) = fs::read_to_string("/proc/self/status") {
        report_status(observer, &status);
    }
    if let Ok(descriptors) = fs::read_dir("/proc/self/fd") {
        // One of them is the directory being read.
        let count = descriptors.count().saturating_sub(1);
        observer.report(&own::FILE_DESCRIPTORS, count as f64, &[]);
    }
}

/// In seconds.
#[derive(Debug, PartialEq)]
struct Times {
    user: f64,
    system: f64,
    /// Since the system started.
    started: f64,
}

impl Times {
    /// Parses `/proc/self/stat` (proc_pid_stat(5)). The program's name may contain anything, so
    /// fields count from its closing parenthesis.
    fn parse(stat: &str) -> Option<Self> {
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        let seconds = |index: usize| -> Option<f64> {
            Some(fields.get(index)?.parse::<f64>().ok()? / TICKS_PER_SECOND)
        };
        Some(Self {
            user: seconds(11)?,
            system: seconds(12)?,
            started: seconds(19)?,
        })
    }
}

fn report_times(observer: &mut Observer<'_>, times: &Times) {
    for (mode, seconds) in [("user", times.user), ("system", times.system)] {
        observer.report(&own::CPU_TIME, seconds, &[Attribute::new("cpu.mode", mode)]);
    }
    let uptime = fs::read_to_string("/proc/uptime").ok();
    let uptime = uptime.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    if let Some(uptime) = uptime {
        observer.report(&own::UPTIME, (uptime - times.started).max(0.0), &[]);
    }
}

fn report_status(observer: &mut Observer<'_>, status: &str) {
    for line in status.lines() {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let number = value
            .split_ascii_whitespace()
            .next()
            .and_then(|word| word.parse().ok());
        let Some(number): Option<f64> = number else {
            continue;
        };
        let switches = |kind| [Attribute::new("process.context_switch.type", kind)];
        match name {
            "VmRSS" => observer.report(&own::MEMORY, number * 1024.0, &[]),
            "VmSize" => observer.report(&own::VIRTUAL_MEMORY, number * 1024.0, &[]),
            "Threads" => observer.report(&own::THREADS, number, &[]),
            "voluntary_ctxt_switches" => {
                observer.report(&own::CONTEXT_SWITCHES, number, &switches("voluntary"));
            }
            "nonvoluntary_ctxt_switches" => {
                observer.report(&own::CONTEXT_SWITCHES, number, &switches("involuntary"));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_with_spaces_and_parentheses_shifts_no_field() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 99 0 0 0 150 250 0 0 20 0 8 0 6000 1 2";
        let expected = Times {
            user: 1.5,
            system: 2.5,
            started: 60.0,
        };
        assert_eq!(Times::parse(stat), Some(expected));
        assert_eq!(Times::parse("42 (a"), None);
    }
}
