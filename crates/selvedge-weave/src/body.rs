//! Wraps a function's body for the rules that match it: all of them in one wrap.
//!
//! Expressions over parameters are evaluated when the function begins, because its body may move
//! them; what is needed at its end is held by value. Expressions over `ret` and `error` are
//! evaluated when it ends, and see of the parameters only what the body left.
//!
//! Everything goes on the lines of the braces. A body with items of its own becomes a block of its
//! own, so that its items still come before its statements.

mod deferred;
mod lifetimes;
mod returns;
mod text;

use std::ops::Range;

use self::returns::{Returns, Shape};
use crate::expression::Expression;
use crate::items::Function;
use crate::join::{self, Parameter};
use crate::lexer::{Kind, Tokens};
use crate::rules::{Rule, RuleKind};
use crate::select::Edition;

/// A rule that matches the function.
#[derive(Clone, Copy)]
pub(crate) struct Matched<'a> {
    /// Index into `Rules::rules`.
    pub(crate) index: usize,
    pub(crate) rule: &'a Rule,
}

/// The function.
pub(crate) struct Target<'a> {
    pub(crate) tokens: &'a Tokens<'a>,
    pub(crate) function: &'a Function,
    /// Its path with the crate.
    pub(crate) path: String,
    pub(crate) edition: Edition,
}

/// The insertions at the braces, by rule, and what is to be said.
#[derive(Debug, Default)]
pub(crate) struct Wrap {
    pub(crate) before: Vec<(usize, String)>,
    pub(crate) after: Vec<(usize, String)>,
    /// The rules that are in it.
    pub(crate) woven: Vec<usize>,
    pub(crate) notes: Vec<Note>,
}

#[derive(Debug)]
pub(crate) struct Note {
    pub(crate) rule: usize,
    pub(crate) message: String,
    pub(crate) fatal: bool,
}

/// How the return value of a body is got hold of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Capture {
    /// The body is called as a closure, which `return` and `?` leave.
    Closure,
    /// The body is a block: it has no `return`.
    Block,
    /// Not at all: a guard sees the end, and no value.
    Guard,
}

/// Wraps the body for these rules. A rule that cannot hold here is left out with a note.
pub(crate) fn wrap(target: &Target<'_>, matched: &[Matched<'_>]) -> Wrap {
    let mut wrap = Wrap::default();
    let returns = Returns::of(target);
    let output = Output::of(target);
    let capture = capture(target, &output);
    let mut parts = Parts::default();
    for matched in matched {
        let fit = fit(matched.rule, &returns, capture, target);
        let fit = fit.and_then(|()| parts.add(*matched));
        match fit {
            Ok(()) => wrap.woven.push(matched.index),
            Err(message) => wrap.notes.push(Note {
                rule: matched.index,
                message,
                fatal: matched.rule.function.is_literal(),
            }),
        }
    }
    let Some(first) = wrap.woven.first().copied() else {
        return wrap;
    };
    let parameters = join::parameters(target.tokens, target.function);
    let mut text = text::Text::new(target, parts, output, parameters, first);
    match returns.shape {
        Shape::Async => text.write_async(),
        // A carrier is written before the body runs, whatever that gives.
        _ if text.is_only_injects() => text.write_sync(capture),
        shape if shape.is_deferred() => text.write_deferred(&returns, capture),
        _ => text.write_sync(capture),
    }
    (wrap.before, wrap.after) = text.into_pieces();
    wrap
}

/// The last segment of the path that a type begins with.
fn first_path<'a>(tokens: &Tokens<'a>, range: Range<usize>) -> &'a str {
    let mut name = "";
    for at in range {
        match tokens.kind(at) {
            Some(Kind::Ident) => name = tokens.word(at),
            _ if tokens.is(at, b':') => {}
            _ => break,
        }
    }
    name
}

/// What is known of the return type from its text.
struct Output {
    /// The type on one line; `None` for `()`.
    text: Option<String>,
    /// True when it can be named: no `impl` in it.
    nameable: bool,
    is_never: bool,
    /// True for an unnamed closure, whose type is inferred from where it is returned.
    is_closure: bool,
    /// Whether it may be a `Result`.
    fails: Fails,
}

impl Output {
    fn of(target: &Target<'_>) -> Self {
        let (tokens, range) = (target.tokens, target.function.output.clone());
        let text = one_line(tokens, range.clone());
        Self {
            nameable: text != "!" && !range.clone().any(|at| tokens.is_word(at, "impl")),
            is_never: text == "!",
            is_closure: range
                .clone()
                .any(|at| tokens.is_word(at, "impl") && is_function_trait(tokens.word(at + 1))),
            fails: Fails::of(tokens, range),
            text: (!text.is_empty() && text != "()").then_some(text),
        }
    }
}

/// Whether a type is a `Result`, which its name may not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fails {
    /// By its name.
    Yes,
    /// Of a name that may stand for anything; the compiler finds out.
    Maybe,
    No,
}

/// Types that everybody knows, and that are no `Result`. Sorted.
const INFALLIBLE: [&str; 46] = [
    "Arc",
    "BTreeMap",
    "BTreeSet",
    "Box",
    "Bytes",
    "BytesMut",
    "Cell",
    "Cow",
    "Duration",
    "HashMap",
    "HashSet",
    "Instant",
    "Iter",
    "IterMut",
    "Mutex",
    "NonZeroU32",
    "NonZeroUsize",
    "Option",
    "Ordering",
    "PathBuf",
    "Pin",
    "Poll",
    "Range",
    "Rc",
    "Ref",
    "RefCell",
    "RefMut",
    "Self",
    "Span",
    "String",
    "SystemTime",
    "TokenStream",
    "Vec",
    "VecDeque",
    "bool",
    "char",
    "f32",
    "f64",
    "i32",
    "i64",
    "i8",
    "u16",
    "u32",
    "u64",
    "u8",
    "usize",
];

impl Fails {
    fn of(tokens: &Tokens<'_>, range: Range<usize>) -> Self {
        let name = first_path(tokens, range.clone());
        let keywords = ["impl", "fn", "unsafe", "extern", "for"];
        let is_path = tokens.is_joint(range.start, *b"::")
            || tokens.kind(range.start) == Some(Kind::Ident)
                && !keywords.contains(&tokens.word(range.start));
        if name.ends_with("Result") {
            Self::Yes
        } else if is_path && INFALLIBLE.binary_search(&name).is_err() {
            Self::Maybe
        } else {
            Self::No
        }
    }
}

fn is_function_trait(name: &str) -> bool {
    matches!(name, "Fn" | "FnMut" | "FnOnce")
}

/// Tokens on one line, whatever stood between them.
fn one_line(tokens: &Tokens<'_>, range: Range<usize>) -> String {
    let mut text = String::new();
    for at in range.clone() {
        if at > range.start && tokens.end(at - 1) != tokens.start(at) {
            text.push(' ');
        }
        text.push_str(tokens.source(at..at + 1));
    }
    text
}

fn capture(target: &Target<'_>, output: &Output) -> Capture {
    // A closure of its own would be the caller that `Location::caller` sees.
    if output.is_never || output.is_closure {
        Capture::Guard
    } else if !target.function.attributes.track_caller {
        Capture::Closure
    } else if may_return_early(target) {
        Capture::Guard
    } else {
        Capture::Block
    }
}

/// Types of the standard library that borrow, and that edition 2018 lets go without `<'_>`.
const BORROWING: [&str; 12] = [
    "Chars",
    "Chunks",
    "ChunksMut",
    "Drain",
    "Entry",
    "Iter",
    "IterMut",
    "MutexGuard",
    "Ref",
    "RefMut",
    "RwLockReadGuard",
    "RwLockWriteGuard",
];

/// True when the return type says that it borrows.
fn lends(target: &Target<'_>) -> bool {
    let tokens = target.tokens;
    target.function.output.clone().any(|at| {
        tokens.is(at, b'&')
            || tokens.kind(at) == Some(Kind::Lifetime)
            || BORROWING.contains(&tokens.word(at))
    })
}

/// True unless all types in the return type are known not to borrow.
fn may_lend(target: &Target<'_>) -> bool {
    lends(target) || is_unknown(target.tokens, target.function.output.clone())
}

/// True when a type has names in it that may stand for anything.
fn is_unknown(tokens: &Tokens<'_>, mut range: Range<usize>) -> bool {
    range.any(|at| {
        tokens.kind(at) == Some(Kind::Ident) && INFALLIBLE.binary_search(&tokens.word(at)).is_err()
    })
}

/// Whether a closure around the body has to own a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owned {
    /// A mutable reference that is given out again, kept somewhere, or assigned to. Borrowed, it
    /// would not outlive the closure.
    Surely,
    /// Any other mutable reference, as a type may borrow and not say so, and any value that what
    /// is returned may come out of.
    Perhaps,
    No,
}

fn owned_by_closure(target: &Target<'_>, parameter: &Parameter<'_>) -> Owned {
    let tokens = target.tokens;
    let is_self = parameter.name == Some("self") && parameter.type_range.is_empty();
    let range = if is_self {
        parameter.range.clone()
    } else {
        parameter.type_range.clone()
    };
    let has_lifetime = tokens.kind(range.start + 1) == Some(Kind::Lifetime);
    let starts = |at: usize| {
        tokens.is(at, b'&')
            && tokens.is_word(
                at + 1 + usize::from(tokens.kind(at + 1) == Some(Kind::Lifetime)),
                "mut",
            )
    };
    let is_mutable = starts(range.start)
        || range
            .clone()
            .any(|at| tokens.is_word(at, "Pin") && starts(at + 2));
    if !is_mutable {
        let is_value = !tokens.is(range.start, b'&');
        if is_value && may_lend(target) && is_unknown(tokens, range) {
            Owned::Perhaps
        } else {
            Owned::No
        }
    } else if has_lifetime || parameter.is_mut || lends(target) {
        Owned::Surely
    } else {
        Owned::Perhaps
    }
}

fn may_return_early(target: &Target<'_>) -> bool {
    let Some(open) = target.function.body else {
        return false;
    };
    (open + 1..target.tokens.partner(open))
        .any(|at| target.tokens.is_word(at, "return") || target.tokens.is(at, b'?'))
}

/// True when a statement of the body is an item.
fn has_items(target: &Target<'_>) -> bool {
    let tokens = target.tokens;
    let Some(open) = target.function.body else {
        return false;
    };
    let end = tokens.partner(open);
    let mut at = open + 1;
    while at < end {
        let starts = at == open + 1 || matches!(tokens.byte(at - 1), b'{' | b'}' | b';' | b']');
        if starts && is_item(tokens, at) {
            return true;
        }
        at = tokens.after(at);
    }
    false
}

fn is_item(tokens: &Tokens<'_>, at: usize) -> bool {
    let next = tokens.word(at + 1);
    match tokens.word(at) {
        "use" | "fn" | "struct" | "enum" | "impl" | "trait" | "mod" | "type" | "extern" | "pub" => {
            true
        }
        "const" | "static" => {
            tokens.kind(at + 1) == Some(Kind::Ident) && next != "move" && next != "async"
        }
        "unsafe" => matches!(next, "fn" | "impl" | "trait" | "extern"),
        "async" => next == "fn",
        "macro_rules" => next == "!",
        _ => false,
    }
}

/// Whether a rule can hold on a function that returns this.
fn fit(
    rule: &Rule,
    returns: &Returns,
    capture: Capture,
    target: &Target<'_>,
) -> Result<(), String> {
    let shape = returns.shape;
    let is_guarded = capture == Capture::Guard;
    let never_returns = target.tokens.is(target.function.output.start, b'!');
    if shape == Shape::Async && never_returns && !target.function.output.is_empty() {
        return Err("an async fn that never returns has no end to see".to_owned());
    }
    let names_error = |expression: &Expression| expression.mentions_error();
    if target.function.output.is_empty() && expressions(&rule.kind).into_iter().any(names_error) {
        return Err("there is no `error`: the function returns nothing".to_owned());
    }
    let is_inject = matches!(rule.kind, RuleKind::Inject(_));
    if shape.is_deferred() && !is_inject {
        fit_deferred(rule, returns, target)?;
    }
    if shape == Shape::Sync && is_guarded && needs_value(&rule.kind) {
        let why = "it never returns, returns a closure, or is #[track_caller] and returns early";
        return Err(format!("what the function returns cannot be seen: {why}"));
    }
    Ok(())
}

/// Whether a rule can hold on a function that returns a future or a stream.
fn fit_deferred(rule: &Rule, returns: &Returns, target: &Target<'_>) -> Result<(), String> {
    if let Some(refusal) = &returns.refusal {
        return Err(refusal.clone());
    }
    if returns.shape.is_future() && target.edition == Edition::E2015 {
        return Err("functions that return futures need edition 2018".to_owned());
    }
    let names_ret = |expression: &Expression| expression.mentions_ret();
    if returns.shape.is_stream() && expressions(&rule.kind).into_iter().any(names_ret) {
        return Err("there is no `ret`: a stream gives items until it ends".to_owned());
    }
    Ok(())
}

fn needs_value(kind: &RuleKind) -> bool {
    match kind {
        RuleKind::Span {
            attributes,
            error_attributes,
            ..
        } => !error_attributes.is_empty() || attributes.iter().any(|(_, value)| value.is_late()),
        RuleKind::Counter { .. } | RuleKind::Gauge { .. } | RuleKind::Histogram { .. } => true,
        RuleKind::Inject(_) | RuleKind::Extract { .. } | RuleKind::Log(_) => false,
    }
}

/// All expressions of a rule that may be evaluated when the function ends.
fn expressions(kind: &RuleKind) -> Vec<&Expression> {
    let (value, labels) = measured(kind);
    let mut expressions: Vec<&Expression> = value.into_iter().collect();
    expressions.extend(labels.iter().map(|(_, label)| label));
    if let RuleKind::Span {
        attributes,
        error_attributes,
        ..
    } = kind
    {
        expressions.extend(
            attributes
                .iter()
                .chain(error_attributes)
                .map(|(_, value)| value),
        );
    }
    expressions
}

/// The rules of one function, sorted by what they do.
#[derive(Default)]
struct Parts<'a> {
    span: Option<Matched<'a>>,
    extract: Option<Matched<'a>>,
    injects: Vec<(usize, &'a Expression)>,
    fields: Vec<(usize, &'a (String, Expression))>,
    metrics: Vec<Matched<'a>>,
}

impl<'a> Parts<'a> {
    fn add(&mut self, matched: Matched<'a>) -> Result<(), String> {
        match &matched.rule.kind {
            RuleKind::Span { .. } => only(&mut self.span, matched)?,
            RuleKind::Extract { .. } => only(&mut self.extract, matched)?,
            RuleKind::Inject(carrier) => self.injects.push((matched.index, carrier)),
            RuleKind::Log(fields) => {
                self.fields
                    .extend(fields.iter().map(|field| (matched.index, field)));
            }
            _ => self.metrics.push(matched),
        }
        Ok(())
    }

    fn has_span(&self) -> bool {
        self.span.is_some() || self.extract.is_some()
    }

    /// True when the span has to begin with the call, and the body to run in it.
    fn begins_at_call(&self) -> bool {
        self.extract.is_some() || !self.injects.is_empty()
    }

    fn is_only_injects(&self) -> bool {
        !self.has_span() && self.fields.is_empty() && self.metrics.is_empty()
    }

    fn has_duration(&self) -> bool {
        self.metrics
            .iter()
            .any(|matched| matches!(matched.rule.kind, RuleKind::Histogram { value: None, .. }))
    }
}

fn only<'a>(place: &mut Option<Matched<'a>>, matched: Matched<'a>) -> Result<(), String> {
    if let Some(earlier) = place {
        let line = earlier.rule.line;
        return Err(format!("line {line} has this for the function already"));
    }
    *place = Some(matched);
    Ok(())
}

/// Value and labels of a metric.
fn measured(kind: &RuleKind) -> (Option<&Expression>, &[(String, Expression)]) {
    match kind {
        RuleKind::Counter { value, labels, .. } | RuleKind::Histogram { value, labels, .. } => {
            (value.as_ref(), labels)
        }
        RuleKind::Gauge { value, labels, .. } => (Some(value), labels),
        _ => (None, &[]),
    }
}
