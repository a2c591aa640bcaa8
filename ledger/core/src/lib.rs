//! The rules of the ledger: a deterministic state machine.
//!
//! [`apply`] takes a [`State`], a [`Request`] and the time, and gives a [`Record`]: what happened,
//! or why nothing did. It does no IO, has no clock and no randomness, so that the same requests
//! give the same state byte for byte, on any machine and at any later time ([`replay`]).
//!
//! What always holds (see [`audit`]):
//! - the sum of all postings is zero for each asset;
//! - no account is below its floor or above its ceiling, holds included;
//! - what was posted of a hold and what was released of it add up to at most the hold;
//! - the units of a fund's owners add up to its total units;
//! - a request that is repeated is applied once, and its outcome never changes.

mod account;
mod amount;
mod apply;
mod asset;
mod audit;
mod canonical;
mod chain;
mod command;
mod decide;
mod evolve;
mod fund;
mod id;
mod record;
mod rejection;
mod state;
mod time;
mod transfer;

pub use account::{Account, Limits, Side, Status, Sums};
pub use amount::{Amount, ParseAmountError, Units};
pub use apply::{Outcome, apply, preview, replay};
pub use asset::{Asset, AssetKind, SCALE_MAX, currency_scale};
pub use audit::{Violation, audit};
pub use chain::{Hash, InclusionProof, chain, leaf, merkle_proof, merkle_root, verify_inclusion};
pub use command::{
    Command, Hold, NewAccount, NewFund, OwnerUnits, POSTINGS_MAX, Post, PostPending, Posting,
    Request, Reverse, TransferUnits, VoidPending,
};
pub use evolve::InconsistentLog;
pub use fund::Fund;
pub use id::{AccountId, AssetCode, FundId, IdError, Key, OwnerId, TransferId};
pub use record::{Event, Line, Origin, Posted, Record, ReleaseReason};
pub use rejection::Rejection;
pub use state::{Frozen, Needs, State};
pub use time::Timestamp;
pub use transfer::{Pending, Transfer, TransferStatus};
