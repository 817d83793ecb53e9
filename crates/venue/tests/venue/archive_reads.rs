//! What is read from the archive: it says what was traded, goes on after a restart and after the archive was built again.

use outside::client::Client;
use outside::process::Running;
use serde_json::Value;

use crate::desk::{Desk, Market, place, until_stored};

/// Trades one lot so many times between the two traders: the first buys at 100, 101, …
fn trade(market: &Market, venue: &mut Running, from: u64, count: u64) {
    let [mut buyer, mut seller] = [0, 1].map(|number| venue.client(&market.traders[number]).unwrap());
    for price in from..from + count {
        place(&mut buyer, "BUY", price, &format!("b{price}"));
        place(&mut seller, "SELL", price, &format!("s{price}"));
    }
}

fn rows(client: &mut Client, path: &str, query: &str) -> Vec<Value> {
    client.get(path, query).unwrap()["rows"].as_array().unwrap().clone()
}

fn sum(rows: &[Value], name: &str) -> u64 {
    rows.iter().map(|row| row[name].as_u64().unwrap()).sum()
}

/// What the archive says of six trades of 0.0001 BTC at 100 to 105.
fn check(market: &Market, venue: &mut Running, desk: &Desk) {
    let mut client = market.trader(venue);
    let mut admin = venue.client(&desk.binary.admin_key(&desk.data).unwrap()).unwrap();
    until_stored(&mut client);

    let board = client.get("/v1/leaderboards", "asset=USDT&period=all&by=volume").unwrap();
    assert_eq!(board["users"], 2, "{board}");
    for row in board["rows"].as_array().unwrap() {
        assert_eq!((&row["volume"], &row["fills"]), (&"0.06150000".into(), &6.into()), "{board}");
    }
    assert_eq!(board["own"]["rank"], 1, "of equal ones the older user");
    let by_symbol = client.get("/v1/leaderboards", "symbol=BTCUSDT&period=day&limit=1").unwrap();
    assert_eq!(by_symbol["rows"].as_array().unwrap().len(), 1);

    let days = rows(&mut client, "/v1/analytics", "interval=1d&symbol=BTCUSDT");
    assert_eq!(sum(&days, "trades"), 6, "{days:?}");
    let minutes = rows(&mut client, "/v1/analytics", "interval=1m&startTime=0");
    assert_eq!(sum(&minutes, "trades"), 6, "{minutes:?}");
    assert!(minutes.iter().all(|minute| minute["activeUsers"] == 2), "{minutes:?}");

    let snapshots = client.look("/v1/market/snapshots?symbol=BTCUSDT").unwrap();
    let snapshots = snapshots["rows"].as_array().unwrap();
    assert_eq!(sum(snapshots, "trades"), 6, "{snapshots:?}");
    assert_eq!(snapshots.last().unwrap()["lastPrice"], "105.00000000");

    let positions = rows(&mut client, "/v1/positions/history", "symbol=BTCUSDT&interval=1d");
    let last = positions.last().unwrap();
    assert_eq!((&last["quantity"], &last["markPrice"]), (&"0.00060000".into(), &"105.00000000".into()), "{last}");

    let own = client.ask("GET", "/v1/audit", "limit=10").unwrap();
    assert_eq!(own.status, 401, "not without the role: {}", own.body);
    let mut placed = Vec::new();
    let mut next = Some(0);
    while let Some(from) = next {
        let page = admin.get("/v1/audit", &format!("action=place_order&userId=2&limit=4&fromSequence={from}")).unwrap();
        placed.extend(page["rows"].as_array().unwrap().clone());
        next = page["nextSequence"].as_u64();
    }
    assert_eq!(placed.len(), 6, "{placed:?}");
    assert!(placed.iter().all(|row| row["outcome"] == "accepted" && row["content"]["kind"] == "limit"), "{placed:?}");
    let newest = rows(&mut admin, "/v1/audit", "limit=3");
    assert_eq!(newest.len(), 3);
    assert!(newest.is_sorted_by_key(|row| row["sequence"].as_u64()));

    let klines = client.look("/api/v3/klines?symbol=BTCUSDT&interval=1d").unwrap();
    assert_eq!(klines[0][8], 6, "{klines}");
}

#[test]
fn the_archive_says_the_same_after_a_restart_and_built_again() {
    let desk = Desk::new();
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 2);
    trade(&market, &mut venue, 100, 3);
    venue.kill().unwrap();
    let mut venue = desk.serve();
    trade(&market, &mut venue, 103, 3);
    check(&market, &mut venue, &desk);
    venue.stop().unwrap();
    assert!(desk.verify().contains("archive/leaderboards"), "{}", desk.verify());

    for file in crate::desk::files(&desk.data.join("store"), "db") {
        if file.ends_with("archive.db") {
            std::fs::remove_file(file).unwrap();
        }
    }
    let mut venue = desk.serve();
    check(&market, &mut venue, &desk);
    venue.stop().unwrap();
    desk.verify();
}
