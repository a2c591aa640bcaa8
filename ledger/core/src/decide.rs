//! What a command leads to, or why it leads to nothing. The state is only read.

use std::collections::{BTreeMap, BTreeSet};

use crate::asset::{SCALE_MAX, currency_scale};
use crate::command::{
    Command, Hold, NewAccount, POSTINGS_MAX, Post, PostPending, Posting, Reverse,
};
use crate::fund::FUND_PREFIX;
use crate::record::{Event, Line, Origin, Posted, ReleaseReason};
use crate::{
    Account, AccountId, Amount, Asset, AssetCode, AssetKind, Limits, Pending, Rejection, State,
    Status, Timestamp, Transfer, TransferId, TransferStatus, Units,
};

/// Most commands of one batch.
const BATCH_MAX: usize = 1_000;
/// Largest sum of an account. Far from what `i128` holds, so that sums of sums are safe.
const SUM_MAX: Units = 10i128.pow(36);

pub(crate) type Decision = Result<Vec<Event>, Rejection>;

/// Decides about one command.
pub(crate) fn decide(state: &State, command: &Command, now: Timestamp) -> Decision {
    match command {
        Command::DeclareAsset { code, scale } => declare_asset(state, code, *scale),
        Command::OpenAccount(new) => open_account(state, new),
        Command::SetLimits { account, limits } => set_limits(state, account, *limits),
        Command::SetStatus { account, status } => set_status(state, account, *status),
        Command::Post(new) => post(state, new, now),
        Command::Hold(new) => hold(state, new, now),
        Command::PostPending(new) => post_pending(state, new, now),
        Command::VoidPending(void) => {
            let (transfer, pending) = open_hold(state, &void.pending)?;
            if pending.is_due(now) {
                return Err(Rejection::PendingExpired {
                    pending: void.pending.clone(),
                });
            }
            let released = released(&void.pending, transfer, pending, ReleaseReason::Voided);
            Ok(vec![released])
        }
        Command::Expire { pending: id } => {
            let (transfer, pending) = open_hold(state, id)?;
            if !pending.is_due(now) {
                return Err(Rejection::PendingNotDue {
                    pending: id.clone(),
                });
            }
            Ok(vec![released(
                id,
                transfer,
                pending,
                ReleaseReason::Expired,
            )])
        }
        Command::Reverse(new) => reverse(state, new, now),
        Command::Atomic(commands) => atomic(state, command, commands, now),
        Command::ClosePeriod { before } => close_period(state, *before, now),
        Command::CreateFund(new) => crate::fund::create(state, command, new, now),
        Command::TransferUnits(new) => crate::fund::transfer_units(state, command, new, now),
    }
}

fn declare_asset(state: &State, code: &AssetCode, scale: u8) -> Decision {
    if code.as_str().starts_with(FUND_PREFIX) {
        return Err(Rejection::ReservedAsset {
            asset: code.clone(),
        });
    }
    if state.assets.contains_key(code) {
        return Err(Rejection::AssetExists {
            asset: code.clone(),
        });
    }
    let expected = currency_scale(code.as_str());
    if scale > SCALE_MAX || expected.is_some_and(|expected| expected != scale) {
        return Err(Rejection::BadScale {
            asset: code.clone(),
            scale,
            expected: expected.unwrap_or(SCALE_MAX),
        });
    }
    Ok(vec![Event::AssetDeclared(Asset {
        code: code.clone(),
        scale,
        kind: AssetKind::Declared,
    })])
}

fn open_account(state: &State, new: &NewAccount) -> Decision {
    if new.account.as_str().starts_with(FUND_PREFIX) {
        return Err(Rejection::ReservedAccount {
            account: new.account.clone(),
        });
    }
    match state.assets.get(&new.asset) {
        None => {
            return Err(Rejection::UnknownAsset {
                asset: new.asset.clone(),
            });
        }
        Some(asset) if asset.is_of_fund() => {
            return Err(Rejection::ReservedAsset {
                asset: new.asset.clone(),
            });
        }
        Some(_) => {}
    }
    if state.accounts.contains_key(&new.account) {
        return Err(Rejection::AccountExists {
            account: new.account.clone(),
        });
    }
    new.limits.check()?;
    if !new.limits.admit(0, 0) {
        return Err(Rejection::LimitsBeyondBalance {
            account: new.account.clone(),
        });
    }
    Ok(vec![Event::AccountOpened(new.clone())])
}

fn set_limits(state: &State, id: &AccountId, limits: Limits) -> Decision {
    if id.as_str().starts_with(FUND_PREFIX) {
        return Err(Rejection::ReservedAccount {
            account: id.clone(),
        });
    }
    let account = known_account(state, id)?;
    if account.status == Status::Closed {
        return Err(Rejection::AccountClosed {
            account: id.clone(),
        });
    }
    limits.check()?;
    if !limits.admit(account.available(), account.expected()) {
        return Err(Rejection::LimitsBeyondBalance {
            account: id.clone(),
        });
    }
    Ok(vec![Event::LimitsSet {
        account: id.clone(),
        limits,
    }])
}

fn set_status(state: &State, id: &AccountId, status: Status) -> Decision {
    let account = known_account(state, id)?;
    if account.status == Status::Closed {
        return Err(Rejection::AccountClosed {
            account: id.clone(),
        });
    }
    if status == Status::Closed && !account.is_empty() {
        return Err(Rejection::AccountNotEmpty {
            account: id.clone(),
        });
    }
    Ok(vec![Event::StatusSet {
        account: id.clone(),
        status,
    }])
}

pub(crate) fn post(state: &State, new: &Post, now: Timestamp) -> Decision {
    let effective_at = effective(state, new.effective_at, now)?;
    is_new(state, &new.transfer)?;
    let accounts = legs(state, &new.postings)?;
    admit(&accounts, &new.postings)?;
    Ok(vec![Event::Posted(Posted {
        transfer: new.transfer.clone(),
        origin: Origin::Direct,
        lines: lines(&accounts, &new.postings),
        effective_at,
    })])
}

fn hold(state: &State, new: &Hold, now: Timestamp) -> Decision {
    if let Some(expires_at) = new.expires_at.filter(|expires_at| *expires_at <= now) {
        return Err(Rejection::ExpiryPassed { expires_at });
    }
    is_new(state, &new.transfer)?;
    let accounts = legs(state, &new.postings)?;
    admit(&accounts, &new.postings)?;
    Ok(vec![Event::Held {
        transfer: new.transfer.clone(),
        postings: new.postings.clone(),
        expires_at: new.expires_at,
    }])
}

fn post_pending(state: &State, new: &PostPending, now: Timestamp) -> Decision {
    let effective_at = effective(state, new.effective_at, now)?;
    is_new(state, &new.transfer)?;
    let (held, pending) = open_hold(state, &new.pending)?;
    if pending.is_due(now) {
        return Err(Rejection::PendingExpired {
            pending: new.pending.clone(),
        });
    }
    let part = new
        .amount
        .filter(|amount| amount.get() != pending.remaining);
    if part.is_some_and(|amount| amount.get() > pending.remaining) {
        return Err(Rejection::ExceedsPending {
            pending: new.pending.clone(),
            remaining: pending.remaining,
        });
    }
    if part.is_some() && held.postings.len() > 2 {
        return Err(Rejection::NoPartOfManyLegs {
            pending: new.pending.clone(),
        });
    }
    let postings = with_amount(&left(held, pending), part);
    let accounts = open_accounts(state, &postings)?;
    let mut events = vec![Event::Posted(Posted {
        transfer: new.transfer.clone(),
        origin: Origin::Pending(new.pending.clone()),
        lines: lines(&accounts, &postings),
        effective_at,
    })];
    if let Some(rest) = part
        .filter(|_| !new.keep_rest)
        .and_then(|amount| Amount::new(pending.remaining - amount.get()).ok())
    {
        events.push(Event::Released {
            pending: new.pending.clone(),
            postings: with_amount(&held.postings, Some(rest)),
            reason: ReleaseReason::PostedInPart,
        });
    }
    Ok(events)
}

fn reverse(state: &State, new: &Reverse, now: Timestamp) -> Decision {
    let effective_at = effective(state, new.effective_at, now)?;
    is_new(state, &new.transfer)?;
    let of = known_transfer(state, &new.of)?;
    let transfer = new.of.clone();
    match &of.status {
        TransferStatus::Pending(_) => return Err(Rejection::ReversesPending { transfer }),
        TransferStatus::Reversal { .. } => return Err(Rejection::ReversesReversal { transfer }),
        TransferStatus::Posted {
            reversed_by: Some(by),
        } => {
            return Err(Rejection::AlreadyReversed {
                transfer,
                by: by.clone(),
            });
        }
        TransferStatus::Posted { reversed_by: None } => {}
    }
    let mirrored = |posting: &Posting| Posting {
        side: posting.side.opposite(),
        ..posting.clone()
    };
    let postings: Vec<Posting> = of.postings.iter().map(mirrored).collect();
    let accounts = open_accounts(state, &postings)?;
    admit(&accounts, &postings)?;
    Ok(vec![Event::Posted(Posted {
        transfer: new.transfer.clone(),
        origin: Origin::Reversal(new.of.clone()),
        lines: lines(&accounts, &postings),
        effective_at,
    })])
}

fn atomic(state: &State, whole: &Command, commands: &[Command], now: Timestamp) -> Decision {
    if commands.is_empty() || commands.len() > BATCH_MAX {
        return Err(Rejection::BatchSize { max: BATCH_MAX });
    }
    let mut work = state.part(whole);
    let mut events = Vec::new();
    for (index, command) in commands.iter().enumerate() {
        let decision = if command.is_transfer() {
            decide(&work, command, now)
        } else {
            Err(Rejection::NotInBatch)
        };
        let decided = decision.map_err(|reason| Rejection::InBatch {
            index,
            reason: Box::new(reason),
        })?;
        work.evolve_decided(&decided);
        events.extend(decided);
    }
    Ok(events)
}

fn close_period(state: &State, before: Timestamp, now: Timestamp) -> Decision {
    if before > now {
        return Err(Rejection::EffectiveInFuture {
            effective_at: before,
        });
    }
    match state.open_from.filter(|open_from| before <= *open_from) {
        Some(open_from) => Err(Rejection::PeriodNotLater { before, open_from }),
        None => Ok(vec![Event::PeriodClosed { before }]),
    }
}

/// When a transfer counts as having happened: not later than now, not in a closed period.
pub(crate) fn effective(
    state: &State,
    asked: Option<Timestamp>,
    now: Timestamp,
) -> Result<Timestamp, Rejection> {
    let effective_at = asked.unwrap_or(now);
    if effective_at > now {
        return Err(Rejection::EffectiveInFuture { effective_at });
    }
    match state
        .open_from
        .filter(|open_from| effective_at < *open_from)
    {
        Some(open_from) => Err(Rejection::PeriodClosed {
            effective_at,
            open_from,
        }),
        None => Ok(effective_at),
    }
}

pub(crate) fn is_new(state: &State, transfer: &TransferId) -> Result<(), Rejection> {
    if state.transfers.contains_key(transfer) {
        return Err(Rejection::TransferExists {
            transfer: transfer.clone(),
        });
    }
    Ok(())
}

fn known_account<'a>(state: &'a State, id: &AccountId) -> Result<&'a Account, Rejection> {
    let account = state.accounts.get(id);
    account.ok_or_else(|| Rejection::UnknownAccount {
        account: id.clone(),
    })
}

fn known_transfer<'a>(state: &'a State, id: &TransferId) -> Result<&'a Transfer, Rejection> {
    let transfer = state.transfers.get(id);
    transfer.ok_or_else(|| Rejection::UnknownTransfer {
        transfer: id.clone(),
    })
}

/// A hold of which something is left.
fn open_hold<'a>(
    state: &'a State,
    id: &TransferId,
) -> Result<(&'a Transfer, &'a Pending), Rejection> {
    let transfer = known_transfer(state, id)?;
    let TransferStatus::Pending(pending) = &transfer.status else {
        return Err(Rejection::NotPending {
            transfer: id.clone(),
        });
    };
    if pending.is_open() {
        return Ok((transfer, pending));
    }
    let pending_id = id.clone();
    Err(match () {
        () if pending.expired => Rejection::PendingExpired {
            pending: pending_id,
        },
        () if pending.posted > 0 => Rejection::PendingPosted {
            pending: pending_id,
        },
        () => Rejection::PendingVoided {
            pending: pending_id,
        },
    })
}

/// The accounts of a new transfer's legs, which must balance for each asset.
fn legs<'a>(state: &'a State, postings: &[Posting]) -> Result<Vec<&'a Account>, Rejection> {
    if postings.len() < 2 {
        return Err(Rejection::TooFewPostings);
    }
    if postings.len() > POSTINGS_MAX {
        return Err(Rejection::TooManyPostings { max: POSTINGS_MAX });
    }
    let mut seen = BTreeSet::new();
    if let Some(again) = postings
        .iter()
        .find(|posting| !seen.insert(&posting.account))
    {
        return Err(Rejection::AccountRepeated {
            account: again.account.clone(),
        });
    }
    let accounts = open_accounts(state, postings)?;
    if let ([first, second], [_, leg]) = (accounts.as_slice(), postings)
        && first.asset != second.asset
    {
        return Err(Rejection::AssetMismatch {
            account: leg.account.clone(),
            asset: first.asset.clone(),
        });
    }
    let mut differences: BTreeMap<&AssetCode, Units> = BTreeMap::new();
    for (account, posting) in accounts.iter().zip(postings) {
        let sign = if posting.side == crate::Side::Debit {
            1
        } else {
            -1
        };
        *differences.entry(&account.asset).or_default() += sign * posting.amount.get();
    }
    match differences
        .into_iter()
        .find(|(_, difference)| *difference != 0)
    {
        Some((asset, difference)) => Err(Rejection::Unbalanced {
            asset: asset.clone(),
            difference,
        }),
        None => Ok(accounts),
    }
}

fn open_accounts<'a>(
    state: &'a State,
    postings: &[Posting],
) -> Result<Vec<&'a Account>, Rejection> {
    let open = |posting: &Posting| {
        let account = known_account(state, &posting.account)?;
        match account.status {
            Status::Open => Ok(account),
            Status::Frozen => Err(Rejection::AccountFrozen {
                account: posting.account.clone(),
            }),
            Status::Closed => Err(Rejection::AccountClosed {
                account: posting.account.clone(),
            }),
        }
    };
    postings.iter().map(open).collect()
}

/// Every account stays within its limits when these legs are posted or held.
fn admit(accounts: &[&Account], postings: &[Posting]) -> Result<(), Rejection> {
    for (account, posting) in accounts.iter().zip(postings) {
        let (id, amount) = (&posting.account, posting.amount.get());
        let sum = account.sums.posted(posting.side) + account.sums.pending(posting.side) + amount;
        if sum > SUM_MAX {
            return Err(Rejection::Overflow {
                account: id.clone(),
            });
        }
        if posting.side == account.normal {
            let over = |ceiling: Units| account.expected() + amount - ceiling;
            if let Some(over) = account.limits.ceiling.map(over).filter(|over| *over > 0) {
                return Err(Rejection::CeilingExceeded {
                    account: id.clone(),
                    over,
                });
            }
        } else {
            let available = account.available();
            let short = |floor: Units| floor - (available - amount);
            if let Some(short) = account.limits.floor.map(short).filter(|short| *short > 0) {
                return Err(Rejection::InsufficientFunds {
                    account: id.clone(),
                    available,
                    short,
                });
            }
        }
    }
    Ok(())
}

fn lines(accounts: &[&Account], postings: &[Posting]) -> Vec<Line> {
    let line = |(account, posting): (&&Account, &Posting)| {
        let amount = posting.amount.get();
        let change = if posting.side == account.normal {
            amount
        } else {
            -amount
        };
        Line {
            account: posting.account.clone(),
            side: posting.side,
            amount: posting.amount,
            balance_after: account.balance() + change,
            version: account.version + 1,
        }
    };
    accounts.iter().zip(postings).map(line).collect()
}

/// What is left of a hold's legs. Only a hold of two legs is ever left in part.
fn left(held: &Transfer, pending: &Pending) -> Vec<Posting> {
    let amount = Amount::new(pending.remaining).ok();
    with_amount(&held.postings, amount.filter(|_| held.postings.len() == 2))
}

fn with_amount(postings: &[Posting], amount: Option<Amount>) -> Vec<Posting> {
    let changed = |posting: &Posting| Posting {
        amount: amount.unwrap_or(posting.amount),
        ..posting.clone()
    };
    postings.iter().map(changed).collect()
}

fn released(id: &TransferId, held: &Transfer, pending: &Pending, reason: ReleaseReason) -> Event {
    Event::Released {
        pending: id.clone(),
        postings: left(held, pending),
        reason,
    }
}

impl Limits {
    fn check(self) -> Result<(), Rejection> {
        match (self.floor, self.ceiling) {
            (Some(floor), Some(ceiling)) if floor > ceiling => Err(Rejection::LimitsCrossed),
            _ => Ok(()),
        }
    }

    /// True when a balance with these bounds is within them.
    fn admit(self, available: Units, expected: Units) -> bool {
        self.floor.is_none_or(|floor| available >= floor)
            && self.ceiling.is_none_or(|ceiling| expected <= ceiling)
    }
}

impl Account {
    /// True without balance and holds.
    fn is_empty(&self) -> bool {
        self.balance() == 0 && self.sums.pending_debit == 0 && self.sums.pending_credit == 0
    }
}

impl Command {
    /// True for what may be part of a batch.
    fn is_transfer(&self) -> bool {
        matches!(
            self,
            Self::Post(_)
                | Self::Hold(_)
                | Self::PostPending(_)
                | Self::VoidPending(_)
                | Self::Reverse(_)
                | Self::TransferUnits(_)
        )
    }
}

impl State {
    /// Evolves by events that were decided on this very state.
    pub(crate) fn evolve_decided(&mut self, events: &[Event]) {
        for event in events {
            self.evolve(event)
                .expect("what was decided on a state is about what that state has");
        }
    }
}
