//! A venue whose trades and audit log are in document databases: killed, away, wrong, taken back.

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use archive_cluster::server::{Kind, Server};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, doc};
use outside::client::Client;
use outside::process::{self, Running};
use serde_json::Value;

use crate::desk::{Desk, Market, copy, place, refused, until, until_stored};

/// Trades from the first on, which only the archive has after a restart.
const OLD_TRADES: &str = "/api/v3/historicalTrades?symbol=BTCUSDT&fromId=1&limit=1000";

/// A desk whose archive is in a database of the server.
fn at(server: &Server) -> Desk {
    let desk = Desk::new();
    let url = format!("{}/archive", server.url());
    configured(desk, &[("mongo-1", &url)], &[("completed_trades", "mongo-1"), ("audit_logs", "mongo-1")])
}

pub(crate) fn configured(desk: Desk, archives: &[(&str, &str)], routes: &[(&str, &str)]) -> Desk {
    let mut text = String::from("[archive]\n");
    for (collection, archive) in routes {
        writeln!(text, "{collection} = \"{archive}\"").unwrap();
    }
    for (name, url) in archives {
        let kind = url.split("://").next().unwrap();
        writeln!(text, "\n[[archives]]\nname = \"{name}\"\nkind = \"{kind}\"\nurl = \"{url}\"").unwrap();
    }
    let file = desk.beside("venue.toml");
    fs::write(&file, text).unwrap();
    desk.with("CONFIG", file.display())
}

fn with_server() -> (Server, Desk) {
    let server = Server::temporary(Kind::MongoDb).unwrap();
    let desk = at(&server);
    (server, desk)
}

pub(crate) fn ask<T>(server: &Server, database: &str, act: impl AsyncFnOnce(mongodb::Database) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = mongodb::Client::with_uri_str(server.url()).await.unwrap();
        act(client.database(database)).await
    })
}

pub(crate) fn count(server: &Server, database: &str, collection: &str) -> u64 {
    ask(server, database, async |database| {
        database.collection::<Document>(collection).count_documents(doc! {}).await.unwrap()
    })
}

/// Two traders, and orders of them that trade.
pub(crate) struct Trading {
    pub(crate) buyer: Client,
    seller: Client,
    pub(crate) placed: u32,
}

impl Trading {
    pub(crate) fn of(market: &Market, venue: &mut Running) -> Self {
        let client = |venue: &mut Running, trader: usize| venue.client(&market.traders[trader]).unwrap();
        Self { buyer: client(venue, 0), seller: client(venue, 1), placed: 0 }
    }

    pub(crate) fn trade(&mut self, times: u32) {
        for _ in 0..times {
            let number = self.placed;
            place(&mut self.buyer, "BUY", 100, &format!("bought-{number}"));
            place(&mut self.seller, "SELL", 100, &format!("sold-{number}"));
            self.placed += 1;
        }
    }

    /// Trades from the first on, out of the archive.
    pub(crate) fn read(&mut self) -> Vec<Value> {
        let trades = self.buyer.look(OLD_TRADES).unwrap();
        trades.as_array().unwrap().clone()
    }
}

/// A venue of two traders, stopped when so many trades of theirs were stored.
pub(crate) fn traded(desk: &Desk, trades: u32) -> Market {
    let mut venue = desk.serve();
    let market = Market::open(desk, &mut venue, 2);
    let mut trading = Trading::of(&market, &mut venue);
    trading.trade(trades);
    until_stored(&mut trading.buyer);
    venue.stop().unwrap();
    market
}

#[test]
fn trades_and_audit_are_documents_and_trades_are_read_from_them() {
    let server = Server::temporary(Kind::MongoDb).unwrap();
    let url = format!("{}/archive", server.url());
    let names = ["completed_trades", "audit_logs"].into_iter().chain(DERIVED.map(|(name, _)| name));
    let routes: Vec<_> = names.map(|name| (name, "mongo-1")).collect();
    let desk = configured(Desk::new(), &[("mongo-1", &url)], &routes);
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 2);
    let mut trading = Trading::of(&market, &mut venue);
    trading.trade(20);
    until_stored(&mut trading.buyer);
    let committed = trading.buyer.look("/v1/status").unwrap()["committed"].as_u64().unwrap();
    assert_eq!(count(&server, "archive", "completed_trades"), 20);
    assert_eq!(count(&server, "archive", "audit_logs"), committed);
    assert!(!desk.data.join("store/archive.db").exists(), "nothing is routed to the file");
    venue.stop().unwrap();
    let said = desk.verify();
    assert!(said.contains("mongo-1/trades") && said.contains("mongo-1/audit"), "{said}");
    let out = desk.beside("export");
    let range = ["export", "--from", "2000-01-01", "--to", "2100-01-01", "--out", out.to_str().unwrap()];
    let output = desk.binary.run(&range, &desk.data).unwrap();
    let exported = process::said(&output);
    assert!(output.status.success() && exported.contains("none missing"), "{exported}");

    // Nothing is in memory now that the archive does not have as well.
    let mut venue = desk.serve();
    let mut trading = Trading::of(&market, &mut venue);
    assert_eq!(trading.read().len(), 20);
    venue.stop().unwrap();

    // A document that was changed by hand is found.
    ask(&server, "archive", async |database| {
        let trades = database.collection::<Document>("completed_trades");
        trades.update_one(doc! { "trade_id": 7_i64 }, doc! { "$set": { "price": 1_i64 } }).await.unwrap();
    });
    let said = desk.refused_verify();
    assert!(said.contains("mongo-1/trades") && said.contains("different"), "{said}");
}

#[test]
fn what_is_no_row_is_named_and_the_other_streams_are_checked() {
    let (server, desk) = with_server();
    traded(&desk, 3);
    desk.verify();
    let strange = |id: Bson| doc! { "_id": id, "seq": 1_i64 };
    let id = ObjectId::new();
    for (collection, stream, document, says) in [
        ("completed_trades", "trades", strange(id.into()), format!("completed_trades: the id ObjectId(\"{id}\")")),
        ("audit_logs", "audit", strange(Bson::Int64(7)), "audit_logs: the id 7 is no text".to_owned()),
        ("completed_trades", "trades", strange("0".into()), "completed_trades: ".to_owned()),
        ("symbols", "reference", strange(id.into()), format!("symbols: the id ObjectId(\"{id}\")")),
    ] {
        let key = doc! { "_id": document.get("_id").unwrap() };
        ask(&server, "archive", async |database| {
            database.collection::<Document>(collection).insert_one(document).await.unwrap();
        });
        let said = desk.refused_verify();
        let wrong = format!("WRONG mongo-1/{stream} is not checked: ");
        assert!(said.contains(&wrong) && said.contains(&says), "{says}: {said}");
        assert_eq!(said.matches("rows equal one by one").count(), 11, "all others are: {said}");
        ask(&server, "archive", async |database| {
            database.collection::<Document>(collection).delete_one(key).await.unwrap();
        });
    }
    desk.verify();
}

#[test]
fn a_server_that_is_away_or_was_changed_is_said_and_the_others_are_checked() {
    let (mut server, desk) = with_server();
    traded(&desk, 3);
    let out = desk.beside("export");
    let export = ["export", "--from", "2000-01-01", "--to", "2100-01-01", "--out", out.to_str().unwrap()];
    let check = |reason: &str| {
        let said = desk.refused_verify();
        for stream in ["reference", "trades", "audit"] {
            let line = said.lines().find(|line| line.starts_with(&format!("WRONG mongo-1/{stream} is not checked: ")));
            assert!(line.is_some_and(|line| line.contains(reason) && line.contains("mend that")), "{stream}: {said}");
        }
        assert!(said.contains("ok    hot/users at ") && said.contains("not clean: 3 findings"), "{said}");
        let said = refused(&desk.binary, &export, &desk.data);
        assert!(said.contains("cannot read mongo-1/audit: ") && said.contains(reason), "{said}");
        assert!(said.contains("mend that") && !out.exists(), "{said}");
    };
    ask(&server, "archive", async |database| {
        let trades = database.collection::<Document>("completed_trades");
        let indexes = trades.list_index_names().await.unwrap();
        let index = indexes.into_iter().find(|name| name != "_id_").unwrap();
        trades.drop_index(index).await.unwrap();
    });
    check("the database was changed by hand");
    server.kill().unwrap();
    check("no server answers: 127.0.0.1:");
}

#[test]
fn a_copy_that_was_left_behind_is_not_taken_for_the_archive() {
    let desk = Desk::new();
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 2);
    until_stored(&mut market.trader(&mut venue));
    venue.stop().unwrap();
    desk.verify();
    // From now on elsewhere; what is in the file stays there, as it is.
    let server = Server::temporary(Kind::MongoDb).unwrap();
    let url = format!("{}/archive", server.url());
    let moved = configured(desk.copied_to(desk.data.clone()), &[("mongo-1", &url)], &[("audit_logs", "mongo-1")]);
    let out = desk.beside("export");
    let export = ["export", "--from", "2000-01-01", "--to", "2100-01-01", "--out", out.to_str().unwrap()];
    let are_refused = |desk: &Desk, says: &str| {
        for said in [desk.refused_verify(), refused(&desk.binary, &export, &desk.data)] {
            assert!(said.contains(says) && said.contains("name its configuration with --config"), "{said}");
        }
    };
    are_refused(&moved, "was last started with everything in the embedded store; here it is audit_logs in mongo-1, ");
    let mut venue = moved.serve();
    let mut trading = Trading::of(&market, &mut venue);
    trading.trade(3);
    until_stored(&mut trading.buyer);
    venue.stop().unwrap();
    moved.verify();
    are_refused(
        &desk,
        "was last started with audit_logs in mongo-1, all else in the embedded store; here it is everything",
    );
    for arguments in [&["follower", "rewind"], &["follower", "forget-retired"]] {
        let said = refused(&desk.binary, arguments, &desk.data);
        assert!(said.contains("name its configuration with --config"), "{arguments:?}: {said}");
    }
    moved.verify();
    let noted = fs::read_to_string(desk.data.join("stores.toml")).unwrap();
    assert!(noted.contains("audit_logs = \"mongo-1\"") && !noted.contains("mongodb://"), "{noted}");
}

#[test]
fn each_collection_is_where_it_is_routed() {
    let server = Server::temporary(Kind::MongoDb).unwrap();
    let url = format!("{}/compliance", server.url());
    let desk = configured(Desk::new(), &[("mongo-1", &url)], &[("audit_logs", "mongo-1")]);
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 2);
    let mut trading = Trading::of(&market, &mut venue);
    trading.trade(5);
    until_stored(&mut trading.buyer);
    let status = trading.buyer.look("/v1/status").unwrap();
    let followers = status["followers"].as_array().unwrap().iter();
    let names: Vec<&str> = followers.map(|follower| follower["name"].as_str().unwrap()).collect();
    for name in ["archive/trades", "mongo-1/audit", "mongo-1/reference"] {
        assert!(names.contains(&name), "{names:?}");
    }
    assert!(!names.contains(&"archive/audit") && !names.contains(&"mongo-1/trades"), "{names:?}");
    assert!(count(&server, "compliance", "audit_logs") > 0);
    assert_eq!(count(&server, "compliance", "completed_trades"), 0);
    assert_eq!(trading.read().len(), 5);
    venue.stop().unwrap();
    desk.verify();
}

/// What is routed under a name, and the collections that it is in.
pub(crate) const DERIVED: [(&str, &[&str]); 5] = [
    ("klines", &["klines"]),
    ("historical_positions", &["historical_positions"]),
    ("market_snapshots", &["market_snapshots"]),
    ("leaderboards", &["leaderboards"]),
    ("analytics", &["analytics", "active_users"]),
];

#[test]
fn derived_collections_are_documents_too_and_are_built_again_from_nothing() {
    let server = Server::temporary(Kind::MongoDb).unwrap();
    let url = format!("{}/figures", server.url());
    let desk = configured(Desk::new(), &[("mongo-1", &url)], &DERIVED.map(|(name, _)| (name, "mongo-1")));
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 2);
    let mut trading = Trading::of(&market, &mut venue);
    trading.trade(10);
    venue.kill().unwrap();
    let mut venue = desk.serve();
    let mut trading = Trading::of(&market, &mut venue);
    trading.placed = 10;
    trading.trade(10);
    until_stored(&mut trading.buyer);
    let check = |venue: Running| {
        // Of all time, in one symbol: each of the two traders has had every trade.
        let row = ask(&server, "figures", async |database| {
            let rows = database.collection::<Document>("leaderboards");
            rows.find_one(doc! { "bucket_seconds": 0, "scope": "symbol" }).await.unwrap().unwrap()
        });
        let fills = row.get_i64("fills").or_else(|_| row.get_i32("fills").map(i64::from)).unwrap();
        assert_eq!(fills, 20, "{row}");
        venue.stop().unwrap();
        let said = desk.verify();
        for (name, collections) in DERIVED {
            assert!(said.contains(&format!("mongo-1/{name}")), "{said}");
            for collection in collections {
                assert!(count(&server, "figures", collection) > 0, "{collection}");
            }
        }
    };
    check(venue);
    // The database is lost.
    ask(&server, "figures", async |database| database.drop().await.unwrap());
    let mut venue = desk.serve();
    until_stored(&mut venue.client(&market.traders[0]).unwrap());
    check(venue);
}

/// What keeps the followers of the archive from going on.
pub(crate) fn trouble(client: &mut Client) -> Vec<String> {
    let status = client.look("/v1/status").unwrap();
    let followers = status["followers"].as_array().unwrap().iter();
    followers.filter_map(|follower| follower["trouble"].as_str().map(str::to_owned)).collect()
}

#[test]
fn a_server_that_dies_delays_only_itself() {
    let (server, desk) = with_server();
    dies_and_delays_only_itself(server, &desk, 5, |server| count(server, "archive", "completed_trades"));
}

/// The server of an archive is killed so many times, and in the end the venue with it; `stored` counts the trades that it has.
pub(crate) fn dies_and_delays_only_itself(
    mut server: Server,
    desk: &Desk,
    times: u32,
    stored: impl Fn(&Server) -> u64,
) {
    let mut venue = desk.serve();
    let market = Market::open(desk, &mut venue, 2);
    let mut trading = Trading::of(&market, &mut venue);
    for _ in 0..times {
        trading.trade(20);
        server.kill().unwrap();
        // Accepted meanwhile, and what is recent is read.
        trading.trade(20);
        let recent = trading.buyer.look("/api/v3/trades?symbol=BTCUSDT&limit=1000").unwrap();
        assert_eq!(recent.as_array().unwrap().len(), usize::try_from(trading.placed).unwrap());
        until("the status says what is wrong", || !trouble(&mut trading.buyer).is_empty());
        server.restart().unwrap();
        until_stored(&mut trading.buyer);
        assert_eq!(trouble(&mut trading.buyer), Vec::<String>::new());
    }
    // Both at once.
    trading.trade(20);
    venue.kill().unwrap();
    server.kill().unwrap();
    server.restart().unwrap();
    let mut venue = desk.serve();
    let mut again = Trading::of(&market, &mut venue);
    until_stored(&mut again.buyer);
    assert_eq!(stored(&server), u64::from(trading.placed));
    venue.stop().unwrap();
    desk.verify();
}

#[test]
fn a_start_without_its_server_serves_and_catches_up() {
    let (mut server, desk) = with_server();
    let market = traded(&desk, 3);
    server.kill().unwrap();

    let mut venue = desk.serve();
    let mut trading = Trading::of(&market, &mut venue);
    place(&mut trading.buyer, "BUY", 90, "meanwhile");
    let refused = trading.buyer.look(OLD_TRADES).unwrap_err().to_string();
    assert!(refused.contains("503"), "what only the archive has is refused, not made up: {refused}");
    until("the status says what is wrong", || !trouble(&mut trading.buyer).is_empty());
    server.restart().unwrap();
    until_stored(&mut trading.buyer);
    until("the archive is read again", || trading.buyer.look(OLD_TRADES).is_ok());
    assert_eq!(trading.read().len(), 3);
    venue.stop().unwrap();
    desk.verify();
}

/// By itself the driver looks for a server for five seconds, at each of several steps.
#[test]
fn a_stop_does_not_wait_for_an_archive_that_is_away() {
    let (mut server, desk) = with_server();
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 2);
    let mut trading = Trading::of(&market, &mut venue);
    until_stored(&mut trading.buyer);
    server.stop().unwrap();
    trading.trade(1);
    until("its trouble is known", || {
        let status = trading.buyer.look("/v1/status").unwrap();
        status["followers"].as_array().unwrap().iter().any(|follower| !follower["trouble"].is_null())
    });
    let asked = Instant::now();
    venue.stop().unwrap();
    let took = asked.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    let log = desk.log();
    let last = log.lines().last().unwrap();
    assert!(
        last.contains("mongo-1/audit by ") && last.contains("mongo-1/trades by ") && !last.contains("hot/"),
        "{log}"
    );
    server.restart().unwrap();
    let mut venue = desk.serve();
    until_stored(&mut venue.client(&market.traders[0]).unwrap());
    venue.stop().unwrap();
    desk.verify();
}

#[test]
fn an_archive_past_the_journal_is_taken_back() {
    let (server, desk) = with_server();
    is_taken_back(&desk, "mongo-1", || count(&server, "archive", "completed_trades"));
}

/// The venue goes back to an earlier journal, and its archive of this name with it; `stored` counts the trades that the archive has.
pub(crate) fn is_taken_back(desk: &Desk, archive: &str, stored: impl Fn() -> u64) {
    let mut venue = desk.serve();
    let market = Market::open(desk, &mut venue, 2);
    let mut trading = Trading::of(&market, &mut venue);
    trading.trade(10);
    until_stored(&mut trading.buyer);
    venue.stop().unwrap();
    let backup = desk.beside("backup");
    copy(&desk.data, &backup);
    let mut venue = desk.serve();
    Trading::of(&market, &mut venue).trade(10);
    let mut client = venue.client(&market.traders[0]).unwrap();
    until_stored(&mut client);
    venue.stop().unwrap();
    fs::remove_dir_all(&desk.data).unwrap();
    copy(&backup, &desk.data);

    let said = desk.refused_start();
    assert!(said.contains("buttonwood follower rewind"), "{said}");
    let output = desk.binary.run(&["follower", "rewind"], &desk.data).unwrap();
    let said = process::said(&output);
    assert!(output.status.success() && said.contains(&format!("{archive}/audit taken back")), "{said}");
    assert_eq!(stored(), 10);
    let mut venue = desk.serve();
    let mut trading = Trading::of(&market, &mut venue);
    trading.placed = 50;
    trading.trade(4);
    until_stored(&mut trading.buyer);
    assert_eq!(trading.read().len(), 14);
    venue.stop().unwrap();
    desk.verify();
}

#[test]
fn migrate_says_what_it_did() {
    let (_server, desk) = with_server();
    migrates(&desk, "mongo-1: version 0 brought to 3, 13 indexes made", "mongo-1: version 3, up to date");
}

#[test]
fn migrate_goes_on_past_a_database_that_is_away() {
    let mut server = Server::temporary(Kind::MongoDb).unwrap();
    let elsewhere = Server::temporary(Kind::MongoDb).unwrap();
    let places = [("mongo-1", format!("{}/a", server.url())), ("mongo-2", format!("{}/b", elsewhere.url()))];
    let places = places.each_ref().map(|(name, url)| (*name, url.as_str()));
    let desk = configured(Desk::new(), &places, &[("audit_logs", "mongo-1"), ("completed_trades", "mongo-2")]);
    server.kill().unwrap();
    let output = desk.binary.command(&["migrate"]).output().unwrap();
    let said = process::said(&output);
    assert!(!output.status.success() && said.contains("mongo-2: version 0 brought to"), "{said}");
    assert!(said.contains("mongo-1: NOT up to date: no server answers: "), "{said}");
    assert!(said.contains("error: mongo-1: mend that and say this again"), "{said}");
}

/// What `migrate` says the first time, and the second.
pub(crate) fn migrates(desk: &Desk, first: &str, second: &str) {
    for expected in [first, second] {
        let output = desk.binary.command(&["migrate"]).output().unwrap();
        let said = process::said(&output);
        assert!(output.status.success() && said.contains(expected), "{said}");
    }
}
