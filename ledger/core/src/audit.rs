//! What must never be, looked for in a whole ledger.

use std::collections::BTreeMap;

use crate::{AccountId, AssetCode, FundId, Side, State, TransferId, TransferStatus, Units};

/// Something that must never be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Money was made or lost.
    #[error("postings of `{asset}` add up to {sum}")]
    NotConserved {
        /// The asset.
        asset: AssetCode,
        /// Debits less credits, or held debits less held credits.
        sum: Units,
    },
    /// An account is beyond its limits.
    #[error("account `{account}` is beyond its limits")]
    BeyondLimits {
        /// The account.
        account: AccountId,
    },
    /// An account's sums are not those of its transfers.
    #[error("account `{account}` does not have the sums of its transfers")]
    WrongSums {
        /// The account.
        account: AccountId,
    },
    /// More was posted of a hold than was held.
    #[error("hold `{pending}` has posted and left more than was held")]
    HoldExceeded {
        /// The hold.
        pending: TransferId,
    },
    /// The units of owners are not those of their fund.
    #[error("owners of fund `{fund}` have {owned} units of {total}")]
    UnitsLost {
        /// The fund.
        fund: FundId,
        /// What its owners have.
        owned: Units,
        /// What they should have.
        total: Units,
    },
}

/// Checks everything that always holds, on the whole state of a ledger.
#[must_use]
pub fn audit(state: &State) -> Vec<Violation> {
    [
        conservation(state),
        accounts(state),
        holds(state),
        funds(state),
    ]
    .concat()
}

fn conservation(state: &State) -> Vec<Violation> {
    let mut sums: BTreeMap<(&AssetCode, bool), Units> = BTreeMap::new();
    for account in state.accounts.values() {
        let held = account.sums.pending_debit - account.sums.pending_credit;
        let posted = account.sums.posted_debit - account.sums.posted_credit;
        *sums.entry((&account.asset, false)).or_default() += posted;
        *sums.entry((&account.asset, true)).or_default() += held;
    }
    let wrong = sums.into_iter().filter(|(_, sum)| *sum != 0);
    wrong
        .map(|((asset, _), sum)| Violation::NotConserved {
            asset: asset.clone(),
            sum,
        })
        .collect()
}

fn accounts(state: &State) -> Vec<Violation> {
    let mut moved: BTreeMap<(&AccountId, Side), (Units, Units)> = BTreeMap::new();
    for transfer in state.transfers.values() {
        let left = match &transfer.status {
            TransferStatus::Pending(pending) => Some(pending.remaining),
            _ => None,
        };
        for posting in &transfer.postings {
            let (posted, held) = moved.entry((&posting.account, posting.side)).or_default();
            match left {
                None => *posted += posting.amount.get(),
                Some(left) if transfer.postings.len() == 2 => *held += left,
                Some(0) => {}
                Some(_) => *held += posting.amount.get(),
            }
        }
    }
    let mut violations = Vec::new();
    for (id, account) in &state.accounts {
        let sums = |side| (account.sums.posted(side), account.sums.pending(side));
        let of = |side| moved.get(&(id, side)).copied().unwrap_or_default();
        if [Side::Debit, Side::Credit]
            .into_iter()
            .any(|side| sums(side) != of(side))
        {
            violations.push(Violation::WrongSums {
                account: id.clone(),
            });
        }
        let limits = account.limits;
        let is_below = limits
            .floor
            .is_some_and(|floor| account.available() < floor);
        let is_above = limits
            .ceiling
            .is_some_and(|ceiling| account.expected() > ceiling);
        if is_below || is_above {
            violations.push(Violation::BeyondLimits {
                account: id.clone(),
            });
        }
    }
    violations
}

fn holds(state: &State) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (id, transfer) in &state.transfers {
        if let TransferStatus::Pending(pending) = &transfer.status {
            let held = transfer.amount().map_or(0, crate::Amount::get);
            if pending.remaining < 0 || pending.posted + pending.remaining > held {
                violations.push(Violation::HoldExceeded {
                    pending: id.clone(),
                });
            }
        }
    }
    violations
}

fn funds(state: &State) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (id, fund) in &state.funds {
        let issued = id.issued();
        let owners = state
            .accounts
            .iter()
            .filter(|(account, found)| found.asset == fund.asset && **account != issued);
        let owned = owners.map(|(_, account)| account.balance()).sum();
        if owned != fund.total_units {
            let (fund, total) = (id.clone(), fund.total_units);
            violations.push(Violation::UnitsLost { fund, owned, total });
        }
    }
    violations
}
