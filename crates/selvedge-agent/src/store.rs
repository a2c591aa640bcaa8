//! Nodes that integrations keep under a key, where a library has no place for a context.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

/// Names the integration, and what it likes: an address, a stream's number.
pub(crate) type Key = (&'static str, (u64, u64));

const SHARDS: usize = 16;
/// Entries of the whole store.
const ENTRIES_MAX: usize = 65_536;

/// A sharded map that evicts when it is full: entries whose operation was given up would
/// otherwise shut the store for ever.
pub(crate) struct Store<V> {
    shards: [LazyLock<Mutex<HashMap<Key, V>>>; SHARDS],
    entries_max_per_shard: usize,
}

impl<V> Store<V> {
    pub(crate) const fn new() -> Self {
        Self {
            shards: [const { LazyLock::new(|| Mutex::new(HashMap::new())) }; SHARDS],
            entries_max_per_shard: ENTRIES_MAX / SHARDS,
        }
    }

    /// Keeps a value. Returns what has to go: the key's former value, or that of another key.
    pub(crate) fn put(&self, key: Key, value: V) -> Option<V> {
        let mut shard = self.shard(&key);
        if let Some(former) = shard.get_mut(&key) {
            return Some(std::mem::replace(former, value));
        }
        let evicted = if shard.len() >= self.entries_max_per_shard {
            let victim = shard.keys().next().copied();
            victim.and_then(|victim| shard.remove(&victim))
        } else {
            None
        };
        shard.insert(key, value);
        evicted
    }

    /// Looks at a value while its shard is locked.
    pub(crate) fn with<R>(&self, key: &Key, look: impl FnOnce(&V) -> R) -> Option<R> {
        self.shard(key).get(key).map(look)
    }

    /// Removes a value.
    pub(crate) fn take(&self, key: &Key) -> Option<V> {
        self.shard(key).remove(key)
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, HashMap<Key, V>> {
        let (low, high) = key.1;
        // Addresses differ in the middle bits, counters in the lowest.
        let mixed = (low ^ high.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.shards[(mixed >> 60) as usize % SHARDS]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_kept_until_taken() {
        let store = Store::new();
        assert_eq!(store.put(("h2", (1, 2)), 'a'), None);
        assert_eq!(store.put(("h2", (1, 2)), 'b'), Some('a'));
        assert_eq!(store.with(&("h2", (1, 2)), |value| *value), Some('b'));
        assert_eq!(store.with(&("other", (1, 2)), |value| *value), None);
        assert_eq!(store.take(&("h2", (1, 2))), Some('b'));
        assert_eq!(store.take(&("h2", (1, 2))), None);
    }

    #[test]
    fn a_full_store_evicts_and_takes_the_new_value() {
        let store = Store::new();
        let evicted = (0..100_000)
            .filter(|&key| store.put(("x", (key, 0)), key).is_some())
            .count();
        assert!(evicted >= 100_000 - ENTRIES_MAX);
        assert!(store.with(&("x", (99_999, 0)), |_| ()).is_some());
    }
}
