//! The set-up that a service carries when it is instrumented by hand.

use std::error::Error;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;
use opentelemetry::metrics::Histogram;
use opentelemetry::propagation::Extractor;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{KeyValue, global};
use opentelemetry_otlp::{MetricExporter, SpanExporter};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Bucket boundaries of `http.server.request.duration`, from the semantic conventions.
const BOUNDS_SECONDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// What must be flushed at the end.
pub(crate) struct Telemetry {
    traces: SdkTracerProvider,
    metrics: SdkMeterProvider,
}

/// Starts traces and metrics as the `OTEL_*` environment says.
pub(crate) fn start() -> Result<Telemetry, Box<dyn Error>> {
    global::set_text_map_propagator(TraceContextPropagator::new());
    let traces = SdkTracerProvider::builder()
        .with_batch_exporter(SpanExporter::builder().with_http().build()?)
        .build();
    let metrics = SdkMeterProvider::builder()
        .with_periodic_exporter(MetricExporter::builder().with_http().build()?)
        .build();
    global::set_tracer_provider(traces.clone());
    global::set_meter_provider(metrics.clone());
    tracing_subscriber::registry()
        .with(EnvFilter::new("info,opentelemetry=warn"))
        .with(tracing_opentelemetry::layer().with_tracer(traces.tracer("service")))
        .try_init()?;
    Ok(Telemetry { traces, metrics })
}

impl Telemetry {
    /// Exports what is left.
    pub(crate) fn stop(self) {
        if let Err(error) = self.traces.shutdown() {
            eprintln!("traces: {error}");
        }
        if let Err(error) = self.metrics.shutdown() {
            eprintln!("metrics: {error}");
        }
    }
}

/// The span of a request, for `TraceLayer`.
pub(crate) fn request_span<B>(request: &axum::http::Request<B>) -> Span {
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("", MatchedPath::as_str);
    let span = tracing::info_span!(
        "request",
        otel.name = format!("{} {route}", request.method()),
        otel.kind = "server",
        http.request.method = %request.method(),
        http.route = route,
        url.path = request.uri().path(),
        url.scheme = "http",
        http.response.status_code = field::Empty,
    );
    let parent = global::get_text_map_propagator(|propagator| {
        propagator.extract(&Headers(request.headers()))
    });
    // A span that the filter disables has no place for a parent.
    let _ = span.set_parent(parent);
    span
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(axum::http::HeaderName::as_str).collect()
    }
}

/// The histogram of request durations.
pub(crate) fn request_duration() -> Histogram<f64> {
    global::meter("service")
        .f64_histogram("http.server.request.duration")
        .with_unit("s")
        .with_boundaries(BOUNDS_SECONDS.to_vec())
        .build()
}

/// Middleware that measures each request.
pub(crate) async fn measure(
    State(duration): State<Histogram<f64>>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let method = request.method().to_string();
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or_else(String::new, |route| route.as_str().to_owned());
    let response = next.run(request).await;
    let attributes = [
        KeyValue::new("http.request.method", method),
        KeyValue::new("http.route", route),
        KeyValue::new(
            "http.response.status_code",
            i64::from(response.status().as_u16()),
        ),
        KeyValue::new("url.scheme", "http"),
    ];
    duration.record(started.elapsed().as_secs_f64(), &attributes);
    response
}
