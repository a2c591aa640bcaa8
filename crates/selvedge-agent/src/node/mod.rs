//! Contexts and spans in flight, and the table of functions that woven code reaches them by.
//!
//! A node is reference-counted and comes from a pool. What it was made with never changes until
//! it is freed; what a span gathers is behind a lock of its own. A bare context refers to the span
//! it belongs to, which refers to none, so no chain of ended spans builds up.
#![expect(unsafe_code, reason = "nodes are shared with woven code by address")]

mod local;
mod pool;
mod root;
mod span;
mod stack;
mod table;

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};

use selvedge_hooks::table::Raw;
use selvedge_hooks::{Outcome, Site};

pub(crate) use local::{live_nodes, suppress_thread, suppressed, thread_is_suppressed};
pub(crate) use table::{TABLE, record_panic};

use self::root::{Anchor, LocalRoot};
use crate::model::{SpanId, TraceId};
use crate::propagation::SAMPLED;

/// Bytes of capacity that a free node's buffer may keep.
const BODY_BYTES_KEPT: usize = 1 << 10;
/// Tries at a node's lock before the thread lets others run.
const SPINS_MAX: u32 = 64;

/// A span in flight, or a bare context.
#[repr(align(64))]
pub(crate) struct Node {
    references: AtomicU32,
    locked: AtomicBool,
    /// A [`LocalRoot`] was made of it.
    named: AtomicBool,
    /// Changes only while nobody refers to the node.
    generation: u64,
    anchor: &'static Anchor,
    fixed: Fixed,
    open: UnsafeCell<Open>,
    /// The next free node while this one is free.
    next: *mut Node,
}

/// What a node is made with.
#[derive(Default)]
struct Fixed {
    /// None for a bare context.
    site: Option<&'static Site>,
    /// All zero for a context outside of any trace.
    trace_id: TraceId,
    /// The span's own; a bare context has that of the span around it.
    span_id: SpanId,
    parent_span_id: SpanId,
    start_ticks: u64,
    carried: Option<Arc<Carried>>,
    /// The span that a bare context belongs to.
    span: Option<NodeRef>,
    /// The span by which the trace entered the process; none for that span itself.
    local_root: Option<LocalRoot>,
    flags: u8,
    parent_is_remote: bool,
    /// The position itself is in another process; only of bare contexts.
    is_remote: bool,
    /// The carrier's decision for a trace that begins below; only of bare contexts.
    decision: Option<bool>,
    /// The tracestate is what the sampler gives to roots.
    root_trace_state: bool,
    /// Bit per semantic convention: within a client span that follows it.
    clients: u8,
    /// The thread was panicking when the span started.
    started_in_panic: bool,
}

impl Fixed {
    #[inline]
    fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }
}

/// What travels along to other processes and log lines.
#[derive(Clone, Default)]
struct Carried {
    trace_state: Box<str>,
    baggage: Box<str>,
    fields: Box<[Field]>,
}

/// A log field of a context.
#[derive(Clone)]
struct Field {
    key: &'static str,
    value: Box<str>,
}

/// What a span gathers until it ends.
#[derive(Default)]
struct Open {
    ended: bool,
    body: Vec<u8>,
    events: u16,
    links: u16,
    dropped_attributes: u16,
    dropped_events: u16,
    dropped_links: u16,
}

impl Node {
    /// A new node, for the pool.
    fn allocate() -> *mut Self {
        let anchor = Anchor::new();
        let node = Box::into_raw(Box::new(Self::empty(anchor)));
        // SAFETY: it was just made.
        unsafe { (*node).generation = anchor.attach(node) };
        node
    }

    /// Frees a node.
    ///
    /// # Safety
    /// The node came from [`Node::allocate`], and no reference to it is left.
    unsafe fn free(node: *mut Self) {
        // SAFETY: by the caller's promise.
        let node = unsafe { Box::from_raw(node) };
        node.anchor.give();
    }

    fn empty(anchor: &'static Anchor) -> Self {
        Self {
            references: AtomicU32::new(0),
            locked: AtomicBool::new(false),
            named: AtomicBool::new(false),
            generation: 0,
            anchor,
            fixed: Fixed::default(),
            open: UnsafeCell::new(Open::default()),
            next: std::ptr::null_mut(),
        }
    }

    fn is_sampled(&self) -> bool {
        self.fixed.is_sampled()
    }

    /// The span that this node is or belongs to.
    fn span(&self) -> Option<&Node> {
        if self.fixed.site.is_some() {
            Some(self)
        } else {
            self.fixed.span.as_deref()
        }
    }

    /// Waits for whoever is recording on this span; that is a few copied bytes long, because
    /// nothing of the program's runs under the lock.
    #[inline]
    fn lock(&self) -> Locked<'_> {
        let mut spins = 0;
        while self
            .locked
            .compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            spins += 1;
            if spins < SPINS_MAX {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
        Locked { node: self }
    }
}

/// A node's gathered part, to one thread at a time.
struct Locked<'a> {
    node: &'a Node,
}

impl Deref for Locked<'_> {
    type Target = Open;

    #[inline]
    fn deref(&self) -> &Open {
        // SAFETY: the lock is held.
        unsafe { &*self.node.open.get() }
    }
}

impl DerefMut for Locked<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Open {
        // SAFETY: the lock is held.
        unsafe { &mut *self.node.open.get() }
    }
}

impl Drop for Locked<'_> {
    #[inline]
    fn drop(&mut self) {
        self.node.locked.store(false, Ordering::Release);
    }
}

/// One reference to a node.
struct NodeRef(NonNull<Node>);

// SAFETY: the count is atomic, the fixed part immutable, the gathered part locked.
unsafe impl Send for NodeRef {}
// SAFETY: as above.
unsafe impl Sync for NodeRef {}

impl NodeRef {
    /// A node from the pool with its first reference; its fixed part is yet to be filled in.
    #[inline]
    fn fresh(local: &local::Local) -> Self {
        let node = pool::take(local);
        // SAFETY: the pool gave it to nobody else.
        let fresh = unsafe { &mut *node };
        *fresh.references.get_mut() = 1;
        Self(NonNull::from(fresh))
    }

    /// A node from the pool with its first reference.
    fn new(local: &local::Local, fixed: Fixed) -> Self {
        let mut node = Self::fresh(local);
        *node.fixed_mut() = fixed;
        node
    }

    /// The fixed part of a node that has not been handed out yet.
    #[inline]
    fn fixed_mut(&mut self) -> &mut Fixed {
        // SAFETY: called between `fresh` and `into_raw` only, so this is the one reference.
        unsafe { &mut self.0.as_mut().fixed }
    }

    /// The gathered part of a node that has not been handed out yet.
    #[inline]
    fn open_mut(&mut self) -> &mut Open {
        // SAFETY: called between `fresh` and `into_raw` only, so this is the one reference.
        unsafe { self.0.as_mut() }.open.get_mut()
    }

    /// What woven code knows the node by.
    #[inline]
    fn raw(&self) -> Raw {
        Raw(self.0.as_ptr().expose_provenance() | usize::from(self.fixed.flags & SAMPLED))
    }

    /// Hands the reference over to woven code.
    #[inline]
    fn into_raw(self) -> Raw {
        let raw = self.raw();
        std::mem::forget(self);
        raw
    }

    /// Takes a reference back from woven code.
    ///
    /// # Safety
    /// The reference is owned by the caller, who gives it up.
    #[inline]
    unsafe fn from_raw(raw: Raw) -> Option<Self> {
        NonNull::new(address(raw)).map(Self)
    }
}

#[inline]
fn address(raw: Raw) -> *mut Node {
    std::ptr::with_exposed_provenance_mut(raw.0 & !usize::from(SAMPLED))
}

/// Looks at a node that somebody else keeps alive.
///
/// # Safety
/// The node is alive for as long as the result is used.
#[inline]
unsafe fn borrow<'a>(raw: Raw) -> Option<&'a Node> {
    // SAFETY: by the caller's promise.
    unsafe { address(raw).as_ref() }
}

impl Node {
    /// A further reference.
    #[inline]
    fn retain(&self) -> NodeRef {
        self.references.fetch_add(1, Ordering::Relaxed);
        NodeRef(NonNull::from(self))
    }

    /// A further reference, unless the last one is gone already.
    fn try_retain(&self) -> Option<NodeRef> {
        let counted =
            self.references
                .fetch_update(Ordering::Acquire, Ordering::Relaxed, |references| {
                    (references > 0).then(|| references + 1)
                });
        counted.ok().map(|_| NodeRef(NonNull::from(self)))
    }

    #[inline]
    fn set_named(&self) {
        if !self.named.load(Ordering::Relaxed) {
            self.named.store(true, Ordering::Relaxed);
        }
    }

    /// True when whoever asks holds the only reference, and nobody can make another one: no
    /// weak one was made, else the maker's reference would be counted, or its end be seen here.
    #[inline]
    fn is_alone(&self) -> bool {
        self.references.load(Ordering::Acquire) == 1 && !self.named.load(Ordering::Relaxed)
    }
}

impl Deref for NodeRef {
    type Target = Node;

    #[inline]
    fn deref(&self) -> &Node {
        // SAFETY: the reference keeps it alive.
        unsafe { self.0.as_ref() }
    }
}

impl Clone for NodeRef {
    #[inline]
    fn clone(&self) -> Self {
        self.retain()
    }
}

impl Drop for NodeRef {
    #[inline]
    fn drop(&mut self) {
        // Whoever is alone need not count down.
        if self.is_alone() || self.references.fetch_sub(1, Ordering::Release) == 1 {
            fence(Ordering::Acquire);
            // SAFETY: that was the last reference.
            unsafe { retire(self.0, Outcome::Cancelled) };
        }
    }
}

impl NodeRef {
    /// Ends the span as completed unless it has ended, and gives the reference back.
    #[inline]
    fn finish(self) {
        if self.is_alone() {
            let node = self.0;
            std::mem::forget(self);
            // SAFETY: that was the last reference.
            unsafe { retire(node, Outcome::Completed) };
        } else {
            span::end(&self, Outcome::Completed);
        }
    }
}

/// Ends what is still open and gives the node back to the pool.
///
/// # Safety
/// No reference to the node is left; a weak one may be.
#[inline]
unsafe fn retire(node: NonNull<Node>, outcome: Outcome) {
    // SAFETY: it is freed below; whoever has a weak reference only looks at it as well.
    let named = unsafe { node.as_ref() }.named.load(Ordering::Relaxed);
    // SAFETY: as above.
    let next = named.then(|| unsafe { node.as_ref() }.anchor.advance());
    // SAFETY: nobody else can reach it.
    let dead = unsafe { &mut *node.as_ptr() };
    if let Some(next) = next {
        dead.generation = next;
        *dead.named.get_mut() = false;
    }
    let Node { fixed, open, .. } = dead;
    let open = open.get_mut();
    local::LOCAL.with(|local| {
        if !open.ended {
            span::end_open(local, fixed, open, outcome);
        }
        // Dropping these may retire another node, which has none of its own.
        fixed.carried = None;
        fixed.span = None;
        open.reset();
        // SAFETY: it came from the pool, and all that it held is gone.
        unsafe { pool::give(local, node.as_ptr()) };
    });
}

impl Open {
    /// Forgets everything but the buffer.
    #[inline]
    fn reset(&mut self) {
        self.body.clear();
        if self.body.capacity() > BODY_BYTES_KEPT {
            self.body = Vec::new();
        }
        self.ended = false;
        (self.events, self.links) = (0, 0);
        self.dropped_attributes = 0;
        (self.dropped_events, self.dropped_links) = (0, 0);
    }
}
