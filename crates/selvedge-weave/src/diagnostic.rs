//! Problems in the texts that people write: `aspects.toml` and `selvedge.toml`.

use std::fmt;
use std::ops::Range;

/// One problem, with the place it was found at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong, in lower case.
    pub message: String,
    /// What to do about it: the nearest name, the keys that exist.
    pub help: Option<String>,
    /// Bytes of the TOML text that the message is about.
    pub span: Option<Range<usize>>,
}

impl Diagnostic {
    /// A problem at a place in the text.
    pub fn at(span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: None,
            span: Some(span),
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(formatter, " ({help})"),
            None => Ok(()),
        }
    }
}
