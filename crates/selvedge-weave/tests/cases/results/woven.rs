#![allow(mismatched_lifetime_syntaxes, clippy::all, clippy::pedantic)]
//! Results by any name, and what is none.

use std::{fmt, io};

/// A code.
#[derive(Clone, Copy, Debug)]
pub struct Code(pub u32);

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result { write!(formatter, "{}", self.0) }
}

/// A result by another name.
pub type Outcome = Result<u32, Code>;

/// Its name does not tell.
pub fn outcome(of: u32) -> Outcome { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "outcome", "case::outcome"); let __sv_held_0 = ::selvedge_hooks::rule_hold!(1); let __sv_ret = __sv_span.scope(|| -> Outcome {
    if of > 3 { return Err(Code(of)); }
    Ok(of)
}); let __sv_out = &__sv_ret; ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); if ::selvedge_hooks::rule_failed!(__sv_out) { ::selvedge_hooks::rule_record!(__sv_span, "one" => __sv_held_0); } __sv_ret }

/// Expressions.
pub mod mixing {
    use super::{outcome, Code};

    /// Asks for all.
    pub fn mixed(count: u32) -> Result<u32, Code> { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "mixed", "case::mixing::mixed"); ::selvedge_hooks::rule_record!(__sv_span, "count" => count); let __sv_ret = __sv_span.scope(|| -> Result<u32, Code> { outcome(count).map(|n| n / 2) }); let __sv_out = &__sv_ret; ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); let ret = __sv_out; ::selvedge_hooks::rule_record!(__sv_span, "half" => ret.as_ref().ok()); ::selvedge_hooks::rule_error!(error, __sv_out, { ::selvedge_hooks::rule_record!(__sv_span, "code" => error.0, "both" => error.0 + ret.as_ref().unwrap_or(&0)); }); __sv_ret }
}

/// Reads.
pub fn read(from: &mut dyn io::Read) -> io::Result<u64> { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "read", "case::read"); let __sv_held_0 = ::selvedge_hooks::rule_hold!(1); let __sv_ret = __sv_span.scope(|| -> io::Result<u64> { ::selvedge_hooks::rule_own!(from); io::copy(from, &mut io::sink()) }); let __sv_out = &__sv_ret; ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); if ::selvedge_hooks::rule_failed!(__sv_out) { ::selvedge_hooks::rule_record!(__sv_span, "one" => __sv_held_0); } __sv_ret }

/// None is no error.
pub fn maybe(of: u32) -> Option<u32> { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "maybe", "case::maybe"); let __sv_held_0 = ::selvedge_hooks::rule_hold!(1); let __sv_ret = __sv_span.scope(|| -> Option<u32> { of.checked_sub(1) }); let __sv_out = &__sv_ret; ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); if ::selvedge_hooks::rule_failed!(__sv_out) { ::selvedge_hooks::rule_record!(__sv_span, "one" => __sv_held_0); } __sv_ret }

/// Any type.
pub fn any<T>(of: T) -> T { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "any", "case::any"); let __sv_held_0 = ::selvedge_hooks::rule_hold!(1); let __sv_ret = __sv_span.scope(|| -> T { ::selvedge_hooks::rule_own!(of); of }); let __sv_out = &__sv_ret; ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); if ::selvedge_hooks::rule_failed!(__sv_out) { ::selvedge_hooks::rule_record!(__sv_span, "one" => __sv_held_0); } __sv_ret }

/// Rows.
#[derive(Debug, Default)]
pub struct Rows { rows: Vec<u32>, at: usize }

/// Borrows, and does not say so.
#[derive(Debug)]
pub struct Cursor<'a>(&'a mut Rows);

/// Gives itself.
pub trait Into2 {
    /// What it becomes.
    type Output;
    /// Becomes it.
    fn into_output(self) -> Self::Output;
}

impl Into2 for Rows {
    type Output = Outcome;
    fn into_output(mut self) -> Self::Output { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "Rows::into_output", "case::Rows::into_output"); let __sv_held_0 = ::selvedge_hooks::rule_hold!(1); let __sv_ret = __sv_span.scope(|| -> Self::Output { ::selvedge_hooks::rule_own!(self);
        self.cursor().step()?;
        outcome(self.rows.pop().ok_or(Code(0))?)
    }); let __sv_out = &__sv_ret; ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); if ::selvedge_hooks::rule_failed!(__sv_out) { ::selvedge_hooks::rule_record!(__sv_span, "one" => __sv_held_0); } __sv_ret }
}

impl<'a> IntoIterator for &'a mut Rows {
    type Item = &'a mut u32;
    type IntoIter = std::slice::IterMut<'a, u32>;
    fn into_iter(self) -> Self::IntoIter { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "Rows::into_iter", "case::Rows::into_iter"); let __sv_held_0 = ::selvedge_hooks::rule_hold!(1); let __sv_ret = __sv_span.scope(|| -> Self::IntoIter { ::selvedge_hooks::rule_own!(self); self.rows.iter_mut() }); let __sv_out = &__sv_ret; ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); if ::selvedge_hooks::rule_failed!(__sv_out) { ::selvedge_hooks::rule_record!(__sv_span, "one" => __sv_held_0); } __sv_ret }
}

impl Rows {
    /// A cursor.
    pub fn cursor(&mut self) -> Cursor { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "Rows::cursor", "case::Rows::cursor"); let __sv_held_0 = ::selvedge_hooks::rule_hold!(1); let __sv_ret = __sv_span.scope(|| -> Cursor { ::selvedge_hooks::rule_own!(self);
        self.at = 0;
        Cursor(self)
    }); let __sv_out = &__sv_ret; ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); if ::selvedge_hooks::rule_failed!(__sv_out) { ::selvedge_hooks::rule_record!(__sv_span, "one" => __sv_held_0); } __sv_ret }

    /// A cursor, perhaps.
    pub fn checked(&mut self) -> Result<Cursor, Code> { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "Rows::checked", "case::Rows::checked"); let __sv_held_0 = ::selvedge_hooks::rule_hold!(1); let __sv_ret = __sv_span.scope(|| -> Result<Cursor, Code> { ::selvedge_hooks::rule_own!(self);
        if self.rows.is_empty() { return Err(Code(0)); }
        Ok(Cursor(self))
    }); let __sv_out = &__sv_ret; ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); if ::selvedge_hooks::rule_failed!(__sv_out) { ::selvedge_hooks::rule_record!(__sv_span, "one" => __sv_held_0); } __sv_ret }

    /// A copy.
    pub fn copied(&self) -> Self { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "Rows::copied", "case::Rows::copied"); let __sv_held_0 = ::selvedge_hooks::rule_hold!(1); let __sv_ret = __sv_span.scope(|| -> Self { Rows { rows: self.rows.clone(), at: self.at } }); let __sv_out = &__sv_ret; ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); if ::selvedge_hooks::rule_failed!(__sv_out) { ::selvedge_hooks::rule_record!(__sv_span, "one" => __sv_held_0); } __sv_ret }

    /// A number.
    pub fn number(&mut self) -> std::num::NonZeroU8 { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "Rows::number", "case::Rows::number"); let __sv_held_0 = ::selvedge_hooks::rule_hold!(1); let __sv_ret = __sv_span.scope(|| -> std::num::NonZeroU8 { ::selvedge_hooks::rule_own!(self);
        self.at += 1;
        std::num::NonZeroU8::new(1).unwrap()
    }); let __sv_out = &__sv_ret; ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); if ::selvedge_hooks::rule_failed!(__sv_out) { ::selvedge_hooks::rule_record!(__sv_span, "one" => __sv_held_0); } __sv_ret }
}

impl<'a> Cursor<'a> {
    /// Goes on.
    pub fn step(self) -> Result<Cursor<'a>, Code> { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "Cursor::step", "case::Cursor::step"); let __sv_held_0 = ::selvedge_hooks::rule_hold!(1); let __sv_ret = __sv_span.scope(|| -> Result<Cursor<'a>, Code> { ::selvedge_hooks::rule_own!(self);
        self.0.at = self.0.at.checked_add(1).ok_or(Code(1))?;
        Ok(self)
    }); let __sv_out = &__sv_ret; ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); if ::selvedge_hooks::rule_failed!(__sv_out) { ::selvedge_hooks::rule_record!(__sv_span, "one" => __sv_held_0); } __sv_ret }

    /// What is in it.
    pub fn first(self) -> Option<&'a mut u32> { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "Cursor::first", "case::Cursor::first"); let __sv_held_0 = ::selvedge_hooks::rule_hold!(1); let __sv_ret = __sv_span.scope(|| -> Option<&'a mut u32> { ::selvedge_hooks::rule_own!(self);
        if self.0.at > 0 { return None; }
        self.0.rows.first_mut()
    }); let __sv_out = &__sv_ret; ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); if ::selvedge_hooks::rule_failed!(__sv_out) { ::selvedge_hooks::rule_record!(__sv_span, "one" => __sv_held_0); } __sv_ret }

    /// What is in it, or not.
    pub fn checked(mut self) -> Result<&'a [u32], Code> { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "Cursor::checked", "case::Cursor::checked"); let __sv_held_0 = ::selvedge_hooks::rule_hold!(1); let __sv_ret = __sv_span.scope(|| -> Result<&'a [u32], Code> { ::selvedge_hooks::rule_own!(self);
        self.back();
        if self.0.rows.is_empty() { Err(Code(0))? }
        Ok(&self.0.rows)
    }); let __sv_out = &__sv_ret; ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); if ::selvedge_hooks::rule_failed!(__sv_out) { ::selvedge_hooks::rule_record!(__sv_span, "one" => __sv_held_0); } __sv_ret }

    /// Goes back.
    pub fn back(&mut self) -> Cursor { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "Cursor::back", "case::Cursor::back"); let __sv_held_0 = ::selvedge_hooks::rule_hold!(1); let __sv_ret = __sv_span.scope(|| -> Cursor { ::selvedge_hooks::rule_own!(self); Cursor(self.0) }); let __sv_out = &__sv_ret; ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); if ::selvedge_hooks::rule_failed!(__sv_out) { ::selvedge_hooks::rule_record!(__sv_span, "one" => __sv_held_0); } __sv_ret }
}
