//! What happened, as it is logged and published.

use crate::chain::Hash;
use crate::{
    AccountId, Amount, Asset, FundId, Key, Limits, NewAccount, Posting, Rejection, Side, Status,
    Timestamp, TransferId, Units,
};

/// What became of one request: the ledger's log is a list of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The request's key.
    pub key: Key,
    /// What was asked, as a hash over its canonical form.
    pub fingerprint: Hash,
    /// When it was decided.
    pub recorded_at: Timestamp,
    /// What happened, or why nothing did.
    pub result: Result<Vec<Event>, Rejection>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An asset is known.
    AssetDeclared(Asset),
    /// An account is open.
    AccountOpened(NewAccount),
    /// An account has other bounds.
    LimitsSet {
        /// The account.
        account: AccountId,
        /// Its bounds.
        limits: Limits,
    },
    /// An account has another status.
    StatusSet {
        /// The account.
        account: AccountId,
        /// Its status.
        status: Status,
    },
    /// An entry of the journal: debits and credits are equal for each asset.
    Posted(Posted),
    /// A hold was made.
    Held {
        /// The hold.
        transfer: TransferId,
        /// Its legs.
        postings: Vec<Posting>,
        /// From when on it can no longer be posted.
        expires_at: Option<Timestamp>,
    },
    /// What was held, or what was left of it, is free again.
    Released {
        /// The hold.
        pending: TransferId,
        /// What was released: legs as of the hold, with what was left of them.
        postings: Vec<Posting>,
        /// Why.
        reason: ReleaseReason,
    },
    /// A fund exists.
    FundCreated {
        /// The fund.
        fund: FundId,
        /// Its name.
        name: String,
        /// All of its units, in minor units.
        total_units: Amount,
    },
    /// Nothing before this time can be posted any more.
    PeriodClosed {
        /// The first time that is open.
        before: Timestamp,
    },
}

/// An entry of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// The transfer.
    pub transfer: TransferId,
    /// How it came about.
    pub origin: Origin,
    /// Its legs.
    pub lines: Vec<Line>,
    /// When it counts as having happened.
    pub effective_at: Timestamp,
}

/// One leg of an entry, with what it led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The account.
    pub account: AccountId,
    /// The side.
    pub side: Side,
    /// How much, in minor units.
    pub amount: Amount,
    /// The account's balance after it, in the order of recording.
    pub balance_after: Units,
    /// The account's version after it.
    pub version: u64,
}

/// How an entry came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// By itself.
    Direct,
    /// A hold was posted.
    Pending(TransferId),
    /// Another entry was reversed.
    Reversal(TransferId),
}

/// Why a hold was released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseReason {
    /// It was asked for.
    Voided,
    /// Its time had passed.
    Expired,
    /// A part of it was posted, and the rest was not to be kept.
    PostedInPart,
}
