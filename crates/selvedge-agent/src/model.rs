//! What the drain thread hands to metrics and exporters: decoded, borrowed from the ring.

use selvedge_hooks::{Outcome, Site};

/// 16 bytes, big-endian as on the wire; never all zero in a record.
pub type TraceId = [u8; 16];
/// 8 bytes, big-endian as on the wire; all zero means none.
pub type SpanId = [u8; 8];

/// A value as it came out of a record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AttributeValue<'a> {
    /// Text, already cut to the length limit.
    Str(&'a str),
    /// A signed integer.
    Int(i64),
    /// A double.
    Float(f64),
    /// A boolean.
    Bool(bool),
}

/// One attribute of a record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecordAttribute<'a> {
    /// The name.
    pub key: &'a str,
    /// The value.
    pub value: AttributeValue<'a>,
    /// True for a dimension of the span's metrics.
    pub label: bool,
}

/// An event of a span.
#[derive(Clone, Debug)]
pub struct EventRecord<'a> {
    /// The name.
    pub name: &'a str,
    /// When, in nanoseconds since the Unix epoch.
    pub time_unix_ns: u64,
    /// The attributes.
    pub attributes: Vec<RecordAttribute<'a>>,
}

/// A link of a span.
#[derive(Clone, Debug)]
pub struct LinkRecord {
    /// The linked trace.
    pub trace_id: TraceId,
    /// The linked span.
    pub span_id: SpanId,
    /// W3C trace flags.
    pub flags: u8,
}

/// Status of a span (OpenTelemetry specification, trace/api.md, "Set Status").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusRecord<'a> {
    /// Nothing was said.
    Unset,
    /// It failed, with a description that may be empty.
    Error(&'a str),
}

/// A span that has ended. Unsampled ones come too, with labels only, for the metrics.
pub struct SpanRecord<'a> {
    /// Where it was woven.
    pub site: &'static Site,
    /// The final name.
    pub name: &'a str,
    /// The trace.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
    /// The parent; all zero for a root.
    pub parent_span_id: SpanId,
    /// True when the parent came from another process.
    pub parent_is_remote: bool,
    /// W3C trace flags; bit 0 = sampled.
    pub flags: u8,
    /// W3C tracestate; empty for none.
    pub trace_state: &'a str,
    /// Start in nanoseconds since the Unix epoch.
    pub start_unix_ns: u64,
    /// End in nanoseconds since the Unix epoch, never before the start.
    pub end_unix_ns: u64,
    /// The status.
    pub status: StatusRecord<'a>,
    /// Class of the error; empty for none. Also among the attributes as `error.type`.
    pub error_type: &'a str,
    /// How it ended.
    pub outcome: Outcome,
    /// Labels and, when sampled, attributes, in order of recording; of one key the last counts
    /// and the earlier ones are not here.
    pub attributes: Vec<RecordAttribute<'a>>,
    /// Events.
    pub events: Vec<EventRecord<'a>>,
    /// Links.
    pub links: Vec<LinkRecord>,
    /// Attributes past the limit.
    pub dropped_attributes: u32,
    /// Events past the limit.
    pub dropped_events: u32,
    /// Links past the limit.
    pub dropped_links: u32,
}

impl SpanRecord<'_> {
    /// True when the span is exported, not only measured.
    pub fn is_sampled(&self) -> bool {
        self.flags & 1 == 1
    }
}

/// A log record.
pub struct LogRecord<'a> {
    /// When, in nanoseconds since the Unix epoch.
    pub time_unix_ns: u64,
    /// OpenTelemetry severity number.
    pub severity: u8,
    /// Exported as the scope's name.
    pub target: &'a str,
    /// The message.
    pub body: &'a str,
    /// Fields, the context's log fields included.
    pub attributes: Vec<RecordAttribute<'a>>,
    /// The trace; all zero outside of one.
    pub trace_id: TraceId,
    /// The span; all zero outside of one.
    pub span_id: SpanId,
    /// W3C trace flags.
    pub flags: u8,
}
