//! Patterns that people write: paths of functions, and tokens.

use crate::lexer::{Kind, Tokens};

/// A path with globs, and optionally the trait that the function implements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    text: String,
    segments: Vec<Segment>,
    /// The path in front of the trait: where the `impl` may stand.
    trait_prefix: Vec<Segment>,
    trait_name: Option<Segment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    /// `**`: any number of segments.
    Deep,
    /// A name, in which `*` stands for any letters.
    Name(String),
}

/// Takes the first segment away where it matches the crate; `**` stays. False where it does not.
fn enters(segments: &mut Vec<Segment>, crate_name: &str) -> bool {
    match segments.first() {
        Some(Segment::Deep) => true,
        Some(Segment::Name(name)) if glob(name, crate_name) => {
            segments.remove(0);
            true
        }
        _ => false,
    }
}

impl PathPattern {
    /// Reads `a::Type::f`, `a::Trait for Type::f` or `Trait for a::Type::f`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (implemented, path) = match text.split_once(" for ") {
            Some((implemented, path)) => (Some(implemented), path),
            None => (None, text),
        };
        let segments = parse_segments(path)?;
        let mut trait_prefix = implemented
            .map(parse_segments)
            .transpose()?
            .unwrap_or_default();
        let trait_name = trait_prefix.pop();
        Ok(Self {
            text: text.to_owned(),
            segments,
            trait_prefix,
            trait_name,
        })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// True when it names one path only.
    pub(crate) fn is_literal(&self) -> bool {
        self.segments.iter().all(Segment::is_literal)
    }

    /// The pattern without its first segment, where that one matches the crate. `**` stays, since
    /// it may match more than the crate.
    pub(crate) fn within_crate(&self, crate_name: &str) -> Option<PathPattern> {
        let mut inner = self.clone();
        // In `crate::Trait for Type::f` the crate stands in front of the trait.
        if enters(&mut inner.trait_prefix, crate_name) {
            return Some(inner);
        }
        // In `path::Trait for crate::Type::f` the trait's own path says nothing: its last
        // segment is what an `impl` can be told by.
        inner.trait_prefix.clear();
        enters(&mut inner.segments, crate_name).then_some(inner)
    }

    /// Whether a function's path from its crate root matches.
    pub(crate) fn matches(&self, path: &str, trait_name: Option<&str>) -> bool {
        match (&self.trait_name, trait_name) {
            (Some(Segment::Name(wanted)), Some(found)) if glob(wanted, found) => {}
            (Some(Segment::Deep), Some(_)) | (None, _) => {}
            _ => return false,
        }
        self.fits(path, false)
    }

    /// Whether a path matches when the trait is not asked for.
    pub(crate) fn matches_any_trait(&self, path: &str) -> bool {
        let any = Self {
            trait_name: None,
            ..self.clone()
        };
        any.matches(path, None)
    }

    /// Whether something below a module may match.
    pub(crate) fn may_match_below(&self, module: &str) -> bool {
        self.fits(module, true)
    }

    /// Whether the segments fit a path, or where `below` is true the beginning of one: behind the
    /// path in front of the trait, or alone.
    fn fits(&self, path: &str, below: bool) -> bool {
        if matches(&self.segments, path, below) {
            return true;
        }
        let whole = self.trait_prefix.iter().chain(&self.segments);
        !self.trait_prefix.is_empty() && matches(&whole.cloned().collect::<Vec<_>>(), path, below)
    }
}

impl Segment {
    fn is_literal(&self) -> bool {
        matches!(self, Segment::Name(name) if !name.contains('*'))
    }
}

fn parse_segments(text: &str) -> Result<Vec<Segment>, String> {
    text.trim()
        .split("::")
        .map(|segment| match segment.trim() {
            "**" => Ok(Segment::Deep),
            name if is_segment(name) => Ok(Segment::Name(name.to_owned())),
            name => Err(format!("`{name}` in `{text}` is not a name or glob")),
        })
        .collect()
}

fn is_segment(name: &str) -> bool {
    let starts_well = name
        .chars()
        .next()
        .is_some_and(|letter| !letter.is_ascii_digit());
    let of_words = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '*';
    starts_well && !name.contains("**") && name.chars().all(of_words)
}

/// Matches segments against `a::b::c`; with `prefix`, a path that could go on also matches.
fn matches(segments: &[Segment], path: &str, prefix: bool) -> bool {
    let Some(segment) = segments.first() else {
        return path.is_empty() && !prefix;
    };
    if path.is_empty() {
        return prefix || segments.iter().all(|segment| *segment == Segment::Deep);
    }
    let (first, rest) = path.split_once("::").unwrap_or((path, ""));
    match segment {
        Segment::Name(name) => glob(name, first) && matches(&segments[1..], rest, prefix),
        Segment::Deep => matches(&segments[1..], path, prefix) || matches(segments, rest, prefix),
    }
}

/// Matches a name in which `*` stands for any letters.
fn glob(pattern: &str, name: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(rest) = name.strip_prefix(head) else {
        return false;
    };
    let boundaries = rest
        .char_indices()
        .map(|(index, _)| index)
        .chain([rest.len()]);
    boundaries
        .into_iter()
        .any(|skipped| glob(tail, &rest[skipped..]))
}

/// A sequence of tokens; `…` stands for any balanced tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenPattern {
    text: String,
    tokens: Vec<(Kind, String)>,
}

impl TokenPattern {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let lexed = Tokens::of_fragment(text).map_err(|error| error.to_string())?;
        let tokens: Vec<_> = (0..lexed.len())
            .map(|index| (lexed.list[index].kind, lexed.word(index).to_owned()))
            .collect();
        match tokens.first() {
            None => Err("no tokens".to_owned()),
            Some((Kind::Hole, _)) => Err("begins with `…`".to_owned()),
            Some(_) => Ok(Self {
                text: text.to_owned(),
                tokens,
            }),
        }
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// True when the pattern begins with this token.
    pub(crate) fn starts_with(&self, token: &str) -> bool {
        self.tokens.first().is_some_and(|(_, text)| text == token)
    }

    /// True when the pattern ends with this token.
    pub(crate) fn ends_with(&self, token: &str) -> bool {
        self.tokens.last().is_some_and(|(_, text)| text == token)
    }

    /// Matches at a token; gives the index after the last token matched.
    pub(crate) fn match_at(&self, tokens: &Tokens<'_>, at: usize, end: usize) -> Option<usize> {
        match_tokens(&self.tokens, tokens, at, end)
    }
}

fn match_tokens(
    pattern: &[(Kind, String)],
    tokens: &Tokens<'_>,
    mut at: usize,
    end: usize,
) -> Option<usize> {
    for (position, (kind, text)) in pattern.iter().enumerate() {
        if *kind == Kind::Hole {
            let rest = &pattern[position + 1..];
            return match_after_hole(rest, tokens, at, end);
        }
        if at >= end || tokens.kind(at) != Some(*kind) || tokens.word(at) != text {
            return None;
        }
        at += 1;
    }
    Some(at)
}

/// The nearest place after balanced tokens where the rest matches.
fn match_after_hole(
    rest: &[(Kind, String)],
    tokens: &Tokens<'_>,
    mut at: usize,
    end: usize,
) -> Option<usize> {
    loop {
        if let Some(found) = match_tokens(rest, tokens, at, end) {
            return Some(found);
        }
        if at >= end || tokens.kind(at) == Some(Kind::Close) {
            return None;
        }
        at = tokens.after(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, path: &str, trait_name: Option<&str>, expected: bool) {
        let parsed = PathPattern::parse(pattern).expect("a pattern");
        assert_eq!(
            parsed.matches(path, trait_name),
            expected,
            "{pattern} on {path}"
        );
    }

    #[test]
    fn globs_match_segments() {
        check("a::Type::f", "a::Type::f", None, true);
        check("a::*::f", "a::Type::f", None, true);
        check("a::*::f", "a::b::Type::f", None, false);
        check("a::**::f", "a::f", None, true);
        check("a::**::f", "a::b::Type::f", None, true);
        check("**", "a::b", None, true);
        check("a::handle_*", "a::handle_put", None, true);
        check("a::*_handle_*", "a::handle_put", None, false);
    }

    #[test]
    fn the_crate_stands_before_the_trait_or_before_the_type() {
        for pattern in [
            "till::Display for Refused::fmt",
            "Display for till::Refused::fmt",
            "fmt::Display for till::Refused::fmt",
        ] {
            let inner = PathPattern::parse(pattern)
                .expect("a pattern")
                .within_crate("till")
                .unwrap_or_else(|| panic!("{pattern} is in the crate"));
            assert!(inner.matches("Refused::fmt", Some("Display")), "{pattern}");
        }
        let other = PathPattern::parse("fmt::Display for till::Refused::fmt").expect("a pattern");
        assert!(other.within_crate("shop").is_none());
    }

    #[test]
    fn a_trait_narrows_a_path_in_both_spellings() {
        check("a::Type::poll", "a::Type::poll", Some("Future"), true);
        check(
            "Future for a::Type::poll",
            "a::Type::poll",
            Some("Future"),
            true,
        );
        check(
            "a::Future for Type::poll",
            "a::Type::poll",
            Some("Future"),
            true,
        );
        check(
            "Stream for a::Type::poll",
            "a::Type::poll",
            Some("Future"),
            false,
        );
        check("Future for a::Type::poll", "a::Type::poll", None, false);
    }

    #[test]
    fn a_module_is_wanted_when_something_below_it_may_match() {
        let wanted = |pattern: &str, module: &str| {
            PathPattern::parse(pattern)
                .expect("a pattern")
                .may_match_below(module)
        };
        assert!(wanted("a::b::Type::f", ""));
        assert!(wanted("a::b::Type::f", "a::b"));
        assert!(wanted("a::Future for Type::f", "a"));
        assert!(!wanted("a::b::Type::f", "a::c"));
        assert!(wanted("a::**::f", "a::c::d"));
        assert!(!wanted("a::f", "a::f::g"));
    }

    #[test]
    fn a_hole_skips_balanced_tokens() {
        let text = "foo(a, (b)).bar(c); baz";
        let tokens = Tokens::of_code(text).expect("balances");
        let found = |pattern: &str| {
            let pattern = TokenPattern::parse(pattern).expect("a pattern");
            pattern
                .match_at(&tokens, 0, tokens.len())
                .map(|end| tokens.source(0..end))
        };
        assert_eq!(found("foo(…)"), Some("foo(a, (b))"));
        assert_eq!(found("foo … . bar (c)"), Some("foo(a, (b)).bar(c)"));
        assert_eq!(found("foo(a …"), Some("foo(a"));
        assert_eq!(found("foo(… d)"), None);
    }
}
