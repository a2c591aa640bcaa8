//! The agent as woven `main` starts it: settings from the environment, exporters on threads.
//!
//! Each test runs this program again, because a process has one agent and one environment.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use selvedge_agent::Baked;
use selvedge_hooks::{Attribute, Convention, Kind, Site, Span, logs_enabled, observe};

static BAKED: Baked = Baked {
    service_name: "started",
    service_version: "",
    sampling: &[],
    resource: &[],
    panic_aborts: false,
    manifest: "",
};
static SERVER: Site = Site::new("hyper", "GET", Kind::Server, Convention::Http);

const WAY: &str = "SELVEDGE_TEST_WAY";
const PORT: &str = "OTEL_EXPORTER_PROMETHEUS_PORT";

/// Not a test of its own: what the child does.
#[test]
fn child() {
    let Ok(way) = std::env::var(WAY) else { return };
    let _running = selvedge_agent::start(&BAKED);
    match way.as_str() {
        "scrape" => scrape_right_away(),
        "observe" => observe_with_spans(),
        "count" => count_in_threads(),
        _ => assert_eq!(logs_enabled(), way == "logs"),
    }
}

fn scrape() -> String {
    let port = std::env::var(PORT).expect("the parent sets it");
    let port = port.parse().expect("a port");
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("it listens");
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\n\r\n")
        .expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

fn scrape_right_away() {
    for count in 1..=20 {
        drop(Span::start(&SERVER));
        let answer = scrape();
        let line = answer
            .lines()
            .find(|line| line.starts_with("http_server_request_duration_seconds_count"));
        let line = line.expect("the span is measured");
        assert!(line.ends_with(&format!(" {count}")), "{line}");
    }
}

/// More spans than the rings hold, and no time to empty them.
fn count_in_threads() {
    const THREADS: u64 = 4;
    const SPANS: u64 = 10_000;
    // Spans are counted where they end once the clock has been measured; each scrape does that.
    let started = Instant::now();
    let mut first = 0;
    while started.elapsed() < Duration::from_millis(50) {
        drop(Span::start(&SERVER));
        first += 1;
        scrape();
    }
    let threads: Vec<_> = (0..THREADS)
        .map(|_| thread::spawn(|| spans(SPANS)))
        .collect();
    for thread in threads {
        thread.join().expect("no panic");
    }
    let answer = scrape();
    let counted = |label: &str| {
        let sums = answer.lines().filter(|line| {
            line.starts_with("http_server_request_duration_seconds_count") && line.contains(label)
        });
        let counts = sums.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        counts.sum::<u64>()
    };
    assert_eq!(counted(""), first + THREADS * SPANS);
    assert_eq!(counted("\"POST\""), THREADS * SPANS / 2);
    assert_eq!(counted("timeout"), THREADS * SPANS / 4);
}

fn spans(count: u64) {
    for number in 0..count {
        let method = ["GET", "POST"][(number % 2) as usize];
        let span = Span::start_with(&SERVER, &[Attribute::label("http.request.method", method)]);
        if number % 4 == 0 {
            span.fail("timeout", &"");
        }
    }
}

/// A callback runs on the agent's thread, where it makes no spans.
fn observe_with_spans() {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    observe(|_| {
        ASKED.fetch_add(1, Ordering::Relaxed);
        let made = !Span::start(&SERVER).is_none();
        MADE.fetch_add(usize::from(made), Ordering::Relaxed);
    });
    scrape();
    let (asked, made) = (ASKED.load(Ordering::Relaxed), MADE.load(Ordering::Relaxed));
    assert!(asked > 0 && made == 0, "{asked} {made}");
}

#[track_caller]
fn run(way: &str, logs: &str) {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let port = free.local_addr().expect("it is bound").port();
    drop(free);
    let output = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(WAY, way)
        .envs((way == "count").then_some(("OTEL_TRACES_SAMPLER", "always_off")))
        .envs((way == "count").then_some(("SELVEDGE_BUFFER_BYTES", "8192")))
        .env(PORT, port.to_string())
        .env("OTEL_EXPORTER_PROMETHEUS_HOST", "127.0.0.1")
        .env("OTEL_METRICS_EXPORTER", "prometheus")
        .env("OTEL_TRACES_EXPORTER", "none")
        .env("OTEL_LOGS_EXPORTER", logs)
        .output()
        .expect("this test runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn a_scrape_shows_spans_that_ended_before_it() {
    run("scrape", "none");
}

#[test]
fn unsampled_spans_are_all_counted_whatever_the_rings_hold() {
    run("count", "none");
}

#[test]
fn callbacks_of_a_scrape_make_no_spans() {
    run("observe", "none");
}

#[test]
fn logs_are_wanted_where_they_are_exported() {
    run("logs", "otlp");
    run("no logs", "none");
}
