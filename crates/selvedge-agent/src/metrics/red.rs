//! Rate, errors and duration from every span, sampled or not, by its semantic convention.

use selvedge_hooks::{Convention, Instrument, Kind, Outcome, Site};

use super::{Exemplar, LabelBuffer, Registry, instruments as own};
use crate::model::{AttributeValue, SpanRecord, StatusRecord};

const NS_PER_SECOND: f64 = 1e9;

/// Scope of the spans that a user's rules make.
const RULES: &str = "selvedge.rules";

/// Spans that differ in nothing but their duration.
pub(crate) struct Counted<'a> {
    /// Spans per bucket of [`bounds`].
    pub(crate) counts: &'a [u32],
    /// Duration of all of them.
    pub(crate) seconds: f64,
}

/// Durations of spans, in seconds.
#[derive(Clone, Copy)]
enum Durations<'a> {
    One(f64),
    Many(&'a Counted<'a>),
}

/// Boundaries in seconds by which spans of a convention are counted. Every metric that is made
/// from them has the same ones, in its own unit.
#[inline]
pub(crate) fn bounds(convention: Convention) -> &'static [f64] {
    match convention {
        Convention::Database => own::DATABASE_SECONDS,
        _ => own::SECONDS,
    }
}

/// True when a metric is made from the spans of a site.
pub(crate) fn is_measured(site: &Site) -> bool {
    site.convention != Convention::None || site.scope == RULES
}

/// Measures one span.
pub(crate) fn measure(registry: &Registry, span: &SpanRecord<'_>) {
    let seconds = span.end_unix_ns.saturating_sub(span.start_unix_ns) as f64 / NS_PER_SECOND;
    spread(registry, span, Durations::One(seconds));
}

/// Measures counted spans; the record is what they have in common.
pub(crate) fn measure_counted(registry: &Registry, span: &SpanRecord<'_>, counted: &Counted<'_>) {
    spread(registry, span, Durations::Many(counted));
}

/// Brings durations to the metrics of the span's convention.
fn spread(registry: &Registry, span: &SpanRecord<'_>, durations: Durations<'_>) {
    if !is_measured(span.site) {
        return;
    }
    let server = matches!(span.site.kind, Kind::Server | Kind::Consumer);
    let instrument = match span.site.convention {
        Convention::Http if server => &own::HTTP_SERVER,
        Convention::Http => &own::HTTP_CLIENT,
        Convention::Database => &own::DATABASE,
        Convention::Rpc if server => &own::RPC_SERVER,
        Convention::Rpc => &own::RPC_CLIENT,
        Convention::Messaging if server => &own::MESSAGING_PROCESS,
        Convention::Messaging => &own::MESSAGING_CLIENT,
        Convention::None => &own::SPAN,
    };
    LabelBuffer::with(|labels| {
        put_labels(labels, span);
        record(registry, instrument, durations, labels, span);
    });
    if span.site.convention == Convention::Rpc {
        grpc(registry, durations, server, span);
    }
}

fn put_labels(labels: &mut LabelBuffer, span: &SpanRecord<'_>) {
    if span.site.convention == Convention::None {
        // The site's name, not the span's: a rename may put anything there.
        labels.push("span.name", AttributeValue::Str(span.site.name));
        let status = match span.outcome {
            _ if is_error(span) => "ERROR",
            Outcome::Cancelled => "UNSET",
            _ => "OK",
        };
        labels.push("otel.status_code", AttributeValue::Str(status));
    }
    for attribute in span.attributes.iter().filter(|attribute| attribute.label) {
        if attribute.key != "error.type" {
            labels.push(attribute.key, attribute.value);
        }
    }
    with_error_type(span, |error| {
        labels.push("error.type", AttributeValue::Str(error));
    });
}

fn record(
    registry: &Registry,
    instrument: &'static Instrument,
    durations: Durations<'_>,
    labels: &LabelBuffer,
    span: &SpanRecord<'_>,
) {
    let units_per_second = if instrument.unit == "ms" { 1e3 } else { 1.0 };
    match durations {
        Durations::One(seconds) => {
            let value = seconds * units_per_second;
            registry.measure_with(instrument, value, labels, exemplar(span, value));
        }
        Durations::Many(Counted { counts, seconds }) => {
            let bounds = bounds(span.site.convention);
            // The greatest value that a bucket may have been given stands for its values.
            let values = bounds.iter().copied().chain([f64::INFINITY]);
            let counted = values
                .map(|value| value * units_per_second)
                .zip(counts.iter().map(|&count| u64::from(count)))
                .filter(|&(_, count)| count > 0);
            registry.add_counted(instrument, labels, counted, seconds * units_per_second);
        }
    }
}

/// What the failure of an operation is called in its metrics; not called when it did not fail.
fn with_error_type(span: &SpanRecord<'_>, call: impl FnOnce(&str)) {
    let status = int(span, "http.response.status_code").unwrap_or(0);
    let failing = if span.site.kind == Kind::Server {
        500
    } else {
        400
    };
    match span.outcome {
        _ if !span.error_type.is_empty() => call(span.error_type),
        Outcome::Unwound => call("panic"),
        Outcome::Cancelled => call("cancelled"),
        Outcome::Completed if status >= failing => call(&status.to_string()),
        Outcome::Completed if is_error(span) => call("_OTHER"),
        Outcome::Completed => {}
    }
}

fn is_error(span: &SpanRecord<'_>) -> bool {
    matches!(span.status, StatusRecord::Error(_)) || span.outcome == Outcome::Unwound
}

fn exemplar(span: &SpanRecord<'_>, value: f64) -> Option<Exemplar> {
    span.is_sampled().then_some(Exemplar {
        trace_id: span.trace_id,
        span_id: span.span_id,
        value,
        time_unix_ns: span.end_unix_ns,
    })
}

/// The classic metrics of gRPC, beside the convention's.
fn grpc(registry: &Registry, durations: Durations<'_>, server: bool, span: &SpanRecord<'_>) {
    let Some(code) = grpc_code(span) else { return };
    let (handled, handling) = if server {
        (&own::GRPC_SERVER_HANDLED, &own::GRPC_SERVER_HANDLING)
    } else {
        (&own::GRPC_CLIENT_HANDLED, &own::GRPC_CLIENT_HANDLING)
    };
    let (service, method) = grpc_names(span);
    LabelBuffer::with(|labels| {
        labels.push("grpc_method", AttributeValue::Str(method));
        labels.push("grpc_service", AttributeValue::Str(service));
        let kind = text(span, "rpc.grpc.type").unwrap_or("unary");
        labels.push("grpc_type", AttributeValue::Str(kind));
        record(registry, handling, durations, labels, span);
        labels.push("grpc_code", AttributeValue::Str(code));
        let spans = match durations {
            Durations::One(_) => 1.0,
            Durations::Many(counted) => counted.counts.iter().map(|&count| f64::from(count)).sum(),
        };
        registry.measure_with(handled, spans, labels, None);
    });
}

/// Service and method: older conventions have both, newer ones `service/method` in one.
fn grpc_names<'a>(span: &'a SpanRecord<'_>) -> (&'a str, &'a str) {
    let method = text(span, "rpc.method").unwrap_or_default();
    match (text(span, "rpc.service"), method.rsplit_once('/')) {
        (Some(service), _) => (service, method),
        (None, Some((service, method))) => (service, method),
        (None, None) => ("", method),
    }
}

/// Name of the status code as gRPC libraries write it (grpc/doc/statuscodes.md); none when the
/// span is not gRPC's.
fn grpc_code(span: &SpanRecord<'_>) -> Option<&'static str> {
    const NAMES: [(&str, &str); 17] = [
        ("OK", "OK"),
        ("CANCELLED", "Canceled"),
        ("UNKNOWN", "Unknown"),
        ("INVALID_ARGUMENT", "InvalidArgument"),
        ("DEADLINE_EXCEEDED", "DeadlineExceeded"),
        ("NOT_FOUND", "NotFound"),
        ("ALREADY_EXISTS", "AlreadyExists"),
        ("PERMISSION_DENIED", "PermissionDenied"),
        ("RESOURCE_EXHAUSTED", "ResourceExhausted"),
        ("FAILED_PRECONDITION", "FailedPrecondition"),
        ("ABORTED", "Aborted"),
        ("OUT_OF_RANGE", "OutOfRange"),
        ("UNIMPLEMENTED", "Unimplemented"),
        ("INTERNAL", "Internal"),
        ("UNAVAILABLE", "Unavailable"),
        ("DATA_LOSS", "DataLoss"),
        ("UNAUTHENTICATED", "Unauthenticated"),
    ];
    if let Some(number) = int(span, "rpc.grpc.status_code") {
        let name = usize::try_from(number)
            .ok()
            .and_then(|index| NAMES.get(index));
        return Some(name.map_or("Unknown", |name| name.1));
    }
    let system = text(span, "rpc.system").or_else(|| text(span, "rpc.system.name"));
    if system != Some("grpc") {
        return None;
    }
    let status = text(span, "rpc.response.status_code");
    let name = NAMES.iter().find(|name| Some(name.0) == status);
    match (name, span.outcome) {
        (Some(name), _) => Some(name.1),
        (None, Outcome::Cancelled) => Some("Canceled"),
        (None, _) => Some("Unknown"),
    }
}

fn value<'a>(span: &'a SpanRecord<'_>, key: &str) -> Option<AttributeValue<'a>> {
    let found = span
        .attributes
        .iter()
        .find(|attribute| attribute.key == key)?;
    Some(found.value)
}

fn int(span: &SpanRecord<'_>, key: &str) -> Option<i64> {
    match value(span, key)? {
        AttributeValue::Int(number) => Some(number),
        _ => None,
    }
}

fn text<'a>(span: &'a SpanRecord<'_>, key: &str) -> Option<&'a str> {
    match value(span, key)? {
        AttributeValue::Str(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Metric, bucket};
    use super::*;
    use crate::model::RecordAttribute;

    static SITES: [Site; 7] = [
        Site::new("hyper", "GET", Kind::Server, Convention::Http),
        Site::new("hyper", "GET", Kind::Client, Convention::Http),
        Site::new("sqlx", "SELECT", Kind::Client, Convention::Database),
        Site::new("tonic", "Say", Kind::Server, Convention::Rpc),
        Site::new("tonic", "Say", Kind::Client, Convention::Rpc),
        Site::new("kafka", "poll", Kind::Consumer, Convention::Messaging),
        Site::rule(
            "transfer",
            Kind::Internal,
            "bank::transfer",
            "src/bank.rs",
            7,
        ),
    ];

    fn span(site: &'static Site, outcome: Outcome, nanoseconds: u64) -> SpanRecord<'static> {
        let attribute = |key, value, label| RecordAttribute { key, value, label };
        SpanRecord {
            site,
            name: site.name,
            trace_id: [1; 16],
            span_id: [2; 8],
            parent_span_id: [0; 8],
            parent_is_remote: false,
            flags: 0,
            trace_state: "",
            start_unix_ns: 1_000_000,
            end_unix_ns: 1_000_000 + nanoseconds,
            status: StatusRecord::Unset,
            error_type: "",
            outcome,
            attributes: vec![
                attribute("rpc.grpc.status_code", AttributeValue::Int(5), true),
                attribute("http.route", AttributeValue::Str("/users"), true),
                attribute("user", AttributeValue::Str("alice"), false),
            ],
            events: Vec::new(),
            links: Vec::new(),
            dropped_attributes: 0,
            dropped_events: 0,
            dropped_links: 0,
        }
    }

    fn of_spans(metrics: &[Metric]) -> Vec<&Metric> {
        let is_one = |metric: &&Metric| metric.instrument.scope == own::SCOPE;
        metrics.iter().filter(is_one).collect()
    }

    proptest! {
        #[test]
        fn spans_that_were_counted_give_the_metrics_that_each_of_them_gives(
            site in 0..SITES.len(),
            cancelled in any::<bool>(),
            // Microseconds, off the boundaries: both ways round there.
            durations in prop::collection::vec(0_u64..20_000_000, 1..40),
        ) {
            let site = &SITES[site];
            let outcome = if cancelled { Outcome::Cancelled } else { Outcome::Completed };
            let durations = durations.iter().map(|duration| duration * 1000 + 1);
            let each: &Registry = Box::leak(Box::new(Registry::new()));
            let mut counts = [0; 16];
            let mut seconds = 0.0;
            for nanoseconds in durations {
                measure(each, &span(site, outcome, nanoseconds));
                let value = nanoseconds as f64 / NS_PER_SECOND;
                counts[bucket(value, bounds(site.convention))] += 1;
                seconds += value;
            }
            let counted = Counted { counts: &counts, seconds };
            // Collected before the next registry claims the instruments.
            let expected = each.collect();
            let all: &Registry = Box::leak(Box::new(Registry::new()));
            measure_counted(all, &span(site, outcome, 0), &counted);
            let found = all.collect();
            let expected = of_spans(&expected);
            let found = of_spans(&found);
            prop_assert!(!expected.is_empty());
            prop_assert_eq!(found.len(), expected.len());
            for (found, expected) in found.into_iter().zip(expected) {
                prop_assert_eq!(found.instrument.name, expected.instrument.name);
                let (found, expected) = (&found.points[0], &expected.points[0]);
                prop_assert_eq!(&found.labels, &expected.labels);
                prop_assert_eq!(&found.counts, &expected.counts);
                let apart = (found.sum - expected.sum).abs();
                prop_assert!(apart <= expected.sum * 1e-9, "{} {}", found.sum, expected.sum);
            }
        }
    }

    #[test]
    fn all_metrics_of_a_convention_have_the_boundaries_that_its_spans_are_counted_by() {
        let pairs = [
            (Convention::Http, &own::HTTP_SERVER),
            (Convention::Http, &own::HTTP_CLIENT),
            (Convention::Database, &own::DATABASE),
            (Convention::Rpc, &own::GRPC_SERVER_HANDLING),
            (Convention::Rpc, &own::GRPC_CLIENT_HANDLING),
            (Convention::Messaging, &own::MESSAGING_CLIENT),
            (Convention::Messaging, &own::MESSAGING_PROCESS),
            (Convention::None, &own::SPAN),
        ];
        for (convention, instrument) in pairs {
            assert_eq!(
                own::bounds(instrument),
                bounds(convention),
                "{}",
                instrument.name
            );
        }
        // In milliseconds, and with a bucket of its own for nothing at all.
        for instrument in [&own::RPC_SERVER, &own::RPC_CLIENT] {
            let seconds = bounds(Convention::Rpc).iter().map(|bound| bound * 1e3);
            assert_eq!(own::bounds(instrument)[1..], seconds.collect::<Vec<_>>());
        }
    }
}
