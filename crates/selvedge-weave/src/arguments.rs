//! Splits a list of expressions or parameters at its commas.

use std::ops::Range;

use crate::lexer::{Kind, Tokens};

/// The ranges between the commas; a trailing comma makes no empty range.
///
/// Commas between the bars of a closure and in `::<A, B>` separate nothing. `a as Map<K, V>` would
/// be split: there is no telling it from two comparisons.
pub(crate) fn split(tokens: &Tokens<'_>, range: Range<usize>) -> Vec<Range<usize>> {
    let end = range.end;
    split_by(tokens, range, |start, at| match () {
        () if tokens.is(at, b'|') && begins_closure(tokens, start, at) => {
            after_bars(tokens, at, end)
        }
        () if tokens.is_joint(at, *b"::") && tokens.is(at + 2, b'<') => {
            after_angles(tokens, at + 2, end)
        }
        () => tokens.after(at),
    })
}

/// Splits parameters, where every `<` opens generics.
pub(crate) fn split_parameters(tokens: &Tokens<'_>, range: Range<usize>) -> Vec<Range<usize>> {
    let end = range.end;
    split_by(tokens, range, |_, at| {
        if tokens.is(at, b'<') {
            after_angles(tokens, at, end)
        } else {
            tokens.after(at)
        }
    })
}

/// Splits at the commas that `after`, given where the part and where the token begins, does not
/// pass over.
fn split_by(
    tokens: &Tokens<'_>,
    range: Range<usize>,
    after: impl Fn(usize, usize) -> usize,
) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut start = range.start;
    let mut at = range.start;
    while at < range.end {
        if tokens.is(at, b',') {
            parts.push(start..at);
            at += 1;
            start = at;
        } else {
            at = after(start, at);
        }
    }
    if start < range.end {
        parts.push(start..range.end);
    }
    parts
}

/// A bar begins a closure where an expression begins, and not where one could go on with `|`.
fn begins_closure(tokens: &Tokens<'_>, start: usize, at: usize) -> bool {
    if at == start {
        return true;
    }
    match tokens.kind(at - 1) {
        Some(Kind::Ident) => matches!(tokens.word(at - 1), "move" | "async" | "static" | "return"),
        Some(Kind::Punct) => matches!(tokens.byte(at - 1), b'=' | b'(' | b'&'),
        _ => false,
    }
}

fn after_bars(tokens: &Tokens<'_>, at: usize, end: usize) -> usize {
    let mut next = at + 1;
    while next < end && !tokens.is(next, b'|') {
        next = tokens.after(next);
    }
    next + 1
}

/// The token after the `<…>` that begins here.
pub(crate) fn after_angles(tokens: &Tokens<'_>, at: usize, end: usize) -> usize {
    let mut depth = 0_usize;
    let mut next = at;
    while next < end {
        if tokens.is_joint(next, *b"->") {
            next += 2;
            continue;
        }
        if tokens.is(next, b'<') {
            depth += 1;
        } else if tokens.is(next, b'>') {
            depth = depth.saturating_sub(1);
        }
        next = tokens.after(next);
        if depth == 0 {
            break;
        }
    }
    next
}
