//! The ledger as it is, whole or in part.

use std::collections::{BTreeMap, BTreeSet};

use crate::chain::Hash;
use crate::{
    Account, AccountId, Asset, AssetCode, Command, Fund, FundId, Key, Posting, Rejection, Request,
    Timestamp, Transfer, TransferId,
};

/// The ledger as it is, or the part of it that some requests need ([`State::needs`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Assets by name.
    pub assets: BTreeMap<AssetCode, Asset>,
    /// Accounts.
    pub accounts: BTreeMap<AccountId, Account>,
    /// Transfers.
    pub transfers: BTreeMap<TransferId, Transfer>,
    /// Funds.
    pub funds: BTreeMap<FundId, Fund>,
    /// Requests that were decided.
    pub keys: BTreeMap<Key, Frozen>,
    /// The first time that is open.
    pub open_from: Option<Timestamp>,
    /// Events so far. The next one has this number plus one; none is left out.
    pub seq: u64,
}

/// What became of a request, kept for ever under its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frozen {
    /// What was asked, as a hash over its canonical form.
    pub fingerprint: Hash,
    /// When it was decided.
    pub recorded_at: Timestamp,
    /// The number of the first event and the number after the last, or why nothing happened.
    pub result: Result<std::ops::Range<u64>, Rejection>,
}

/// What of the state decides about some requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Assets.
    pub assets: BTreeSet<AssetCode>,
    /// Accounts.
    pub accounts: BTreeSet<AccountId>,
    /// Transfers.
    pub transfers: BTreeSet<TransferId>,
    /// Funds.
    pub funds: BTreeSet<FundId>,
    /// Keys.
    pub keys: BTreeSet<Key>,
}

impl State {
    /// Adds what decides about a request. The accounts of a transfer that is referred to can be
    /// named only when that transfer is here: whoever loads asks again after loading it.
    pub fn needs(&self, request: &Request, needs: &mut Needs) {
        needs.keys.insert(request.key.clone());
        self.command_needs(&request.command, needs);
    }

    pub(crate) fn command_needs(&self, command: &Command, needs: &mut Needs) {
        match command {
            Command::DeclareAsset { code, .. } => {
                needs.assets.insert(code.clone());
            }
            Command::OpenAccount(new) => {
                needs.assets.insert(new.asset.clone());
                needs.accounts.insert(new.account.clone());
            }
            Command::SetLimits { account, .. } | Command::SetStatus { account, .. } => {
                needs.accounts.insert(account.clone());
            }
            Command::Post(post) => needs.transfer(&post.transfer, &post.postings),
            Command::Hold(hold) => needs.transfer(&hold.transfer, &hold.postings),
            Command::PostPending(post) => {
                needs.transfers.insert(post.transfer.clone());
                self.legs_need(&post.pending, needs);
            }
            Command::VoidPending(void) => self.legs_need(&void.pending, needs),
            Command::Expire { pending } => self.legs_need(pending, needs),
            Command::Reverse(reverse) => {
                needs.transfers.insert(reverse.transfer.clone());
                self.legs_need(&reverse.of, needs);
            }
            Command::Atomic(commands) => {
                for command in commands {
                    self.command_needs(command, needs);
                }
            }
            Command::ClosePeriod { .. } => {}
            Command::CreateFund(new) => {
                needs.transfers.insert(new.transfer.clone());
                needs.funds.insert(new.fund.clone());
                needs.assets.insert(new.fund.asset());
                needs.accounts.insert(new.fund.issued());
                let owners = new
                    .owners
                    .iter()
                    .map(|owner| new.fund.account_of(&owner.owner));
                needs.accounts.extend(owners);
            }
            Command::TransferUnits(units) => {
                needs.transfers.insert(units.transfer.clone());
                needs.funds.insert(units.fund.clone());
                let owners = [&units.from, &units.to];
                needs
                    .accounts
                    .extend(owners.map(|owner| units.fund.account_of(owner)));
            }
        }
    }

    fn legs_need(&self, transfer: &TransferId, needs: &mut Needs) {
        needs.transfers.insert(transfer.clone());
        let postings = self.transfers.get(transfer).map(|found| &found.postings);
        needs.accounts_of(postings.map_or(&[], Vec::as_slice));
    }

    /// The part of the state that decides about a command, as a state of its own.
    pub(crate) fn part(&self, command: &Command) -> Self {
        let mut needs = Needs::default();
        self.command_needs(command, &mut needs);
        Self {
            assets: pick(&self.assets, &needs.assets),
            accounts: pick(&self.accounts, &needs.accounts),
            transfers: pick(&self.transfers, &needs.transfers),
            funds: pick(&self.funds, &needs.funds),
            keys: BTreeMap::new(),
            open_from: self.open_from,
            seq: self.seq,
        }
    }
}

impl Needs {
    fn transfer(&mut self, transfer: &TransferId, postings: &[Posting]) {
        self.transfers.insert(transfer.clone());
        self.accounts_of(postings);
    }

    fn accounts_of(&mut self, postings: &[Posting]) {
        let accounts = postings.iter().map(|posting| posting.account.clone());
        self.accounts.extend(accounts);
    }
}

fn pick<K: Ord + Clone, V: Clone>(all: &BTreeMap<K, V>, wanted: &BTreeSet<K>) -> BTreeMap<K, V> {
    let found = wanted.iter().filter_map(|key| all.get_key_value(key));
    found
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
