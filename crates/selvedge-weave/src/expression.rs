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

    /// The variable that the expression begins with.
    pub(crate) fn first_word(&self) -> Option<&str> {
        self.first_word.as_deref()
    }
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
