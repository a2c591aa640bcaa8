//! Functions that return streams and futures, as they are used: real streams, dropped halfway,
//! failing, panicking, polled side by side.

use std::path::Path;
use std::process::Command;

use crate::project::Project;

const MANIFEST: &str = r#"
[package]
name = "flow"
version = "0.1.0"
edition = "2024"
[dependencies]
async-stream = "0.3"
futures = { version = "0.3", default-features = false, features = ["alloc"] }
tokio = { version = "1", features = ["rt"] }
tokio-stream = { version = "0.1", default-features = false }
[workspace]
"#;

const RULES: &str = r#"
[integrations]
enable_only = []
[[span]]
function = "flow::rows"
attributes = { "rows.count" = "count" }
[[span]]
function = "flow::step"
attributes = { n = "n" }
[[span]]
function = "flow::failing"
error_attributes = { "error.at" = "error" }
[[span]]
function = "flow::panics"
[[span]]
function = "flow::listed"
[[span]]
function = "flow::sent"
[[propagate]]
function = "flow::sent"
inject = "headers"
[[span]]
function = "flow::called"
[[propagate]]
function = "flow::called"
inject = "|name, value| headers.push((name.to_owned(), value.to_owned()))"
[[propagate]]
function = "flow::received"
extract = "headers"
[[propagate]]
function = "flow::consumed"
extract = "headers"
"#;

const MAIN: &str = r#"#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, Stream, StreamExt, TryStreamExt};

type Headers = Vec<(String, String)>;

fn rows(count: u32) -> impl Stream<Item = u32> + Send {
    async_stream::stream! {
        for n in 0..count {
            yield step(n).await;
        }
    }
}

async fn step(n: u32) -> u32 {
    tokio::task::yield_now().await;
    n
}

fn failing<'a>(of: &'a [u8]) -> Pin<Box<dyn Stream<Item = Result<u8, String>> + Send + 'a>> {
    Box::pin(stream::iter(of).map(|n| n.checked_mul(100).ok_or_else(|| format!("{n} is too much"))))
}

fn panics() -> impl tokio_stream::Stream<Item = u8> {
    stream::iter([1]).map(|n| if n > 0 { panic!("on purpose") } else { n })
}

fn listed(of: Vec<u32>) -> BoxStream<'static, u32> {
    stream::iter(of).then(step).boxed()
}

fn sent(headers: BTreeMap<String, String>) -> impl Stream<Item = (String, String)> {
    stream::iter(headers)
}

fn called(mut headers: Headers) -> BoxFuture<'static, Headers> {
    Box::pin(async move {
        step(40).await;
        headers.sort();
        headers
    })
}

fn received(headers: &Headers) -> impl Stream<Item = u32> + 'static + use<> {
    listed(headers.iter().map(|_| 50).collect())
}

fn consumed(headers: Headers) -> impl Future<Output = u32> {
    async move { step(headers.len() as u32).await }
}

fn is_send<T: Send>(of: T) -> T {
    of
}

async fn run() {
    println!("{:?}", is_send(rows(2)).collect::<Vec<u32>>().await);
    println!("{:?}", Box::pin(rows(9)).next().await);
    drop(rows(1));
    println!("{:?}", failing(&[1, 3]).try_collect::<Vec<u8>>().await);
    println!("{}", tokio::spawn(async { panics().count().await }).await.is_err());
    listed(vec![7, 8]).for_each_concurrent(2, |n| async move { step(n * 10).await; }).await;
    let headers: Headers = sent(BTreeMap::new()).collect().await;
    println!("{}", received(&headers).count().await);
    println!("{}", consumed(called(Headers::new()).await).await);
    println!("{:?} {:?}", panics().size_hint(), listed(vec![1]).size_hint());
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(run());
}
"#;

const PRINTED: &str =
    "[0, 1]\nSome(0)\nErr(\"3 is too much\")\ntrue\n1\n1\n(1, Some(1)) (1, Some(1))\n";

const TRACES: &str = "trace
  rows {rows.count=2}
    step {n=0}
    step {n=1}
trace
  rows CANCELLED {rows.count=9}
    step {n=0}
trace
  failing ERROR 3 is too much {error.at=3 is too much, error.type=alloc::string::String}
trace
  panics PANICKED ERROR on purpose {error.type=panic}
    * exception {exception.message=on purpose, exception.type=panic}
trace
  listed
    step {n=7}
    step {n=8}
trace
  step {n=70}
trace
  step {n=80}
trace
  sent
    received [consumer]
      listed
        step {n=50}
trace
  called
    step {n=40}
    consumed [consumer]
      step {n=1}
";

#[test]
fn streams_and_futures_are_in_their_spans_and_otherwise_what_they_were() {
    let project = Project::new(
        "flow",
        &[
            ("Cargo.toml", MANIFEST),
            ("selvedge.toml", RULES),
            ("src/main.rs", MAIN),
        ],
    );
    // What the project depends on stays built for the next run.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("streams");
    let build = format!("build --strict --target-dir {}", target.display());
    project.selvedge(&build).ok();
    assert_eq!(project.wrapper_log(), "");
    let mut program = Command::new(target.join("selvedge/debug/flow"));
    program
        .env("SELVEDGE_EXPORT", "console")
        .env("SELVEDGE_CONSOLE_TIMES", "off")
        .env("RUST_BACKTRACE", "0");
    let ran = project.run(&mut program).ok();
    assert_eq!(ran.stdout, PRINTED);
    // The rest is what the panic says.
    let is_trace = |line: &&str| *line == "trace" || line.starts_with("  ");
    let traces: Vec<&str> = ran.stderr.lines().filter(is_trace).collect();
    assert_eq!(traces.join("\n") + "\n", TRACES);
}
