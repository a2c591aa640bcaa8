//! The pooling client against a server in the same process: two requests and one
//! that no server answers. The connections are in memory, so nothing here depends on a port.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{duplex, DuplexStream};

const BUFFER_BYTES: usize = 64 << 10;

async fn handle(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"done")));
    if request.uri().path() == "/missing" {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    Ok(response)
}

/// Connects to a server of its own in memory; the host `down.example` refuses.
#[derive(Clone)]
struct Connector;

impl tower_service::Service<Uri> for Connector {
    type Response = InMemory;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<InMemory>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(async move {
            if uri.host() == Some("down.example") {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let (client, server) = duplex(BUFFER_BYTES);
            let serve = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(server), service_fn(handle));
            tokio::spawn(serve);
            Ok(InMemory(TokioIo::new(client)))
        })
    }
}

struct InMemory(TokioIo<DuplexStream>);

impl Connection for InMemory {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for InMemory {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl Write for InMemory {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

async fn checkout() {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(Connector);
    for uri in ["http://user:secret@shop.example/orders?id=1", "http://shop.example:8080/missing"] {
        let response = client.get(uri.parse().unwrap()).await.unwrap();
        response.into_body().collect().await.unwrap();
    }
    client.get(Uri::from_static("http://down.example/")).await.unwrap_err();
}

fn main() {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(checkout());
}
