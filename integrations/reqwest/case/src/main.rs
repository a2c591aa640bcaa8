//! A blocking client that calls a service from a span, through a redirect.

use std::net::SocketAddr;

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use reqwest::blocking::Client;

fn main() {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || serve(|address| sender.send(address).expect("main waits")));
    let address = receiver.recv().expect("the service starts");
    let client = Client::builder()
        .no_proxy()
        .resolve("shop.example", address)
        .build();
    println!("{}", order(&client.expect("a client")));
}

fn order(client: &Client) -> String {
    let answer = client
        .get("http://shop.example/old/7")
        .send()
        .expect("the service answers");
    answer.text().expect("the answer is text")
}

fn serve(started: impl FnOnce(SocketAddr)) {
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
        axum::serve(listener, service)
            .await
            .expect("it serves until the program ends");
    });
}
