//! A service with nested routes whose handler logs JSON lines in a span of its own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use axum::Router;
use axum::extract::Path;
use axum::routing::get;

#[tokio::main]
async fn main() {
    tracing_subscriber::fmt().json().without_time().init();
    let shop = Router::new().route("/items/{id}", get(item));
    let service = Router::new()
        .nest("/shop/{country}", shop)
        .fallback(async || "nothing here");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move { axum::serve(listener, service).await });
    for path in [
        "/shop/se/items/7?token=secret",
        "/shop/se/items/x",
        "/elsewhere",
    ] {
        let answer = tokio::task::spawn_blocking(move || request(address, path)).await;
        println!("{path}: {}", answer.expect("it does not panic"));
    }
}

async fn item(Path((country, id)): Path<(String, u32)>) -> String {
    format!("{} cents", price(&country, id))
}

#[tracing::instrument]
fn price(country: &str, id: u32) -> u32 {
    tracing::info!(id, "looked up");
    id * 100
}

/// The status line and the last line of the answer, without a client that makes spans.
fn request(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the service listens");
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    )
    .expect("the service reads");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .expect("the service answers in UTF-8");
    let mut lines = answer.lines();
    format!(
        "{} / {}",
        lines.next().unwrap_or(""),
        lines.last().unwrap_or("")
    )
}
