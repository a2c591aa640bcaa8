//! Writing files so that nobody ever sees half of one.

use std::fs::{self, File, FileTimes};
use std::io::{self, Write as _};
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

/// Writes a file by way of a temporary one next to it; says whether the content is new. A file
/// that has this content already keeps its modification time.
pub(crate) fn write_if_changed(path: &Path, content: &[u8]) -> io::Result<bool> {
    if is_regular(path) && fs::read(path).is_ok_and(|old| old == content) {
        return Ok(false);
    }
    write(path, content, None).map(|()| true)
}

/// Creates a file dated long ago, so that cargo does not take it for newer than the unit that is
/// being compiled. One that is there already is left alone.
pub(crate) fn create_backdated(path: &Path, content: &[u8]) -> io::Result<()> {
    if path.exists() {
        Ok(())
    } else {
        replace_backdated(path, content)
    }
}

/// Like [`create_backdated`], whatever is there.
pub(crate) fn replace_backdated(path: &Path, content: &[u8]) -> io::Result<()> {
    // Not the epoch itself: some file systems and tools take zero for "unknown".
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    write(path, content, Some(long_ago))
}

fn write(path: &Path, content: &[u8], modified: Option<SystemTime>) -> io::Result<()> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let parent = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(parent)?;
    let temporary = parent.join(format!(
        ".selvedge-{}-{}",
        process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    ));
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(content)?;
        if let Some(modified) = modified {
            file.set_times(FileTimes::new().set_modified(modified))?;
        }
        fs::rename(&temporary, path)
    };
    write().inspect_err(|_| drop(fs::remove_file(&temporary)))
}

/// Prints to standard output; a reader that has seen enough, as `head` has, is no error.
pub(crate) fn print(text: &str) -> io::Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Prints a line to standard error; nothing is left to do if nobody reads it.
pub(crate) fn tell(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// True for a regular file that is not reached through a symbolic link.
pub(crate) fn is_regular(path: &Path) -> bool {
    path.symlink_metadata()
        .is_ok_and(|metadata| metadata.is_file())
}

/// Takes an exclusive lock that ends when the result is dropped or the process dies.
pub(crate) fn lock(path: &Path) -> io::Result<File> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    file.lock()?;
    Ok(file)
}

/// Copies a file by hard link where the file system allows.
pub(crate) fn link_or_copy(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => Ok(()),
        Err(_) => fs::copy(from, to).map(drop),
    }
}
