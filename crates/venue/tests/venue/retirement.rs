//! Old orders leave the shards, and everything is answered as before: whatever dies, goes back or is taken away meanwhile.

use std::fs;
use std::path::Path;

use archive_cluster::server as documents;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, doc};
use outside::client::Client;
use outside::process::{Running, said};
use pg_cluster::options::Options;
use pg_cluster::server::Server;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::archives;
use crate::desk::{Desk, Market, PATIENCE, cancel, copy, find, place, until, until_stored, until_within};
use crate::field::{Crowd, Field, SHARDS, SYMBOLS, read};
use crate::postgres::{DATABASE, ask};

/// Orders in a range.
const WIDTH: u64 = 256;

/// A server with a database of narrow ranges, and a desk whose venue writes there.
pub(crate) fn with_server() -> (Server, Desk) {
    let server = Server::temporary(&Options::default()).unwrap();
    server.create_database(DATABASE).unwrap();
    let desk = Desk::new();
    let file = desk.beside("venue.toml");
    let text = format!("[[shards]]\nname = \"shard-1\"\nurl = \"{}\"\nrange_orders = {WIDTH}\n", server.url(DATABASE));
    fs::write(&file, text).unwrap();
    (server, desk.with("CONFIG", file.display()))
}

/// The same venue, whose old orders go at once.
pub(crate) fn retiring(desk: &Desk) -> Desk {
    desk.copied_to(desk.data.clone()).with("HOT_DAYS", 0)
}

/// What the status says of a shard's ranges.
pub(crate) fn retirement(client: &mut Client, shard: &str) -> Value {
    let status = client.look("/v1/status").unwrap();
    let shards = status["retirement"].as_array().unwrap();
    shards.iter().find(|entry| entry["shard"] == shard).cloned().unwrap_or(Value::Null)
}

fn ranges(client: &mut Client, shard: &str) -> u64 {
    retirement(client, shard)["ranges"].as_u64().unwrap_or(0)
}

/// Two traders over some ranges: orders that trade, are amended, are canceled, and have names that come again.
pub(crate) struct Past {
    pub(crate) market: Market,
    orders: Vec<u64>,
}

impl Past {
    pub(crate) fn new(desk: &Desk, venue: &mut Running, orders: usize) -> Self {
        let market = Market::open(desk, venue, 2);
        let mut past = Self { market, orders: Vec::new() };
        past.go_on(venue, orders);
        past
    }

    fn clients(&self, venue: &mut Running) -> [Client; 2] {
        [0, 1].map(|trader| venue.client(&self.market.traders[trader]).unwrap())
    }

    fn go_on(&mut self, venue: &mut Running, orders: usize) {
        let [mut buyer, mut seller] = self.clients(venue);
        for number in self.orders.len()..self.orders.len() + orders {
            // Names come again, each time for another order: the same would be taken for a repetition.
            let name = format!("name-{}", number % (orders / 4).max(1));
            let price = 100 + u64::try_from(number / 100).unwrap();
            let id = match number % 4 {
                0 => place(&mut buyer, "BUY", price, &name),
                1 => place(&mut seller, "SELL", price, &name),
                2 => {
                    let id = place(&mut buyer, "BUY", price - 10, &name);
                    assert_canceled(&mut buyer, &name);
                    id
                }
                _ => {
                    let id = place(&mut seller, "SELL", price + 10, &name);
                    assert_canceled(&mut seller, &name);
                    id
                }
            };
            self.orders.push(id);
        }
    }

    /// Answers to everything that can be asked about the past, as they come.
    fn answers(&self, venue: &mut Running) -> Vec<(String, String)> {
        let mut answers = Vec::new();
        for (trader, mut client) in self.clients(venue).into_iter().enumerate() {
            let mut ask = |path: &str, query: String| {
                let answer = client.ask("GET", path, &format!("symbol=BTCUSDT{query}")).unwrap();
                answers.push((format!("{trader} {path} {query}"), format!("{} {}", answer.status, answer.body)));
                answer.body
            };
            let all = ask("/api/v3/allOrders", "&orderId=0&limit=1000".into());
            let times: Vec<u64> = all.as_array().unwrap().iter().map(|row| row["time"].as_u64().unwrap()).collect();
            for path in ["/api/v3/allOrders", "/api/v3/myTrades"] {
                ask(path, String::new());
                for limit in [1, 7, 500, 1_000] {
                    ask(path, format!("&limit={limit}"));
                }
                for part in 0..5 {
                    let (from, to) = (times[times.len() * part / 6], times[times.len() * (part + 1) / 6]);
                    ask(path, format!("&startTime={from}&limit=50"));
                    ask(path, format!("&endTime={to}&limit=50"));
                    ask(path, format!("&startTime={from}&endTime={to}&limit=1000"));
                }
            }
            for id in self.orders.iter().step_by(37) {
                ask("/api/v3/order", format!("&orderId={id}"));
                ask("/api/v3/allOrders", format!("&orderId={id}&limit=9"));
                ask("/api/v3/myTrades", format!("&orderId={id}"));
            }
            for trade in (0..self.orders.len() / 4).step_by(29) {
                ask("/api/v3/myTrades", format!("&fromId={trade}&limit=11"));
            }
            for name in (0..self.orders.len() / 4).step_by(13) {
                ask("/api/v3/order", format!("&origClientOrderId=name-{name}"));
            }
            ask("/api/v3/order", "&origClientOrderId=nobody".into());
            ask("/api/v3/order", "&orderId=123456789".into());
        }
        answers
    }
}

fn assert_canceled(client: &mut Client, name: &str) {
    let answer = cancel(client, name);
    assert_eq!(answer.status, 200, "{name}: {}", answer.body);
}

/// Everything of the archive in one file.
fn settle(file: &Path) {
    let archive = Connection::open(file).unwrap();
    archive.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
}

fn remove(file: &Path) {
    for ending in ["db", "db-wal", "db-shm"] {
        let path = file.with_extension(ending);
        if path.exists() {
            fs::remove_file(path).unwrap();
        }
    }
}

/// Numbers of the ranges that the database has.
fn partitions(server: &Server) -> Vec<String> {
    let sql =
        "SELECT substring(relname FROM '[0-9]+$') FROM pg_class WHERE relname ~ '^orders_r[0-9]+$' AND relkind = 'r'
               ORDER BY length(relname), relname";
    ask(server, sql).lines().map(str::to_owned).collect()
}

#[test]
fn what_was_asked_before_is_answered_as_before() {
    let (server, desk) = with_server();
    let mut venue = desk.serve();
    let past = Past::new(&desk, &mut venue, 900);
    let mut trader = past.market.trader(&mut venue);
    // An order in the third range stays open.
    let open = place(&mut trader, "BUY", 50, "open");
    let mut past = past;
    past.go_on(&mut venue, 300);
    until_stored(&mut trader);
    assert_eq!(trader.look("/v1/status").unwrap()["retirement"], json!([]), "nothing goes unasked");
    venue.stop().unwrap();
    let orders: u64 = ask(&server, "SELECT count(*) FROM orders").parse().unwrap();
    let fills: u64 = ask(&server, "SELECT count(*) FROM order_fills").parse().unwrap();
    assert_eq!(partitions(&server), ["0", "1", "2", "3", "4", "5"]);
    // Nothing is in memory now that the stores do not have as well.
    let mut venue = desk.serve();
    let before = past.answers(&mut venue);
    assert!(before.iter().filter(|(_, answer)| answer.starts_with("200")).count() > 200, "{before:?}");
    venue.stop().unwrap();

    let desk = retiring(&desk);
    let mut venue = desk.serve();
    let mut trader = past.market.trader(&mut venue);
    until("three ranges are gone", || ranges(&mut trader, "shard-1") == 3);
    until("the fourth is held", || !retirement(&mut trader, "shard-1")["held"].is_null());
    let shown = retirement(&mut trader, "shard-1");
    let held = json!({"firstOrderId": 3 * WIDTH, "lastOrderId": 4 * WIDTH - 1, "why": format!("order {open} is open")});
    assert_eq!(shown, json!({"shard": "shard-1", "ranges": 3, "held": held, "trouble": null}));
    assert_eq!(partitions(&server), ["3", "4", "5"]);
    assert_same(&past.answers(&mut venue), &before);
    venue.stop().unwrap();
    let said = desk.verify();
    assert!(said.contains("among the closed orders in the archive only"), "{said}");

    let mut venue = desk.serve();
    assert_same(&past.answers(&mut venue), &before);
    let mut trader = past.market.trader(&mut venue);
    assert_eq!(find(&mut trader, "open").body["status"], "NEW");
    // It closes, and its range goes: of all orders only those of the newest range are left.
    assert_canceled(&mut trader, "open");
    let closed = past.answers(&mut venue);
    until("the fourth is gone", || ranges(&mut trader, "shard-1") == 4);
    assert_eq!(find(&mut trader, "open").body["status"], "CANCELED");
    assert_same(&past.answers(&mut venue), &closed);
    until_stored(&mut trader);
    venue.stop().unwrap();
    let mut venue = desk.serve();
    assert_same(&past.answers(&mut venue), &closed);
    venue.stop().unwrap();
    assert_eq!(partitions(&server), ["4", "5"]);
    let archive = Connection::open(desk.data.join("store/archive.db")).unwrap();
    let count = |sql: &str| archive.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap().cast_unsigned();
    let here = |table: &str| ask(&server, &format!("SELECT count(*) FROM {table}")).parse::<u64>().unwrap();
    assert_eq!(count("SELECT count(*) FROM closed_orders") + here("orders"), orders);
    assert_eq!(count("SELECT count(*) FROM closed_order_fills") + here("order_fills"), fills);
    desk.verify();
}

fn assert_same(found: &[(String, String)], expected: &[(String, String)]) {
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}

/// A venue whose first three ranges have gone, stopped.
fn retired(server: &Server, desk: &Desk) -> Past {
    let mut venue = desk.serve();
    let past = Past::new(desk, &mut venue, 900);
    let mut trader = past.market.trader(&mut venue);
    until("ranges are gone", || ranges(&mut trader, "shard-1") == 3);
    until_stored(&mut trader);
    venue.stop().unwrap();
    assert_eq!(partitions(server).first().map(String::as_str), Some("3"));
    past
}

#[test]
fn rows_that_were_changed_in_the_archive_are_found() {
    let (server, desk) = with_server();
    let desk = retiring(&desk);
    retired(&server, &desk);
    desk.verify();
    let file = desk.data.join("store/archive.db");
    settle(&file);
    let whole = fs::read(&file).unwrap();
    let cases = [
        (
            "UPDATE closed_orders SET price = price + 1 WHERE order_id = (SELECT min(order_id) FROM closed_orders)",
            "different: order: ",
        ),
        ("DELETE FROM closed_orders WHERE order_id = 17", "missing: order: "),
        ("DELETE FROM closed_order_fills WHERE order_id = 17", "missing: fill: "),
        ("UPDATE closed_orders SET order_id = 1000000 WHERE order_id = 17", "orphan"),
        ("UPDATE closed_orders SET last_seq = 100000000 WHERE order_id = 17", "from after the end of the logs"),
        (
            "UPDATE closed_orders SET symbol_id = 99 WHERE order_id = 17",
            "are not checked, nor are the orders of shards",
        ),
        ("UPDATE closed_orders SET symbol_id = 99 WHERE order_id = 17", "symbol 99"),
        ("UPDATE closed_orders SET status = 'new', close_reason = NULL WHERE order_id = 17", "order 17 is open"),
        // What is noted of them.
        (
            "DELETE FROM closed_orders WHERE order_id = (SELECT max(order_id) FROM closed_orders)",
            "closed orders in the archive: rows are missing: they go to order ",
        ),
        (
            "DELETE FROM closed_order_fills WHERE trade_id = (SELECT max(trade_id) FROM closed_order_fills)",
            "closed orders in the archive: rows are missing: they go to order ",
        ),
        ("UPDATE closed_orders_extent SET order_id = order_id - 1", "closed orders in the archive: they go to order "),
        ("UPDATE closed_orders_extent SET trade_id = trade_id - 1", "closed orders in the archive: they go to order "),
        ("UPDATE closed_orders_extent SET last_seq = last_seq - 1", "shard-1 gave up closed orders up to sequence"),
        ("UPDATE closed_orders_extent SET last_seq = last_seq + 1", "closed orders in the archive: rows are missing"),
        ("UPDATE closed_orders_extent SET last_seq = last_seq + 1000000", "past the end of the logs"),
        ("UPDATE closed_orders_extent SET time = time + 1", "closed orders in the archive: rows are missing"),
        ("UPDATE closed_orders_extent SET additions = additions - 1", "shard-1 gave up closed orders up to sequence"),
        ("DELETE FROM closed_orders_extent", "shard-1 gave up closed orders up to sequence"),
        ("UPDATE closed_orders_extent SET venue = zeroblob(16)", "they are another venue's"),
    ];
    for (change, names) in cases {
        let archive = Connection::open(&file).unwrap();
        assert!(archive.execute(change, []).unwrap() > 0, "{change}");
        drop(archive);
        let said = desk.refused_verify();
        assert!(said.contains(names) && said.contains("WRONG"), "{change}: {said}");
        remove(&file);
        fs::write(&file, &whole).unwrap();
    }
    desk.verify();
    // A row that is in both places must be the same.
    let row = "17, placed_seq, placed_time, last_seq, updated_time, user_id, symbol_id, maker_ppm, taker_ppm, side, kind, time_in_force,
               price, placed_quantity, placed_quote, client_order_id, quantity, executed, executed_quote, status, close_reason";
    ask(
        &server,
        &format!("SELECT add_order_range(0); INSERT INTO orders SELECT {row} FROM orders ORDER BY order_id LIMIT 1"),
    );
    let said = desk.refused_verify();
    assert!(said.contains("rows are others than among the closed orders in the archive"), "{said}");
}

#[test]
fn an_archive_that_lacks_them_and_one_of_another_venue_are_refused() {
    let (server, desk) = with_server();
    let desk = retiring(&desk);
    retired(&server, &desk);
    let file = desk.data.join("store/archive.db");
    let kept = desk.beside("archive.db");
    settle(&file);
    fs::copy(&file, &kept).unwrap();
    // Whoever is refused takes nothing from whoever is not.
    let holder = || ask(&server, "SELECT epoch, start FROM retirer");
    let before = holder();
    let archive = Connection::open(&file).unwrap();
    archive.execute("UPDATE closed_orders_extent SET venue = zeroblob(16)", []).unwrap();
    drop(archive);
    let said = desk.refused_start();
    assert!(said.contains("are another venue's"), "{said}");
    remove(&file);
    let said = desk.refused_start();
    assert!(said.contains("shard-1 gave up closed orders up to sequence") && said.contains("a newer copy"), "{said}");
    remove(&file);
    fs::copy(&kept, &file).unwrap();
    // As in a copy from between two ranges, the later of which has older rows.
    let archive = Connection::open(&file).unwrap();
    archive.execute("UPDATE closed_orders_extent SET additions = additions - 1", []).unwrap();
    drop(archive);
    let said = desk.refused_start();
    assert!(said.contains("shard-1 gave up closed orders") && said.contains("additions"), "{said}");
    remove(&file);
    fs::copy(&kept, &file).unwrap();
    // As it is where all but the archive was restored to an earlier point.
    let archive = Connection::open(&file).unwrap();
    archive.execute("UPDATE closed_orders_extent SET last_seq = last_seq + 1000000", []).unwrap();
    drop(archive);
    let said = desk.refused_start();
    assert!(said.contains("the journal ends before what a store already has"), "{said}");
    remove(&file);
    fs::copy(&kept, &file).unwrap();
    assert_eq!(holder(), before);
    desk.serve().stop().unwrap();
    assert_ne!(holder(), before);
    desk.verify();
}

#[test]
fn a_venue_goes_on_without_closed_orders_that_are_lost() {
    let (server, desk) = with_server();
    let desk = retiring(&desk);
    retired(&server, &desk);
    let forget = |arguments: &[&str]| {
        let output = desk.binary.run(&[&["follower", "forget-retired"], arguments].concat(), &desk.data).unwrap();
        (output.status.success(), said(&output))
    };
    let (went, words) = forget(&["--yes"]);
    assert!(went && words.contains("shard-1: nothing that it gave up is lost"), "{words}");
    let archive = Connection::open(desk.data.join("store/archive.db")).unwrap();
    archive.execute("UPDATE closed_orders_extent SET venue = zeroblob(16)", []).unwrap();
    drop(archive);
    let (went, words) = forget(&["--yes"]);
    assert!(!went && words.contains("are another venue's"), "{words}");
    remove(&desk.data.join("store/archive.db"));
    assert!(desk.refused_start().contains("forget-retired"));
    let (went, words) = forget(&[]);
    assert!(!went && words.contains("shard-1 gave up closed orders") && words.contains("with --yes"), "{words}");
    let (went, words) = forget(&["--yes"]);
    assert!(went && words.contains("ranges are lost, in which"), "{words}");
    let (went, words) = forget(&["--yes"]);
    assert!(went && words.contains("nothing that it gave up is lost"), "{words}");
    desk.serve().stop().unwrap();
    // What is lost stays a finding as far as the logs reach back.
    assert!(desk.refused_verify().contains("WRONG shard-1/symbols"));
}

#[test]
fn closed_orders_that_are_lost_are_made_again_where_the_logs_reach_back() {
    let (server, desk) = with_server();
    let desk = retiring(&desk);
    let past = retired(&server, &desk);
    remove(&desk.data.join("store/archive.db"));
    for statement in ["DROP DATABASE", "CREATE DATABASE"] {
        server.query("postgres", &format!("{statement} {DATABASE}")).unwrap();
    }
    let mut venue = desk.serve();
    until_stored(&mut past.market.trader(&mut venue));
    venue.stop().unwrap();
    desk.verify();
}

#[test]
fn nothing_goes_while_the_archive_is_away() {
    let (server, desk) = with_server();
    let desk = retiring(&desk);
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 1);
    let mut trader = market.trader(&mut venue);
    until_stored(&mut trader);
    let mut archive = Connection::open(desk.data.join("store/archive.db")).unwrap();
    archive.busy_timeout(PATIENCE).unwrap();
    let taken = archive.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
    for number in 0..600 {
        place(&mut trader, "BUY", 100, &format!("a-{number}"));
        assert_eq!(cancel(&mut trader, &format!("a-{number}")).status, 200);
    }
    until("the status says what is waited for", || {
        let held = retirement(&mut trader, "shard-1")["held"]["why"].clone();
        held.as_str().is_some_and(|why| why.starts_with("archive/") && why.contains("for good yet"))
    });
    assert_eq!(ranges(&mut trader, "shard-1"), 0);
    assert_eq!(partitions(&server), ["0", "1", "2", "3"]);
    drop(taken);
    until("they go when it is back", || ranges(&mut trader, "shard-1") == 2);
    until_stored(&mut trader);
    venue.stop().unwrap();
    desk.verify();
}

#[test]
fn old_orders_go_to_a_document_database_and_are_read_there() {
    let (server, desk) = with_server();
    let mut mongo = documents::Server::temporary(documents::Kind::MongoDb).unwrap();
    let file = desk.beside("venue.toml");
    let shards = fs::read_to_string(&file).unwrap();
    let url = format!("{}/closed", mongo.url());
    let place = format!("[[archives]]\nname = \"mongo\"\nkind = \"mongodb\"\nurl = \"{url}\"\n");
    fs::write(&file, format!("[archive]\nclosed_orders = \"mongo\"\n{shards}{place}")).unwrap();
    let mut venue = desk.serve();
    let past = Past::new(&desk, &mut venue, 900);
    let mut trader = past.market.trader(&mut venue);
    until_stored(&mut trader);
    venue.stop().unwrap();
    let mut venue = desk.serve();
    let before = past.answers(&mut venue);
    venue.stop().unwrap();

    // Taken away while rows are on their way, nothing goes that it does not have.
    let desk = retiring(&desk);
    let mut venue = desk.serve();
    let mut trader = past.market.trader(&mut venue);
    // It is not always the first to go: autovacuum may be at it.
    until("the oldest range is gone", || partitions(&server)[0] != "0");
    mongo.kill().unwrap();
    // Both are the first trader's.
    let (old, new) = (past.orders[0], past.orders[past.orders.len() - 2]);
    let mut ask = |order: u64| trader.ask("GET", "/api/v3/order", &format!("symbol=BTCUSDT&orderId={order}")).unwrap();
    let refused = ask(old);
    assert_eq!((refused.status, &refused.body["code"]), (503, &json!(-5021)), "{}", refused.body);
    assert_eq!(ask(new).status, 200, "a shard still has it");
    mongo.restart().unwrap();
    until("it is read again", || ask(old).status == 200);
    until("all old ranges are gone", || ranges(&mut trader, "shard-1") == 3);
    assert_same(&past.answers(&mut venue), &before);
    until_stored(&mut trader);
    venue.kill().unwrap();
    let mut venue = desk.serve();
    assert_same(&past.answers(&mut venue), &before);
    venue.stop().unwrap();
    assert_eq!(partitions(&server)[0], "3");
    let said = desk.verify();
    assert!(said.contains("among the closed orders in the archive only"), "{said}");
    documents_changed_by_hand_are_found(&desk, &mongo);
}

/// A document of somebody else, one that says nothing, and one that is gone.
fn documents_changed_by_hand_are_found(desk: &Desk, mongo: &documents::Server) {
    let stranger = ObjectId::new();
    let change = |collection: &str, act: &str| {
        let (query, set) = match act {
            "last" => (doc! { "order_id": -1 }, None),
            "first" => (doc! { "order_id": 1 }, Some(doc! { "$set": { "price": "none" } })),
            _ => (doc! {}, None),
        };
        archives::ask(mongo, "closed", async |database| {
            let documents = database.collection::<Document>(collection);
            let found = documents.find_one(doc! {}).sort(query).await.unwrap().unwrap();
            let id = doc! { "_id": found.get("_id").unwrap() };
            match (act, set) {
                ("stranger", _) => drop(documents.insert_one(doc! { "_id": stranger }).await.unwrap()),
                (_, Some(set)) => drop(documents.update_one(id, set).await.unwrap()),
                _ => drop(documents.delete_one(id).await.unwrap()),
            }
            found
        })
    };
    let put_back = |collection: &str, document: &Document| {
        archives::ask(mongo, "closed", async |database| {
            let documents = database.collection::<Document>(collection);
            documents.delete_one(doc! { "_id": stranger }).await.unwrap();
            documents.delete_one(doc! { "_id": document.get("_id").unwrap() }).await.unwrap();
            documents.insert_one(document).await.unwrap();
        });
    };
    for (collection, act, says) in [
        ("closed_orders", "last", "closed orders in the archive: rows are missing: they go to order "),
        ("closed_orders", "first", "closed orders in the archive are not checked"),
        ("closed_orders", "stranger", "closed_orders: the id ObjectId("),
        ("closed_order_fills", "stranger", "closed_order_fills: the id ObjectId("),
    ] {
        let found = change(collection, act);
        let said = desk.refused_verify();
        assert!(said.contains(says) && said.contains("ok    mongo/reference at "), "{collection} {act}: {said}");
        put_back(collection, &found);
    }
    desk.verify();
}

#[test]
fn a_range_that_somebody_reads_stays_until_nobody_does() {
    let (server, desk) = with_server();
    let mut venue = desk.serve();
    let past = Past::new(&desk, &mut venue, 600);
    until_stored(&mut past.market.trader(&mut venue));
    venue.stop().unwrap();
    let reading = server.session(DATABASE, "BEGIN; SELECT count(*) FROM orders; SELECT pg_sleep(600)").unwrap();
    until("somebody reads", || {
        ask(&server, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1"
    });
    let desk = retiring(&desk);
    let mut venue = desk.serve();
    let mut trader = past.market.trader(&mut venue);
    until("it is held", || {
        let held = retirement(&mut trader, "shard-1")["held"]["why"].clone();
        held.as_str().is_some_and(|why| why.contains("somebody reads the tables"))
    });
    // Nobody who writes or reads is held up.
    place(&mut trader, "BUY", 100, "meanwhile");
    until_stored(&mut trader);
    assert_eq!(ranges(&mut trader, "shard-1"), 0);
    drop(reading);
    until("they go", || ranges(&mut trader, "shard-1") == 2);
    venue.stop().unwrap();
    desk.verify();
}

#[test]
fn a_rewind_brings_back_what_was_open() {
    let (server, desk) = with_server();
    let desk = retiring(&desk);
    let mut venue = desk.serve();
    let mut past = Past::new(&desk, &mut venue, 100);
    let mut trader = past.market.trader(&mut venue);
    let mut seller = venue.client(&past.market.traders[1]).unwrap();
    let partly = limit_of_three(&mut trader);
    place(&mut seller, "SELL", 70, "sold-0");
    let open: Vec<u64> = (0..30).map(|number| place(&mut trader, "BUY", 60, &format!("kept-{number}"))).collect();
    until_stored(&mut trader);
    venue.stop().unwrap();
    let backup = desk.beside("backup");
    copy(&desk.data, &backup);

    let mut venue = desk.serve();
    let mut trader = past.market.trader(&mut venue);
    let mut seller = venue.client(&past.market.traders[1]).unwrap();
    place(&mut seller, "SELL", 70, "sold-1");
    place(&mut seller, "SELL", 70, "sold-2");
    for number in 0..30 {
        assert_eq!(cancel(&mut trader, &format!("kept-{number}")).status, 200);
    }
    past.go_on(&mut venue, 700);
    until("they are gone", || ranges(&mut trader, "shard-1") == 3);
    assert_eq!(find(&mut trader, "kept-3").body["status"], "CANCELED");
    until_stored(&mut trader);
    venue.stop().unwrap();
    assert_eq!(partitions(&server).first().map(String::as_str), Some("3"));
    desk.verify();
    for part in ["journal", "events", "snapshots"] {
        fs::remove_dir_all(desk.data.join(part)).unwrap();
        copy(&backup.join(part), &desk.data.join(part));
    }
    let output = desk.binary.run(&["follower", "rewind"], &desk.data).unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("are no longer in the archive"), "{}", said(&output));
    desk.verify();
    let mut venue = desk.serve();
    let mut trader = past.market.trader(&mut venue);
    let found = find(&mut trader, "kept-3").body;
    assert_eq!((&found["status"], &found["orderId"]), (&Value::from("NEW"), &Value::from(open[3])), "{found}");
    let of_partly = format!("symbol=BTCUSDT&orderId={partly}");
    let found = trader.get("/api/v3/order", &of_partly).unwrap();
    assert_eq!(
        (&found["status"], &found["executedQty"]),
        (&json!("PARTIALLY_FILLED"), &json!("0.00010000")),
        "{found}"
    );
    let trades = trader.get("/api/v3/myTrades", &of_partly).unwrap();
    assert_eq!(trades.as_array().unwrap().len(), 1, "of three, one was before the fork: {trades}");
    // On from there, and out again.
    for number in 0..30 {
        assert_eq!(cancel(&mut trader, &format!("kept-{number}")).status, 200);
    }
    assert_eq!(cancel(&mut trader, "partly").status, 200);
    past.go_on(&mut venue, 300);
    until("they are gone again", || partitions(&server).first().map(String::as_str) != Some("0"));
    assert_eq!(find(&mut trader, "kept-3").body["status"], "CANCELED");
    until_stored(&mut trader);
    venue.stop().unwrap();
    desk.verify();
}

/// An order of three lots, of which one trades before the backup.
fn limit_of_three(trader: &mut Client) -> u64 {
    let query = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.0003&price=70&newClientOrderId=partly&newOrderRespType=ACK";
    let answer = trader.ask("POST", "/api/v3/order", query).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["orderId"].as_u64().unwrap()
}

/// What is killed while ranges go.
#[derive(Debug, Clone, Copy)]
enum Kill {
    Venue,
    Server,
    Both,
}

/// While everybody trades and reads, symbols move and ranges go, whatever dies: nobody misses an order or a trade.
#[test]
fn ranges_go_while_everybody_trades_and_things_die() {
    let mut field = Field::with_ranges(WIDTH);
    let crowd = Crowd::start(&field);
    crowd.until_more(400);
    for (round, kill) in [Kill::Venue, Kill::Server, Kill::Both, Kill::Venue].into_iter().enumerate() {
        println!("round {round}: {kill:?}");
        let subject = crate::field::symbol(round % SYMBOLS.len());
        let to = field.begin(&subject);
        crowd.until_more(150 + 11 * round);
        if let Kill::Server | Kill::Both = kill {
            field.restart_server(round % SHARDS.len());
        }
        if let Kill::Venue | Kill::Both = kill {
            field.kill_venue();
            field.start_venue();
        }
        field.until_moved(&subject, to);
        crowd.until_more(150);
        crowd.until_read(4);
    }
    let acknowledged = crowd.stop();
    // What is left open would hold its range.
    for trader in 0..2 {
        let mut client = field.client(&field.traders[trader]);
        for symbol in SYMBOLS {
            let canceled = client.ask("DELETE", "/api/v3/openOrders", &format!("symbol={symbol}")).unwrap();
            assert!(canceled.status == 200 || canceled.code() == Some(-2011), "{}", canceled.body);
        }
    }
    field.until_quiet();
    let mut client = field.client(&field.admin);
    // One that was held is tried again after up to a minute.
    until_within(3 * PATIENCE, "old ranges are gone from every shard", || {
        SHARDS.iter().all(|shard| {
            let shown = retirement(&mut client, shard);
            shown["ranges"].as_u64().unwrap_or(0) > 0 && shown["held"].is_null() && shown["trouble"].is_null()
        })
    });
    for trader in 0..2 {
        let mut client = field.client(&field.traders[trader]);
        for number in 0..SYMBOLS.len() {
            assert!(read(&mut client, trader, number, &acknowledged), "the venue is there");
        }
    }
    field.venue.take().unwrap().stop().unwrap();
    let said = field.desk.verify();
    assert!(said.contains("among the closed orders in the archive only"), "{said}");
    assert!(closed_orders(&field.desk.data) > 300);
}

fn closed_orders(data: &Path) -> i64 {
    let archive = Connection::open(data.join("store/archive.db")).unwrap();
    archive.query_row("SELECT count(*) FROM closed_orders", [], |row| row.get(0)).unwrap()
}

#[test]
fn settings_that_cannot_be_are_refused() {
    let refused = |text: &str| {
        let desk = Desk::new();
        let file = desk.beside("venue.toml");
        fs::write(&file, text).unwrap();
        desk.with("CONFIG", file.display()).refused_start()
    };
    let shard = "[[shards]]\nname = \"a\"\nurl = \"postgres://127.0.0.1/a\"\n";
    let said = refused("hot_days = 3");
    assert!(said.contains("hot_days is for PostgreSQL shards"), "{said}");
    let said = refused(&format!("hot_days = 36501\n{shard}"));
    assert!(said.contains("hot_days must be at most 36500"), "{said}");
    let said = refused(&format!("{shard}range_orders = 1000"));
    assert!(said.contains("must be a power of two from 256 to 1073741824"), "{said}");
}
