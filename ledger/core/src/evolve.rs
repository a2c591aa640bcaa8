//! Events applied to the state. No rule is checked here: events have happened.

use crate::record::{Event, Line, Origin, Posted};
use crate::{
    Account, AccountId, Asset, AssetKind, Fund, NewAccount, Pending, Posting, ReleaseReason, State,
    Status, Sums, Transfer, TransferId, TransferStatus, Units,
};

/// A log that no ledger has written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event {seq} is of `{subject}`, which there is not")]
pub struct InconsistentLog {
    /// The event's number.
    pub seq: u64,
    /// The account, transfer or fund.
    pub subject: String,
}

type Applied = Result<(), InconsistentLog>;

impl State {
    /// Makes an event part of the state.
    pub(crate) fn evolve(&mut self, event: &Event) -> Applied {
        self.seq += 1;
        match event {
            Event::AssetDeclared(asset) => {
                self.assets.insert(asset.code.clone(), asset.clone());
            }
            Event::AccountOpened(new) => {
                self.accounts
                    .insert(new.account.clone(), Account::opened(new));
            }
            Event::LimitsSet { account, limits } => self.change(account)?.limits = *limits,
            Event::StatusSet { account, status } => self.change(account)?.status = *status,
            Event::Posted(posted) => self.post(posted)?,
            Event::Held {
                transfer,
                postings,
                expires_at,
            } => {
                self.hold(postings, 1)?;
                let remaining = postings.first().map_or(0, |posting| posting.amount.get());
                let pending = Pending {
                    expires_at: *expires_at,
                    posted: 0,
                    remaining,
                    expired: false,
                };
                let held = Transfer {
                    postings: postings.clone(),
                    effective_at: None,
                    status: TransferStatus::Pending(pending),
                };
                self.transfers.insert(transfer.clone(), held);
            }
            Event::Released {
                pending,
                postings,
                reason,
            } => {
                self.hold(postings, -1)?;
                let left = self.pending_mut(pending)?;
                left.remaining = 0;
                left.expired = *reason == ReleaseReason::Expired;
            }
            Event::FundCreated {
                fund,
                name,
                total_units,
            } => {
                let created = Fund {
                    name: name.clone(),
                    asset: fund.asset(),
                    total_units: total_units.get(),
                };
                self.funds.insert(fund.clone(), created);
            }
            Event::PeriodClosed { before } => self.open_from = Some(*before),
        }
        Ok(())
    }

    fn post(&mut self, posted: &Posted) -> Applied {
        for line in &posted.lines {
            let account = self.change(&line.account)?;
            *account.sums.posted_mut(line.side) += line.amount.get();
        }
        let mut status = TransferStatus::Posted { reversed_by: None };
        match &posted.origin {
            Origin::Direct => {}
            Origin::Pending(of) => self.take_from_hold(of, &posted.lines)?,
            Origin::Reversal(of) => {
                let reversed = self.transfer_mut(of)?;
                reversed.status = TransferStatus::Posted {
                    reversed_by: Some(posted.transfer.clone()),
                };
                status = TransferStatus::Reversal { of: of.clone() };
            }
        }
        let transfer = Transfer {
            postings: posted.lines.iter().map(Line::posting).collect(),
            effective_at: Some(posted.effective_at),
            status,
        };
        self.transfers.insert(posted.transfer.clone(), transfer);
        Ok(())
    }

    /// What a hold posts is no longer held.
    fn take_from_hold(&mut self, hold: &TransferId, lines: &[Line]) -> Applied {
        for line in lines {
            let seq = self.seq;
            let account = self.accounts.get_mut(&line.account);
            let account = account.ok_or_else(|| missing(seq, &line.account))?;
            *account.sums.pending_mut(line.side) -= line.amount.get();
        }
        let amount = lines.first().map_or(0, |line| line.amount.get());
        let left = self.pending_mut(hold)?;
        left.posted += amount;
        left.remaining -= amount;
        Ok(())
    }

    fn hold(&mut self, postings: &[Posting], sign: Units) -> Applied {
        for posting in postings {
            let account = self.change(&posting.account)?;
            *account.sums.pending_mut(posting.side) += sign * posting.amount.get();
        }
        Ok(())
    }

    /// An account that an event changes.
    fn change(&mut self, id: &AccountId) -> Result<&mut Account, InconsistentLog> {
        let seq = self.seq;
        let account = self.accounts.get_mut(id).ok_or_else(|| missing(seq, id))?;
        account.version += 1;
        Ok(account)
    }

    fn transfer_mut(&mut self, id: &TransferId) -> Result<&mut Transfer, InconsistentLog> {
        let seq = self.seq;
        self.transfers.get_mut(id).ok_or_else(|| missing(seq, id))
    }

    fn pending_mut(&mut self, id: &TransferId) -> Result<&mut Pending, InconsistentLog> {
        let seq = self.seq;
        match &mut self.transfer_mut(id)?.status {
            TransferStatus::Pending(pending) => Ok(pending),
            _ => Err(missing(seq, id)),
        }
    }
}

fn missing(seq: u64, subject: &impl ToString) -> InconsistentLog {
    InconsistentLog {
        seq,
        subject: subject.to_string(),
    }
}

impl Account {
    fn opened(new: &NewAccount) -> Self {
        Self {
            asset: new.asset.clone(),
            owner: new.owner.clone(),
            normal: new.normal,
            limits: new.limits,
            status: Status::Open,
            sums: Sums::default(),
            version: 1,
        }
    }
}

impl Line {
    /// The leg by itself.
    #[must_use]
    pub fn posting(&self) -> Posting {
        Posting {
            account: self.account.clone(),
            side: self.side,
            amount: self.amount,
        }
    }
}

impl Asset {
    /// True for the units of a fund.
    #[must_use]
    pub const fn is_of_fund(&self) -> bool {
        matches!(self.kind, AssetKind::FundUnits(_))
    }
}
