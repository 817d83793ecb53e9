//! The life of an order, as its owner sees it.

use axum::http::Method;
use serde_json::{Value, json};

use crate::venue::{Said, Venue};

/// Everything but ids and times.
fn shown(mut body: Value) -> Value {
    for name in ["orderId", "transactTime", "workingTime", "time", "updateTime", "clientOrderId"] {
        if let Some(value) = body.get_mut(name) {
            assert!(value.is_u64() || value.is_string(), "{name}");
            body.as_object_mut().unwrap().remove(name);
        }
    }
    body
}

#[tokio::test]
async fn an_order_rests_and_is_found_everywhere_at_once() {
    let (venue, client, _) = Venue::trading().await;
    let order =
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.5000&price=100.00&newClientOrderId=first";
    let said = venue.order(&client, order).await;
    let sequence = said.sequence;
    let body = said.ok();
    assert_eq!(body["clientOrderId"], "first");
    let id = body["orderId"].clone();
    assert_eq!(
        shown(body),
        json!({
            "symbol": "BTCUSDT", "orderListId": -1, "price": "100.000000", "origQty": "0.50000000",
            "executedQty": "0.00000000", "origQuoteOrderQty": "0.000000", "cummulativeQuoteQty": "0.000000",
            "status": "NEW", "timeInForce": "GTC", "type": "LIMIT", "side": "BUY", "fills": [],
            "selfTradePreventionMode": "NONE"
        })
    );
    let query = format!("symbol=BTCUSDT&orderId={id}&minSequence={sequence}");
    let found = venue.signed(&client, Method::GET, "/api/v3/order", &query).await.ok();
    let by_name =
        venue.signed(&client, Method::GET, "/api/v3/order", "symbol=BTCUSDT&origClientOrderId=first").await.ok();
    let open = venue.signed(&client, Method::GET, "/api/v3/openOrders", "").await.ok();
    let all = venue.signed(&client, Method::GET, "/api/v3/allOrders", "symbol=BTCUSDT").await.ok();
    assert_eq!(by_name, found);
    assert_eq!(open, json!([found]));
    assert_eq!(all, json!([found]));
    assert_eq!(
        shown(found),
        json!({
            "symbol": "BTCUSDT", "orderListId": -1, "price": "100.000000", "origQty": "0.50000000",
            "executedQty": "0.00000000", "origQuoteOrderQty": "0.000000", "cummulativeQuoteQty": "0.000000",
            "status": "NEW", "timeInForce": "GTC", "type": "LIMIT", "side": "BUY", "stopPrice": "0.000000",
            "icebergQty": "0.00000000", "isWorking": true, "selfTradePreventionMode": "NONE"
        })
    );
    let account = venue.signed(&client, Method::GET, "/api/v3/account", "omitZeroBalances=true").await.ok();
    assert_eq!(
        account["balances"],
        json!([
            {"asset": "BTC", "free": "100.00000000", "locked": "0.00000000"},
            {"asset": "USDT", "free": "999950.000000", "locked": "50.000000"}
        ])
    );
    assert_eq!(account["commissionRates"]["maker"], "0.00100000");
    let depth = venue.get("/api/v3/depth?symbol=BTCUSDT").await;
    assert!(depth.sequence >= sequence);
    assert_eq!(depth.ok()["bids"], json!([["100.000000", "0.50000000"]]));

    let canceled = venue
        .signed(&client, Method::DELETE, "/api/v3/order", "symbol=BTCUSDT&origClientOrderId=first&newClientOrderId=bye")
        .await
        .ok();
    assert_eq!((&canceled["origClientOrderId"], &canceled["clientOrderId"]), (&json!("first"), &json!("bye")));
    assert_eq!((&canceled["orderId"], &canceled["status"]), (&id, &json!("CANCELED")));
    let found = venue.signed(&client, Method::GET, "/api/v3/order", &query).await.ok();
    assert_eq!(found["status"], "CANCELED");
    assert_eq!(venue.signed(&client, Method::GET, "/api/v3/openOrders", "symbol=BTCUSDT").await.ok(), json!([]));
    assert_eq!(venue.get("/api/v3/depth?symbol=BTCUSDT").await.ok()["bids"], json!([]));
}

#[tokio::test]
async fn a_market_order_reports_its_fills_and_both_sides_see_theirs() {
    let (venue, taker, maker) = Venue::trading().await;
    for (price, quantity) in [("100", "0.3"), ("101", "0.5")] {
        let order = format!("symbol=BTCUSDT&side=SELL&type=LIMIT_MAKER&quantity={quantity}&price={price}");
        let ack = venue.order(&maker, &order).await.ok();
        assert_eq!(ack.as_object().unwrap().len(), 5, "LIMIT_MAKER is acknowledged only: {ack}");
    }
    let body = venue.order(&taker, "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.4").await.ok();
    assert_eq!(body["fills"][0]["price"], "100.000000");
    assert_eq!(
        shown(body),
        json!({
            "symbol": "BTCUSDT", "orderListId": -1, "price": "0.000000", "origQty": "0.40000000",
            "executedQty": "0.40000000", "origQuoteOrderQty": "0.000000", "cummulativeQuoteQty": "40.100000",
            "status": "FILLED", "timeInForce": "GTC", "type": "MARKET", "side": "BUY",
            "fills": [
                {"price": "100.000000", "qty": "0.30000000", "commission": "0.00030000", "commissionAsset": "BTC", "tradeId": 1},
                {"price": "101.000000", "qty": "0.10000000", "commission": "0.00010000", "commissionAsset": "BTC", "tradeId": 2}
            ],
            "selfTradePreventionMode": "NONE"
        })
    );
    let mine = venue.signed(&taker, Method::GET, "/api/v3/myTrades", "symbol=BTCUSDT&fromId=2").await.ok();
    assert_eq!(mine.as_array().unwrap().len(), 1);
    assert_eq!(
        (&mine[0]["isBuyer"], &mine[0]["isMaker"], &mine[0]["quoteQty"]),
        (&json!(true), &json!(false), &json!("10.100000"))
    );
    let theirs = venue.signed(&maker, Method::GET, "/api/v3/myTrades", "symbol=BTCUSDT").await.ok();
    assert_eq!(theirs[0]["commissionAsset"], "USDT");
    assert_eq!((&theirs[0]["commission"], &theirs[0]["isMaker"]), (&json!("0.030000"), &json!(true)));
    let open = venue.signed(&maker, Method::GET, "/api/v3/openOrders", "symbol=BTCUSDT").await.ok();
    assert_eq!((&open[0]["status"], &open[0]["executedQty"]), (&json!("PARTIALLY_FILLED"), &json!("0.10000000")));

    // By quote: 20.20 buys 0.2 at 101.
    let body = venue
        .order(&taker, "symbol=BTCUSDT&side=BUY&type=MARKET&quoteOrderQty=20.20&newOrderRespType=RESULT")
        .await
        .ok();
    assert!(body.get("fills").is_none());
    assert_eq!(
        (&body["origQty"], &body["origQuoteOrderQty"], &body["status"]),
        (&json!("0.20000000"), &json!("20.200000"), &json!("FILLED"))
    );
    // More than there is: the rest expires.
    let body =
        venue.order(&taker, "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=IOC&price=101&quantity=1").await.ok();
    assert_eq!((&body["status"], &body["executedQty"]), (&json!("EXPIRED"), &json!("0.20000000")));
    assert_eq!(body["expiryReason"], "UNFILLED_IOC_QUANTITY_EXPIRED");
    let body =
        venue.order(&taker, "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=FOK&price=101&quantity=1").await.ok();
    assert_eq!((&body["status"], &body["expiryReason"]), (&json!("EXPIRED"), &json!("UNFILLED_FOK_ORDER_EXPIRED")));
}

#[tokio::test]
async fn pages_of_own_trades_have_both_sides_of_each() {
    let (venue, client, other) = Venue::trading().await;
    // The second and the third trade are the client's on both sides.
    for (seller, buyer) in [(&other, &client), (&client, &client), (&client, &client), (&client, &other)] {
        for (side, user) in [("SELL", seller), ("BUY", buyer)] {
            let order = format!("symbol=BTCUSDT&side={side}&type=LIMIT&timeInForce=GTC&quantity=1&price=100");
            venue.order(user, &order).await.ok();
        }
    }
    let ids = async |params: &str| -> Vec<u64> {
        let query = format!("symbol=BTCUSDT&{params}");
        let rows = venue.signed(&client, Method::GET, "/api/v3/myTrades", &query).await.ok();
        rows.as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect()
    };
    for limit in 1..8 {
        let (mut rows, mut first) = (Vec::new(), 1);
        loop {
            let page = ids(&format!("fromId={first}&limit={limit}")).await;
            let Some(last) = page.last() else { break };
            assert!(page.len() <= limit + 1, "{page:?}");
            assert!(page.len() >= limit || *last == 4, "a short page is the last: {page:?}");
            first = last + 1;
            rows.extend(page);
        }
        assert_eq!(rows, [1, 2, 2, 3, 3, 4], "in pages of {limit}");
    }
    for (params, expected) in [
        ("limit=1", &[4][..]),
        ("limit=2", &[3, 3, 4]),
        ("limit=3", &[3, 3, 4]),
        ("limit=4", &[2, 2, 3, 3, 4]),
        ("startTime=1&limit=2", &[1, 2, 2]),
        ("fromId=2&limit=1", &[2, 2]),
        ("fromId=2&limit=3", &[2, 2, 3, 3]),
    ] {
        assert_eq!(ids(params).await, expected, "{params}");
    }
}

#[tokio::test]
async fn asking_again_gives_the_first_answer() {
    let (venue, client, other) = Venue::trading().await;
    venue.order(&other, "symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTC&quantity=0.2&price=100").await.ok();
    let orders = [
        // Partly filled, then resting.
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.5&price=100&newClientOrderId=a",
        "symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=IOC&quantity=0.5&price=120&newClientOrderId=b",
    ];
    for order in orders {
        let first = venue.order(&client, order).await.ok();
        let again = venue.order(&client, order).await.ok();
        assert_eq!(again, first, "{order}");
        // What happened since does not change the first answer.
        venue.order(&other, "symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=IOC&quantity=0.1&price=100").await.ok();
        assert_eq!(venue.order(&client, order).await.ok(), first, "{order}");
        venue.signed(&client, Method::DELETE, "/api/v3/openOrders", "symbol=BTCUSDT").await;
        let other_content = order.replace("0.5", "0.6");
        assert_eq!(venue.order(&client, order).await.ok(), first, "{order}");
        venue.order(&client, &other_content).await.ok();
    }
}

#[tokio::test]
async fn an_order_without_a_name_gets_one() {
    let (venue, client, _) = Venue::trading().await;
    let order = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=100";
    let name = |said: Said| said.ok()["clientOrderId"].as_str().unwrap().to_owned();
    let (first, second) = (name(venue.order(&client, order).await), name(venue.order(&client, order).await));
    assert_ne!(first, second);
    assert_eq!(first.len(), 22);
}

#[tokio::test]
async fn a_test_order_changes_nothing() {
    let (venue, client, _) = Venue::trading().await;
    let order = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=100";
    let before = venue.inside.model.seq();
    assert_eq!(venue.signed(&client, Method::POST, "/api/v3/order/test", order).await.ok(), json!({}));
    let rates = venue
        .signed(&client, Method::POST, "/api/v3/order/test", &format!("{order}&computeCommissionRates=true"))
        .await
        .ok();
    assert_eq!(rates["standardCommissionForOrder"]["taker"], "0.00100000");
    assert_eq!(venue.inside.model.seq(), before);
}

#[tokio::test]
async fn orders_are_listed_by_id_and_time() {
    let (venue, client, _) = Venue::trading().await;
    let order = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=100";
    let mut ids = Vec::new();
    let mut times = Vec::new();
    for _ in 0..5 {
        let body = venue.order(&client, order).await.ok();
        ids.push(body["orderId"].as_u64().unwrap());
        times.push(body["transactTime"].as_u64().unwrap());
    }
    venue.signed(&client, Method::DELETE, "/api/v3/order", &format!("symbol=BTCUSDT&orderId={}", ids[1])).await.ok();
    let cases = [
        (String::new(), ids.clone()),
        ("&limit=2".to_owned(), ids[3..].to_vec()),
        (format!("&orderId={}&limit=2", ids[1]), ids[1..3].to_vec()),
        (format!("&startTime={}&limit=1", times[0]), ids[..1].to_vec()),
        (format!("&startTime={}", times[4] + 1), vec![]),
        (format!("&endTime={}", times[4]), ids.clone()),
        (format!("&endTime={}", times[0] - 1), vec![]),
    ];
    for (params, expected) in cases {
        let list =
            venue.signed(&client, Method::GET, "/api/v3/allOrders", &format!("symbol=BTCUSDT{params}")).await.ok();
        let listed: Vec<u64> =
            list.as_array().unwrap().iter().map(|order| order["orderId"].as_u64().unwrap()).collect();
        assert_eq!(listed, expected, "{params}");
    }
}
