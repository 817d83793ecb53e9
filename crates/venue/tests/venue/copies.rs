//! One journal in two places: started twice, copied, restored to an earlier point. A store never follows two histories.

use std::fs;

use outside::client::Client;
use outside::http::Answer;
use outside::process::Running;
use pg_cluster::options::Options;
use pg_cluster::server::Server;
use serde_json::Value;

use crate::desk::{Desk, Market, copy, find, place, refused, until, until_stored};
use crate::postgres::{DATABASE, at};
use crate::retirement::{Past, retirement, retiring, with_server};

#[test]
fn a_data_directory_in_use_is_refused() {
    let desk = Desk::new();
    let mut venue = desk.serve();
    let said = desk.refused_start();
    assert!(said.contains("another buttonwood uses this data directory"), "{said}");
    // The first one noticed nothing.
    let market = Market::open(&desk, &mut venue, 1);
    place(&mut market.trader(&mut venue), "BUY", 100, "a");
    venue.stop().unwrap();
    desk.verify();
}

/// Whoever comes second finds the lock before it has made, migrated or removed anything.
#[test]
fn a_start_beside_a_running_venue_changes_nothing() {
    let desk = Desk::new();
    let venue = desk.serve();
    // As the running one leaves it while it writes a snapshot.
    let unfinished = desk.data.join("snapshots/00000000000000000009.snap.tmp");
    fs::write(&unfinished, "half").unwrap();
    let store = desk.beside("store");
    let other = Desk::new().with("STORE", store.display()).at(desk.data.clone());
    let said = other.refused_start();
    assert!(said.contains("another buttonwood uses this data directory"), "{said}");
    assert!(unfinished.exists());
    assert!(!store.exists());
    // Before it has looked for a store.
    let said = refused(&other.binary, &["follower", "rewind"], &desk.data);
    assert!(said.contains("another buttonwood uses this data directory"), "{said}");
    venue.stop().unwrap();
}

/// Each has an archive of its own, and both have the same epoch.
#[test]
fn of_two_that_let_closed_orders_go_neither_answers_without_those_of_the_other() {
    let (_server, desk) = with_server();
    let mut venue = desk.serve();
    let market = Past::new(&desk, &mut venue, 1_600).market;
    until_stored(&mut market.trader(&mut venue));
    let mut answered = |venue: &mut Running| {
        let mut trader = market.trader(venue);
        let answer = trader.ask("GET", "/api/v3/allOrders", "symbol=BTCUSDT&orderId=0&limit=1000").unwrap();
        let trouble = retirement(&mut trader, "shard-1");
        assert!(
            answer.status == 503 || answer.body.as_array().unwrap().len() == 800,
            "{trouble} {}",
            answer.body.as_array().unwrap().len()
        );
        (answer.status, trouble)
    };
    assert_eq!(answered(&mut venue).0, 200);
    venue.stop().unwrap();
    let copied = desk.copied_to(desk.beside("copied"));
    copy(&desk.data, &copied.data);
    let mut venues = [retiring(&desk).serve(), retiring(&copied).serve()];
    until("one has let all go that is old, and the other knows", || {
        let shown = venues.each_mut().map(&mut answered);
        shown.iter().any(|(status, shown)| *status == 200 && shown["ranges"].as_u64().unwrap_or(0) >= 5)
            && shown.iter().any(|(status, shown)| *status == 503 && !shown["trouble"].is_null())
    });
    let last = venues.map(|mut venue| {
        let (status, _) = answered(&mut venue);
        venue.stop().unwrap();
        status
    });
    let lost = if last[0] == 503 { &desk } else { &copied };
    let said = retiring(lost).refused_start();
    assert!(said.contains("shard-1 gave up closed orders"), "{said}");
}

/// Why each follower stopped that did.
fn stopped(client: &mut Client) -> Vec<String> {
    let reasons = followers(client).into_iter().map(|follower| follower["stopped"].clone());
    reasons.filter_map(|reason| reason.as_str().map(str::to_owned)).collect()
}

/// Each stream of each store, as the venue says it stands.
fn followers(client: &mut Client) -> Vec<Value> {
    let status = client.look("/v1/status").unwrap();
    status["followers"].as_array().unwrap().clone()
}

fn all_orders(client: &mut Client) -> Answer {
    client.ask("GET", "/api/v3/allOrders", "symbol=BTCUSDT").unwrap()
}

/// Why each read that needs the store is refused.
fn refused_history(client: &mut Client) -> String {
    let mut reason = String::new();
    for path in ["/api/v3/allOrders", "/api/v3/myTrades", "/v1/ledger"] {
        let query = if path == "/v1/ledger" { "" } else { "symbol=BTCUSDT" };
        let answer = client.ask("GET", path, query).unwrap();
        assert_eq!((answer.status, answer.code()), (503, Some(-5023)), "{path}: {}", answer.body);
        answer.body["reason"].as_str().unwrap().clone_into(&mut reason);
    }
    reason
}

#[test]
fn of_two_copies_on_one_store_the_older_is_fenced() {
    the_older_copy_is_fenced(Desk::new());
}

#[test]
fn of_two_copies_on_one_shard_the_older_is_fenced() {
    let (_server, desk) = on_a_shard();
    the_older_copy_is_fenced(desk);
}

/// A desk whose orders and money are in PostgreSQL.
fn on_a_shard() -> (Server, Desk) {
    let server = Server::temporary(&Options::default().without_fsync()).unwrap();
    server.create_database(DATABASE).unwrap();
    let desk = at(&server.url(DATABASE));
    (server, desk)
}

fn the_older_copy_is_fenced(desk: Desk) {
    let store = desk.beside("store");
    let desk = desk.with("STORE", store.display());
    let mut original = desk.serve();
    let market = Market::open(&desk, &mut original, 1);
    let mut trader = market.trader(&mut original);
    place(&mut trader, "BUY", 100, "before");
    until_stored(&mut trader);

    let other = desk.copied_to(desk.beside("copy"));
    copy(&desk.data, &other.data);
    let mut copied = other.serve();
    let mut newer = market.trader(&mut copied);
    place(&mut newer, "BUY", 101, "newer");
    until_stored(&mut newer);

    // Nothing has told the original yet; but the checkpoint that comes with the rows is none of its own.
    refused_history(&mut trader);
    assert_eq!(all_orders(&mut newer).status, 200);
    // What is in memory needs no store.
    let open = trader.get("/api/v3/openOrders", "symbol=BTCUSDT").unwrap();
    assert_eq!(open.as_array().unwrap().len(), 1, "{open}");

    // The original still acknowledges, and its journal has it; what it may not do is write over the other's rows.
    place(&mut trader, "BUY", 99, "older");
    let all = followers(&mut trader).len();
    until("every follower of the original has stopped", || stopped(&mut trader).len() == all);
    let reasons = stopped(&mut trader);
    assert!(reasons.iter().all(|reason| reason.contains("epoch")), "{reasons:?}");
    assert_eq!(stopped(&mut newer), Vec::<String>::new());
    let reason = refused_history(&mut trader);
    assert!(reason.contains("epoch"), "{reason}");
    assert_eq!(find(&mut trader, "older").status, 200);
    assert_eq!(all_orders(&mut newer).body.as_array().unwrap().len(), 2);
    copied.stop().unwrap();
    original.stop().unwrap();
    other.verify();

    // Started again it would take the same epoch as the copy had; the hash at the store's checkpoint gives it away.
    let said = desk.refused_start();
    assert!(said.contains("another history") && said.contains("follower rewind"), "{said}");
    other.verify();
}

#[test]
fn a_restore_to_an_earlier_point_is_refused_until_the_store_is_rewound() {
    restored_to_an_earlier_point(&Desk::new());
}

#[test]
fn a_restore_to_an_earlier_point_is_refused_until_the_shard_is_rewound() {
    let (_server, desk) = on_a_shard();
    restored_to_an_earlier_point(&desk);
}

fn restored_to_an_earlier_point(desk: &Desk) {
    let mut venue = desk.serve();
    let market = Market::open(desk, &mut venue, 2);
    let mut trader = market.trader(&mut venue);
    for number in 0..20 {
        place(&mut trader, "BUY", 100 + number, &format!("kept-{number}"));
    }
    venue.stop().unwrap();
    let backup = desk.beside("backup");
    copy(&desk.data, &backup);

    let mut venue = desk.serve();
    let mut trader = market.trader(&mut venue);
    let mut other = venue.client(&market.traders[1]).unwrap();
    for number in 0..20 {
        place(&mut trader, "BUY", 90, &format!("lost-{number}"));
        place(&mut other, "SELL", 110, &format!("sold-{number}"));
    }
    until_stored(&mut trader);
    venue.stop().unwrap();
    for part in ["journal", "events", "snapshots"] {
        fs::remove_dir_all(desk.data.join(part)).unwrap();
        copy(&backup.join(part), &desk.data.join(part));
    }

    let said = desk.refused_start();
    assert!(said.contains("buttonwood follower rewind"), "{said}");
    let output = desk.binary.run(&["follower", "rewind"], &desk.data).unwrap();
    assert!(output.status.success(), "{}", outside::process::said(&output));
    let mut venue = desk.serve();
    let mut trader = market.trader(&mut venue);
    let found = find(&mut trader, "lost-3");
    assert_eq!(found.code(), Some(-2013), "{}", found.body);
    assert_eq!(find(&mut trader, "kept-3").body["status"], Value::from("NEW"));
    place(&mut trader, "BUY", 95, "after");
    until_stored(&mut trader);
    venue.stop().unwrap();
    desk.verify();
}

/// A store that was away when the venue went on after a restore, and is back.
#[test]
fn a_store_that_stayed_on_the_abandoned_branch_goes_back_to_where_one_says() {
    let desk = Desk::new();
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 1);
    let mut trader = market.trader(&mut venue);
    place(&mut trader, "BUY", 100, "kept");
    until_stored(&mut trader);
    let restored_to = trader.look("/v1/status").unwrap()["sequence"].as_u64().unwrap();
    venue.stop().unwrap();
    let backup = desk.beside("backup");
    copy(&desk.data, &backup);

    let mut venue = desk.serve();
    place(&mut market.trader(&mut venue), "BUY", 90, "lost");
    until_stored(&mut market.trader(&mut venue));
    venue.stop().unwrap();
    let abandoned = desk.beside("abandoned");
    fs::rename(&desk.data, &abandoned).unwrap();
    copy(&backup, &desk.data);
    let mut venue = desk.serve();
    let mut trader = market.trader(&mut venue);
    for number in 0..20 {
        place(&mut trader, "BUY", 91, &format!("new-{number}"));
    }
    until_stored(&mut trader);
    venue.stop().unwrap();
    for ending in ["", "-wal", "-shm"] {
        let [from, to] = [&abandoned, &desk.data].map(|data| data.join(format!("store/hot.db{ending}")));
        if to.exists() {
            fs::remove_file(&to).unwrap();
        }
        if from.exists() {
            fs::copy(from, to).unwrap();
        }
    }

    let said = desk.refused_start();
    assert!(said.contains("buttonwood follower rewind"), "{said}");
    let rewind = |arguments: &[&str]| {
        let output = desk.binary.run(&[&["follower", "rewind"], arguments].concat(), &desk.data).unwrap();
        (output.status.success(), outside::process::said(&output))
    };
    let (went, said) = rewind(&[]);
    assert!(!went && said.contains("hot/") && said.contains("is on another branch") && said.contains("--to"), "{said}");
    let (went, said) = rewind(&["--to", &restored_to.to_string()]);
    assert!(went, "{said}");
    let mut venue = desk.serve();
    let mut trader = market.trader(&mut venue);
    until_stored(&mut trader);
    assert_eq!(find(&mut trader, "lost").code(), Some(-2013));
    assert_eq!(find(&mut trader, "new-7").body["status"], Value::from("NEW"));
    venue.stop().unwrap();
    desk.verify();
}

#[test]
fn a_store_of_another_venue_is_refused() {
    let first = Desk::new();
    let store = first.beside("store");
    let first = first.with("STORE", store.display());
    first.load(100);
    // Both further and less far than the store.
    for commands in [3_000, 1] {
        let second = Desk::new();
        second.load(commands);
        let said = Desk::new().with("STORE", store.display()).at(second.data.clone()).refused_start();
        assert!(said.contains("follows another venue"), "{said}");
    }
    // A directory that is empty, or was lost: nothing is begun in it.
    let empty = Desk::new().with("STORE", store.display());
    let said = empty.refused_start();
    assert!(said.contains("follows another venue") && said.contains("has no journal"), "{said}");
    assert!(empty.refused_start().contains("has no journal"), "the start before has begun a venue");
    first.verify();
}
