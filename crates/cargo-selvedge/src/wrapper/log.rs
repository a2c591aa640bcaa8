//! A log for debugging the wrapper itself, in the file that `SELVEDGE_LOG` names.

use std::env;
use std::fs::File;
use std::io::Write as _;

/// Appends a line. Without `SELVEDGE_LOG` this does nothing; a log that cannot be written is no
/// reason to stop a build.
pub(crate) fn line(unit: &str, text: &str) {
    let Some(path) = env::var_os("SELVEDGE_LOG") else {
        return;
    };
    let Ok(mut file) = File::options().create(true).append(true).open(path) else {
        return;
    };
    // One write, so that lines of parallel calls do not mix.
    drop(file.write_all(format!("{unit}: {text}\n").as_bytes()));
}
