//! What changes the venue is answered whatever the stores have, and however little memory keeps.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::http::Method;
use projector::conformance::absent::Absent;
use readmodel::limits::Limits;
use serde_json::{Value, json};

use crate::venue::{Client, Setup, Venue};

const LIMIT: &str = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC";

/// Nothing closed is kept, and no store answers.
async fn alone() -> (Venue, Client, Client) {
    let limits = Limits { closed_orders_max: 0, fills_max: 0, ledger_rows_max: 0, trades_max: 0 };
    let venue = Venue::with(Setup { limits, history: Arc::new(Absent::Away), ..Setup::default() });
    venue.with_market().await
}

/// Closes another order of the user, so that memory must let go of what closed before.
async fn another_closes(venue: &Venue, client: &Client) {
    venue.order(client, &format!("{LIMIT}&quantity=0.5&price=80&newClientOrderId=z")).await.ok();
    venue.signed(client, Method::DELETE, "/api/v3/order", "symbol=BTCUSDT&origClientOrderId=z").await.ok();
}

#[tokio::test]
async fn a_cancel_is_answered() {
    let (venue, client, other) = alone().await;
    let placed = venue.order(&client, &format!("{LIMIT}&quantity=0.5&price=100&newClientOrderId=a")).await.ok();
    venue.order(&other, "symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=IOC&quantity=0.2&price=100").await.ok();
    let path = "/api/v3/order";
    let said = venue.signed(&client, Method::DELETE, path, "symbol=BTCUSDT&origClientOrderId=a").await.ok();
    assert_eq!(
        (&said["orderId"], &said["status"], &said["executedQty"], &said["cummulativeQuoteQty"]),
        (&placed["orderId"], &json!("CANCELED"), &json!("0.20000000"), &json!("20.000000"))
    );
    another_closes(&venue, &client).await;
    let query = format!("symbol=BTCUSDT&orderId={}", placed["orderId"]);
    assert_eq!(venue.signed(&client, Method::GET, path, &query).await.error().1, -5021, "nobody has it any more");
}

#[tokio::test]
async fn a_cancel_of_all_is_answered() {
    let (venue, client, _) = alone().await;
    for price in 100..103 {
        venue.order(&client, &format!("{LIMIT}&quantity=0.5&price={price}")).await.ok();
    }
    let said = venue.signed(&client, Method::DELETE, "/api/v3/openOrders", "symbol=BTCUSDT").await.ok();
    let prices: Vec<&Value> = said.as_array().unwrap().iter().map(|order| &order["price"]).collect();
    assert_eq!(prices, [&json!("100.000000"), &json!("101.000000"), &json!("102.000000")]);
}

#[tokio::test]
async fn a_replacement_and_an_amendment_are_answered() {
    let (venue, client, _) = alone().await;
    venue.order(&client, &format!("{LIMIT}&quantity=0.5&price=100&newClientOrderId=a")).await.ok();
    let query = format!(
        "{LIMIT}&quantity=0.7&price=101&newClientOrderId=b&cancelReplaceMode=STOP_ON_FAILURE&cancelOrigClientOrderId=a"
    );
    let said = venue.signed(&client, Method::POST, "/api/v3/order/cancelReplace", &query).await.ok();
    assert_eq!(said["cancelResponse"]["origQty"], "0.50000000");
    assert_eq!(said["newOrderResponse"]["origQty"], "0.70000000");
    let query = "symbol=BTCUSDT&origClientOrderId=b&newQty=0.3";
    let said = venue.signed(&client, Method::PUT, "/api/v3/order/amend/keepPriority", query).await.ok();
    assert_eq!((&said["amendedOrder"]["qty"], &said["amendedOrder"]["status"]), (&json!("0.30000000"), &json!("NEW")));
}

/// An order that trades at once, rests, and is then gone from memory.
async fn taken_and_gone(venue: &Venue, client: &Client, other: &Client) -> (String, Value) {
    venue.order(other, "symbol=BTCUSDT&side=SELL&type=LIMIT_MAKER&quantity=0.2&price=99").await.ok();
    let order = format!("{LIMIT}&quantity=0.5&price=100&newClientOrderId=a");
    let first = venue.order(client, &order).await.ok();
    assert_eq!((&first["status"], &first["executedQty"]), (&json!("PARTIALLY_FILLED"), &json!("0.20000000")));
    venue.signed(client, Method::DELETE, "/api/v3/order", "symbol=BTCUSDT&origClientOrderId=a").await.ok();
    another_closes(venue, client).await;
    (order, first)
}

#[tokio::test]
async fn a_repeated_order_is_answered_with_its_fills_out_of_the_event_log() {
    let (venue, client, other) = alone().await;
    let (order, first) = taken_and_gone(&venue, &client, &other).await;
    assert_eq!(venue.order(&client, &order).await.ok(), first);
}

#[tokio::test]
async fn a_repeated_order_of_which_nothing_is_at_hand_is_acknowledged() {
    let (venue, client, other) = alone().await;
    let (order, first) = taken_and_gone(&venue, &client, &other).await;
    venue.inside.event_log_at_hand.store(false, Ordering::Relaxed);
    let said = venue.order(&client, &order).await.ok();
    assert_eq!((&said["orderId"], &said["clientOrderId"]), (&first["orderId"], &json!("a")));
    assert_eq!(said.get("status"), None, "what is not known is not said: {said}");
}

#[tokio::test]
async fn a_repeated_order_is_answered_out_of_memory_where_the_event_log_is_behind() {
    let (venue, client, other) = Venue::trading().await;
    venue.inside.event_log_at_hand.store(false, Ordering::Relaxed);
    let (order, first) = taken_and_gone(&venue, &client, &other).await;
    assert_eq!(venue.order(&client, &order).await.ok(), first);
}
