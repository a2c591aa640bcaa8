//! What each thread has of its own: the current node, its ring, ids, free nodes.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering};

use selvedge_hooks::table::Raw;

use super::Node;
use super::pool;
use super::stack::{LEVELS, Stack};
use crate::ids::Generator;
use crate::record::Header;
use crate::ring::{Lost, Pushed, Ring};
use crate::runtime::{self, REGISTRY};
use crate::tally::Key;

/// A thread that got no ring asks again after so many records.
const RING_RETRY_RECORDS: u32 = 256;
/// Bytes of capacity that a buffer for reuse may keep.
const SCRATCH_BYTES_KEPT: usize = 4 << 10;

/// Nodes in use, as counted by threads that have ended.
static LIVE: AtomicIsize = AtomicIsize::new(0);

thread_local! {
    /// Has no destructor, so it can be reached at any time in a thread's life.
    pub(super) static LOCAL: Local = const { Local::new() };
    /// Gives back what a thread holds when it ends.
    static OWNED: Owned = const { Owned::new() };
}

pub(super) struct Local {
    /// Borrowed: whoever swapped it in keeps it alive, or the stack does.
    pub(super) current: Cell<Raw>,
    /// What was current below each swap that stands, borrowed as well; see [`super::stack`].
    levels: [Cell<Raw>; LEVELS],
    level: Cell<usize>,
    /// Entries of the stack, so that swaps need not look at it while it is empty.
    pub(super) stacked: Cell<usize>,
    pub(super) generator: Cell<Generator>,
    /// Singly linked list of nodes for reuse.
    pub(super) free: Cell<*mut Node>,
    pub(super) free_count: Cell<usize>,
    /// Nodes taken into use less those given back by this thread; may be negative.
    pub(super) live: Cell<isize>,
    /// Null until the first record and after the thread's end.
    ring: Cell<*const Ring>,
    ring_refusals: Cell<u32>,
    suppressed: Cell<bool>,
    ended: Cell<bool>,
}

impl Local {
    const fn new() -> Self {
        Self {
            current: Cell::new(Raw::NONE),
            levels: [const { Cell::new(Raw::NONE) }; LEVELS],
            level: Cell::new(0),
            stacked: Cell::new(0),
            generator: Cell::new(Generator::unseeded()),
            free: Cell::new(std::ptr::null_mut()),
            free_count: Cell::new(0),
            live: Cell::new(0),
            ring: Cell::new(std::ptr::null()),
            ring_refusals: Cell::new(0),
            suppressed: Cell::new(false),
            ended: Cell::new(false),
        }
    }

    /// Makes a node current and returns the level of what was before; none when all are taken.
    #[inline]
    pub(super) fn swap_in(&self, node: Raw) -> Option<usize> {
        let level = self.level.get();
        self.levels.get(level)?.set(self.current.replace(node));
        self.level.set(level + 1);
        Some(level)
    }

    /// Makes current what was before the swap of a level. False when it was swapped back already.
    #[inline]
    pub(super) fn back_to(&self, level: usize) -> bool {
        let stands = level < self.level.get();
        if let (true, Some(before)) = (stands, self.levels.get(level)) {
            self.current.set(before.get());
            self.level.set(level);
        }
        stands
    }

    /// True on the agent's own threads, whose work is never recorded.
    #[inline]
    pub(super) fn is_suppressed(&self) -> bool {
        self.suppressed.get()
    }

    /// True once the thread's destructors have run: nothing may be kept here any more.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.get()
    }

    /// Sends a record to the drain thread, or drops and counts it.
    #[inline]
    pub(super) fn emit(&self, header: &Header, parts: &[&[u8]], what: Lost) {
        let ring = self.ring.get();
        if ring.is_null() {
            self.emit_first(header, parts, what);
            return;
        }
        // SAFETY: `OWNED` keeps the ring alive until it sets the pointer to null; this thread is
        // its producer.
        if unsafe { (*ring).push(|bytes| header.encode(bytes), parts, what) } == Pushed::HalfFull {
            crate::drain::wake();
        }
    }

    /// Counts an unsampled span. False when its record has to be sent.
    #[inline]
    pub(super) fn count(&self, key: &Key<'_>, bucket: usize, ticks: u64) -> bool {
        let ring = self.ring.get();
        // SAFETY: as in `emit`.
        !ring.is_null() && unsafe { (*ring).tallies.add(key, bucket, ticks) }
    }

    #[cold]
    fn emit_first(&self, header: &Header, parts: &[&[u8]], what: Lost) {
        let refusals = self.ring_refusals.get();
        self.ring_refusals.set(refusals.wrapping_add(1));
        let ring = runtime::get()
            .filter(|_| refusals.is_multiple_of(RING_RETRY_RECORDS) || self.ended.get())
            .and_then(|runtime| REGISTRY.join(runtime.buffer_bytes_per_thread));
        let Some(ring) = ring else {
            REGISTRY.count_dropped(what);
            return;
        };
        // SAFETY: this thread just became the producer.
        unsafe { ring.push(|bytes| header.encode(bytes), parts, what) };
        let adopted = OWNED
            .try_with(|owned| {
                self.ring.set(Arc::as_ptr(&ring));
                owned.ring.set(Some(Arc::clone(&ring)));
            })
            .is_ok();
        if !adopted {
            // The thread is past its end; the ring goes back with its one record.
            ring.close();
        }
    }
}

struct Owned {
    ring: Cell<Option<Arc<Ring>>>,
    stack: RefCell<Stack>,
    scratch: Cell<Vec<u8>>,
}

impl Owned {
    const fn new() -> Self {
        Self {
            ring: Cell::new(None),
            stack: RefCell::new(Stack::new()),
            scratch: Cell::new(Vec::new()),
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // Nodes that the stack held last end here, so it goes before the ring.
        drop(std::mem::take(self.stack.get_mut()));
        LOCAL.with(|local| {
            if local.stacked.replace(0) > 0 {
                local.current.set(Raw::NONE);
            }
            local.ring.set(std::ptr::null());
            local.ended.set(true);
            pool::release_thread(local);
            LIVE.fetch_add(local.live.replace(0), Ordering::Relaxed);
        });
        if let Some(ring) = self.ring.take() {
            ring.close();
        }
    }
}

/// Makes sure that the thread's end gives back what it holds.
#[cold]
pub(super) fn register() {
    // A thread past its end is told by `has_ended`.
    let _ = OWNED.try_with(|_| ());
}

/// The thread's stack of pushes; none past the thread's end.
pub(super) fn with_stack<R>(call: impl FnOnce(&Local, &mut Stack) -> R) -> Option<R> {
    OWNED
        .try_with(|owned| {
            let mut stack = owned.stack.try_borrow_mut().ok()?;
            LOCAL.with(|local| Some(call(local, &mut stack)))
        })
        .ok()
        .flatten()
}

/// Lends a buffer to what formats the program's values, which may call hooks meanwhile.
pub(super) fn with_scratch<R>(call: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    let mut scratch = OWNED
        .try_with(|owned| owned.scratch.take())
        .unwrap_or_default();
    scratch.clear();
    let result = call(&mut scratch);
    if scratch.capacity() <= SCRATCH_BYTES_KEPT {
        let _ = OWNED.try_with(|owned| owned.scratch.set(scratch));
    }
    result
}

/// Marks the calling thread as the agent's own.
pub(crate) fn suppress_thread() {
    LOCAL.with(|local| local.suppressed.set(true));
}

/// Runs code of the program's for the agent: what it does is not the program's doing.
pub(crate) fn suppressed<R>(call: impl FnOnce() -> R) -> R {
    LOCAL.with(|local| {
        let before = local.suppressed.replace(true);
        let result = call();
        local.suppressed.set(before);
        result
    })
}

/// True on the agent's own threads.
pub(crate) fn thread_is_suppressed() -> bool {
    LOCAL.with(Local::is_suppressed)
}

/// Nodes in use: exact when only the calling thread runs, or all others have ended.
pub(crate) fn live_nodes() -> isize {
    LIVE.load(Ordering::Relaxed) + LOCAL.with(|local| local.live.get())
}
