//! The table of functions between woven code and the agent, and all of this crate's unsafe code.
//!
//! The agent installs one static [`Table`]; nothing else ever writes the pointer but
//! [`uninstall`], which a forked child calls.
#![allow(unsafe_code)]

use core::pin::Pin;
use core::ptr;
#[cfg(not(all(loom, test)))]
use core::sync::atomic::{AtomicPtr, Ordering};
#[cfg(all(loom, test))]
use loom::sync::atomic::{AtomicPtr, Ordering};

use crate::{Attribute, Instrument, Log, Observer, Outcome, Parent, Site, Start};

/// Version of everything woven code and agent share; both sides of one build always agree, so a
/// mismatch only means a stale cache and leaves the hooks off.
pub const ABI: u32 = 2;

/// A node of the agent: a span in flight or a bare context. Null means none.
///
/// Bit 0 is set when the node belongs to a sampled trace, so that woven code can ask without a
/// call. Whoever holds a `Raw` owns one reference unless it is said to be borrowed.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Raw(pub usize);

impl Raw {
    /// No node.
    pub const NONE: Raw = Raw(0);

    /// True when there is no node.
    #[inline]
    pub fn is_none(self) -> bool {
        self.0 == 0
    }

    /// True when the node's trace is sampled.
    #[inline]
    pub fn is_sampled(self) -> bool {
        self.0 & 1 == 1
    }
}

/// What the agent implements. Functions that take a [`Raw`] are unsafe because it must be live.
pub struct Table {
    /// Must equal [`ABI`].
    pub abi: u32,
    /// The thread's current node, with a reference of its own.
    pub current: fn() -> Raw,
    /// Makes a borrowed node current and gives back what to swap in to undo that, which only the
    /// agent understands. The caller keeps the node alive until it swaps back. That may happen
    /// out of order, or never: swapping back undoes all that was swapped in later as well, and
    /// does nothing where that has happened already, so no node outlives its caller here.
    pub swap: unsafe fn(Raw) -> Raw,
    /// Adds a reference.
    pub retain: unsafe fn(Raw),
    /// Gives a reference back; a span in flight that loses its last one ends as cancelled.
    pub release: unsafe fn(Raw),
    /// Starts a span: a new node with one reference, or none (disabled, suppressed).
    pub start: fn(&'static Site, &Start<'_>) -> Raw,
    /// A context below the current one that carries log fields but no span of its own.
    pub with_fields: fn(&[Attribute<'_>]) -> Raw,
    /// A context that was read from a carrier, without a span; none where the carrier has none.
    pub extract: fn(&dyn Fn(&str, &mut dyn FnMut(&str))) -> Raw,
    /// Ends the node's span, if it is one and has not ended; the reference stays the caller's.
    pub end: unsafe fn(Raw, Outcome),
    /// Ends the node's span as completed, if it is one and has not ended, and gives the reference
    /// back: what dropping a span does, in one call.
    pub finish: unsafe fn(Raw),
    /// Records attributes: labels always, the others when sampled.
    pub record: unsafe fn(Raw, &[Attribute<'_>]),
    /// Replaces the span's name.
    pub rename: unsafe fn(Raw, &str),
    /// Sets the status to error with `error.type` and a description that may be empty.
    pub fail: unsafe fn(Raw, &str, &dyn core::fmt::Display),
    /// Adds a span event.
    pub event: unsafe fn(Raw, &str, &[Attribute<'_>]),
    /// Adds a link to another node's span.
    pub link: unsafe fn(Raw, Raw),
    /// The span that entered this process for the node's trace, with a reference of its own.
    pub local_root: unsafe fn(Raw) -> Raw,
    /// Calls back with each propagation header of the node.
    pub inject: unsafe fn(Raw, &mut dyn FnMut(&'static str, &str)),
    /// Keeps a reference under a key of the caller's; one kept before under it is given back.
    pub store: unsafe fn(&'static str, (u64, u64), Raw),
    /// A reference to what is kept under the key.
    pub load: fn(&'static str, (u64, u64)) -> Raw,
    /// What was kept under the key, no longer kept.
    pub take: fn(&'static str, (u64, u64)) -> Raw,
    /// Makes a node current until the matching `pop`, which may come out of order.
    pub push: unsafe fn(Raw),
    /// Undoes the newest `push` of this node on this thread.
    pub pop: unsafe fn(Raw),
    /// Adds a measurement to an instrument.
    pub measure: fn(&'static Instrument, f64, &[Attribute<'_>]),
    /// Registers a function that is called at each collection.
    pub observe: fn(fn(&mut Observer<'_>)),
    /// A monotonic clock: nanoseconds since a moment of the agent's choice.
    pub now: fn() -> u64,
    /// False when log records are exported nowhere, so that none need be made.
    pub logs_enabled: fn() -> bool,
    /// Takes a log record.
    pub log: fn(&Log<'_>),
    /// Calls back with `trace_id`, `span_id` and the log fields of the current context.
    pub log_identifiers: fn(&mut dyn FnMut(&'static str, &str)),
}

/// Holds the installed table, or null.
struct TableCell(AtomicPtr<Table>);

impl TableCell {
    #[cfg(not(all(loom, test)))]
    const fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    #[cfg(all(loom, test))]
    fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    fn install(&self, table: &'static Table) -> bool {
        let table_ptr = ptr::from_ref(table).cast_mut();
        table.abi == ABI
            && self
                .0
                .compare_exchange(
                    ptr::null_mut(),
                    table_ptr,
                    Ordering::Release,
                    Ordering::Relaxed,
                )
                .is_ok()
    }

    fn uninstall(&self) {
        self.0.store(ptr::null_mut(), Ordering::Release);
    }

    #[inline]
    fn get(&self) -> Option<&'static Table> {
        let table = self.0.load(Ordering::Acquire);
        // SAFETY: the pointer is null or came from a `&'static Table` in `install`.
        unsafe { table.as_ref() }
    }
}

#[cfg(not(all(loom, test)))]
static TABLE: TableCell = TableCell::new();

#[cfg(all(loom, test))]
loom::lazy_static! {
    static ref TABLE: TableCell = TableCell::new();
}

/// Installs the agent's table. The first one stays: returns false when there is one already or
/// when its ABI is another.
pub fn install(table: &'static Table) -> bool {
    TABLE.install(table)
}

/// Turns every hook off again. Contexts still held are leaked, never touched.
pub fn uninstall() {
    TABLE.uninstall();
}

/// The installed table.
#[inline]
pub fn get() -> Option<&'static Table> {
    TABLE.get()
}

/// Functions that are remembered for an agent that starts after they were registered.
pub const OBSERVERS_MAX: usize = 16;

type Callback = fn(&mut Observer<'_>);

/// Not modelled by loom: each slot is written once.
type Remembered = ::core::sync::atomic::AtomicPtr<()>;

/// The remembered functions, as pointers; null where there is none.
static OBSERVERS: [Remembered; OBSERVERS_MAX] =
    [const { Remembered::new(ptr::null_mut()) }; OBSERVERS_MAX];

/// Remembers a function once; past the limit it is only registered while there is an agent.
pub(crate) fn remember(callback: Callback) {
    let new = callback as *mut ();
    for slot in &OBSERVERS {
        match slot.compare_exchange(ptr::null_mut(), new, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return,
            Err(known) if known == new => return,
            Err(_) => {}
        }
    }
}

/// What was registered so far; an agent asks once, after it is installed.
pub fn remembered() -> impl Iterator<Item = Callback> {
    OBSERVERS.iter().filter_map(|slot| {
        let pointer = slot.load(Ordering::Acquire);
        // SAFETY: a pointer that is not null was made from a `Callback` in `remember`.
        (!pointer.is_null()).then(|| unsafe { core::mem::transmute::<*mut (), Callback>(pointer) })
    })
}

/// An owned reference to a node: the only holder of [`Raw`] outside the agent.
pub(crate) struct Owned(Raw);

impl Owned {
    pub(crate) const NONE: Owned = Owned(Raw::NONE);

    /// Takes over a reference that the table returned.
    #[inline]
    pub(crate) fn adopt(raw: Raw) -> Self {
        Self(raw)
    }

    #[inline]
    pub(crate) fn raw(&self) -> Raw {
        self.0
    }

    /// Runs `call` with the table and the live node, if both are there.
    #[inline]
    fn with<R>(&self, call: impl FnOnce(&'static Table, Raw) -> R) -> Option<R> {
        if self.0.is_none() {
            return None;
        }
        get().map(|table| call(table, self.0))
    }

    #[inline]
    pub(crate) fn end(&self, outcome: Outcome) {
        // SAFETY: `self` owns a reference, so the node is live.
        self.with(|table, raw| unsafe { (table.end)(raw, outcome) });
    }

    /// Ends the span and gives the reference back.
    #[inline]
    pub(crate) fn finish(self) {
        // SAFETY: as in `end`; the reference is given back here, because `self` is forgotten.
        self.with(|table, raw| unsafe { (table.finish)(raw) });
        core::mem::forget(self);
    }

    #[inline]
    pub(crate) fn record(&self, attributes: &[Attribute<'_>]) {
        // SAFETY: as in `end`.
        self.with(|table, raw| unsafe { (table.record)(raw, attributes) });
    }

    #[inline]
    pub(crate) fn rename(&self, name: &str) {
        // SAFETY: as in `end`.
        self.with(|table, raw| unsafe { (table.rename)(raw, name) });
    }

    pub(crate) fn fail(&self, error_type: &str, description: &dyn core::fmt::Display) {
        // SAFETY: as in `end`.
        self.with(|table, raw| unsafe { (table.fail)(raw, error_type, description) });
    }

    pub(crate) fn event(&self, name: &str, attributes: &[Attribute<'_>]) {
        // SAFETY: as in `end`.
        self.with(|table, raw| unsafe { (table.event)(raw, name, attributes) });
    }

    pub(crate) fn link(&self, other: &Owned) {
        // SAFETY: both own a reference; a null `other` is ignored by the agent.
        self.with(|table, raw| unsafe { (table.link)(raw, other.0) });
    }

    pub(crate) fn local_root(&self) -> Owned {
        // SAFETY: as in `end`; the result is a reference of its own.
        Owned(
            self.with(|table, raw| unsafe { (table.local_root)(raw) })
                .unwrap_or(Raw::NONE),
        )
    }

    pub(crate) fn inject(&self, set: &mut dyn FnMut(&'static str, &str)) {
        // SAFETY: as in `end`.
        self.with(|table, raw| unsafe { (table.inject)(raw, set) });
    }

    pub(crate) fn store(&self, space: &'static str, key: (u64, u64)) {
        // SAFETY: as in `end`; the agent takes a reference of its own.
        self.with(|table, raw| unsafe { (table.store)(space, key, raw) });
    }

    pub(crate) fn push(&self) {
        // SAFETY: as in `end`; the agent takes a reference of its own until `pop`.
        self.with(|table, raw| unsafe { (table.push)(raw) });
    }

    pub(crate) fn pop(&self) {
        // SAFETY: as in `end`.
        self.with(|table, raw| unsafe { (table.pop)(raw) });
    }

    /// Makes this node current; `Swapped` restores the one before.
    ///
    /// # Safety
    /// The result must be dropped before `self` is.
    #[inline]
    pub(crate) unsafe fn swap_in(&self) -> Swapped {
        match get() {
            // SAFETY: the node is live, and by the caller's promise until the swap back.
            Some(table) => Swapped(Some((table, unsafe { (table.swap)(self.0) }))),
            None => Swapped(None),
        }
    }

    /// Runs `call` with this node current, and restores the one before even when it unwinds.
    #[inline]
    pub(crate) fn scope<R>(&self, call: impl FnOnce() -> R) -> R {
        // SAFETY: `swapped` lives in this frame, `self` outlives it.
        let _swapped = unsafe { self.swap_in() };
        call()
    }
}

impl Clone for Owned {
    #[inline]
    fn clone(&self) -> Self {
        // SAFETY: as in `end`.
        match self.with(|table, raw| unsafe { (table.retain)(raw) }) {
            Some(()) => Self(self.0),
            None => Self::NONE,
        }
    }
}

impl Drop for Owned {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: as in `end`; the reference is given back here and nowhere else.
        self.with(|table, raw| unsafe { (table.release)(raw) });
    }
}

/// Restores the node that was current before; see [`Owned::swap_in`].
pub(crate) struct Swapped(Option<(&'static Table, Raw)>);

impl Drop for Swapped {
    #[inline]
    fn drop(&mut self) {
        if let Some((table, before)) = self.0 {
            // SAFETY: `before` came from the swap that it undoes.
            unsafe { (table.swap)(before) };
        }
    }
}

/// An owned node that is current until dropped.
///
/// It owns the reference it made current, so that forgetting it leaks and never dangles.
pub(crate) struct OwnedScope {
    swapped: Swapped,
    node: Owned,
    /// Not `Send`: what it restores belongs to this thread.
    _thread: core::marker::PhantomData<*const ()>,
}

impl OwnedScope {
    #[inline]
    pub(crate) fn new(node: Owned) -> Self {
        // SAFETY: fields drop in order of declaration, `swapped` before `node`.
        let swapped = unsafe { node.swap_in() };
        Self {
            swapped,
            node,
            _thread: core::marker::PhantomData,
        }
    }

    #[inline]
    pub(crate) fn node(&self) -> &Owned {
        &self.node
    }

    /// Restores the context before at once, and gives the node back.
    pub(crate) fn leave(self) -> Owned {
        let Self { swapped, node, .. } = self;
        drop(swapped);
        node
    }
}

// SAFETY: nodes are reference-counted atomically and guard their state themselves.
unsafe impl Send for Owned {}
// SAFETY: as above; all methods take `&self` and synchronise inside the agent.
unsafe impl Sync for Owned {}

/// Starts a span.
#[inline]
pub(crate) fn start(site: &'static Site, start: &Start<'_>) -> Owned {
    get().map_or(Owned::NONE, |table| Owned((table.start)(site, start)))
}

/// What is kept under a key; see [`Table::load`].
pub(crate) fn load(space: &'static str, key: (u64, u64)) -> Owned {
    get().map_or(Owned::NONE, |table| Owned((table.load)(space, key)))
}

/// What was kept under a key; see [`Table::take`].
pub(crate) fn take(space: &'static str, key: (u64, u64)) -> Owned {
    get().map_or(Owned::NONE, |table| Owned((table.take)(space, key)))
}

/// The pinned projection of a future wrapper's inner future, and dropping it in place.
pub(crate) struct Slot<F>(core::mem::ManuallyDrop<F>);

impl<F> Slot<F> {
    pub(crate) fn new(inner: F) -> Self {
        Self(core::mem::ManuallyDrop::new(inner))
    }

    /// The inner future, to look at.
    #[inline]
    pub(crate) fn get(&self) -> &F {
        &self.0
    }

    /// The inner future, pinned as its holder is.
    #[inline]
    pub(crate) fn project(self: Pin<&mut Self>) -> Pin<&mut F> {
        // SAFETY: `Slot` is pinned whenever its only field is; it is never moved out of.
        unsafe { self.map_unchecked_mut(|slot| &mut *slot.0) }
    }

    /// Drops the inner future.
    ///
    /// # Safety
    /// Called once, in the holder's `Drop`.
    pub(crate) unsafe fn drop_in_place(&mut self) {
        // SAFETY: by the caller's promise it has not been dropped and is not used again.
        unsafe { core::mem::ManuallyDrop::drop(&mut self.0) }
    }
}

/// What a parent stands for, resolved to a live node for the agent.
impl Parent<'_> {
    /// The explicit parent's node, borrowed; none unless this is [`Parent::Context`].
    pub fn raw(&self) -> Raw {
        match self {
            Parent::Context(context) => context.owned().raw(),
            _ => Raw::NONE,
        }
    }
}

/// Pins the fields of the wrappers in `future.rs`, which keeps no unsafe code of its own.
macro_rules! wrapper {
    ($(#[$meta:meta])* $name:ident<$future:ident $(, $extra:ident)*> { $($field:ident: $type:ty),* $(,)? } drop($self:ident) $body:block) => {
        $(#[$meta])*
        #[must_use = "futures do nothing unless polled"]
        pub struct $name<$future $(, $extra)*> {
            pub(crate) inner: Slot<$future>,
            $(pub(crate) $field: $type),*
        }

        impl<$future $(, $extra)*> $name<$future $(, $extra)*> {
            /// The inner future pinned, the other fields plainly: they are never pinned.
            #[inline]
            #[allow(clippy::type_complexity)]
            pub(crate) fn project(self: Pin<&mut Self>) -> (Pin<&mut $future>, $(&mut $type),*) {
                // SAFETY: `inner` is pinned with `self` and never moved; the rest is not pinned.
                unsafe {
                    let this = self.get_unchecked_mut();
                    (Pin::new_unchecked(&mut this.inner).project(), $(&mut this.$field),*)
                }
            }
        }

        // The other fields do not need pinning, so only the inner future decides.
        impl<$future: Unpin $(, $extra)*> Unpin for $name<$future $(, $extra)*> {}

        impl<$future $(, $extra)*> Drop for $name<$future $(, $extra)*> {
            fn drop(&mut self) {
                let $self = self;
                $body
            }
        }
    };
}

wrapper! {
    /// A future that runs inside a span; see [`crate::instrument`].
    Instrumented<F, O> { span: crate::Span, observe: Option<O> }
    drop(this) {
        let Instrumented { inner, span, .. } = this;
        // SAFETY: the holder's `Drop`, once. The inner future drops inside its span, so that
        // what it logs or closes on the way out belongs to it.
        span.scope(|| unsafe { inner.drop_in_place() });
        // The first end counts, so this one is for a future dropped before it was ready.
        span.end(Outcome::Cancelled);
    }
}

wrapper! {
    /// A future that runs inside the context it was made in; see [`crate::carry`].
    Carried<F> { context: crate::Context }
    drop(this) {
        let Carried { inner, context } = this;
        // SAFETY: the holder's `Drop`, once.
        context.scope(|| unsafe { inner.drop_in_place() });
    }
}

wrapper! {
    /// A stream that runs inside a span; see [`crate::rule_stream`].
    Streamed<S, B, O> { begin: Option<B>, span: crate::Span, context: crate::Context, observe: Option<O>, failed: bool }
    drop(this) {
        let Streamed { inner, span, context, failed, .. } = this;
        // SAFETY: the holder's `Drop`, once, inside the span as above.
        context.scope_unless_none(|| unsafe { inner.drop_in_place() });
        // The first end counts, so this one is for a stream dropped before it was exhausted.
        // After an error that is how a stream is meant to be left.
        span.end(if *failed { Outcome::Completed } else { Outcome::Cancelled });
    }
}

/// A stream in its span: a type of the woven crate, since it implements a trait that this crate
/// does not know. The macro is here because of its unsafe code, which is this crate's.
#[doc(hidden)]
#[macro_export]
macro_rules! rule_stream {
    (
        $stream:path, $inner:expr, $started:expr,
        |$item:ident, $span:ident, $failed:ident| $on_item:block else $on_end:block
    ) => {{
        struct Woven<__S, __B, __O>($crate::Streamed<__S, __B, __O>);

        impl<__S: $stream, __B, __O> Woven<__S, __B, __O>
        where
            __O: $crate::__core::ops::FnMut(
                $crate::__core::option::Option<&<__S as $stream>::Item>,
                &$crate::Span,
                &mut bool,
            ),
        {
            fn new(inner: __S, started: $crate::rule::Started<__B>, observe: __O) -> Self {
                Self($crate::Streamed::new(inner, started, observe))
            }
        }

        impl<__S: $stream, __B, __O> $stream for Woven<__S, __B, __O>
        where
            __B: $crate::__core::ops::FnOnce() -> ($crate::Span, $crate::Context),
            __O: $crate::__core::ops::FnMut(
                $crate::__core::option::Option<&<__S as $stream>::Item>,
                &$crate::Span,
                &mut bool,
            ),
        {
            type Item = <__S as $stream>::Item;

            #[inline]
            fn poll_next(
                self: $crate::__core::pin::Pin<&mut Self>,
                task: &mut $crate::__core::task::Context<'_>,
            ) -> $crate::__core::task::Poll<$crate::__core::option::Option<Self::Item>>
            {
                // SAFETY: the only field is pinned whenever `Woven` is, and is never moved out of.
                let woven = unsafe { self.map_unchecked_mut(|woven| &mut woven.0) };
                woven.poll_next_with(|inner| <__S as $stream>::poll_next(inner, task))
            }

            #[inline]
            fn size_hint(&self) -> (usize, $crate::__core::option::Option<usize>) {
                <__S as $stream>::size_hint(self.0.get_ref())
            }
        }

        Woven::new($inner, $started, move |item, $span, $failed| match item {
            $crate::__core::option::Option::Some($item) => {
                $crate::rule_observe!($span, $item);
                *$failed |= $crate::rule_failed!($item);
                $on_item
            }
            $crate::__core::option::Option::None => $on_end,
        })
    }};
}

/// Every interleaving of installing, using and uninstalling. Run with
/// `RUSTFLAGS="--cfg loom" cargo test -p selvedge-hooks --lib`.
#[cfg(all(loom, test))]
mod loom_tests {
    extern crate std;

    use super::*;
    use std::boxed::Box;

    fn leaked(abi: u32) -> &'static Table {
        fn nothing(_: Raw) {}
        Box::leak(Box::new(Table {
            abi,
            current: || Raw::NONE,
            swap: |_| Raw::NONE,
            retain: nothing,
            release: nothing,
            start: |_, _| Raw::NONE,
            with_fields: |_| Raw::NONE,
            extract: |_| Raw::NONE,
            end: |_, _| {},
            finish: nothing,
            record: |_, _| {},
            rename: |_, _| {},
            fail: |_, _, _| {},
            event: |_, _, _| {},
            link: |_, _| {},
            local_root: |_| Raw::NONE,
            inject: |_, _| {},
            store: |_, _, _| {},
            load: |_, _| Raw::NONE,
            take: |_, _| Raw::NONE,
            push: nothing,
            pop: nothing,
            measure: |_, _, _| {},
            observe: |_| {},
            now: || 0,
            logs_enabled: || true,
            log: |_| {},
            log_identifiers: |_| {},
        }))
    }

    #[test]
    fn of_two_agents_that_start_at_once_one_is_installed_and_readers_see_it_whole() {
        loom::model(|| {
            let cell = loom::sync::Arc::new(TableCell::new());
            let threads = [1, 2].map(|_| {
                let cell = loom::sync::Arc::clone(&cell);
                loom::thread::spawn(move || cell.install(leaked(ABI)))
            });
            if let Some(table) = cell.get() {
                assert_eq!(table.abi, ABI);
            }
            let installed = threads.map(|thread| thread.join().expect("no panic"));
            assert_eq!(installed.iter().filter(|installed| **installed).count(), 1);
            cell.uninstall();
            assert!(cell.get().is_none());
        });
    }

    #[test]
    fn an_agent_of_another_abi_is_refused() {
        loom::model(|| {
            let cell = TableCell::new();
            assert!(!cell.install(leaked(ABI + 1)));
            assert!(cell.get().is_none());
        });
    }
}
