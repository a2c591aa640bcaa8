//! Endpoints that are absent, slow, broken or overloaded.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use selvedge_agent::export::Pipeline;
use selvedge_agent::metrics::Registry;

use crate::sink::{Reply, Sink};
use crate::{INTERNAL, counted, in_seconds, pipeline, settings, span, start};

const EXPORTED: &str = "otel.sdk.exporter.span.exported";
const PROCESSED: &str = "otel.sdk.processor.span.processed";

/// Sends one span to an endpoint that replies so, and returns how often it was tried.
fn attempts(replies: &[Reply]) -> (usize, &'static Registry) {
    let sink = Sink::start(replies.iter().cloned());
    let variables = [("OTEL_EXPORTER_OTLP_TIMEOUT", "300")];
    let (mut pipeline, registry) = pipeline(&sink.url(), &variables);
    pipeline.span(&span(&INTERNAL));
    pipeline.flush(in_seconds(20));
    assert_eq!(pipeline.queued_bytes(), 0);
    (sink.arrived().len(), registry)
}

#[test]
fn what_may_pass_is_tried_again_until_it_is_taken() {
    for again in [
        Reply::Status(429, "Retry-After: 1\r\n"),
        Reply::Status(502, ""),
        Reply::Status(503, "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n"),
        Reply::Status(504, "Connection: close\r\n"),
        Reply::Raw(b""),
        Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
        Reply::Raw(b"\x00\xff garbage \r\n\r\n"),
        Reply::Hang,
    ] {
        let (tries, registry) = attempts(&[again.clone(), again.clone()]);
        assert_eq!(tries, 3, "{again:?}");
        assert_eq!(counted(registry, EXPORTED, ""), 1.0, "{again:?}");
    }
}

#[test]
fn what_will_not_pass_is_dropped_and_counted() {
    for (status, error) in [(400, "400"), (401, "401"), (500, "500"), (301, "301")] {
        let (tries, registry) = attempts(&[Reply::Status(status, "")]);
        assert_eq!(tries, 1, "{status}");
        assert_eq!(counted(registry, EXPORTED, error), 1.0, "{status}");
        assert_eq!(counted(registry, EXPORTED, ""), 0.0, "{status}");
        assert_eq!(
            counted(registry, "otel.sdk.exporter.span.inflight", ""),
            0.0,
            "{status}"
        );
    }
}

#[test]
fn rejected_spans_of_a_partial_success_are_counted_as_lost() {
    let partial = ExportTraceServiceResponse {
        partial_success: Some(ExportTracePartialSuccess {
            rejected_spans: 2,
            error_message: "too old".to_owned(),
        }),
    };
    let sink = Sink::start([Reply::Body(partial.encode_to_vec())]);
    let (mut pipeline, registry) = pipeline(&sink.url(), &[]);
    for _ in 0..5 {
        pipeline.span(&span(&INTERNAL));
    }
    pipeline.flush(in_seconds(10));
    assert_eq!(counted(registry, EXPORTED, ""), 3.0);
    assert_eq!(counted(registry, EXPORTED, "rejected"), 2.0);
    assert_eq!(sink.arrived().len(), 1);
}

#[test]
fn a_server_that_closes_kept_connections_costs_no_span() {
    let sink = Sink::start(vec![Reply::OkThenClose; 5]);
    let (mut pipeline, registry) = pipeline(&sink.url(), &[]);
    for _ in 0..5 {
        pipeline.span(&span(&INTERNAL));
        pipeline.flush(in_seconds(10));
    }
    assert_eq!(counted(registry, EXPORTED, ""), 5.0);
    assert_eq!(sink.arrived().len(), 5);
}

/// Fills the pipeline with far more than the queue holds, and returns how long that took.
fn fill(pipeline: &mut Pipeline, spans: usize) -> Duration {
    let began = Instant::now();
    for _ in 0..spans {
        pipeline.span(&span(&INTERNAL));
        pipeline.tick(Instant::now());
    }
    began.elapsed()
}

#[test]
fn an_absent_endpoint_neither_blocks_nor_fills_memory() {
    // A port that nobody listens on.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let variables = [
        ("SELVEDGE_QUEUE_BYTES", "100000"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "100"),
    ];
    let (mut pipeline, registry) = pipeline(&format!("http://{port}"), &variables);
    let took = fill(&mut pipeline, 20_000);
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(
        pipeline.queued_bytes() <= 100_000,
        "{}",
        pipeline.queued_bytes()
    );
    let dropped = counted(registry, PROCESSED, "queue_full");
    let kept = counted(registry, PROCESSED, "");
    assert_eq!(dropped + kept, 20_000.0);
    assert!(dropped > 10_000.0, "{dropped}");
    pipeline.dropped(7, 0);
    assert_eq!(counted(registry, PROCESSED, "queue_full"), dropped + 7.0);
}

#[test]
fn a_flush_does_not_wait_for_an_endpoint_where_nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (mut pipeline, registry) = pipeline(&format!("http://{address}"), &[]);
    fill(&mut pipeline, 10);
    let began = Instant::now();
    pipeline.flush(began + Duration::from_mins(1));
    assert!(
        began.elapsed() < Duration::from_secs(30),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(counted(registry, EXPORTED, "connection_refused"), 10.0);
}

#[test]
fn a_flush_to_an_endpoint_that_hangs_ends_by_its_deadline() {
    let sink = Sink::start(vec![Reply::Hang; 100]);
    let (mut pipeline, _) = pipeline(&sink.url(), &[]);
    let took = fill(&mut pipeline, 2000);
    assert!(took < Duration::from_secs(5), "{took:?}");
    sink.next();
    let began = Instant::now();
    pipeline.flush(began + Duration::from_millis(300));
    let took = began.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert!(pipeline.queued_bytes() > 0);
}

#[test]
fn a_payload_that_grows_old_is_given_up() {
    let sink = Sink::start(vec![Reply::Status(503, ""); 10]);
    let url = sink.url();
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*url),
        ("OTEL_METRICS_EXPORTER", "none"),
    ];
    let mut settings = settings(&variables);
    settings.retry.age_max = Duration::ZERO;
    let (mut pipeline, registry) = start(&settings);
    pipeline.span(&span(&INTERNAL));
    pipeline.flush(in_seconds(10));
    assert_eq!(sink.arrived().len(), 1);
    assert_eq!(counted(registry, EXPORTED, "503"), 1.0);
}

#[test]
fn a_signal_that_backs_off_does_not_hold_up_another() {
    let sink = Sink::start([Reply::Status(503, "Retry-After: 3600\r\n")]);
    let url = sink.url();
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*url),
        ("OTEL_METRICS_EXPORTER", "otlp"),
    ];
    let mut settings = settings(&variables);
    settings.retry.pause_max = Duration::from_hours(1);
    settings.span_batching.export_batch_size = 1;
    let (mut pipeline, _) = start(&settings);
    pipeline.span(&span(&INTERNAL));
    assert_eq!(sink.next().path, "/v1/traces");
    pipeline.tick(in_seconds(61));
    assert_eq!(sink.next().path, "/v1/metrics");
}
