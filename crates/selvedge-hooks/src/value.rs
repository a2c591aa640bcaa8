//! Attribute values, borrowed for the length of one hook call.

use core::fmt::{self, Display};

/// A value of an attribute, label, log field or measurement.
///
/// Source: OpenTelemetry specification, common/README.md, section "Attribute"; arrays and maps
/// are not produced by woven code.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    /// A string; the agent truncates it to its attribute length limit.
    Str(&'a str),
    /// A signed integer.
    Int(i64),
    /// A double.
    Float(f64),
    /// A boolean.
    Bool(bool),
    /// Anything that can be shown; formatted by the agent, and only when it is recorded.
    Display(&'a dyn Display),
    /// Anything that can be debug-printed; formatted by the agent, and only when it is recorded.
    Debug(&'a dyn fmt::Debug),
    /// No value: the attribute is left out.
    None,
}

/// One attribute of a span, measurement or log record.
#[derive(Clone, Copy)]
pub struct Attribute<'a> {
    /// The attribute's name, as the semantic conventions write it.
    pub key: &'static str,
    /// The attribute's value.
    pub value: Value<'a>,
    /// True for a dimension of the span's RED metrics: recorded for unsampled spans too.
    pub label: bool,
}

impl<'a> Attribute<'a> {
    /// An attribute that only a sampled span records.
    #[inline]
    pub fn new(key: &'static str, value: impl Into<Value<'a>>) -> Self {
        Self {
            key,
            value: value.into(),
            label: false,
        }
    }

    /// An attribute that is also a dimension of the metrics made from the span.
    #[inline]
    pub fn label(key: &'static str, value: impl Into<Value<'a>>) -> Self {
        Self {
            key,
            value: value.into(),
            label: true,
        }
    }
}

impl Value<'_> {
    /// True for [`Value::None`].
    #[inline]
    pub fn is_none(&self) -> bool {
        matches!(self, Value::None)
    }

    /// The value as a double, for measurements; `None` where it is not a number.
    #[inline]
    pub fn as_f64(&self) -> Option<f64> {
        match *self {
            Value::Int(value) => Some(value as f64),
            Value::Float(value) => Some(value),
            Value::Bool(value) => Some(if value { 1.0 } else { 0.0 }),
            _ => None,
        }
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Str(value) => fmt::Debug::fmt(value, formatter),
            Value::Int(value) => fmt::Debug::fmt(value, formatter),
            Value::Float(value) => fmt::Debug::fmt(value, formatter),
            Value::Bool(value) => fmt::Debug::fmt(value, formatter),
            Value::Display(value) => Display::fmt(value, formatter),
            Value::Debug(value) => fmt::Debug::fmt(value, formatter),
            Value::None => formatter.write_str("None"),
        }
    }
}

impl Display for Value<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Str(value) => formatter.write_str(value),
            Value::None => Ok(()),
            other => fmt::Debug::fmt(other, formatter),
        }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    #[inline]
    fn from(value: &'a str) -> Self {
        Value::Str(value)
    }
}

impl From<bool> for Value<'_> {
    #[inline]
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    #[inline]
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::None, Into::into)
    }
}

macro_rules! from_number {
    ($variant:ident($target:ty): $($source:ty),*) => {
        $(impl From<$source> for Value<'_> {
            #[inline]
            fn from(value: $source) -> Self {
                Value::$variant(value as $target)
            }
        })*
    };
}

from_number!(Int(i64): i8, i16, i32, i64, isize, u8, u16, u32);
from_number!(Float(f64): f32, f64);

macro_rules! from_wide {
    ($($source:ty),*) => {
        $(impl From<$source> for Value<'_> {
            /// Values past `i64::MAX` saturate: OTLP has no unsigned integer.
            #[inline]
            fn from(value: $source) -> Self {
                Value::Int(i64::try_from(value).unwrap_or(i64::MAX))
            }
        })*
    };
}

from_wide!(u64, usize, u128, i128);
