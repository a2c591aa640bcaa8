//! The agent's own threads.

use std::io;
use std::thread::{Builder, Thread};

use crate::node::suppress_thread;

const STACK_BYTES: usize = 512 << 10;

/// Starts a thread whose work is never recorded; an error when the system has none to give.
pub(crate) fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<Thread> {
    spawn_boxed(
        name,
        Box::new(move || {
            suppress_thread();
            run();
        }),
    )
}

/// Not generic: starting a thread is much code.
pub(crate) fn spawn_boxed(name: &str, run: Box<dyn FnOnce() + Send>) -> io::Result<Thread> {
    let thread = Builder::new().name(name.to_owned()).stack_size(STACK_BYTES);
    Ok(thread.spawn(run)?.thread().clone())
}
