//! What can be wrong with a PostgreSQL server: the status names it, orders are taken meanwhile, and once it is mended nothing is missing.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};

use outside::client::Client;
use outside::process::said;
use pg_cluster::options::Options;
use pg_cluster::server::Server;

use crate::desk::{Market, cancel, find, limit, place, until, until_stored};
use crate::full_disk::{SmallDisk, fill};
use crate::postgres::{DATABASE, ask, at, trouble};

/// A server that is not asked to survive anything, and where its database will be, with an owner whose rights can be taken.
fn with_owner() -> (Server, String) {
    let server = Server::temporary(&Options::default().without_fsync()).unwrap();
    let password = server.url("").split(['@', ':']).nth(2).unwrap().to_owned();
    let url = server.url(DATABASE).replace(&format!("postgres:{password}"), "venue:right");
    server.query("postgres", "CREATE ROLE venue LOGIN PASSWORD 'right'").unwrap();
    (server, url)
}

fn make_database(server: &Server, with: &str) {
    server.query("postgres", &format!("CREATE DATABASE {DATABASE} OWNER venue {with}")).unwrap();
}

/// Places an order that must be taken and found at once, whatever is the matter with the server.
fn order(trader: &mut Client, placed: &mut u32) {
    let name = format!("order-{placed}");
    place(trader, "BUY", 100, &name);
    assert_eq!(find(trader, &name).status, 200);
    *placed += 1;
}

fn until_trouble(trader: &mut Client, words: &str) {
    until(words, || trouble(trader).iter().any(|why| why.contains(words)));
}

/// What is done to a server, how it is mended, and what must be said of it.
const TROUBLES: [(&str, &str, &str); 4] = [
    ("ALTER ROLE venue PASSWORD 'other'", "ALTER ROLE venue PASSWORD 'right'", "mend the password"),
    (
        "ALTER ROLE venue SET default_transaction_read_only = on",
        "ALTER ROLE venue RESET default_transaction_read_only",
        "does not allow writes",
    ),
    ("ALTER ROLE venue CONNECTION LIMIT 0", "ALTER ROLE venue CONNECTION LIMIT -1", "too many connections"),
    (
        "INSERT INTO refinery_schema_history VALUES (999, 'newer', '2030-01-01T00:00:00Z', '1')",
        "DELETE FROM refinery_schema_history WHERE version = 999",
        "use a newer program",
    ),
];

#[test]
fn what_is_wrong_is_named_and_made_good() {
    let (server, url) = with_owner();
    make_database(&server, "");
    let desk = at(&url);
    fs::write(desk.beside("venue.toml"), format!("[[shards]]\nname = \"shard-1\"\nurl = \"{url}\"\nmigrate = false\n"))
        .unwrap();
    // A schema older than this program: there is none.
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 1);
    let (mut trader, mut placed) = (market.trader(&mut venue), 0);
    order(&mut trader, &mut placed);
    until_trouble(&mut trader, "run `buttonwood migrate`");
    let output = desk.binary.command(&["migrate"]).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    until_stored(&mut trader);

    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'buttonwood%'";
    for (harm, mend, words) in TROUBLES {
        ask(&server, harm);
        ask(&server, end);
        order(&mut trader, &mut placed);
        until_trouble(&mut trader, words);
        order(&mut trader, &mut placed);
        ask(&server, mend);
        until_stored(&mut trader);
        assert_eq!(trouble(&mut trader), Vec::<String>::new(), "{words}");
    }

    // A statement that takes too long, or that somebody cancels.
    let held = server.session(DATABASE, "BEGIN; LOCK TABLE open_orders; SELECT pg_sleep(600)").unwrap();
    let locked =
        "SELECT count(*) FROM pg_locks WHERE relation = 'open_orders'::regclass AND mode = 'AccessExclusiveLock'";
    until("the table is locked", || ask(&server, locked) == "1");
    order(&mut trader, &mut placed);
    let cancel = "SELECT count(*) FROM (SELECT pg_cancel_backend(pid) FROM pg_stat_activity
                  WHERE wait_event_type = 'Lock' AND application_name = 'buttonwood symbols') AS canceled";
    until("a writer waits", || ask(&server, cancel) != "0");
    until_trouble(&mut trader, "longer than the venue allows");
    drop(held);
    until_stored(&mut trader);

    let count = "SELECT count(*), count(DISTINCT client_order_id) FROM orders";
    assert_eq!(ask(&server, count), format!("{placed}|{placed}"));
    venue.stop().unwrap();
    desk.verify();
}

#[test]
fn a_server_without_room_is_waited_for() {
    let (server, url) = with_owner();
    let Some(disk) = SmallDisk::mount(server.folder().join("disk")) else {
        println!("skipped: this user may not mount a small file system");
        return;
    };
    let owner = fs::metadata(server.data()).unwrap();
    chown(disk.path(), Some(owner.uid()), Some(owner.gid())).unwrap();
    let place_in = format!("CREATE TABLESPACE small LOCATION '{}'", disk.path().display());
    server.query("postgres", &place_in).unwrap();
    make_database(&server, "TABLESPACE small");
    let desk = at(&url);
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 1);
    let (mut trader, mut placed) = (market.trader(&mut venue), 0);
    until_stored(&mut trader);
    let ballast = disk.path().join("ballast");
    fill(&ballast);
    // Pages that are there already take some rows more.
    until("there is no room", || {
        let query = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=IOC&quantity=0.0001&price=100";
        for _ in 0..200 {
            trader.send("POST", "/api/v3/order", query).unwrap();
        }
        for _ in 0..200 {
            assert_eq!(trader.hear().unwrap().status, 200);
        }
        trouble(&mut trader).iter().any(|why| why.contains("give the server room"))
    });
    order(&mut trader, &mut placed);
    fs::remove_file(&ballast).unwrap();
    until_stored(&mut trader);
    assert_eq!(ask(&server, "SELECT count(*) FROM orders WHERE client_order_id = 'order-0'"), "1");
    venue.stop().unwrap();
    desk.verify();
    drop(server);
}

/// Commands a shard may be behind: the smallest number that can be set.
const LAG_MAX: u64 = 10_000;

#[test]
fn a_shard_that_is_away_for_long_stops_new_orders_and_nothing_else() {
    let (mut server, url) = with_owner();
    make_database(&server, "");
    let desk = at(&url).with("FOLLOWER_LAG_MAX", LAG_MAX).with("SNAPSHOT_EVERY", 2_000).with("RETAIN_HOURS", 0);
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 1);
    let (mut trader, mut placed) = (market.trader(&mut venue), 0);
    for _ in 0..20 {
        order(&mut trader, &mut placed);
    }
    until_stored(&mut trader);
    server.stop().unwrap();
    let mut traders: Vec<_> = (0..CONNECTIONS).map(|_| market.trader(&mut venue)).collect();
    let refused = until_refused(&mut traders);
    assert!(refused.contains("catching up with its records"), "{refused}");
    // The archive commits twice a second, and a fast machine takes all these orders in less than that.
    until("the archive is level, and the shard is not", || {
        let status = trader.look("/v1/status").unwrap();
        let lag = |name: &str| {
            let followers = status["followers"].as_array().unwrap();
            followers.iter().find(|follower| follower["name"] == name).unwrap()["lag"].as_u64().unwrap()
        };
        assert!(lag("shard-1/symbols") > LAG_MAX, "{status}");
        lag("archive/audit") < 100
    });
    // What is there already can be canceled and read.
    assert_eq!(cancel(&mut trader, "order-3").status, 200);
    assert_eq!(find(&mut trader, "order-4").body["status"], "NEW");
    let again = trader.ask("POST", "/api/v3/order", &limit("BUY", 100, "too-early")).unwrap();
    assert_eq!((again.status, again.code()), (503, Some(-1008)));

    server.restart().unwrap();
    until("orders are taken again", || {
        trader.ask("POST", "/api/v3/order", &limit("BUY", 100, "again")).unwrap().status == 200
    });
    let behind = |trader: &mut Client| {
        let status = trader.look("/v1/status").unwrap();
        let lags = status["followers"].as_array().unwrap().iter().map(|follower| follower["lag"].as_u64().unwrap());
        lags.max().unwrap()
    };
    // At the limit itself the next order may be one too many again.
    until("there is room for some orders", || behind(&mut trader) < LAG_MAX / 2);
    // It catches up faster than orders come in.
    until("it catches up", || {
        order(&mut trader, &mut placed);
        behind(&mut trader) < 100
    });
    until_stored(&mut trader);
    assert_eq!(ask(&server, "SELECT count(*) FROM orders WHERE client_order_id LIKE 'order-%'"), placed.to_string());
    assert_eq!(ask(&server, "SELECT count(*) FROM orders WHERE client_order_id = 'too-early'"), "0");
    venue.stop().unwrap();
    desk.verify();
}

/// Orders on their way at the same time.
const CONNECTIONS: usize = 32;

/// Sends orders that do not stay until one is refused; the words.
fn until_refused(traders: &mut [Client]) -> String {
    let query = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=IOC&quantity=0.0001&price=100&newOrderRespType=ACK";
    let mut words = None;
    until("an order is refused", || {
        for trader in &mut *traders {
            trader.send("POST", "/api/v3/order", query).unwrap();
        }
        for trader in &mut *traders {
            let answer = trader.hear().unwrap();
            if answer.status == 503 {
                words = answer.body["msg"].as_str().map(str::to_owned);
            } else {
                assert_eq!(answer.status, 200, "{}", answer.body);
            }
        }
        words.is_some()
    });
    words.unwrap()
}
