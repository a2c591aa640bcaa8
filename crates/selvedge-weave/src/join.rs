//! Join points inside of functions and struct definitions.

use std::ops::Range;

use crate::arguments::{split, split_parameters};
use crate::aspect::Inner;
use crate::items::Function;
use crate::lexer::{Kind, Tokens};
use crate::pattern::TokenPattern;

/// A place in the text: where `before` (or a field) and `after` go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) before: usize,
    /// `None` where nothing can follow: the last expression of a block.
    pub(crate) after: Option<usize>,
}

/// Just inside of a function's braces, after the attributes that may stand there.
pub(crate) fn body(tokens: &Tokens<'_>, open: usize) -> Place {
    let mut last = open;
    while tokens.is(last + 1, b'#') && tokens.is(last + 2, b'!') && tokens.is(last + 3, b'[') {
        last = tokens.partner(last + 3);
    }
    Place {
        before: tokens.end(last),
        after: Some(tokens.start(tokens.partner(open))),
    }
}

/// All places inside of a function's body. `argument` narrows calls to one of their arguments.
pub(crate) fn places(
    tokens: &Tokens<'_>,
    open: usize,
    inner: &Inner,
    argument: Option<usize>,
) -> Vec<Place> {
    let range = open + 1..tokens.partner(open);
    match inner {
        Inner::Call(callee) => calls(tokens, range, callee, argument),
        Inner::Expression(pattern) => expressions(tokens, range, pattern),
        Inner::Statement(pattern) => statements(tokens, range, pattern),
        Inner::Literal(pattern) => literals(tokens, range, pattern),
        Inner::Loop(pattern) => loops(tokens, range, pattern),
    }
}

/// All places of exactly these tokens.
pub(crate) fn expressions(
    tokens: &Tokens<'_>,
    range: Range<usize>,
    pattern: &TokenPattern,
) -> Vec<Place> {
    let mut places = Vec::new();
    let mut at = range.start;
    while at < range.end {
        match pattern.match_at(tokens, at, range.end) {
            Some(end) => {
                let before = tokens.start(at);
                places.push(Place {
                    before,
                    after: Some(tokens.end(end - 1)),
                });
                at = end;
            }
            None => at += 1,
        }
    }
    places
}

fn calls(
    tokens: &Tokens<'_>,
    range: Range<usize>,
    callee: &TokenPattern,
    argument: Option<usize>,
) -> Vec<Place> {
    let is_method = callee.starts_with(".");
    let is_macro = callee.ends_with("!");
    let mut places = Vec::new();
    for at in range.clone() {
        let Some(end) = callee.match_at(tokens, at, range.end) else {
            continue;
        };
        if !is_method && continues_path(tokens, at, range.start) {
            continue;
        }
        let open = after_turbofish(tokens, end);
        let opens = tokens.is(open, b'(') || is_macro && tokens.kind(open) == Some(Kind::Open);
        if !opens || open >= range.end {
            continue;
        }
        let start = if is_method {
            receiver(tokens, at, range.start)
        } else {
            at
        };
        places.extend(match argument {
            None => Some(span(tokens, start..tokens.after(open))),
            Some(index) => split(tokens, open + 1..tokens.partner(open))
                .get(index)
                .map(|range| span(tokens, range.clone())),
        });
    }
    places
}

fn span(tokens: &Tokens<'_>, range: Range<usize>) -> Place {
    Place {
        before: tokens.start(range.start),
        after: Some(tokens.end(range.end - 1)),
    }
}

/// True when the token goes on a path or method chain, so that what begins here is only its end.
fn continues_path(tokens: &Tokens<'_>, at: usize, first: usize) -> bool {
    if at == first {
        return false;
    }
    let range_end = at > first + 1 && tokens.is_joint(at - 2, *b"..");
    tokens.is(at - 1, b'.') && !range_end
        || at > first + 1 && tokens.is_joint(at - 2, *b"::")
        || tokens.is_word(at - 1, "fn")
}

fn after_turbofish(tokens: &Tokens<'_>, at: usize) -> usize {
    if !tokens.is_joint(at, *b"::") || !tokens.is(at + 2, b'<') {
        return at;
    }
    let mut depth = 0_usize;
    let mut next = at + 2;
    while next < tokens.len() {
        if tokens.is_joint(next, *b"->") {
            next += 2;
            continue;
        }
        match tokens.byte(next) {
            b'<' => depth += 1,
            b'>' => depth -= 1,
            _ => {}
        }
        next = tokens.after(next);
        if depth == 0 {
            return next;
        }
    }
    at
}

/// The first token of the expression that a method is called on, given the dot.
fn receiver(tokens: &Tokens<'_>, dot: usize, first: usize) -> usize {
    let mut at = dot;
    loop {
        // Over the last operand: groups, then a name, then what joins it to the one before.
        while at > first && (tokens.kind(at - 1) == Some(Kind::Close) || tokens.is(at - 1, b'?')) {
            at = if tokens.is(at - 1, b'?') {
                at - 1
            } else {
                tokens.partner(at - 1)
            };
        }
        if at > first && tokens.is(at - 1, b'!') && at > first + 1 {
            at -= 1;
        }
        if at > first + 2 && tokens.is(at - 1, b'>') {
            at = before_turbofish(tokens, at, first);
        }
        let names = matches!(
            tokens.kind(at.wrapping_sub(1)),
            Some(Kind::Ident | Kind::Literal)
        );
        if at > first && names && !is_operator_word(tokens, at - 1) {
            at -= 1;
        }
        if at > first && tokens.is(at - 1, b'.') && !(at > first + 1 && tokens.is(at - 2, b'.')) {
            at -= 1;
        } else if at > first + 1 && tokens.is_joint(at - 2, *b"::") {
            at -= 2;
        } else {
            return at;
        }
    }
}

fn before_turbofish(tokens: &Tokens<'_>, after: usize, first: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = after;
    while at > first {
        at -= 1;
        match tokens.byte(at) {
            b'>' if !(at > 0 && tokens.is_joint(at - 1, *b"->")) => depth += 1,
            b'<' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return if at > first + 1 && tokens.is_joint(at - 2, *b"::") {
                at - 2
            } else {
                after
            };
        }
        if tokens.kind(at) == Some(Kind::Close) {
            at = tokens.partner(at);
        }
    }
    after
}

/// Keywords that stand in front of an expression and are no part of it.
fn is_operator_word(tokens: &Tokens<'_>, at: usize) -> bool {
    matches!(
        tokens.word(at),
        "return"
            | "break"
            | "in"
            | "match"
            | "if"
            | "while"
            | "else"
            | "mut"
            | "move"
            | "as"
            | "let"
    )
}

fn statements(tokens: &Tokens<'_>, range: Range<usize>, pattern: &TokenPattern) -> Vec<Place> {
    range
        .clone()
        .filter(|at| begins_statement(tokens, *at, range.start))
        .filter_map(|at| {
            pattern.match_at(tokens, at, range.end)?;
            let start = before_attributes(tokens, at, range.start);
            let after = statement_end(tokens, at, range.end).map(|last| tokens.end(last));
            Some(Place {
                before: tokens.start(start),
                after,
            })
        })
        .collect()
}

/// After a brace, a semicolon, or the attributes of the statement.
fn begins_statement(tokens: &Tokens<'_>, at: usize, first: usize) -> bool {
    let start = before_attributes(tokens, at, first);
    start == first || matches!(tokens.byte(start - 1), b'{' | b'}' | b';')
}

fn before_attributes(tokens: &Tokens<'_>, at: usize, first: usize) -> usize {
    let mut start = at;
    while start > first + 2
        && tokens.is(start - 1, b']')
        && tokens.is(tokens.partner(start - 1) - 1, b'#')
    {
        start = tokens.partner(start - 1) - 1;
    }
    start
}

/// The last token of a statement: its semicolon, or the brace that ends a block-like one. `None`
/// for the value of a block.
fn statement_end(tokens: &Tokens<'_>, start: usize, end: usize) -> Option<usize> {
    let block_like = matches!(
        tokens.word(start),
        "if" | "match" | "while" | "loop" | "for" | "unsafe" | "{"
    ) || tokens.kind(start) == Some(Kind::Lifetime);
    let mut at = start;
    while at < end && tokens.kind(at) != Some(Kind::Close) {
        if tokens.is(at, b';') {
            return Some(at);
        }
        let next = tokens.after(at);
        let closes = block_like && tokens.is(at, b'{');
        if closes && !tokens.is_word(next, "else") && !goes_on(tokens, next) {
            return (tokens.kind(next) != Some(Kind::Close)).then_some(next - 1);
        }
        at = next;
    }
    None
}

/// True when a block-like expression goes on as a chain: `match x { … }.await`.
fn goes_on(tokens: &Tokens<'_>, at: usize) -> bool {
    tokens.is(at, b'.') || tokens.is(at, b'?')
}

fn literals(tokens: &Tokens<'_>, range: Range<usize>, pattern: &TokenPattern) -> Vec<Place> {
    range
        .clone()
        .filter_map(|at| {
            let open = pattern.match_at(tokens, at, range.end)?;
            let open = after_turbofish(tokens, open);
            let is_literal = tokens.is(open, b'{')
                && !declares(tokens, at)
                && !continues_path(tokens, at, range.start)
                && !is_pattern(tokens, open, range.end);
            is_literal.then(|| Place {
                before: tokens.end(open),
                after: None,
            })
        })
        .collect()
}

/// True for a definition, a header or a return type: the brace that follows is no literal's.
fn declares(tokens: &Tokens<'_>, at: usize) -> bool {
    matches!(
        tokens.word(at.wrapping_sub(1)),
        "struct" | "enum" | "union" | "trait" | "mod" | "impl" | "for" | "dyn"
    ) || at > 1 && tokens.is_joint(at - 2, *b"->")
}

/// True when the braces take a value apart: what follows the whole pattern says so.
fn is_pattern(tokens: &Tokens<'_>, open: usize, end: usize) -> bool {
    let mut at = tokens.after(open);
    while at < end {
        match tokens.byte(at) {
            b')' | b']' => at += 1,
            b',' => at = skip_to_close(tokens, at, end),
            b'=' => return !tokens.is_joint(at, *b"=="),
            b'|' => return !tokens.is_joint(at, *b"||"),
            b':' => return true,
            _ => return tokens.is_word(at, "in") || tokens.is_word(at, "if"),
        }
    }
    false
}

fn skip_to_close(tokens: &Tokens<'_>, mut at: usize, end: usize) -> usize {
    while at < end && tokens.kind(at) != Some(Kind::Close) {
        at = tokens.after(at);
    }
    // A brace ends statements and fields, not a pattern that could go on.
    if tokens.is(at, b'}') { end } else { at }
}

fn loops(tokens: &Tokens<'_>, range: Range<usize>, pattern: &TokenPattern) -> Vec<Place> {
    range
        .clone()
        .filter(|at| matches!(tokens.word(*at), "loop" | "while" | "for"))
        .filter_map(|at| {
            pattern.match_at(tokens, at, range.end)?;
            loop_body(tokens, at, range.end).map(|open| body(tokens, open))
        })
        .collect()
}

/// The braces of a loop: the first ones that are not of a block inside of the header.
fn loop_body(tokens: &Tokens<'_>, start: usize, end: usize) -> Option<usize> {
    let mut at = start;
    while at < end && tokens.kind(at) != Some(Kind::Close) {
        let in_header = matches!(
            tokens.word(at.wrapping_sub(1)),
            "=" | "unsafe" | "async" | "move"
        );
        if tokens.is(at, b'{') && !in_header {
            return Some(at);
        }
        at = tokens.after(at);
    }
    None
}

/// A parameter of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parameter<'a> {
    /// Its name; `None` where a pattern takes it apart or leaves it out.
    pub(crate) name: Option<&'a str>,
    /// The tokens of its type; empty for a plain `self`.
    pub(crate) type_range: Range<usize>,
    /// The tokens of all of it.
    pub(crate) range: Range<usize>,
    pub(crate) is_mut: bool,
}

/// The parameters of a function, `self` among them.
pub(crate) fn parameters<'a>(tokens: &Tokens<'a>, function: &Function) -> Vec<Parameter<'a>> {
    let open = function.parameters;
    split_parameters(tokens, open + 1..tokens.partner(open))
        .into_iter()
        .map(|range| parameter(tokens, range))
        .collect()
}

fn parameter<'a>(tokens: &Tokens<'a>, range: Range<usize>) -> Parameter<'a> {
    let mut colon = range.start;
    while colon < range.end && (!tokens.is(colon, b':') || tokens.is_joint(colon, *b"::")) {
        colon = if tokens.is_joint(colon, *b"::") {
            colon + 2
        } else {
            tokens.after(colon)
        };
    }
    let has_attribute = tokens.is(range.start, b'#');
    let is_mut = tokens.is_word(range.start, "mut");
    let name = range.start + usize::from(is_mut);
    let is_simple =
        colon == name + 1 && tokens.kind(name) == Some(Kind::Ident) && tokens.word(name) != "_";
    let is_self =
        !has_attribute && (range.start..colon.min(range.end)).any(|at| tokens.is_word(at, "self"));
    let name = match (is_self, is_simple) {
        (true, _) => Some("self"),
        // As it stands, so that a raw identifier stays one.
        (false, true) => Some(tokens.source(name..name + 1)),
        (false, false) => None,
    };
    Parameter {
        name,
        type_range: (colon + 1).min(range.end)..range.end,
        range,
        is_mut,
    }
}
