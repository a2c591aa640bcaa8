//! Nodes for reuse: a list per thread, and a shared one that evens out threads which only start
//! and threads which only end spans.

use std::ptr;
use std::sync::Mutex;

use super::Node;
use super::local::Local;

/// Nodes that one thread keeps.
const THREAD_NODES_MAX: usize = 64;
/// Nodes that move between a thread and the shared list at a time.
const BATCH: usize = THREAD_NODES_MAX / 2;
/// Nodes in the shared list.
const SHARED_NODES_MAX: usize = 2048;

struct Shared(Vec<*mut Node>);

// SAFETY: nodes in the list belong to nobody else.
unsafe impl Send for Shared {}

static SHARED: Mutex<Shared> = Mutex::new(Shared(Vec::new()));

/// A node that nobody else knows, in the state `Node::allocate` leaves it in.
#[inline]
pub(super) fn take(local: &Local) -> *mut Node {
    local.live.set(local.live.get() + 1);
    let node = local.free.get();
    if node.is_null() {
        return take_slow(local);
    }
    // SAFETY: nodes in the free list belong to this thread alone.
    local.free.set(unsafe { (*node).next });
    local.free_count.set(local.free_count.get() - 1);
    node
}

#[cold]
fn take_slow(local: &Local) -> *mut Node {
    super::local::register();
    if !local.has_ended()
        && let Ok(mut shared) = SHARED.try_lock()
    {
        let rest = shared.0.len().saturating_sub(BATCH);
        for node in shared.0.drain(rest..) {
            keep(local, node);
        }
    }
    let node = local.free.get();
    if node.is_null() {
        return Node::allocate();
    }
    // SAFETY: as in `take`.
    local.free.set(unsafe { (*node).next });
    local.free_count.set(local.free_count.get() - 1);
    node
}

/// Takes back a node that nobody knows any more.
///
/// # Safety
/// The node came from [`take`], and no reference to it is left.
#[inline]
pub(super) unsafe fn give(local: &Local, node: *mut Node) {
    local.live.set(local.live.get() - 1);
    if local.free_count.get() < THREAD_NODES_MAX && !local.has_ended() {
        keep(local, node);
    } else {
        give_slow(local, node);
    }
}

#[inline]
fn keep(local: &Local, node: *mut Node) {
    // SAFETY: by the contracts of `take` and `give` this thread is the only one to know it.
    unsafe { (*node).next = local.free.get() };
    local.free.set(node);
    local.free_count.set(local.free_count.get() + 1);
}

#[cold]
fn give_slow(local: &Local, node: *mut Node) {
    let mut surplus = vec![node];
    let kept = if local.has_ended() {
        0
    } else {
        THREAD_NODES_MAX - BATCH
    };
    while local.free_count.get() > kept {
        let next = local.free.get();
        // SAFETY: as in `take`.
        local.free.set(unsafe { (*next).next });
        local.free_count.set(local.free_count.get() - 1);
        surplus.push(next);
    }
    share(surplus);
}

/// Gives up everything that a thread keeps, when it ends.
pub(super) fn release_thread(local: &Local) {
    let mut surplus = Vec::with_capacity(local.free_count.replace(0));
    let mut node = local.free.replace(ptr::null_mut());
    while !node.is_null() {
        surplus.push(node);
        // SAFETY: as in `take`.
        node = unsafe { (*node).next };
    }
    share(surplus);
}

fn share(mut surplus: Vec<*mut Node>) {
    if let Ok(mut shared) = SHARED.try_lock() {
        let room = SHARED_NODES_MAX.saturating_sub(shared.0.len());
        let kept = surplus.split_off(surplus.len().saturating_sub(room));
        shared.0.extend(kept);
    }
    for node in surplus {
        // SAFETY: it was allocated in `take_slow`, and nobody knows it.
        unsafe { Node::free(node) };
    }
}
