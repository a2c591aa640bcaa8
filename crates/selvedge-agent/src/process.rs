//! The operating system's side of a process's end: `atexit`, fork, and the signals that end it.
//!
//! Signals are taken over only from their default disposition. The handler writes one byte; a
//! thread reads it, flushes, and then lets the signal do what it would have done. Miri has none of
//! this.

#[cfg(any(miri, not(any(target_os = "linux", target_os = "macos"))))]
pub(crate) fn watch() -> std::io::Result<()> {
    Ok(())
}

#[cfg(any(miri, not(any(target_os = "linux", target_os = "macos"))))]
pub(crate) fn without_signals<R>(call: impl FnOnce() -> R) -> R {
    call()
}

#[cfg(all(not(miri), any(target_os = "linux", target_os = "macos")))]
pub(crate) use unix::{watch, without_signals};

#[cfg(all(not(miri), any(target_os = "linux", target_os = "macos")))]
#[expect(unsafe_code, reason = "calls the C library")]
mod unix {
    use std::ffi::{c_int, c_void};
    use std::io;
    use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

    use crate::{lifecycle, thread};

    const SIGHUP: c_int = 1;
    const SIGINT: c_int = 2;
    const SIGQUIT: c_int = 3;
    const SIGTERM: c_int = 15;
    const WATCHED: [c_int; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];
    const SIG_DFL: usize = 0;
    const SIG_SETMASK: c_int = if cfg!(target_os = "macos") { 3 } else { 2 };

    type Handler = extern "C" fn(c_int);
    /// As large as any system's `sigset_t`.
    type SignalSet = [u64; 16];

    unsafe extern "C" {
        fn atexit(callback: extern "C" fn()) -> c_int;
        fn pthread_atfork(
            prepare: Option<extern "C" fn()>,
            parent: Option<extern "C" fn()>,
            child: Option<extern "C" fn()>,
        ) -> c_int;
        /// With a handler's address, or one of the `SIG_` values. Restarts system calls.
        fn signal(signal: c_int, handler: usize) -> usize;
        fn sigaction(signal: c_int, new: *const c_void, old: *mut c_void) -> c_int;
        fn sigfillset(set: *mut SignalSet) -> c_int;
        fn pthread_sigmask(how: c_int, new: *const SignalSet, old: *mut SignalSet) -> c_int;
        fn raise(signal: c_int) -> c_int;
        fn pipe(ends: *mut c_int) -> c_int;
        fn read(descriptor: c_int, buffer: *mut c_void, length: usize) -> isize;
        fn write(descriptor: c_int, buffer: *const c_void, length: usize) -> isize;
        fn fcntl(descriptor: c_int, command: c_int, ...) -> c_int;
        fn getpid() -> c_int;
        fn kill(process: c_int, signal: c_int) -> c_int;
        #[cfg_attr(target_os = "linux", link_name = "__errno_location")]
        #[cfg_attr(target_os = "macos", link_name = "__error")]
        fn errno_location() -> *mut c_int;
    }

    /// The end of the pipe that handlers write to; -1 before there is one.
    static WAKE: AtomicI32 = AtomicI32::new(-1);
    /// A first signal is being worked on.
    static ENDING: AtomicBool = AtomicBool::new(false);

    /// Sees to it that the process's end, however it comes, is noticed.
    pub(crate) fn watch() -> io::Result<()> {
        // SAFETY: both callbacks are safe to call at any time; the C library copies the pointers.
        unsafe {
            atexit(at_exit);
            pthread_atfork(None, None, Some(in_child));
        }
        let reader = open_pipe()?;
        // It waits for a flush, which the threads that take part in one may not.
        let wait = Box::new(move || wait_for_signals(reader));
        without_signals(|| thread::spawn_boxed("selvedge-signal", wait))?;
        for number in WATCHED {
            take_over(number);
        }
        Ok(())
    }

    /// Runs `call` with all signals blocked; threads that it starts keep them blocked. The agent's
    /// threads must not run the program's handlers: one that exits would wait for the thread it
    /// interrupted.
    pub(crate) fn without_signals<R>(call: impl FnOnce() -> R) -> R {
        let (mut all, mut former) = ([0; 16], [0; 16]);
        // SAFETY: both sets are large enough.
        unsafe {
            sigfillset(&raw mut all);
            pthread_sigmask(SIG_SETMASK, &raw const all, &raw mut former);
        }
        let result = call();
        // SAFETY: puts back what was there.
        unsafe { pthread_sigmask(SIG_SETMASK, &raw const former, std::ptr::null_mut()) };
        result
    }

    extern "C" fn at_exit() {
        lifecycle::flush();
    }

    extern "C" fn in_child() {
        lifecycle::abandon();
    }

    /// Opens the pipe, closed on exec, and returns its reading end.
    fn open_pipe() -> io::Result<c_int> {
        const F_SETFD: c_int = 2;
        const FD_CLOEXEC: c_int = 1;
        let mut ends = [-1; 2];
        // SAFETY: `ends` has room for the two descriptors.
        if unsafe { pipe(ends.as_mut_ptr()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        for end in ends {
            // SAFETY: sets a flag of a descriptor that was just opened.
            unsafe { fcntl(end, F_SETFD, FD_CLOEXEC) };
        }
        WAKE.store(ends[1], Ordering::Release);
        Ok(ends[0])
    }

    /// The installed handler's address, or one of the `SIG_` values. Async-signal-safe.
    fn installed(number: c_int) -> Option<usize> {
        // More than any system's `struct sigaction`, whose first word is the handler.
        let mut action = [0_usize; 64];
        // SAFETY: only asks, into a buffer that is large enough.
        let result = unsafe { sigaction(number, std::ptr::null(), (&raw mut action).cast()) };
        (result == 0).then_some(action[0])
    }

    fn ours() -> usize {
        handle as Handler as usize
    }

    /// Installs our handler where the program left the default.
    fn take_over(number: c_int) {
        if installed(number) == Some(SIG_DFL) {
            // SAFETY: `handle` is async-signal-safe.
            unsafe { signal(number, ours()) };
        }
    }

    /// Runs in the signal's context: may only do what signal-safety(7) lists.
    extern "C" fn handle(number: c_int) {
        // SAFETY: every thread has its errno, which a handler must leave as it found it.
        let errno = unsafe { *errno_location() };
        if !ENDING.swap(true, Ordering::AcqRel) {
            let byte = number as u8;
            // SAFETY: one byte from this frame; write is async-signal-safe.
            unsafe { write(WAKE.load(Ordering::Acquire), (&raw const byte).cast(), 1) };
        } else if installed(number) == Some(ours()) {
            // Asked twice, the process does not wait for the flush. A handler of the program's
            // that calls ours, as some libraries do, may think otherwise.
            // SAFETY: both calls are async-signal-safe.
            unsafe {
                signal(number, SIG_DFL);
                raise(number);
            }
        }
        // SAFETY: as above.
        unsafe { *errno_location() = errno };
    }

    fn wait_for_signals(reader: c_int) {
        loop {
            let mut byte = 0_u8;
            // SAFETY: there is room for the one byte.
            let count = unsafe { read(reader, (&raw mut byte).cast(), 1) };
            if count == 1 {
                lifecycle::flush();
                die_of(c_int::from(byte));
            } else if count == 0 || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted
            {
                return;
            }
        }
    }

    /// Ends the process as the signal would have, unless the program has taken the signal over
    /// meanwhile: then its death is the program's business.
    fn die_of(number: c_int) {
        if installed(number) == Some(ours()) {
            // SAFETY: restores the disposition there was and sends the signal that came.
            unsafe {
                signal(number, SIG_DFL);
                kill(getpid(), number);
            }
        } else {
            ENDING.store(false, Ordering::Release);
        }
    }
}
