//! Keeps the ids that the `log` integration adds out of what `tracing-log` forwards.

use core::fmt::{self, Display, Formatter};

/// Shows a record's message outside of any context, where the `log` integration adds no ids.
pub(crate) struct Unmarked<'a>(pub(crate) &'a fmt::Arguments<'a>);

impl Display for Unmarked<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        if ::selvedge_hooks::active() {
            ::selvedge_hooks::Context::none().scope(|| formatter.write_fmt(*self.0))
        } else {
            formatter.write_fmt(*self.0)
        }
    }
}
