//! The program's own spans in the trace, and its events as log records, seen where a `Dispatch`
//! hands them to the subscriber. What the subscriber does not let through is not seen.
#![cfg(feature = "std")]

use std::string::String;
use std::vec::Vec;

use core::fmt::{self, Debug, Write};

use ::selvedge_hooks::{
    active, logs_enabled, Attached, Attribute, Context, Convention, Kind, Log, Outcome, Parent,
    Severity, Site, Span, Start, Value,
};

use crate::dispatcher::Dispatch;
use crate::field::{Field, Visit};
use crate::span::{Attributes, Id, Record};
use crate::subscriber::NoSubscriber;
use crate::{Event, Level, Metadata};

/// Where the contexts of spans are kept.
const SPANS: &str = "tracing";

/// Where the contexts of spans are kept that stand for a span of another integration.
const ALIASES: &str = "tracing.alias";

/// Fields of an event beyond this number are left out of its log record.
const FIELDS_MAX: usize = 64;

/// Text of a field or message beyond this number of bytes is left out of the log record.
const TEXT_BYTES_MAX: usize = 16 * 1024;

/// `error.type` where no class of error is known (semantic conventions, attributes-registry).
const ERROR_TYPE: &str = "_OTHER";

static INTERNAL: Site = Site::new("tracing", "span", Kind::Internal, Convention::None);
static SERVER: Site = Site::new("tracing", "span", Kind::Server, Convention::None);
static CLIENT: Site = Site::new("tracing", "span", Kind::Client, Convention::None);
static PRODUCER: Site = Site::new("tracing", "span", Kind::Producer, Convention::None);
static CONSUMER: Site = Site::new("tracing", "span", Kind::Consumer, Convention::None);

/// Names a span among those of all subscribers.
type Key = (u64, u64);

fn key(dispatch: &Dispatch, id: &Id) -> Key {
    let subscriber: *const _ = dispatch.subscriber();
    (subscriber as *const () as usize as u64, id.into_u64())
}

/// The context of a span, its own or the one that it stands for.
fn find(key: Key) -> Context {
    let own = Context::load(SPANS, key);
    if own.is_none() {
        Context::load(ALIASES, key)
    } else {
        own
    }
}

/// Starts the span's counterpart, once the subscriber has named the span.
pub(crate) fn opened(dispatch: &Dispatch, id: &Id, attributes: &Attributes<'_>) {
    if !active() || dispatch.is::<NoSubscriber>() {
        return;
    }
    let key = key(dispatch, id);
    let wishes = Wishes::of(attributes);
    if let Some(entry) = entry_doubled_by(dispatch, attributes, wishes.site) {
        // The layer's fields repeat the request, with the query string, which is never recorded.
        if !is_trace_layer(attributes.metadata()) {
            record_on(&entry, |visitor| attributes.record(visitor));
        }
        // What a subscriber before this one left behind under the same address and id.
        drop(Context::take(SPANS, key));
        entry.store(ALIASES, key);
        return;
    }
    let context = start(dispatch, attributes, &wishes).detach();
    if !context.is_none() {
        record_on(&context, |visitor| attributes.record(visitor));
        context.store(SPANS, key);
    }
}

fn start(dispatch: &Dispatch, attributes: &Attributes<'_>, wishes: &Wishes) -> Span {
    let metadata = attributes.metadata();
    let explicit = attributes
        .parent()
        .map(|parent| find(key(dispatch, parent)));
    let parent = match &explicit {
        Some(context) if !context.is_none() => Parent::Context(context),
        _ if attributes.is_root() => Parent::Root,
        _ => Parent::Current,
    };
    let code = [
        Attribute::new("code.file.path", metadata.file()),
        Attribute::new("code.line.number", metadata.line()),
    ];
    let name = Some(wishes.name.as_deref().unwrap_or(metadata.name()));
    Span::build(
        wishes.site,
        &Start {
            name,
            parent,
            attributes: &code,
        },
    )
}

/// The span by which the current work entered the process, when the program's new span would be
/// a second one for the same request or message: that of `tower_http`'s trace layer, or one that
/// says so by its kind.
fn entry_doubled_by(
    dispatch: &Dispatch,
    attributes: &Attributes<'_>,
    site: &'static Site,
) -> Option<Context> {
    let entry_kind = matches!(site.kind, Kind::Server | Kind::Consumer);
    if !(entry_kind || is_trace_layer(attributes.metadata())) || !attributes.is_contextual() {
        return None;
    }
    let current = Context::current();
    // A span of the program's own may begin a trace as well; another one below it is another one.
    let own = dispatch
        .current_span()
        .id()
        .map(|id| Context::load(SPANS, key(dispatch, id)));
    let begins_here = own.is_some_and(|own| own.same_as(&current));
    (!begins_here && current.same_as(&current.local_root())).then_some(current)
}

/// True for a span that `tower_http`'s trace layer makes unless it is told how to.
fn is_trace_layer(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("tower_http::trace")
}

/// What the `otel.…` fields ask for, read before the span starts.
struct Wishes {
    name: Option<String>,
    site: &'static Site,
}

impl Wishes {
    fn of(attributes: &Attributes<'_>) -> Self {
        let mut wishes = Wishes {
            name: None,
            site: &INTERNAL,
        };
        let fields = attributes.metadata().fields();
        if fields.field("otel.name").is_some() || fields.field("otel.kind").is_some() {
            attributes.record(&mut wishes);
        }
        wishes
    }

    fn wish(&mut self, field: &Field, value: &str) {
        match field.name() {
            "otel.name" => self.name = Some(value.into()),
            "otel.kind" => self.site = site(value),
            _ => {}
        }
    }
}

impl Visit for Wishes {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.wish(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name().starts_with("otel.") {
            self.wish(field, &text(value));
        }
    }
}

/// The site of a span kind by its name in any case, as `tracing-opentelemetry` takes it.
fn site(kind: &str) -> &'static Site {
    let sites = [
        ("server", &SERVER),
        ("client", &CLIENT),
        ("producer", &PRODUCER),
        ("consumer", &CONSUMER),
    ];
    let found = sites
        .iter()
        .find(|(name, _)| kind.eq_ignore_ascii_case(name));
    found.map_or(&INTERNAL, |(_, site)| site)
}

/// Adds the values that the program records later.
pub(crate) fn recorded(dispatch: &Dispatch, id: &Id, values: &Record<'_>) {
    if active() {
        record_on(&find(key(dispatch, id)), |visitor| values.record(visitor));
    }
}

/// Links a span to the one that it follows from.
pub(crate) fn follows(dispatch: &Dispatch, id: &Id, followed: &Id) {
    if active() {
        find(key(dispatch, id)).link(&find(key(dispatch, followed)));
    }
}

/// Makes the span current on this thread.
pub(crate) fn entered(dispatch: &Dispatch, id: &Id) {
    if active() {
        find(key(dispatch, id)).push();
    }
}

/// Undoes [`entered`].
pub(crate) fn exited(dispatch: &Dispatch, id: &Id) {
    if active() {
        find(key(dispatch, id)).pop();
    }
}

/// A handle of the span that is being dropped, the last one maybe. What the subscriber logs about
/// the span's end belongs to the span.
pub(crate) struct Close {
    key: Option<Key>,
    attached: Option<Attached>,
}

impl Close {
    pub(crate) fn new(dispatch: &Dispatch, id: &Id) -> Self {
        if !active() {
            return Close {
                key: None,
                attached: None,
            };
        }
        let key = key(dispatch, id);
        let context = find(key);
        let attached = (!context.is_none()).then(|| context.attach());
        Close {
            key: attached.as_ref().map(|_| key),
            attached,
        }
    }

    /// Ends the span when the subscriber says that this was the last handle.
    pub(crate) fn finish(self, closed: bool) {
        drop(self.attached);
        let Some(key) = self.key.filter(|_| closed) else {
            return;
        };
        let own = Context::take(SPANS, key);
        if own.is_none() {
            drop(Context::take(ALIASES, key));
        } else {
            // A span closed while it is entered: `exited` will not find it any more.
            own.pop();
            own.end(Outcome::Completed);
        }
    }
}

fn record_on(context: &Context, record: impl FnOnce(&mut dyn Visit)) {
    if context.is_sampled() {
        record(&mut Recorder(context));
    }
}

/// Records fields on a span; those by which `tracing-opentelemetry` steers mean the same here.
struct Recorder<'a>(&'a Context);

impl Recorder<'_> {
    fn put(&mut self, field: &Field, value: Value<'_>) {
        self.0.record(&[Attribute::new(plain_name(field), value)]);
    }

    /// Takes a field that is not an attribute but says something of the span; false for others.
    fn steer(&mut self, field: &Field, value: &dyn fmt::Display) -> bool {
        match field.name() {
            "otel.name" => self.0.rename(&text(&format_args!("{}", value))),
            "otel.status_code" => {
                if text(&format_args!("{}", value)).eq_ignore_ascii_case("error") {
                    self.0.fail(ERROR_TYPE, &"");
                }
            }
            "otel.status_description" | "otel.status_message" => self.0.fail(ERROR_TYPE, value),
            "otel.kind" => {}
            _ => return false,
        }
        true
    }
}

impl Visit for Recorder<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if !self.steer(field, &value) {
            self.put(field, value.into());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if !self.steer(field, &format_args!("{:?}", value)) {
            self.put(field, Value::Debug(value));
        }
    }
}

/// Exports an event as a log record, then lets the subscriber have it.
pub(crate) fn event(dispatch: &Dispatch, event: &Event<'_>, forward: impl FnOnce()) {
    if !active() {
        return forward();
    }
    let parent = event.parent().map(|parent| find(key(dispatch, parent)));
    let _attached = parent
        .filter(|parent| !parent.is_none())
        .map(Context::attach);
    let is_error = *event.metadata().level() == Level::ERROR;
    // Those forwarded came through the macros of `log`, where that integration exported them.
    if !is_forwarded(event.metadata()) && (is_error || logs_enabled()) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        fields.export(event.metadata());
        if is_error {
            fail_span(dispatch, event, fields.error().unwrap_or(""));
        }
    }
    forward();
}

/// True for an event that `tracing-log` made of a record of `log`.
fn is_forwarded(metadata: &Metadata<'_>) -> bool {
    metadata.name() == "log event" && metadata.target() == "log"
}

/// Marks the span that an error was logged in as failed, as `tracing-opentelemetry` does: it is
/// how `#[instrument(err)]` reports. A request's span is left alone: its response decides.
fn fail_span(dispatch: &Dispatch, event: &Event<'_>, description: &str) {
    let current = dispatch.current_span();
    let enclosing = event
        .parent()
        .or(if event.is_root() { None } else { current.id() });
    if let Some(id) = enclosing {
        Context::load(SPANS, key(dispatch, id)).fail(ERROR_TYPE, &description);
    }
}

/// The fields of an event, owned, so that none of the program's own formatting runs inside the
/// agent.
#[derive(Default)]
struct Fields {
    message: Option<String>,
    others: Vec<(&'static str, Owned)>,
}

enum Owned {
    Int(i64),
    Float(f64),
    Bool(bool),
    Text(String),
}

impl Fields {
    fn put(&mut self, field: &Field, value: Owned) {
        match value {
            Owned::Text(text) if field.name() == "message" => self.message = Some(text),
            value if self.others.len() < FIELDS_MAX => {
                self.others.push((plain_name(field), value));
            }
            _ => {}
        }
    }

    /// What the event's `error` field says, if it has one.
    fn error(&self) -> Option<&str> {
        self.others.iter().find_map(|(name, value)| match value {
            Owned::Text(text) if *name == "error" => Some(text.as_str()),
            _ => None,
        })
    }

    fn export(&self, metadata: &Metadata<'_>) {
        let attributes: Vec<Attribute<'_>> = self
            .others
            .iter()
            .map(|(name, value)| Attribute::new(name, value))
            .collect();
        let record = Log {
            severity: severity(metadata.level()),
            target: metadata.target(),
            body: format_args!("{}", self.message.as_deref().unwrap_or(metadata.name())),
            attributes: &attributes,
            file: metadata.file().unwrap_or(""),
            line: metadata.line().unwrap_or(0),
        };
        record.emit();
    }
}

impl<'a> From<&'a Owned> for Value<'a> {
    fn from(owned: &'a Owned) -> Self {
        match owned {
            Owned::Int(value) => Value::Int(*value),
            Owned::Float(value) => Value::Float(*value),
            Owned::Bool(value) => Value::Bool(*value),
            Owned::Text(value) => Value::Str(value),
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Owned::Float(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Owned::Int(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Owned::Int(value.min(i64::MAX as u64) as i64));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Owned::Bool(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Owned::Text(text(&format_args!("{}", value))));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, Owned::Text(text(value)));
    }
}

fn severity(level: &Level) -> Severity {
    match *level {
        Level::ERROR => Severity::Error,
        Level::WARN => Severity::Warn,
        Level::INFO => Severity::Info,
        Level::DEBUG => Severity::Debug,
        Level::TRACE => Severity::Trace,
    }
}

/// The field's name without the mark of a raw identifier.
fn plain_name(field: &Field) -> &'static str {
    field.name().strip_prefix("r#").unwrap_or(field.name())
}

/// The value as text, up to a bound.
fn text(value: &dyn Debug) -> String {
    let mut bounded = Bounded(String::new());
    // The error of a value that cannot format itself: what it wrote until then is the text.
    let _ = write!(bounded, "{:?}", value);
    bounded.0
}

/// Keeps the first [`TEXT_BYTES_MAX`] bytes. It swallows the rest without an error, because
/// formatting code that takes errors for impossible would panic.
struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut end = text.len().min(TEXT_BYTES_MAX - self.0.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.0.push_str(&text[..end]);
        Ok(())
    }
}
