//! A blocking client that calls a service from a span, through a redirect.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, channel};

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use reqwest::blocking::Client;

fn main() {
    let (sender, receiver) = channel();
    let (running, stopped) = channel();
    let service = std::thread::spawn(move || {
        serve(|address| sender.send(address).expect("main waits"), stopped);
    });
    let address = receiver.recv().expect("the service starts");
    let client = Client::builder()
        .no_proxy()
        .resolve("shop.example", address)
        .build();
    println!("{}", order(&client.expect("a client")));
    // The service's last span ends after its answer has arrived.
    drop(running);
    service.join().expect("the service ends");
}

fn order(client: &Client) -> String {
    let answer = client
        .get("http://shop.example/old/7")
        .send()
        .expect("the service answers");
    answer.text().expect("the answer is text")
}

fn serve(started: impl FnOnce(SocketAddr), stopped: Receiver<()>) {
    let service = Router::new()
        .route("/old/{id}", get(async || Redirect::permanent("/new/7")))
        .route("/new/{id}", get(async || "shipped"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build();
    runtime.expect("a runtime").block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        started(listener.local_addr().expect("it is bound"));
        let stopped = async {
            let wait = tokio::task::spawn_blocking(move || stopped.recv());
            drop(wait.await);
        };
        axum::serve(listener, service)
            .with_graceful_shutdown(stopped)
            .await
            .expect("it serves until it is stopped");
    });
}
