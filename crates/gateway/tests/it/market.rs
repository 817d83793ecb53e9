//! What everybody sees.

use std::sync::Arc;

use axum::http::Method;
use projector::candle::Candle;
use projector::conformance::absent::Absent;
use projector::history::{Halves, History, MinutesQuery, Page, ReadError, TradeHistory, TradesQuery};
use projector::rows::TradeRow;
use readmodel::model::ReadModel;
use serde_json::{Value, json};

use crate::venue::{Venue, wall_clock};

#[tokio::test]
async fn symbols_tell_their_rules() {
    let (venue, _, _) = Venue::trading().await;
    let info = venue.get("/api/v3/exchangeInfo?symbol=BTCUSDT").await.ok();
    let symbol = &info["symbols"][0];
    let filters: Vec<&Value> = symbol["filters"].as_array().unwrap().iter().collect();
    assert_eq!(
        json!(filters),
        json!([
            {"filterType": "PRICE_FILTER", "minPrice": "1.000000", "maxPrice": "1000000.000000", "tickSize": "0.010000"},
            {"filterType": "LOT_SIZE", "minQty": "0.00010000", "maxQty": "9000.00000000", "stepSize": "0.00010000"},
            {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00010000", "maxQty": "9000.00000000", "stepSize": "0.00010000"},
            {"filterType": "NOTIONAL", "minNotional": "5.000000", "applyMinToMarket": false,
             "maxNotional": "9000000.000000", "applyMaxToMarket": false, "avgPriceMins": 0},
            {"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": "1.500000", "bidMultiplierDown": "0.500000",
             "askMultiplierUp": "1.500000", "askMultiplierDown": "0.500000", "avgPriceMins": 0},
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 10000}
        ])
    );
    assert_eq!((&symbol["status"], &symbol["baseAsset"]), (&json!("TRADING"), &json!("BTC")));
    assert_eq!((&symbol["baseAssetPrecision"], &symbol["quoteAssetPrecision"]), (&json!(8), &json!(6)));
    assert_eq!(symbol["permissionSets"], json!([["SPOT"]]));
    let all = venue.get("/api/v3/exchangeInfo?showPermissionSets=false").await.ok();
    assert_eq!(all["symbols"][0]["permissionSets"], json!([]));
    assert_eq!(venue.get("/api/v3/exchangeInfo?permissions=MARGIN").await.ok()["symbols"], json!([]));
    let listed = venue.get("/api/v3/exchangeInfo?symbols=[%22BTCUSDT%22]").await.ok();
    assert_eq!(listed["symbols"].as_array().unwrap().len(), 1);
    assert_eq!(venue.get("/api/v3/ping").await.ok(), json!({}));
    let time = venue.get("/api/v3/time").await.ok()["serverTime"].as_u64().unwrap();
    assert!(time.abs_diff(wall_clock().millis()) < 10_000);
}

#[tokio::test]
async fn trades_make_prices() {
    let (venue, client, other) = Venue::trading().await;
    let before = venue.get("/api/v3/ticker/24hr?symbol=BTCUSDT").await.ok();
    assert_eq!(
        (&before["lastPrice"], &before["count"], &before["firstId"]),
        (&json!("0.000000"), &json!(0), &json!(-1))
    );
    for (price, quantity) in [("100", "1"), ("104", "1"), ("102", "2")] {
        let sell = format!("symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTC&quantity={quantity}&price={price}");
        venue.order(&other, &sell).await.ok();
        venue
            .order(
                &client,
                &format!("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity={quantity}&price={price}"),
            )
            .await
            .ok();
    }
    venue.order(&client, "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=3&price=99").await.ok();
    venue.order(&other, "symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTC&quantity=4&price=103").await.ok();

    let trades = venue.get("/api/v3/trades?symbol=BTCUSDT&limit=2").await.ok();
    assert_eq!((&trades[0]["id"], &trades[1]["id"]), (&json!(2), &json!(3)));
    assert_eq!((&trades[1]["quoteQty"], &trades[1]["isBuyerMaker"]), (&json!("204.000000"), &json!(false)));
    let old = venue.get("/api/v3/historicalTrades?symbol=BTCUSDT&fromId=1&limit=1").await.ok();
    assert_eq!(old[0]["price"], "100.000000");
    let aggregated = venue.get("/api/v3/aggTrades?symbol=BTCUSDT&startTime=1").await.ok();
    assert_eq!((&aggregated[2]["a"], &aggregated[2]["f"], &aggregated[2]["l"]), (&json!(3), &json!(3), &json!(3)));

    let day = venue.get("/api/v3/ticker/24hr?symbol=BTCUSDT").await.ok();
    let expected = [
        ("priceChange", "2.000000"),
        ("priceChangePercent", "2.000"),
        ("weightedAvgPrice", "102.000000"),
        ("lastPrice", "102.000000"),
        ("lastQty", "2.00000000"),
        ("bidPrice", "99.000000"),
        ("bidQty", "3.00000000"),
        ("askPrice", "103.000000"),
        ("askQty", "4.00000000"),
        ("openPrice", "100.000000"),
        ("highPrice", "104.000000"),
        ("lowPrice", "100.000000"),
        ("volume", "4.00000000"),
        ("quoteVolume", "408.000000"),
    ];
    for (name, value) in expected {
        assert_eq!(day[name], value, "{name}");
    }
    assert_eq!((&day["firstId"], &day["lastId"], &day["count"]), (&json!(1), &json!(3), &json!(3)));
    let mini = venue.get("/api/v3/ticker/24hr?type=MINI").await.ok();
    assert_eq!(mini[0].as_object().unwrap().len(), 12);
    let average = venue.get("/api/v3/avgPrice?symbol=BTCUSDT").await.ok();
    assert_eq!(average["price"], "102.000000");
    assert_eq!(venue.get("/api/v3/ticker/price").await.ok(), json!([{"symbol": "BTCUSDT", "price": "102.000000"}]));
    let book = venue.get("/api/v3/ticker/bookTicker?symbol=BTCUSDT").await.ok();
    assert_eq!(
        book,
        json!({"symbol": "BTCUSDT", "bidPrice": "99.000000", "bidQty": "3.00000000", "askPrice": "103.000000", "askQty": "4.00000000"})
    );
    assert_eq!(
        venue.get("/api/v3/depth?symbol=BTCUSDT&limit=1").await.ok()["asks"],
        json!([["103.000000", "4.00000000"]])
    );
}

/// An archive that has the trades of a model.
#[derive(Debug)]
struct Archived(Arc<ReadModel>);

impl TradeHistory for Archived {
    fn trades(&self, query: &TradesQuery) -> Result<Page<TradeRow>, ReadError> {
        let rows = self.0.trades(&Absent::Empty, query).unwrap();
        Ok(Page { through: self.0.seq(), rows })
    }

    fn minutes(&self, _: &MinutesQuery) -> Result<Page<Candle>, ReadError> {
        Err(ReadError::Failed("not asked for".to_owned()))
    }
}

#[tokio::test]
async fn recent_trades_that_memory_lacks_are_read_or_refused() {
    let ids = async |venue: &Venue, limit: u32| -> Vec<u64> {
        let trades = venue.get(&format!("/api/v3/trades?symbol=BTCUSDT&limit={limit}")).await.ok();
        trades.as_array().unwrap().iter().map(|trade| trade["id"].as_u64().unwrap()).collect()
    };
    for archive_is_away in [false, true] {
        let (venue, client, _) = Venue::trading().await;
        assert!(ids(&venue, 3).await.is_empty(), "of no trades memory has all");
        let trade = async |venue: &Venue| {
            for side in ["SELL", "BUY"] {
                let order = format!("symbol=BTCUSDT&side={side}&type=LIMIT&timeInForce=GTC&quantity=1&price=100");
                venue.order(&client, &order).await.ok();
            }
        };
        for _ in 0..2 {
            trade(&venue).await;
        }
        assert_eq!(ids(&venue, 3).await, [1, 2]);
        let trades = Arc::new(Archived(Arc::clone(&venue.inside.model)));
        let history: Arc<dyn History> = if archive_is_away {
            Arc::new(Absent::Away)
        } else {
            Arc::new(Halves { orders: Arc::new(Absent::Empty), trades })
        };
        let venue = venue.started_again(history);
        for trades_since in 0..3 {
            for limit in 1..6 {
                if archive_is_away && limit > trades_since {
                    let said = venue.get(&format!("/api/v3/trades?symbol=BTCUSDT&limit={limit}")).await;
                    assert_eq!(said.error().1, -5021, "{limit} of {trades_since}");
                    continue;
                }
                let last = u64::from(2 + trades_since);
                let expected: Vec<u64> = ((last + 1).saturating_sub(limit.into()).max(1)..=last).collect();
                assert_eq!(ids(&venue, limit).await, expected);
            }
            trade(&venue).await;
        }
    }
}

#[tokio::test]
async fn weight_is_counted() {
    let venue = Venue::empty();
    let first = venue.get("/api/v3/exchangeInfo").await.weight;
    let second = venue.send(Method::GET, "/api/v3/ping", None, String::new()).await.weight;
    // The minute may turn in between.
    assert!(second == first + 1 || second == 1, "{first} {second}");
}
