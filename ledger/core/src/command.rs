//! What can be asked of the ledger.

use crate::{
    AccountId, Amount, AssetCode, FundId, Key, Limits, OwnerId, Side, Status, Timestamp, TransferId,
};

/// Most legs of one transfer.
pub const POSTINGS_MAX: usize = 1_000;

/// Something asked for, under the key by which a repetition is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Unique for what is asked; a repetition has the same one.
    pub key: Key,
    /// What is asked.
    pub command: Command,
}

/// What can be asked of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Makes an asset known. Those of ISO 4217 have the scale that the standard gives them.
    DeclareAsset {
        /// Its name.
        code: AssetCode,
        /// Digits behind the point.
        scale: u8,
    },
    /// Opens an account.
    OpenAccount(NewAccount),
    /// Changes an account's bounds. The balance must be within the new ones.
    SetLimits {
        /// The account.
        account: AccountId,
        /// Its new bounds.
        limits: Limits,
    },
    /// Freezes, thaws or closes an account. Only an account without balance and holds can be
    /// closed, and a closed one stays closed.
    SetStatus {
        /// The account.
        account: AccountId,
        /// Its new status.
        status: Status,
    },
    /// Moves at once.
    Post(Post),
    /// Holds, to be posted or released later.
    Hold(Hold),
    /// Posts what is held, or a part of it.
    PostPending(PostPending),
    /// Releases what is still held.
    VoidPending(VoidPending),
    /// Releases what is still held of a transfer whose time has passed.
    Expire {
        /// The hold.
        pending: TransferId,
    },
    /// Moves back what was moved.
    Reverse(Reverse),
    /// All of these or none of them, in this order.
    Atomic(Vec<Command>),
    /// Refuses transfers that count as having happened before a time.
    ClosePeriod {
        /// The first time that is open.
        before: Timestamp,
    },
    /// Creates a fund with all of its units and their first owners.
    CreateFund(NewFund),
    /// Moves units of a fund from one owner to another.
    TransferUnits(TransferUnits),
}

/// An account to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccount {
    /// Its identifier, chosen by whoever asks.
    pub account: AccountId,
    /// What it is of.
    pub asset: AssetCode,
    /// Whose it is.
    pub owner: OwnerId,
    /// The side that adds to its balance.
    pub normal: Side,
    /// Bounds of its balance.
    pub limits: Limits,
}

/// One leg of a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// The account.
    pub account: AccountId,
    /// The side.
    pub side: Side,
    /// How much, in minor units of the account's asset.
    pub amount: Amount,
}

/// A transfer to post at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Its identifier, chosen by whoever asks.
    pub transfer: TransferId,
    /// Its legs: debits and credits are equal for each asset, each account is in one of them.
    pub postings: Vec<Posting>,
    /// When it counts as having happened; now when absent, never later.
    pub effective_at: Option<Timestamp>,
}

/// A transfer to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Its identifier, chosen by whoever asks.
    pub transfer: TransferId,
    /// Its legs, as in [`Post`].
    pub postings: Vec<Posting>,
    /// From when on it can no longer be posted; never when absent.
    pub expires_at: Option<Timestamp>,
}

/// A hold to post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostPending {
    /// The identifier of the transfer that posts, chosen by whoever asks.
    pub transfer: TransferId,
    /// The hold.
    pub pending: TransferId,
    /// How much of it; all that is left when absent. Only a hold of two legs has parts.
    pub amount: Option<Amount>,
    /// True keeps what is left after a part; otherwise it is released.
    pub keep_rest: bool,
    /// As in [`Post`].
    pub effective_at: Option<Timestamp>,
}

/// A hold to release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoidPending {
    /// The hold.
    pub pending: TransferId,
}

/// A posted transfer to move back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reverse {
    /// The identifier of the transfer that reverses, chosen by whoever asks.
    pub transfer: TransferId,
    /// What it reverses.
    pub of: TransferId,
    /// As in [`Post`].
    pub effective_at: Option<Timestamp>,
}

/// Units of one owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerUnits {
    /// Whose.
    pub owner: OwnerId,
    /// How many, in minor units.
    pub units: Amount,
}

/// A fund to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFund {
    /// Its identifier, chosen by whoever asks.
    pub fund: FundId,
    /// Its name.
    pub name: String,
    /// Digits behind the point of its units.
    pub scale: u8,
    /// All of its units, in minor units.
    pub total_units: Amount,
    /// Its first owners. Their units add up to all of them.
    pub owners: Vec<OwnerUnits>,
    /// The transfer that issues the units.
    pub transfer: TransferId,
}

/// Units to move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferUnits {
    /// Its identifier, chosen by whoever asks.
    pub transfer: TransferId,
    /// The fund.
    pub fund: FundId,
    /// Whose they are.
    pub from: OwnerId,
    /// Whose they will be.
    pub to: OwnerId,
    /// How many, in minor units.
    pub units: Amount,
    /// As in [`Post`].
    pub effective_at: Option<Timestamp>,
}
