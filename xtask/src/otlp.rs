//! Just enough of OTLP/HTTP protobuf to show what arrives: a sink that collects spans.
//!
//! Field numbers are those of opentelemetry-proto 1.x, `trace/v1/trace.proto`. It is not the
//! collector: no limits, no storage, loopback only.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A span as it arrived.
#[derive(Clone, Debug, Default)]
pub(crate) struct Span {
    pub(crate) service: String,
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    pub(crate) parent_span_id: String,
    pub(crate) name: String,
    pub(crate) kind: u64,
    pub(crate) duration_us: u64,
    pub(crate) start_unix_ns: u64,
    pub(crate) status_code: u64,
    pub(crate) attributes: BTreeMap<String, String>,
}

/// Receives OTLP on a loopback port for as long as the process lives.
pub(crate) struct Sink {
    pub(crate) endpoint: String,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Sink {
    /// Listens on a free port.
    pub(crate) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let spans = Arc::new(Mutex::new(Vec::new()));
        let collected = Arc::clone(&spans);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let collected = Arc::clone(&collected);
                std::thread::spawn(move || serve(stream, &collected));
            }
        });
        Ok(Self { endpoint, spans })
    }

    /// What has arrived so far.
    pub(crate) fn spans(&self) -> Vec<Span> {
        self.spans
            .lock()
            .expect("no thread panics with the lock")
            .clone()
    }
}

fn serve(stream: TcpStream, collected: &Mutex<Vec<Span>>) {
    let Ok(mut answer) = stream.try_clone() else {
        return;
    };
    let mut reader = BufReader::new(stream);
    while let Ok(Some((path, body))) = read_request(&mut reader) {
        if path == "/v1/traces" {
            let spans = decode_request(&body);
            collected
                .lock()
                .expect("no thread panics with the lock")
                .extend(spans);
        }
        let sent = answer.write_all(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n",
        );
        if sent.is_err() {
            return;
        }
    }
}

fn read_request(reader: &mut impl BufRead) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some((path, body)))
}

/// One field of a message.
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message, with their numbers; stops at the first malformed one.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut found = Vec::new();
    while let Some(tag) = varint(&mut bytes) {
        let field = match tag & 7 {
            0 => varint(&mut bytes).map(Field::Number),
            1 => fixed(&mut bytes, 8).map(Field::Number),
            5 => fixed(&mut bytes, 4).map(Field::Number),
            2 => varint(&mut bytes)
                .and_then(|length| take(&mut bytes, length))
                .map(Field::Bytes),
            _ => None,
        };
        match field {
            Some(field) => found.push((tag >> 3, field)),
            None => break,
        }
    }
    found
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn take<'a>(bytes: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    let length = usize::try_from(length).ok()?;
    let (head, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(head)
}

fn fixed(bytes: &mut &[u8], width: u64) -> Option<u64> {
    Some(
        take(bytes, width)?
            .iter()
            .rev()
            .fold(0, |value, byte| value << 8 | u64::from(*byte)),
    )
}

fn decode_request(body: &[u8]) -> Vec<Span> {
    let mut spans = Vec::new();
    for (_, resource_spans) in messages(body, 1) {
        let resource =
            messages(resource_spans, 1).flat_map(|(_, resource)| attributes(resource, 1));
        let service = resource
            .filter(|(key, _)| key == "service.name")
            .map(|(_, value)| value)
            .next();
        let scopes = messages(resource_spans, 2);
        for (_, span) in scopes.flat_map(|(_, scope)| messages(scope, 2)) {
            spans.push(decode_span(span, service.clone().unwrap_or_default()));
        }
    }
    spans
}

fn decode_span(bytes: &[u8], service: String) -> Span {
    let mut span = Span {
        service,
        ..Span::default()
    };
    let mut end = 0;
    for (number, field) in fields(bytes) {
        match (number, field) {
            (1, Field::Bytes(id)) => span.trace_id = hex(id),
            (2, Field::Bytes(id)) => span.span_id = hex(id),
            (4, Field::Bytes(id)) => span.parent_span_id = hex(id),
            (5, Field::Bytes(name)) => span.name = text(name),
            (6, Field::Number(kind)) => span.kind = kind,
            (7, Field::Number(time)) => span.start_unix_ns = time,
            (8, Field::Number(time)) => end = time,
            (15, Field::Bytes(status)) => {
                span.status_code = fields(status)
                    .into_iter()
                    .find_map(|field| {
                        if let (3, Field::Number(code)) = field {
                            Some(code)
                        } else {
                            None
                        }
                    })
                    .unwrap_or(0);
            }
            _ => {}
        }
    }
    span.attributes = attributes(bytes, 9).into_iter().collect();
    span.duration_us = end.saturating_sub(span.start_unix_ns) / 1000;
    span
}

/// The sub-messages with a field number.
fn messages(bytes: &[u8], wanted: u64) -> impl Iterator<Item = (u64, &[u8])> {
    fields(bytes)
        .into_iter()
        .filter_map(move |(number, field)| match field {
            Field::Bytes(message) if number == wanted => Some((number, message)),
            _ => None,
        })
}

fn attributes(bytes: &[u8], number: u64) -> Vec<(String, String)> {
    messages(bytes, number)
        .map(|(_, pair)| {
            let key = messages(pair, 1)
                .map(|(_, key)| text(key))
                .next()
                .unwrap_or_default();
            let value = messages(pair, 2)
                .flat_map(|(_, value)| fields(value))
                .map(|field| value_text(&field))
                .next();
            (key, value.unwrap_or_default())
        })
        .collect()
}

fn value_text(field: &(u64, Field<'_>)) -> String {
    match field {
        (1, Field::Bytes(value)) => text(value),
        (2, Field::Number(value)) => (*value != 0).to_string(),
        (4, Field::Number(value)) => f64::from_bits(*value).to_string(),
        (_, Field::Number(value)) => value.cast_signed().to_string(),
        (_, Field::Bytes(_)) => "…".to_owned(),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string");
        text
    })
}
