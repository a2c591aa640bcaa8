//! Futures of all sorts.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

/// A code.
#[derive(Debug)]
pub struct Code(pub u32);

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result { write!(formatter, "{}", self.0) }
}

impl Error for Code {}

/// A boxed future.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Transfers.
///
/// # Errors
/// When the currency is not known.
pub async fn transfer(currency: &str, headers: &mut Vec<(String, String)>, parts: (u8, u8)) -> Result<u64, Code> {
    headers.clear();
    std::future::ready(()).await;
    if currency.is_empty() { return Err(Code(u32::from(parts.0))); }
    let number: u64 = currency.parse().map_err(|_| Code(1))?;
    Ok(number)
}

/// Gives any error.
///
/// # Errors
/// Mostly.
pub async fn any(mut count: u8, (left, _): (u8, u8)) -> Result<(), Box<dyn Error + Send + Sync>> {
    count += left;
    let _: u8 = "1".parse()?;
    std::future::ready(()).await;
    if count > 3 { Err("no".into()) } else { Err(Box::new(Code(1))) }
}

/// Gives nothing.
pub async fn nothing() { std::future::ready(()).await; }

/// Gives something that has no name.
pub async fn unnamed(of: &[u8]) -> impl Iterator<Item = u8> + '_ {
    std::future::ready(()).await;
    of.iter().copied()
}

/// Makes a future.
///
/// # Errors
/// Always.
pub fn made(of: String) -> impl Future<Output = Result<String, Code>> + Send {
    async move { std::future::ready(()).await; if of.is_empty() { Err(Code(0)) } else { Ok(of) } }
}

/// Makes a boxed future.
#[must_use]
pub fn boxed(of: &str) -> Pin<Box<dyn Future<Output = Result<&str, Code>> + Send + '_>> {
    if of.is_empty() { return Box::pin(std::future::ready(Ok(of))); }
    Box::pin(async move { std::future::ready(Ok(of)).await })
}

/// Keeps its receiver.
#[derive(Debug)]
pub struct Keeper(Vec<u8>);

impl Keeper {
    /// The first.
    pub async fn first(&mut self) -> Option<&mut u8> {
        std::future::ready(()).await;
        self.0.first_mut()
    }

    /// All.
    pub async fn all(self) -> Vec<u8> {
        std::future::ready(()).await;
        self.0
    }
}

fn is_send(_: impl Send) {}

/// Futures can still be sent.
pub fn sends(keeper: Keeper) {
    is_send(transfer("", &mut Vec::new(), (0, 0)));
    is_send(any(0, (0, 0)));
    is_send(made(String::new()));
    is_send(keeper.all());
}
