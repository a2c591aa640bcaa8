//! The program's own spans, sync and async, with fields, kinds, errors and parents; and a record
//! of `log` that goes the long way round.

use tracing::{Instrument, Span, field, info, info_span, instrument};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    tracing_subscriber::fmt()
        .without_time()
        .with_ansi(false)
        .init();
    let order = info_span!(
        "order",
        id = 7,
        total = field::Empty,
        otel.kind = "consumer"
    );
    let paid = tokio::spawn(pay(12.5).instrument(order.clone()))
        .await
        .expect("it does not panic");
    order.record("total", 12.5);
    info!(parent: &order, paid = paid.is_ok(), "ordered");
    let mail = info_span!(parent: None, "mail", otel.name = "send mail");
    mail.follows_from(&order);
    mail.in_scope(|| log::warn!("no address for order {}", 7));
    close_while_entered();
    info!("outside");
}

/// Drops the last handle of a span before it is left.
fn close_while_entered() {
    let span = info_span!("closed");
    let entered = span.with_subscriber(|(id, dispatch)| (id.clone(), dispatch.clone()));
    let (id, dispatch) = entered.expect("there is a subscriber");
    dispatch.enter(&id);
    drop(span);
    dispatch.exit(&id);
}

#[instrument(err, skip_all, fields(amount))]
async fn pay(amount: f64) -> Result<(), String> {
    Span::current().record("amount", amount);
    tokio::task::yield_now().await;
    Err("card declined".to_owned())
}
