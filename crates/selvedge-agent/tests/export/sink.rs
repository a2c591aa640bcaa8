//! An OTLP endpoint that behaves as it is told.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What is done with one request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// 200 with an empty body.
    Ok,
    /// 200 with this body, chunked.
    Body(Vec<u8>),
    /// A status with further header lines, each with its line end.
    Status(u16, &'static str),
    /// These bytes, then the connection is closed.
    Raw(&'static [u8]),
    /// Nothing; the connection stays open.
    Hang,
    /// The head of a response and no more; the connection stays open.
    HalfThenHang,
    /// 200, and the connection is closed without a word about it.
    OkThenClose,
}

/// What arrived.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Number of the connection, from 0.
    pub(crate) connection: usize,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(&found.1)
    }
}

pub(crate) struct Sink {
    pub(crate) address: SocketAddr,
    requests: Receiver<Request>,
}

impl Sink {
    /// Replies in this order, then always with 200.
    pub(crate) fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = mpsc::channel();
        let replies = Arc::new(Mutex::new(replies.into_iter().collect()));
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let (sender, replies) = (sender.clone(), Arc::clone(&replies));
                std::thread::spawn(move || {
                    let _ = serve(stream.unwrap(), number, &sender, &replies);
                });
            }
        });
        Self { address, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next request; fails the test when none comes.
    pub(crate) fn next(&self) -> Request {
        self.requests
            .recv_timeout(Duration::from_secs(20))
            .expect("a request in time")
    }

    /// The requests that have arrived.
    pub(crate) fn arrived(&self) -> Vec<Request> {
        self.requests.try_iter().collect()
    }
}

fn serve(
    stream: TcpStream,
    connection: usize,
    sender: &Sender<Request>,
    replies: &Mutex<VecDeque<Reply>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    while let Some(request) = read(&mut reader, connection)? {
        let reply = replies.lock().unwrap().pop_front().unwrap_or(Reply::Ok);
        let _ = sender.send(request);
        match reply {
            Reply::Ok => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?,
            Reply::OkThenClose => {
                return stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            }
            Reply::Body(body) => {
                let head = format!(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n",
                    body.len()
                );
                stream.write_all(head.as_bytes())?;
                stream.write_all(&body)?;
                stream.write_all(b"\r\n0\r\n\r\n")?;
            }
            Reply::Status(status, headers) => {
                let head = format!("HTTP/1.1 {status} x\r\nContent-Length: 2\r\n{headers}\r\nno");
                stream.write_all(head.as_bytes())?;
            }
            Reply::Raw(bytes) => return stream.write_all(bytes),
            Reply::Hang => wait_for_the_end(&mut reader),
            Reply::HalfThenHang => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n")?;
                wait_for_the_end(&mut reader);
            }
        }
    }
    Ok(())
}

/// Waits until the client gives up.
fn wait_for_the_end(reader: &mut impl Read) {
    let _ = reader.read(&mut [0]);
}

fn read(reader: &mut impl BufRead, connection: usize) -> std::io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.push((name.to_owned(), value.to_owned()));
    }
    let mut request = Request {
        path,
        headers,
        body: Vec::new(),
        connection,
    };
    let length = request
        .header("Content-Length")
        .map_or(0, |length| length.parse().unwrap());
    request.body = vec![0; length];
    reader.read_exact(&mut request.body)?;
    Ok(Some(request))
}
