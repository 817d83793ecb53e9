//! What is read from the archive: it says what was traded, goes on after a restart and after the archive was built again.

use std::fs;

use archive_cluster::server::{self as documents, Kind};
use outside::client::Client;
use outside::process::Running;
use pg_cluster::options::Options;
use pg_cluster::server::Server;
use serde_json::{Value, json};

use crate::desk::{Desk, Market, place, until_stored};
use crate::dynamodb::url;
use crate::postgres::DATABASE;

/// A quote amount of a table in whole minor units: exact as long as it is below 2^53.
const UNITS: &str = "CAST(round(quote * 100000000) AS BIGINT)";

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

/// Amounts of this market have eight decimals.
fn units(amount: &Value) -> i64 {
    amount.as_str().unwrap().replace('.', "").parse().unwrap()
}

/// Answers SQL over the tables of the hot store with four whole numbers a row.
type Sql<'a> = &'a dyn Fn(&str) -> Vec<[i64; 4]>;

/// Of the embedded store.
fn embedded(desk: &Desk, sql: &str) -> Vec<[i64; 4]> {
    let connection = rusqlite::Connection::open(desk.data.join("store/hot.db")).unwrap();
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// Boards and analytics against SQL over `order_fills` at the same sequence.
fn equals_sql(market: &Market, venue: &mut Running, hot: Sql<'_>) {
    let mut client = market.trader(venue);
    until_stored(&mut client);
    let committed = client.look("/v1/status").unwrap()["committed"].clone();
    boards_equal_sql(market, venue, hot, &committed);
    analytics_equal_sql(&mut client, hot, &committed);
}

fn boards_equal_sql(market: &Market, venue: &mut Running, hot: Sql<'_>, committed: &Value) {
    let mut client = market.trader(venue);
    for (by, order) in [("volume", "3 DESC, 1"), ("realised", "4 DESC, 1")] {
        let expected = hot(&format!(
            "SELECT f.user_id, count(*), sum({UNITS}),
                    (SELECT CAST(round(realised * 100000000) AS BIGINT) FROM positions AS p WHERE p.user_id = f.user_id)
                 FROM order_fills AS f GROUP BY 1 ORDER BY {order}"
        ));
        assert_eq!(expected.len(), market.traders.len());
        for scope in ["asset=USDT", "symbol=BTCUSDT"] {
            // Pages of two are the whole board.
            let (mut found, mut next) = (Vec::new(), Some(1));
            while let Some(rank) = next {
                let query = format!("{scope}&period=all&by={by}&limit=2&fromRank={rank}&minSequence={committed}");
                let board = client.get("/v1/leaderboards", &query).unwrap();
                assert_eq!(&board["sequence"], committed);
                for (rank, row) in (rank..).zip(board["rows"].as_array().unwrap()) {
                    assert_eq!(row["rank"], rank);
                    let number = |name: &str| row[name].as_i64().unwrap();
                    found.push([number("userId"), number("fills"), units(&row["volume"]), units(&row["realisedPnl"])]);
                }
                next = board["nextRank"].as_u64();
            }
            assert_eq!(found, expected, "{scope} by {by}");
            // The last rank that can be asked for.
            let board = client.get("/v1/leaderboards", &format!("{scope}&by={by}&fromRank={}", u64::MAX)).unwrap();
            assert!(board["rows"].as_array().unwrap().is_empty() && board["nextRank"].is_null(), "{board}");
            for (number, key) in market.traders.iter().enumerate() {
                let mut trader = venue.client(key).unwrap();
                let query = format!("{scope}&period=all&by={by}&limit=1&minSequence={committed}");
                let board = trader.get("/v1/leaderboards", &query).unwrap();
                let own = &board["own"];
                let place = usize::try_from(own["rank"].as_u64().unwrap()).unwrap() - 1;
                assert_eq!(own["userId"].as_i64().unwrap(), expected[place][0], "trader {number}: {board}");
            }
        }
    }
    assert!(hot("SELECT 1, 2, 3, count(*) FROM positions WHERE realised + 0 <> 0")[0][3] > 2);
}

fn analytics_equal_sql(client: &mut Client, hot: Sql<'_>, committed: &Value) {
    for (interval, seconds) in [("1m", 60), ("1d", 86_400)] {
        let expected = hot(&format!(
            "SELECT time / 1000000000 / {seconds} * {seconds} * 1000, count(*) / 2, count(DISTINCT user_id),
                    CAST(sum({UNITS}) / 2 AS BIGINT) FROM order_fills GROUP BY 1 ORDER BY 1"
        ));
        let fees = hot(&format!(
            "SELECT time / 1000000000 / {seconds} * {seconds} * 1000, 0, 0,
                    sum(CAST(round(fee * 100000000) AS BIGINT)) FROM order_fills
                 WHERE fee_asset_id = (SELECT quote_asset_id FROM symbols) GROUP BY 1 ORDER BY 1"
        ));
        let (mut found, mut charged, mut next) = (Vec::new(), Vec::new(), Some(0));
        while let Some(start) = next {
            let query = format!("asset=USDT&interval={interval}&limit=1&startTime={start}");
            let page = client.get("/v1/analytics", &query).unwrap();
            assert_eq!(&page["sequence"], committed);
            for row in page["rows"].as_array().unwrap() {
                let number = |name: &str| row[name].as_i64().unwrap();
                let open = number("openTime");
                found.push([open, number("trades"), number("activeUsers"), units(&row["quoteVolume"])]);
                charged.push([open, 0, 0, units(&row["fees"])]);
            }
            next = page["nextStartTime"].as_u64();
        }
        assert_eq!((found, charged), (expected, fees), "{interval}");
    }
}

/// Everybody trades with everybody, up and down, so that there are profits and losses.
pub(crate) fn trade_around(market: &Market, venue: &mut Running, round: u64) {
    let mut clients: Vec<_> = market.traders.iter().map(|key| venue.client(key).unwrap()).collect();
    let count = clients.len();
    for step in 0..40_usize {
        let price = 100 + u64::try_from((step * 7) % 23).unwrap();
        let (maker, taker) = (step % count, (step * step + step / 3 + 1) % count);
        let (side, other) = if step % 3 == 0 { ("SELL", "BUY") } else { ("BUY", "SELL") };
        place(&mut clients[maker], side, price, &format!("m{round}-{step}"));
        place(&mut clients[taker], other, price, &format!("t{round}-{step}"));
    }
}

#[test]
fn boards_and_analytics_equal_sql_over_the_fills_also_once_the_archive_was_built_again() {
    let desk = Desk::new();
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 5);
    set_fees(&desk, &mut venue);
    trade_around(&market, &mut venue, 1);
    equals_sql(&market, &mut venue, &|sql| embedded(&desk, sql));
    venue.kill().unwrap();
    let mut venue = desk.serve();
    trade_around(&market, &mut venue, 2);
    equals_sql(&market, &mut venue, &|sql| embedded(&desk, sql));
    venue.stop().unwrap();
    forget_archive(&desk);
    let mut venue = desk.serve();
    equals_sql(&market, &mut venue, &|sql| embedded(&desk, sql));
    trade_around(&market, &mut venue, 3);
    equals_sql(&market, &mut venue, &|sql| embedded(&desk, sql));
    venue.stop().unwrap();
    desk.verify();
}

/// Of a PostgreSQL server.
fn of_server(server: &Server, sql: &str) -> Vec<[i64; 4]> {
    let number = |text: &str| text.parse().unwrap_or_else(|error| panic!("{text:?}: {error}"));
    let row = |line: &str| -> [i64; 4] { line.split('|').map(number).collect::<Vec<_>>().try_into().unwrap() };
    server.query(DATABASE, sql).unwrap().lines().map(row).collect()
}

#[test]
fn boards_in_document_databases_equal_the_sql_of_postgresql_also_built_again() {
    let server = Server::temporary(&Options::default()).unwrap();
    server.create_database(DATABASE).unwrap();
    let [mongo, dynamo] = [Kind::MongoDb, Kind::DynamoDb].map(|kind| documents::Server::temporary(kind).unwrap());
    let (shard, mongo, dynamo) = (server.url(DATABASE), format!("{}/boards", mongo.url()), url(&dynamo, "boards"));
    let places = format!(
        "[[shards]]\nname = \"shard-1\"\nurl = \"{shard}\"\n
         [[archives]]\nname = \"mongo\"\nkind = \"mongodb\"\nurl = \"{mongo}\"\n
         [[archives]]\nname = \"dynamo\"\nkind = \"dynamodb\"\nurl = \"{dynamo}\"\n"
    );
    let desk = Desk::new();
    let file = desk.beside("venue.toml");
    let desk = desk.with("CONFIG", file.display());
    let mut market = None;
    // The second time each is in the other place, built from the first command on.
    for (round, [boards, analytics]) in [(1, ["mongo", "dynamo"]), (2, ["dynamo", "mongo"])] {
        let routes = format!("[archive]\nleaderboards = \"{boards}\"\nanalytics = \"{analytics}\"\n");
        fs::write(&file, format!("{routes}{places}")).unwrap();
        let mut venue = desk.serve();
        let market = market.get_or_insert_with(|| Market::open(&desk, &mut venue, 5));
        trade_around(market, &mut venue, round);
        equals_sql(market, &mut venue, &|sql| of_server(&server, sql));
        venue.stop().unwrap();
        desk.verify();
    }
}

pub(crate) fn set_fees(desk: &Desk, venue: &mut Running) {
    let mut admin = venue.client(&desk.binary.admin_key(&desk.data).unwrap()).unwrap();
    let fees = json!({"requestId": "fees", "symbol": "BTCUSDT", "fees": {"maker": "0.001", "taker": "0.002"}});
    admin.admin("fees/symbol", &fees).unwrap();
}

pub(crate) fn forget_archive(desk: &Desk) {
    for file in ["archive.db", "archive.db-wal", "archive.db-shm"] {
        let path = desk.data.join("store").join(file);
        if path.exists() {
            std::fs::remove_file(path).unwrap();
        }
    }
}

/// What the archive says of six trades of 0.0001 BTC at 100 to 105.
fn check(market: &Market, venue: &mut Running, desk: &Desk) {
    let mut client = market.trader(venue);
    let mut admin = venue.client(&desk.binary.admin_key(&desk.data).unwrap()).unwrap();
    until_stored(&mut client);
    let committed = client.look("/v1/status").unwrap()["committed"].clone();

    let query = format!("asset=USDT&period=all&by=volume&minSequence={committed}");
    let board = client.get("/v1/leaderboards", &query).unwrap();
    assert_eq!(board["users"], 2, "{board}");
    for row in board["rows"].as_array().unwrap() {
        assert_eq!((&row["volume"], &row["fills"]), (&"0.06150000".into(), &6.into()), "{board}");
    }
    assert_eq!(board["own"]["rank"], 1, "of equal ones the older user");
    let by_symbol =
        client.get("/v1/leaderboards", &format!("symbol=BTCUSDT&period=all&limit=1&minSequence={committed}")).unwrap();
    assert_eq!(by_symbol["rows"].as_array().unwrap().len(), 1);

    let days = rows(&mut client, "/v1/analytics", "interval=1d&symbol=BTCUSDT");
    assert_eq!(sum(&days, "trades"), 6, "{days:?}");
    let minutes = rows(&mut client, "/v1/analytics", "interval=1m&startTime=0");
    assert_eq!(sum(&minutes, "trades"), 6, "{minutes:?}");
    assert!(minutes.iter().all(|minute| minute["activeUsers"] == 2), "{minutes:?}");

    let snapshots = client.look(&format!("/v1/market/snapshots?symbol=BTCUSDT&minSequence={committed}")).unwrap();
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
    let traded: u64 = klines.as_array().unwrap().iter().map(|kline| kline[8].as_u64().unwrap()).sum();
    assert_eq!(traded, 6, "{klines}");
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

    forget_archive(&desk);
    let mut venue = desk.serve();
    check(&market, &mut venue, &desk);
    venue.stop().unwrap();
    desk.verify();
}
