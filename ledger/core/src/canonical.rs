//! The one way to write commands and records as bytes, for fingerprints and proofs.
//!
//! Each variant begins with a byte of its own; texts and lists begin with their length as four
//! bytes, numbers are big-endian, what may be absent begins with 0 or 1. Fields stand in the order
//! of their declaration. The form never changes, since proofs are kept outside of the ledger; new
//! variants get new bytes.

use crate::chain::Hash;
use crate::record::{Event, Line, Origin, Posted, ReleaseReason};
use crate::{
    Amount, Asset, AssetKind, Command, Limits, NewAccount, Posting, Record, Side, Status,
    Timestamp, Units,
};

#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn tag(&mut self, tag: u8) {
        self.0.push(tag);
    }

    fn length(&mut self, length: usize) {
        let length = u32::try_from(length).expect("texts and lists are bounded far below 2^32");
        self.0.extend(length.to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.0.extend(text.as_bytes());
    }

    fn units(&mut self, units: Units) {
        self.0.extend(units.to_be_bytes());
    }

    fn amount(&mut self, amount: Amount) {
        self.units(amount.get());
    }

    fn time(&mut self, time: Timestamp) {
        self.0.extend(time.0.to_be_bytes());
    }

    fn number(&mut self, number: u64) {
        self.0.extend(number.to_be_bytes());
    }

    fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.tag(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn list<T>(&mut self, values: &[T], write: impl Fn(&mut Self, &T)) {
        self.length(values.len());
        for value in values {
            write(self, value);
        }
    }

    fn side(&mut self, side: Side) {
        self.tag(match side {
            Side::Debit => 1,
            Side::Credit => 2,
        });
    }

    fn status(&mut self, status: Status) {
        self.tag(match status {
            Status::Open => 1,
            Status::Frozen => 2,
            Status::Closed => 3,
        });
    }

    fn limits(&mut self, limits: Limits) {
        self.option(limits.floor, Self::units);
        self.option(limits.ceiling, Self::units);
    }

    fn posting(&mut self, posting: &Posting) {
        self.text(posting.account.as_str());
        self.side(posting.side);
        self.amount(posting.amount);
    }

    fn account(&mut self, new: &NewAccount) {
        self.text(new.account.as_str());
        self.text(new.asset.as_str());
        self.text(new.owner.as_str());
        self.side(new.normal);
        self.limits(new.limits);
    }

    fn command(&mut self, command: &Command) {
        match command {
            Command::DeclareAsset { code, scale } => {
                self.tag(1);
                self.text(code.as_str());
                self.tag(*scale);
            }
            Command::OpenAccount(new) => {
                self.tag(2);
                self.account(new);
            }
            Command::SetLimits { account, limits } => {
                self.tag(3);
                self.text(account.as_str());
                self.limits(*limits);
            }
            Command::SetStatus { account, status } => {
                self.tag(4);
                self.text(account.as_str());
                self.status(*status);
            }
            Command::Atomic(commands) => {
                self.tag(11);
                self.list(commands, Self::command);
            }
            Command::ClosePeriod { before } => {
                self.tag(12);
                self.time(*before);
            }
            Command::CreateFund(new) => {
                self.tag(13);
                self.text(new.fund.as_str());
                self.text(&new.name);
                self.tag(new.scale);
                self.amount(new.total_units);
                self.list(&new.owners, |writer, units| {
                    writer.text(units.owner.as_str());
                    writer.amount(units.units);
                });
                self.text(new.transfer.as_str());
            }
            _ => self.transfer(command),
        }
    }

    /// The commands that move something.
    fn transfer(&mut self, command: &Command) {
        match command {
            Command::Post(post) => {
                self.tag(5);
                self.text(post.transfer.as_str());
                self.list(&post.postings, Self::posting);
                self.option(post.effective_at, Self::time);
            }
            Command::Hold(hold) => {
                self.tag(6);
                self.text(hold.transfer.as_str());
                self.list(&hold.postings, Self::posting);
                self.option(hold.expires_at, Self::time);
            }
            Command::PostPending(post) => {
                self.tag(7);
                self.text(post.transfer.as_str());
                self.text(post.pending.as_str());
                self.option(post.amount, Self::amount);
                self.tag(u8::from(post.keep_rest));
                self.option(post.effective_at, Self::time);
            }
            Command::VoidPending(void) => {
                self.tag(8);
                self.text(void.pending.as_str());
            }
            Command::Expire { pending } => {
                self.tag(9);
                self.text(pending.as_str());
            }
            Command::Reverse(reverse) => {
                self.tag(10);
                self.text(reverse.transfer.as_str());
                self.text(reverse.of.as_str());
                self.option(reverse.effective_at, Self::time);
            }
            Command::TransferUnits(units) => {
                self.tag(14);
                self.text(units.transfer.as_str());
                self.text(units.fund.as_str());
                self.text(units.from.as_str());
                self.text(units.to.as_str());
                self.amount(units.units);
                self.option(units.effective_at, Self::time);
            }
            _ => unreachable!("the others are written by `command`"),
        }
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::AssetDeclared(asset) => {
                self.tag(1);
                self.asset(asset);
            }
            Event::AccountOpened(new) => {
                self.tag(2);
                self.account(new);
            }
            Event::LimitsSet { account, limits } => {
                self.tag(3);
                self.text(account.as_str());
                self.limits(*limits);
            }
            Event::StatusSet { account, status } => {
                self.tag(4);
                self.text(account.as_str());
                self.status(*status);
            }
            Event::Posted(posted) => {
                self.tag(5);
                self.posted(posted);
            }
            Event::Held {
                transfer,
                postings,
                expires_at,
            } => {
                self.tag(6);
                self.text(transfer.as_str());
                self.list(postings, Self::posting);
                self.option(*expires_at, Self::time);
            }
            Event::Released {
                pending,
                postings,
                reason,
            } => {
                self.tag(7);
                self.text(pending.as_str());
                self.list(postings, Self::posting);
                self.tag(match reason {
                    ReleaseReason::Voided => 1,
                    ReleaseReason::Expired => 2,
                    ReleaseReason::PostedInPart => 3,
                });
            }
            Event::FundCreated {
                fund,
                name,
                total_units,
            } => {
                self.tag(8);
                self.text(fund.as_str());
                self.text(name);
                self.amount(*total_units);
            }
            Event::PeriodClosed { before } => {
                self.tag(9);
                self.time(*before);
            }
        }
    }

    fn asset(&mut self, asset: &Asset) {
        self.text(asset.code.as_str());
        self.tag(asset.scale);
        match &asset.kind {
            AssetKind::Declared => self.tag(1),
            AssetKind::FundUnits(fund) => {
                self.tag(2);
                self.text(fund.as_str());
            }
        }
    }

    fn posted(&mut self, posted: &Posted) {
        self.text(posted.transfer.as_str());
        match &posted.origin {
            Origin::Direct => self.tag(1),
            Origin::Pending(of) => {
                self.tag(2);
                self.text(of.as_str());
            }
            Origin::Reversal(of) => {
                self.tag(3);
                self.text(of.as_str());
            }
        }
        self.list(&posted.lines, Self::line);
        self.time(posted.effective_at);
    }

    fn line(&mut self, line: &Line) {
        self.text(line.account.as_str());
        self.side(line.side);
        self.amount(line.amount);
        self.units(line.balance_after);
        self.number(line.version);
    }
}

impl Command {
    /// SHA-256 over the canonical form: equal for equal commands, however they were written.
    #[must_use]
    pub fn fingerprint(&self) -> Hash {
        let mut writer = Writer::default();
        writer.command(self);
        crate::chain::sha256(&writer.0)
    }
}

impl Record {
    /// The canonical form, which proofs are about.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.text(self.key.as_str());
        writer.0.extend(self.fingerprint);
        writer.time(self.recorded_at);
        match &self.result {
            Ok(events) => {
                writer.tag(1);
                writer.list(events, Writer::event);
            }
            Err(rejection) => {
                writer.tag(2);
                writer.text(rejection.code());
                writer.text(&rejection.to_string());
            }
        }
        writer.0
    }
}
