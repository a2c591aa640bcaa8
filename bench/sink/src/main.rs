//! Prints the endpoint, then for each line on standard input what has arrived since the last.

use std::io::{self, BufRead, Write};

use sink::Sink;

fn main() -> io::Result<()> {
    let sink = Sink::start()?;
    let mut output = io::stdout().lock();
    writeln!(output, "{}", sink.endpoint())?;
    output.flush()?;
    for line in io::stdin().lock().lines() {
        line?;
        let counts = sink.take();
        let (requests, bytes) = (counts.requests, counts.bytes);
        let (spans, metrics, logs) = (counts.spans, counts.metrics, counts.logs);
        writeln!(output, "{requests} {bytes} {spans} {metrics} {logs}")?;
        output.flush()?;
    }
    Ok(())
}
