//! Glue.
pub type Same<T> = T;

pub(crate) fn pass<T>(value: T) -> T {
    value
}

pub(crate) fn see(_: u8) {} // the end
