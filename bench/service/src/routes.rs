//! HTTP routes.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;

use crate::store::{Account, Store, Transfer};

#[derive(Serialize)]
struct Statement {
    account: Account,
    transfers: Vec<Transfer>,
}

/// All routes of the service.
pub(crate) fn router(store: Store) -> Router {
    Router::new()
        .route("/health", get(|| async { "ok" }))
        .route("/accounts/{id}/statement", get(statement))
        .route("/transfers", post(transfer))
        .with_state(store)
}

async fn statement(
    State(store): State<Store>,
    Path(id): Path<i64>,
) -> Result<Json<Statement>, StatusCode> {
    let account = store.account(id).await.map_err(internal)?;
    let account = account.ok_or(StatusCode::NOT_FOUND)?;
    let transfers = store.transfers(id).await.map_err(internal)?;
    Ok(Json(Statement { account, transfers }))
}

async fn transfer(
    State(store): State<Store>,
    Json(transfer): Json<Transfer>,
) -> Result<StatusCode, StatusCode> {
    store.transfer(&transfer).await.map_err(internal)?;
    Ok(StatusCode::CREATED)
}

fn internal(error: sqlx::Error) -> StatusCode {
    eprintln!("database: {error}");
    StatusCode::INTERNAL_SERVER_ERROR
}
