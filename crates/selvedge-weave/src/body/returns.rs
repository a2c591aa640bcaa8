//! What a function returns, as far as its text tells: a value, a future, a stream.

use std::ops::Range;

use super::{Fails, Target, lifetimes};
use crate::arguments::after_angles;
use crate::lexer::{Kind, Tokens};

/// How the function gives its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Sync,
    Async,
    /// Returns `impl Future`.
    Future,
    /// Returns `Pin<Box<dyn Future>>` or an alias of it.
    BoxedFuture,
    /// Returns `impl Stream`.
    Stream,
    /// Returns `Pin<Box<dyn Stream>>` or an alias of it.
    BoxedStream,
}

impl Shape {
    pub(super) fn is_future(self) -> bool {
        matches!(self, Shape::Future | Shape::BoxedFuture)
    }

    pub(super) fn is_stream(self) -> bool {
        matches!(self, Shape::Stream | Shape::BoxedStream)
    }

    /// True when the work is done after the function has returned.
    pub(super) fn is_deferred(self) -> bool {
        self.is_future() || self.is_stream()
    }
}

/// What the text of the return type tells.
pub(super) struct Returns {
    pub(super) shape: Shape,
    /// Path of the trait that a stream implements.
    pub(super) stream: String,
    /// Why it cannot be wrapped.
    pub(super) refusal: Option<String>,
    /// True when the box that the body makes must not become `dyn` before it is wrapped.
    pub(super) is_kept_as_made: bool,
}

impl Returns {
    fn of_shape(shape: Shape) -> Self {
        let (stream, refusal) = (String::new(), None);
        Self {
            shape,
            stream,
            refusal,
            is_kept_as_made: false,
        }
    }

    fn of_stream(shape: Shape, stream: Result<String, String>) -> Self {
        let mut returns = Self::of_shape(shape);
        match stream {
            Ok(path) => returns.stream = path,
            Err(message) => returns.refusal = Some(message),
        }
        returns
    }

    pub(super) fn of(target: &Target<'_>) -> Self {
        if target.function.qualifiers.is_async {
            return Self::of_shape(Shape::Async);
        }
        // `Self::Future` is what the impl says it is.
        let output = target.function.output.clone();
        let output = associated(target).unwrap_or(output);
        let mut returns = Self::of_text(target.tokens, output.clone());
        let is_boxed = matches!(returns.shape, Shape::BoxedFuture | Shape::BoxedStream);
        if is_boxed && lifetimes::gives_what_may_borrow(target, output) {
            returns.is_kept_as_made = true;
            if !lifetimes::ends_with_new_box(target) {
                let message = "its box is `'static`, and what comes out of it may not be; that \
                               needs a body that ends with `Box::pin(…)`";
                returns.refusal.get_or_insert_with(|| message.to_owned());
            }
        }
        returns
    }

    fn of_text(tokens: &Tokens<'_>, range: Range<usize>) -> Self {
        let path = path_end(tokens, range.clone());
        let name = last_word(tokens, range.start..path);
        match name {
            "BoxFuture" | "LocalBoxFuture" => return Self::of_shape(Shape::BoxedFuture),
            "Pin" | "" => {}
            _ if path == range.start + 1 && Fails::of(tokens, range.clone()) == Fails::Maybe => {
                // An alias is what it stands for, where the file says it.
                if let Some(definition) = alias(tokens, name) {
                    return Self::of_type(tokens, definition);
                }
            }
            _ => {}
        }
        if matches!(name, "BoxStream" | "LocalBoxStream") {
            let stream = sibling_stream(tokens, range.start..path);
            return Self::of_stream(Shape::BoxedStream, stream);
        }
        Self::of_type(tokens, range)
    }

    fn of_type(tokens: &Tokens<'_>, range: Range<usize>) -> Self {
        let (bounds, boxed) = if tokens.is_word(range.start, "impl") {
            (bounds(tokens, range.start + 1, range.end), false)
        } else if let Some(start) = in_pinned_box(tokens, range.clone()) {
            (bounds(tokens, start, range.end), true)
        } else {
            return Self::of_shape(Shape::Sync);
        };
        let named = |names: &[&str]| {
            let mut found = bounds.iter();
            found.find(|bound| names.contains(&bound.name(tokens)))
        };
        let future = named(&["Future", "TryFuture"]);
        let stream = named(&["Stream", "TryStream", "FusedStream"])
            .filter(|bound| bound.binds(tokens, "Item") || bound.binds(tokens, "Ok"));
        let (main, mut returns) = match (future, stream) {
            (Some(main), _) if boxed => (main, Self::of_shape(Shape::BoxedFuture)),
            (Some(main), _) => (main, Self::of_shape(Shape::Future)),
            (None, Some(main)) => {
                let shape = if boxed {
                    Shape::BoxedStream
                } else {
                    Shape::Stream
                };
                (main, Self::of_stream(shape, stream_trait(tokens, main)))
            }
            (None, None) => return Self::of_shape(Shape::Sync),
        };
        // An async block is never `Unpin`.
        let may_unpin = returns.shape.is_stream();
        let unknown = bounds.iter().find(|bound| {
            let name = bound.name(tokens);
            let known =
                matches!(name, "Send" | "Sync" | "Sized" | "") || name == "Unpin" && may_unpin;
            bound.path != main.path && !known
        });
        if let Some(bound) = unknown {
            let name = bound.name(tokens);
            returns.refusal = Some(format!(
                "what it returns is also `{name}`, which would be lost"
            ));
        }
        returns
    }
}

/// A trait among bounds.
#[derive(Clone, Debug)]
struct Bound {
    path: Range<usize>,
    /// What stands after the path.
    rest: Range<usize>,
}

impl Bound {
    /// The last segment of the trait's path; nothing for a lifetime.
    fn name<'a>(&self, tokens: &Tokens<'a>) -> &'a str {
        last_word(tokens, self.path.clone())
    }

    /// True for `Trait<name = …>`.
    fn binds(&self, tokens: &Tokens<'_>, name: &str) -> bool {
        let mut at = self.rest.start + 1;
        while at < self.rest.end {
            if tokens.is_word(at, name) && tokens.is(at + 1, b'=') {
                return true;
            }
            at = if tokens.is(at, b'<') {
                after_angles(tokens, at, self.rest.end)
            } else {
                tokens.after(at)
            };
        }
        false
    }
}

/// The bounds that begin here: `A + B<C> + 'd`.
fn bounds(tokens: &Tokens<'_>, start: usize, end: usize) -> Vec<Bound> {
    let mut bounds = Vec::new();
    let mut at = start;
    while at < end {
        if tokens.is(at, b'?') {
            at += 1;
        }
        if tokens.is_word(at, "for") && tokens.is(at + 1, b'<') {
            at = after_angles(tokens, at + 1, end);
        }
        // `use<'a, T>` captures; it promises nothing.
        let captures = tokens.is_word(at, "use");
        let path = at..if captures {
            at
        } else {
            path_end(tokens, at..end)
        };
        at = path
            .end
            .max(at + usize::from(captures || tokens.kind(at) == Some(Kind::Lifetime)));
        let rest_start = at;
        while at < end && !tokens.is(at, b'+') && !tokens.is(at, b'>') {
            at = if tokens.is_joint(at, *b"->") {
                at + 2
            } else if tokens.is(at, b'<') {
                after_angles(tokens, at, end)
            } else {
                tokens.after(at)
            };
        }
        let rest = rest_start..at.min(end);
        bounds.push(Bound { path, rest });
        if !tokens.is(at, b'+') {
            break;
        }
        at += 1;
    }
    bounds
}

/// Where the bounds begin in `Pin<Box<dyn …>>`.
fn in_pinned_box(tokens: &Tokens<'_>, range: Range<usize>) -> Option<usize> {
    let pin = path_end(tokens, range.clone());
    if last_word(tokens, range.start..pin) != "Pin" || !tokens.is(pin, b'<') {
        return None;
    }
    let boxed = path_end(tokens, pin + 1..range.end);
    if last_word(tokens, pin + 1..boxed) != "Box" || !tokens.is(boxed, b'<') {
        return None;
    }
    let at = boxed + 1 + usize::from(tokens.is(boxed + 1, b'('));
    matches!(tokens.word(at), "dyn" | "impl").then_some(at + 1)
}

/// The end of the path that the range begins with.
fn path_end(tokens: &Tokens<'_>, range: Range<usize>) -> usize {
    let mut at = range.start;
    if tokens.is_joint(at, *b"::") {
        at += 2;
    }
    while at < range.end && tokens.kind(at) == Some(Kind::Ident) {
        at += 1;
        if !tokens.is_joint(at, *b"::") || tokens.kind(at + 2) != Some(Kind::Ident) {
            return at;
        }
        at += 2;
    }
    range.start
}

/// The last segment of a path.
fn last_word<'a>(tokens: &Tokens<'a>, path: Range<usize>) -> &'a str {
    if path.is_empty() {
        ""
    } else {
        tokens.word(path.end - 1)
    }
}

/// The path of the trait that a stream by this bound implements.
fn stream_trait(tokens: &Tokens<'_>, bound: &Bound) -> Result<String, String> {
    match bound.name(tokens) {
        "Stream" if bound.binds(tokens, "Error") => {
            Err("streams of futures 0.1 are not supported".to_owned())
        }
        "Stream" => Ok(super::one_line(tokens, bound.path.clone())),
        "FusedStream" => Err("a woven stream is not a `FusedStream`".to_owned()),
        _ => sibling_stream(tokens, bound.path.clone()),
    }
}

/// Crates that have the trait `Stream` beside what is made of it.
const STREAM_CRATES: [&str; 4] = ["futures", "futures_core", "futures_lite", "futures_util"];

/// The trait `Stream` that stands beside `BoxStream` or `TryStream` in one module.
fn sibling_stream(tokens: &Tokens<'_>, path: Range<usize>) -> Result<String, String> {
    let name = last_word(tokens, path.clone());
    let full = if path.len() == 1 {
        imported(tokens, name)
    } else {
        Some(super::one_line(tokens, path))
    };
    let known = full.as_deref().and_then(|full| {
        let (module, _) = full.rsplit_once("::")?;
        let mut segments = module.split("::");
        let is_known = segments.any(|name| name == "stream" || STREAM_CRATES.contains(&name));
        is_known.then(|| format!("{module}::Stream"))
    });
    known.ok_or_else(|| {
        format!("the trait behind `{name}` is not known; `Pin<Box<dyn Stream<Item = …>>>` names it")
    })
}

/// The type behind `Self::Name`, where the impl around the function defines it.
fn associated(target: &Target<'_>) -> Option<Range<usize>> {
    let (tokens, range) = (target.tokens, target.function.output.clone());
    if range.len() != 4 || !tokens.is_word(range.start, "Self") {
        return None;
    }
    let name = tokens.word(range.end - 1);
    let (_, open) = lifetimes::enclosing(tokens, target.function.name)?;
    let mut at = open + 1;
    while at < tokens.partner(open) {
        if tokens.is_word(at, "type") && tokens.word(at + 1) == name && tokens.is(at + 2, b'=') {
            let end = (at..tokens.partner(open)).find(|at| tokens.is(*at, b';'))?;
            return Some(at + 3..end);
        }
        at = tokens.after(at);
    }
    None
}

/// The type that an alias of this file stands for.
fn alias(tokens: &Tokens<'_>, name: &str) -> Option<Range<usize>> {
    let is_alias = |at: &usize| tokens.is_word(*at, "type") && tokens.is_word(*at + 1, name);
    let mut at = (0..tokens.len()).find(is_alias)? + 2;
    if tokens.is(at, b'<') {
        at = after_angles(tokens, at, tokens.len());
    }
    if !tokens.is(at, b'=') {
        return None;
    }
    let end = (at..tokens.len()).find(|at| tokens.is(*at, b';'))?;
    Some(at + 1..end)
}

/// The path that a `use` of this file imports under a name.
fn imported(tokens: &Tokens<'_>, name: &str) -> Option<String> {
    (0..tokens.len())
        .filter(|at| tokens.is_word(*at, "use") && !tokens.is(*at + 1, b'<'))
        .find_map(|at| imported_by(tokens, at + 1, String::new(), name))
}

/// Looks a name up in one tree of a `use`.
fn imported_by(tokens: &Tokens<'_>, start: usize, prefix: String, name: &str) -> Option<String> {
    let mut path = prefix;
    let mut at = start;
    loop {
        if tokens.is(at, b'{') {
            let group = at + 1..tokens.partner(at);
            let trees = crate::arguments::split(tokens, group);
            let mut trees = trees.into_iter();
            return trees.find_map(|tree| imported_by(tokens, tree.start, path.clone(), name));
        }
        if tokens.is_joint(at, *b"::") {
            path.push_str("::");
            at += 2;
            continue;
        }
        if tokens.kind(at) != Some(Kind::Ident) {
            return None;
        }
        path.push_str(tokens.word(at));
        if !tokens.is_joint(at + 1, *b"::") {
            let renamed = tokens.is_word(at + 1, "as");
            let shown = tokens.word(if renamed { at + 2 } else { at });
            return (shown == name).then_some(path);
        }
        at += 1;
    }
}
