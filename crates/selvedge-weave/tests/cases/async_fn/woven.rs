//! Futures of all sorts.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

/// A code.
#[derive(Debug)]
pub struct Code(pub u32);

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "Code::fmt", "case::Code::fmt"); ::selvedge_hooks::rule_record!(__sv_span, "one" => 1); let __sv_ret = __sv_span.scope(|| -> fmt::Result { ::selvedge_hooks::rule_own!(formatter); write!(formatter, "{}", self.0) }); let __sv_out = &__sv_ret; ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); __sv_ret }
}

impl Error for Code {}

/// A boxed future.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Transfers.
///
/// # Errors
/// When the currency is not known.
pub async fn transfer(currency: &str, headers: &mut Vec<(String, String)>, parts: (u8, u8)) -> Result<u64, Code> { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "transfer", "case::transfer"); ::selvedge_hooks::rule_record!(__sv_span, "one" => 1); let __sv_held_0 = ::selvedge_hooks::rule_hold!(currency); let __sv_began = ::selvedge_hooks::rule_clock!(); let __sv_fields = __sv_span.scope(|| ::selvedge_hooks::rule_fields!("currency" => currency)); ::selvedge_hooks::instrument(__sv_span, ::selvedge_hooks::carry_in(__sv_fields, async move { ::selvedge_hooks::rule_returns!(Result<u64, Code>); let _ = (&parts, &headers, &currency); ::selvedge_hooks::rule_inject!(with |name, value| headers.push((name.to_owned(), value.to_owned())));
    headers.clear();
    std::future::ready(()).await;
    if currency.is_empty() { return Err(Code(u32::from(parts.0))); }
    let number: u64 = currency.parse().map_err(|_| Code(1))?;
    Ok(number)
}), |__sv_out, __sv_span| { ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); ::selvedge_hooks::rule_error!(error, __sv_out, { ::selvedge_hooks::rule_measure!(Counter, "transfers_total", 1_u64, "currency" => __sv_held_0, "code" => error.0); }); ::selvedge_hooks::rule_measure!(Histogram, "call_seconds", ::selvedge_hooks::rule_elapsed!(__sv_began)); }).await }

/// Gives any error.
///
/// # Errors
/// Mostly.
pub async fn any(mut count: u8, (left, _): (u8, u8)) -> Result<(), Box<dyn Error + Send + Sync>> { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "any", "case::any"); ::selvedge_hooks::rule_record!(__sv_span, "one" => 1); let __sv_began = ::selvedge_hooks::rule_clock!(); ::selvedge_hooks::instrument(__sv_span, async move { ::selvedge_hooks::rule_returns!(Result<(), Box<dyn Error + Send + Sync>>); let _ = &count;
    count += left;
    let _: u8 = "1".parse()?;
    std::future::ready(()).await;
    if count > 3 { Err("no".into()) } else { Err(Box::new(Code(1))) }
}, |__sv_out, __sv_span| { ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); ::selvedge_hooks::rule_measure!(Histogram, "call_seconds", ::selvedge_hooks::rule_elapsed!(__sv_began)); }).await }

/// Gives nothing.
pub async fn nothing() { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "nothing", "case::nothing"); ::selvedge_hooks::rule_record!(__sv_span, "one" => 1); let __sv_began = ::selvedge_hooks::rule_clock!(); ::selvedge_hooks::instrument(__sv_span, async move { ::selvedge_hooks::rule_returns!(()); std::future::ready(()).await; }, |(), __sv_span| { ::selvedge_hooks::rule_measure!(Histogram, "call_seconds", ::selvedge_hooks::rule_elapsed!(__sv_began)); }).await }

/// Gives something that has no name.
pub async fn unnamed(of: &[u8]) -> impl Iterator<Item = u8> + '_ { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "unnamed", "case::unnamed"); ::selvedge_hooks::rule_record!(__sv_span, "one" => 1); let __sv_began = ::selvedge_hooks::rule_clock!(); ::selvedge_hooks::instrument(__sv_span, async move { let _ = &of;
    std::future::ready(()).await;
    of.iter().copied()
}, |__sv_out, __sv_span| { ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); ::selvedge_hooks::rule_measure!(Histogram, "call_seconds", ::selvedge_hooks::rule_elapsed!(__sv_began)); }).await }

/// Makes a future.
///
/// # Errors
/// Always.
pub fn made(of: String) -> impl Future<Output = Result<String, Code>> + Send { let __sv_first_0 = ::selvedge_hooks::rule_hold!(1); let __sv_began = ::selvedge_hooks::rule_clock!(); let __sv_given = ::selvedge_hooks::rule::call(|| {
    async move { std::future::ready(()).await; if of.is_empty() { Err(Code(0)) } else { Ok(of) } }
}); async move { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "made", "case::made"); ::selvedge_hooks::rule_record!(__sv_span, "one" => __sv_first_0); ::selvedge_hooks::instrument(__sv_span, __sv_given, |__sv_out, __sv_span| { ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); ::selvedge_hooks::rule_measure!(Histogram, "call_seconds", ::selvedge_hooks::rule_elapsed!(__sv_began)); }).await } }

/// Makes a boxed future.
#[must_use]
pub fn boxed(of: &str) -> Pin<Box<dyn Future<Output = Result<&str, Code>> + Send + '_>> { let __sv_first_0 = ::selvedge_hooks::rule_hold!(1); let __sv_began = ::selvedge_hooks::rule_clock!(); let __sv_given = ::selvedge_hooks::rule::call(|| -> Pin<Box<dyn Future<Output = Result<&str, Code>> + Send + '_>> {
    if of.is_empty() { return Box::pin(std::future::ready(Ok(of))); }
    Box::pin(async move { std::future::ready(Ok(of)).await })
}); if ::selvedge_hooks::active() { ::std::boxed::Box::pin(async move { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "boxed", "case::boxed"); ::selvedge_hooks::rule_record!(__sv_span, "one" => __sv_first_0); ::selvedge_hooks::instrument(__sv_span, __sv_given, |__sv_out, __sv_span| { ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); ::selvedge_hooks::rule_measure!(Histogram, "call_seconds", ::selvedge_hooks::rule_elapsed!(__sv_began)); }).await }) } else { __sv_given } }

/// Keeps its receiver.
#[derive(Debug)]
pub struct Keeper(Vec<u8>);

impl Keeper {
    /// The first.
    pub async fn first(&mut self) -> Option<&mut u8> { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "Keeper::first", "case::Keeper::first"); ::selvedge_hooks::rule_record!(__sv_span, "one" => 1); ::selvedge_hooks::instrument(__sv_span, async move { ::selvedge_hooks::rule_returns!(Option<&mut u8>); let _ = &self;
        std::future::ready(()).await;
        self.0.first_mut()
    }, |__sv_out, __sv_span| { ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); }).await }

    /// All.
    pub async fn all(self) -> Vec<u8> { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "Keeper::all", "case::Keeper::all"); ::selvedge_hooks::rule_record!(__sv_span, "one" => 1); ::selvedge_hooks::instrument(__sv_span, async move { ::selvedge_hooks::rule_returns!(Vec<u8>); let _ = &self;
        std::future::ready(()).await;
        self.0
    }, |__sv_out, __sv_span| { ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); }).await }
}

fn is_send(_: impl Send) { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "is_send", "case::is_send"); ::selvedge_hooks::rule_record!(__sv_span, "one" => 1); let __sv_began = ::selvedge_hooks::rule_clock!(); __sv_span.scope::<()>(|| {});  ::selvedge_hooks::rule_measure!(Histogram, "call_seconds", ::selvedge_hooks::rule_elapsed!(__sv_began)); }

/// Futures can still be sent.
pub fn sends(keeper: Keeper) { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "sends", "case::sends"); ::selvedge_hooks::rule_record!(__sv_span, "one" => 1); let __sv_began = ::selvedge_hooks::rule_clock!(); __sv_span.scope::<()>(|| {
    is_send(transfer("", &mut Vec::new(), (0, 0)));
    is_send(any(0, (0, 0)));
    is_send(made(String::new()));
    is_send(keeper.all());
});  ::selvedge_hooks::rule_measure!(Histogram, "call_seconds", ::selvedge_hooks::rule_elapsed!(__sv_began)); }
