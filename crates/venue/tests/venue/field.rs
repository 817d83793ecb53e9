//! Three shards, each a server of its own, and a crowd that trades and reads all the time.

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

use crate::desk::{Desk, GLANCE, PATIENCE, until, until_stored, until_within};

pub(crate) const DATABASE: &str = "shard";
pub(crate) const SHARDS: [&str; 3] = ["s0", "s1", "s2"];
pub(crate) const SYMBOLS: [&str; 4] = ["A0USDT", "A1USDT", "A2USDT", "A3USDT"];
/// A page of history.
pub(crate) const PAGE: usize = 1_000;

/// Three servers, a venue over them, two traders who trade with each other.
pub(crate) struct Field {
    pub(crate) servers: Vec<Server>,
    pub(crate) desk: Desk,
    pub(crate) venue: Option<Running>,
    pub(crate) admin: Key,
    pub(crate) traders: [Key; 2],
    /// Where the venue listens now.
    pub(crate) address: Arc<Mutex<SocketAddr>>,
    pub(crate) requests: usize,
}

impl Field {
    /// Rows that have left go as soon as the new owner has them for good.
    pub(crate) fn new() -> Self {
        Self::keeping(0)
    }

    /// Rows that have left are kept for so many seconds.
    pub(crate) fn keeping(seconds: u64) -> Self {
        Self::open(seconds, "", "")
    }

    /// Ranges of so many orders, which go as soon as they may.
    pub(crate) fn with_ranges(orders: u64) -> Self {
        Self::open(0, "hot_days = 0\n", &format!("range_orders = {orders}\n"))
    }

    /// With these settings in the file: of the venue, and of each shard.
    fn open(kept_s: u64, of_venue: &str, of_shard: &str) -> Self {
        let server = |_| {
            let server = Server::temporary(&Options::default()).unwrap();
            server.create_database(DATABASE).unwrap();
            server
        };
        let servers: Vec<Server> = SHARDS.iter().map(server).collect();
        let desk = Desk::new();
        let file = desk.beside("venue.toml");
        let shard = |(name, server): (&&str, &Server)| {
            format!("[[shards]]\nname = \"{name}\"\nurl = \"{}\"\n{of_shard}", server.url(DATABASE))
        };
        let shards: String = SHARDS.iter().zip(&servers).map(shard).collect();
        fs::write(&file, of_venue.to_owned() + &shards).unwrap();
        let desk = desk.with("CONFIG", file.display()).with("MOVED_ROWS_KEPT_S", kept_s).with("SNAPSHOT_EVERY", 5_000);
        let mut venue = desk.serve();
        let admin = desk.binary.admin_key(&desk.data).unwrap();
        let mut client = venue.client(&admin).unwrap();
        let traders = market(&mut client);
        let address = Arc::new(Mutex::new(venue.address().unwrap()));
        Self { servers, desk, venue: Some(venue), admin, traders, address, requests: 0 }
    }

    pub(crate) fn client(&self, key: &Key) -> Client {
        Client::new(*self.address.lock().unwrap(), key)
    }

    pub(crate) fn kill_venue(&mut self) {
        self.venue.take().unwrap().kill().unwrap();
    }

    pub(crate) fn start_venue(&mut self) {
        let mut venue = self.desk.serve();
        *self.address.lock().unwrap() = venue.address().unwrap();
        self.venue = Some(venue);
    }

    pub(crate) fn restart_server(&mut self, shard: usize) {
        self.servers[shard].kill().unwrap();
        self.servers[shard].restart().unwrap();
    }

    /// Which shard owns it, and whether it moves.
    pub(crate) fn owner(&self, subject: &Value) -> (String, bool) {
        let query = match (subject["symbol"].as_str(), subject["userId"].as_u64()) {
            (Some(symbol), _) => format!("symbol={symbol}"),
            (_, user) => format!("userId={}", user.unwrap()),
        };
        let answer = self.client(&self.admin).get("/v1/admin/shards/moves", &query).unwrap();
        (answer["shard"].as_str().unwrap().to_owned(), answer["moving"].as_bool().unwrap())
    }

    /// Begins to move a subject to the next shard; which that is.
    pub(crate) fn begin(&mut self, subject: &Value) -> &'static str {
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

    pub(crate) fn until_moved(&self, subject: &Value, to: &str) {
        let mut said = Value::Null;
        let deadline = Instant::now() + PATIENCE;
        while self.owner(subject) != (to.to_owned(), false) {
            said = self.client(&self.admin).get("/v1/admin/shards/moves", "").unwrap();
            assert!(Instant::now() < deadline, "{subject} does not come to {to}: {said}\n{}", self.desk.log());
            std::thread::sleep(GLANCE);
        }
        drop(said);
    }

    /// What a command says, and whether it went well.
    pub(crate) fn command(&self, arguments: &[&str]) -> (bool, String) {
        let address = self.address.lock().unwrap().to_string();
        let output =
            self.desk.binary.run(&[&["shards"], arguments, &["--at", &address]].concat(), &self.desk.data).unwrap();
        (output.status.success(), said(&output))
    }

    /// Nothing moves any more, nothing that has left is still there, and everybody is level.
    pub(crate) fn until_quiet(&self) {
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
    pub(crate) fn orders_in_sql(&self) -> BTreeSet<u64> {
        let mut all = BTreeSet::new();
        for server in &self.servers {
            let rows = server.query(DATABASE, "SELECT order_id FROM owned_orders").unwrap();
            for id in rows.lines() {
                assert!(all.insert(id.trim().parse().unwrap()), "order {id} is on two shards");
            }
        }
        all
    }

    pub(crate) fn fills_in_sql(&self) -> u64 {
        let count = |server: &Server| -> u64 {
            server.query(DATABASE, "SELECT count(*) FROM owned_order_fills").unwrap().trim().parse().unwrap()
        };
        self.servers.iter().map(count).sum()
    }
}

/// Symbols against USDT, and two traders with money.
pub(crate) fn market(client: &mut Client) -> [Key; 2] {
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
pub(crate) struct Acknowledged {
    pub(crate) orders: Mutex<BTreeMap<(usize, usize), Vec<u64>>>,
    pub(crate) count: AtomicUsize,
    pub(crate) reads: AtomicUsize,
}

/// Threads that trade and read until they are told to stop.
pub(crate) struct Crowd {
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) acknowledged: Arc<Acknowledged>,
    pub(crate) threads: Vec<JoinHandle<()>>,
}

impl Crowd {
    pub(crate) fn start(field: &Field) -> Self {
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
    pub(crate) fn until_more(&self, orders: usize) {
        let enough = self.acknowledged.count.load(Ordering::Acquire) + orders;
        until("orders are acknowledged", || self.acknowledged.count.load(Ordering::Acquire) >= enough);
    }

    /// Waits until history was read so many more times.
    pub(crate) fn until_read(&self, times: usize) {
        let enough = self.acknowledged.reads.load(Ordering::Acquire) + times;
        until_within(3 * PATIENCE, "history is read", || self.acknowledged.reads.load(Ordering::Acquire) >= enough);
    }

    pub(crate) fn stop(self) -> Arc<Acknowledged> {
        self.stop.store(true, Ordering::Release);
        for thread in self.threads {
            thread.join().unwrap();
        }
        self.acknowledged
    }
}

/// One buys, the other sells, at one price: what does not meet at once rests. Whether the venue is there.
pub(crate) fn trade(client: &mut Client, trader: usize, turn: usize, acknowledged: &Acknowledged) -> bool {
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
pub(crate) fn read(client: &mut Client, trader: usize, symbol: usize, acknowledged: &Acknowledged) -> bool {
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
    let wrong = trades.windows(2).find(|pair| pair[1] != pair[0] + 1);
    assert_eq!(wrong, None, "{}: a trade is missing or twice among {} from {first}", SYMBOLS[symbol], trades.len());
    assert!(first <= 1, "{}: the first trades are missing", SYMBOLS[symbol]);
    acknowledged.reads.fetch_add(1, Ordering::AcqRel);
    true
}

/// Why history was not read.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// The venue is gone.
    Gone,
    /// It says that it cannot tell now.
    NotNow,
}

pub(crate) fn all_orders(client: &mut Client, symbol: usize) -> Result<Vec<u64>, NoAnswer> {
    pages(client, "/api/v3/allOrders", symbol, "orderId")
}

/// Ids, page by page.
pub(crate) fn pages(client: &mut Client, path: &str, symbol: usize, id: &str) -> Result<Vec<u64>, NoAnswer> {
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

pub(crate) fn symbol(number: usize) -> Value {
    json!({"symbol": SYMBOLS[number]})
}

pub(crate) fn user(number: u64) -> Value {
    json!({"userId": number})
}

/// Everything that was acknowledged is there once: in history, and in the owner views of all shards together.
pub(crate) fn assert_whole(field: &Field, acknowledged: &Acknowledged) {
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
