//! Every way a process ends: what was recorded comes out, and the exit status is unchanged.
//!
//! Each test runs this program again as a child that ends in one way; the child's spans go to
//! a file that it names, one line each.
#![cfg(unix)]
#![expect(unsafe_code, reason = "sends signals and forks")]

use std::ffi::c_int;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use selvedge_agent::{Baked, Event};
use selvedge_hooks::{Convention, Kind, Outcome, Site, Span};

static BAKED: Baked = Baked {
    service_name: "ends",
    service_version: "",
    sampling: &[],
    resource: &[],
    panic_aborts: false,
    manifest: "",
};
/// As of a program that is built with `panic = "abort"`.
static ABORTING: Baked = Baked {
    panic_aborts: true,
    ..BAKED
};
static WORK: Site = Site::new("ends", "work", Kind::Internal, Convention::None);

const WAY: &str = "SELVEDGE_TEST_WAY";
const OUTPUT: &str = "SELVEDGE_TEST_OUTPUT";
const SIGINT: c_int = 2;
const SIG_DFL: usize = 0;
const SIGHUP: c_int = 1;
const SIGQUIT: c_int = 3;
const SIGTERM: c_int = 15;

unsafe extern "C" {
    fn kill(process: c_int, signal: c_int) -> c_int;
    fn signal(signal: c_int, handler: usize) -> usize;
    fn fork() -> c_int;
    fn waitpid(process: c_int, status: *mut c_int, options: c_int) -> c_int;
}

fn write_line(path: &Path, line: &str) {
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .expect("writable");
    // In one write: another process may append meanwhile.
    let line = format!("{line}\n");
    file.write_all(line.as_bytes()).expect("writable");
}

/// Not a test of its own: what the child does.
#[test]
fn child() {
    let Ok(way) = std::env::var(WAY) else { return };
    let path = std::env::var_os(OUTPUT).expect("the parent names it");
    let file = path.clone();
    for number in [SIGTERM, SIGINT, SIGHUP, SIGQUIT] {
        // Whoever runs these tests in the background may have had them ignore signals.
        // SAFETY: restores a default disposition before any thread of ours is there.
        unsafe { signal(number, SIG_DFL) };
    }
    let running = selvedge_agent::start_with(
        if way == "abort" { &ABORTING } else { &BAKED },
        &|_| None,
        Box::new(move |event| {
            if let Event::Span(span) = event {
                let outcome = span.outcome;
                write_line(
                    Path::new(&file),
                    &format!("{} {outcome:?} {}", span.name, span.error_type),
                );
            }
        }),
    );
    Span::start(&WORK).end(Outcome::Completed);
    match way.as_str() {
        "return" => drop(running),
        "exit" => std::process::exit(7),
        "panic" => {
            let _work = Span::start(&WORK).enter();
            panic!("in the child");
        }
        "abort" => {
            let _work = Span::start(&WORK).enter();
            // Before the span, as if nothing unwound at all.
            let _abort = AbortOnDrop;
            panic!("in the child");
        }
        "fork" => fork_and_record(Path::new(&path)),
        "handled" => {
            extern "C" fn leave(_: c_int) {
                std::process::exit(3);
            }
            // SAFETY: the handler is run by a signal this test sends while nothing else runs.
            unsafe { signal(SIGTERM, leave as extern "C" fn(c_int) as usize) };
            wait();
        }
        _ => wait(),
    }
}

struct AbortOnDrop;

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        std::process::abort();
    }
}

/// Tells the parent to send its signal, and waits for it.
fn wait() -> ! {
    // Not through the buffer of standard output: the signal may come before its lock is free.
    let output = std::io::stdout().as_fd().try_clone_to_owned();
    File::from(output.expect("a descriptor"))
        .write_all(b"\nready\n")
        .expect("the parent reads");
    loop {
        std::thread::park();
    }
}

/// The forked child has no agent; its hooks are off, and it ends at once.
fn fork_and_record(path: &Path) {
    // SAFETY: the child calls only what a forked child may.
    match unsafe { fork() } {
        0 => {
            let off = Span::start(&WORK).is_none() && !selvedge_hooks::active();
            write_line(
                path,
                if off {
                    "off in the fork"
                } else {
                    "on in the fork"
                },
            );
            std::process::exit(0);
        }
        process => {
            let mut status = -1;
            // SAFETY: there is room for the status.
            unsafe { waitpid(process, &raw mut status, 0) };
            assert_eq!(status, 0);
            std::process::exit(0);
        }
    }
}

struct Ended {
    status: ExitStatus,
    lines: Vec<String>,
}

fn run(way: &str, act: impl FnOnce(&mut Child)) -> Ended {
    let path = std::env::temp_dir().join(format!("selvedge-ends-{way}-{}", std::process::id()));
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(WAY, way)
        .env(OUTPUT, &path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("this test runs");
    act(&mut child);
    let status = child.wait().expect("it ends");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let _ = std::fs::remove_file(&path);
    let mut lines: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
    lines.sort();
    Ended { status, lines }
}

/// Sends a signal once the child is ready for it.
fn send(number: c_int) -> impl FnOnce(&mut Child) {
    move |child| {
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let ready = output
            .lines()
            .map_while(Result::ok)
            .any(|line| line == "ready");
        assert!(ready, "the child is ready");
        // SAFETY: sends a signal to a child that has not been waited for.
        unsafe { kill(child.id() as c_int, number) };
    }
}

#[test]
fn a_return_from_main_flushes() {
    let ended = run("return", |_| ());
    assert_eq!(
        (ended.status.code(), ended.lines),
        (Some(0), vec!["work Completed".to_owned()])
    );
}

#[test]
fn an_exit_flushes_and_keeps_its_code() {
    let ended = run("exit", |_| ());
    assert_eq!(
        (ended.status.code(), ended.lines),
        (Some(7), vec!["work Completed".to_owned()])
    );
}

#[test]
fn a_panic_flushes_the_span_it_ended() {
    let ended = run("panic", |_| ());
    assert_eq!(ended.status.code(), Some(101));
    assert_eq!(ended.lines, ["work Completed", "work Unwound panic"]);
}

#[test]
fn a_panic_that_aborts_flushes_the_span_it_ended() {
    let ended = run("abort", |_| ());
    assert_eq!(ended.status.signal(), Some(6));
    assert_eq!(ended.lines, ["work Completed", "work Unwound panic"]);
}

#[test]
fn a_default_signal_flushes_and_still_kills() {
    for number in [SIGTERM, SIGINT, SIGHUP, SIGQUIT] {
        let ended = run("wait", send(number));
        assert_eq!(
            (ended.status.signal(), ended.lines.len()),
            (Some(number), 1)
        );
    }
}

#[test]
fn a_signal_that_the_program_handles_is_the_programs() {
    let ended = run("handled", send(SIGTERM));
    assert_eq!(ended.status.code(), Some(3), "{}", ended.status);
    assert_eq!(ended.lines, ["work Completed"]);
}

#[test]
fn a_forked_child_runs_without_the_agent() {
    let ended = run("fork", |_| ());
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(ended.lines, ["off in the fork", "work Completed"]);
}
