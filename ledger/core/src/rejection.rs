//! Why nothing happened.

use crate::{AccountId, AssetCode, FundId, OwnerId, Timestamp, TransferId, Units};

/// Why a request changes nothing. Frozen with the request's key: a repetition is answered the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each message says what its fields are")]
pub enum Rejection {
    #[error("asset `{asset}` is not known")]
    UnknownAsset { asset: AssetCode },
    #[error("asset `{asset}` is declared already")]
    AssetExists { asset: AssetCode },
    #[error(
        "asset `{asset}` cannot have scale {scale}: {expected} is the most, or what ISO 4217 says"
    )]
    BadScale {
        asset: AssetCode,
        scale: u8,
        expected: u8,
    },
    #[error("asset `{asset}` has a name that is kept for funds")]
    ReservedAsset { asset: AssetCode },
    #[error("account `{account}` is open already")]
    AccountExists { account: AccountId },
    #[error("account `{account}` has a name that is kept for funds")]
    ReservedAccount { account: AccountId },
    #[error("account `{account}` is not known")]
    UnknownAccount { account: AccountId },
    #[error("account `{account}` is frozen")]
    AccountFrozen { account: AccountId },
    #[error("account `{account}` is closed")]
    AccountClosed { account: AccountId },
    #[error("account `{account}` has a balance or holds, and cannot be closed")]
    AccountNotEmpty { account: AccountId },
    #[error("the floor is above the ceiling")]
    LimitsCrossed,
    #[error("account `{account}` has a balance outside of these limits")]
    LimitsBeyondBalance { account: AccountId },
    #[error("account `{account}` has {available} available, {short} less than needed")]
    InsufficientFunds {
        account: AccountId,
        available: Units,
        short: Units,
    },
    #[error("account `{account}` would be {over} above its ceiling")]
    CeilingExceeded { account: AccountId, over: Units },
    #[error("account `{account}` cannot hold a sum this large")]
    Overflow { account: AccountId },
    #[error("transfer `{transfer}` exists already")]
    TransferExists { transfer: TransferId },
    #[error("transfer `{transfer}` is not known")]
    UnknownTransfer { transfer: TransferId },
    #[error("a transfer has at least two legs")]
    TooFewPostings,
    #[error("a transfer has at most {max} legs")]
    TooManyPostings { max: usize },
    #[error("account `{account}` is in more than one leg")]
    AccountRepeated { account: AccountId },
    #[error("legs of `{asset}` do not balance: debits less credits are {difference}")]
    Unbalanced { asset: AssetCode, difference: Units },
    #[error("account `{account}` is of another asset than `{asset}`")]
    AssetMismatch {
        account: AccountId,
        asset: AssetCode,
    },
    #[error("the transfer would count as of {effective_at}, which is later than now")]
    EffectiveInFuture { effective_at: Timestamp },
    #[error("the transfer would count as of {effective_at}, and all before {open_from} is closed")]
    PeriodClosed {
        effective_at: Timestamp,
        open_from: Timestamp,
    },
    #[error(
        "the period before {before} cannot be closed: {open_from} is the start of what is open"
    )]
    PeriodNotLater {
        before: Timestamp,
        open_from: Timestamp,
    },
    #[error("the hold would expire at {expires_at}, which has passed")]
    ExpiryPassed { expires_at: Timestamp },
    #[error("transfer `{transfer}` is not a hold")]
    NotPending { transfer: TransferId },
    #[error("hold `{pending}` was posted already")]
    PendingPosted { pending: TransferId },
    #[error("hold `{pending}` was released already")]
    PendingVoided { pending: TransferId },
    #[error("hold `{pending}` has expired")]
    PendingExpired { pending: TransferId },
    #[error("hold `{pending}` has not expired")]
    PendingNotDue { pending: TransferId },
    #[error("hold `{pending}` has {remaining} left, less than what was to be posted")]
    ExceedsPending {
        pending: TransferId,
        remaining: Units,
    },
    #[error("hold `{pending}` has more than two legs, and can only be posted as a whole")]
    NoPartOfManyLegs { pending: TransferId },
    #[error("transfer `{transfer}` is a hold, and is voided instead")]
    ReversesPending { transfer: TransferId },
    #[error("transfer `{transfer}` is a reversal, and cannot be reversed")]
    ReversesReversal { transfer: TransferId },
    #[error("transfer `{transfer}` was reversed already, by `{by}`")]
    AlreadyReversed {
        transfer: TransferId,
        by: TransferId,
    },
    #[error("fund `{fund}` exists already")]
    FundExists { fund: FundId },
    #[error("fund `{fund}` is not known")]
    UnknownFund { fund: FundId },
    #[error("a fund has at least one owner")]
    NoOwners,
    #[error("owner `{owner}` is named more than once")]
    OwnerRepeated { owner: OwnerId },
    #[error("units of all owners are {sum}, the fund has {total}")]
    UnitsDoNotAddUp { sum: Units, total: Units },
    #[error("command {index} of the batch: {reason}")]
    InBatch { index: usize, reason: Box<Self> },
    #[error("a batch has between 1 and {max} commands")]
    BatchSize { max: usize },
    #[error("a batch holds transfers and nothing else")]
    NotInBatch,
}

impl Rejection {
    /// A name that does not change, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownAsset { .. } => "unknown_asset",
            Self::AssetExists { .. } => "asset_exists",
            Self::BadScale { .. } => "bad_scale",
            Self::ReservedAsset { .. } => "reserved_asset",
            Self::AccountExists { .. } => "account_exists",
            Self::ReservedAccount { .. } => "reserved_account",
            Self::UnknownAccount { .. } => "unknown_account",
            Self::AccountFrozen { .. } => "account_frozen",
            Self::AccountClosed { .. } => "account_closed",
            Self::AccountNotEmpty { .. } => "account_not_empty",
            Self::LimitsCrossed => "limits_crossed",
            Self::LimitsBeyondBalance { .. } => "limits_beyond_balance",
            Self::InsufficientFunds { .. } => "insufficient_funds",
            Self::CeilingExceeded { .. } => "ceiling_exceeded",
            Self::Overflow { .. } => "amount_overflow",
            Self::TransferExists { .. } => "transfer_exists",
            Self::UnknownTransfer { .. } => "unknown_transfer",
            Self::TooFewPostings => "too_few_postings",
            Self::TooManyPostings { .. } => "too_many_postings",
            Self::AccountRepeated { .. } => "same_account_twice",
            Self::Unbalanced { .. } => "unbalanced",
            Self::AssetMismatch { .. } => "asset_mismatch",
            Self::EffectiveInFuture { .. } => "effective_in_future",
            Self::PeriodClosed { .. } => "period_closed",
            Self::PeriodNotLater { .. } => "period_not_later",
            Self::ExpiryPassed { .. } => "expiry_passed",
            Self::NotPending { .. } => "not_pending",
            Self::PendingPosted { .. } => "pending_posted",
            Self::PendingVoided { .. } => "pending_voided",
            Self::PendingExpired { .. } => "pending_expired",
            Self::PendingNotDue { .. } => "pending_not_due",
            Self::ExceedsPending { .. } => "exceeds_pending",
            Self::NoPartOfManyLegs { .. } => "no_part_of_many_legs",
            Self::ReversesPending { .. } => "reverses_pending",
            Self::ReversesReversal { .. } => "reverses_reversal",
            Self::AlreadyReversed { .. } => "already_reversed",
            Self::FundExists { .. } => "fund_exists",
            Self::UnknownFund { .. } => "unknown_fund",
            Self::NoOwners => "no_owners",
            Self::OwnerRepeated { .. } => "owner_repeated",
            Self::UnitsDoNotAddUp { .. } => "units_do_not_add_up",
            Self::InBatch { reason, .. } => reason.code(),
            Self::BatchSize { .. } => "batch_size",
            Self::NotInBatch => "not_in_batch",
        }
    }
}
