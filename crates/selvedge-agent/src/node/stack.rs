//! Which node is current: nested swaps, and pushes whose pops may come out of order.
//!
//! Swaps are borrowed and mostly nest; pushes are owned by the stack. What was current before a
//! swap must not be kept by whoever swaps: safe code may drop its guards in any order, and by
//! then that node may be freed. So it is kept here, and a swap gives back its level, which is
//! opaque for the caller. Swapping back to a level takes away all levels above it too, and does
//! nothing when the level is gone. Hence a node stands in a level only while whoever swapped it
//! in has not swapped back, and is alive.
//!
//! Levels are in an array while there are no pushes; with pushes, or past the array's end, swaps
//! and pushes are entries of the stack.

use selvedge_hooks::table::Raw;

use super::NodeRef;
use super::local::{LOCAL, Local, with_stack};

/// Bit of what [`swap`] returns: this swaps back.
const BACK: usize = 2;
/// Bit of what [`swap`] returns: the level is a position in the stack.
const POSITION: usize = 4;
const LEVEL_SHIFT: u32 = 3;
/// Swaps back to a level that there never is.
const NOWHERE: Raw = Raw(!0 << LEVEL_SHIFT | BACK);
/// Levels in the array.
pub(super) const LEVELS: usize = 64;
/// Pushes of one thread that have not been popped; further ones are ignored.
const PUSHES_MAX: usize = 128;

/// Pushes and the swaps among them.
#[derive(Default)]
pub(super) struct Stack {
    entries: Vec<Entry>,
    /// What was swapped in below the newest pushes.
    base: usize,
}

enum Entry {
    Pushed(NodeRef),
    /// Popped, but below an entry that still stands.
    Gone,
    /// A swap; holds the base of what is below.
    Swap(usize),
}

impl Stack {
    pub(super) const fn new() -> Self {
        Self {
            entries: Vec::new(),
            base: 0,
        }
    }

    fn push(&mut self, node: NodeRef) {
        self.entries.push(Entry::Pushed(node));
    }

    /// An empty stack stands on what is current.
    fn follow(&mut self, local: &Local) {
        if self.entries.is_empty() {
            self.base = local.current.get().0;
        }
    }

    /// Removes the newest push of a node and returns it.
    fn pop(&mut self, node: Raw) -> Option<NodeRef> {
        let position = self
            .entries
            .iter()
            .rposition(|entry| matches!(entry, Entry::Pushed(pushed) if pushed.raw() == node))?;
        let popped = std::mem::replace(&mut self.entries[position], Entry::Gone);
        self.trim();
        match popped {
            Entry::Pushed(node) => Some(node),
            Entry::Gone | Entry::Swap(_) => None,
        }
    }

    fn swap_in(&mut self, base: Raw) -> Raw {
        let position = self.entries.len();
        self.entries.push(Entry::Swap(self.base));
        self.base = base.0;
        Raw(position << LEVEL_SHIFT | BACK | POSITION)
    }

    /// Undoes the swap at a position and everything above it, which is returned.
    fn swap_back(&mut self, position: usize) -> Vec<Entry> {
        if !matches!(self.entries.get(position), Some(Entry::Swap(_))) {
            return Vec::new();
        }
        let above = self.entries.split_off(position + 1);
        if let Some(Entry::Swap(base)) = self.entries.pop() {
            self.base = base;
        }
        self.trim();
        above
    }

    fn trim(&mut self) {
        while matches!(self.entries.last(), Some(Entry::Gone)) {
            self.entries.pop();
        }
    }

    /// The newest push above the newest swap, else what was swapped in.
    fn current(&self) -> Raw {
        self.entries
            .iter()
            .rev()
            .take_while(|entry| !matches!(entry, Entry::Swap(_)))
            .find_map(|entry| match entry {
                Entry::Pushed(node) => Some(node.raw()),
                Entry::Gone | Entry::Swap(_) => None,
            })
            .unwrap_or(Raw(self.base))
    }
}

/// Makes a borrowed node current, or swaps back to what was current before.
///
/// # Safety
/// The node stays alive until the result is handed back.
#[inline]
pub(super) unsafe fn swap(node: Raw) -> Raw {
    LOCAL.with(|local| {
        if local.stacked.get() > 0 || node.0 & POSITION != 0 {
            return swap_stacked(node);
        }
        if node.0 & BACK != 0 {
            local.back_to(node.0 >> LEVEL_SHIFT);
            return NOWHERE;
        }
        match local.swap_in(node) {
            Some(level) => Raw(level << LEVEL_SHIFT | BACK),
            None => swap_stacked(node),
        }
    })
}

#[cold]
fn swap_stacked(node: Raw) -> Raw {
    let mut gone = Vec::new();
    let back = with_stack(|local, stack| {
        stack.follow(local);
        let mut back = NOWHERE;
        if node.0 & BACK == 0 {
            back = stack.swap_in(node);
        } else if node.0 & POSITION != 0 {
            gone = stack.swap_back(node.0 >> LEVEL_SHIFT);
        } else if local.back_to(node.0 >> LEVEL_SHIFT) {
            // This swap was made below all pushes: none of them outlives it.
            gone = std::mem::take(&mut stack.entries);
            stack.follow(local);
        }
        local.stacked.set(stack.entries.len());
        local.current.set(stack.current());
        back
    });
    drop(gone);
    back.unwrap_or_else(|| {
        // Past the thread's end no push stands any more.
        LOCAL.with(|local| local.current.set(Raw::NONE));
        NOWHERE
    })
}

/// Makes a node current until [`pop`].
pub(super) fn push(node: NodeRef) {
    // Past the thread's end, or with too many pushes, the context stays as it is.
    with_stack(|local, stack| {
        if stack.entries.len() < PUSHES_MAX {
            stack.follow(local);
            stack.push(node);
            local.stacked.set(stack.entries.len());
            local.current.set(stack.current());
        }
    });
}

/// Undoes the newest [`push`] of a node on this thread.
pub(super) fn pop(node: Raw) {
    let popped = with_stack(|local, stack| {
        let popped = stack.pop(node)?;
        local.stacked.set(stack.entries.len());
        local.current.set(stack.current());
        Some(popped)
    });
    drop(popped);
}
