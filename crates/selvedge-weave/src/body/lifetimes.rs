//! Boxes that live for ever and give what may not.
//!
//! The type `Pin<Box<dyn Future<Output = T>>>` itself lives no longer than `T`, so such a box
//! cannot be put into another one. The box that a body makes can, as long as it is not yet `dyn`:
//! it holds no `T`.

use std::ops::Range;

use super::Target;
use crate::arguments::after_angles;
use crate::lexer::{Kind, Tokens};

/// True for a box of this type that is `'static` and whose items or output may borrow.
pub(super) fn gives_what_may_borrow(target: &Target<'_>, range: Range<usize>) -> bool {
    let tokens = target.tokens;
    let lifetime = |at: &usize| tokens.kind(*at) == Some(Kind::Lifetime);
    let (of_ever, of_others): (Vec<usize>, Vec<usize>) = range
        .clone()
        .filter(lifetime)
        .partition(|at| tokens.word(*at) == "'static");
    if of_ever.is_empty() {
        of_others.is_empty() && mentions_parameter(target, range)
    } else {
        !of_others.is_empty() || mentions_parameter(target, range)
    }
}

/// True when the body ends with a `Box::pin(…)` that it has not left before.
pub(super) fn ends_with_new_box(target: &Target<'_>) -> bool {
    let tokens = target.tokens;
    let Some(open) = target.function.body else {
        return false;
    };
    let last = tokens.partner(open) - 1;
    if last <= open || !tokens.is(last, b')') {
        return false;
    }
    let call = tokens.partner(last);
    let is_pin = call > open + 4
        && tokens.is_word(call - 1, "pin")
        && tokens.is_joint(call - 3, *b"::")
        && tokens.is_word(call - 4, "Box");
    let mut start = call.saturating_sub(4);
    while start > open + 3 && tokens.is_joint(start - 2, *b"::") {
        start -= if tokens.kind(start - 3) == Some(Kind::Ident) {
            3
        } else {
            2
        };
    }
    let begins = start == open + 1 || matches!(tokens.byte(start - 1), b';' | b'}');
    let leaves = (open + 1..call).any(|at| tokens.is_word(at, "return"));
    is_pin && begins && !leaves
}

/// True when the type mentions a type parameter that is not `'static`, or what a parameter, or a
/// `Self` that has one, defines: that depends on other parameters too.
fn mentions_parameter(target: &Target<'_>, mut range: Range<usize>) -> bool {
    let tokens = target.tokens;
    let name = target.function.name;
    let mut names = parameters(tokens, name + 1, target.function.body);
    let mut by_self = false;
    if let Some((keyword, open)) = enclosing(tokens, name) {
        let in_trait = tokens.is_word(keyword, "trait");
        let of_block = parameters(tokens, keyword + 1 + usize::from(in_trait), Some(open));
        by_self = in_trait || !of_block.is_empty();
        names.extend(of_block);
    }
    range.any(|at| {
        let defines = tokens.is_joint(at + 1, *b"::");
        let found = names.iter().find(|(name, _)| tokens.word(at) == *name);
        found.is_some_and(|(_, is_static)| defines || !is_static)
            || by_self && tokens.is_word(at, "Self")
    })
}

/// The `impl` or `trait` around a function, and its brace.
pub(super) fn enclosing(tokens: &Tokens<'_>, function: usize) -> Option<(usize, usize)> {
    let mut open = function;
    loop {
        open = open.checked_sub(1)?;
        match tokens.kind(open) {
            Some(Kind::Close) => open = tokens.partner(open),
            Some(Kind::Open) => break,
            _ => {}
        }
    }
    let header = (0..open).rev();
    let keyword = header
        .take_while(|at| !matches!(tokens.byte(*at), b'{' | b'}' | b';'))
        .filter(|at| tokens.is_word(*at, "impl") || tokens.is_word(*at, "trait"))
        .last()?;
    Some((keyword, open))
}

/// The type parameters of the `<…>` that begins here, and whether the header says that they are
/// `'static`.
fn parameters<'a>(tokens: &Tokens<'a>, start: usize, body: Option<usize>) -> Vec<(&'a str, bool)> {
    if !tokens.is(start, b'<') {
        return Vec::new();
    }
    let end = after_angles(tokens, start, tokens.len());
    let header = start..body.unwrap_or(end);
    let mut names = Vec::new();
    let mut at = start;
    while at + 1 < end {
        let begins = at == start || tokens.is(at, b',');
        if begins && tokens.kind(at + 1) == Some(Kind::Ident) && !tokens.is_word(at + 1, "const") {
            let name = tokens.word(at + 1);
            names.push((name, is_static(tokens, header.clone(), name)));
        }
        at = if at > start && tokens.is(at, b'<') {
            after_angles(tokens, at, end)
        } else {
            at + 1
        };
    }
    names
}

/// True for `T: … + 'static`.
fn is_static(tokens: &Tokens<'_>, mut header: Range<usize>, name: &str) -> bool {
    let end = header.end;
    header.any(|at| {
        let has_bounds = tokens.is_word(at, name)
            && tokens.is(at + 1, b':')
            && !tokens.is(at + 2, b':')
            && !tokens.is(at - 1, b':');
        has_bounds && has_static_bound(tokens, at + 2, end)
    })
}

/// Whether `'static` is among the bounds that begin here.
fn has_static_bound(tokens: &Tokens<'_>, start: usize, end: usize) -> bool {
    let mut at = start;
    while at < end && !matches!(tokens.byte(at), b',' | b'>' | b'=') && !tokens.is_word(at, "where")
    {
        if tokens.word(at) == "'static" {
            return true;
        }
        at = if tokens.is(at, b'<') {
            after_angles(tokens, at, end)
        } else {
            tokens.after(at)
        };
    }
    false
}
