#![deny(missing_docs, unused_qualifications, unreachable_pub)]
#![forbid(unsafe_code)]
//! Business code.

use std::collections::BTreeMap;
use std::fmt;

/// What was asked for.
#[derive(Debug)]
pub struct Command {
    /// Its id.
    pub id: String,
    /// How much.
    pub amount: u64,
    /// Of what.
    pub currency: String,
}

/// What came of it.
#[derive(Debug)]
pub struct Receipt {
    /// How many.
    pub steps: u32,
}

/// Why not.
#[derive(Debug)]
pub struct Rejection(String);

impl Rejection {
    /// Which one.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A name.
pub trait Named {
    /// The name.
    fn name(&self) -> &str;
}

/// Runs commands.
#[derive(Debug, Default)]
pub struct Saga {
    done: Vec<Command>,
    name: String,
}

impl Named for Saga {
    fn name(&self) -> &str { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "Saga::name", "case::Saga::name"); let __sv_span = __sv_span.enter();
        &self.name
    }
}

impl Saga {
    /// Executes a command.
    ///
    /// # Errors
    /// When there is nothing to do.
    pub fn execute(
        &mut self,
        command: Command, // by value, so it is gone at the end
    ) -> Result<
        Receipt,
        Rejection,
    > { let __sv_span = ::selvedge_hooks::rule_span!(Server, "transfer.execute", "case::Saga::execute"); ::selvedge_hooks::rule_record!(__sv_span, "transfer.id" => command.id, "transfer.amount_minor" => command.amount); let __sv_held_0 = ::selvedge_hooks::rule_hold!(command.currency); let __sv_held_1 = ::selvedge_hooks::rule_hold!(command.currency); let __sv_began = ::selvedge_hooks::rule_clock!(); let __sv_ret = __sv_span.scope(|| -> Result< Receipt, Rejection, > { ::selvedge_hooks::rule_own!(command); ::selvedge_hooks::rule_own!(self); let __sv_fields = ::selvedge_hooks::rule_fields!("transfer_id" => command.id).attach(); {
        const STEPS: u32 = 3;
        if command.amount == 0 {
            return Err(Rejection(command.id));
        }
        let parsed: u32 = command.id.parse().map_err(|_| Rejection(String::new()))?;
        self.done.push(command);
        Ok(Receipt { steps: STEPS + parsed })
    } }); let __sv_out = &__sv_ret; ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); let ret = __sv_out; ::selvedge_hooks::rule_record!(__sv_span, "transfer.steps" => ret.as_ref().map_or(0, |receipt| receipt.steps)); ::selvedge_hooks::rule_error!(error, __sv_out, { ::selvedge_hooks::rule_record!(__sv_span, "transfer.rejection" => error.kind(), "transfer.currency" => __sv_held_1); }); if !::selvedge_hooks::rule_failed!(__sv_out) { ::selvedge_hooks::rule_measure!(Counter, "transfers_completed_total", 1_u64, "currency" => __sv_held_0); } ::selvedge_hooks::rule_measure!(Histogram, "transfer_seconds", ::selvedge_hooks::rule_elapsed!(__sv_began)); __sv_ret }

    /// What was done, to be changed.
    pub fn journal(&mut self) -> &mut Vec<Command> { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "Saga::journal", "case::Saga::journal"); let __sv_span = __sv_span.enter(); {
        use std::mem::size_of;
        self.done.reserve(size_of::<u8>());
        &mut self.done
    } }
}

/// How much is left.
#[must_use]
pub fn backlog(rows: &[u8]) -> u64 { let __sv_ret = ::selvedge_hooks::rule::call(|| -> u64 {
    rows.len() as u64
}); let __sv_out = &__sv_ret; let ret = __sv_out; ::selvedge_hooks::rule_measure!(Gauge, "backlog", *ret); __sv_ret }

/// Counts.
pub fn tick(by: u8) { let __sv_held_0 = ::selvedge_hooks::rule_hold!(by); ::selvedge_hooks::rule::call::<()>(|| { let _ = by; });  ::selvedge_hooks::rule_measure!(Counter, "ticks_total", __sv_held_0); }

/// A message.
#[derive(Debug, Default)]
pub struct Event {
    /// Its headers.
    pub headers: BTreeMap<String, String>,
}

/// Keeps a message.
pub fn append(event: Event, to: &mut Vec<Event>) { let mut event = event; ::selvedge_hooks::rule_inject!(event.headers);
    to.push(event);
}

/// Sends a message.
///
/// # Errors
/// Never.
pub fn publish(row: &Event) -> Result<usize, Rejection> { let __sv_span = ::selvedge_hooks::rule_span!(Producer, "publish", "case::publish", row.headers); let __sv_ret = __sv_span.scope(|| -> Result<usize, Rejection> {
    row.headers.len().checked_add(1).ok_or(Rejection(String::new()))
}); let __sv_out = &__sv_ret; ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); __sv_ret }

/// Does not return.
pub fn never() -> ! { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "never", "case::never"); let __sv_span = __sv_span.enter(); loop { std::thread::park(); } }
