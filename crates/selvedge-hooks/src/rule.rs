//! What the rules of `selvedge.toml` become: macros around the user's expressions.
//!
//! They are macros so that the expressions stay where rustc points at them, so that nothing needs
//! to be in scope at the woven place, and so that no lint of the woven crate looks inside.
//! Expressions are evaluated only when somebody will see their value.

use core::fmt::{self, Write};
use core::marker::PhantomData;

use crate::probe::{AsAttribute, KindOfMeasured, Measurable, Number, Probe};
use crate::{Attached, Attribute, Context, Instrument, Span, Value};

/// Longest text that a [`Held`] keeps, in bytes; longer ones are cut at a character.
pub const HELD_BYTES_MAX: usize = 64;

/// A value taken when a function begins, for when it ends: its arguments are gone by then.
///
/// It borrows nothing and allocates nothing. `K` says whether the value can be measured
/// ([`crate::probe::Number`]).
pub struct Held<K>(Holds, PhantomData<K>);

enum Holds {
    None,
    Int(i64),
    Float(f64),
    Bool(bool),
    Text(Text),
}

/// A short text without an allocation.
struct Text {
    bytes: [u8; HELD_BYTES_MAX],
    length: usize,
}

impl Text {
    fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.length]).unwrap_or("")
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut taken = text.len().min(HELD_BYTES_MAX - self.length);
        while !text.is_char_boundary(taken) {
            taken -= 1;
        }
        self.bytes[self.length..self.length + taken].copy_from_slice(&text.as_bytes()[..taken]);
        self.length += taken;
        if taken == text.len() {
            Ok(())
        } else {
            Err(fmt::Error)
        }
    }
}

impl<K> Held<K> {
    /// Holds nothing.
    pub const fn none() -> Self {
        Self(Holds::None, PhantomData)
    }

    /// Holds a value of this kind.
    pub fn new(value: Value<'_>, _kind: K) -> Self {
        let holds = match value {
            Value::Int(value) => Holds::Int(value),
            Value::Float(value) => Holds::Float(value),
            Value::Bool(value) => Holds::Bool(value),
            Value::None => Holds::None,
            text => {
                let mut held = Text {
                    bytes: [0; HELD_BYTES_MAX],
                    length: 0,
                };
                // A text that does not fit is cut, which is all there is to an error here.
                let _ = write!(held, "{text}");
                Holds::Text(held)
            }
        };
        Self(holds, PhantomData)
    }

    /// The value.
    pub fn value(&self) -> Value<'_> {
        match &self.0 {
            Holds::None => Value::None,
            Holds::Int(value) => Value::Int(*value),
            Holds::Float(value) => Value::Float(*value),
            Holds::Bool(value) => Value::Bool(*value),
            Holds::Text(text) => Value::Str(text.as_str()),
        }
    }
}

impl<'a, K> AsAttribute<'a> for &&&Probe<'a, Held<K>> {
    fn value(&self) -> Value<'a> {
        self.0.value()
    }
}

impl<K: Default> KindOfMeasured for &Probe<'_, Held<K>> {
    type Kind = K;
    fn kind(&self) -> K {
        K::default()
    }
}

/// When the span of a stream begins.
pub enum Started<B> {
    /// When the stream is first polled: gives the span, and the context that each poll runs in.
    AtFirstPoll(B),
    /// It has begun, when the stream was made.
    Already(Span, Context),
}

impl Started<fn() -> (Span, Context)> {
    /// A span that has begun.
    #[inline]
    pub fn already(span: Span, context: Context) -> Self {
        Self::Already(span, context)
    }
}

/// Calls a function, which lets `return` in it end it and no more.
#[inline]
pub fn call<R>(call: impl FnOnce() -> R) -> R {
    call()
}

/// Calls a function in a context, or in the one that is current where that is none.
#[inline]
pub fn call_in<R>(context: &Context, call: impl FnOnce() -> R) -> R {
    context.scope_unless_none(call)
}

/// Makes a context current, unless it is none.
#[inline]
pub fn attach(context: Context) -> Option<Attached> {
    (!context.is_none()).then(|| context.attach())
}

/// Never called: naming it with an argument makes a closure own the argument.
#[cold]
pub fn own<T>(_: T) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

/// Measures what is a number, or reads like one: decimals have types of their own. What shows as
/// something else is left to the agent as NaN, which it counts and says; `None` is no measurement.
pub fn measure<K: Measurable>(
    instrument: &'static Instrument,
    value: Value<'_>,
    _kind: K,
    labels: &[Attribute<'_>],
) {
    if value.is_none() {
        return;
    }
    let number = value
        .as_f64()
        .or_else(|| match Held::new(value, Number).value() {
            Value::Str(text) => text.parse().ok(),
            _ => None,
        });
    instrument.measure(number.unwrap_or(f64::NAN), labels);
}

/// One header of a carrier.
pub trait Header {
    /// Name and value.
    fn pair(&self) -> (&[u8], &[u8]);
}

impl<K: AsRef<[u8]>, V: AsRef<[u8]>> Header for (K, V) {
    fn pair(&self) -> (&[u8], &[u8]) {
        (self.0.as_ref(), self.1.as_ref())
    }
}

impl<K: AsRef<[u8]>, V: AsRef<[u8]>> Header for &(K, V) {
    fn pair(&self) -> (&[u8], &[u8]) {
        (self.0.as_ref(), self.1.as_ref())
    }
}

/// Looks a header up in anything that gives pairs when it is iterated over by reference.
pub fn look_up<C>(carrier: C, name: &str, found: &mut dyn FnMut(&str))
where
    C: IntoIterator,
    C::Item: Header,
{
    for header in carrier {
        let (key, value) = header.pair();
        if key.eq_ignore_ascii_case(name.as_bytes()) {
            if let Ok(value) = core::str::from_utf8(value) {
                found(value);
            }
        }
    }
}

/// A carrier by reference, whether the expression was one already or not.
pub trait Carrier {
    /// Looks a header up.
    fn look_up(&self, name: &str, found: &mut dyn FnMut(&str));
}

impl<'a, C: ?Sized> Carrier for &Probe<'a, C>
where
    &'a C: IntoIterator,
    <&'a C as IntoIterator>::Item: Header,
{
    fn look_up(&self, name: &str, found: &mut dyn FnMut(&str)) {
        look_up(self.0, name, found);
    }
}

impl<'b, C: ?Sized> Carrier for Probe<'_, &'b C>
where
    &'b C: IntoIterator,
    <&'b C as IntoIterator>::Item: Header,
{
    fn look_up(&self, name: &str, found: &mut dyn FnMut(&str)) {
        look_up(*self.0, name, found);
    }
}

/// Starts the span of a rule: kind, name, function, and optionally the carrier of its parent.
#[doc(hidden)]
#[macro_export]
macro_rules! rule_span {
    ($kind:ident, $name:literal, $function:literal) => {
        $crate::Span::start($crate::rule_site!($kind, $name, $function))
    };
    ($kind:ident, $name:literal, $function:literal, $carrier:expr) => {
        $crate::Span::build(
            $crate::rule_site!($kind, $name, $function),
            &$crate::Start {
                parent: $crate::Parent::Remote(&|name, found| {
                    #[allow(unused_imports)]
                    use $crate::rule::Carrier as _;
                    (&$crate::probe::Probe(&$carrier)).look_up(name, found)
                }),
                ..$crate::__core::default::Default::default()
            },
        )
    };
}

/// The static of a rule's span.
#[doc(hidden)]
#[macro_export]
macro_rules! rule_site {
    ($kind:ident, $name:literal, $function:literal) => {{
        static SITE: $crate::Site = $crate::Site::rule(
            $name,
            $crate::Kind::$kind,
            $function,
            $crate::__core::file!(),
            $crate::__core::line!(),
        );
        &SITE
    }};
}

/// Records attributes on a sampled span.
#[doc(hidden)]
#[macro_export]
macro_rules! rule_record {
    ($span:expr, $($key:literal => $value:expr),+ $(,)?) => {{
        if $span.is_sampled() {
            #[allow(unused_imports)]
            use $crate::probe::{AsAttribute as _, AsDebug as _, AsDisplay as _, AsOption as _};
            $span.record(&[
                $($crate::Attribute::new($key, (&&&&$crate::probe::Probe(&$value)).value())),+
            ]);
        }
    }};
}

/// Takes a value for later.
#[doc(hidden)]
#[macro_export]
macro_rules! rule_hold {
    ($value:expr) => {
        if $crate::active() {
            #[allow(unused_imports)]
            use $crate::probe::{AsAttribute as _, AsDebug as _, AsDisplay as _, AsOption as _};
            let held = match &$value {
                value => $crate::rule::Held::new(
                    (&&&&$crate::probe::Probe(value)).value(),
                    $crate::rule_kind!(value),
                ),
            };
            held
        } else {
            $crate::rule::Held::none()
        }
    };
}

/// Whether a value can be measured.
#[doc(hidden)]
#[macro_export]
macro_rules! rule_kind {
    ($value:expr) => {{
        #[allow(unused_imports)]
        use $crate::probe::{
            KindOfAny as _, KindOfDisplay as _, KindOfDuration as _, KindOfMeasured as _,
            KindOfOptionalText as _, KindOfText as _,
        };
        (&&&&&$crate::probe::Probe($value)).kind()
    }};
}

/// Measures a value with labels. One whose type is never a number is rustc's error.
#[doc(hidden)]
#[macro_export]
macro_rules! rule_measure {
    ($kind:ident, $name:literal, $value:expr $(, $key:literal => $label:expr)* $(,)?) => {{
        if $crate::active() {
            #[allow(unused_imports)]
            use $crate::probe::{AsAttribute as _, AsDebug as _, AsDisplay as _, AsOption as _};
            static INSTRUMENT: $crate::Instrument = $crate::Instrument::new(
                "selvedge.rules",
                $name,
                "",
                "",
                $crate::InstrumentKind::$kind,
            );
            match &$value {
                value => $crate::rule::measure(
                    &INSTRUMENT,
                    (&&&&$crate::probe::Probe(value)).value(),
                    $crate::rule_kind!(value),
                    &[$($crate::Attribute::label($key, (&&&&$crate::probe::Probe(&$label)).value())),*],
                ),
            }
        }
    }};
}

/// A context with log fields below the current one.
#[doc(hidden)]
#[macro_export]
macro_rules! rule_fields {
    ($($key:literal => $value:expr),+ $(,)?) => {
        if $crate::active() {
            #[allow(unused_imports)]
            use $crate::probe::{AsAttribute as _, AsDebug as _, AsDisplay as _, AsOption as _};
            let context = $crate::Context::with_fields(&[
                $($crate::Attribute::new($key, (&&&&$crate::probe::Probe(&$value)).value())),+
            ]);
            context
        } else {
            $crate::Context::none()
        }
    };
}

/// Writes the current context into a carrier that has `insert`, or with a closure.
#[doc(hidden)]
#[macro_export]
macro_rules! rule_inject {
    (with $set:expr) => {{
        if $crate::active() {
            $crate::Context::current().inject(&mut $set);
        }
    }};
    ($carrier:expr) => {{
        if $crate::active() {
            $crate::Context::current().inject(&mut |name, value| {
                let _ = $carrier.insert(
                    $crate::__core::convert::Into::into(name),
                    $crate::__core::convert::Into::into(value),
                );
            });
        }
    }};
}

/// Marks a span as failed where the returned value is an `Err`.
#[doc(hidden)]
#[macro_export]
macro_rules! rule_observe {
    ($span:expr, $returned:expr) => {{
        #[allow(unused_imports)]
        use $crate::probe::{ObserveDisplay as _, ObserveError as _, ObserveNothing as _};
        (&&&$crate::probe::Probe($returned)).observe(&$span);
    }};
}

/// Whether the returned value is an `Err`.
#[doc(hidden)]
#[macro_export]
macro_rules! rule_failed {
    ($returned:expr) => {{
        #[allow(unused_imports)]
        use $crate::probe::{ObserveDisplay as _, ObserveError as _, ObserveNothing as _};
        let failed = (&&&$crate::probe::Probe($returned)).failed();
        failed
    }};
}

/// Binds the error of a returned `Err`.
#[doc(hidden)]
#[macro_export]
macro_rules! rule_error {
    ($error:ident, $returned:expr, $body:block) => {
        if let $crate::__core::result::Result::Err($error) = $returned $body
    };
}

/// The time now, if anybody will ask.
#[doc(hidden)]
#[macro_export]
macro_rules! rule_clock {
    () => {
        $crate::rule::clock()
    };
}

/// Seconds since [`rule_clock`], if it was asked.
#[doc(hidden)]
#[macro_export]
macro_rules! rule_elapsed {
    ($began:expr) => {
        $crate::rule::elapsed($began)
    };
}

/// Makes the closure around it own a variable: a use by value, which is never reached.
#[doc(hidden)]
#[macro_export]
macro_rules! rule_own {
    ($variable:expr) => {{
        if false {
            $crate::rule::own($variable);
        }
    }};
}

/// Says what the async block around it returns, which `?` and coercions in it need.
#[doc(hidden)]
#[macro_export]
macro_rules! rule_returns {
    ($type:ty) => {{
        if false {
            return $crate::never::<$type>();
        }
    }};
}

/// Says that the function returns a value of this type, or one that it can become, which tells
/// the compiler what is in it; never reached.
#[doc(hidden)]
#[macro_export]
macro_rules! rule_given {
    ($given:expr) => {{
        if false {
            return $given;
        }
    }};
}

/// The agent's monotonic clock in nanoseconds; none without an agent.
#[inline]
pub fn clock() -> Option<u64> {
    crate::table::get().map(|table| (table.now)())
}

/// Seconds since a reading of [`clock`].
#[inline]
pub fn elapsed(began: Option<u64>) -> Option<f64> {
    let now = clock()?;
    began.map(|began| now.saturating_sub(began) as f64 / 1e9)
}
