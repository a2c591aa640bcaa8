//! Spans: started, entered, ended.

use crate::table::{self, Owned, OwnedScope};
use crate::{Attribute, Context, Site};

/// How the work of a span came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Outcome {
    /// It ran to completion.
    Completed = 0,
    /// Its future was dropped before it was ready.
    Cancelled = 1,
    /// It unwound with a panic.
    Unwound = 2,
}

/// Where a span hangs.
#[derive(Clone, Copy)]
pub enum Parent<'a> {
    /// Below the thread's current context.
    Current,
    /// Nowhere: it begins a trace.
    Root,
    /// Below what a carrier's headers name, else it begins a trace. The function looks a header
    /// up and passes each of its values on.
    Remote(&'a dyn Fn(&str, &mut dyn FnMut(&str))),
    /// Below a given context.
    Context(&'a Context),
}

/// What is known about a span when it starts.
pub struct Start<'a> {
    /// The name, unless it is the site's.
    pub name: Option<&'a str>,
    /// The parent.
    pub parent: Parent<'a>,
    /// The first attributes.
    pub attributes: &'a [Attribute<'a>],
}

impl Default for Start<'_> {
    fn default() -> Self {
        Self {
            name: None,
            parent: Parent::Current,
            attributes: &[],
        }
    }
}

/// A span in flight. Dropping it ends it: completed, or unwound when a panic passes by (the
/// agent asks), unless [`Span::end`] said otherwise.
pub struct Span(Owned);

impl Span {
    /// A span that records nothing.
    pub const fn none() -> Self {
        Self(Owned::NONE)
    }

    /// Starts a span below the current context.
    #[inline]
    pub fn start(site: &'static Site) -> Self {
        Self(table::start(site, &Start::default()))
    }

    /// Starts a span below the current context, with attributes.
    #[inline]
    pub fn start_with(site: &'static Site, attributes: &[Attribute<'_>]) -> Self {
        Self(table::start(
            site,
            &Start {
                attributes,
                ..Start::default()
            },
        ))
    }

    /// Starts a span.
    #[inline]
    pub fn build(site: &'static Site, start: &Start<'_>) -> Self {
        Self(table::start(site, start))
    }

    /// True when nothing is recorded: no agent, switched off, or a second span for the same
    /// operation.
    #[inline]
    pub fn is_none(&self) -> bool {
        self.0.raw().is_none()
    }

    /// True when the span's attributes will be exported; worth asking before computing any.
    #[inline]
    pub fn is_sampled(&self) -> bool {
        self.0.raw().is_sampled()
    }

    /// Records attributes.
    #[inline]
    pub fn record(&self, attributes: &[Attribute<'_>]) {
        self.0.record(attributes);
    }

    /// Replaces the name.
    #[inline]
    pub fn rename(&self, name: &str) {
        self.0.rename(name);
    }

    /// Sets the status to error. `error_type` becomes `error.type` (a class of error with few
    /// values); the description may be empty.
    pub fn fail(&self, error_type: &str, description: &dyn core::fmt::Display) {
        self.0.fail(error_type, description);
    }

    /// Adds an event.
    pub fn event(&self, name: &str, attributes: &[Attribute<'_>]) {
        self.0.event(name, attributes);
    }

    /// Links another trace's position.
    pub fn link(&self, context: &Context) {
        self.0.link(context.owned());
    }

    /// The span's context, to hand to what runs below it elsewhere.
    #[inline]
    pub fn context(&self) -> Context {
        Context::from_owned(self.0.clone())
    }

    /// Calls `set` with each propagation header.
    pub fn inject(&self, set: &mut dyn FnMut(&'static str, &str)) {
        self.0.inject(set);
    }

    /// Runs `call` inside the span; a span that records nothing leaves the context as it is.
    #[inline]
    pub fn scope<R>(&self, call: impl FnOnce() -> R) -> R {
        if self.is_none() {
            call()
        } else {
            self.0.scope(call)
        }
    }

    /// Makes the span current until the result is dropped, which also ends it.
    #[inline]
    pub fn enter(self) -> Entered {
        let none = self.is_none();
        let owned = self.into_owned();
        Entered {
            scope: if none {
                None
            } else {
                Some(OwnedScope::new(owned))
            },
        }
    }

    /// The span's context, and no end on drop: [`Context::end`] ends the span. Dropping every
    /// reference without that ends it as cancelled.
    pub fn detach(self) -> Context {
        Context::from_owned(self.into_owned())
    }

    /// Ends the span now. Ending twice is harmless: the first end counts.
    pub fn end(&self, outcome: Outcome) {
        self.0.end(outcome);
    }

    /// The reference without the end on drop.
    fn into_owned(mut self) -> Owned {
        core::mem::replace(&mut self.0, Owned::NONE)
    }
}

impl Drop for Span {
    #[inline]
    fn drop(&mut self) {
        core::mem::replace(&mut self.0, Owned::NONE).finish();
    }
}

/// A span that is current until this is dropped, which ends it.
#[must_use = "the span ends when this is dropped"]
pub struct Entered {
    scope: Option<OwnedScope>,
}

impl Entered {
    /// Records attributes on the span.
    pub fn record(&self, attributes: &[Attribute<'_>]) {
        if let Some(scope) = &self.scope {
            scope.node().record(attributes);
        }
    }

    /// Marks the span as failed; see [`Span::fail`].
    pub fn fail(&self, error_type: &str, description: &dyn core::fmt::Display) {
        if let Some(scope) = &self.scope {
            scope.node().fail(error_type, description);
        }
    }

    /// True when the span's attributes will be exported.
    pub fn is_sampled(&self) -> bool {
        self.scope
            .as_ref()
            .is_some_and(|scope| scope.node().raw().is_sampled())
    }
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        if let Some(scope) = self.scope.take() {
            drop(Span(scope.leave()));
        }
    }
}
