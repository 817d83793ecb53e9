//! Records wait by the thousand for an archive that is away; nothing else waits.

use std::time::{Duration, Instant};

use archive_cluster::server::{Kind, Server};
use outside::client::Client;
use serde_json::Value;

use crate::archives::{configured, count};
use crate::desk::{Desk, Market, find, limit, until};

/// Commands that wait for the archive. `cargo xtask bench archive --outage 300000` does the same with more of them.
const WAITING: u64 = 10_000;
/// Orders on their way at once.
const ON_THE_WAY: u64 = 50;
/// How long the test server, which takes a few thousand documents a second, may need for all of them.
const PATIENCE: Duration = Duration::from_mins(5);

/// Followers of the archive are behind by this much, and those of the hot store by that much.
fn behind(client: &mut Client) -> (u64, u64) {
    let status = client.look("/v1/status").unwrap();
    let lag = |is_archive| {
        let followers = status["followers"].as_array().unwrap().iter();
        let of = followers.filter(|follower| follower["name"].as_str().unwrap().starts_with("mongo-1/") == is_archive);
        of.map(|follower| follower["lag"].as_u64().unwrap()).max().unwrap()
    };
    (lag(true), lag(false))
}

/// Places so many orders, numbered from `first` on, all of which are taken.
fn place_many(client: &mut Client, side: &str, first: u64) {
    for number in first..first + ON_THE_WAY {
        client.send("POST", "/api/v3/order", &limit(side, 100, &format!("{side}-{number}"))).unwrap();
    }
    for _ in 0..ON_THE_WAY {
        let answer = client.hear().unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

/// What happened just now, each from where it is read.
fn check_recent(buyer: &mut Client, trades: u64) {
    let recent = buyer.look("/api/v3/trades?symbol=BTCUSDT&limit=1000").unwrap();
    let recent: Vec<u64> = recent.as_array().unwrap().iter().map(|trade| trade["id"].as_u64().unwrap()).collect();
    assert_eq!(recent.len(), usize::try_from(trades.min(1_000)).unwrap());
    assert!(recent.is_sorted_by(|one, other| one + 1 == *other), "a trade is missing");
    assert_eq!(recent.last(), Some(&trades));
    let order = find(buyer, &format!("BUY-{}", trades - 1));
    assert_eq!((order.status, &order.body["status"]), (200, &Value::from("FILLED")), "{}", order.body);
    let first = find(buyer, "BUY-0");
    assert_eq!(first.body["status"], "FILLED", "from the hot store by now: {}", first.body);
    assert!(buyer.get("/api/v3/account", "").unwrap()["balances"].is_array());
}

#[test]
fn thousands_of_records_wait_for_an_archive_that_is_away_and_nothing_else_does() {
    let mut server = Server::temporary(Kind::MongoDb).unwrap();
    let url = format!("{}/archive", server.url());
    let routes = [("completed_trades", "mongo-1"), ("audit_logs", "mongo-1")];
    let desk = configured(Desk::new(), &[("mongo-1", &url)], &routes);
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 2);
    let [mut buyer, mut seller] = [0, 1].map(|trader| venue.client(&market.traders[trader]).unwrap());
    server.kill().unwrap();
    let mut trades = 0;
    while behind(&mut buyer).0 < WAITING {
        place_many(&mut buyer, "BUY", trades);
        place_many(&mut seller, "SELL", trades);
        trades += ON_THE_WAY;
        if trades % 1_000 == 0 {
            check_recent(&mut buyer, trades);
        }
    }
    check_recent(&mut buyer, trades);
    until("the hot store has everything", || behind(&mut buyer).1 == 0);
    assert!(behind(&mut buyer).0 >= WAITING);

    server.restart().unwrap();
    let begun = Instant::now();
    let mut least = u64::MAX;
    while behind(&mut buyer).0 > 0 {
        assert!(begun.elapsed() < PATIENCE, "it is {} commands behind", behind(&mut buyer).0);
        let now = behind(&mut buyer).0;
        assert!(now <= least, "nobody trades, so it comes nearer");
        least = now;
    }
    let committed = buyer.look("/v1/status").unwrap()["committed"].as_u64().unwrap();
    assert_eq!(count(&server, "archive", "completed_trades"), trades);
    assert_eq!(count(&server, "archive", "audit_logs"), committed);
    venue.stop().unwrap();
    desk.verify();
}
