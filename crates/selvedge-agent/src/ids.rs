//! Random trace and span ids: one generator per thread, seeded by the operating system.
//!
//! Ids must differ between processes and threads, not withstand an attacker.

use std::hash::{BuildHasher, RandomState};
use std::io::Read;

use crate::model::{SpanId, TraceId};

/// State of xoroshiro128++ (Blackman and Vigna); all zero until seeded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Generator {
    low: u64,
    high: u64,
}

impl Generator {
    pub(crate) const fn unseeded() -> Self {
        Self { low: 0, high: 0 }
    }

    fn seeded() -> Self {
        let mut seed = [0; 16];
        let mut generator = match std::fs::File::open("/dev/urandom")
            .and_then(|mut source| source.read_exact(&mut seed))
        {
            Ok(()) => Self {
                low: u64::from_ne_bytes(seed[..8].try_into().expect("8 bytes")),
                high: u64::from_ne_bytes(seed[8..].try_into().expect("8 bytes")),
            },
            Err(_) => Self::unseeded(),
        };
        // `RandomState` has entropy of its own, and another state for each call.
        generator.low ^= RandomState::new().hash_one(std::process::id());
        generator.high ^= RandomState::new().hash_one(std::thread::current().id());
        if generator == Self::unseeded() {
            generator.low = 1;
        }
        generator
    }

    #[inline]
    fn next(&mut self) -> u64 {
        let (low, high) = (self.low, self.high ^ self.low);
        let result = self
            .low
            .wrapping_add(self.high)
            .rotate_left(17)
            .wrapping_add(low);
        self.low = low.rotate_left(49) ^ high ^ (high << 21);
        self.high = high.rotate_left(28);
        result
    }

    #[inline]
    fn ensure_seeded(&mut self) {
        if self.low | self.high == 0 {
            *self = Self::seeded();
        }
    }

    /// A span id, never all zero.
    #[inline]
    pub(crate) fn span_id(&mut self) -> SpanId {
        self.ensure_seeded();
        loop {
            let id = self.next();
            if id != 0 {
                return id.to_be_bytes();
            }
        }
    }

    /// A trace id, never all zero. All its bits are random, hence the lower 56 too, which W3C
    /// trace context level 2 asks of ids with the random flag.
    #[inline]
    pub(crate) fn trace_id(&mut self) -> TraceId {
        let high = self.span_id();
        let low = self.span_id();
        let mut id = [0; 16];
        id[..8].copy_from_slice(&high);
        id[8..].copy_from_slice(&low);
        id
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::Generator;

    #[test]
    fn ids_of_many_threads_differ() {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                std::thread::spawn(|| {
                    let mut generator = Generator::unseeded();
                    (0..1000).map(|_| generator.trace_id()).collect::<Vec<_>>()
                })
            })
            .collect();
        let ids: HashSet<_> = threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("no panic"))
            .collect();
        assert_eq!(ids.len(), 4000);
    }

    #[test]
    fn every_bit_of_an_id_is_set_about_half_the_time() {
        let mut generator = Generator::unseeded();
        let mut counts = [0_u32; 64];
        for _ in 0..10_000 {
            let id = u64::from_be_bytes(generator.span_id());
            for (bit, count) in counts.iter_mut().enumerate() {
                *count += (id >> bit & 1) as u32;
            }
        }
        assert!(
            counts.iter().all(|count| (4700..5300).contains(count)),
            "{counts:?}"
        );
    }
}
