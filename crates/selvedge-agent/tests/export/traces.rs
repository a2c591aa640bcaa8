//! Spans on the wire.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use prost::Message;
use selvedge_agent::model::{
    AttributeValue, EventRecord, LinkRecord, RecordAttribute, StatusRecord,
};
use selvedge_hooks::{Convention, Kind, Outcome, Site};

use crate::sink::Sink;
use crate::{INTERNAL, in_seconds, pipeline, span};

static SERVER: Site = Site::new("hyper", "GET", Kind::Server, Convention::Http);
static RULE: Site = Site::rule("transfer", Kind::Internal, "app::transfer", "src/lib.rs", 7);

fn decode(body: &[u8]) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest::decode(body).expect("valid OTLP")
}

fn string(text: &str) -> AnyValue {
    AnyValue {
        value: Some(Value::StringValue(text.to_owned())),
    }
}

fn pair(key: &str, value: AnyValue) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(value),
        ..KeyValue::default()
    }
}

/// What OTLP makes of the span of [`every_field_of_a_span_arrives`].
fn with_every_field() -> Span {
    let value = |value| AnyValue { value: Some(value) };
    Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        trace_state: "a=b".to_owned(),
        parent_span_id: vec![3; 8],
        flags: 0x301,
        name: "GET /users/{id}".to_owned(),
        kind: 2,
        start_time_unix_nano: 1_000_000_000,
        end_time_unix_nano: 1_030_000_000,
        attributes: vec![
            pair("text", string("")),
            pair("number", value(Value::IntValue(-1))),
            pair("double", value(Value::DoubleValue(0.5))),
            pair("flag", value(Value::BoolValue(false))),
        ],
        dropped_attributes_count: 1,
        events: vec![Event {
            time_unix_nano: 1_010_000_000,
            name: "exception".to_owned(),
            attributes: vec![pair("exception.type", string("E"))],
            dropped_attributes_count: 0,
        }],
        dropped_events_count: 2,
        links: vec![Link {
            trace_id: vec![8; 16],
            span_id: vec![9; 8],
            flags: 1,
            ..Link::default()
        }],
        dropped_links_count: 3,
        status: Some(Status {
            message: "broken".to_owned(),
            code: 2,
        }),
    }
}

#[test]
fn every_field_of_a_span_arrives() {
    let sink = Sink::start([]);
    let (mut pipeline, _) = pipeline(&sink.url(), &[]);
    let attribute = |key, value| RecordAttribute {
        key,
        value,
        label: false,
    };
    let mut record = span(&SERVER);
    record.name = "GET /users/{id}";
    record.parent_span_id = [3; 8];
    record.parent_is_remote = true;
    record.trace_state = "a=b";
    record.status = StatusRecord::Error("broken");
    record.attributes = vec![
        attribute("text", AttributeValue::Str("")),
        attribute("number", AttributeValue::Int(-1)),
        attribute("double", AttributeValue::Float(0.5)),
        attribute("flag", AttributeValue::Bool(false)),
    ];
    record.events = vec![EventRecord {
        name: "exception",
        time_unix_ns: 1_010_000_000,
        attributes: vec![attribute("exception.type", AttributeValue::Str("E"))],
    }];
    record.links = vec![LinkRecord {
        trace_id: [8; 16],
        span_id: [9; 8],
        flags: 1,
    }];
    (
        record.dropped_attributes,
        record.dropped_events,
        record.dropped_links,
    ) = (1, 2, 3);
    pipeline.span(&record);
    pipeline.flush(in_seconds(10));

    let request = decode(&sink.next().body);
    let found = &request.resource_spans[0].scope_spans[0].spans[0];
    assert_eq!(*found, with_every_field());
}

#[test]
fn spans_are_grouped_by_scope_under_one_resource() {
    let sink = Sink::start([]);
    let (mut pipeline, _) = pipeline(&sink.url(), &[("OTEL_RESOURCE_ATTRIBUTES", "team=a%20b")]);
    for site in [&SERVER, &RULE, &SERVER] {
        pipeline.span(&span(site));
    }
    let mut unwound = span(&RULE);
    unwound.outcome = Outcome::Unwound;
    pipeline.span(&unwound);
    pipeline.flush(in_seconds(10));

    let request = decode(&sink.next().body);
    let [only] = &request.resource_spans[..] else {
        panic!("one resource")
    };
    let scopes: Vec<_> = only
        .scope_spans
        .iter()
        .map(|scope| {
            (
                scope.scope.as_ref().expect("a scope").name.as_str(),
                scope.spans.len(),
            )
        })
        .collect();
    assert_eq!(scopes, [("hyper", 2), ("selvedge.rules", 2)]);
    assert_eq!(only.schema_url, "https://opentelemetry.io/schemas/1.37.0");

    let resource = only.resource.as_ref().expect("a resource");
    for expected in [
        pair("service.name", string("baked")),
        pair("service.version", string("1.2.3")),
        pair("team", string("a b")),
        pair("telemetry.sdk.language", string("rust")),
    ] {
        assert!(resource.attributes.contains(&expected), "{expected:?}");
    }

    let rule = &only.scope_spans[1].spans;
    let line = AnyValue {
        value: Some(Value::IntValue(7)),
    };
    let site = [
        pair("code.function.name", string("app::transfer")),
        pair("code.file.path", string("src/lib.rs")),
        pair("code.line.number", line),
    ];
    assert_eq!(rule[0].attributes, site);
    assert_eq!(rule[0].flags, 0x101);
    assert_eq!(rule[0].status, None);
    let outcome = [
        pair("selvedge.outcome", string("unwound")),
        pair("error.type", string("panic")),
    ];
    assert_eq!(rule[1].attributes[3..], outcome);
    let status = Status {
        message: "panicked".to_owned(),
        code: 2,
    };
    assert_eq!(rule[1].status, Some(status));
}

#[test]
fn unsampled_spans_stay_here() {
    let sink = Sink::start([]);
    let (mut pipeline, _) = pipeline(&sink.url(), &[]);
    let mut record = span(&INTERNAL);
    record.flags = 0;
    pipeline.span(&record);
    pipeline.flush(in_seconds(10));
    assert!(sink.arrived().is_empty());
}

#[test]
fn a_full_batch_goes_out_at_once_and_the_rest_when_it_is_due() {
    let sink = Sink::start([]);
    let (mut pipeline, _) = pipeline(&sink.url(), &[("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "3")]);
    for _ in 0..4 {
        pipeline.span(&span(&INTERNAL));
    }
    let count = |body: &[u8]| decode(body).resource_spans[0].scope_spans[0].spans.len();
    assert_eq!(count(&sink.next().body), 3);
    let wait = pipeline.next_wakeup();
    assert!(
        wait.as_millis() > 3000 && wait.as_millis() <= 5000,
        "{wait:?}"
    );
    pipeline.tick(in_seconds(6));
    assert_eq!(count(&sink.next().body), 1);
}

#[test]
fn requests_say_what_was_asked_for() {
    let sink = Sink::start([]);
    let (mut pipeline, _) = pipeline(
        &format!("{}/base/", sink.url()),
        &[(
            "OTEL_EXPORTER_OTLP_HEADERS",
            "authorization=Bearer%20x,broken=a%0d%0ab",
        )],
    );
    for _ in 0..2 {
        pipeline.span(&span(&INTERNAL));
        pipeline.flush(in_seconds(10));
    }
    let request = sink.next();
    assert_eq!(request.path, "/base/v1/traces");
    assert_eq!(request.header("authorization"), Some("Bearer x"));
    assert_eq!(request.header("broken"), None);
    assert_eq!(
        request.header("content-type"),
        Some("application/x-protobuf")
    );
    let agent = request.header("user-agent").expect("a user agent");
    assert!(agent.starts_with("OTel-OTLP-Exporter-Selvedge/"), "{agent}");
    assert_eq!(
        sink.next().connection,
        request.connection,
        "the connection is kept"
    );
}

#[test]
#[cfg(feature = "gzip")]
fn bodies_are_compressed_where_that_is_asked_for() {
    let sink = Sink::start([]);
    let variables = [("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")];
    let (mut pipeline, _) = pipeline(&sink.url(), &variables);
    pipeline.span(&span(&INTERNAL));
    pipeline.flush(in_seconds(10));
    let request = sink.next();
    assert_eq!(request.header("content-encoding"), Some("gzip"));
    let deflated = &request.body[10..request.body.len() - 8];
    let body = miniz_oxide::inflate::decompress_to_vec(deflated).expect("gzip");
    assert_eq!(decode(&body).resource_spans.len(), 1);
}
