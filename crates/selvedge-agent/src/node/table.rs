//! The functions that woven code calls.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use selvedge_hooks::table::{ABI, Raw, Table};
use selvedge_hooks::{Attribute, Instrument, Log, Observer, Outcome, Site, Start};

use super::local::{LOCAL, with_scratch};
use super::span::{self, into_raw};
use super::{Field, Fixed, Node, NodeRef, borrow, stack};
use crate::model::LinkRecord;
use crate::propagation::{self, Outgoing, SpanIdText, TraceIdText};
use crate::record::{self, Header};
use crate::ring::Lost;
use crate::runtime::METRICS;
use crate::store::Store;
use crate::{clock, runtime};

/// Log fields of one context.
const FIELDS_MAX: usize = 32;
/// Bytes of one log field.
const FIELD_BYTES_MAX: usize = 1024;

static STORE: Store<NodeRef> = Store::new();

/// What the agent installs.
pub(crate) static TABLE: Table = Table {
    abi: ABI,
    current,
    swap: stack::swap,
    retain,
    release,
    start,
    with_fields,
    extract,
    end,
    finish,
    record: record_attributes,
    rename,
    fail,
    event,
    link,
    local_root,
    inject,
    store,
    load,
    take,
    push,
    pop,
    measure,
    observe,
    logs_enabled,
    log,
    now: clock::monotonic_ns,
    log_identifiers,
};

/// The current node, with a reference: formatting code of the program may run meanwhile, and
/// leave the context.
fn with_current<R>(call: impl FnOnce(Option<&Node>) -> R) -> R {
    // SAFETY: whoever made it current keeps it alive until this thread swaps again.
    let current = unsafe { borrow(LOCAL.with(|local| local.current.get())) }.map(Node::retain);
    call(current.as_deref())
}

/// The span that a node of woven code is or belongs to.
///
/// # Safety
/// The node is alive until the call returns.
unsafe fn with_span(raw: Raw, call: impl FnOnce(&Node)) {
    // SAFETY: by the caller's promise.
    if let Some(span) = unsafe { borrow(raw) }.and_then(Node::span) {
        call(span);
    }
}

fn current() -> Raw {
    with_current(|node| into_raw(node.map(Node::retain)))
}

unsafe fn retain(raw: Raw) {
    // SAFETY: the table's contract: the node is live.
    if let Some(node) = unsafe { borrow(raw) } {
        std::mem::forget(node.retain());
    }
}

unsafe fn release(raw: Raw) {
    // SAFETY: the table's contract: the caller gives its reference up.
    drop(unsafe { NodeRef::from_raw(raw) });
}

fn start(site: &'static Site, start: &Start<'_>) -> Raw {
    into_raw(span::start(site, start))
}

fn with_fields(fields: &[Attribute<'_>]) -> Raw {
    let added: Vec<Field> = fields.iter().take(FIELDS_MAX).filter_map(field).collect();
    with_current(|parent| {
        let former = parent.and_then(|parent| parent.fixed.carried.as_deref());
        let mut carried = former.cloned().unwrap_or_default();
        let mut all = carried.fields.into_vec();
        all.retain(|former| !added.iter().any(|field| field.key == former.key));
        all.extend(added);
        all.truncate(FIELDS_MAX);
        carried.fields = all.into();
        let mut fixed = parent.map_or_else(Fixed::default, same_position);
        fixed.carried = Some(Arc::new(carried));
        LOCAL.with(|local| NodeRef::new(local, fixed).into_raw())
    })
}

/// A bare context at the position of another node.
fn same_position(node: &Node) -> Fixed {
    Fixed {
        trace_id: node.fixed.trace_id,
        span_id: node.fixed.span_id,
        flags: node.fixed.flags,
        is_remote: node.fixed.is_remote,
        decision: node.fixed.decision,
        root_trace_state: node.fixed.root_trace_state,
        clients: node.fixed.clients,
        span: node.span().map(Node::retain),
        local_root: span::root_below(node),
        ..Fixed::default()
    }
}

/// A field's text; none when it has no value or the program's formatting code panics.
fn field(attribute: &Attribute<'_>) -> Option<Field> {
    if attribute.value.is_none() {
        return None;
    }
    let mut value = catch_unwind(AssertUnwindSafe(|| attribute.value.to_string())).ok()?;
    value.truncate(value.floor_char_boundary(FIELD_BYTES_MAX));
    Some(Field {
        key: attribute.key,
        value: value.into(),
    })
}

fn extract(get: &dyn Fn(&str, &mut dyn FnMut(&str))) -> Raw {
    let Some(runtime) = runtime::get() else {
        return Raw::NONE;
    };
    LOCAL.with(|local| into_raw(span::extract(local, runtime, get)))
}

unsafe fn end(raw: Raw, outcome: Outcome) {
    // SAFETY: the table's contract: the node is live.
    if let Some(node) = unsafe { borrow(raw) } {
        span::end(node, outcome);
    }
}

unsafe fn finish(raw: Raw) {
    // SAFETY: the table's contract: the caller gives its reference up.
    if let Some(node) = unsafe { NodeRef::from_raw(raw) } {
        node.finish();
    }
}

unsafe fn record_attributes(raw: Raw, attributes: &[Attribute<'_>]) {
    // SAFETY: the table's contract: the node is live.
    unsafe { with_span(raw, |span| span::record(span, attributes)) };
}

unsafe fn rename(raw: Raw, name: &str) {
    // SAFETY: the table's contract: the node is live.
    unsafe {
        with_span(raw, |span| {
            if span.is_sampled() {
                with_scratch(|scratch| {
                    record::put_name(scratch, name);
                    append(span, scratch);
                });
            }
        });
    }
}

unsafe fn fail(raw: Raw, error_type: &str, description: &dyn core::fmt::Display) {
    // SAFETY: the table's contract: the node is live.
    unsafe { with_span(raw, |span| fail_span(span, error_type, description)) };
}

/// Sets the error status. An unsampled span's description is not even formatted.
fn fail_span(span: &Node, error_type: &str, description: &dyn core::fmt::Display) {
    with_scratch(|scratch| {
        let description = if span.is_sampled() { description } else { &"" };
        record::put_status(scratch, error_type, description);
        append(span, scratch);
    });
}

fn append(span: &Node, items: &[u8]) {
    let mut open = span.lock();
    if !open.ended {
        open.append(items);
    }
}

unsafe fn event(raw: Raw, name: &str, attributes: &[Attribute<'_>]) {
    // SAFETY: the table's contract: the node is live.
    unsafe { with_span(raw, |span| add_event(span, name, attributes)) };
}

fn add_event(span: &Node, name: &str, attributes: &[Attribute<'_>]) {
    let Some(runtime) = runtime::get().filter(|_| span.is_sampled()) else {
        return;
    };
    with_scratch(|scratch| {
        let ticks = clock::ticks();
        let whole = record::put_event(scratch, ticks, name, attributes, &runtime.limits);
        let mut open = span.lock();
        if open.ended {
            return;
        }
        if whole && open.events < runtime.limits.events && open.append(scratch) {
            open.events += 1;
        } else {
            open.dropped_events = open.dropped_events.saturating_add(1);
        }
    });
}

unsafe fn link(raw: Raw, other: Raw) {
    // SAFETY: the table's contract: both nodes are live.
    let Some(other) = (unsafe { borrow(other) }) else {
        return;
    };
    // SAFETY: as above.
    unsafe { with_span(raw, |span| add_link(span, other)) };
}

fn add_link(span: &Node, other: &Node) {
    let Some(runtime) = runtime::get().filter(|_| span.is_sampled()) else {
        return;
    };
    if other.fixed.trace_id == [0; 16] {
        return;
    }
    let link = LinkRecord {
        trace_id: other.fixed.trace_id,
        span_id: other.fixed.span_id,
        flags: other.fixed.flags,
    };
    let mut open = span.lock();
    if open.ended {
        return;
    }
    if open.links < runtime.limits.links && record::put_link(&mut open.body, &link) {
        open.links += 1;
    } else {
        open.dropped_links = open.dropped_links.saturating_add(1);
    }
}

unsafe fn local_root(raw: Raw) -> Raw {
    // SAFETY: the table's contract: the node is live.
    into_raw(unsafe { borrow(raw) }.and_then(span::local_root))
}

unsafe fn inject(raw: Raw, set: &mut dyn FnMut(&'static str, &str)) {
    let Some(runtime) = runtime::get() else {
        return;
    };
    // SAFETY: the table's contract: the node is live.
    let Some(node) = (unsafe { borrow(raw) }) else {
        return;
    };
    let outgoing = Outgoing {
        trace_id: node.fixed.trace_id,
        span_id: node.fixed.span_id,
        flags: node.fixed.flags,
        trace_state: span::trace_state(&node.fixed, runtime),
        baggage: node
            .fixed
            .carried
            .as_ref()
            .map_or("", |carried| &carried.baggage),
    };
    propagation::inject(&runtime.propagators, &outgoing, set);
}

unsafe fn store(space: &'static str, key: (u64, u64), raw: Raw) {
    // SAFETY: the table's contract: the node is live.
    if let Some(node) = unsafe { borrow(raw) } {
        drop(STORE.put((space, key), node.retain()));
    }
}

fn load(space: &'static str, key: (u64, u64)) -> Raw {
    into_raw(STORE.with(&(space, key), NodeRef::clone))
}

fn take(space: &'static str, key: (u64, u64)) -> Raw {
    into_raw(STORE.take(&(space, key)))
}

unsafe fn push(raw: Raw) {
    // SAFETY: the table's contract: the node is live.
    if let Some(node) = unsafe { borrow(raw) } {
        stack::push(node.retain());
    }
}

unsafe fn pop(raw: Raw) {
    stack::pop(raw);
}

fn measure(instrument: &'static Instrument, value: f64, attributes: &[Attribute<'_>]) {
    METRICS.measure(instrument, value, attributes);
}

fn observe(callback: fn(&mut Observer<'_>)) {
    METRICS.observe(callback);
}

fn logs_enabled() -> bool {
    runtime::get().is_some_and(|runtime| runtime.logs_enabled) && !super::thread_is_suppressed()
}

/// Sends a log record on its way, with the current position and log fields.
fn log(log: &Log<'_>) {
    let Some(runtime) = runtime::get().filter(|_| logs_enabled()) else {
        return;
    };
    let limits = &runtime.limits;
    let start_ticks = clock::ticks();
    with_scratch(|scratch| {
        if !record::put_log(scratch, log.target, log.body, limits) {
            return;
        }
        with_current(|node| {
            let fields = node.and_then(|node| node.fixed.carried.as_deref());
            for field in fields.iter().flat_map(|carried| &*carried.fields) {
                let attribute = Attribute::new(field.key, &*field.value);
                record::put_attributes(scratch, &[attribute], true, limits);
            }
            record::put_attributes(scratch, log.attributes, true, limits);
            if !log.file.is_empty() {
                let place = [
                    Attribute::new("code.file.path", log.file),
                    Attribute::new("code.line.number", log.line),
                ];
                record::put_attributes(scratch, &place, true, limits);
            }
            let header = log_header(node, start_ticks, log.severity as u8);
            LOCAL.with(|local| local.emit(&header, &[scratch], Lost::Log));
        });
    });
}

fn log_header(node: Option<&Node>, start_ticks: u64, severity: u8) -> Header {
    let mut header = Header {
        detail: severity,
        ..Header::empty(start_ticks)
    };
    if let Some(node) = node {
        header.trace_id = node.fixed.trace_id;
        header.span_id = node.fixed.span_id;
        header.flags = node.fixed.flags;
    }
    header
}

fn log_identifiers(field: &mut dyn FnMut(&'static str, &str)) {
    with_current(|node| {
        let Some(node) = node else { return };
        if node.fixed.trace_id != [0; 16] {
            field("trace_id", TraceIdText::new(&node.fixed.trace_id).as_str());
            field("span_id", SpanIdText::new(&node.fixed.span_id).as_str());
        }
        let fields = node.fixed.carried.as_deref();
        for entry in fields.iter().flat_map(|carried| &*carried.fields) {
            field(entry.key, &entry.value);
        }
    });
}

/// Records a panic of the calling thread on its current span. `final_words`: the process is
/// about to abort, so the span ends here.
pub(crate) fn record_panic(message: &str, final_words: bool) {
    with_current(|node| {
        let Some(span) = node.and_then(Node::span) else {
            return;
        };
        add_event(
            span,
            "exception",
            &[
                Attribute::new("exception.type", "panic"),
                Attribute::new("exception.message", message),
            ],
        );
        fail_span(span, "panic", &message);
        if final_words {
            span::end(span, Outcome::Unwound);
        }
    });
}
