//! Accounts: their sums, limits and status.

use crate::{AssetCode, OwnerId, Units};

/// The side of a posting, and of an account's normal balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Left.
    Debit,
    /// Right.
    Credit,
}

/// Whether an account takes postings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It does.
    Open,
    /// It does not for now; holds on it can be released.
    Frozen,
    /// It never will again.
    Closed,
}

/// Bounds of an account's balance, in minor units; none is no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The balance less what holds may still take away is never below it.
    pub floor: Option<Units>,
    /// The balance with what holds may still bring is never above it.
    pub ceiling: Option<Units>,
}

/// What was posted and what is held, each side for itself: a net alone could not be audited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Debits posted.
    pub posted_debit: Units,
    /// Credits posted.
    pub posted_credit: Units,
    /// Debits held.
    pub pending_debit: Units,
    /// Credits held.
    pub pending_credit: Units,
}

/// An account: one asset, one owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// What it is of.
    pub asset: AssetCode,
    /// Whose it is.
    pub owner: OwnerId,
    /// The side that adds to its balance.
    pub normal: Side,
    /// Bounds of its balance.
    pub limits: Limits,
    /// Whether it takes postings.
    pub status: Status,
    /// What was posted and what is held.
    pub sums: Sums,
    /// Raised by one with each change, so that a gap or a fork can be seen.
    pub version: u64,
}

impl Side {
    /// The other one.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Debit => Self::Credit,
            Self::Credit => Self::Debit,
        }
    }

    /// `debit` or `credit`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debit => "debit",
            Self::Credit => "credit",
        }
    }
}

impl Status {
    /// `open`, `frozen` or `closed`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Frozen => "frozen",
            Self::Closed => "closed",
        }
    }
}

impl Sums {
    /// What was posted on a side.
    #[must_use]
    pub const fn posted(&self, side: Side) -> Units {
        match side {
            Side::Debit => self.posted_debit,
            Side::Credit => self.posted_credit,
        }
    }

    /// What is held on a side.
    #[must_use]
    pub const fn pending(&self, side: Side) -> Units {
        match side {
            Side::Debit => self.pending_debit,
            Side::Credit => self.pending_credit,
        }
    }

    pub(crate) const fn posted_mut(&mut self, side: Side) -> &mut Units {
        match side {
            Side::Debit => &mut self.posted_debit,
            Side::Credit => &mut self.posted_credit,
        }
    }

    pub(crate) const fn pending_mut(&mut self, side: Side) -> &mut Units {
        match side {
            Side::Debit => &mut self.pending_debit,
            Side::Credit => &mut self.pending_credit,
        }
    }
}

impl Account {
    /// What was posted, the normal side positive.
    #[must_use]
    pub const fn balance(&self) -> Units {
        self.sums.posted(self.normal) - self.sums.posted(self.normal.opposite())
    }

    /// The balance if every hold that takes away is posted and none that brings.
    #[must_use]
    pub const fn available(&self) -> Units {
        self.balance() - self.sums.pending(self.normal.opposite())
    }

    /// The balance if every hold that brings is posted and none that takes away.
    #[must_use]
    pub const fn expected(&self) -> Units {
        self.balance() + self.sums.pending(self.normal)
    }
}
