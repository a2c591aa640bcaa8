//! Accounts and transfers in SQLite.

use serde::{Deserialize, Serialize};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use sqlx::{FromRow, SqlitePool};

/// Accounts that a new database begins with, numbered from 1.
const ACCOUNTS: i64 = 1_000;
/// Connections; each has a thread of its own in sqlx.
const CONNECTIONS_MAX: u32 = 4;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS accounts (id INTEGER PRIMARY KEY, owner TEXT NOT NULL, balance_minor INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS transfers (
    id INTEGER PRIMARY KEY, debit INTEGER NOT NULL, credit INTEGER NOT NULL, amount_minor INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS transfers_by_debit ON transfers (debit, id);
";

#[derive(FromRow, Serialize)]
pub(crate) struct Account {
    id: i64,
    owner: String,
    balance_minor: i64,
}

#[derive(Deserialize, FromRow, Serialize)]
pub(crate) struct Transfer {
    debit: i64,
    credit: i64,
    amount_minor: i64,
}

#[derive(Clone)]
pub(crate) struct Store {
    pool: SqlitePool,
}

impl Store {
    /// Opens the database, and fills it when it is new.
    pub(crate) async fn open(path: &str) -> Result<Self, sqlx::Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal);
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .connect_with(options)
            .await?;
        sqlx::raw_sql(SCHEMA).execute(&pool).await?;
        let store = Self { pool };
        store.fill().await?;
        Ok(store)
    }

    async fn fill(&self) -> Result<(), sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        for id in 1..=ACCOUNTS {
            sqlx::query("INSERT OR IGNORE INTO accounts VALUES (?, ?, 100000)")
                .bind(id)
                .bind(format!("owner {id}"))
                .execute(&mut *transaction)
                .await?;
            sqlx::query("INSERT OR IGNORE INTO transfers VALUES (?, ?, ?, 100)")
                .bind(id)
                .bind(id)
                .bind(id % ACCOUNTS + 1)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await
    }

    pub(crate) async fn account(&self, id: i64) -> Result<Option<Account>, sqlx::Error> {
        sqlx::query_as("SELECT id, owner, balance_minor FROM accounts WHERE id = ?")
            .bind(id)
            .fetch_optional(&self.pool)
            .await
    }

    pub(crate) async fn transfers(&self, debit: i64) -> Result<Vec<Transfer>, sqlx::Error> {
        sqlx::query_as(
            "SELECT debit, credit, amount_minor FROM transfers WHERE debit = ? ORDER BY id DESC LIMIT 10",
        )
        .bind(debit)
        .fetch_all(&self.pool)
        .await
    }

    pub(crate) async fn transfer(&self, transfer: &Transfer) -> Result<(), sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        for (id, change) in [
            (transfer.debit, -transfer.amount_minor),
            (transfer.credit, transfer.amount_minor),
        ] {
            sqlx::query("UPDATE accounts SET balance_minor = balance_minor + ? WHERE id = ?")
                .bind(change)
                .bind(id)
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query("INSERT INTO transfers (debit, credit, amount_minor) VALUES (?, ?, ?)")
            .bind(transfer.debit)
            .bind(transfer.credit)
            .bind(transfer.amount_minor)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await
    }
}
