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
pub fn outcome(of: u32) -> Outcome {
    if of > 3 { return Err(Code(of)); }
    Ok(of)
}

/// Expressions.
pub mod mixing {
    use super::{outcome, Code};

    /// Asks for all.
    pub fn mixed(count: u32) -> Result<u32, Code> { outcome(count).map(|n| n / 2) }
}

/// Reads.
pub fn read(from: &mut dyn io::Read) -> io::Result<u64> { io::copy(from, &mut io::sink()) }

/// None is no error.
pub fn maybe(of: u32) -> Option<u32> { of.checked_sub(1) }

/// Any type.
pub fn any<T>(of: T) -> T { of }

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
    fn into_output(mut self) -> Self::Output {
        self.cursor().step()?;
        outcome(self.rows.pop().ok_or(Code(0))?)
    }
}

impl<'a> IntoIterator for &'a mut Rows {
    type Item = &'a mut u32;
    type IntoIter = std::slice::IterMut<'a, u32>;
    fn into_iter(self) -> Self::IntoIter { self.rows.iter_mut() }
}

impl Rows {
    /// A cursor.
    pub fn cursor(&mut self) -> Cursor {
        self.at = 0;
        Cursor(self)
    }

    /// A cursor, perhaps.
    pub fn checked(&mut self) -> Result<Cursor, Code> {
        if self.rows.is_empty() { return Err(Code(0)); }
        Ok(Cursor(self))
    }

    /// A copy.
    pub fn copied(&self) -> Self { Rows { rows: self.rows.clone(), at: self.at } }

    /// A number.
    pub fn number(&mut self) -> std::num::NonZeroU8 {
        self.at += 1;
        std::num::NonZeroU8::new(1).unwrap()
    }
}

impl<'a> Cursor<'a> {
    /// Goes on.
    pub fn step(self) -> Result<Cursor<'a>, Code> {
        self.0.at = self.0.at.checked_add(1).ok_or(Code(1))?;
        Ok(self)
    }

    /// What is in it.
    pub fn first(self) -> Option<&'a mut u32> {
        if self.0.at > 0 { return None; }
        self.0.rows.first_mut()
    }

    /// What is in it, or not.
    pub fn checked(mut self) -> Result<&'a [u32], Code> {
        self.back();
        if self.0.rows.is_empty() { Err(Code(0))? }
        Ok(&self.0.rows)
    }

    /// Goes back.
    pub fn back(&mut self) -> Cursor { Cursor(self.0) }
}
