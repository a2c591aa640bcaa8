//! The exit codes of `cargo selvedge`.

use std::process::{ExitCode, ExitStatus};

/// How a command ended. A failing cargo's own code is passed on as it is, mostly 101.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: done.
    Success,
    /// 1: Selvedge itself failed, or what was asked for was not found.
    Failure,
    /// 2: the command line makes no sense.
    Usage,
    /// 3: `selvedge.toml` is wrong.
    Configuration,
    /// 4: a rule matched no function.
    RuleUnmatched,
    /// 5: `--strict`, and an integration was left out.
    Skipped,
    /// 6: `verify` found a library version that an integration does not fit.
    Verification,
    /// What cargo or the compiler returned.
    Passed(u8),
}

impl Exit {
    /// The code of a process that has ended; 101 where a signal ended it.
    pub(crate) fn passed(status: ExitStatus) -> Self {
        match status.code() {
            Some(0) => Self::Success,
            Some(code) => Self::Passed(u8::try_from(code).unwrap_or(101)),
            None => Self::Passed(101),
        }
    }

    fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Usage => 2,
            Self::Configuration => 3,
            Self::RuleUnmatched => 4,
            Self::Skipped => 5,
            Self::Verification => 6,
            Self::Passed(code) => code,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
