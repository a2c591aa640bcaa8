//! `opentelemetry` with `opentelemetry_sdk`: batch processor, periodic metric reader.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry::trace::{SpanKind, TraceContextExt as _, Tracer, TracerProvider as _};
use opentelemetry::{Context, KeyValue, global};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{SdkMeterProvider, Temporality};
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};

use crate::contender::{Running, Sampling};
use crate::meter::SPANS_PER_TRACE;

/// Counts spans and drops them.
#[derive(Clone, Debug, Default)]
pub(crate) struct CountingExporter(Arc<AtomicU64>);

impl SpanExporter for CountingExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.fetch_add(batch.len() as u64, Ordering::Relaxed);
        Ok(())
    }
}

/// Drops metrics.
struct DroppingExporter;

impl PushMetricExporter for DroppingExporter {
    async fn export(&self, _metrics: &ResourceMetrics) -> OTelSdkResult {
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}

/// The SDK's traces as the environment samples them, and how to stop them.
pub(crate) fn start() -> (SdkTracerProvider, Box<dyn FnOnce() -> Option<u64>>) {
    let exporter = CountingExporter::default();
    let count = Arc::clone(&exporter.0);
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .build();
    let stopped = provider.clone();
    let stop = move || {
        if let Err(error) = stopped.shutdown() {
            eprintln!("opentelemetry_sdk: {error}");
        }
        Some(count.load(Ordering::Relaxed))
    };
    (provider, Box::new(stop))
}

/// One span without attributes, and no SDK.
#[expect(clippy::unnecessary_wraps, reason = "one type for all contenders")]
pub(crate) fn span(_sampling: Sampling) -> Result<Running, String> {
    let tracer = global::tracer("bench");
    let operation = move || drop(black_box(tracer.start("SELECT")));
    Ok(Running {
        operation: Box::new(operation),
        stop: Box::new(|| None),
    })
}

/// A trace of a server span and queries below it.
#[expect(clippy::unnecessary_wraps, reason = "one type for all contenders")]
pub(crate) fn trace(_sampling: Sampling) -> Result<Running, String> {
    let (provider, stop) = start();
    let tracer = provider.tracer("bench");
    let operation = move || {
        let server = tracer
            .span_builder("GET")
            .with_kind(SpanKind::Server)
            .with_attributes([
                KeyValue::new("http.request.method", black_box("GET")),
                KeyValue::new("http.route", black_box("/accounts/{id}")),
                KeyValue::new("http.response.status_code", black_box(200)),
            ])
            .start(&tracer);
        let _server = Context::current_with_span(server).attach();
        for _ in 1..SPANS_PER_TRACE {
            let query = tracer
                .span_builder("SELECT")
                .with_kind(SpanKind::Client)
                .with_attributes([
                    KeyValue::new("db.system.name", black_box("sqlite")),
                    KeyValue::new("db.operation.name", black_box("SELECT")),
                    KeyValue::new("db.response.returned_rows", black_box(1)),
                ])
                .start(&tracer);
            let _query = Context::current_with_span(query).attach();
        }
    };
    Ok(Running {
        operation: Box::new(operation),
        stop,
    })
}

pub(crate) fn counter(_sampling: Sampling) -> Result<Running, String> {
    metrics(|meter| {
        let counter = meter.f64_counter("transfers").build();
        Box::new(move || counter.add(black_box(1.0), &labels()))
    })
}

pub(crate) fn counter_bound(_sampling: Sampling) -> Result<Running, String> {
    metrics(|meter| {
        let counter = meter.f64_counter("transfers").build().bind(&labels());
        Box::new(move || counter.add(black_box(1.0)))
    })
}

pub(crate) fn histogram(_sampling: Sampling) -> Result<Running, String> {
    metrics(|meter| {
        let histogram = meter.f64_histogram("transfer_seconds").build();
        Box::new(move || histogram.record(black_box(0.02), &labels()))
    })
}

pub(crate) fn histogram_bound(_sampling: Sampling) -> Result<Running, String> {
    metrics(|meter| {
        let histogram = meter
            .f64_histogram("transfer_seconds")
            .build()
            .bind(&labels());
        Box::new(move || histogram.record(black_box(0.02)))
    })
}

#[expect(clippy::unnecessary_wraps, reason = "one type for all contenders")]
fn metrics(operation: impl FnOnce(&Meter) -> Box<dyn FnMut()>) -> Result<Running, String> {
    let provider = SdkMeterProvider::builder()
        .with_periodic_exporter(DroppingExporter)
        .build();
    let operation = operation(&provider.meter("bench"));
    let stop = move || {
        if let Err(error) = provider.shutdown() {
            eprintln!("opentelemetry_sdk: {error}");
        }
        None
    };
    Ok(Running {
        operation,
        stop: Box::new(stop),
    })
}

fn labels() -> [KeyValue; 2] {
    [
        KeyValue::new("currency", black_box("EUR")),
        KeyValue::new("channel", black_box("api")),
    ]
}
