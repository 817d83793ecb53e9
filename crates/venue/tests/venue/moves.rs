//! Symbols and users move between three shards, each a server of its own, while everybody trades and reads.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use outside::client::{Client, Key};
use outside::process::{Running, said};
use pg_cluster::options::Options;
use pg_cluster::server::Server;
use serde_json::{Value, json};

use crate::desk::{Desk, PATIENCE, until, until_stored};

const DATABASE: &str = "shard";
const SHARDS: [&str; 3] = ["s0", "s1", "s2"];
const SYMBOLS: [&str; 4] = ["A0USDT", "A1USDT", "A2USDT", "A3USDT"];
/// A page of history.
const PAGE: usize = 1_000;

/// Three servers, a venue over them, two traders who trade with each other.
struct Field {
    servers: Vec<Server>,
    desk: Desk,
    venue: Option<Running>,
    admin: Key,
    traders: [Key; 2],
    /// Where the venue listens now.
    address: Arc<Mutex<SocketAddr>>,
    requests: usize,
}

impl Field {
    /// Rows that have left go as soon as the new owner has them for good.
    fn new() -> Self {
        Self::keeping(0)
    }

    /// Rows that have left are kept for so many seconds.
    fn keeping(seconds: u64) -> Self {
        let server = |_| {
            let server = Server::temporary(&Options::default()).unwrap();
            server.create_database(DATABASE).unwrap();
            server
        };
        let servers: Vec<Server> = SHARDS.iter().map(server).collect();
        let desk = Desk::new();
        let file = desk.beside("venue.toml");
        let shard = |(name, server): (&&str, &Server)| {
            format!("[[shards]]\nname = \"{name}\"\nurl = \"{}\"\n", server.url(DATABASE))
        };
        fs::write(&file, SHARDS.iter().zip(&servers).map(shard).collect::<String>()).unwrap();
        let desk = desk.with("CONFIG", file.display()).with("MOVED_ROWS_KEPT_S", seconds).with("SNAPSHOT_EVERY", 5_000);
        let mut venue = desk.serve();
        let admin = desk.binary.admin_key(&desk.data).unwrap();
        let mut client = venue.client(&admin).unwrap();
        let traders = market(&mut client);
        let address = Arc::new(Mutex::new(venue.address().unwrap()));
        Self { servers, desk, venue: Some(venue), admin, traders, address, requests: 0 }
    }

    fn client(&self, key: &Key) -> Client {
        Client::new(*self.address.lock().unwrap(), key)
    }

    fn kill_venue(&mut self) {
        self.venue.take().unwrap().kill().unwrap();
    }

    fn start_venue(&mut self) {
        let mut venue = self.desk.serve();
        *self.address.lock().unwrap() = venue.address().unwrap();
        self.venue = Some(venue);
    }

    fn restart_server(&mut self, shard: usize) {
        self.servers[shard].kill().unwrap();
        self.servers[shard].restart().unwrap();
    }

    /// Which shard owns it, and whether it moves.
    fn owner(&self, subject: &Value) -> (String, bool) {
        let query = match (subject["symbol"].as_str(), subject["userId"].as_u64()) {
            (Some(symbol), _) => format!("symbol={symbol}"),
            (_, user) => format!("userId={}", user.unwrap()),
        };
        let answer = self.client(&self.admin).get("/v1/admin/shards/moves", &query).unwrap();
        (answer["shard"].as_str().unwrap().to_owned(), answer["moving"].as_bool().unwrap())
    }

    /// Begins to move a subject to the next shard; which that is.
    fn begin(&mut self, subject: &Value) -> &'static str {
        let (owner, _) = self.owner(subject);
        let from = SHARDS.iter().position(|shard| *shard == owner).unwrap();
        let to = SHARDS[(from + 1) % SHARDS.len()];
        self.requests += 1;
        let mut body = subject.clone();
        body["requestId"] = json!(format!("move-{}", self.requests));
        body["to"] = json!(to);
        self.client(&self.admin).admin("shards/moves", &body).unwrap();
        to
    }

    fn until_moved(&self, subject: &Value, to: &str) {
        let mut said = Value::Null;
        let deadline = Instant::now() + PATIENCE;
        while self.owner(subject) != (to.to_owned(), false) {
            said = self.client(&self.admin).get("/v1/admin/shards/moves", "").unwrap();
            assert!(Instant::now() < deadline, "{subject} does not come to {to}: {said}\n{}", self.desk.log());
        }
        drop(said);
    }

    /// What a command says, and whether it went well.
    fn command(&self, arguments: &[&str]) -> (bool, String) {
        let address = self.address.lock().unwrap().to_string();
        let output =
            self.desk.binary.run(&[&["shards"], arguments, &["--at", &address]].concat(), &self.desk.data).unwrap();
        (output.status.success(), said(&output))
    }

    /// Nothing moves any more, nothing that has left is still there, and everybody is level.
    fn until_quiet(&self) {
        until("nothing moves or is left over", || {
            let left = self.servers.iter().all(|server| {
                server.query(DATABASE, "SELECT count(*) FROM leftovers").is_ok_and(|count| count.trim() == "0")
            });
            let moves = self.client(&self.admin).get("/v1/admin/shards/moves", "").unwrap();
            left && moves["moves"].as_array().unwrap().iter().all(|moving| moving["state"] == "REMOVING")
        });
        until_stored(&mut self.client(&self.admin));
    }

    /// Ids of all orders, as the owner views of all shards have them: each once.
    fn orders_in_sql(&self) -> BTreeSet<u64> {
        let mut all = BTreeSet::new();
        for server in &self.servers {
            let rows = server.query(DATABASE, "SELECT order_id FROM owned_orders").unwrap();
            for id in rows.lines() {
                assert!(all.insert(id.trim().parse().unwrap()), "order {id} is on two shards");
            }
        }
        all
    }

    fn fills_in_sql(&self) -> u64 {
        let count = |server: &Server| -> u64 {
            server.query(DATABASE, "SELECT count(*) FROM owned_order_fills").unwrap().trim().parse().unwrap()
        };
        self.servers.iter().map(count).sum()
    }
}

/// Symbols against USDT, and two traders with money.
fn market(client: &mut Client) -> [Key; 2] {
    let mut ask = |path: &str, body: Value| client.admin(path, &body).unwrap();
    ask("assets", json!({"requestId": "USDT", "code": "USDT", "scale": 8}));
    for symbol in SYMBOLS {
        let base = symbol.trim_end_matches("USDT");
        ask("assets", json!({"requestId": base, "code": base, "scale": 8}));
        let steps = json!({
            "requestId": symbol, "code": symbol, "base": base, "quote": "USDT", "tickSize": "0.01", "lotSize": "0.0001",
        });
        ask("symbols", steps);
    }
    [0, 1].map(|number| {
        let user = ask("users", json!({"requestId": format!("user-{number}")}))["userId"].as_u64().unwrap();
        for asset in ["A0", "A1", "A2", "A3", "USDT"] {
            let id = format!("{asset}-{number}");
            ask("deposits", json!({"requestId": id, "userId": user, "asset": asset, "amount": "1000000"}));
        }
        let key =
            ask("keys", json!({"requestId": format!("key-{number}"), "userId": user, "roles": ["read", "trade"]}));
        let text = |name: &str| key[name].as_str().unwrap().to_owned();
        Key { api_key: text("apiKey"), secret: text("secretKey") }
    })
}

/// What was acknowledged, by trader and symbol: the ids of orders, in the order in which they were placed.
#[derive(Default)]
struct Acknowledged {
    orders: Mutex<BTreeMap<(usize, usize), Vec<u64>>>,
    count: AtomicUsize,
    reads: AtomicUsize,
}

/// Threads that trade and read until they are told to stop.
struct Crowd {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<Acknowledged>,
    threads: Vec<JoinHandle<()>>,
}

impl Crowd {
    fn start(field: &Field) -> Self {
        let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(Acknowledged::default()));
        let mut threads = Vec::new();
        for trader in 0..2 {
            for reads in [false, true] {
                let (stop, acknowledged) = (Arc::clone(&stop), Arc::clone(&acknowledged));
                let (address, key) = (Arc::clone(&field.address), field.traders[trader].clone());
                threads.push(std::thread::spawn(move || {
                    let mut turn = 0;
                    while !stop.load(Ordering::Acquire) {
                        let mut client = Client::new(*address.lock().unwrap(), &key);
                        // Until the venue is gone: then it is looked for anew.
                        while !stop.load(Ordering::Acquire) {
                            let is_there = if reads {
                                read(&mut client, trader, turn % SYMBOLS.len(), &acknowledged)
                            } else {
                                trade(&mut client, trader, turn, &acknowledged)
                            };
                            turn += 1;
                            if !is_there {
                                break;
                            }
                        }
                        std::thread::yield_now();
                    }
                }));
            }
        }
        Self { stop, acknowledged, threads }
    }

    /// Waits until so many more orders were acknowledged.
    fn until_more(&self, orders: usize) {
        let enough = self.acknowledged.count.load(Ordering::Acquire) + orders;
        until("orders are acknowledged", || self.acknowledged.count.load(Ordering::Acquire) >= enough);
    }

    /// Waits until history was read so many more times.
    fn until_read(&self, times: usize) {
        let enough = self.acknowledged.reads.load(Ordering::Acquire) + times;
        until("history is read", || self.acknowledged.reads.load(Ordering::Acquire) >= enough);
    }

    fn stop(self) -> Arc<Acknowledged> {
        self.stop.store(true, Ordering::Release);
        for thread in self.threads {
            thread.join().unwrap();
        }
        self.acknowledged
    }
}

/// One buys, the other sells, at one price: what does not meet at once rests. Whether the venue is there.
fn trade(client: &mut Client, trader: usize, turn: usize, acknowledged: &Acknowledged) -> bool {
    let (symbol, side) = (turn % SYMBOLS.len(), ["BUY", "SELL"][trader]);
    let query = format!(
        "symbol={}&side={side}&type=LIMIT&timeInForce=GTC&quantity=0.0001&price=100&newOrderRespType=ACK",
        SYMBOLS[symbol]
    );
    let Ok(answer) = client.ask("POST", "/api/v3/order", &query) else { return false };
    if answer.status == 200 {
        let id = answer.body["orderId"].as_u64().unwrap();
        acknowledged.orders.lock().unwrap().entry((trader, symbol)).or_default().push(id);
        acknowledged.count.fetch_add(1, Ordering::AcqRel);
    }
    true
}

/// All orders of a trader in a symbol: those that were acknowledged before are there, and each once. Whether the venue is there.
fn read(client: &mut Client, trader: usize, symbol: usize, acknowledged: &Acknowledged) -> bool {
    let known = acknowledged.orders.lock().unwrap().get(&(trader, symbol)).cloned().unwrap_or_default();
    let found = match all_orders(client, symbol) {
        Ok(found) => found,
        Err(none) => return matches!(none, NoAnswer::NotNow),
    };
    assert!(found.is_sorted_by(|one, next| one < next), "{} of trader {trader}: an order twice", SYMBOLS[symbol]);
    let found: BTreeSet<u64> = found.into_iter().collect();
    for id in &known {
        assert!(found.contains(id), "{} of trader {trader}: order {id} is missing", SYMBOLS[symbol]);
    }
    let trades = match pages(client, "/api/v3/myTrades", symbol, "id") {
        Ok(trades) => trades,
        Err(none) => return matches!(none, NoAnswer::NotNow),
    };
    // All trades are between the two, so that each of them has them all.
    let first = trades.first().copied().unwrap_or(0);
    assert!(
        trades.iter().copied().eq((first..).take(trades.len())),
        "{}: a trade is missing or twice",
        SYMBOLS[symbol]
    );
    assert!(first <= 1, "{}: the first trades are missing", SYMBOLS[symbol]);
    acknowledged.reads.fetch_add(1, Ordering::AcqRel);
    true
}

/// Why history was not read.
#[derive(Debug)]
enum NoAnswer {
    /// The venue is gone.
    Gone,
    /// It says that it cannot tell now.
    NotNow,
}

fn all_orders(client: &mut Client, symbol: usize) -> Result<Vec<u64>, NoAnswer> {
    pages(client, "/api/v3/allOrders", symbol, "orderId")
}

/// Ids, page by page.
fn pages(client: &mut Client, path: &str, symbol: usize, id: &str) -> Result<Vec<u64>, NoAnswer> {
    let (mut all, mut from) = (Vec::new(), 0);
    loop {
        let first = if path.ends_with("myTrades") { "fromId" } else { "orderId" };
        let query = format!("symbol={}&limit={PAGE}&{first}={from}", SYMBOLS[symbol]);
        let answer = client.ask("GET", path, &query).or(Err(NoAnswer::Gone))?;
        if answer.status == 503 || answer.status == 429 {
            return Err(NoAnswer::NotNow);
        }
        assert_eq!(answer.status, 200, "{}", answer.body);
        let page: Vec<u64> = answer.body.as_array().unwrap().iter().map(|row| row[id].as_u64().unwrap()).collect();
        let is_last = page.len() < PAGE;
        from = page.last().map_or(from, |last| last + 1);
        all.extend(page);
        if is_last {
            return Ok(all);
        }
    }
}

fn symbol(number: usize) -> Value {
    json!({"symbol": SYMBOLS[number]})
}

fn user(number: u64) -> Value {
    json!({"userId": number})
}

/// Everything that was acknowledged is there once: in history, and in the owner views of all shards together.
fn assert_whole(field: &Field, acknowledged: &Acknowledged) {
    let mut all = BTreeSet::new();
    for trader in 0..2 {
        let mut client = field.client(&field.traders[trader]);
        for number in 0..SYMBOLS.len() {
            assert!(read(&mut client, trader, number, acknowledged), "the venue is there");
            all.extend(all_orders(&mut client, number).unwrap());
        }
    }
    assert_eq!(field.orders_in_sql(), all);
    let mut trades = 0;
    let mut client = field.client(&field.traders[0]);
    for number in 0..SYMBOLS.len() {
        trades += pages(&mut client, "/api/v3/myTrades", number, "id").unwrap().len() as u64;
    }
    assert_eq!(field.fills_in_sql(), 2 * trades);
}

#[test]
fn symbols_and_users_move_while_everybody_trades() {
    let mut field = Field::new();
    let crowd = Crowd::start(&field);
    crowd.until_more(200);
    for round in 0..2 {
        let subjects = [symbol(round), symbol(round + 1), user(2), user(0)];
        let moves: Vec<_> = subjects.into_iter().map(|subject| (field.begin(&subject), subject)).collect();
        for (to, subject) in &moves {
            field.until_moved(subject, to);
        }
        crowd.until_more(100);
        crowd.until_read(4);
    }
    let acknowledged = crowd.stop();
    field.until_quiet();
    assert_whole(&field, &acknowledged);
    field.venue.take().unwrap().stop().unwrap();
    field.desk.verify();
}

/// What is killed in the middle.
#[derive(Debug, Clone, Copy)]
enum Kill {
    Venue,
    Source,
    Destination,
    Both,
    Everything,
}

#[test]
fn moves_survive_what_dies() {
    let mut field = Field::new();
    let crowd = Crowd::start(&field);
    crowd.until_more(200);
    for (round, kill) in
        [Kill::Venue, Kill::Source, Kill::Destination, Kill::Both, Kill::Everything].into_iter().enumerate()
    {
        println!("round {round}: {kill:?}");
        let subjects = [symbol(round % SYMBOLS.len()), symbol((round + 1) % SYMBOLS.len()), user(1 + round as u64 % 2)];
        let (owner, _) = field.owner(&subjects[0]);
        let source = SHARDS.iter().position(|shard| *shard == owner).unwrap();
        let destination = (source + 1) % SHARDS.len();
        let moves: Vec<_> = subjects.into_iter().map(|subject| (field.begin(&subject), subject)).collect();
        // Each round it hits another moment of the moves.
        crowd.until_more(7 * round);
        match kill {
            Kill::Venue => {}
            Kill::Source => field.restart_server(source),
            Kill::Destination => field.restart_server(destination),
            Kill::Both | Kill::Everything => {
                field.restart_server(source);
                field.restart_server(destination);
            }
        }
        if let Kill::Venue | Kill::Everything = kill {
            field.kill_venue();
            field.start_venue();
        }
        for (to, subject) in &moves {
            field.until_moved(subject, to);
        }
        crowd.until_more(50);
        crowd.until_read(4);
    }
    let acknowledged = crowd.stop();
    field.until_quiet();
    assert_whole(&field, &acknowledged);
    field.venue.take().unwrap().stop().unwrap();
    field.desk.verify();
}

/// Its rows, and that they were copied, are lost with its tail: the shard they came from still has them.
#[test]
fn a_destination_that_is_restored_to_before_the_copy_gets_it_again() {
    let mut field = Field::keeping(600);
    let crowd = Crowd::start(&field);
    crowd.until_more(200);
    let (subjects, mut moves) = ([symbol(0), user(2)], Vec::new());
    // Both to the second server.
    for subject in &subjects {
        while field.owner(subject).0 != SHARDS[0] {
            let to = field.begin(subject);
            field.until_moved(subject, to);
        }
    }
    let copy = field.servers[1].folder().join("earlier");
    field.servers[1].copy_to(&copy).unwrap();
    for subject in &subjects {
        moves.push((field.begin(subject), subject));
    }
    for (to, subject) in &moves {
        assert_eq!(*to, SHARDS[1]);
        field.until_moved(subject, to);
    }
    crowd.until_more(200);
    field.servers[1].kill().unwrap();
    field.servers[1].restore(&copy).unwrap();
    field.servers[1].restart().unwrap();
    crowd.until_more(100);
    crowd.until_read(4);
    let acknowledged = crowd.stop();
    until_stored(&mut field.client(&field.admin));
    let incoming = field.servers[1].query(DATABASE, "SELECT count(*) FROM incoming").unwrap();
    assert_eq!(incoming.trim(), "2");
    assert_whole(&field, &acknowledged);
    field.venue.take().unwrap().stop().unwrap();
    let said = field.desk.verify();
    assert!(said.contains("left behind"), "{said}");
}

#[test]
fn commands_move_and_say_why_not() {
    let mut field = Field::new();
    let (owner, _) = field.owner(&symbol(0));
    let [other, third] = [1, 2].map(|step| {
        let place = SHARDS.iter().position(|shard| *shard == owner).unwrap();
        SHARDS[(place + step) % SHARDS.len()]
    });
    let (well, said) = field.command(&["move", "A0USDT", "--to", other]);
    assert!(well && said.contains(&format!("A0USDT is on {other} since sequence")), "{said}");
    let (well, again) = field.command(&["move", "A0USDT", "--to", other]);
    assert!(well && again.contains(&format!("A0USDT is on {other} since sequence")), "{again}");
    let (well, said) = field.command(&["move-user", "2", "--to", third]);
    assert!(well && said.contains(&format!("user 2 is on {third} since sequence")), "{said}");
    for (arguments, why) in [
        (&["move", "A0USDT", "--to", "nowhere"][..], "There is no such shard"),
        (&["move", "NONE", "--to", other], "Invalid symbol"),
        (&["move-user", "99", "--to", other], "There is no such user"),
        (&["abort", "A0USDT"], "It is not moving"),
        (&["abort", "2", "--user"], "It is not moving"),
    ] {
        let (well, said) = field.command(arguments);
        assert!(!well && said.contains(why), "{arguments:?}: {said}");
    }

    // A shard that is away gets nothing, and the move can be given up.
    let away = SHARDS.iter().position(|shard| *shard == third).unwrap();
    field.until_quiet();
    field.servers[away].stop().unwrap();
    let body = json!({"requestId": "a", "symbol": SYMBOLS[0], "to": third});
    field.client(&field.admin).admin("shards/moves", &body).unwrap();
    let (_, said) = field.command(&["moves"]);
    assert!(said.contains(&format!("A0USDT to {third}: waits to be copied")), "{said}");
    let (well, said) = field.command(&["move", "A0USDT", "--to", &owner]);
    assert!(!well && said.contains(&format!("is on its way to {third}")), "{said}");
    let (well, said) = field.command(&["abort", "A0USDT"]);
    assert!(well && said.contains(&format!("A0USDT stays on {other}")), "{said}");
    field.servers[away].restart().unwrap();

    // One that is given up when it is copied already: the copy goes.
    let crowd = Crowd::start(&field);
    for number in 0..5 {
        let body = json!({"requestId": format!("b{number}"), "symbol": SYMBOLS[0], "to": third});
        field.client(&field.admin).admin("shards/moves", &body).unwrap();
        let abort = json!({"requestId": format!("c{number}"), "symbol": SYMBOLS[0]});
        let given_up = field.client(&field.admin).request("shards/moves/abort", &abort).unwrap();
        crowd.until_more(20);
        if given_up.status != 200 {
            break;
        }
    }
    let acknowledged = crowd.stop();
    field.until_quiet();
    assert_whole(&field, &acknowledged);
    field.venue.take().unwrap().stop().unwrap();
    field.desk.verify();
}

/// Only what the map and the databases say decides at a start: a shard that nobody configures any more gets nothing.
#[test]
fn a_move_to_a_shard_that_is_gone_is_given_up() {
    let mut field = Field::new();
    let (owner, _) = field.owner(&symbol(0));
    let place = SHARDS.iter().position(|shard| *shard == owner).unwrap();
    let gone = (place + 1) % SHARDS.len();
    until_stored(&mut field.client(&field.admin));
    field.servers[gone].stop().unwrap();
    assert_eq!(field.begin(&symbol(0)), SHARDS[gone]);
    field.kill_venue();
    let file = field.desk.beside("venue.toml");
    let whole = fs::read_to_string(&file).unwrap();
    let others = whole.split("[[shards]]").filter(|section| !section.contains(&format!("\"{}\"", SHARDS[gone])));
    let without = others.collect::<Vec<_>>().join("[[shards]]");
    fs::write(&file, without).unwrap();
    field.start_venue();
    field.until_moved(&symbol(0), &owner);
    let said = field.desk.log();
    assert!(said.contains("given up"), "{said}");
    field.kill_venue();
    fs::write(&file, whole).unwrap();
    field.servers[gone].restart().unwrap();
    field.start_venue();
    field.until_quiet();
    field.venue.take().unwrap().stop().unwrap();
    field.desk.verify();
}

/// What the router has, in one statement: nothing while a shard has not heard of a move; else every order, each once.
fn routed_orders(field: &Field) -> Option<BTreeSet<u64>> {
    let sql = "SELECT o.order_id, (SELECT count(*) FROM v_moving) FROM orders AS o";
    let mut all = BTreeSet::new();
    for row in field.servers[0].query("router", sql).unwrap().lines() {
        let (id, moving) = row.split_once('|').unwrap();
        if moving != "0" {
            return None;
        }
        assert!(all.insert(id.parse().unwrap()), "order {id} comes twice although nothing moves");
    }
    Some(all)
}

#[test]
fn a_router_counts_everything_once_while_it_moves() {
    let mut field = Field::new();
    let crowd = Crowd::start(&field);
    crowd.until_more(100);
    let server = &field.servers[0];
    server.create_database("router").unwrap();
    let config = field.desk.beside("venue.toml");
    let arguments = ["shards", "router", "--url", &server.url("router"), "--config", config.to_str().unwrap()];
    let output = field.desk.binary.command(&arguments).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let (mut seen, mut settled) = (BTreeSet::new(), 0);
    for round in 0..3 {
        let subjects = [symbol(round), symbol(round + 1), user(2)];
        let moves: Vec<_> = subjects.into_iter().map(|subject| (field.begin(&subject), subject)).collect();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let is_over = moves.iter().all(|(to, subject)| field.owner(subject) == ((*to).to_owned(), false));
            if let Some(all) = routed_orders(&field) {
                let missing: Vec<_> = seen.difference(&all).collect();
                assert!(missing.is_empty(), "seen before, and now nowhere although nothing moves: {missing:?}");
                (seen, settled) = (all, settled + 1);
            }
            if is_over {
                break;
            }
            assert!(Instant::now() < deadline, "the moves do not end");
        }
    }
    let acknowledged = crowd.stop();
    field.until_quiet();
    assert!(settled > 0 && !seen.is_empty(), "it was never settled");
    assert_whole(&field, &acknowledged);
    assert_eq!(routed_orders(&field), Some(field.orders_in_sql()));
    let ask = |sql: &str| field.servers[0].query("router", sql).unwrap();
    let fills = field.fills_in_sql().to_string();
    assert_eq!(ask("SELECT sum(fills), bool_and(settled) FROM v_turnover_by_user"), format!("{fills}|t"));
    assert_eq!(ask("SELECT sum(trades) * 2 FROM v_turnover_by_symbol"), fills);
    // Every movement of money on whatever shard: in and out are equal, and what users have is what came in.
    assert_eq!(ask("SELECT DISTINCT asset, sum(change) = 0 FROM v_ledger GROUP BY asset HAVING sum(change) <> 0"), "");
    let kept = "SELECT count(*) FROM (SELECT asset_id, sum(free + locked) AS has FROM balances GROUP BY 1) AS b
        FULL JOIN (SELECT asset_id, sum(change) AS came FROM ledger WHERE user_id IS NOT NULL GROUP BY 1) AS l USING (asset_id)
        WHERE has IS DISTINCT FROM came";
    assert_eq!(ask(kept), "0");
    field.venue.take().unwrap().stop().unwrap();
    field.desk.verify();
}

/// Interrupted and asked for again, a drain goes on; a shard that is to be emptied gets nothing back.
#[test]
fn a_shard_is_emptied_while_everybody_trades() {
    let mut field = Field::new();
    let crowd = Crowd::start(&field);
    crowd.until_more(100);
    let address = field.address.lock().unwrap().to_string();
    let data = field.desk.data.to_str().unwrap().to_owned();
    let drain = ["shards", "drain", SHARDS[0], "--data", &data, "--at", &address];
    let mut interrupted = field.desk.binary.command(&drain).spawn().unwrap();
    let query = format!("shard={}", SHARDS[0]);
    let lives = |field: &Field| field.client(&field.admin).get("/v1/admin/shards/subjects", &query).unwrap();
    let count = |lives: &Value| lives["symbolCount"].as_u64().unwrap() + lives["userCount"].as_u64().unwrap();
    let before = count(&lives(&field));
    until("something has moved", || count(&lives(&field)) < before);
    interrupted.kill().unwrap();
    interrupted.wait().unwrap();
    let (well, said) = field.command(&["drain", SHARDS[0]]);
    assert!(well && said.contains("nothing lives on s0 any more"), "{said}");
    let (well, said) = field.command(&["move", SYMBOLS[0], "--to", SHARDS[0]]);
    assert!(!well && said.contains("draining"), "{said}");
    crowd.until_more(50);
    crowd.until_read(4);
    let acknowledged = crowd.stop();
    field.until_quiet();
    for table in ["orders", "order_fills", "open_orders", "positions", "balances", "ledger"] {
        let left = field.servers[0].query(DATABASE, &format!("SELECT count(*) FROM {table}")).unwrap();
        assert_eq!(left.trim(), "0", "{table}");
    }
    assert_whole(&field, &acknowledged);
    field.venue.take().unwrap().stop().unwrap();
    field.desk.verify();
}
