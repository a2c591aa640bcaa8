//! What cargo and rustc answered before, for as long as nothing it depends on has changed.
//!
//! Asking them takes longer than all else that a build without a change costs. Whatever is wrong
//! with the memory, they are asked again.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::files;
use crate::hash::Hasher;
use crate::kit;

/// Digits of a question's hash that name its file: at most 16 to the power of this many files, in
/// which a newer answer takes the place of an older one.
const NAME_DIGITS: usize = 2;
/// Time stamps may be no finer than this, so a file changed so recently may change unseen.
const CLOCK_STEP: Duration = Duration::from_millis(20);

/// An answer, and the state of everything it depends on.
#[derive(Serialize, Deserialize)]
struct Recalled<T> {
    question: String,
    watched: Vec<Stamp>,
    answer: T,
}

/// A file or directory at a moment.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    path: PathBuf,
    /// None where there is none.
    state: Option<State>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    bytes: u64,
    modified: SystemTime,
    /// On Unix, the time of the last change of anything about it, which no tool sets back.
    changed: (i64, i64),
}

impl Stamp {
    /// The state of a path now.
    fn of(path: PathBuf) -> Self {
        let state = fs::metadata(&path).ok().and_then(|metadata| {
            Some(State {
                bytes: metadata.len(),
                modified: metadata.modified().ok()?,
                changed: changed(&metadata),
            })
        });
        Self { path, state }
    }

    fn holds(&self) -> bool {
        Self::of(self.path.clone()) == *self
    }

    /// True when it changed before the question was asked, or is not there.
    fn is_older_than(&self, asked: SystemTime) -> bool {
        let Some(state) = &self.state else {
            return true;
        };
        let changed = state.last_change();
        asked
            .duration_since(changed)
            .is_ok_and(|age| age >= CLOCK_STEP)
    }
}

impl State {
    fn last_change(&self) -> SystemTime {
        let (seconds, nanoseconds) = self.changed;
        let since_epoch = Duration::new(
            u64::try_from(seconds).unwrap_or(0),
            u32::try_from(nanoseconds).unwrap_or(0),
        );
        self.modified.max(SystemTime::UNIX_EPOCH + since_epoch)
    }
}

#[cfg(unix)]
fn changed(metadata: &fs::Metadata) -> (i64, i64) {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.ctime(), metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn changed(_: &fs::Metadata) -> (i64, i64) {
    (0, 0)
}

/// The answer to a question, if what it depends on is as it was.
pub(crate) fn recall<T: DeserializeOwned>(question: &str) -> Option<T> {
    let recalled: Recalled<T> = serde_json::from_slice(&fs::read(file(question)?).ok()?).ok()?;
    let holds = recalled.question == question && recalled.watched.iter().all(Stamp::holds);
    holds.then_some(recalled.answer)
}

/// Keeps the answer to a question asked at `asked`, unless something that it depends on may have
/// changed since.
pub(crate) fn remember<T: Serialize>(
    question: &str,
    asked: SystemTime,
    watched: Vec<PathBuf>,
    answer: T,
) {
    let watched: Vec<Stamp> = watched.into_iter().map(Stamp::of).collect();
    if !watched.iter().all(|stamp| stamp.is_older_than(asked)) {
        return;
    }
    let recalled = Recalled {
        question: question.to_owned(),
        watched,
        answer,
    };
    let (Some(path), Ok(json)) = (file(question), serde_json::to_vec(&recalled)) else {
        return;
    };
    // A memory that cannot be written costs time, nothing else.
    drop(files::write_if_changed(&path, &json));
}

fn file(question: &str) -> Option<PathBuf> {
    let name = Hasher::new().part(question).hex();
    let folder: &Path = &kit::cache_directory().ok()?.join("recall");
    Some(folder.join(format!("{}.json", &name[..NAME_DIGITS])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_holds_until_the_file_changes() {
        let path = std::env::temp_dir().join(format!("selvedge-stamp-{}", std::process::id()));
        let absent = Stamp::of(path.clone());
        assert!(absent.holds());
        fs::write(&path, "one").unwrap();
        let written = Stamp::of(path.clone());
        assert!(!absent.holds() && written.holds());
        fs::write(&path, "other").unwrap();
        assert!(!written.holds());
        fs::remove_file(path).unwrap();
        assert!(!written.holds() && absent.holds());
    }
}
