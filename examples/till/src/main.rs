//! A till that charges double and refuses what is dear.

use std::fmt;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;

struct Refused(u32);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused {}", self.0)
    }
}

async fn charge(amount: u32) -> Result<u32, Refused> {
    log::info!("charging {amount}");
    if amount > 100 {
        return Err(Refused(amount));
    }
    Ok(amount * 2)
}

async fn pay(Path(amount): Path<u32>) -> String {
    match charge(amount).await {
        Ok(charged) => format!("charged {charged}\n"),
        Err(refused) => format!("no: {refused}\n"),
    }
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    env_logger::Builder::new()
        .filter_level(log::LevelFilter::Info)
        .init();
    let app = Router::new().route("/pay/{amount}", get(pay));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:38080").await?;
    axum::serve(listener, app).await
}
