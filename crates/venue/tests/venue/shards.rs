//! A venue over several PostgreSQL shards.

use std::fs;

use outside::client::{Client, Key};
use outside::process::Running;
use pg_cluster::options::Options;
use pg_cluster::server::Server;
use serde_json::{Value, json};

use crate::desk::{Desk, copy, until, until_stored};

/// Symbols of the market, spread over the shards.
const SYMBOLS: usize = 7;
const TRADERS: usize = 5;

/// A desk whose venue writes into these databases of a server: name of the shard, then of the database.
fn desk_of(server: &Server, shards: &[&str]) -> Desk {
    for shard in shards {
        server.create_database(shard).unwrap();
    }
    let desk = Desk::new();
    let file = desk.beside("venue.toml");
    configure(&desk, server, shards);
    desk.with("CONFIG", file.display())
}

fn configure(desk: &Desk, server: &Server, shards: &[&str]) {
    let shard = |name: &&str| format!("[[shards]]\nname = \"{name}\"\nurl = \"{}\"\n", server.url(name));
    fs::write(desk.beside("venue.toml"), shards.iter().map(shard).collect::<String>()).unwrap();
}

fn server() -> Server {
    Server::temporary(&Options::default()).unwrap()
}

/// Several symbols, and traders with money for all of them.
struct Market {
    traders: Vec<Key>,
    symbols: Vec<String>,
}

impl Market {
    fn open(desk: &Desk, venue: &mut Running) -> Self {
        let admin = desk.binary.admin_key(&desk.data).unwrap();
        let mut client = venue.client(&admin).unwrap();
        let mut ask = |path: &str, body: Value| client.admin(path, &body).unwrap();
        ask("assets", json!({"requestId": "CASH", "code": "CASH", "scale": 8}));
        for number in 0..SYMBOLS {
            let base = format!("A{number}");
            ask("assets", json!({"requestId": base, "code": base, "scale": 8}));
        }
        let symbols: Vec<String> = (0..SYMBOLS).map(|number| format!("A{number}CASH")).collect();
        for (number, symbol) in symbols.iter().enumerate() {
            ask("symbols", listed(symbol, number));
        }
        let mut traders = Vec::new();
        for number in 0..TRADERS {
            let user = ask("users", json!({"requestId": format!("user-{number}")}))["userId"].as_u64().unwrap();
            let assets = (0..SYMBOLS).map(|asset| format!("A{asset}")).chain(["CASH".to_owned()]);
            for asset in assets {
                let id = format!("{asset}-{number}");
                ask("deposits", json!({"requestId": id, "userId": user, "asset": asset, "amount": "1000000"}));
            }
            let id = format!("key-{number}");
            let key = ask("keys", json!({"requestId": id, "userId": user, "roles": ["read", "trade"]}));
            let text = |name: &str| key[name].as_str().unwrap().to_owned();
            traders.push(Key { api_key: text("apiKey"), secret: text("secretKey") });
        }
        Self { traders, symbols }
    }

    /// The same traders, and so many more symbols.
    fn list(self, client: &mut Client, count: usize) -> Self {
        let codes: Vec<String> = (0..count).map(|number| format!("B{number}CASH")).collect();
        for (number, code) in codes.iter().enumerate() {
            client.admin("symbols", &listed(code, number)).unwrap();
        }
        Self { symbols: [self.symbols, codes].concat(), ..self }
    }

    fn clients(&self, venue: &mut Running) -> Vec<Client> {
        self.traders.iter().map(|key| venue.client(key).unwrap()).collect()
    }

    /// On each symbol: an order that stays, one that is canceled, and two that meet. `round` tells them from those before.
    fn trade(&self, clients: &mut [Client], round: usize) {
        for (number, symbol) in self.symbols.iter().enumerate() {
            let [one, other] = [number, number + 1].map(|trader| trader % TRADERS);
            place(&mut clients[one], symbol, "BUY", 50, &format!("rests-{round}"));
            place(&mut clients[one], symbol, "BUY", 100, &format!("buys-{round}"));
            place(&mut clients[other], symbol, "SELL", 100, &format!("sells-{round}"));
            place(&mut clients[other], symbol, "BUY", 40, &format!("goes-{round}"));
            let cancel = format!("symbol={symbol}&origClientOrderId=goes-{round}");
            let answer = clients[other].ask("DELETE", "/api/v3/order", &cancel).unwrap();
            assert_eq!(answer.status, 200, "{}", answer.body);
            // Names are for one open order: the next symbol uses them again.
            let cancel = format!("symbol={symbol}&origClientOrderId=rests-{round}");
            let answer = clients[one].ask("DELETE", "/api/v3/order", &cancel).unwrap();
            assert_eq!(answer.status, 200, "{}", answer.body);
        }
    }

    /// Everything that history has to say, whoever has it.
    fn check(&self, clients: &mut [Client], rounds: usize) {
        for (number, symbol) in self.symbols.iter().enumerate() {
            let [one, other] = [number, number + 1].map(|trader| trader % TRADERS);
            for (trader, names) in [(one, ["rests", "buys"]), (other, ["sells", "goes"])] {
                let orders = get(&mut clients[trader], "/api/v3/allOrders", &format!("symbol={symbol}&limit=1000"));
                for name in names {
                    for round in 0..rounds {
                        let name = format!("{name}-{round}");
                        let found = orders.iter().filter(|order| order["clientOrderId"] == name.as_str()).count();
                        assert_eq!(found, 1, "{symbol} {name}: {orders:?}");
                    }
                }
                let fills = get(&mut clients[trader], "/api/v3/myTrades", &format!("symbol={symbol}&limit=1000"));
                let side = trader == one;
                assert_eq!(fills.iter().filter(|fill| fill["isBuyer"] == side).count(), rounds, "{symbol}: {fills:?}");
                let id = orders.last().unwrap()["orderId"].as_u64().unwrap();
                let order = clients[trader].get("/api/v3/order", &format!("symbol={symbol}&orderId={id}")).unwrap();
                assert_eq!(order["orderId"], id);
            }
        }
        for client in clients {
            let movements = client.get("/v1/ledger", "limit=1000").unwrap();
            let movements = movements["rows"].as_array().unwrap();
            assert!(movements.len() > SYMBOLS, "deposits and trades: {movements:?}");
        }
    }
}

fn listed(symbol: &str, base: usize) -> Value {
    json!({
        "requestId": symbol, "code": symbol, "base": format!("A{}", base % SYMBOLS), "quote": "CASH",
        "tickSize": "0.01", "lotSize": "0.0001",
    })
}

fn place(client: &mut Client, symbol: &str, side: &str, price: u64, name: &str) {
    let query = format!(
        "symbol={symbol}&side={side}&type=LIMIT&timeInForce=GTC&quantity=0.0001&price={price}\
         &newClientOrderId={name}&newOrderRespType=ACK"
    );
    let answer = client.ask("POST", "/api/v3/order", &query).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
}

fn get(client: &mut Client, path: &str, query: &str) -> Vec<Value> {
    client.get(path, query).unwrap().as_array().unwrap().clone()
}

fn ask(server: &Server, shard: &str, sql: &str) -> String {
    server.query(shard, sql).unwrap().trim().to_owned()
}

fn count(server: &Server, shard: &str, table: &str) -> u64 {
    ask(server, shard, &format!("SELECT count(*) FROM {table}")).parse().unwrap()
}

#[test]
fn rows_are_spread_and_history_is_whole() {
    let (server, shards) = (server(), ["eu_1", "eu_2", "us_1"]);
    let desk = desk_of(&server, &shards);
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue);
    let mut clients = market.clients(&mut venue);
    market.trade(&mut clients, 0);
    // Some of it is in memory only, some in SQL.
    market.check(&mut clients, 1);
    until_stored(&mut clients[0]);
    market.check(&mut clients, 1);
    let orders: Vec<u64> = shards.iter().map(|shard| count(&server, shard, "orders")).collect();
    assert_eq!(orders.iter().sum::<u64>(), 4 * SYMBOLS as u64);
    assert!(orders.iter().all(|count| *count >= 8), "each has symbols of its own: {orders:?}");
    for (id, shard) in shards.iter().enumerate() {
        assert_eq!(ask(&server, shard, "SELECT shard_id FROM shard"), id.to_string());
        assert_eq!(count(&server, shard, "symbol_tenures"), SYMBOLS as u64);
        assert_eq!(count(&server, shard, "orders"), count(&server, shard, "owned_orders"));
        assert!(count(&server, shard, "owned_users") >= 1);
    }
    venue.stop().unwrap();
    let said = desk.verify();
    for shard in shards {
        assert!(said.contains(&format!("ok    {shard}/symbols")), "{said}");
    }

    // Nothing is in memory now that the shards do not have as well.
    let mut venue = desk.serve();
    let mut clients = market.clients(&mut venue);
    market.check(&mut clients, 1);
    venue.stop().unwrap();

    // A row of somebody else's symbol is found, and so is one that is missing.
    let foreign = "INSERT INTO positions (user_id, symbol_id, last_seq, quantity, cost, realised)
                   SELECT 1, s.symbol_id, 1, 0, 0, 0 FROM symbols AS s WHERE symbol_id NOT IN (SELECT symbol_id FROM owned_symbols) LIMIT 1";
    ask(&server, "eu_2", foreign);
    let said = desk.refused_verify();
    assert!(said.contains("WRONG eu_2/symbols") && said.contains("orphan"), "{said}");
}

#[test]
fn a_configuration_that_does_not_fit_is_refused() {
    let (server, shards) = (server(), ["a", "b"]);
    let desk = desk_of(&server, &shards);
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue);
    let mut clients = market.clients(&mut venue);
    market.trade(&mut clients, 0);
    until_stored(&mut clients[0]);
    venue.stop().unwrap();

    // Each has the other's URL.
    let file = desk.beside("venue.toml");
    let swapped = format!(
        "[[shards]]\nname = \"a\"\nurl = \"{}\"\n[[shards]]\nname = \"b\"\nurl = \"{}\"\n",
        server.url("b"),
        server.url("a")
    );
    fs::write(&file, swapped).unwrap();
    let said = desk.refused_start();
    assert!(said.contains("the shard \"a\" a database that is that of the shard \"b\""), "{said}");

    // A new shard with a database that is another's.
    let taken = format!(
        "[[shards]]\nname = \"a\"\nurl = \"{}\"\n[[shards]]\nname = \"c\"\nurl = \"{}\"\n",
        server.url("a"),
        server.url("b")
    );
    fs::write(&file, taken).unwrap();
    let said = desk.refused_start();
    assert!(said.contains("the shard \"c\" a database that is that of the shard \"b\""), "{said}");

    // One that is not configured: the venue runs, and what only it has cannot be read.
    configure(&desk, &server, &["a"]);
    let mut venue = desk.serve();
    assert!(desk.log().contains("not in the configuration"), "{}", desk.log());
    let mut clients = market.clients(&mut venue);
    let (mut read, mut failed) = (0, 0);
    for (number, symbol) in market.symbols.iter().enumerate() {
        let answer = clients[number % TRADERS].ask("GET", "/api/v3/allOrders", &format!("symbol={symbol}")).unwrap();
        if answer.status == 200 {
            read += 1;
        } else {
            assert_eq!(answer.status, 503, "{}", answer.body);
            failed += 1;
        }
    }
    assert!(read > 0 && failed > 0, "{read} {failed}");
    venue.stop().unwrap();
    let said = desk.refused_verify();
    assert!(said.contains("WRONG b is not checked: no shard of the configuration has this name"), "{said}");
    configure(&desk, &server, &shards);
    let mut venue = desk.serve();
    let mut clients = market.clients(&mut venue);
    until_stored(&mut clients[0]);
    market.check(&mut clients, 1);
    venue.stop().unwrap();
    desk.verify();
}

#[test]
fn one_shard_that_is_away_delays_only_itself() {
    let (server, mut other) = (server(), server());
    server.create_database("a").unwrap();
    server.create_database("c").unwrap();
    other.create_database("b").unwrap();
    let desk = Desk::new();
    let file = desk.beside("venue.toml");
    let shard =
        |name: &str, server: &Server| format!("[[shards]]\nname = \"{name}\"\nurl = \"{}\"\n", server.url(name));
    fs::write(&file, shard("a", &server) + &shard("b", &other) + &shard("c", &server)).unwrap();
    let desk = desk.with("CONFIG", file.display());
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue);
    let mut clients = market.clients(&mut venue);
    market.trade(&mut clients, 0);
    until_stored(&mut clients[0]);

    other.kill().unwrap();
    market.trade(&mut clients, 1);
    until("the other shards are level", || level(&mut clients[0], |name| !name.starts_with("b/")));
    let of_b: Vec<String> = symbols_of(&server, "a", 1);
    assert!(!of_b.is_empty());
    for (number, symbol) in market.symbols.iter().enumerate() {
        let query = format!("symbol={symbol}&limit=1000");
        let answer = clients[number % TRADERS].ask("GET", "/api/v3/allOrders", &query).unwrap();
        assert_eq!(answer.status == 503, of_b.contains(symbol), "{symbol}: {}", answer.body);
    }
    // A start without it: the others are read, and it follows when it is back.
    venue.stop().unwrap();
    let mut venue = desk.serve();
    let mut clients = market.clients(&mut venue);
    market.trade(&mut clients, 2);
    until("the other shards are level", || level(&mut clients[0], |name| !name.starts_with("b/")));
    for (number, symbol) in market.symbols.iter().enumerate().filter(|(_, symbol)| !of_b.contains(symbol)) {
        let query = format!("symbol={symbol}&limit=1000");
        let orders = get(&mut clients[number % TRADERS], "/api/v3/allOrders", &query);
        assert!(orders.len() >= 6, "{symbol}: {orders:?}");
    }
    other.restart().unwrap();
    until_stored(&mut clients[0]);
    market.check(&mut clients, 3);
    venue.stop().unwrap();
    desk.verify();
}

/// Whether the followers of these names have everything.
fn level(client: &mut Client, counts: impl Fn(&str) -> bool) -> bool {
    let status = client.look("/v1/status").unwrap();
    let committed = &status["committed"];
    let mut followers = status["followers"].as_array().unwrap().iter();
    followers.all(|follower| !counts(follower["name"].as_str().unwrap()) || follower["checkpoint"] == *committed)
}

/// What a shard owns, as another of them knows.
fn symbols_of(server: &Server, asked: &str, shard: u16) -> Vec<String> {
    let sql = format!(
        "SELECT s.code FROM symbol_tenures AS t JOIN symbols AS s USING (symbol_id) WHERE t.shard_id = {shard}"
    );
    ask(server, asked, &sql).lines().map(str::to_owned).collect()
}

/// `buttonwood shards …` of a running venue.
fn shards(desk: &Desk, venue: &mut Running, arguments: &[&str]) -> (bool, String) {
    let key = desk.binary.admin_key(&desk.data).unwrap();
    let address = venue.address().unwrap().to_string();
    let mut command = desk.binary.command(&[&["shards"], arguments, &["--at", &address]].concat());
    command.env("BUTTONWOOD_API_KEY", key.api_key).env("BUTTONWOOD_API_SECRET", key.secret);
    let output = command.output().unwrap();
    (output.status.success(), outside::process::said(&output))
}

#[test]
fn a_fourth_shard_joins_a_running_venue() {
    let server = server();
    let desk = desk_of(&server, &["a", "b", "c"]);
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue);
    let mut clients = market.clients(&mut venue);
    market.trade(&mut clients, 0);
    let (good, said) = shards(&desk, &mut venue, &["add", "d"]);
    assert!(!good && said.contains("has no shard named \"d\""), "{said}");
    configure(&desk, &server, &["a", "b", "c", "d"]);
    let (good, said) = shards(&desk, &mut venue, &["add", "d"]);
    assert!(!good && said.contains("does not exist"), "{said}");
    server.create_database("d").unwrap();
    let (good, said) = shards(&desk, &mut venue, &["add", "d", "--weight", "300"]);
    assert!(good && said.contains("d is shard 3"), "{said}");
    let (good, said) = shards(&desk, &mut venue, &["add", "d", "--weight", "300"]);
    assert!(good, "the same again is the same: {said}");
    let (good, said) = shards(&desk, &mut venue, &["set", "a", "--draining", "--weight", "50"]);
    assert!(good, "{said}");

    let mut admin = venue.client(&desk.binary.admin_key(&desk.data).unwrap()).unwrap();
    let market = market.list(&mut admin, 5);
    market.trade(&mut clients, 1);
    until_stored(&mut clients[0]);
    let (good, said) = shards(&desk, &mut venue, &["list"]);
    assert!(good && said.contains("a (shard 0): draining, weight 50, 3 symbols"), "{said}");
    assert!(said.contains("d (shard 3): active, weight 300, 5 symbols"), "{said}");
    assert!(said.contains("d/symbols: at ") && !said.contains("NOT IN"), "{said}");
    assert_eq!(count(&server, "d", "orders"), 4 * 5);
    assert_eq!(count(&server, "d", "owned_symbols"), 5);
    for (number, symbol) in market.symbols.iter().enumerate() {
        let query = format!("symbol={symbol}&limit=1000");
        let orders = get(&mut clients[number % TRADERS], "/api/v3/allOrders", &query);
        assert!(orders.len() >= 2, "{symbol}: {orders:?}");
    }
    venue.stop().unwrap();
    let said = desk.verify();
    assert!(said.contains("ok    d/symbols"), "{said}");
    let mut venue = desk.serve();
    let mut clients = market.clients(&mut venue);
    market.trade(&mut clients, 2);
    until_stored(&mut clients[0]);
    venue.stop().unwrap();
    desk.verify();
}

/// What is true of logs that are too long to be read from the beginning is true of logs that no longer reach back to it.
#[test]
fn a_shard_that_joins_late_begins_at_a_snapshot() {
    let server = server();
    let desk = desk_of(&server, &["a"]);
    desk.load(20_000);
    let desk = desk.with("FOLLOWER_LAG_MAX", 10_000);
    server.create_database("b").unwrap();
    configure(&desk, &server, &["a", "b"]);
    let mut venue = desk.serve();
    assert!(desk.log().contains("the empty database begins at a snapshot"), "{}", desk.log());
    // Nothing that was before is on it, and it takes what is new, once the other is no longer too far behind.
    until_stored(&mut venue.client(&desk.binary.admin_key(&desk.data).unwrap()).unwrap());
    let market = Market::open(&desk, &mut venue);
    let mut clients = market.clients(&mut venue);
    market.trade(&mut clients, 0);
    until_stored(&mut clients[0]);
    market.check(&mut clients, 1);
    assert_eq!(count(&server, "b", "orders"), 4 * count(&server, "b", "owned_symbols"));
    assert!(count(&server, "b", "owned_symbols") > 0);
    assert_eq!(count(&server, "a", "users"), count(&server, "b", "users"));
    assert_eq!(count(&server, "a", "user_tenures"), count(&server, "b", "user_tenures"));
    venue.stop().unwrap();
    let said = desk.verify();
    assert!(said.contains("ok    b/symbols"), "{said}");
}

#[test]
fn shards_are_taken_back_with_the_journal() {
    let (server, names) = (server(), ["a", "b", "c"]);
    let desk = desk_of(&server, &names);
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue);
    let mut clients = market.clients(&mut venue);
    market.trade(&mut clients, 0);
    venue.stop().unwrap();
    let backup = desk.beside("backup");
    copy(&desk.data, &backup);

    let mut venue = desk.serve();
    let mut admin = venue.client(&desk.binary.admin_key(&desk.data).unwrap()).unwrap();
    let later = Market { traders: market.traders.clone(), symbols: market.symbols.clone() }.list(&mut admin, 3);
    let mut clients = later.clients(&mut venue);
    later.trade(&mut clients, 1);
    until_stored(&mut clients[0]);
    venue.stop().unwrap();
    for part in ["journal", "events", "snapshots"] {
        fs::remove_dir_all(desk.data.join(part)).unwrap();
        copy(&backup.join(part), &desk.data.join(part));
    }
    let said = desk.refused_start();
    assert!(said.contains("buttonwood follower rewind"), "{said}");
    let output = desk.binary.run(&["follower", "rewind"], &desk.data).unwrap();
    let said = outside::process::said(&output);
    assert!(output.status.success(), "{said}");
    for name in names {
        assert!(said.contains(&format!("{name}/symbols taken back")), "{said}");
        assert_eq!(count(&server, name, "symbol_tenures"), SYMBOLS as u64);
    }
    let mut venue = desk.serve();
    let mut clients = market.clients(&mut venue);
    market.trade(&mut clients, 1);
    until_stored(&mut clients[0]);
    market.check(&mut clients, 2);
    venue.stop().unwrap();
    desk.verify();
}
