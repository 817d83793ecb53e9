//! A venue whose orders and money go into PostgreSQL: the server killed, away, wrong, restored to an earlier point.

use std::fs;

use outside::client::Client;
use pg_cluster::options::Options;
use pg_cluster::server::Server;

use crate::desk::{Desk, Market, find, place, until, until_stored};

pub(crate) const DATABASE: &str = "venue";

/// A server with a database, and a desk whose venue writes there.
fn with_server() -> (Server, Desk) {
    let server = Server::temporary(&Options::default()).unwrap();
    server.create_database(DATABASE).unwrap();
    let desk = at(&server.url(DATABASE));
    (server, desk)
}

pub(crate) fn at(url: &str) -> Desk {
    let desk = Desk::new();
    let file = desk.beside("venue.toml");
    fs::write(&file, format!("[[shards]]\nname = \"shard-1\"\nurl = \"{url}\"\n")).unwrap();
    desk.with("CONFIG", file.display())
}

pub(crate) fn ask(server: &Server, sql: &str) -> String {
    server.query(DATABASE, sql).unwrap().trim().to_owned()
}

/// What keeps the followers of the shard from going on.
pub(crate) fn trouble(client: &mut Client) -> Vec<String> {
    let status = client.look("/v1/status").unwrap();
    let followers = status["followers"].as_array().unwrap().iter();
    followers.filter_map(|follower| follower["trouble"].as_str().map(str::to_owned)).collect()
}

#[test]
fn orders_are_in_sql_and_history_is_read_from_it() {
    let (server, desk) = with_server();
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 2);
    let (mut buyer, mut seller) = (market.trader(&mut venue), venue.client(&market.traders[1]).unwrap());
    place(&mut buyer, "BUY", 100, "bought");
    place(&mut seller, "SELL", 100, "sold");
    place(&mut buyer, "BUY", 90, "resting");
    until_stored(&mut buyer);
    let orders = "SELECT client_order_id, status FROM orders ORDER BY order_id";
    assert_eq!(ask(&server, orders), "bought|filled\nsold|filled\nresting|new");
    assert_eq!(ask(&server, "SELECT count(*) FROM order_fills"), "2");
    venue.stop().unwrap();
    let said = desk.verify();
    assert!(said.contains("shard-1/symbols"), "{said}");

    // Nothing is in memory now that the store does not have as well.
    let mut venue = desk.serve();
    let mut buyer = market.trader(&mut venue);
    let all = buyer.get("/api/v3/allOrders", "symbol=BTCUSDT").unwrap();
    assert_eq!(all.as_array().unwrap().len(), 2, "{all}");
    assert_eq!(find(&mut buyer, "bought").body["status"], "FILLED");
    venue.stop().unwrap();

    // A row that was changed by hand is found.
    ask(&server, "UPDATE order_fills SET price = price + 1 WHERE liquidity = 'maker'");
    let said = desk.refused_verify();
    assert!(said.contains("shard-1/symbols") && said.contains("different"), "{said}");
}

#[test]
fn a_server_that_dies_delays_only_itself() {
    let (mut server, desk) = with_server();
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 1);
    let mut trader = market.trader(&mut venue);
    let mut placed = 0;
    let some = |trader: &mut Client, placed: &mut u32| {
        for _ in 0..50 {
            place(trader, "BUY", 100, &format!("order-{placed}"));
            *placed += 1;
        }
    };
    for _ in 0..3 {
        some(&mut trader, &mut placed);
        server.kill().unwrap();
        // Accepted and found meanwhile; what only the store has is refused, not made up.
        some(&mut trader, &mut placed);
        assert_eq!(find(&mut trader, &format!("order-{}", placed - 1)).status, 200);
        until("the status says what is wrong", || !trouble(&mut trader).is_empty());
        server.restart().unwrap();
        some(&mut trader, &mut placed);
        until_stored(&mut trader);
        assert_eq!(trouble(&mut trader), Vec::<String>::new());
    }
    assert_eq!(
        ask(&server, "SELECT count(*), count(DISTINCT client_order_id) FROM orders"),
        format!("{placed}|{placed}")
    );
    // Both at once.
    some(&mut trader, &mut placed);
    venue.kill().unwrap();
    server.kill().unwrap();
    server.restart().unwrap();
    let mut venue = desk.serve();
    let mut trader = market.trader(&mut venue);
    until_stored(&mut trader);
    venue.stop().unwrap();
    desk.verify();
}

#[test]
fn a_server_restored_from_an_earlier_copy_is_written_again() {
    let (mut server, desk) = with_server();
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 1);
    let mut trader = market.trader(&mut venue);
    place(&mut trader, "BUY", 100, "before");
    until_stored(&mut trader);
    let copy = server.folder().join("earlier");
    server.copy_to(&copy).unwrap();
    for number in 0..100 {
        place(&mut trader, "BUY", 100, &format!("later-{number}"));
    }
    until_stored(&mut trader);
    server.kill().unwrap();
    server.restore(&copy).unwrap();
    server.restart().unwrap();
    place(&mut trader, "BUY", 100, "after");
    until("the lost rows are there again", || {
        server.query(DATABASE, "SELECT count(*) FROM orders").is_ok_and(|count| count.trim() == "102")
    });
    let all = trader.get("/api/v3/allOrders", "symbol=BTCUSDT").unwrap();
    assert_eq!(all.as_array().unwrap().len(), 102);
    venue.stop().unwrap();
    desk.verify();
}

#[test]
fn a_start_without_its_server_serves_and_catches_up() {
    let (mut server, desk) = with_server();
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 1);
    let mut trader = market.trader(&mut venue);
    place(&mut trader, "BUY", 100, "before");
    until_stored(&mut trader);
    venue.stop().unwrap();
    server.kill().unwrap();

    let mut venue = desk.serve();
    let mut trader = market.trader(&mut venue);
    place(&mut trader, "BUY", 100, "meanwhile");
    assert_eq!(trader.ask("GET", "/api/v3/allOrders", "symbol=BTCUSDT").unwrap().status, 503);
    until("the status says what is wrong", || trouble(&mut trader).iter().any(|why| why.contains("connect")));
    server.restart().unwrap();
    until_stored(&mut trader);
    let all = trader.get("/api/v3/allOrders", "symbol=BTCUSDT").unwrap();
    assert_eq!(all.as_array().unwrap().len(), 2, "{all}");
    venue.stop().unwrap();
    desk.verify();
}

#[test]
fn a_database_of_another_venue_is_refused() {
    let (server, first) = with_server();
    let mut venue = first.serve();
    let market = Market::open(&first, &mut venue, 1);
    until_stored(&mut market.trader(&mut venue));
    venue.stop().unwrap();
    let second = at(&server.url(DATABASE));
    let mut venue = Desk::new().at(second.data.clone()).serve();
    let market = Market::open(&Desk::new().at(second.data.clone()), &mut venue, 1);
    until_stored(&mut market.trader(&mut venue));
    venue.stop().unwrap();
    let said = second.refused_start();
    assert!(said.contains("follows another venue"), "{said}");
    first.verify();
}

#[test]
fn migrate_says_what_it_did() {
    let (_server, desk) = with_server();
    let migrate = || {
        let output = desk.binary.command(&["migrate"]).output().unwrap();
        assert!(output.status.success(), "{}", outside::process::said(&output));
        outside::process::said(&output)
    };
    assert!(migrate().contains("shard-1: schema 0 brought to"));
    assert!(migrate().contains("up to date"));
}

#[test]
fn a_router_is_built_and_asked() {
    let (server, desk) = with_server();
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 2);
    let (mut buyer, mut seller) = (market.trader(&mut venue), venue.client(&market.traders[1]).unwrap());
    place(&mut buyer, "BUY", 100, "bought");
    place(&mut seller, "SELL", 100, "sold");
    until_stored(&mut buyer);
    server.create_database("router").unwrap();
    let url = server.url("router");
    let router = |arguments: &[&str]| {
        let arguments: Vec<_> = ["shards", "router", "--url", &url].iter().chain(arguments).copied().collect();
        let output = desk.binary.command(&arguments).output().unwrap();
        (output.status.success(), outside::process::said(&output))
    };
    let (built, said) = router(&[]);
    assert!(built && said.contains("shard-1: shard 0, symbols through"), "{said}");
    let (again, said) = router(&[]);
    assert!(again && said.contains(" 0 objects made, 0 dropped"), "{said}");
    let fills = server.query(
        "router",
        "SELECT client_order_id, f.liquidity FROM orders JOIN order_fills AS f USING (shard_id, order_id) ORDER BY 1",
    );
    assert_eq!(fills.unwrap(), "bought|maker\nsold|taker");
    let turnover = server.query("router", "SELECT sum(quote), bool_and(settled) FROM v_turnover_by_user").unwrap();
    assert_eq!(turnover, "0.02|t");

    // As somebody who may only read.
    let eyes = format!("shard-1=postgres://eyes:see@127.0.0.1:{}/{DATABASE}", server.port());
    ask(&server, "CREATE ROLE eyes LOGIN PASSWORD 'see'");
    let (is_built, said) = router(&["--through", &eyes]);
    assert!(!is_built && said.contains("permission denied for schema routed"), "{said}");
    ask(&server, "GRANT USAGE ON SCHEMA routed TO eyes; GRANT SELECT ON ALL TABLES IN SCHEMA routed TO eyes");
    let (is_built, said) = router(&["--through", &eyes]);
    assert!(is_built, "{said}");
    assert_eq!(server.query("router", "SELECT count(*) FROM v_order_fills").unwrap(), "2");
    let user = server.query("router", "SELECT DISTINCT umoptions FROM pg_user_mappings").unwrap();
    assert_eq!(user, "{user=eyes,password=see}");
    let (is_built, said) = router(&["--through", "shard-9=postgres://x@localhost/y"]);
    assert!(!is_built && said.contains("no shard of this name"), "{said}");
    venue.stop().unwrap();
}
