//! Rust expressions in `selvedge.toml`: checked for what weaving relies on; rustc judges the rest.

use crate::arguments::split;
use crate::lexer::{Kind, Tokens};

/// A Rust expression of the user's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    text: String,
    mentions_ret: bool,
    mentions_error: bool,
    is_closure: bool,
    first_word: Option<String>,
}

impl Expression {
    /// Checks that the text can stand as one expression on one line.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let tokens = Tokens::of_code(text).map_err(|error| error.to_string())?;
        if tokens.len() == 0 {
            return Err("it is empty".to_owned());
        }
        if text.contains(['\n', '\r']) {
            return Err("it contains a newline".to_owned());
        }
        if has_comment(&tokens) {
            return Err("it contains a comment".to_owned());
        }
        let mut at = 0;
        while at < tokens.len() {
            if tokens.is(at, b';') {
                return Err("it contains a `;`".to_owned());
            }
            at = tokens.after(at);
        }
        if split(&tokens, 0..tokens.len()).len() != 1 {
            return Err("it contains a `,`".to_owned());
        }
        if let Some(problem) = statement(&tokens).or_else(|| leaves(&tokens)) {
            return Err(problem);
        }
        if let Some(problem) = broken(&tokens) {
            return Err(problem);
        }
        let mentions = |name: &str| {
            (0..tokens.len()).any(|at| {
                let in_path = at > 1 && tokens.is_joint(at - 2, *b"::");
                let is_field = at > 0 && tokens.is(at - 1, b'.');
                let begins_path = tokens.is_joint(at + 1, *b"::");
                tokens.is_word(at, name) && !(in_path || is_field || begins_path)
            })
        };
        let first_word = (tokens.kind(0) == Some(Kind::Ident)).then(|| tokens.word(0).to_owned());
        Ok(Self {
            mentions_ret: mentions("ret"),
            mentions_error: mentions("error"),
            is_closure: tokens.is(0, b'|') || tokens.is_word(0, "move") && tokens.is(1, b'|'),
            first_word,
            text: text.to_owned(),
        })
    }

    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// True when it needs the return value.
    pub(crate) fn mentions_ret(&self) -> bool {
        self.mentions_ret
    }

    /// True when it needs the error.
    pub(crate) fn mentions_error(&self) -> bool {
        self.mentions_error
    }

    /// True when it can only be evaluated when the function is done.
    pub(crate) fn is_late(&self) -> bool {
        self.mentions_ret || self.mentions_error
    }

    pub(crate) fn is_closure(&self) -> bool {
        self.is_closure
    }

    /// True when it names this variable, or a thing of that name.
    pub(crate) fn mentions(&self, name: &str) -> bool {
        Tokens::of_code(&self.text)
            .is_ok_and(|tokens| (0..tokens.len()).any(|at| tokens.is_word(at, name)))
    }

    /// The variable that the expression begins with.
    pub(crate) fn first_word(&self) -> Option<&str> {
        self.first_word.as_deref()
    }
}

/// Keywords that begin a statement or an item, and no expression.
const NOT_FIRST: [&str; 16] = [
    "as", "else", "enum", "extern", "fn", "impl", "in", "let", "mod", "mut", "pub", "ref",
    "struct", "trait", "type", "use",
];

/// What is a statement, or an assignment, and has no value.
fn statement(tokens: &Tokens<'_>) -> Option<String> {
    if let Some(first) = NOT_FIRST.iter().find(|word| tokens.is_word(0, word)) {
        return Some(format!("it begins with `{first}`, so it has no value"));
    }
    let mut at = 0;
    let mut is_inside = false;
    while at < tokens.len() {
        // Closures may assign, and `if let` is none.
        is_inside |= tokens.is(at, b'|') || tokens.is_word(at, "let");
        // Of an operator of several characters only the last is followed by something else.
        let before = if at == 0 { 0 } else { tokens.byte(at - 1) };
        let is_operator = tokens.is_joint(at, *b"==") || tokens.is_joint(at, *b"=>");
        let ends_operator = at > 0
            && (tokens.is_joint(at - 1, *b"==")
                || matches!(before, b'<' | b'>' | b'!' | b'.')
                    && tokens.is_joint(at - 1, [before, b'=']));
        if tokens.is(at, b'=') && !is_operator && !ends_operator && !is_inside {
            return Some("it assigns, so it has no value".to_owned());
        }
        at = tokens.after(at);
    }
    None
}

/// What would leave or suspend the function that it is woven into, which is not the user's.
fn leaves(tokens: &Tokens<'_>) -> Option<String> {
    let has_closure = (0..tokens.len()).any(|at| tokens.is(at, b'|'));
    let leaving = |at: usize| {
        let word = ["return", "yield"]
            .into_iter()
            .find(|word| tokens.is_word(at, word));
        word.or(tokens.is(at, b'?').then_some("?"))
    };
    if let Some(word) = (0..tokens.len()).find_map(leaving).filter(|_| !has_closure) {
        return Some(format!(
            "it contains `{word}`, which would leave the function"
        ));
    }
    let waits = (1..tokens.len()).any(|at| tokens.is_word(at, "await") && tokens.is(at - 1, b'.'));
    waits.then(|| "it contains `.await`; an expression cannot wait".to_owned())
}

/// Two values side by side, or an operator without its second value.
fn broken(tokens: &Tokens<'_>) -> Option<String> {
    let last = tokens.len() - 1;
    let is_infix = |at: usize| b"+-*/%^&.=!<,:@#$~".contains(&tokens.byte(at));
    let is_range = last > 0 && tokens.is_joint(last - 1, *b"..");
    // `Vec::<u8>` ends with a bracket.
    if tokens.kind(last) == Some(Kind::Punct) && is_infix(last) && !is_range {
        return Some(format!("it ends with `{}`", tokens.word(last)));
    }
    let ends_value = |at: usize| match tokens.kind(at) {
        Some(Kind::Ident) => !is_keyword(tokens, at),
        Some(Kind::Literal) => true,
        Some(Kind::Close) => !tokens.is(at, b'}'),
        _ => false,
    };
    let begins_value = |at: usize| match tokens.kind(at) {
        Some(Kind::Ident) => !is_keyword(tokens, at),
        Some(Kind::Literal) => true,
        _ => false,
    };
    let mut at = 1;
    while at < tokens.len() {
        if ends_value(at - 1) && begins_value(at) {
            let (left, right) = (tokens.word(at - 1), tokens.word(at));
            return Some(format!("nothing stands between `{left}` and `{right}`"));
        }
        // What is in a macro may be any language.
        let in_macro = tokens.kind(at) == Some(Kind::Open) && tokens.is(at - 1, b'!');
        at = if in_macro { tokens.after(at) } else { at + 1 };
    }
    None
}

/// Keywords that stand beside a value.
fn is_keyword(tokens: &Tokens<'_>, at: usize) -> bool {
    const BESIDE: [&str; 22] = [
        "as", "async", "await", "break", "const", "continue", "dyn", "else", "for", "if", "impl",
        "in", "let", "loop", "match", "move", "mut", "ref", "return", "static", "unsafe", "while",
    ];
    BESIDE.iter().any(|word| tokens.is_word(at, word))
}

/// Comments are not tokens, so one shows as something other than blanks between two of them.
fn has_comment(tokens: &Tokens<'_>) -> bool {
    let mut end = 0;
    for token in &tokens.list {
        if !tokens.text[end..token.start as usize].trim().is_empty() {
            return true;
        }
        end = token.end as usize;
    }
    !tokens.text[end..].trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Expression::parse(text).expect_err("refused")
    }

    #[test]
    fn what_would_break_the_line_is_refused() {
        assert_eq!(refused(" "), "it is empty");
        assert_eq!(refused("a\n.b"), "it contains a newline");
        assert_eq!(refused("a // b"), "it contains a comment");
        assert_eq!(refused("a; b"), "it contains a `;`");
        assert_eq!(refused("a, b"), "it contains a `,`");
        assert!(refused("a)").contains("no partner"));
        assert!(refused("\"a").contains("does not end"));
    }

    #[test]
    fn what_has_no_value_is_refused() {
        assert_eq!(
            refused("let x = 3"),
            "it begins with `let`, so it has no value"
        );
        assert_eq!(
            refused("fn f() {}"),
            "it begins with `fn`, so it has no value"
        );
        assert_eq!(refused("count = 3"), "it assigns, so it has no value");
        assert_eq!(refused("count += 3"), "it assigns, so it has no value");
        assert!(refused("}").contains("no partner"));
    }

    #[test]
    fn what_would_leave_the_function_is_refused() {
        assert_eq!(
            refused("id.parse()?"),
            "it contains `?`, which would leave the function"
        );
        assert_eq!(
            refused("return 1"),
            "it contains `return`, which would leave the function"
        );
        assert_eq!(
            refused("load().await"),
            "it contains `.await`; an expression cannot wait"
        );
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        assert_eq!(refused("a b"), "nothing stands between `a` and `b`");
        assert_eq!(refused("f(a b)"), "nothing stands between `a` and `b`");
        assert_eq!(refused("order 3"), "nothing stands between `order` and `3`");
        assert_eq!(refused("a +"), "it ends with `+`");
        assert_eq!(refused("a."), "it ends with `.`");
        assert_eq!(refused("a::"), "it ends with `:`");
    }

    #[test]
    fn expressions_of_all_sorts_are_taken() {
        for text in [
            "a == b",
            "a <= b && c >= d || e != f",
            "a as u64",
            "..",
            "1..",
            "1..=n",
            "if a { b } else { c }",
            "match a { Some(b) if b > 1 => b, _ => 0 }",
            "matches!(a, Some(_))",
            "unsafe { a.b }",
            "&mut *a",
            "!a",
            "-1",
            "a.iter().map(|b| b + 1).sum::<u64>()",
            "a.iter().filter_map(|b| { let c = b.parse().ok()?; Some(c) }).count()",
            "Vec::<u8>::new().len()",
            "<T as Trait>::NAME",
            "r#type.len()",
            "b\"x\".len()",
            "move |name, value| { set = name; }",
            "&*self.name",
            "[0; 3].len()",
            "a.0.1",
            "'x'",
            "format!(\"{a} {b:?}\")",
            "if let Some(a) = b { a } else { 0 }",
            "f as fn(u8) -> u8",
            "loop { break 1 }",
            "sql!(SELECT a FROM b).len()",
        ] {
            assert_eq!(Expression::parse(text).map(|_| ()), Ok(()), "{text}");
        }
    }

    #[test]
    fn commas_inside_of_an_expression_are_no_separators() {
        for text in [
            "f(a, b)",
            "Map::<K, V>::new()",
            "|name, value| f(name, value)",
            "\"//\"",
        ] {
            Expression::parse(text).expect(text);
        }
    }

    #[test]
    fn ret_and_error_are_variables_and_not_fields() {
        let late = |text: &str| Expression::parse(text).expect("an expression").is_late();
        assert!(late("*ret"));
        assert!(late("error.kind()"));
        assert!(!late("self.error"));
        assert!(!late("error::KIND"));
    }
}
