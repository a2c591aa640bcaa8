//! Span trees as indented text, for a first look and for tests.
//!
//! ```text
//! trace 4bf92f3577b34da6a3ce929d0e0e4736
//!   GET /users/{id} [server] 12.3 ms {http.request.method=GET, http.response.status_code=200}
//!     SELECT users [client] 3.1 ms ERROR timed out {db.system.name=postgresql}
//!       * exception {exception.type=Timeout}
//! ```
//!
//! With times off, whatever differs from run to run is left out: ids, durations, ports, and the
//! addresses of peers.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt::{self, Write};
use std::time::{Duration, Instant};

use selvedge_hooks::{Kind, Outcome};

use super::prometheus::hex;
use crate::model::{AttributeValue, RecordAttribute, SpanId, SpanRecord, StatusRecord, TraceId};
use crate::sort;

/// Spans that end after their root by less are still shown below it.
const GRACE: Duration = Duration::from_millis(100);
/// Traces whose root does not end are shown when nothing has come for this long.
const IDLE_MAX: Duration = Duration::from_secs(10);
/// Traces kept; the oldest is shown early.
const TRACES_MAX: usize = 256;
/// Spans kept of one trace; the others are only counted.
const SPANS_MAX: usize = 1000;
/// Depth of indentation; deeper spans are shown at it.
const DEPTH_MAX: usize = 64;

/// Keeps spans until their trace can be shown.
pub(crate) struct Console {
    traces: HashMap<TraceId, Trace>,
    /// In order of arrival.
    order: VecDeque<TraceId>,
    times: bool,
}

struct Trace {
    spans: Vec<Line>,
    dropped: u64,
    /// When it may be shown.
    due: Instant,
}

/// One span and what is said about it.
struct Line {
    id: SpanId,
    parent: SpanId,
    start_unix_ns: u64,
    text: String,
    events: Vec<String>,
}

impl Console {
    pub(crate) fn new(times: bool) -> Self {
        Self {
            traces: HashMap::new(),
            order: VecDeque::new(),
            times,
        }
    }

    /// Takes a span in; returns what has to be shown early.
    pub(crate) fn span(&mut self, span: &SpanRecord<'_>, now: Instant) -> String {
        let mut early = String::new();
        if !self.traces.contains_key(&span.trace_id) {
            if self.traces.len() == TRACES_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.show(oldest, &mut early);
            }
            self.order.push_back(span.trace_id);
        }
        let root = span.parent_is_remote || span.parent_span_id == [0; 8];
        let line = Line::new(span, self.times);
        let trace = self.traces.entry(span.trace_id).or_insert_with(|| Trace {
            spans: Vec::new(),
            dropped: 0,
            due: now + IDLE_MAX,
        });
        let ended = trace.due <= now + GRACE;
        trace.due = if root || ended {
            now + GRACE
        } else {
            now + IDLE_MAX
        };
        if trace.spans.len() < SPANS_MAX {
            trace.spans.push(line);
        } else {
            trace.dropped += 1;
        }
        early
    }

    /// The traces that are due.
    pub(crate) fn take_due(&mut self, now: Instant) -> String {
        self.take(|trace| trace.due <= now)
    }

    /// All traces.
    pub(crate) fn take_all(&mut self) -> String {
        self.take(|_| true)
    }

    fn take(&mut self, wanted: impl Fn(&Trace) -> bool) -> String {
        let mut text = String::new();
        let due = |id: &TraceId| self.traces.get(id).is_some_and(&wanted);
        let (due, waiting) = self.order.iter().partition::<VecDeque<_>, _>(|id| due(id));
        self.order = waiting;
        for id in due {
            self.show(id, &mut text);
        }
        text
    }

    /// Time until the first trace is due.
    pub(crate) fn next_due(&self, now: Instant) -> Option<Duration> {
        let due = self.traces.values().map(|trace| trace.due).min()?;
        Some(due.saturating_duration_since(now))
    }

    fn show(&mut self, id: TraceId, text: &mut String) {
        let Some(mut trace) = self.traces.remove(&id) else {
            return;
        };
        text.push_str("trace");
        if self.times {
            text.push(' ');
            hex(text, &id);
        }
        text.push('\n');
        sort::by(&mut trace.spans, |one, two| {
            (one.start_unix_ns, &one.text).cmp(&(two.start_unix_ns, &two.text))
        });
        render(&trace.spans, text);
        if trace.dropped > 0 {
            let _ = writeln!(text, "  … and {} more spans", trace.dropped);
        }
    }
}

/// Children below their parents, without recursion: a trace may be deep.
fn render(spans: &[Line], text: &mut String) {
    let mut children: HashMap<SpanId, Vec<&Line>> = HashMap::new();
    let known: HashSet<SpanId> = spans.iter().map(|span| span.id).collect();
    let mut open: Vec<(&Line, usize)> = Vec::new();
    for span in spans.iter().rev() {
        if known.contains(&span.parent) && span.parent != span.id {
            children.entry(span.parent).or_default().push(span);
        } else {
            open.push((span, 1));
        }
    }
    while let Some((span, depth)) = open.pop() {
        let indent = "  ".repeat(depth.min(DEPTH_MAX));
        text.extend([indent.as_str(), &span.text, "\n"]);
        for event in &span.events {
            text.extend([indent.as_str(), "  ", event, "\n"]);
        }
        let below = children.remove(&span.id).unwrap_or_default();
        open.extend(below.into_iter().map(|child| (child, depth + 1)));
    }
}

impl Line {
    fn new(span: &SpanRecord<'_>, times: bool) -> Self {
        let mut text = String::new();
        // Writing to a `String` does not fail.
        let _ = describe(&mut text, span, times);
        let mut events: Vec<String> = span
            .events
            .iter()
            .map(|event| {
                let mut line = format!("* {}", event.name);
                let _ = attributes(&mut line, &event.attributes, times);
                line
            })
            .collect();
        for link in &span.links {
            let mut line = "~ link".to_owned();
            if times {
                line.push_str(" to ");
                hex(&mut line, &link.trace_id);
                line.push('/');
                hex(&mut line, &link.span_id);
            }
            events.push(line);
        }
        Self {
            id: span.span_id,
            parent: span.parent_span_id,
            start_unix_ns: span.start_unix_ns,
            text: text.replace(['\n', '\r'], " "),
            events: events
                .into_iter()
                .map(|line| line.replace(['\n', '\r'], " "))
                .collect(),
        }
    }
}

fn describe(text: &mut String, span: &SpanRecord<'_>, times: bool) -> fmt::Result {
    text.write_str(span.name)?;
    match span.site.kind {
        Kind::Internal => {}
        Kind::Server => text.write_str(" [server]")?,
        Kind::Client => text.write_str(" [client]")?,
        Kind::Producer => text.write_str(" [producer]")?,
        Kind::Consumer => text.write_str(" [consumer]")?,
    }
    if times {
        let duration = span.end_unix_ns.saturating_sub(span.start_unix_ns);
        write!(text, " {:.1} ms", duration as f64 / 1e6)?;
    }
    match span.outcome {
        Outcome::Completed => {}
        Outcome::Cancelled => text.write_str(" CANCELLED")?,
        Outcome::Unwound => text.write_str(" PANICKED")?,
    }
    match span.status {
        StatusRecord::Unset => {}
        StatusRecord::Error("") => text.write_str(" ERROR")?,
        StatusRecord::Error(description) => write!(text, " ERROR {description}")?,
    }
    attributes(text, &span.attributes, times)
}

/// ` {a=b, c=d}` by key, nothing when there are none.
fn attributes(text: &mut String, attributes: &[RecordAttribute<'_>], times: bool) -> fmt::Result {
    let shown = attributes
        .iter()
        .filter(|attribute| is_shown(attribute.key, times));
    let mut shown: Vec<_> = shown.collect();
    sort::by(&mut shown, |one, two| one.key.cmp(two.key));
    for (index, attribute) in shown.iter().enumerate() {
        text.write_str(if index == 0 { " {" } else { ", " })?;
        match attribute.value {
            AttributeValue::Str(value) => write!(text, "{}={value}", attribute.key)?,
            AttributeValue::Int(value) => write!(text, "{}={value}", attribute.key)?,
            AttributeValue::Float(value) => write!(text, "{}={value}", attribute.key)?,
            AttributeValue::Bool(value) => write!(text, "{}={value}", attribute.key)?,
        }
    }
    if shown.is_empty() {
        Ok(())
    } else {
        text.write_str("}")
    }
}

fn is_shown(key: &str, times: bool) -> bool {
    let varies = key.ends_with(".port")
        || ["network.peer.", "client.", "thread.", "process."]
            .iter()
            .any(|prefix| key.starts_with(prefix));
    !key.starts_with("code.") && (times || !varies)
}

#[cfg(test)]
mod tests {
    use selvedge_hooks::{Convention, Site};

    use super::*;
    use crate::model::{EventRecord, LinkRecord};

    static SERVER: Site = Site::new("hyper", "GET", Kind::Server, Convention::Http);
    static QUERY: Site = Site::new("sqlx", "SELECT", Kind::Client, Convention::Database);

    fn span(site: &'static Site, id: u8, parent: u8, start: u64) -> SpanRecord<'static> {
        SpanRecord {
            site,
            name: site.name,
            trace_id: [7; 16],
            span_id: [id; 8],
            parent_span_id: [parent; 8],
            parent_is_remote: false,
            flags: 1,
            trace_state: "",
            start_unix_ns: start,
            end_unix_ns: start + 1_500_000,
            status: StatusRecord::Unset,
            error_type: "",
            outcome: Outcome::Completed,
            attributes: Vec::new(),
            events: Vec::new(),
            links: Vec::new(),
            dropped_attributes: 0,
            dropped_events: 0,
            dropped_links: 0,
        }
    }

    /// A request with two queries, in order of their ends.
    fn feed(console: &mut Console, now: Instant) {
        let mut late = span(&QUERY, 3, 1, 20);
        late.status = StatusRecord::Error("timed\nout");
        late.events = vec![EventRecord {
            name: "exception",
            time_unix_ns: 21,
            attributes: vec![RecordAttribute {
                key: "exception.type",
                value: AttributeValue::Str("Timeout"),
                label: false,
            }],
        }];
        let mut early = span(&QUERY, 2, 1, 10);
        early.outcome = Outcome::Cancelled;
        early.links = vec![LinkRecord {
            trace_id: [8; 16],
            span_id: [9; 8],
            flags: 1,
        }];
        let mut root = span(&SERVER, 1, 5, 0);
        root.parent_is_remote = true;
        let attribute = |key, value| RecordAttribute {
            key,
            value,
            label: true,
        };
        root.attributes = vec![
            attribute("server.port", AttributeValue::Int(8080)),
            attribute("http.route", AttributeValue::Str("/a")),
            attribute("code.line.number", AttributeValue::Int(1)),
        ];
        for record in [&late, &early, &root] {
            assert_eq!(console.span(record, now), "");
        }
    }

    #[test]
    fn a_trace_is_shown_as_a_tree_once_its_root_has_ended() {
        let now = Instant::now();
        let mut console = Console::new(true);
        feed(&mut console, now);
        assert_eq!(console.take_due(now), "");
        assert_eq!(console.next_due(now), Some(GRACE));
        let expected = "\
trace 07070707070707070707070707070707
  GET [server] 1.5 ms {http.route=/a, server.port=8080}
    SELECT [client] 1.5 ms CANCELLED
      ~ link to 08080808080808080808080808080808/0909090909090909
    SELECT [client] 1.5 ms ERROR timed out
      * exception {exception.type=Timeout}
";
        assert_eq!(console.take_due(now + GRACE), expected);
        assert_eq!(console.next_due(now), None);
    }

    #[test]
    fn with_times_off_nothing_is_shown_that_differs_from_run_to_run() {
        let mut console = Console::new(false);
        feed(&mut console, Instant::now());
        let expected = "\
trace
  GET [server] {http.route=/a}
    SELECT [client] CANCELLED
      ~ link
    SELECT [client] ERROR timed out
      * exception {exception.type=Timeout}
";
        assert_eq!(console.take_all(), expected);
    }

    #[test]
    fn traces_and_spans_are_bounded() {
        let now = Instant::now();
        let mut console = Console::new(false);
        for number in 0..=TRACES_MAX {
            let mut record = span(&QUERY, 2, 1, 10);
            record.trace_id[..8].copy_from_slice(&number.to_be_bytes());
            let early = console.span(&record, now);
            assert_eq!(early.is_empty(), number < TRACES_MAX);
        }
        let mut console = Console::new(false);
        for _ in 0..SPANS_MAX + 3 {
            console.span(&span(&QUERY, 2, 1, 10), now);
        }
        assert!(console.take_all().ends_with("  … and 3 more spans\n"));
    }

    #[test]
    fn a_cycle_of_parents_ends() {
        let mut console = Console::new(false);
        for (id, parent) in [(1, 2), (2, 1), (3, 3)] {
            console.span(&span(&QUERY, id, parent, 10), Instant::now());
        }
        assert_eq!(console.take_all(), "trace\n  SELECT [client]\n");
    }
}
