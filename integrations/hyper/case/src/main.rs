//! A server and a client in one process, over HTTP/1 and over HTTP/2: one request that spawns work,
//! one that fails. The connections are in memory, so nothing here depends on a port.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{duplex, DuplexStream};

const BUFFER_BYTES: usize = 64 << 10;

async fn charge() {}

async fn handle(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"done")));
    if request.uri().path() == "/orders" {
        tokio::spawn(charge()).await.unwrap();
    } else {
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
    Ok(response)
}

fn request(uri: &str) -> Request<Full<Bytes>> {
    Request::builder()
        .uri(uri)
        .header("host", "shop.example")
        .header("user-agent", "case/1")
        .body(Full::new(Bytes::new()))
        .unwrap()
}

async fn http1(client: DuplexStream, server: DuplexStream) {
    let serve = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(server), service_fn(handle));
    let serve = tokio::spawn(serve);
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(client)).await.unwrap();
    let connection = tokio::spawn(connection);
    for uri in ["/orders?id=1", "/missing"] {
        let response = sender.send_request(request(uri)).await.unwrap();
        response.into_body().collect().await.unwrap();
        sender.ready().await.unwrap();
    }
    drop(sender);
    connection.await.unwrap().unwrap();
    serve.await.unwrap().unwrap();
}

async fn http2(client: DuplexStream, server: DuplexStream) {
    let serve = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(server), service_fn(handle));
    let serve = tokio::spawn(serve);
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(client)).await.unwrap();
    let connection = tokio::spawn(connection);
    for uri in ["http://shop.example/orders?id=1", "http://shop.example/missing"] {
        let response = sender.send_request(request(uri)).await.unwrap();
        response.into_body().collect().await.unwrap();
    }
    drop(sender);
    connection.await.unwrap().unwrap();
    serve.await.unwrap().unwrap();
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (client, server) = duplex(BUFFER_BYTES);
        http1(client, server).await;
        let (client, server) = duplex(BUFFER_BYTES);
        http2(client, server).await;
    });
}
