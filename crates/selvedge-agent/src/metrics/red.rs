//! Rate, errors and duration from every span, sampled or not, by its semantic convention.

use selvedge_hooks::{Convention, Instrument, Kind, Outcome};

use super::{Exemplar, LabelBuffer, Registry, instruments as own};
use crate::model::{AttributeValue, SpanRecord, StatusRecord};

const NS_PER_SECOND: f64 = 1e9;
const MS_PER_SECOND: f64 = 1e3;

/// Scope of the spans that a user's rules make.
const RULES: &str = "selvedge.rules";

/// Measures one span.
pub(crate) fn measure(registry: &Registry, span: &SpanRecord<'_>) {
    let seconds = span.end_unix_ns.saturating_sub(span.start_unix_ns) as f64 / NS_PER_SECOND;
    let server = matches!(span.site.kind, Kind::Server | Kind::Consumer);
    match span.site.convention {
        Convention::Http if server => record(registry, &own::HTTP_SERVER, seconds, span),
        Convention::Http => record(registry, &own::HTTP_CLIENT, seconds, span),
        Convention::Database => record(registry, &own::DATABASE, seconds, span),
        Convention::Rpc => {
            let instrument = if server {
                &own::RPC_SERVER
            } else {
                &own::RPC_CLIENT
            };
            record(registry, instrument, seconds * MS_PER_SECOND, span);
            grpc(registry, seconds, server, span);
        }
        Convention::Messaging if server => {
            record(registry, &own::MESSAGING_PROCESS, seconds, span);
        }
        Convention::Messaging => record(registry, &own::MESSAGING_CLIENT, seconds, span),
        Convention::None if span.site.scope == RULES => {
            record(registry, &own::SPAN, seconds, span);
        }
        Convention::None => {}
    }
}

fn record(registry: &Registry, instrument: &'static Instrument, value: f64, span: &SpanRecord<'_>) {
    LabelBuffer::with(|labels| {
        if span.site.convention == Convention::None {
            // The site's name, not the span's: a rename may put anything there.
            labels.push("span.name", AttributeValue::Str(span.site.name));
            let status = if is_error(span) { "ERROR" } else { "OK" };
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
        registry.measure_with(instrument, value, labels, exemplar(span, value));
    });
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
fn grpc(registry: &Registry, seconds: f64, server: bool, span: &SpanRecord<'_>) {
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
        registry.measure_with(handling, seconds, labels, exemplar(span, seconds));
        labels.push("grpc_code", AttributeValue::Str(code));
        registry.measure_with(handled, 1.0, labels, None);
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
