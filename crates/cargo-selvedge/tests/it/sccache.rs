//! The real sccache behind the wrapper, where it is installed.

use std::net::TcpListener;
use std::process::Command;

use crate::project::{Project, Ran};

/// A server of its own for one test: another port, another cache.
struct Sccache<'a> {
    project: &'a Project,
    port: u16,
}

impl<'a> Sccache<'a> {
    /// None, and a line that says so, where there is no sccache.
    fn start(project: &'a Project) -> Option<Self> {
        if Command::new("sccache").arg("--version").output().is_err() {
            eprintln!("skipped: sccache is not installed");
            return None;
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        Some(Self { project, port })
    }

    fn run(&self, command: &mut Command) -> Ran {
        self.project.run(
            command
                .env("SCCACHE_SERVER_PORT", self.port.to_string())
                .env("SCCACHE_DIR", self.project.path("../sccache"))
                .env("SCCACHE_IDLE_TIMEOUT", "60")
                // sccache does not keep incremental units.
                .env("CARGO_INCREMENTAL", "0"),
        )
    }

    /// A build from nothing, with sccache as the wrapper that was there before.
    fn build_anew(&self) {
        drop(std::fs::remove_dir_all(self.project.path("target")));
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-selvedge"));
        command.args(["selvedge", "build"]);
        self.run(command.env("RUSTC_WRAPPER", "sccache")).ok();
        assert_eq!(self.project.wrapper_log(), "");
    }

    /// How many crates came out of the cache so far.
    fn hits(&self) -> u64 {
        let shown = self.run(Command::new("sccache").arg("--show-stats")).ok();
        let hits = shown
            .stdout
            .lines()
            .find_map(|line| line.strip_prefix("Cache hits  "));
        hits.unwrap().trim().parse().unwrap()
    }

    /// What the woven program prints, and the spans it makes.
    fn outcome(&self) -> (String, String) {
        let ran = self.run(
            Command::new(self.project.path("target/selvedge/debug/app"))
                .env("SELVEDGE_EXPORT", "console")
                .env("SELVEDGE_CONSOLE_TIMES", "off"),
        );
        let ran = ran.ok();
        (ran.stdout, ran.stderr)
    }
}

impl Drop for Sccache<'_> {
    fn drop(&mut self) {
        self.run(Command::new("sccache").arg("--stop-server"));
    }
}

/// A program over a library, both with spans.
fn project() -> Project {
    Project::new(
        "app",
        &[
            (
                "Cargo.toml",
                "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\nback = { path = \"back\" }\n[workspace]\nmembers = [\"back\"]\n",
            ),
            (
                "src/main.rs",
                "fn main() { println!(\"{}\", back::work()); }\n",
            ),
            (
                "back/Cargo.toml",
                "[package]\nname = \"back\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
            ),
            ("back/src/lib.rs", "pub fn work() -> u8 { 7 }\n"),
            ("selvedge.toml", "[[span]]\nfunction = \"back::work\"\n"),
        ],
    )
}

#[test]
fn a_woven_crate_comes_out_of_the_cache_woven() {
    let project = project();
    let Some(sccache) = Sccache::start(&project) else {
        return;
    };
    let woven = ("7\n".to_owned(), "trace\n  work\n".to_owned());
    sccache.build_anew();
    assert_eq!((sccache.hits(), sccache.outcome()), (0, woven.clone()));
    sccache.build_anew();
    assert_eq!((sccache.hits(), sccache.outcome()), (1, woven));
}

#[test]
fn a_changed_rule_or_source_does_not_come_out_of_the_cache() {
    let project = project();
    let Some(sccache) = Sccache::start(&project) else {
        return;
    };
    sccache.build_anew();
    let renamed = "[[span]]\nfunction = \"back::work\"\nname = \"renamed\"\n";
    project.write("selvedge.toml", renamed);
    sccache.build_anew();
    assert_eq!(sccache.outcome().1, "trace\n  renamed\n");
    project.write("back/src/lib.rs", "pub fn work() -> u8 { 8 }\n");
    sccache.build_anew();
    assert_eq!((sccache.hits(), sccache.outcome().0), (0, "8\n".to_owned()));
}
