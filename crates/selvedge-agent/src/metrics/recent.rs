//! The series that a thread measured into of late, so that labels which come again are compared
//! and no more: neither put in order nor looked up under a lock.

use std::cell::RefCell;
use std::sync::Arc;

use selvedge_hooks::{Attribute, Value};

use super::series::Series;

/// Series that one thread remembers; a power of two.
const PLACES: usize = 64;
/// Words of the labels of a remembered series; longer ones are looked up each time.
const WORDS: usize = 16;
const WORD: usize = size_of::<u64>();

thread_local! {
    static RECENT: RefCell<Recent> = const { RefCell::new(Recent::new()) };
}

struct Recent {
    places: [Option<Box<Entry>>; PLACES],
    /// Which of two places goes next.
    turn: usize,
}

struct Entry {
    key: Key,
    series: Arc<Series>,
}

/// Labels as words, in the order they come. Keys are told apart by their addresses: two statics
/// of one text are remembered twice, and mean the same series.
pub(super) struct Key {
    words: [u64; WORDS],
    length: usize,
    hash: u64,
}

impl Key {
    pub(super) const EMPTY: Self = Self {
        words: [0; WORDS],
        length: 0,
        hash: 0,
    };

    /// Makes an empty key that of a family's labels; none when they are too long, or have to be
    /// formatted. In place, because a key is large for what a measurement may cost.
    #[inline]
    pub(super) fn fill(&mut self, family: usize, labels: &[Attribute<'_>]) -> Option<()> {
        self.push(family as u64)?;
        for label in labels {
            let (tag, value) = match label.value {
                Value::Str(text) => {
                    self.push_head(label, 1, text.len())?;
                    self.push_text(text.as_bytes())?;
                    continue;
                }
                Value::Int(value) => (2, value.cast_unsigned()),
                Value::Float(value) => (3, value.to_bits()),
                Value::Bool(value) => (4, u64::from(value)),
                Value::None => continue,
                Value::Display(_) | Value::Debug(_) => return None,
            };
            self.push_head(label, tag, 0)?;
            self.push(value)?;
        }
        Some(())
    }

    #[inline]
    fn push_head(&mut self, label: &Attribute<'_>, tag: u64, length: usize) -> Option<()> {
        self.push(label.key.as_ptr().addr() as u64)?;
        self.push(tag | (label.key.len() as u64) << 8 | (length as u64) << 32)
    }

    /// The length was told before, so that the last word may overlap the one before, or be
    /// filled up.
    #[inline]
    fn push_text(&mut self, text: &[u8]) -> Option<()> {
        let (words, rest) = text.as_chunks::<WORD>();
        for word in words {
            self.push(u64::from_ne_bytes(*word))?;
        }
        match (text.last_chunk(), rest) {
            (_, []) => Some(()),
            (Some(last), _) => self.push(u64::from_ne_bytes(*last)),
            (None, rest) => self.push(short(rest)),
        }
    }

    #[inline]
    fn push(&mut self, word: u64) -> Option<()> {
        const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
        *self.words.get_mut(self.length)? = word;
        self.length += 1;
        // Products that wait for no other one; each depends on the word's place.
        let factor = FACTOR.wrapping_mul(2 * self.length as u64 + 1);
        let product = u128::from(word) * u128::from(factor);
        self.hash = self
            .hash
            .wrapping_add(product as u64 ^ (product >> 64) as u64);
        Some(())
    }

    #[inline]
    fn is(&self, other: &Self) -> bool {
        self.hash == other.hash
            && self.length == other.length
            && self.words.get(..self.length) == other.words.get(..other.length)
    }

    /// The two places that it may be in.
    fn places(&self) -> [usize; 2] {
        let first = self.hash as usize % PLACES;
        [first, first ^ 1]
    }
}

/// Fewer bytes than a word has.
#[inline]
fn short(bytes: &[u8]) -> u64 {
    match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (Some(first), Some(last)) => {
            u64::from(u32::from_ne_bytes(*first)) | u64::from(u32::from_ne_bytes(*last)) << 32
        }
        _ => bytes
            .iter()
            .fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// Looks at the series of a key; false when this thread does not remember it.
#[inline]
pub(super) fn with(key: &Key, look: impl FnOnce(&Series)) -> bool {
    RECENT
        .try_with(|recent| {
            let recent = recent.try_borrow().ok()?;
            let entry = key.places().into_iter().find_map(|place| {
                recent.places[place]
                    .as_deref()
                    .filter(|entry| entry.key.is(key))
            })?;
            look(&entry.series);
            Some(())
        })
        .is_ok_and(|found| found.is_some())
}

/// Remembers a series, and forgets another one if there is no room.
#[cold]
pub(super) fn remember(key: Key, series: Arc<Series>) {
    // A thread that is going down remembers nothing.
    let _ = RECENT.try_with(|recent| {
        let Ok(mut recent) = recent.try_borrow_mut() else {
            return;
        };
        let places = key.places();
        let free = places
            .into_iter()
            .find(|&place| recent.places[place].is_none());
        let place = free.unwrap_or_else(|| {
            recent.turn ^= 1;
            places[recent.turn]
        });
        let entry = Entry { key, series };
        match &mut recent.places[place] {
            Some(former) => **former = entry,
            empty => *empty = Some(Box::new(entry)),
        }
    });
}

impl Recent {
    const fn new() -> Self {
        Self {
            places: [const { None }; PLACES],
            turn: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::super::labels::Labels;
    use super::*;

    fn filled(family: usize, labels: &[Attribute<'_>]) -> Option<Key> {
        let mut key = Key::EMPTY;
        key.fill(family, labels).map(|()| key)
    }

    #[derive(Clone, Debug, PartialEq)]
    enum Owned {
        Str(String),
        Int(i64),
        Float(f64),
        Bool(bool),
    }

    impl Owned {
        fn value(&self) -> Value<'_> {
            match self {
                Self::Str(text) => Value::Str(text),
                Self::Int(value) => Value::Int(*value),
                Self::Float(value) => Value::Float(*value),
                Self::Bool(value) => Value::Bool(*value),
            }
        }
    }

    fn value() -> impl Strategy<Value = Owned> {
        prop_oneof![
            "[ab]{0,20}".prop_map(Owned::Str),
            (-2_i64..3).prop_map(Owned::Int),
            (-2_i64..3).prop_map(|value| Owned::Float(value as f64)),
            any::<bool>().prop_map(Owned::Bool),
        ]
    }

    proptest! {
        #[test]
        fn labels_are_of_one_key_exactly_when_they_are_equal(
            left in prop::collection::vec((0_usize..2, value()), 0..4),
            right in prop::collection::vec((0_usize..2, value()), 0..4),
        ) {
            const KEYS: [&str; 2] = ["currency", "channel"];
            let key = |labels: &[(usize, Owned)]| {
                let labels: Vec<_> = labels
                    .iter()
                    .map(|(key, value)| Attribute::label(KEYS[*key], value.value()))
                    .collect();
                filled(1, &labels)
            };
            let (Some(one), Some(two)) = (key(&left), key(&right)) else {
                return Ok(());
            };
            prop_assert_eq!(one.is(&two), left == right);
        }
    }

    #[test]
    fn more_series_than_are_remembered_are_told_apart() {
        let mut known = HashMap::new();
        for round in 0..3 {
            for number in 0..if cfg!(miri) { 70 } else { 500_i64 } {
                let labels = [Attribute::label("n", number)];
                let key = filled(7, &labels).expect("short enough");
                let series = known
                    .entry(number)
                    .or_insert_with(|| Arc::new(Series::new(Labels::default(), 1, 0)));
                if !with(&key, |found| {
                    assert!(std::ptr::eq(found, &raw const **series));
                }) {
                    remember(key, Arc::clone(series));
                    let key = filled(7, &labels).expect("short enough");
                    assert!(with(&key, |_| ()), "{number} in round {round}");
                }
            }
        }
    }

    #[test]
    fn long_and_formatted_labels_are_not_remembered() {
        let long = "x".repeat(WORDS * WORD);
        assert!(filled(1, &[Attribute::label("a", long.as_str())]).is_none());
        let shown = Attribute::label("a", Value::Display(&1));
        assert!(filled(1, &[shown]).is_none());
    }
}
