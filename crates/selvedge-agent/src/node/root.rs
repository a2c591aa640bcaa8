//! Weak references to the spans by which traces entered the process.
//!
//! Every span below names its local root, and hardly anybody asks for it. So naming it costs
//! two copied words and counts nothing; only a root that was named pays, when it is freed.

use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Node, NodeRef};

/// Where it is told whether a node still is what a weak reference meant. Never freed, only used
/// again, so that it can be asked at any time.
pub(super) struct Anchor(Mutex<Place>);

struct Place {
    node: *const Node,
    /// Grows each time that a node which was named is freed.
    generation: u64,
}

// SAFETY: the node is looked at only under the lock, by `LocalRoot::upgrade`.
unsafe impl Send for Place {}

/// Anchors of nodes that are no more.
static FREE: Mutex<Vec<&'static Anchor>> = Mutex::new(Vec::new());

impl Anchor {
    /// An anchor for a new node. There are as many as there were nodes at a time.
    pub(super) fn new() -> &'static Self {
        let reused = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        reused.unwrap_or_else(|| {
            Box::leak(Box::new(Self(Mutex::new(Place {
                node: ptr::null(),
                generation: 0,
            }))))
        })
    }

    /// Says which node it is for, and returns the node's first generation.
    pub(super) fn attach(&self, node: *const Node) -> u64 {
        let mut place = self.lock();
        place.node = node;
        place.generation
    }

    /// Makes all weak references stale, and returns the next generation.
    #[cold]
    pub(super) fn advance(&self) -> u64 {
        let mut place = self.lock();
        place.generation += 1;
        place.generation
    }

    /// Gives the anchor of a freed node back.
    pub(super) fn give(&'static self) {
        self.lock().node = ptr::null();
        FREE.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(self);
    }

    fn lock(&self) -> MutexGuard<'_, Place> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A span that may be gone.
#[derive(Clone, Copy)]
pub(super) struct LocalRoot {
    anchor: &'static Anchor,
    generation: u64,
}

impl LocalRoot {
    /// Names a span.
    #[inline]
    pub(super) fn of(span: &Node) -> Self {
        span.set_named();
        Self {
            anchor: span.anchor,
            generation: span.generation,
        }
    }

    /// The span, unless it is gone.
    pub(super) fn upgrade(self) -> Option<NodeRef> {
        let place = self.anchor.lock();
        if place.generation != self.generation {
            return None;
        }
        // SAFETY: a node that was named is freed only after its generation was advanced, for
        // which its last owner waits for this lock.
        unsafe { place.node.as_ref() }?.try_retain()
    }
}
