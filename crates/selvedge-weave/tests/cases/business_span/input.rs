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
    fn name(&self) -> &str {
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
    > {
        const STEPS: u32 = 3;
        if command.amount == 0 {
            return Err(Rejection(command.id));
        }
        let parsed: u32 = command.id.parse().map_err(|_| Rejection(String::new()))?;
        self.done.push(command);
        Ok(Receipt { steps: STEPS + parsed })
    }

    /// What was done, to be changed.
    pub fn journal(&mut self) -> &mut Vec<Command> {
        use std::mem::size_of;
        self.done.reserve(size_of::<u8>());
        &mut self.done
    }
}

/// How much is left.
#[must_use]
pub fn backlog(rows: &[u8]) -> u64 {
    rows.len() as u64
}

/// Counts.
pub fn tick(by: u8) { let _ = by; }

/// A message.
#[derive(Debug, Default)]
pub struct Event {
    /// Its headers.
    pub headers: BTreeMap<String, String>,
}

/// Keeps a message.
pub fn append(event: Event, to: &mut Vec<Event>) {
    to.push(event);
}

/// Sends a message.
///
/// # Errors
/// Never.
pub fn publish(row: &Event) -> Result<usize, Rejection> {
    row.headers.len().checked_add(1).ok_or(Rejection(String::new()))
}

/// Does not return.
pub fn never() -> ! { loop { std::thread::park(); } }
