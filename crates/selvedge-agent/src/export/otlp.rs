//! Spans and log records as OTLP (opentelemetry-proto 1.x), straight from records to bytes.

use selvedge_hooks::{Outcome, Site};

use super::protobuf::Writer;
use crate::model::{
    AttributeValue, EventRecord, LinkRecord, LogRecord, RecordAttribute, SpanRecord, StatusRecord,
};
use crate::resource::{Resource, VERSION};

/// The semantic conventions that scopes and resource follow.
pub(crate) const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.37.0";

/// Field of `ResourceSpans`, `ResourceLogs`, `ResourceMetrics` in their requests; the numbers
/// below are the same in all three signals, too.
pub(crate) const RESOURCE: u32 = 1;
pub(crate) const SCOPES: u32 = 2;
pub(crate) const SCHEMA: u32 = 3;
pub(crate) const SCOPE: u32 = 1;
pub(crate) const RECORDS: u32 = 2;

const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;
const STATUS_ERROR: u64 = 2;

/// A `Resource` field, encoded once.
pub(crate) fn resource(resource: &Resource) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.message(RESOURCE, |writer| {
        for (key, value) in resource.iter() {
            attribute(writer, 1, key, value);
        }
    });
    writer.into_bytes()
}

/// The request of one signal: its only resource with these scopes.
pub(crate) fn request(resource: &[u8], write_scopes: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.message(1, |writer| {
        writer.raw(resource);
        write_scopes(writer);
        writer.bytes_field(SCHEMA, SCHEMA_URL.as_bytes());
    });
    writer.into_bytes()
}

/// `InstrumentationScope`.
pub(crate) fn scope(writer: &mut Writer, name: &str, version: &str) {
    writer.message(SCOPE, |writer| {
        writer.bytes_field(1, name.as_bytes());
        writer.bytes_field(2, version.as_bytes());
    });
}

/// `KeyValue`.
pub(crate) fn attribute(writer: &mut Writer, field: u32, key: &str, value: AttributeValue<'_>) {
    writer.message(field, |writer| {
        writer.bytes_field(1, key.as_bytes());
        writer.message(2, |writer| any_value(writer, value));
    });
}

fn any_value(writer: &mut Writer, value: AttributeValue<'_>) {
    match value {
        AttributeValue::Str(text) => writer.bytes_always(1, text.as_bytes()),
        AttributeValue::Bool(flag) => writer.uint_always(2, u64::from(flag)),
        AttributeValue::Int(number) => writer.uint_always(3, number as u64),
        AttributeValue::Float(number) => writer.double(4, number),
    }
}

fn attributes(writer: &mut Writer, field: u32, attributes: &[RecordAttribute<'_>]) {
    for given in attributes {
        attribute(writer, field, given.key, given.value);
    }
}

/// Whose scopes a batch has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Selvedge's integrations and rules, of its version and schema.
    Woven,
    /// The program's own loggers, of which no version is known.
    Program,
}

/// Records of one signal that go outtogether, grouped by scope.
#[derive(Default)]
pub(crate) struct Batch {
    /// Encoded records of each scope; few, so looked through.
    scopes: Vec<(String, Writer)>,
    /// Records in the batch.
    pub(crate) records: u64,
    /// Bytes of them.
    pub(crate) bytes: usize,
}

impl Batch {
    /// Adds a span.
    pub(crate) fn span(&mut self, record: &SpanRecord<'_>) {
        self.add(record.site.scope, |writer| span(writer, record));
    }

    /// Adds a log record.
    pub(crate) fn log(&mut self, record: &LogRecord<'_>) {
        self.add(record.target, |writer| log(writer, record));
    }

    fn add(&mut self, scope: &str, write: impl FnOnce(&mut Writer)) {
        let found = self.scopes.iter().position(|(name, _)| name == scope);
        let index = found.unwrap_or_else(|| {
            self.scopes.push((scope.to_owned(), Writer::default()));
            self.scopes.len() - 1
        });
        let records = &mut self.scopes[index].1;
        let before = records.bytes().len();
        records.message(RECORDS, write);
        self.bytes += records.bytes().len() - before;
        self.records += 1;
    }

    /// The request with all records.
    pub(crate) fn encode(&self, resource: &[u8], origin: Origin) -> Vec<u8> {
        let (version, schema) = match origin {
            Origin::Woven => (VERSION, SCHEMA_URL),
            Origin::Program => ("", ""),
        };
        request(resource, |writer| {
            for (name, records) in &self.scopes {
                writer.message(SCOPES, |writer| {
                    scope(writer, name, version);
                    writer.raw(records.bytes());
                    writer.bytes_field(SCHEMA, schema.as_bytes());
                });
            }
        })
    }
}

fn span(writer: &mut Writer, span: &SpanRecord<'_>) {
    writer.bytes_field(1, &span.trace_id);
    writer.bytes_field(2, &span.span_id);
    writer.bytes_field(3, span.trace_state.as_bytes());
    if span.parent_span_id != [0; 8] {
        writer.bytes_field(4, &span.parent_span_id);
    }
    writer.bytes_field(5, span.name.as_bytes());
    writer.uint(6, span.site.kind as u64);
    writer.fixed64(7, span.start_unix_ns);
    writer.fixed64(8, span.end_unix_ns);
    attributes(writer, 9, &span.attributes);
    site_attributes(writer, 9, span.site);
    outcome_attributes(writer, 9, span);
    writer.uint(10, u64::from(span.dropped_attributes));
    for record in &span.events {
        writer.message(11, |writer| event(writer, record));
    }
    writer.uint(12, u64::from(span.dropped_events));
    for record in &span.links {
        writer.message(13, |writer| link(writer, record));
    }
    writer.uint(14, u64::from(span.dropped_links));
    status(writer, span);
    let remote = if span.parent_is_remote { IS_REMOTE } else { 0 };
    writer.fixed32(16, u32::from(span.flags) | HAS_IS_REMOTE | remote);
}

fn status(writer: &mut Writer, span: &SpanRecord<'_>) {
    let message = match span.status {
        StatusRecord::Error(description) => description,
        StatusRecord::Unset if span.outcome == Outcome::Unwound => "panicked",
        StatusRecord::Unset => return,
    };
    writer.message(15, |writer| {
        writer.bytes_field(2, message.as_bytes());
        writer.uint(3, STATUS_ERROR);
    });
}

/// Where a rule's span was woven.
fn site_attributes(writer: &mut Writer, field: u32, site: &Site) {
    let text = [
        ("code.function.name", site.function),
        ("code.file.path", site.file),
    ];
    for (key, value) in text {
        if !value.is_empty() {
            attribute(writer, field, key, AttributeValue::Str(value));
        }
    }
    if site.line != 0 {
        attribute(
            writer,
            field,
            "code.line.number",
            AttributeValue::Int(i64::from(site.line)),
        );
    }
}

/// How a span ended that did not run to completion.
fn outcome_attributes(writer: &mut Writer, field: u32, span: &SpanRecord<'_>) {
    let (name, error) = match span.outcome {
        Outcome::Completed => return,
        Outcome::Cancelled => ("cancelled", "cancelled"),
        Outcome::Unwound => ("unwound", "panic"),
    };
    attribute(writer, field, "selvedge.outcome", AttributeValue::Str(name));
    let has_error = span
        .attributes
        .iter()
        .any(|attribute| attribute.key == "error.type");
    if span.outcome == Outcome::Unwound && !has_error {
        attribute(writer, field, "error.type", AttributeValue::Str(error));
    }
}

fn event(writer: &mut Writer, event: &EventRecord<'_>) {
    writer.fixed64(1, event.time_unix_ns);
    writer.bytes_field(2, event.name.as_bytes());
    attributes(writer, 3, &event.attributes);
}

fn link(writer: &mut Writer, link: &LinkRecord) {
    writer.bytes_field(1, &link.trace_id);
    writer.bytes_field(2, &link.span_id);
    writer.fixed32(6, u32::from(link.flags));
}

fn log(writer: &mut Writer, log: &LogRecord<'_>) {
    writer.fixed64(1, log.time_unix_ns);
    writer.uint(2, u64::from(log.severity));
    writer.bytes_field(3, severity_text(log.severity).as_bytes());
    writer.message(5, |writer| any_value(writer, AttributeValue::Str(log.body)));
    attributes(writer, 6, &log.attributes);
    writer.fixed32(8, u32::from(log.flags));
    if log.trace_id != [0; 16] {
        writer.bytes_field(9, &log.trace_id);
        writer.bytes_field(10, &log.span_id);
    }
    writer.fixed64(11, log.time_unix_ns);
}

/// Short name of a severity number (specification, logs/data-model.md).
fn severity_text(severity: u8) -> &'static str {
    match severity {
        1..=4 => "TRACE",
        5..=8 => "DEBUG",
        9..=12 => "INFO",
        13..=16 => "WARN",
        17..=20 => "ERROR",
        21..=24 => "FATAL",
        _ => "",
    }
}
