//! Metrics on the wire, and what spans make of them.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value::AsDouble;
use opentelemetry_proto::tonic::metrics::v1::{HistogramDataPoint, Metric, NumberDataPoint};
use prost::Message;
use selvedge_agent::metrics::{Registry, SERIES_MAX};
use selvedge_agent::model::{AttributeValue, RecordAttribute, StatusRecord};
use selvedge_hooks::{
    Attribute, Convention, Instrument, InstrumentKind, Kind, Observer, Outcome, Site,
    Value as Given,
};

use crate::sink::Sink;
use crate::{in_seconds, settings, span, start};

static SERVER: Site = Site::new("hyper", "GET", Kind::Server, Convention::Http);
static GRPC: Site = Site::new("tonic", "call", Kind::Server, Convention::Rpc);
static RULE: Site = Site::rule("transfer", Kind::Internal, "app::transfer", "src/lib.rs", 7);

/// Pushes after each step and returns the metrics of each push.
fn pushes(
    variables: &[(&str, &str)],
    steps: &[&dyn Fn(&mut selvedge_agent::export::Pipeline, &'static Registry)],
) -> Vec<Vec<Metric>> {
    let sink = Sink::start([]);
    let url = sink.url();
    let mut all = vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*url),
        ("OTEL_METRICS_EXPORTER", "otlp"),
        ("OTEL_TRACES_EXPORTER", "none"),
    ];
    all.extend(variables);
    let (mut pipeline, registry) = start(&settings(&all));
    let push = |step: &&dyn Fn(&mut _, _)| {
        step(&mut pipeline, registry);
        pipeline.flush(in_seconds(10));
        let request = sink.next();
        assert_eq!(request.path, "/v1/metrics");
        let request = ExportMetricsServiceRequest::decode(&*request.body).expect("valid OTLP");
        let scopes = request
            .resource_metrics
            .into_iter()
            .flat_map(|one| one.scope_metrics);
        scopes.flat_map(|scope| scope.metrics).collect()
    };
    steps.iter().map(push).collect()
}

#[track_caller]
fn histogram<'a>(metrics: &'a [Metric], name: &str) -> (&'a [HistogramDataPoint], i32) {
    let metric = metrics
        .iter()
        .find(|metric| metric.name == name)
        .expect(name);
    match &metric.data {
        Some(Data::Histogram(data)) => (&data.data_points, data.aggregation_temporality),
        other => panic!("{name}: {other:?}"),
    }
}

#[track_caller]
fn sum<'a>(metrics: &'a [Metric], name: &str) -> (&'a [NumberDataPoint], i32, bool) {
    let metric = metrics
        .iter()
        .find(|metric| metric.name == name)
        .expect(name);
    match &metric.data {
        Some(Data::Sum(sum)) => (
            &sum.data_points,
            sum.aggregation_temporality,
            sum.is_monotonic,
        ),
        other => panic!("{name}: {other:?}"),
    }
}

fn shown(attributes: &[KeyValue]) -> String {
    let shown = attributes.iter().map(|attribute| {
        let value = attribute.value.clone().and_then(|value| value.value);
        match value {
            Some(Value::StringValue(text)) => format!("{}={text}", attribute.key),
            Some(Value::IntValue(number)) => format!("{}={number}", attribute.key),
            Some(Value::BoolValue(flag)) => format!("{}={flag}", attribute.key),
            other => format!("{}={other:?}", attribute.key),
        }
    });
    shown.collect::<Vec<_>>().join(" ")
}

fn label<'a>(key: &'a str, value: AttributeValue<'a>) -> RecordAttribute<'a> {
    RecordAttribute {
        key,
        value,
        label: true,
    }
}

#[test]
fn an_http_span_becomes_a_duration_with_an_exemplar() {
    let metrics = pushes(
        &[],
        &[&|pipeline, _| {
            let mut record = span(&SERVER);
            record.attributes = vec![
                label("http.response.status_code", AttributeValue::Int(503)),
                label("http.request.method", AttributeValue::Str("GET")),
                RecordAttribute {
                    key: "url.path",
                    value: AttributeValue::Str("/users/1"),
                    label: false,
                },
            ];
            pipeline.span(&record);
            record.flags = 0;
            pipeline.span(&record);
        }],
    );
    let (points, temporality) = histogram(&metrics[0], "http.server.request.duration");
    let [point] = points else {
        panic!("{points:?}")
    };
    assert_eq!(temporality, 2);
    assert_eq!(
        shown(&point.attributes),
        "error.type=503 http.request.method=GET http.response.status_code=503"
    );
    assert_eq!((point.count, point.sum), (2, Some(0.06)));
    // 30 ms fall between the boundaries 25 and 50 ms.
    assert_eq!(point.explicit_bounds[2..4], [0.025, 0.05]);
    assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
    assert_eq!(point.bucket_counts[3], 2);
    let [exemplar] = &point.exemplars[..] else {
        panic!("{:?}", point.exemplars)
    };
    assert_eq!(
        (&*exemplar.trace_id, &*exemplar.span_id),
        (&[1; 16][..], &[2; 8][..])
    );
}

#[test]
fn a_grpc_span_feeds_the_classic_metrics_too() {
    let metrics = pushes(
        &[],
        &[&|pipeline, _| {
            let mut record = span(&GRPC);
            record.attributes = vec![
                label("rpc.system", AttributeValue::Str("grpc")),
                label("rpc.service", AttributeValue::Str("bank.Transfers")),
                label("rpc.method", AttributeValue::Str("Post")),
                label("rpc.grpc.status_code", AttributeValue::Int(4)),
            ];
            pipeline.span(&record);
        }],
    );
    let (points, ..) = sum(&metrics[0], "grpc_server_handled_total");
    assert_eq!(
        shown(&points[0].attributes),
        "grpc_code=DeadlineExceeded grpc_method=Post grpc_service=bank.Transfers grpc_type=unary"
    );
    let (points, _) = histogram(&metrics[0], "grpc_server_handling_seconds");
    assert_eq!(points[0].sum, Some(0.03));
    let (points, _) = histogram(&metrics[0], "rpc.server.duration");
    assert_eq!(points[0].sum, Some(30.0));
}

#[test]
fn a_rules_span_is_measured_by_name_and_outcome() {
    let metrics = pushes(
        &[],
        &[&|pipeline, _| {
            pipeline.span(&span(&RULE));
            let mut failed = span(&RULE);
            failed.status = StatusRecord::Error("no");
            failed.error_type = "app::Error";
            pipeline.span(&failed);
            let mut cancelled = span(&RULE);
            cancelled.outcome = Outcome::Cancelled;
            pipeline.span(&cancelled);
        }],
    );
    let (points, _) = histogram(&metrics[0], "selvedge.span.duration");
    let found: Vec<_> = points
        .iter()
        .map(|point| shown(&point.attributes))
        .collect();
    assert_eq!(
        found,
        [
            "error.type=cancelled otel.status_code=UNSET span.name=transfer",
            "error.type=app::Error otel.status_code=ERROR span.name=transfer",
            "otel.status_code=OK span.name=transfer",
        ]
    );
}

static COUNTER: Instrument = Instrument::new(
    "app",
    "transfers_total",
    "",
    "Transfers.",
    InstrumentKind::Counter,
);
static SAME: Instrument = Instrument::new(
    "app",
    "transfers_total",
    "",
    "Transfers.",
    InstrumentKind::Counter,
);

#[test]
fn delta_pushes_say_what_was_added_since_the_last_one() {
    let add = |registry: &'static Registry, value| {
        registry.measure(&COUNTER, value, &[Attribute::new("currency", "EUR")]);
    };
    let metrics = pushes(
        &[("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "Delta")],
        &[
            &|_, registry| add(registry, 2.0),
            &|_, registry| add(registry, 3.0),
            &|_, _| {},
        ],
    );
    let (first, temporality, monotonic) = sum(&metrics[0], "transfers_total");
    assert_eq!((temporality, monotonic), (1, true));
    let (second, ..) = sum(&metrics[1], "transfers_total");
    let value = |points: &[NumberDataPoint]| points[0].value;
    assert_eq!(
        (value(first), value(second)),
        (Some(AsDouble(2.0)), Some(AsDouble(3.0)))
    );
    assert_eq!(second[0].start_time_unix_nano, first[0].time_unix_nano);
    assert!(
        metrics[2]
            .iter()
            .all(|metric| metric.name != "transfers_total")
    );
    let (memory, temporality, monotonic) = sum(&metrics[1], "process.memory.usage");
    assert_eq!((memory.len(), temporality, monotonic), (1, 2, false));
}

static DIFFERENT: Instrument = Instrument::new("app", "many", "", "Many.", InstrumentKind::Counter);

#[test]
fn series_past_the_limit_go_to_the_overflow_series() {
    let registry = crate::registry();
    for number in 0..SERIES_MAX + 10 {
        registry.measure(&DIFFERENT, 1.0, &[Attribute::new("n", number as u64)]);
    }
    let metrics = registry.collect();
    let [metric] = &metrics[..] else {
        panic!("one metric")
    };
    assert_eq!(metric.points.len(), SERIES_MAX + 1);
    let overflow = metric.points.iter().find(|point| {
        point
            .labels
            .iter()
            .any(|(key, _)| key == "otel.metric.overflow")
    });
    assert_eq!(overflow.expect("an overflow series").sum, 10.0);
}

#[test]
fn statics_of_one_name_and_labels_in_any_order_share_a_series() {
    let registry = crate::registry();
    let (one, two) = (
        Attribute::new("a", 1),
        Attribute::new("b", Given::Display(&"x")),
    );
    registry.measure(&COUNTER, 1.0, &[one, two]);
    registry.measure(&SAME, 1.0, &[two, one]);
    let metrics = registry.collect();
    assert_eq!(metrics.len(), 1);
    assert_eq!(metrics[0].points.len(), 1);
    assert_eq!(metrics[0].points[0].sum, 2.0);
}

static SHARED: Instrument =
    Instrument::new("app", "latency", "s", "Latency.", InstrumentKind::Histogram);

#[test]
fn nothing_is_lost_between_threads() {
    let registry = crate::registry();
    std::thread::scope(|scope| {
        for thread in 0..24 {
            scope.spawn(move || {
                let label = [Attribute::new("thread", thread % 3)];
                for _ in 0..1000 {
                    registry.measure(&SHARED, 0.02, &[]);
                    registry.measure(&SHARED, 0.02, &label);
                }
            });
        }
    });
    let metrics = registry.collect();
    let counts = metrics[0]
        .points
        .iter()
        .map(|point| point.counts.iter().sum::<u64>());
    assert_eq!(counts.collect::<Vec<_>>(), [24_000, 8000, 8000, 8000]);
}

static POOL: Instrument = Instrument::new(
    "app",
    "pool.size",
    "{connection}",
    "Pool.",
    InstrumentKind::Gauge,
);

#[test]
fn reported_series_live_as_long_as_they_are_reported() {
    use std::sync::atomic::{AtomicI64, Ordering};
    static NOW: AtomicI64 = AtomicI64::new(0);
    fn report(observer: &mut Observer<'_>) {
        let now = NOW.fetch_add(1, Ordering::Relaxed);
        observer.report(&POOL, 5.0, &[Attribute::new("pool", now)]);
    }
    let registry = crate::registry();
    registry.observe(report);
    registry.observe(report);
    for collection in 0..3 {
        let metrics = registry.collect();
        let [point] = &metrics[0].points[..] else {
            panic!("one series")
        };
        let label = point.labels.iter().next();
        assert_eq!(label, Some(("pool", AttributeValue::Int(collection))));
    }
}

#[test]
fn values_that_would_spoil_a_metric_are_refused_and_counted() {
    let registry = crate::registry();
    for value in [2.0, f64::NAN, f64::INFINITY, -1.0, 0.0] {
        for instrument in [&COUNTER, &SHARED, &POOL] {
            registry.measure(instrument, value, &[]);
        }
    }
    let metrics = registry.collect();
    let sum = |name: &str| {
        let metric = metrics.iter().find(|metric| metric.instrument.name == name);
        metric.map(|metric| metric.points[0].sum)
    };
    assert_eq!(sum(COUNTER.name), Some(2.0));
    assert_eq!(sum(SHARED.name), Some(1.0));
    assert_eq!(sum(POOL.name), Some(0.0));
    assert_eq!(sum("selvedge.metric.refused"), Some(6.0));
}
