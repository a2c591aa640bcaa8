//! Random requests over few accounts: what always holds, holds after each of them.

use ledger_core::{
    AccountId, Amount, AssetCode, Command, FundId, Hold, Key, Limits, Needs, NewAccount, NewFund,
    Outcome, OwnerId, OwnerUnits, Post, PostPending, Posting, Record, Request, Reverse, Side,
    State, Status, Timestamp, TransferId, TransferUnits, VoidPending, apply, audit, replay,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

const ACCOUNTS: [(&str, &str); 5] = [
    ("bank", "USD"),
    ("alice", "USD"),
    ("bob", "USD"),
    ("euro-bank", "EUR"),
    ("euro-alice", "EUR"),
];

fn account(index: usize) -> AccountId {
    AccountId::new(ACCOUNTS[index].0).expect("an identifier")
}

fn transfer(index: u32) -> TransferId {
    TransferId::new(&format!("t{index}")).expect("an identifier")
}

fn owner(index: u32) -> OwnerId {
    OwnerId::new(&format!("o{index}")).expect("an identifier")
}

fn amount() -> impl Strategy<Value = Amount> {
    let edge = Just(Amount::MAX.get());
    prop_oneof![30 => 1i128..200, 1 => edge].prop_map(|units| Amount::new(units).expect("positive"))
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Debit), Just(Side::Credit)]
}

/// Mostly legs that balance, now and then some that do not.
fn postings() -> impl Strategy<Value = Vec<Posting>> {
    let pair = (0..ACCOUNTS.len(), 0..ACCOUNTS.len(), amount()).prop_map(|(from, to, amount)| {
        let leg = |index, side| Posting {
            account: account(index),
            side,
            amount,
        };
        vec![leg(from, Side::Debit), leg(to, Side::Credit)]
    });
    let two_assets = (amount(), amount()).prop_map(|(dollars, euros)| {
        let leg = |index, side, amount| Posting {
            account: account(index),
            side,
            amount,
        };
        vec![
            leg(1, Side::Debit, dollars),
            leg(0, Side::Credit, dollars),
            leg(3, Side::Debit, euros),
            leg(4, Side::Credit, euros),
        ]
    });
    let leg = (0..ACCOUNTS.len(), side(), amount()).prop_map(|(index, side, amount)| Posting {
        account: account(index),
        side,
        amount,
    });
    prop_oneof![8 => pair, 2 => two_assets, 1 => vec(leg, 0..5)]
}

fn limits() -> impl Strategy<Value = Limits> {
    (option::of(-300i128..100), option::of(-100i128..500))
        .prop_map(|(floor, ceiling)| Limits { floor, ceiling })
}

fn time() -> impl Strategy<Value = Timestamp> {
    (0i64..400).prop_map(Timestamp)
}

fn transfers() -> impl Strategy<Value = Command> {
    let id = || (0u32..60).prop_map(transfer);
    let post = (id(), postings(), option::weighted(0.2, time()));
    let hold = (id(), postings(), option::weighted(0.5, time()));
    let part = (id(), id(), option::of(amount()), any::<bool>());
    let units = (id(), 0u32..3, 0u32..3, amount());
    prop_oneof![
        6 => post.prop_map(|(transfer, postings, effective_at)| {
            Command::Post(Post { transfer, postings, effective_at })
        }),
        4 => hold.prop_map(|(transfer, postings, expires_at)| {
            Command::Hold(Hold { transfer, postings, expires_at })
        }),
        6 => part.prop_map(|(transfer, pending, amount, keep_rest)| {
            Command::PostPending(PostPending { transfer, pending, amount, keep_rest, effective_at: None })
        }),
        2 => id().prop_map(|pending| Command::VoidPending(VoidPending { pending })),
        2 => (id(), id()).prop_map(|(transfer, of)| {
            Command::Reverse(Reverse { transfer, of, effective_at: None })
        }),
        2 => units.prop_map(|(transfer, from, to, units)| {
            Command::TransferUnits(TransferUnits {
                transfer,
                fund: FundId::new("f").expect("an identifier"),
                from: owner(from),
                to: owner(to),
                units,
                effective_at: None,
            })
        }),
    ]
}

fn commands() -> impl Strategy<Value = Command> {
    let status = prop_oneof![
        Just(Status::Open),
        Just(Status::Frozen),
        Just(Status::Closed)
    ];
    let any_account = || (0..ACCOUNTS.len()).prop_map(account);
    prop_oneof![
        20 => transfers(),
        3 => vec(transfers(), 0..5).prop_map(Command::Atomic),
        2 => (0u32..60).prop_map(|index| Command::Expire { pending: transfer(index) }),
        1 => (any_account(), limits()).prop_map(|(account, limits)| Command::SetLimits { account, limits }),
        1 => (any_account(), status).prop_map(|(account, status)| Command::SetStatus { account, status }),
        1 => (0i64..60).prop_map(|time| Command::ClosePeriod { before: Timestamp(time) }),
        1 => (vec((0u32..3, amount()), 0..3), 0u32..60).prop_map(|(owners, index)| new_fund(&owners, index)),
    ]
}

fn new_fund(owners: &[(u32, Amount)], index: u32) -> Command {
    let units = |(index, units): &(u32, Amount)| OwnerUnits {
        owner: owner(*index),
        units: *units,
    };
    let sum: i128 = owners.iter().map(|(_, units)| units.get()).sum();
    Command::CreateFund(NewFund {
        fund: FundId::new("f").expect("an identifier"),
        name: "Fund".to_owned(),
        scale: 6,
        total_units: Amount::new(sum.max(1)).unwrap_or(Amount::MAX),
        owners: owners.iter().map(units).collect(),
        transfer: transfer(index),
    })
}

/// Requests; some keys come twice, some with another command.
fn requests() -> impl Strategy<Value = Vec<Request>> {
    let request = (0u32..200, commands()).prop_map(|(key, command)| Request {
        key: Key::new(&format!("k{key}")).expect("a key"),
        command,
    });
    vec(request, 1..120)
}

fn opened() -> (State, Vec<Record>) {
    let mut state = State::default();
    let mut commands = Vec::new();
    for code in ["USD", "EUR"] {
        let code = AssetCode::new(code).expect("a code");
        commands.push(Command::DeclareAsset { code, scale: 2 });
    }
    for (index, (name, asset)) in ACCOUNTS.iter().enumerate() {
        let is_bank = name.ends_with("bank");
        commands.push(Command::OpenAccount(NewAccount {
            account: account(index),
            asset: AssetCode::new(asset).expect("a code"),
            owner: OwnerId::new("someone").expect("an identifier"),
            normal: if is_bank { Side::Debit } else { Side::Credit },
            limits: Limits {
                floor: (!is_bank).then_some(-100),
                ceiling: None,
            },
        }));
    }
    let mut log = Vec::new();
    for (index, command) in commands.into_iter().enumerate() {
        let key = Key::new(&format!("set-up-{index}")).expect("a key");
        match apply(&mut state, &Request { key, command }, Timestamp(0)) {
            Outcome::Decided(record) if record.result.is_ok() => log.push(record),
            other => panic!("{other:?}"),
        }
    }
    (state, log)
}

/// Only what the request needs, as a store would load it: twice, because what a transfer needs is
/// known when the transfer is.
fn loaded(state: &State, request: &Request) -> State {
    let mut part = State {
        open_from: state.open_from,
        seq: state.seq,
        ..State::default()
    };
    for _ in 0..2 {
        let mut needs = Needs::default();
        part.needs(request, &mut needs);
        let find = |id| Some((AccountId::clone(id), state.accounts.get(id)?.clone()));
        part.accounts = needs.accounts.iter().filter_map(find).collect();
        let find = |id| Some((TransferId::clone(id), state.transfers.get(id)?.clone()));
        part.transfers = needs.transfers.iter().filter_map(find).collect();
        let find = |id| Some((AssetCode::clone(id), state.assets.get(id)?.clone()));
        part.assets = needs.assets.iter().filter_map(find).collect();
        let find = |id| Some((FundId::clone(id), state.funds.get(id)?.clone()));
        part.funds = needs.funds.iter().filter_map(find).collect();
        let find = |id| Some((Key::clone(id), state.keys.get(id)?.clone()));
        part.keys = needs.keys.iter().filter_map(find).collect();
    }
    part
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_always_holds_holds_after_every_request(requests in requests()) {
        let (mut state, mut log) = opened();
        for (at, request) in requests.iter().enumerate() {
            let now = Timestamp(i64::try_from(at).expect("few") * 3);
            let mut part = loaded(&state, request);
            let before = state.clone();
            let outcome = apply(&mut state, request, now);
            prop_assert_eq!(audit(&state), [], "{:?}", request);
            prop_assert_eq!(&apply(&mut part, request, now), &outcome, "from what was loaded");
            match outcome {
                Outcome::Decided(record) => {
                    if record.result.is_err() {
                        let unchanged = State { keys: before.keys.clone(), ..state.clone() };
                        prop_assert_eq!(&unchanged, &before);
                    }
                    log.push(record);
                }
                Outcome::Replayed(_) | Outcome::KeyReused => prop_assert_eq!(&state, &before),
            }
        }
        prop_assert_eq!(replay(&log).expect("the ledger's own log"), state);
    }

    #[test]
    fn a_repeated_request_is_answered_as_the_first_time(requests in requests()) {
        let (mut state, _) = opened();
        for (at, request) in requests.iter().enumerate() {
            let now = Timestamp(i64::try_from(at).expect("few") * 3);
            if let Outcome::Decided(first) = apply(&mut state, request, now) {
                let after = state.clone();
                let again = apply(&mut state, request, Timestamp(now.0 + 10_000));
                let Outcome::Replayed(frozen) = again else {
                    return Err(TestCaseError::fail(format!("{again:?}")));
                };
                prop_assert_eq!(frozen.recorded_at, first.recorded_at);
                prop_assert_eq!(frozen.result.err(), first.result.err());
                prop_assert_eq!(&state, &after);
            }
        }
    }
}
