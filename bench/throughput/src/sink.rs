//! The OTLP sink as a process of its own: what it takes is not the service's, nor ours.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The sink's process; it ends with its standard input.
pub(crate) struct Sink {
    /// The value for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub(crate) endpoint: String,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    child: Child,
}

/// What arrived since it was last asked.
pub(crate) struct Arrived {
    pub(crate) spans: u64,
}

impl Sink {
    /// Starts the sink that was built next to this program.
    pub(crate) fn start() -> Result<Self, String> {
        let path = beside_this("sink")?;
        let mut child = Command::new(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("failed to start {}: {error}", path.display()))?;
        let questions = child.stdin.take().expect("standard input is piped");
        let answers = BufReader::new(child.stdout.take().expect("standard output is piped"));
        let mut sink = Self {
            endpoint: String::new(),
            questions,
            answers,
            child,
        };
        sink.endpoint = sink.line()?;
        Ok(sink)
    }

    /// What has arrived since the last call.
    pub(crate) fn take(&mut self) -> Result<Arrived, String> {
        self.questions
            .write_all(b"\n")
            .map_err(|error| format!("the sink is gone: {error}"))?;
        let line = self.line()?;
        let spans = line.split(' ').nth(2).and_then(|field| field.parse().ok());
        let spans = spans.ok_or_else(|| format!("the sink said {line:?}"))?;
        Ok(Arrived { spans })
    }

    fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        self.answers
            .read_line(&mut line)
            .map_err(|error| format!("the sink is gone: {error}"))?;
        Ok(line.trim().to_owned())
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // Both fail when it has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn beside_this(name: &str) -> Result<PathBuf, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    Ok(this.with_file_name(name))
}
