//! Funds: their units are an asset, their owners' units accounts of it.

use std::collections::BTreeSet;

use crate::decide::{Decision, post};
use crate::{
    AccountId, Asset, AssetCode, AssetKind, Command, Event, FundId, Limits, NewAccount, NewFund,
    OwnerId, OwnerUnits, POSTINGS_MAX, Post, Posting, Rejection, SCALE_MAX, Side, State, Timestamp,
    TransferUnits, Units,
};

/// What assets and accounts of funds begin with, and no others.
pub(crate) const FUND_PREFIX: &str = "fund:";

/// A fund, whose units its owners hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fund {
    /// Its name.
    pub name: String,
    /// The asset that its units are.
    pub asset: AssetCode,
    /// Units there are, in the asset's minor units. The units of all owners add up to it.
    pub total_units: Units,
}

/// Identifiers of funds and owners are so short that what is named after them is an identifier too.
const SHORT: &str = "a fund's and an owner's identifier leave room";

impl FundId {
    /// The asset that the fund's units are: `fund:` and the fund.
    #[must_use]
    pub fn asset(&self) -> AssetCode {
        AssetCode::new(&format!("{FUND_PREFIX}{self}")).expect(SHORT)
    }

    /// The account that the fund's units were issued from: `fund:`, the fund and `:issued`.
    #[must_use]
    pub fn issued(&self) -> AccountId {
        AccountId::new(&format!("{FUND_PREFIX}{self}:issued")).expect(SHORT)
    }

    /// The account of an owner's units: `fund:`, the fund, `:owner:` and the owner.
    #[must_use]
    pub fn account_of(&self, owner: &OwnerId) -> AccountId {
        AccountId::new(&format!("{FUND_PREFIX}{self}:owner:{owner}")).expect(SHORT)
    }
}

/// Creates a fund: its asset, the account that its units come from, its owners' accounts, and the
/// entry that issues the units.
pub(crate) fn create(state: &State, whole: &Command, new: &NewFund, now: Timestamp) -> Decision {
    check_new(state, new)?;
    let issued = new.fund.issued();
    let mut work = state.part(whole);
    let mut events = vec![Event::AssetDeclared(Asset {
        code: new.fund.asset(),
        scale: new.scale,
        kind: AssetKind::FundUnits(new.fund.clone()),
    })];
    events.push(Event::AccountOpened(NewAccount {
        account: issued.clone(),
        asset: new.fund.asset(),
        owner: OwnerId::new(new.fund.as_str()).expect(SHORT),
        normal: Side::Debit,
        limits: Limits::default(),
    }));
    let owners = new.owners.iter().map(|units| &units.owner);
    events.extend(owners.map(|owner| opened(&new.fund, owner)));
    work.evolve_decided(&events);
    let credit = |units: &OwnerUnits| Posting {
        account: new.fund.account_of(&units.owner),
        side: Side::Credit,
        amount: units.units,
    };
    let debit = Posting {
        account: issued.clone(),
        side: Side::Debit,
        amount: new.total_units,
    };
    let issue = Post {
        transfer: new.transfer.clone(),
        postings: std::iter::once(debit)
            .chain(new.owners.iter().map(credit))
            .collect(),
        effective_at: None,
    };
    events.extend(post(&work, &issue, now)?);
    // From here on nothing can be posted to it, so that the units stay as many as they are.
    let total = Some(new.total_units.get());
    events.push(Event::LimitsSet {
        account: issued,
        limits: Limits {
            floor: total,
            ceiling: total,
        },
    });
    events.push(Event::FundCreated {
        fund: new.fund.clone(),
        name: new.name.clone(),
        total_units: new.total_units,
    });
    Ok(events)
}

fn check_new(state: &State, new: &NewFund) -> Result<(), Rejection> {
    if state.funds.contains_key(&new.fund) {
        return Err(Rejection::FundExists {
            fund: new.fund.clone(),
        });
    }
    if new.scale > SCALE_MAX {
        return Err(Rejection::BadScale {
            asset: new.fund.asset(),
            scale: new.scale,
            expected: SCALE_MAX,
        });
    }
    if new.owners.is_empty() {
        return Err(Rejection::NoOwners);
    }
    if new.owners.len() >= POSTINGS_MAX {
        return Err(Rejection::TooManyPostings { max: POSTINGS_MAX });
    }
    let mut seen = BTreeSet::new();
    if let Some(again) = new.owners.iter().find(|units| !seen.insert(&units.owner)) {
        return Err(Rejection::OwnerRepeated {
            owner: again.owner.clone(),
        });
    }
    let sum: Units = new.owners.iter().map(|units| units.units.get()).sum();
    let total = new.total_units.get();
    if sum != total {
        return Err(Rejection::UnitsDoNotAddUp { sum, total });
    }
    Ok(())
}

/// Moves units as any transfer does; an owner who is new to the fund gets an account first.
pub(crate) fn transfer_units(
    state: &State,
    whole: &Command,
    new: &TransferUnits,
    now: Timestamp,
) -> Decision {
    if !state.funds.contains_key(&new.fund) {
        return Err(Rejection::UnknownFund {
            fund: new.fund.clone(),
        });
    }
    let leg = |owner: &OwnerId, side: Side| Posting {
        account: new.fund.account_of(owner),
        side,
        amount: new.units,
    };
    let transfer = Post {
        transfer: new.transfer.clone(),
        postings: vec![leg(&new.from, Side::Debit), leg(&new.to, Side::Credit)],
        effective_at: new.effective_at,
    };
    if state.accounts.contains_key(&new.fund.account_of(&new.to)) {
        return post(state, &transfer, now);
    }
    let mut events = vec![opened(&new.fund, &new.to)];
    let mut work = state.part(whole);
    work.evolve_decided(&events);
    events.extend(post(&work, &transfer, now)?);
    Ok(events)
}

fn opened(fund: &FundId, owner: &OwnerId) -> Event {
    Event::AccountOpened(NewAccount {
        account: fund.account_of(owner),
        asset: fund.asset(),
        owner: owner.clone(),
        normal: Side::Credit,
        limits: Limits {
            floor: Some(0),
            ceiling: None,
        },
    })
}
