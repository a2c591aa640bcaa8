//! Just enough of HTTP/1.1 to receive requests with a length or in chunks.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";

/// Answers a connection's requests until it is closed or malformed.
pub(crate) fn serve(stream: TcpStream, handle: impl Fn(&str, &[u8])) {
    let Ok(mut answers) = stream.try_clone() else {
        return;
    };
    let mut reader = BufReader::new(stream);
    let mut body = Vec::new();
    while let Ok(Some(path)) = read_request(&mut reader, &mut answers, &mut body) {
        handle(&path, &body);
        if answers.write_all(ANSWER).is_err() {
            return;
        }
    }
}

/// Reads one request: its path is returned, its body put into `body`.
fn read_request(
    reader: &mut impl BufRead,
    answers: &mut impl Write,
    body: &mut Vec<u8>,
) -> io::Result<Option<String>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut length, mut chunked) = (0, false);
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(':') else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().map_err(io::Error::other)?,
            "transfer-encoding" => chunked = value.trim().eq_ignore_ascii_case("chunked"),
            "expect" => answers.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?,
            _ => {}
        }
    }
    body.clear();
    if chunked {
        read_chunks(reader, body)?;
    } else {
        reader.take(length).read_to_end(body)?;
    }
    Ok(Some(path))
}

fn read_chunks(reader: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    let mut line = String::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let length = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
        reader.take(length).read_to_end(body)?;
        line.clear();
        reader.read_line(&mut line)?;
        if length == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(request: &str, path: &str, expected: &str) {
        let mut body = Vec::new();
        let found = read_request(&mut request.as_bytes(), &mut io::sink(), &mut body);
        assert_eq!(found.expect("well-formed").as_deref(), Some(path));
        assert_eq!(String::from_utf8_lossy(&body), expected);
    }

    #[test]
    fn a_body_has_a_length_or_comes_in_chunks() {
        check(
            "POST /v1/traces HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcd",
            "/v1/traces",
            "abc",
        );
        check(
            "POST /v1/logs HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
            "/v1/logs",
            "abc",
        );
    }
}
