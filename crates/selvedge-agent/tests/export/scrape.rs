//! `/metrics`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};

use proptest::collection::vec;
use proptest::prelude::*;
use selvedge_agent::export::Pipeline;
use selvedge_agent::export::prometheus::{Format, write};
use selvedge_agent::model::{AttributeValue, RecordAttribute};
use selvedge_agent::resource::Resource;
use selvedge_hooks::{Attribute, Convention, Instrument, InstrumentKind, Kind, Site};

use crate::exposition::{Family, parse};
use crate::{settings, span, start};

static SERVER: Site = Site::new("hyper", "GET", Kind::Server, Convention::Http);
static COUNTER: Instrument = Instrument::new(
    "selvedge.rules",
    "transfers_completed_total",
    "",
    "Said \"done\" \\ in\ntwo lines.",
    InstrumentKind::Counter,
);
static BYTES: Instrument = Instrument::new(
    "pool",
    "pool.read",
    "By/s",
    "",
    InstrumentKind::UpDownCounter,
);
static RATIO: Instrument = Instrument::new("pool", "pool.use", "1", "Use.", InstrumentKind::Gauge);
static CLASH: Instrument = Instrument::new(
    "pool",
    "transfers.completed",
    "",
    "Clash.",
    InstrumentKind::Gauge,
);

/// A pipeline that serves one of everything.
fn serving() -> (Pipeline, SocketAddr) {
    let variables = [
        ("OTEL_METRICS_EXPORTER", "prometheus"),
        ("OTEL_EXPORTER_PROMETHEUS_PORT", "0"),
        ("OTEL_TRACES_EXPORTER", "none"),
        ("OTEL_LOGS_EXPORTER", "none"),
    ];
    let (mut pipeline, registry) = start(&settings(&variables));
    let mut record = span(&SERVER);
    record.attributes = vec![RecordAttribute {
        key: "http.route",
        value: AttributeValue::Str("/a\"b\\c\nd"),
        label: true,
    }];
    pipeline.span(&record);
    let same = [Attribute::new("a.b", "x"), Attribute::new("a_b", "y")];
    registry.measure(&COUNTER, 2.0, &same);
    registry.measure(&BYTES, -1.5, &[]);
    registry.measure(&RATIO, f64::INFINITY, &[Attribute::new("2nd", true)]);
    registry.measure(&CLASH, 1.0, &[]);
    let address = pipeline.metrics_address().expect("a listener");
    (pipeline, address)
}

/// Head and body of the answer.
fn ask(address: SocketAddr, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let length = format!("Content-Length: {}", body.len());
    assert!(
        head.contains(&length) || request.starts_with("HEAD"),
        "{head}"
    );
    (head.to_owned(), body.to_owned())
}

fn get(address: SocketAddr, path: &str, accept: &str) -> (String, String) {
    ask(
        address,
        &format!("GET {path} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n"),
    )
}

#[track_caller]
fn value(family: &Family, suffix: &str, labels: &[(&str, &str)]) -> f64 {
    let found = family.samples.iter().find(|sample| {
        sample.name.ends_with(suffix)
            && labels
                .iter()
                .all(|(key, value)| sample.labels.get(*key).is_some_and(|v| v == value))
    });
    found.expect("a sample").value
}

#[test]
fn prometheus_text_is_well_formed_and_named_as_the_specification_says() {
    let (_pipeline, address) = serving();
    let (head, body) = get(address, "/metrics", "*/*");
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    assert!(
        head.contains("Content-Type: text/plain; version=0.0.4"),
        "{head}"
    );
    let families = parse(&body, false);
    let http = &families["http_server_request_duration_seconds"];
    let route = [
        ("http_route", "/a\"b\\c\nd"),
        ("otel_scope_name", "selvedge"),
    ];
    assert_eq!(value(http, "_count", &route), 1.0);
    assert_eq!(value(http, "_bucket", &[("le", "0.025")]), 0.0);
    assert_eq!(value(http, "_bucket", &[("le", "0.05")]), 1.0);
    assert_eq!(value(http, "_bucket", &[("le", "1")]), 1.0);
    let completed = &families["transfers_completed_total"];
    assert_eq!(completed.kind, "counter");
    assert_eq!(value(completed, "_total", &[("a_b", "x;y")]), 2.0);
    assert_eq!(
        families["pool_read_bytes_per_second"].samples[0].value,
        -1.5
    );
    assert!(value(&families["pool_use_ratio"], "", &[("_2nd", "true")]).is_infinite());
    assert_eq!(families["process_cpu_time_seconds_total"].kind, "counter");
    assert_eq!(families["process_thread_count"].kind, "gauge");
    let info = &families["target_info"].samples[0];
    assert_eq!(info.labels["service_name"], "baked");
}

#[test]
fn open_metrics_is_well_formed_and_has_exemplars() {
    let (_pipeline, address) = serving();
    let accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
    let (head, body) = get(address, "/metrics", accept);
    assert!(
        head.contains("Content-Type: application/openmetrics-text; version=1.0.0"),
        "{head}"
    );
    let families = parse(&body, true);
    let http = &families["http_server_request_duration_seconds"];
    assert_eq!(http.unit, "seconds");
    assert_eq!(value(http, "_bucket", &[("le", "1.0")]), 1.0);
    let exemplars: Vec<_> = http
        .samples
        .iter()
        .filter_map(|sample| sample.exemplar.as_ref())
        .collect();
    assert_eq!(exemplars.len(), 1);
    assert_eq!(exemplars[0]["trace_id"], "01".repeat(16));
    assert_eq!(exemplars[0]["span_id"], "02".repeat(8));
    assert_eq!(
        families["transfers_completed"].kind, "gauge",
        "the first of a clash wins"
    );
    assert_eq!(families["target"].kind, "info");
}

fn kind() -> impl Strategy<Value = InstrumentKind> {
    use InstrumentKind::{Counter, Gauge, Histogram, UpDownCounter};
    prop_oneof![
        Just(Counter),
        Just(UpDownCounter),
        Just(Gauge),
        Just(Histogram)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_is_measured_the_text_is_well_formed(
        instruments in vec((
            prop_oneof!["\\PC{0,12}", "[ab._]{0,3}"],
            prop_oneof!["", "s", "1", "By/s", "\\PC{0,6}"],
            ".{0,20}",
            kind(),
            vec((prop_oneof!["\\PC{0,8}", "le|a[._ ]b"], ".{0,12}"), 0..4),
            any::<f64>(),
        ), 0..6),
    ) {
        let registry = crate::registry();
        for (name, unit, description, kind, labels, value) in instruments {
            let leak = |text: String| &*text.leak();
            let instrument =
                Instrument::new("fuzz", leak(name), leak(unit), leak(description), kind);
            let labels: Vec<_> = labels
                .into_iter()
                .map(|(key, value)| Attribute::new(leak(key), &*value.leak()))
                .collect();
            registry.measure(Box::leak(Box::new(instrument)), value, &labels);
        }
        let metrics = registry.collect();
        let resource = Resource::default();
        parse(&write(Format::Text, &resource, &metrics), false);
        parse(&write(Format::OpenMetrics, &resource, &metrics), true);
    }
}

#[test]
fn promtool_agrees_where_it_is_installed() {
    let (_pipeline, address) = serving();
    let (_, body) = get(address, "/metrics", "*/*");
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = promtool else {
        println!("skipped: promtool is not installed");
        return;
    };
    promtool
        .stdin
        .take()
        .unwrap()
        .write_all(body.as_bytes())
        .unwrap();
    // 3 means that only its taste in names is hurt.
    assert!(matches!(promtool.wait().unwrap().code(), Some(0 | 3)));
}

#[test]
fn other_requests_are_refused() {
    let (_pipeline, address) = serving();
    assert!(get(address, "/", "*/*").0.starts_with("HTTP/1.1 404"));
    assert!(
        get(address, "/metrics?x=y", "")
            .0
            .starts_with("HTTP/1.1 200")
    );
    let (head, body) = ask(address, "HEAD /metrics HTTP/1.1\r\n\r\n");
    assert!(
        head.starts_with("HTTP/1.1 200") && body.is_empty(),
        "{head}"
    );
    assert!(
        ask(address, "POST /metrics HTTP/1.1\r\n\r\n")
            .0
            .starts_with("HTTP/1.1 405")
    );
}

#[test]
fn an_endless_request_is_cut_off() {
    let (_pipeline, address) = serving();
    let mut stream = TcpStream::connect(address).unwrap();
    let block = [b'x'; 1024];
    while stream.write_all(&block).is_ok() {}
}

#[test]
fn connections_past_the_limit_are_closed_and_a_later_one_is_served() {
    let (_pipeline, address) = serving();
    let idle: Vec<_> = (0..8)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    let mut ninth = TcpStream::connect(address).unwrap();
    // The end of the stream or a reset, but no answer.
    let mut answer = Vec::new();
    let _ = ninth.write_all(b"GET /metrics HTTP/1.1\r\n\r\n");
    let _ = ninth.read_to_end(&mut answer);
    assert!(answer.is_empty());
    drop(idle);
    let served = (0..100_000).any(|_| {
        let mut stream = TcpStream::connect(address).unwrap();
        let mut answer = String::new();
        stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").is_ok()
            && stream.read_to_string(&mut answer).is_ok()
            && answer.starts_with("HTTP/1.1 200")
    });
    assert!(served);
}

#[test]
fn a_taken_port_leaves_metrics_off() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let variables = [
        ("OTEL_METRICS_EXPORTER", "prometheus"),
        ("OTEL_EXPORTER_PROMETHEUS_PORT", &*port),
    ];
    let (pipeline, _) = start(&settings(&variables));
    assert_eq!(pipeline.metrics_address(), None);
}
