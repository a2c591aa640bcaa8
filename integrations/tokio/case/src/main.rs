//! Every way to leave a task: each step must come out below the order that asked for it.

use tokio::runtime::{Builder, Handle};
use tokio::task::{self, JoinSet, LocalSet};

fn step(name: &str) {
    std::hint::black_box(name);
}

async fn order() {
    task::spawn(async { step("spawn") }).await.unwrap();
    Handle::current().spawn(async { step("Handle::spawn") }).await.unwrap();
    task::spawn_blocking(|| step("spawn_blocking")).await.unwrap();
    task::spawn(async {
        task::yield_now().await;
        task::spawn_blocking(|| step("spawn_blocking below spawn")).await.unwrap();
    })
    .await
    .unwrap();

    let mut tasks = JoinSet::new();
    tasks.spawn(async { step("JoinSet::spawn") });
    while tasks.join_next().await.is_some() {}

    LocalSet::new()
        .run_until(async { task::spawn_local(async { step("spawn_local") }).await.unwrap() })
        .await;
}

fn main() {
    let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(order());

    // Spawned outside of any order, so a trace of its own.
    runtime.block_on(runtime.spawn(async { step("outside") })).unwrap();

    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(order());
}
