//! Conversions for expressions whose type the weaver cannot know.
//!
//! Woven rules write `(&&&&Probe(&expression)).value()`: method lookup takes the first
//! implementation that fits the expression's type, so a number stays a number, text stays text,
//! and anything else is shown. This is resolved at compile time; a type that fits none is
//! rustc's error at the user's function.

use core::fmt::{Debug, Display};
use core::time::Duration;

use crate::{Span, Value};

/// Borrows a value for one conversion.
pub struct Probe<'a, T: ?Sized>(pub &'a T);

/// First choice: types that are attribute values by themselves.
pub trait AsAttribute<'a> {
    /// The value.
    fn value(&self) -> Value<'a>;
}

/// Second choice: optional values; `None` leaves the attribute out.
pub trait AsOption<'a> {
    /// The value, if there is one.
    fn value(&self) -> Value<'a>;
}

/// Third choice: types that can be shown.
pub trait AsDisplay<'a> {
    /// The value, formatted only when recorded.
    fn value(&self) -> Value<'a>;
}

/// Last choice: types that can only be debug-printed.
pub trait AsDebug<'a> {
    /// The value, formatted only when recorded.
    fn value(&self) -> Value<'a>;
}

macro_rules! as_copy {
    ($($source:ty),*) => {
        $(impl<'a> AsAttribute<'a> for &&&Probe<'a, $source> {
            #[inline]
            fn value(&self) -> Value<'a> {
                Value::from(*self.0)
            }
        }
        impl<'a> AsAttribute<'a> for &&&Probe<'a, &$source> {
            #[inline]
            fn value(&self) -> Value<'a> {
                Value::from(**self.0)
            }
        }
        impl<'a> AsAttribute<'a> for &&&Probe<'a, Option<$source>> {
            #[inline]
            fn value(&self) -> Value<'a> {
                Value::from(*self.0)
            }
        }
        impl<'a> AsAttribute<'a> for &&&Probe<'a, &Option<$source>> {
            #[inline]
            fn value(&self) -> Value<'a> {
                Value::from(**self.0)
            }
        })*
    };
}

as_copy!(bool, i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize, f32, f64);

impl<'a> AsAttribute<'a> for &&&Probe<'a, str> {
    fn value(&self) -> Value<'a> {
        Value::Str(self.0)
    }
}

impl<'a> AsAttribute<'a> for &&&Probe<'a, &'a str> {
    fn value(&self) -> Value<'a> {
        Value::Str(self.0)
    }
}

impl<'a> AsAttribute<'a> for &&&Probe<'a, Option<&'a str>> {
    fn value(&self) -> Value<'a> {
        Value::from(*self.0)
    }
}

// The type of `ret` in a function that returns `Option<&str>`.
#[allow(clippy::ref_option_ref)]
impl<'a> AsAttribute<'a> for &&&Probe<'a, &Option<&'a str>> {
    fn value(&self) -> Value<'a> {
        Value::from(**self.0)
    }
}

impl<'a> AsAttribute<'a> for &&&Probe<'a, Duration> {
    /// Seconds.
    fn value(&self) -> Value<'a> {
        Value::Float(self.0.as_secs_f64())
    }
}

impl<'a> AsAttribute<'a> for &&&Probe<'a, &Duration> {
    /// Seconds.
    fn value(&self) -> Value<'a> {
        Value::Float(self.0.as_secs_f64())
    }
}

impl<'a> AsAttribute<'a> for &&&Probe<'a, Option<Duration>> {
    /// Seconds.
    fn value(&self) -> Value<'a> {
        Value::from(self.0.map(|duration| duration.as_secs_f64()))
    }
}

impl<'a> AsAttribute<'a> for &&&Probe<'a, &Option<Duration>> {
    /// Seconds.
    fn value(&self) -> Value<'a> {
        Value::from(self.0.map(|duration| duration.as_secs_f64()))
    }
}

impl<'a, T: Display> AsOption<'a> for &&Probe<'a, &'a Option<T>> {
    fn value(&self) -> Value<'a> {
        self.0
            .as_ref()
            .map_or(Value::None, |value| Value::Display(value))
    }
}

impl<'a, T: Display> AsOption<'a> for &&Probe<'a, Option<T>> {
    fn value(&self) -> Value<'a> {
        self.0
            .as_ref()
            .map_or(Value::None, |value| Value::Display(value))
    }
}

impl<'a, T: Display> AsDisplay<'a> for &Probe<'a, T> {
    fn value(&self) -> Value<'a> {
        Value::Display(self.0)
    }
}

impl<'a, T: Debug> AsDebug<'a> for Probe<'a, T> {
    fn value(&self) -> Value<'a> {
        Value::Debug(self.0)
    }
}

/// A type that may be a number, or show as one: decimals have types of their own.
#[derive(Default)]
pub struct Number;

/// A type that is never a number, as text, collections and `Result` are.
#[derive(Default)]
pub struct NotANumber;

/// What can be measured.
#[diagnostic::on_unimplemented(
    message = "a value of this type is never a number, so no metric can take it",
    label = "not a number",
    note = "numbers, a `Duration`, an `Option` of these, and what shows as a number can be measured"
)]
pub trait Measurable {}

impl Measurable for Number {}

/// Whether a type can be measured, written `(&&&&&Probe(&expression)).kind()`: [`Number`] or
/// [`NotANumber`]. First choice: text.
pub trait KindOfText {
    /// Not a number, even where it reads like one.
    fn kind(&self) -> NotANumber;
}

/// Second choice: optional text.
pub trait KindOfOptionalText {
    /// Not a number, even where it reads like one.
    fn kind(&self) -> NotANumber;
}

/// Third choice: types that can be shown, so that their text may be a number's.
pub trait KindOfDisplay {
    /// May be a number.
    fn kind(&self) -> Number;
}

/// Fourth choice: the others that can be measured.
pub trait KindOfMeasured {
    /// What this one is.
    type Kind;
    /// What this one is.
    fn kind(&self) -> Self::Kind;
}

/// Last choice: all other types.
pub trait KindOfAny {
    /// Not a number.
    fn kind(&self) -> NotANumber;
}

impl<T: AsRef<str> + ?Sized> KindOfText for &&&&Probe<'_, T> {
    #[inline]
    fn kind(&self) -> NotANumber {
        NotANumber
    }
}

impl<T: AsRef<str>> KindOfOptionalText for &&&Probe<'_, Option<T>> {
    #[inline]
    fn kind(&self) -> NotANumber {
        NotANumber
    }
}

impl<T: AsRef<str>> KindOfOptionalText for &&&Probe<'_, &Option<T>> {
    #[inline]
    fn kind(&self) -> NotANumber {
        NotANumber
    }
}

impl<T: Display + ?Sized> KindOfDisplay for &&Probe<'_, T> {
    #[inline]
    fn kind(&self) -> Number {
        Number
    }
}

impl<T: Display> KindOfMeasured for &Probe<'_, Option<T>> {
    type Kind = Number;
    #[inline]
    fn kind(&self) -> Number {
        Number
    }
}

impl<T: Display> KindOfMeasured for &Probe<'_, &Option<T>> {
    type Kind = Number;
    #[inline]
    fn kind(&self) -> Number {
        Number
    }
}

/// Of their own: whether a `Duration` can be shown may change.
pub trait KindOfDuration {
    /// Seconds.
    fn kind(&self) -> Number;
}

macro_rules! duration {
    ($($source:ty),*) => {
        $(impl KindOfDuration for &Probe<'_, $source> {
            #[inline]
            fn kind(&self) -> Number {
                Number
            }
        })*
    };
}

duration!(Duration, &Duration, Option<Duration>, &Option<Duration>);

impl<T: ?Sized> KindOfAny for Probe<'_, T> {
    #[inline]
    fn kind(&self) -> NotANumber {
        NotANumber
    }
}

/// How a return value shows on a span: an `Err` fails it; written `(&&&Probe(&value)).observe(&span)`.
/// First choice: errors that can be shown.
pub trait ObserveDisplay {
    /// Looks at the value and marks the span.
    fn observe(&self, span: &Span);
    /// True for an error.
    fn failed(&self) -> bool;
}

/// Second choice: errors that can only be named.
pub trait ObserveError {
    /// Looks at the value and marks the span.
    fn observe(&self, span: &Span);
    /// True for an error.
    fn failed(&self) -> bool;
}

/// Last choice: not a `Result`; nothing to see.
pub trait ObserveNothing {
    /// Does nothing.
    fn observe(&self, span: &Span);
    /// False.
    fn failed(&self) -> bool;
}

impl<T, E: Display> ObserveDisplay for &&Probe<'_, Result<T, E>> {
    fn observe(&self, span: &Span) {
        if let Err(error) = self.0 {
            span.fail(type_name::<E>(), error);
        }
    }

    fn failed(&self) -> bool {
        self.0.is_err()
    }
}

impl<T, E> ObserveError for &Probe<'_, Result<T, E>> {
    fn observe(&self, span: &Span) {
        if self.0.is_err() {
            span.fail(type_name::<E>(), &"");
        }
    }

    fn failed(&self) -> bool {
        self.0.is_err()
    }
}

impl<T: ?Sized> ObserveNothing for Probe<'_, T> {
    fn observe(&self, _span: &Span) {}

    fn failed(&self) -> bool {
        false
    }
}

/// The name of an error's type, without its generics: few values, so fit for `error.type`.
fn type_name<E>() -> &'static str {
    let name = core::any::type_name::<E>();
    name.split('<').next().unwrap_or(name)
}
