//! What the agent says on standard error: of endpoints that do not take everything, of measurements
//! that no metric takes.
//!
//! Each test runs this program again, because a process has one agent and one standard error.

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use selvedge_hooks::{Instrument, InstrumentKind, Span};

use crate::sink::{Reply, Sink};
use crate::{BAKED, INTERNAL};

const WAY: &str = "SELVEDGE_TEST_WAY";

/// Not a test of its own: what the child does.
#[test]
fn child() {
    let Ok(way) = std::env::var(WAY) else { return };
    let _running = selvedge_agent::start(&BAKED);
    if way == "spans" {
        for _ in 0..3 {
            drop(Span::start(&INTERNAL));
        }
    } else {
        for value in [f64::NAN, -1.0, f64::INFINITY] {
            SOLD.measure(value, &[]);
            SOLD.measure(value, &[]);
            LEVEL.measure(value, &[]);
        }
    }
}

static SOLD: Instrument = Instrument::new("app", "sold", "", "", InstrumentKind::Counter);
static LEVEL: Instrument = Instrument::new("app", "level", "", "", InstrumentKind::Gauge);

/// Runs a program that records three spans for this endpoint.
fn run(url: &str, variables: &[(&str, &str)]) -> (Vec<String>, Duration) {
    run_way("spans", url, variables)
}

/// Returns what the program says, without the agent's name, and how long it took.
fn run_way(way: &str, url: &str, variables: &[(&str, &str)]) -> (Vec<String>, Duration) {
    let began = Instant::now();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "said::child", "--nocapture"])
        .env(WAY, way)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        .env("OTEL_METRICS_EXPORTER", "none")
        .env("SELVEDGE_FLUSH_TIMEOUT", "400")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    let lines = said
        .lines()
        .map(|line| line.strip_prefix("selvedge: ").expect("the agent's own"));
    (lines.map(str::to_owned).collect(), began.elapsed())
}

/// `AUTHORITY` stands for the endpoint's.
#[track_caller]
fn check(replies: &[Reply], expected: &[&str]) {
    let sink = Sink::start(replies.iter().cloned());
    let (said, took) = run(&sink.url(), &[]);
    let authority = sink.address.to_string();
    let said: Vec<String> = said
        .iter()
        .map(|line| line.replace(&authority, "AUTHORITY"))
        .collect();
    assert_eq!(said, expected, "{replies:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
}

const GAVE_UP: &str = "gave up waiting for AUTHORITY after 0.4 s; not sent: 3 spans \
                       (SELVEDGE_FLUSH_TIMEOUT sets the wait)";

#[test]
fn nothing_is_said_when_everything_is_taken() {
    check(&[], &[]);
}

#[test]
fn an_endpoint_that_hangs_is_given_up_and_said_so() {
    check(&[Reply::Hang], &[GAVE_UP]);
    check(&[Reply::HalfThenHang], &[GAVE_UP]);
}

#[test]
fn an_endpoint_that_refuses_telemetry_is_one_line() {
    for (status, line) in [
        (
            401,
            "failed to export traces to AUTHORITY/v1/traces: 401; dropped",
        ),
        (
            500,
            "failed to export traces to AUTHORITY/v1/traces: 500; dropped",
        ),
    ] {
        check(&[Reply::Status(status, "")], &[line]);
    }
}

#[test]
fn an_endpoint_that_is_overloaded_is_not_waited_for_in_vain() {
    check(
        &[Reply::Status(503, "Retry-After: 60\r\n")],
        &["failed to export to AUTHORITY: 503; not sent: 3 spans"],
    );
}

#[test]
fn an_endpoint_that_speaks_something_else_is_one_line() {
    let garbage = Reply::Raw(b"\x00\xff garbage \r\n\r\n");
    check(
        &[garbage],
        &["failed to export to AUTHORITY: invalid_response; not sent: 3 spans"],
    );
}

#[test]
fn an_endpoint_where_nobody_listens_is_one_line_for_all_signals() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let variables = [("OTEL_METRICS_EXPORTER", "otlp")];
    let (said, _) = run(&format!("http://{address}"), &variables);
    assert_eq!(said.len(), 1, "{said:?}");
    let beginning =
        format!("failed to export to {address}: connection_refused; not sent: 3 spans, ");
    assert!(said[0].starts_with(&beginning), "{said:?}");
}

#[test]
fn a_host_that_does_not_resolve_is_not_waited_for() {
    // Whether a resolver answers in time depends on the machine; being told does not.
    let (said, took) = run("http://nothing.invalid:4318", &[]);
    let known = [
        "failed to export to nothing.invalid:4318: unknown_host; not sent: 3 spans",
        "gave up waiting for nothing.invalid:4318 after 0.4 s; not sent: 3 spans \
         (SELVEDGE_FLUSH_TIMEOUT sets the wait)",
    ];
    assert!(said.len() == 1 && known.contains(&&*said[0]), "{said:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn values_that_no_metric_takes_are_said_once_for_each_metric() {
    let sink = Sink::start([]);
    let (mut said, _) = run_way("metrics", &sink.url(), &[]);
    said.sort();
    assert_eq!(
        said,
        [
            "metric level: a value that is not a number was dropped; \
             selvedge.metric.refused counts further ones",
            "metric sold: a value that is not a number was dropped; \
             selvedge.metric.refused counts further ones",
        ]
    );
}

/// Runs a program under a shell that first does what `preparation` says, and checks that it comes
/// through, with all that it prints.
#[cfg(unix)]
#[track_caller]
fn check_comes_through(preparation: &str) {
    let output = Command::new("sh")
        .args(["-c", &format!("{preparation}; exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "said::child", "--nocapture"])
        .env(WAY, "spans")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
        .env("OTEL_EXPORTER_PROMETHEUS_PORT", "0")
        .env("SELVEDGE_FLUSH_TIMEOUT", "400")
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{preparation}: {output:?}");
    assert!(printed.contains("1 passed"), "{preparation}: {printed}");
}

#[cfg(unix)]
#[test]
fn a_program_comes_through_without_a_standard_error() {
    check_comes_through("exec 2>&-");
    check_comes_through("exec 0<&- 2>&-");
}

#[cfg(target_os = "linux")]
#[test]
fn a_program_comes_through_with_a_standard_error_on_a_full_disk() {
    check_comes_through("exec 2>/dev/full");
}

#[cfg(unix)]
#[test]
fn a_program_comes_through_without_descriptors_for_the_agent() {
    // From what a program needs to load its libraries to what the agent needs for everything.
    for limit in 4..12 {
        check_comes_through(&format!("ulimit -n {limit}"));
    }
}
