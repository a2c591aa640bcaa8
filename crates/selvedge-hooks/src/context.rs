//! The position in a trace that travels with a task, and what goes with it.

use crate::table::{self, Owned, OwnedScope};
use crate::Attribute;

/// A reference to a position in a trace, with its baggage and log fields.
///
/// Cheap to clone; none when there is no agent or no trace.
#[derive(Clone)]
pub struct Context(Owned);

impl Context {
    /// The context outside of any trace.
    pub const fn none() -> Self {
        Self(Owned::NONE)
    }

    /// The calling thread's current context.
    #[inline]
    pub fn current() -> Self {
        Self(table::get().map_or(Owned::NONE, |table| Owned::adopt((table.current)())))
    }

    /// The current context with further log fields, which every log line below it shows.
    pub fn with_fields(fields: &[Attribute<'_>]) -> Self {
        Self(table::get().map_or(Owned::NONE, |table| {
            Owned::adopt((table.with_fields)(fields))
        }))
    }

    /// The context that a carrier's headers name; none where they name none or are malformed.
    ///
    /// `get` looks a header up and passes each of its values on.
    pub fn extract(get: &dyn Fn(&str, &mut dyn FnMut(&str))) -> Self {
        Self(table::get().map_or(Owned::NONE, |table| Owned::adopt((table.extract)(get))))
    }

    /// What was stored under a key with [`Context::store`].
    pub fn load(space: &'static str, key: (u64, u64)) -> Self {
        Self(table::load(space, key))
    }

    /// Removes and returns what was stored under a key.
    pub fn take(space: &'static str, key: (u64, u64)) -> Self {
        Self(table::take(space, key))
    }

    /// Keeps this context under a key, for glue that has no place of its own to put it.
    /// `space` names the integration; the number of kept contexts is bounded by the agent.
    pub fn store(&self, space: &'static str, key: (u64, u64)) {
        self.0.store(space, key);
    }

    /// True when there is no trace.
    #[inline]
    pub fn is_none(&self) -> bool {
        self.0.raw().is_none()
    }

    /// True when the trace is sampled.
    #[inline]
    pub fn is_sampled(&self) -> bool {
        self.0.raw().is_sampled()
    }

    /// Makes this context current until the result is dropped.
    #[inline]
    pub fn attach(self) -> Attached {
        Attached {
            _scope: OwnedScope::new(self.0),
        }
    }

    /// Runs `call` with this context current.
    #[inline]
    pub fn scope<R>(&self, call: impl FnOnce() -> R) -> R {
        self.0.scope(call)
    }

    /// Runs `call` with this context current, or as it is where this is none.
    #[inline]
    pub(crate) fn scope_unless_none<R>(&self, call: impl FnOnce() -> R) -> R {
        if self.is_none() {
            call()
        } else {
            self.0.scope(call)
        }
    }

    /// Makes this context current until [`Context::pop`], which may come out of order; for
    /// libraries whose enter and exit are separate calls.
    pub fn push(&self) {
        self.0.push();
    }

    /// Undoes the newest [`Context::push`] of this context on this thread.
    pub fn pop(&self) {
        self.0.pop();
    }

    /// Calls `set` with each propagation header: `traceparent`, `tracestate`, `baggage`, or what
    /// `OTEL_PROPAGATORS` asks for.
    pub fn inject(&self, set: &mut dyn FnMut(&'static str, &str)) {
        self.0.inject(set);
    }

    /// Records attributes on the span of this context.
    pub fn record(&self, attributes: &[Attribute<'_>]) {
        self.0.record(attributes);
    }

    /// Replaces the name of the span of this context.
    pub fn rename(&self, name: &str) {
        self.0.rename(name);
    }

    /// Marks the span of this context as failed; see [`crate::Span::fail`].
    pub fn fail(&self, error_type: &str, description: &dyn core::fmt::Display) {
        self.0.fail(error_type, description);
    }

    /// Adds an event to the span of this context.
    pub fn event(&self, name: &str, attributes: &[Attribute<'_>]) {
        self.0.event(name, attributes);
    }

    /// Links the span of this context to another trace's position.
    pub fn link(&self, other: &Context) {
        self.0.link(&other.0);
    }

    /// Ends the span of this context, for libraries whose spans are opened and closed by separate
    /// calls; see [`crate::Span::detach`]. Ending twice is harmless: the first end counts.
    pub fn end(&self, outcome: crate::Outcome) {
        self.0.end(outcome);
    }

    /// The span by which this trace entered the process: the server or consumer span, where a
    /// route found deep inside a router belongs.
    #[must_use]
    pub fn local_root(&self) -> Self {
        Self(self.0.local_root())
    }

    /// True when both are one and the same position; never for none.
    pub fn same_as(&self, other: &Context) -> bool {
        !self.is_none() && self.0.raw() == other.0.raw()
    }

    #[inline]
    pub(crate) fn owned(&self) -> &Owned {
        &self.0
    }

    #[inline]
    pub(crate) fn from_owned(owned: Owned) -> Self {
        Self(owned)
    }
}

/// A context that is current until this is dropped.
#[must_use = "the context is current only while this lives"]
pub struct Attached {
    _scope: OwnedScope,
}
