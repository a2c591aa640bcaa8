//! Running rustc while listening to what it says.

use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::{Command, ExitStatus, Stdio};

use serde_json::Value;

/// What rustc said in one run.
pub(crate) struct Run {
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// Its messages but those forwarded already, each one line of JSON, or of text where cargo
    /// did not ask for JSON.
    pub(crate) messages: Vec<Vec<u8>>,
    /// Its notes about finished artifacts, unless they were forwarded.
    pub(crate) artifacts: Vec<Vec<u8>>,
    /// True when cargo was told of the crate's metadata, and so may be compiling its dependents.
    pub(crate) is_announced: bool,
}

/// What to do with rustc's notes about finished artifacts, on which cargo starts dependent crates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Artifacts {
    /// Tell cargo at once.
    Forward,
    /// Keep them for the caller.
    Keep,
}

/// Runs a compiler and keeps what it says for the caller to decide on.
pub(crate) fn run(
    program: &[OsString],
    arguments: &[OsString],
    artifacts: Artifacts,
) -> io::Result<Run> {
    let mut child = command(program, arguments).stderr(Stdio::piped()).spawn()?;
    let stderr = child.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let (mut messages, mut kept) = (Vec::new(), Vec::new());
    let mut is_announced = false;
    for line in BufReader::new(stderr).split(b'\n') {
        let line = line?;
        match artifacts {
            _ if !is_artifact(&line) => messages.push(line),
            Artifacts::Forward => {
                is_announced |= contains(&line, br#""emit":"metadata""#);
                forward(&line)?;
            }
            Artifacts::Keep => kept.push(line),
        }
    }
    Ok(Run {
        status: child.wait()?,
        messages,
        artifacts: kept,
        is_announced,
    })
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal(_: ExitStatus) -> Option<i32> {
    None
}

/// A command that inherits everything, the jobserver's descriptors above all.
pub(crate) fn command(program: &[OsString], arguments: &[OsString]) -> Command {
    let mut command = Command::new(&program[0]);
    command.args(&program[1..]).args(arguments);
    command
}

/// Passes messages on to cargo.
pub(crate) fn forward_all<'a>(messages: impl IntoIterator<Item = &'a Vec<u8>>) -> io::Result<()> {
    messages.into_iter().try_for_each(|line| forward(line))
}

fn forward(line: &[u8]) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    stderr.write_all(line)?;
    stderr.write_all(b"\n")
}

fn is_artifact(line: &[u8]) -> bool {
    // The mark comes first; a long message need not be looked through.
    let start = &line[..line.len().min(128)];
    line.first() == Some(&b'{') && contains(start, br#""$message_type":"artifact""#)
}

fn contains(line: &[u8], mark: &[u8]) -> bool {
    line.windows(mark.len()).any(|window| window == mark)
}

/// Parts of errors that tell of the machine and not of the crate, which may compile next time.
const STOPPED: [&str; 3] = [
    "compilation was interrupted",
    "No space left on device",
    "Cannot allocate memory",
];

/// SIGHUP, SIGINT, SIGKILL, SIGTERM: sent by somebody, often for want of memory. A compiler that
/// crashes gets others, and may do so over what was woven.
const SENT: [i32; 4] = [1, 2, 9, 15];

impl Run {
    /// True when the compiler failed for a reason that says nothing about the crate: somebody
    /// ended it, or the machine had no room for it.
    pub(crate) fn was_stopped(&self) -> bool {
        if self.status.success() {
            return false;
        }
        // A shell or another wrapper in between tells of a signal by its number above 128.
        let signal = signal(self.status).or_else(|| Some(self.status.code()? - 128));
        if signal.is_some_and(|signal| SENT.contains(&signal)) {
            return true;
        }
        self.diagnostics().any(|message| {
            let text = message["message"].as_str().unwrap_or_default();
            let is_linkers = text.starts_with("linking with") && text.contains("signal: ");
            is_linkers || STOPPED.iter().any(|part| text.contains(part))
        })
    }

    /// The messages that are diagnostics, parsed.
    pub(crate) fn diagnostics(&self) -> impl Iterator<Item = Value> {
        self.messages
            .iter()
            .filter_map(|line| serde_json::from_slice::<Value>(line).ok())
            .filter(|message| message["$message_type"] == "diagnostic")
    }

    /// True when there is something a user would see.
    pub(crate) fn says_something(&self, json: bool) -> bool {
        if json {
            self.messages.iter().any(|line| !is_silent(line))
        } else {
            !self.messages.is_empty()
        }
    }
}

/// True for messages to cargo that no user sees.
pub(crate) fn is_silent(line: &[u8]) -> bool {
    let kind = |message: Value| message["$message_type"].as_str().map(str::to_owned);
    match serde_json::from_slice(line).ok().and_then(kind) {
        Some(kind) => kind != "diagnostic" && kind != "future_incompat",
        None => false,
    }
}
