//! Starting and ending spans.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use selvedge_hooks::table::Raw;
use selvedge_hooks::{Attribute, Convention, Kind, Outcome, Parent, Site, Start};

use super::local::{LOCAL, Local};
use super::{Carried, Fixed, LocalRoot, Node, NodeRef, Open, borrow};
use crate::clock;
use crate::metrics::{self, red};
use crate::propagation::{self, Extracted, Get, RANDOM, SAMPLED};
use crate::record::{self, Header};
use crate::ring::Lost;
use crate::runtime::{self, Runtime};
use crate::sampler::Candidate;
use crate::tally::Key;

/// [`Site::state`]: not looked at yet, on, switched off, on but no metric is made from its spans.
const SITE_NEW: u32 = 0;
const SITE_ON: u32 = 1;
const SITE_OFF: u32 = 2;
const SITE_UNMEASURED: u32 = 3;

/// Starts a span; none when it is switched off or the second one for its operation.
pub(super) fn start(site: &'static Site, start: &Start<'_>) -> Option<NodeRef> {
    let runtime = runtime::get()?;
    LOCAL.with(|local| {
        if local.is_suppressed() || !is_on(site, runtime) {
            return None;
        }
        let remote;
        let parent = match start.parent {
            // SAFETY: whoever made it current keeps it alive until it swaps back, which cannot
            // happen on this thread before this function returns.
            Parent::Current => unsafe { borrow(local.current.get()) },
            // SAFETY: the start borrows the context.
            Parent::Context(_) => unsafe { borrow(start.parent.raw()) },
            Parent::Remote(get) => {
                remote = extract(local, runtime, get);
                remote.as_deref()
            }
            Parent::Root => None,
        };
        if parent.is_some_and(|parent| is_second(site, parent)) {
            return None;
        }
        let mut node = NodeRef::fresh(local);
        let fixed = node.fixed_mut();
        below(fixed, local, runtime, site, parent);
        let is_sampled = fixed.flags & SAMPLED != 0;
        let open = node.open_mut();
        if let (Some(name), true) = (start.name, is_sampled) {
            record::put_name(&mut open.body, name);
        }
        open.dropped_attributes = record::put_attributes(
            &mut open.body,
            start.attributes,
            is_sampled,
            &runtime.limits,
        );
        Some(node)
    })
}

#[inline]
fn is_on(site: &Site, runtime: &Runtime) -> bool {
    match site.state.load(Ordering::Relaxed) {
        SITE_ON | SITE_UNMEASURED => true,
        SITE_NEW => first_look(site, runtime),
        _ => false,
    }
}

#[cold]
fn first_look(site: &Site, runtime: &Runtime) -> bool {
    let is_off = runtime
        .disabled_integrations
        .iter()
        .any(|name| name == site.scope);
    let state = match is_off {
        true => SITE_OFF,
        false if red::is_measured(site) => SITE_ON,
        false => SITE_UNMEASURED,
    };
    site.state.store(state, Ordering::Relaxed);
    !is_off
}

fn client_bit(site: &Site) -> u8 {
    match (site.kind, site.convention) {
        (_, Convention::None) => 0,
        (Kind::Client, convention) => 1 << convention as u8,
        _ => 0,
    }
}

fn is_second(site: &Site, parent: &Node) -> bool {
    client_bit(site) & parent.fixed.clients != 0
}

/// Fills in the fixed part of a span below a parent, or of a root. In place, because it is large
/// for what a span may cost.
#[inline]
fn below(
    fixed: &mut Fixed,
    local: &Local,
    runtime: &Runtime,
    site: &'static Site,
    parent: Option<&Node>,
) {
    let mut generator = local.generator.get();
    // What a free node holds no reference in stays as it is.
    debug_assert!(fixed.carried.is_none() && fixed.span.is_none(), "not free");
    fixed.site = Some(site);
    fixed.span_id = generator.span_id();
    fixed.started_in_panic = std::thread::panicking();
    fixed.clients = client_bit(site);
    fixed.local_root = None;
    fixed.is_remote = false;
    fixed.decision = None;
    let enters = matches!(site.kind, Kind::Server | Kind::Consumer);
    if let Some(parent) = parent {
        if let Some(carried) = &parent.fixed.carried {
            fixed.carried = Some(Arc::clone(carried));
        }
        if !enters {
            fixed.clients |= parent.fixed.clients;
            fixed.local_root = root_below(parent);
        }
    }
    if let Some(parent) = parent.filter(|parent| parent.fixed.trace_id != [0; 16]) {
        continue_trace(fixed, runtime, &parent.fixed);
    } else {
        fixed.trace_id = generator.trace_id();
        fixed.parent_span_id = [0; 8];
        fixed.parent_is_remote = false;
        begin_trace(
            fixed,
            runtime,
            parent.and_then(|parent| parent.fixed.decision),
        );
    }
    local.generator.set(generator);
    fixed.start_ticks = clock::ticks();
}

/// A trace's first span; `told`: whether the carrier's headers want it sampled, if they say so.
fn begin_trace(fixed: &mut Fixed, runtime: &Runtime, told: Option<bool>) {
    let candidate = Candidate {
        trace_id: fixed.trace_id,
        parent: told,
        trace_state: "",
    };
    fixed.flags = RANDOM;
    fixed.root_trace_state = false;
    if runtime.sampler.decide(&candidate) {
        fixed.flags |= SAMPLED;
        fixed.root_trace_state = told.is_none() && !runtime.sampler.root_trace_state().is_empty();
    }
}

fn continue_trace(fixed: &mut Fixed, runtime: &Runtime, parent: &Fixed) {
    fixed.trace_id = parent.trace_id;
    fixed.parent_span_id = parent.span_id;
    fixed.parent_is_remote = parent.is_remote;
    fixed.root_trace_state = parent.root_trace_state;
    fixed.flags = parent.flags;
    // Within the process the trace's first span has decided for all.
    if parent.is_remote {
        let candidate = Candidate {
            trace_id: parent.trace_id,
            parent: Some(parent.flags & SAMPLED != 0),
            trace_state: parent
                .carried
                .as_ref()
                .map_or("", |carried| &carried.trace_state),
        };
        let sampled = runtime.sampler.decide(&candidate);
        fixed.flags = parent.flags & !SAMPLED | u8::from(sampled);
    }
}

/// The local root for what is below a node.
#[inline]
pub(super) fn root_below(node: &Node) -> Option<LocalRoot> {
    node.fixed
        .local_root
        .or_else(|| node.span().map(LocalRoot::of))
}

/// The local root of a node, while anybody holds it.
pub(super) fn local_root(node: &Node) -> Option<NodeRef> {
    match node.fixed.local_root {
        Some(root) => root.upgrade(),
        None => node.span().map(Node::retain),
    }
}

/// A bare context for what a carrier names.
pub(super) fn extract(local: &Local, runtime: &Runtime, get: Get<'_>) -> Option<NodeRef> {
    let Extracted {
        remote,
        decision,
        baggage,
    } = propagation::extract(&runtime.propagators, get);
    if remote.is_none() && decision.is_none() && baggage.is_empty() {
        return None;
    }
    let mut fixed = Fixed {
        is_remote: remote.is_some(),
        decision,
        ..Fixed::default()
    };
    let mut carried = Carried {
        baggage: baggage.into(),
        ..Carried::default()
    };
    if let Some(remote) = remote {
        fixed.trace_id = remote.trace_id;
        fixed.span_id = remote.span_id;
        fixed.flags = remote.flags;
        carried.trace_state = remote.trace_state.into();
    }
    if !carried.trace_state.is_empty() || !carried.baggage.is_empty() {
        fixed.carried = Some(Arc::new(carried));
    }
    Some(NodeRef::new(local, fixed))
}

/// Ends a span, once, and sends its record on its way.
pub(super) fn end(node: &Node, outcome: Outcome) {
    let mut open = node.lock();
    if !open.ended {
        LOCAL.with(|local| end_open(local, &node.fixed, &mut open, outcome));
    }
}

/// Ends a span that has not ended; nothing for a bare context.
#[inline]
pub(super) fn end_open(local: &Local, fixed: &Fixed, open: &mut Open, outcome: Outcome) {
    let (Some(site), Some(runtime)) = (fixed.site, runtime::get()) else {
        return;
    };
    open.ended = true;
    if fixed.is_sampled() {
        let trace_state = trace_state(fixed, runtime);
        send(local, fixed, open, trace_state, outcome);
    } else if !runtime.counts_unsampled || !count(local, fixed, open, site, outcome) {
        send(local, fixed, open, "", outcome);
    }
    open.body.clear();
}

/// Counts an unsampled span for the metrics. False when its record has to be sent for that.
#[inline]
fn count(local: &Local, fixed: &Fixed, open: &Open, site: &'static Site, outcome: Outcome) -> bool {
    if site.state.load(Ordering::Relaxed) == SITE_UNMEASURED {
        return true;
    }
    let Some(seconds_per_tick) = clock::seconds_per_tick() else {
        return false;
    };
    let key = Key {
        site: std::ptr::from_ref(site).expose_provenance() as u64,
        detail: outcome_seen(fixed, outcome) as u8,
        body: &open.body,
    };
    let ticks = clock::ticks().saturating_sub(fixed.start_ticks);
    if ticks == 0 {
        // Some metrics have a bucket for nothing at all, which tallies have not.
        return false;
    }
    let bounds = red::bounds(site.convention);
    let bucket = metrics::bucket(ticks as f64 * seconds_per_tick, bounds);
    local.count(&key, bucket, ticks)
}

/// Sends a span's record on its way.
fn send(local: &Local, fixed: &Fixed, open: &Open, trace_state: &str, outcome: Outcome) {
    let header = Header {
        site: fixed.site,
        trace_id: fixed.trace_id,
        span_id: fixed.span_id,
        parent_span_id: fixed.parent_span_id,
        start_ticks: fixed.start_ticks,
        end_ticks: clock::ticks(),
        dropped_attributes: open.dropped_attributes,
        dropped_events: open.dropped_events,
        dropped_links: open.dropped_links,
        trace_state_length: trace_state.len() as u16,
        flags: fixed.flags,
        parent_is_remote: fixed.parent_is_remote,
        detail: outcome_seen(fixed, outcome) as u8,
    };
    local.emit(&header, &[trace_state.as_bytes(), &open.body], Lost::Span);
}

/// A span that ends while its thread unwinds did not complete, unless it began within a
/// destructor that ran because of the panic.
#[inline]
fn outcome_seen(fixed: &Fixed, outcome: Outcome) -> Outcome {
    if std::thread::panicking() && !fixed.started_in_panic {
        Outcome::Unwound
    } else {
        outcome
    }
}

/// The tracestate of a node's trace; empty for none.
pub(super) fn trace_state<'a>(fixed: &'a Fixed, runtime: &'a Runtime) -> &'a str {
    if fixed.root_trace_state {
        return runtime.sampler.root_trace_state();
    }
    fixed
        .carried
        .as_ref()
        .map_or("", |carried| &carried.trace_state)
}

/// Records attributes on a span: labels always, the others when it is sampled.
pub(super) fn record(span: &Node, attributes: &[Attribute<'_>]) {
    let is_sampled = span.is_sampled();
    if !is_sampled && !attributes.iter().any(|attribute| attribute.label) {
        return;
    }
    let Some(runtime) = runtime::get() else {
        return;
    };
    super::local::with_scratch(|scratch| {
        let dropped = record::put_attributes(scratch, attributes, is_sampled, &runtime.limits);
        let mut open = span.lock();
        if open.ended {
            return;
        }
        let fits = open.append(scratch);
        let lost = if fits {
            dropped
        } else {
            attributes.len() as u16
        };
        open.dropped_attributes = open.dropped_attributes.saturating_add(lost);
    });
}

impl Open {
    /// Adds encoded items. False when they did not fit.
    pub(super) fn append(&mut self, items: &[u8]) -> bool {
        let fits = self.body.len() + items.len() <= record::BODY_BYTES_MAX;
        if fits {
            self.body.extend_from_slice(items);
        }
        fits
    }
}

/// What woven code knows an optional node by.
pub(super) fn into_raw(node: Option<NodeRef>) -> Raw {
    node.map_or(Raw::NONE, NodeRef::into_raw)
}
