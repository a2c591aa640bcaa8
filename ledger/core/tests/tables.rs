//! The rules as tables: one command a line, and what it comes to.
//!
//! ```text
//! 10 post t1 alice>bob 50 => insufficient_funds
//! ```
//! is: at time 10, post transfer `t1` of 50 that debits `alice` and credits `bob`; it is rejected
//! by that code. `ok`, `replayed` and `key_reused` are the other outcomes. A key is made up unless the
//! line begins with `key=…`. `alice = 50 available 40` says what an account then has.

use std::fs;
use std::path::Path;

use ledger_core::{
    AccountId, Amount, AssetCode, Command, FundId, Hold, Key, Limits, NewAccount, NewFund, Outcome,
    OwnerId, OwnerUnits, Post, PostPending, Posting, Request, Reverse, Side, State, Status,
    Timestamp, TransferId, TransferUnits, VoidPending, apply, audit,
};

#[test]
fn every_row_of_every_table_comes_to_what_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tables");
    let mut rows = 0;
    for entry in fs::read_dir(folder).expect("the tables are there") {
        let path = entry.expect("an entry").path();
        let table = fs::read_to_string(&path).expect("a table");
        let mut ledger = Ledger::default();
        for (index, line) in table.lines().enumerate() {
            let row = line.split('#').next().unwrap_or_default().trim();
            if !row.is_empty() {
                let place = format!("{}:{}: {row}", path.display(), index + 1);
                ledger.row(row, &place);
                rows += 1;
            }
        }
    }
    assert!(rows > 80, "only {rows} rows were found");
}

#[derive(Default)]
struct Ledger {
    state: State,
    rows: usize,
}

impl Ledger {
    fn row(&mut self, row: &str, place: &str) {
        self.rows += 1;
        let Some((request, expected)) = row.split_once("=>") else {
            return self.check(row, place);
        };
        let mut words = request.split_whitespace().peekable();
        let key = words.next_if(|word| word.starts_with("key="));
        let key = key.map_or_else(|| format!("row {}", self.rows), str::to_owned);
        let now = Timestamp(words.next().expect(place).parse().expect(place));
        let command = command(&words.collect::<Vec<_>>(), place);
        let request = Request {
            key: Key::new(&key).expect(place),
            command,
        };
        let outcome = match apply(&mut self.state, &request, now) {
            Outcome::Decided(record) => match record.result {
                Ok(_) => "ok",
                Err(rejection) => rejection.code(),
            },
            Outcome::Replayed(_) => "replayed",
            Outcome::KeyReused => "key_reused",
        };
        assert_eq!(outcome, expected.trim(), "{place}");
        assert_eq!(audit(&self.state), [], "{place}");
    }

    /// `alice = 50`, with `available 40` and `version 3` when wanted.
    fn check(&self, row: &str, place: &str) {
        let words: Vec<&str> = row.split_whitespace().collect();
        let account = &self.state.accounts[words[0]];
        assert_eq!(words[1], "=", "{place}");
        assert_eq!(account.balance().to_string(), words[2], "{place}: balance");
        for pair in words[3..].chunks(2) {
            let found = match pair[0] {
                "available" => account.available().to_string(),
                "expected" => account.expected().to_string(),
                "version" => account.version.to_string(),
                other => panic!("{place}: `{other}`"),
            };
            assert_eq!(found, pair[1], "{place}: {}", pair[0]);
        }
    }
}

fn command(words: &[&str], place: &str) -> Command {
    match words[0] {
        "declare" | "open" | "limits" | "freeze" | "thaw" | "close" | "end-period" => {
            of_accounts(words, place)
        }
        "fund" | "units" => of_funds(words, place),
        "atomic" => Command::Atomic(
            words[1..]
                .split(|word| *word == ";")
                .filter(|words| !words.is_empty())
                .map(|words| command(words, place))
                .collect(),
        ),
        _ => of_transfers(words, place),
    }
}

fn option(words: &[&str], name: &str, place: &str) -> Option<i64> {
    let mut found = words
        .iter()
        .filter_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    found.next().map(|value| value.parse().expect(place))
}

fn effective_at(words: &[&str], place: &str) -> Option<Timestamp> {
    option(words, "at", place).map(Timestamp)
}

fn of_accounts(words: &[&str], place: &str) -> Command {
    let limits = Limits {
        floor: option(words, "floor", place).map(i128::from),
        ceiling: option(words, "ceiling", place).map(i128::from),
    };
    let with_status = |id: &str, status| Command::SetStatus {
        account: account(id),
        status,
    };
    match words {
        ["declare", code, scale] => Command::DeclareAsset {
            code: AssetCode::new(code).expect(place),
            scale: scale.parse().expect(place),
        },
        ["open", id, asset, normal, ..] => Command::OpenAccount(NewAccount {
            account: account(id),
            asset: AssetCode::new(asset).expect(place),
            owner: OwnerId::new("someone").expect(place),
            normal: if *normal == "debit" {
                Side::Debit
            } else {
                Side::Credit
            },
            limits,
        }),
        ["limits", id, ..] => Command::SetLimits {
            account: account(id),
            limits,
        },
        ["freeze", id] => with_status(id, Status::Frozen),
        ["thaw", id] => with_status(id, Status::Open),
        ["close", id] => with_status(id, Status::Closed),
        ["end-period", before] => Command::ClosePeriod {
            before: Timestamp(before.parse().expect(place)),
        },
        _ => panic!("{place}: no such command"),
    }
}

fn of_transfers(words: &[&str], place: &str) -> Command {
    let effective_at = effective_at(words, place);
    match words {
        ["post", id, rest @ ..] => Command::Post(Post {
            transfer: transfer(id),
            postings: postings(rest, place),
            effective_at,
        }),
        ["hold", id, rest @ ..] => Command::Hold(Hold {
            transfer: transfer(id),
            postings: postings(rest, place),
            expires_at: option(words, "until", place).map(Timestamp),
        }),
        ["settle", pending, id, rest @ ..] => Command::PostPending(PostPending {
            transfer: transfer(id),
            pending: transfer(pending),
            amount: rest.first().and_then(|word| word.parse().ok()),
            keep_rest: rest.contains(&"keep"),
            effective_at,
        }),
        ["void", pending] => Command::VoidPending(VoidPending {
            pending: transfer(pending),
        }),
        ["expire", pending] => Command::Expire {
            pending: transfer(pending),
        },
        ["reverse", of, id, ..] => Command::Reverse(Reverse {
            transfer: transfer(id),
            of: transfer(of),
            effective_at,
        }),
        _ => panic!("{place}: no such command"),
    }
}

fn of_funds(words: &[&str], place: &str) -> Command {
    match words {
        ["fund", id, total, rest @ ..] => Command::CreateFund(NewFund {
            fund: FundId::new(id).expect(place),
            name: "A fund".to_owned(),
            scale: 6,
            total_units: total.parse().expect(place),
            owners: rest.iter().map(|word| units(word, place)).collect(),
            transfer: transfer(&format!("issue-{id}")),
        }),
        ["units", id, fund, way, count, ..] => {
            let (from, to) = way.split_once('>').expect(place);
            Command::TransferUnits(TransferUnits {
                transfer: transfer(id),
                fund: FundId::new(fund).expect(place),
                from: OwnerId::new(from).expect(place),
                to: OwnerId::new(to).expect(place),
                units: count.parse().expect(place),
                effective_at: effective_at(words, place),
            })
        }
        _ => panic!("{place}: no such command"),
    }
}

fn account(id: &str) -> AccountId {
    AccountId::new(id).expect("an identifier")
}

fn transfer(id: &str) -> TransferId {
    TransferId::new(id).expect("an identifier")
}

fn units(word: &str, place: &str) -> OwnerUnits {
    let (owner, units) = word.split_once(':').expect(place);
    OwnerUnits {
        owner: OwnerId::new(owner).expect(place),
        units: units.parse().expect(place),
    }
}

/// `alice>bob 50`, or legs one by one: `dr:alice:50 cr:bob:50`.
fn postings(words: &[&str], place: &str) -> Vec<Posting> {
    if let [way, amount, ..] = words
        && let Some((debit, credit)) = way.split_once('>')
    {
        let amount: Amount = amount.parse().expect(place);
        let leg = |id, side| Posting {
            account: account(id),
            side,
            amount,
        };
        return vec![leg(debit, Side::Debit), leg(credit, Side::Credit)];
    }
    let legs = words.iter().filter(|word| word.contains(':'));
    legs.map(|word| {
        let parts: Vec<&str> = word.split(':').collect();
        Posting {
            account: account(parts[1]),
            side: if parts[0] == "dr" {
                Side::Debit
            } else {
                Side::Credit
            },
            amount: parts[2].parse().expect(place),
        }
    })
    .collect()
}
