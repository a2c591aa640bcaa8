//! Values that a metric does not take: the first of each metric is remembered until somebody says
//! so, because a measurement must not wait for standard error.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};

/// Why a value was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Refusal {
    NotANumber = 1,
    Infinite = 2,
    /// Of a counter.
    Negative = 3,
}

impl Refusal {
    pub(crate) fn of(value: f64) -> Self {
        if value.is_nan() {
            Self::NotANumber
        } else if value.is_infinite() {
            Self::Infinite
        } else {
            Self::Negative
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NotANumber => "a value that is not a number",
            Self::Infinite => "an infinite value",
            Self::Negative => "a negative increment of a counter",
        })
    }
}

/// The first refusal of a metric.
#[derive(Default)]
pub(crate) struct FirstRefusal(AtomicU8);

impl FirstRefusal {
    const NONE: u8 = 0;
    const SAID: u8 = u8::MAX;

    /// True for the first.
    pub(crate) fn remember(&self, refusal: Refusal) -> bool {
        let (none, refused) = (Self::NONE, refusal as u8);
        self.0
            .compare_exchange(none, refused, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }

    /// The refusal, given out once.
    pub(crate) fn take(&self) -> Option<Refusal> {
        let known = [Refusal::NotANumber, Refusal::Infinite, Refusal::Negative];
        let found = self.0.load(Ordering::Relaxed);
        let refusal = known.into_iter().find(|&refusal| refusal as u8 == found)?;
        self.0.store(Self::SAID, Ordering::Relaxed);
        Some(refusal)
    }
}
