//! What unsampled spans leave behind: they are counted where they end and sent nowhere.
//!
//! Such a span is seen only in the metrics that are made from spans. A thread keeps a tally for
//! each site, outcome and set of labels: spans per bucket of the duration, and their ticks in
//! all. The drain thread reads the tallies in each of its rounds and measures what is new, so a
//! span costs neither of the two a record. There are few tallies; a span that finds none free goes
//! through the ring, as sampled ones do, with the same result.
//!
//! One producer writes, one consumer reads, no lock. The producer alone takes a slot into use and
//! closes it; the consumer alone empties closed slots.

use std::sync::OnceLock;

#[cfg(loom)]
use loom::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};

/// Buckets of a tally, as many as any duration has, or more.
pub(crate) const BUCKETS: usize = if cfg!(loom) { 2 } else { 16 };
/// Tallies of one thread; a bit of `Tallies::used` for each.
const SLOTS: usize = if cfg!(loom) { 2 } else { 64 };
/// Slots that a key may be in.
const PROBES: usize = if cfg!(loom) { 2 } else { 4 };
/// Words of the longest body that is tallied.
const WORDS: usize = if cfg!(loom) { 1 } else { 24 };
const WORD: usize = size_of::<u64>();

/// A slot's states: free, counted into, and given up but not read to its end.
const FREE: u8 = 0;
const LIVE: u8 = 1;
const CLOSED: u8 = 2;

/// What spans of one tally have in common.
#[derive(Clone, Copy)]
pub(crate) struct Key<'a> {
    /// Address of the site.
    pub(crate) site: u64,
    /// How the spans ended.
    pub(crate) detail: u8,
    /// What they gathered, as it would stand in their records.
    pub(crate) body: &'a [u8],
}

/// What was counted since the last time.
pub(crate) struct Tally<'a> {
    pub(crate) key: Key<'a>,
    /// Spans per bucket of the duration.
    pub(crate) counts: [u32; BUCKETS],
    /// Duration of all of them.
    pub(crate) ticks: u64,
}

/// The tallies of one thread.
pub(crate) struct Tallies {
    /// Made when they are first needed: most threads have few.
    slots: [OnceLock<Box<Slot>>; SLOTS],
    /// Slots worth a look by the consumer.
    used: AtomicU64,
}

struct Slot {
    /// Hash of the key; 0 unless the slot is live.
    hash: AtomicU64,
    site: AtomicU64,
    ticks: AtomicU64,
    length: AtomicU32,
    detail: AtomicU8,
    state: AtomicU8,
    /// Counted into since somebody else wanted the slot.
    recent: AtomicBool,
    body: [AtomicU64; WORDS],
    counts: [AtomicU32; BUCKETS],
    seen: Seen,
}

/// What the consumer has taken so far. Counts wrap around, differences do not.
#[repr(align(64))]
struct Seen {
    counts: [AtomicU32; BUCKETS],
    ticks: AtomicU64,
}

impl Key<'_> {
    /// True when a slot holds it. Shorter bodies than a word there are none but empty ones.
    #[inline]
    fn fits(&self) -> bool {
        let length = self.body.len();
        length <= WORDS * WORD && (length == 0 || length >= WORD)
    }

    /// The body in words, the last of which overlaps the one before.
    #[inline]
    fn each_word(&self, mut call: impl FnMut(usize, u64)) {
        let (words, rest) = self.body.as_chunks::<WORD>();
        for (index, word) in words.iter().enumerate() {
            call(index, u64::from_ne_bytes(*word));
        }
        if let (Some(last), false) = (self.body.last_chunk(), rest.is_empty()) {
            call(words.len(), u64::from_ne_bytes(*last));
        }
    }

    /// Never 0. All bits depend on all of the key.
    #[inline]
    fn hash(&self) -> u64 {
        const FIRST: u64 = 0x9e37_79b9_7f4a_7c15;
        const STEP: u64 = 0x6a09_e667_f3bc_c909;
        let fixed = self.site ^ u64::from(self.detail) << 56 ^ (self.body.len() as u64) << 48;
        let word = |word: &[u8; WORD]| u64::from_ne_bytes(*word);
        let mut hash = fold(fixed, FIRST);
        let mut seed = FIRST;
        let (pairs, rest) = self.body.as_chunks::<{ 2 * WORD }>();
        for pair in pairs {
            // Products that wait for no other one.
            seed = seed.wrapping_add(STEP);
            let [low, high] = [0, WORD].map(|at| pair[at..].first_chunk().map_or(0, word));
            hash = hash.wrapping_add(fold(low ^ seed, high ^ STEP));
        }
        if !rest.is_empty() {
            let [first, last] =
                [rest.first_chunk(), self.body.last_chunk()].map(|chunk| chunk.map_or(0, word));
            hash = hash.wrapping_add(fold(first ^ STEP, last ^ FIRST));
        }
        hash | 1
    }
}

/// Both halves of a product, so that each bit of it depends on all bits of the factors.
#[inline]
fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    product as u64 ^ (product >> 64) as u64
}

impl Slot {
    fn new() -> Self {
        Self {
            hash: AtomicU64::new(0),
            site: AtomicU64::new(0),
            ticks: AtomicU64::new(0),
            length: AtomicU32::new(0),
            detail: AtomicU8::new(0),
            state: AtomicU8::new(FREE),
            recent: AtomicBool::new(false),
            body: std::array::from_fn(|_| AtomicU64::new(0)),
            counts: std::array::from_fn(|_| AtomicU32::new(0)),
            seen: Seen {
                counts: std::array::from_fn(|_| AtomicU32::new(0)),
                ticks: AtomicU64::new(0),
            },
        }
    }

    /// Asked by the producer, who wrote all of it.
    #[inline]
    fn is_for(&self, key: &Key<'_>, hash: u64) -> bool {
        self.hash.load(Ordering::Relaxed) == hash
            && self.site.load(Ordering::Relaxed) == key.site
            && self.length.load(Ordering::Relaxed) as usize == key.body.len()
            && self.detail.load(Ordering::Relaxed) == key.detail
            && self.holds(key.body)
    }

    #[inline]
    fn holds(&self, body: &[u8]) -> bool {
        let same = |kept: &AtomicU64, word: &[u8; WORD]| {
            kept.load(Ordering::Relaxed) == u64::from_ne_bytes(*word)
        };
        let (words, rest) = body.as_chunks::<WORD>();
        for (kept, word) in self.body.iter().zip(words) {
            if !same(kept, word) {
                return false;
            }
        }
        match (body.last_chunk(), self.body.get(words.len())) {
            (Some(last), Some(kept)) if !rest.is_empty() => same(kept, last),
            _ => true,
        }
    }

    #[inline]
    fn count(&self, bucket: usize, ticks: u64) {
        if let Some(count) = self.counts.get(bucket) {
            let counted = count.load(Ordering::Relaxed).wrapping_add(1);
            count.store(counted, Ordering::Relaxed);
            let sum = self.ticks.load(Ordering::Relaxed).wrapping_add(ticks);
            self.ticks.store(sum, Ordering::Relaxed);
            self.recent.store(true, Ordering::Relaxed);
        }
    }

    /// Takes a free slot into use.
    fn open(&self, key: &Key<'_>, hash: u64) {
        key.each_word(|index, word| {
            self.body[index].store(word, Ordering::Relaxed);
        });
        self.site.store(key.site, Ordering::Relaxed);
        self.length.store(key.body.len() as u32, Ordering::Relaxed);
        self.detail.store(key.detail, Ordering::Relaxed);
        self.hash.store(hash, Ordering::Relaxed);
        self.state.store(LIVE, Ordering::Release);
    }

    /// Gives the slot up.
    fn close(&self) {
        self.hash.store(0, Ordering::Relaxed);
        self.state.store(CLOSED, Ordering::Release);
    }

    /// What came since the last time; none for nothing.
    fn take(&self) -> Option<([u32; BUCKETS], u64)> {
        let mut counts = [0; BUCKETS];
        let mut spans = 0;
        for (taken, (count, seen)) in counts
            .iter_mut()
            .zip(self.counts.iter().zip(&self.seen.counts))
        {
            let count = count.load(Ordering::Relaxed);
            *taken = count.wrapping_sub(seen.load(Ordering::Relaxed));
            spans |= *taken;
            if *taken > 0 {
                seen.store(count, Ordering::Relaxed);
            }
        }
        let ticks = self.ticks.load(Ordering::Relaxed);
        let taken = ticks.wrapping_sub(self.seen.ticks.load(Ordering::Relaxed));
        // A span may be seen while the producer counts it: its ticks come later, maybe alone.
        if spans == 0 && taken == 0 {
            return None;
        }
        self.seen.ticks.store(ticks, Ordering::Relaxed);
        Some((counts, taken))
    }

    /// The body as it was given.
    fn copy_body(&self, body: &mut Vec<u8>) {
        body.clear();
        let length = self.length.load(Ordering::Relaxed) as usize;
        for (index, word) in self.body.iter().enumerate().take(length.div_ceil(WORD)) {
            // The last word overlaps the one before.
            body.truncate(length.saturating_sub(WORD).min(index * WORD));
            body.extend_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
        }
    }
}

impl Tallies {
    pub(crate) fn new() -> Self {
        Self {
            slots: [const { OnceLock::new() }; SLOTS],
            used: AtomicU64::new(0),
        }
    }

    /// Counts a span; false when there is no slot for it yet. For the one producer.
    #[inline]
    pub(crate) fn add(&self, key: &Key<'_>, bucket: usize, ticks: u64) -> bool {
        if !key.fits() {
            return false;
        }
        let hash = key.hash();
        for index in places(hash) {
            let Some(slot) = self.slots[index].get() else {
                break;
            };
            if slot.is_for(key, hash) {
                slot.count(bucket, ticks);
                return true;
            }
        }
        self.add_first(key, hash, bucket, ticks)
    }

    #[cold]
    fn add_first(&self, key: &Key<'_>, hash: u64, bucket: usize, ticks: u64) -> bool {
        for index in places(hash) {
            let slot = self.slots[index].get_or_init(|| Box::new(Slot::new()));
            // Acquire: the consumer is done with what was in it.
            if slot.state.load(Ordering::Acquire) == FREE {
                slot.open(key, hash);
                self.used.fetch_or(1 << index, Ordering::Release);
                slot.count(bucket, ticks);
                return true;
            }
        }
        // The one that was not counted into for longest goes, so that labels which never come
        // again keep no others out.
        for slot in places(hash).filter_map(|index| self.slots[index].get()) {
            let is_live = slot.state.load(Ordering::Relaxed) == LIVE;
            if is_live && !slot.recent.swap(false, Ordering::Relaxed) {
                slot.close();
                break;
            }
        }
        false
    }

    /// Passes on what was counted since the last time. For the one consumer.
    pub(crate) fn take(&self, body: &mut Vec<u8>, take: &mut dyn FnMut(&Tally<'_>)) {
        let mut used = self.used.load(Ordering::Acquire);
        while used != 0 {
            let index = used.trailing_zeros() as usize;
            used &= used - 1;
            let Some(slot) = self.slots[index].get() else {
                continue;
            };
            // Acquire: of a closed slot all is seen.
            let state = slot.state.load(Ordering::Acquire);
            if let Some((counts, ticks)) = slot.take() {
                slot.copy_body(body);
                let key = Key {
                    site: slot.site.load(Ordering::Relaxed),
                    detail: slot.detail.load(Ordering::Relaxed),
                    body,
                };
                take(&Tally { key, counts, ticks });
            }
            if state == CLOSED {
                self.used.fetch_and(!(1 << index), Ordering::Relaxed);
                slot.state.store(FREE, Ordering::Release);
            }
        }
    }
}

/// Where a key may be, in the order in which slots are taken.
#[inline]
fn places(hash: u64) -> impl Iterator<Item = usize> {
    let first = (hash >> 58) as usize;
    (0..PROBES).map(move |probe| (first + probe) % SLOTS)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::AtomicBool;

    use proptest::prelude::*;

    use super::*;

    /// Spans per bucket and their ticks.
    type Totals = BTreeMap<(u64, u8, Vec<u8>), ([u64; BUCKETS], u64)>;

    fn count(totals: &mut Totals, key: &Key<'_>, bucket: usize, ticks: u64) {
        let place = totals.entry((key.site, key.detail, key.body.to_vec()));
        let (counts, sum) = place.or_default();
        counts[bucket] += 1;
        *sum += ticks;
    }

    fn take(tallies: &Tallies, totals: &mut Totals) {
        tallies.take(&mut Vec::new(), &mut |tally| {
            let Key { site, detail, body } = tally.key;
            let (counts, sum) = totals.entry((site, detail, body.to_vec())).or_default();
            for (total, new) in counts.iter_mut().zip(tally.counts) {
                *total += u64::from(new);
            }
            *sum += tally.ticks;
        });
    }

    proptest! {
        #[test]
        fn what_is_counted_is_taken_once_and_under_its_own_key(
            steps in prop::collection::vec(
                (0_u64..3, 0_u8..2, 0_usize..210, 0_u8..3, 0..BUCKETS, any::<bool>()),
                0..300,
            ),
        ) {
            let tallies = Tallies::new();
            let (mut expected, mut taken) = (Totals::new(), Totals::new());
            for (site, detail, length, last, bucket, takes) in steps {
                let mut body: Vec<u8> = (0..length).map(|index| index as u8).collect();
                if let Some(byte) = body.last_mut() {
                    *byte = last;
                }
                let key = Key { site, detail, body: &body };
                if tallies.add(&key, bucket, 7) {
                    count(&mut expected, &key, bucket, 7);
                }
                if takes {
                    take(&tallies, &mut taken);
                }
            }
            take(&tallies, &mut taken);
            prop_assert_eq!(taken, expected);
        }
    }

    #[test]
    fn labels_that_never_come_again_keep_no_others_out() {
        let tallies = Tallies::new();
        let mut totals = Totals::new();
        let add = |number: u64| {
            let body = [number.to_ne_bytes(), [0; WORD]].concat();
            tallies.add(
                &Key {
                    site: 8,
                    detail: 0,
                    body: &body,
                },
                0,
                1,
            )
        };
        for number in 0..if cfg!(miri) { 500 } else { 10_000 } {
            add(number);
            if number % 100 == 0 {
                take(&tallies, &mut totals);
            }
        }
        let counted = (0..1000).filter(|number| {
            take(&tallies, &mut totals);
            add(20_000 + number % 16)
        });
        assert!(counted.count() > 800);
    }

    #[test]
    fn the_consumer_sees_all_while_the_producer_counts() {
        const SPANS: u64 = if cfg!(miri) { 300 } else { 100_000 };
        let tallies = Tallies::new();
        let ended = AtomicBool::new(false);
        let mut taken = Totals::new();
        let expected = std::thread::scope(|scope| {
            let producer = scope.spawn(|| {
                let mut expected = Totals::new();
                for number in 0..SPANS {
                    let body = [(number % 300).to_ne_bytes(); 3].concat();
                    let key = Key {
                        site: 8,
                        detail: 0,
                        body: &body,
                    };
                    if tallies.add(&key, (number % 16) as usize, number) {
                        count(&mut expected, &key, (number % 16) as usize, number);
                    }
                }
                ended.store(true, Ordering::Release);
                expected
            });
            while !ended.load(Ordering::Acquire) {
                take(&tallies, &mut taken);
            }
            producer.join().expect("no panic")
        });
        take(&tallies, &mut taken);
        assert_eq!(taken, expected);
    }

    #[test]
    fn bodies_too_long_or_too_short_for_a_slot_are_refused() {
        let tallies = Tallies::new();
        let added = [0, 1, WORD, WORDS * WORD, WORDS * WORD + 1].map(|length| {
            let body = vec![1; length];
            tallies.add(
                &Key {
                    site: 8,
                    detail: 0,
                    body: &body,
                },
                0,
                1,
            )
        });
        assert_eq!(added, [true, false, true, true, false]);
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use loom::sync::Arc;

    use super::*;

    #[test]
    fn loom_a_slot_given_up_is_taken_to_its_end_before_it_is_used_again() {
        loom::model(|| {
            let tallies = Arc::new(Tallies::new());
            let producer = Arc::clone(&tallies);
            let thread = loom::thread::spawn(move || {
                let mut counted = 0;
                // There are two slots: the third closes one, the fourth may have it.
                for (round, site) in [1, 2, 3, 4].into_iter().enumerate() {
                    let key = Key {
                        site,
                        detail: 0,
                        body: &[],
                    };
                    if producer.add(&key, 0, site) {
                        counted += site;
                    }
                    if round == 1 {
                        for slot in producer.slots.iter().filter_map(OnceLock::get) {
                            slot.recent.store(false, Ordering::Relaxed);
                        }
                    }
                }
                counted
            });
            let mut taken = 0;
            let mut take = || {
                tallies.take(&mut Vec::new(), &mut |tally| {
                    // A span that is seen while it is counted may come in two parts.
                    assert!(tally.ticks == 0 || tally.ticks == tally.key.site);
                    taken += tally.ticks;
                });
            };
            take();
            let counted = thread.join().expect("no panic");
            take();
            assert_eq!(taken, counted);
        });
    }
}
