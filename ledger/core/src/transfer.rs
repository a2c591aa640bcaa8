//! What is kept of transfers and holds.

use crate::{Amount, Posting, Timestamp, TransferId, Units};

/// What is kept of a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Its legs, as asked for. What a hold has posted so far is in [`Pending`].
    pub postings: Vec<Posting>,
    /// When it counts as having happened; none for a hold, whose posts have their own.
    pub effective_at: Option<Timestamp>,
    /// What it is and what became of it.
    pub status: TransferStatus,
}

/// What a transfer is, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransferStatus {
    /// Posted, and by which transfer it was reversed.
    Posted {
        /// The one that reversed it.
        reversed_by: Option<TransferId>,
    },
    /// Reverses another one; cannot be reversed itself.
    Reversal {
        /// What it reverses.
        of: TransferId,
    },
    /// A hold.
    Pending(Pending),
}

/// What became of a hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// From when on it can no longer be posted.
    pub expires_at: Option<Timestamp>,
    /// Of its first leg: what was posted so far.
    pub posted: Units,
    /// Of its first leg: what is held still.
    pub remaining: Units,
    /// True when its end was that it expired.
    pub expired: bool,
}

impl Pending {
    /// True while something is held.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.remaining > 0
    }

    /// True from the time on at which it can no longer be posted.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires_at| now >= expires_at)
    }
}

impl Transfer {
    /// The amount of the first leg, which stands for a transfer of two legs as a whole.
    #[must_use]
    pub fn amount(&self) -> Option<Amount> {
        self.postings.first().map(|posting| posting.amount)
    }
}
