//! The service under test with its telemetry written by hand: the same routes and queries, a
//! span for each request and query, one request duration histogram, all exported by OTLP.

mod routes;
mod store;
mod telemetry;

use std::error::Error;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let telemetry = telemetry::start()?;
    let database = std::env::var("DATABASE").unwrap_or_else(|_| "accounts.sqlite".to_owned());
    let address = std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:0".to_owned());
    let store = store::Store::open(&database).await?;
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    let mut terminate = signal(SignalKind::terminate())?;
    axum::serve(listener, routes::router(store))
        .with_graceful_shutdown(async move {
            terminate.recv().await;
        })
        .await?;
    telemetry.stop();
    Ok(())
}
