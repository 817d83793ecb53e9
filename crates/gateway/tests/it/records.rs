//! Reads under `/v1`: positions, ledger, executions, status; and reads of a sequence.

use std::sync::atomic::Ordering;

use axum::http::Method;
use serde_json::{Value, json};

use crate::venue::Venue;

async fn trade(venue: &Venue, sides: [(&crate::venue::Client, &str); 2], price: &str, quantity: &str) {
    for (client, side) in sides {
        let order = format!("symbol=BTCUSDT&side={side}&type=LIMIT&timeInForce=GTC&quantity={quantity}&price={price}");
        venue.order(client, &order).await.ok();
    }
}

#[tokio::test]
async fn positions_have_their_profit() {
    let (venue, long, short) = Venue::trading().await;
    venue.admin("fees/symbol", r#"{"requestId":"f","symbol":"BTCUSDT","fees":{"maker":"0","taker":"0"}}"#).await.ok();
    trade(&venue, [(&short, "SELL"), (&long, "BUY")], "100", "2").await;
    trade(&venue, [(&long, "SELL"), (&short, "BUY")], "110", "0.5").await;
    let said = venue.signed(&long, Method::GET, "/v1/positions", "").await;
    assert_eq!(said.body["sequence"], said.sequence);
    assert_eq!(
        said.ok()["positions"],
        json!([{
            "symbol": "BTCUSDT", "quantity": "1.50000000", "cost": "150.000000", "realisedPnl": "5.000000",
            "entryPrice": "100.000000", "markPrice": "110.000000", "markValue": "165.000000",
            "unrealisedPnl": "15.000000", "side": "BUY"
        }])
    );
    let said = venue.signed(&short, Method::GET, "/v1/positions", "symbol=BTCUSDT").await.ok();
    let position = &said["positions"][0];
    assert_eq!((&position["quantity"], &position["side"]), (&json!("-1.50000000"), &json!("SELL")));
    assert_eq!((&position["unrealisedPnl"], &position["realisedPnl"]), (&json!("-15.000000"), &json!("-5.000000")));
}

#[tokio::test]
async fn the_ledger_adds_up_and_is_paged_by_command() {
    let (venue, client, other) = Venue::trading().await;
    for price in ["100", "101", "102"] {
        trade(&venue, [(&other, "SELL"), (&client, "BUY")], price, "1").await;
    }
    let all = venue.signed(&client, Method::GET, "/v1/ledger", "").await.ok();
    let rows = all["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2 + 3 * 3, "deposits, then base, quote and fee of each trade");
    let first = &rows[0];
    assert_eq!(
        (&first["type"], &first["change"], &first["asset"]),
        (&json!("DEPOSIT"), &json!("100.00000000"), &json!("BTC"))
    );
    assert_eq!((&rows[4]["type"], &rows[4]["change"]), (&json!("FEE"), &json!("-0.00100000")));
    assert_eq!(all["nextSequence"], json!(null));

    // In pages of two rows, though a trade has three.
    let mut paged: Vec<Value> = Vec::new();
    let mut from = json!(1);
    while !from.is_null() {
        let page = venue.signed(&client, Method::GET, "/v1/ledger", &format!("fromSequence={from}&limit=2")).await.ok();
        paged.extend(page["rows"].as_array().unwrap().iter().cloned());
        from = page["nextSequence"].clone();
    }
    assert_eq!(&paged, rows);
}

#[tokio::test]
async fn executions_are_numbered_without_gaps() {
    let (venue, client, other) = Venue::trading().await;
    trade(&venue, [(&other, "SELL"), (&client, "BUY")], "100", "1").await;
    venue.order(&client, "symbol=BTCUSDT&side=BUY&type=MARKET&quoteOrderQty=50").await;
    let said = venue.signed(&client, Method::GET, "/v1/executions", "from=3").await.ok();
    let rows = said["executions"].as_array().unwrap();
    let events: Vec<(u64, &str)> =
        rows.iter().map(|row| (row["number"].as_u64().unwrap(), row["event"].as_str().unwrap())).collect();
    assert_eq!(events[..2], [(3, "ORDER_PLACED"), (4, "ORDER_FILLED")]);
    assert_eq!(
        (&rows[1]["price"], &rows[1]["commission"], &rows[1]["filled"]),
        (&json!("100.000000"), &json!("0.00100000"), &json!(true))
    );
    assert_eq!(said["next"], 3 + rows.len());
    let said = venue.signed(&client, Method::GET, "/v1/executions", "limit=2").await.ok();
    assert_eq!((&said["executions"][0]["event"], &said["next"]), (&json!("DEPOSITED"), &json!(3)));
    let said = venue.signed(&client, Method::GET, "/v1/executions", "from=1000").await.ok();
    assert_eq!((&said["executions"], &said["next"]), (&json!([]), &json!(1_000)));
    venue.inside.oldest_execution.store(3, Ordering::Relaxed);
    let said = venue.signed(&client, Method::GET, "/v1/executions", "from=2").await;
    assert_eq!(said.error(), (410, -5024, "Executions before number 3 are no longer kept."));
    assert_eq!(said.body["oldest"], "3", "{}", said.body);
}

#[tokio::test]
async fn status_names_every_follower() {
    let (venue, _, _) = Venue::trading().await;
    let said = venue.get("/v1/status").await.ok();
    assert_eq!(said["committed"], said["sequence"]);
    assert_eq!(said["followers"][0]["name"], "store");
    assert_eq!(said["followers"][0]["lag"], 3);
}

#[tokio::test]
async fn a_read_of_the_future_is_refused_at_once() {
    let (venue, client, _) = Venue::trading().await;
    let now = venue.inside.model.seq().0;
    for path in ["/api/v3/account", "/api/v3/openOrders", "/v1/positions", "/v1/ledger", "/v1/executions"] {
        venue.signed(&client, Method::GET, path, &format!("minSequence={now}")).await.ok();
        let said = venue.signed(&client, Method::GET, path, &format!("minSequence={}", now + 1)).await;
        assert_eq!((said.error().0, said.error().1), (409, -5010), "{path}");
    }
}
