//! One HTTP/1.1 POST at a time over a kept connection, with a deadline on every read and write.
//!
//! Not a general client: no redirects, no cookies, no proxies, no request bodies of unknown
//! length. What a server sends is bounded and never trusted.

use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::endpoint::{Endpoint, Url};
use super::transport::{Connector, Transport};
use crate::resource::VERSION;

/// Status line and headers of a response.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// Body of a response; only error messages and partial successes are in it.
const BODY_BYTES_MAX: usize = 64 << 10;

/// What a server answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Vec<u8>,
    /// True when the connection may carry another request.
    keep: bool,
}

/// One signal's connection.
#[derive(Default)]
pub(crate) struct Client {
    connector: Connector,
    connection: Option<Transport>,
}

impl Client {
    /// Posts a protobuf body.
    pub(crate) fn post(
        &mut self,
        endpoint: &Endpoint,
        body: &[u8],
        encoding: Option<&str>,
        deadline: Instant,
    ) -> io::Result<Response> {
        let url = endpoint.url.as_ref().ok_or(ErrorKind::Unsupported)?;
        let head = request_head(url, endpoint, body.len(), encoding);
        if let Some(connection) = self.connection.take() {
            match self.exchange(connection, &head, body, deadline) {
                // The server may close a kept connection at any time; that says nothing about
                // the server, so a new one is tried at once.
                Err(error) if is_closed(&error) => {}
                result => return result,
            }
        }
        let connection = self.connector.connect(url, endpoint, deadline)?;
        self.exchange(connection, &head, body, deadline)
    }

    fn exchange(
        &mut self,
        mut connection: Transport,
        head: &str,
        body: &[u8],
        deadline: Instant,
    ) -> io::Result<Response> {
        connection.set_deadline(deadline);
        connection.write_all(head.as_bytes())?;
        connection.write_all(body)?;
        connection.flush()?;
        let response = read_response(&mut connection)?;
        if response.keep {
            self.connection = Some(connection);
        }
        Ok(response)
    }
}

fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
    )
}

fn request_head(url: &Url, endpoint: &Endpoint, length: usize, encoding: Option<&str>) -> String {
    let mut head = format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: OTel-OTLP-Exporter-Selvedge/{VERSION}\r\n\
         Content-Type: application/x-protobuf\r\nContent-Length: {length}\r\n",
        url.path,
        url.authority(),
    );
    let encoding = encoding.map(|encoding| ("Content-Encoding", encoding));
    let given = endpoint
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in encoding.into_iter().chain(given) {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.push_str("\r\n");
    head
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

/// Reads one final response; interim ones (1xx) are skipped.
fn read_response(stream: &mut impl Read) -> io::Result<Response> {
    let mut source = Source {
        stream,
        buffer: Vec::new(),
        start: 0,
        taken: 0,
    };
    loop {
        let head = Head::read(&mut source)?;
        if (100..200).contains(&head.status) {
            continue;
        }
        let (body, complete) = head.read_body(&mut source)?;
        return Ok(Response {
            status: head.status,
            retry_after: head.retry_after,
            body,
            // Bytes past the end would be taken for the next response.
            keep: complete && head.keep && source.start == source.buffer.len(),
        });
    }
}

struct Head {
    status: u16,
    keep: bool,
    chunked: bool,
    length: Option<usize>,
    retry_after: Option<Duration>,
}

impl Head {
    fn read<R: Read>(source: &mut Source<'_, R>) -> io::Result<Self> {
        source.taken = 0;
        let line = source.line()?;
        let version = line.split(' ').next().unwrap_or_default();
        let status = line
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let (Some(status @ 100..=599), true) = (status, version.starts_with("HTTP/1.")) else {
            return Err(malformed("not an HTTP/1 response"));
        };
        let keep = version == "HTTP/1.1";
        let mut head = Self {
            status,
            keep,
            chunked: false,
            length: None,
            retry_after: None,
        };
        loop {
            let line = source.line()?;
            if line.is_empty() {
                return Ok(head);
            }
            let (name, value) = line.split_once(':').ok_or_else(|| malformed("header"))?;
            head.header(name, value.trim())?;
        }
    }

    fn header(&mut self, name: &str, value: &str) -> io::Result<()> {
        if name.eq_ignore_ascii_case("content-length") {
            self.length = Some(value.parse().map_err(|_| malformed("content-length"))?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            self.chunked = value.to_ascii_lowercase().ends_with("chunked");
        } else if name.eq_ignore_ascii_case("connection") {
            self.keep &= !value.eq_ignore_ascii_case("close");
        } else if name.eq_ignore_ascii_case("retry-after") {
            self.retry_after = parse_retry_after(value, SystemTime::now());
        }
        Ok(())
    }

    /// The body as far as it is kept, and whether that is all of it.
    fn read_body<R: Read>(&self, source: &mut Source<'_, R>) -> io::Result<(Vec<u8>, bool)> {
        if matches!(self.status, 204 | 304) {
            return Ok((Vec::new(), true));
        }
        if self.chunked {
            return read_chunks(source);
        }
        let mut body = Vec::new();
        if let Some(length) = self.length {
            source.block(length.min(BODY_BYTES_MAX), &mut body)?;
            return Ok((body, length <= BODY_BYTES_MAX));
        }
        while body.len() < BODY_BYTES_MAX && source.some(&mut body)? {}
        body.truncate(BODY_BYTES_MAX);
        Ok((body, false))
    }
}

fn read_chunks<R: Read>(source: &mut Source<'_, R>) -> io::Result<(Vec<u8>, bool)> {
    let mut body = Vec::new();
    loop {
        source.taken = 0;
        let line = source.line()?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(digits, 16).map_err(|_| malformed("chunk size"))?;
        if size == 0 {
            while !source.line()?.is_empty() {}
            return Ok((body, true));
        }
        if size > BODY_BYTES_MAX - body.len() {
            return Ok((body, false));
        }
        source.block(size, &mut body)?;
        if !source.line()?.is_empty() {
            return Err(malformed("chunk end"));
        }
    }
}

/// Buffers what the stream gives.
struct Source<'a, R> {
    stream: &'a mut R,
    buffer: Vec<u8>,
    /// Where the unread part of the buffer begins.
    start: usize,
    /// Bytes of lines read since the head or chunk began.
    taken: usize,
}

impl<R: Read> Source<'_, R> {
    /// Reads on; an error at the end of the stream.
    fn fill(&mut self) -> io::Result<()> {
        if self.fill_some()? {
            Ok(())
        } else {
            Err(ErrorKind::UnexpectedEof.into())
        }
    }

    fn fill_some(&mut self) -> io::Result<bool> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let mut block = [0; 4096];
        loop {
            match self.stream.read(&mut block) {
                Ok(read) => {
                    self.buffer.extend_from_slice(&block[..read]);
                    return Ok(read > 0);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// One line without its end.
    fn line(&mut self) -> io::Result<String> {
        loop {
            let unread = &self.buffer[self.start..];
            if let Some(end) = unread.iter().position(|&byte| byte == b'\n') {
                let line = &unread[..end];
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                let line = String::from_utf8_lossy(line).into_owned();
                self.start += end + 1;
                self.taken += end + 1;
                return Ok(line);
            }
            if self.taken + unread.len() > HEAD_BYTES_MAX {
                return Err(malformed("head too long"));
            }
            self.fill()?;
        }
    }

    /// Exactly `length` bytes, which the caller has bounded.
    fn block(&mut self, length: usize, body: &mut Vec<u8>) -> io::Result<()> {
        while self.buffer.len() - self.start < length {
            self.fill()?;
        }
        body.extend_from_slice(&self.buffer[self.start..self.start + length]);
        self.start += length;
        Ok(())
    }

    /// What is there; false at the end of the stream.
    fn some(&mut self, body: &mut Vec<u8>) -> io::Result<bool> {
        if self.start == self.buffer.len() && !self.fill_some()? {
            return Ok(false);
        }
        body.extend_from_slice(&self.buffer[self.start..]);
        self.start = self.buffer.len();
        Ok(true)
    }
}

/// Seconds, or a date in the only format that HTTP lets servers send (RFC 9110, 5.6.7).
fn parse_retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = UNIX_EPOCH + Duration::from_secs(parse_date(value)?);
    Some(at.duration_since(now).unwrap_or_default())
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` in seconds since the Unix epoch.
fn parse_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (_, rest) = text.split_once(", ")?;
    let [day, month, year, time, "GMT"] = rest.split(' ').collect::<Vec<_>>()[..] else {
        return None;
    };
    let [hour, minute, second] = time.split(':').collect::<Vec<_>>()[..] else {
        return None;
    };
    let number = |text: &str| text.parse::<u16>().ok().map(u64::from);
    let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
    let (day, year) = (
        number(day)?,
        number(year).filter(|year| (1970..10_000).contains(year))?,
    );
    // Days from civil (Howard Hinnant): years begin in March, so that leap days come last.
    let shifted = if month > 2 { year } else { year - 1 };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day.checked_sub(1)?;
    let days = 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + day_of_year;
    let clock = number(hour)? * 3600 + number(minute)? * 60 + number(second)?;
    Some(days.checked_sub(719_468)? * 86_400 + clock)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> io::Result<Response> {
        read_response(&mut text.as_bytes())
    }

    #[test]
    fn a_response_of_any_framing_is_read() {
        for (text, keep) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", true),
            ("HTTP/1.0 200 OK\r\n\r\nabc", false),
            ("HTTP/1.1 200 OK\r\n\r\nabc", false),
            (
                "HTTP/1.1 200 OK\r\nconnection: Close\r\ncontent-length: 3\r\n\r\nabc",
                false,
            ),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
                true,
            ),
            (
                "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\na\r\n2\r\nbc\r\n0\r\na: b\r\n\r\n",
                true,
            ),
        ] {
            let response = read(text).expect("well-formed");
            assert_eq!(
                (response.status, &*response.body, response.keep),
                (200, &b"abc"[..], keep),
                "{text}"
            );
        }
    }

    #[test]
    fn a_response_with_something_behind_it_ends_the_connection() {
        let response = read("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab").expect("well-formed");
        assert_eq!((&*response.body, response.keep), (&b"a"[..], false));
    }

    #[test]
    fn a_broken_response_is_an_error() {
        for text in [
            "",
            "HTTP/2 200\r\n\r\n",
            "HTTP/1.1 abc\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
            &format!(
                "HTTP/1.1 200 OK\r\na: {}",
                "b".repeat(HEAD_BYTES_MAX + 4096)
            ),
        ] {
            assert!(read(text).is_err(), "{}", &text[..text.len().min(60)]);
        }
    }

    #[test]
    fn an_endless_body_is_cut_and_the_connection_given_up() {
        let head = "HTTP/1.1 400 Bad Request\r\n";
        for framing in ["Content-Length: 999999999\r\n", ""] {
            let text = format!("{head}{framing}\r\n{}", "x".repeat(2 * BODY_BYTES_MAX));
            let response = read(&text).expect("well-formed");
            assert_eq!(
                (response.body.len(), response.keep),
                (BODY_BYTES_MAX, false)
            );
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_770);
        let parse = |text| parse_retry_after(text, now).map(|pause| pause.as_secs());
        assert_eq!(parse("120"), Some(120));
        assert_eq!(parse("Sun, 06 Nov 1994 08:49:37 GMT"), Some(7));
        assert_eq!(parse("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        assert_eq!(parse("soon"), None);
        assert_eq!(parse_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(
            parse_date("Tue, 29 Feb 2028 00:00:00 GMT"),
            Some(1_835_395_200)
        );
    }

    proptest::proptest! {
        #[test]
        fn foreign_bytes_are_read_without_a_panic(bytes: Vec<u8>, prefix in 0..4usize) {
            let prefixes = ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\nRetry-After: "];
            let mut all = prefixes[prefix].as_bytes().to_vec();
            all.extend(bytes);
            let _ = read_response(&mut &*all);
        }

        #[test]
        fn foreign_dates_are_read_without_a_panic(text in "[A-Z][a-z]{2}, [0-9]{1,20} (Jan|Feb|Dec) [0-9]{1,20} [0-9:]{1,30} GMT") {
            let _ = parse_date(&text);
        }
    }
}
