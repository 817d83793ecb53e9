//! What each test gets: a data directory of its own, the binary, and a small market.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use outside::client::{Client, Key};
use outside::http::Answer;
use outside::process::{Binary, Running, said};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a condition is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// How often a condition is looked at that others work for.
pub(crate) const GLANCE: Duration = Duration::from_millis(10);

/// The binary with the smallest segments there are.
pub(crate) fn binary() -> Binary {
    Binary::new(env!("CARGO_BIN_EXE_buttonwood")).with("SEGMENT_MIB", 16).with("GATEWAY_THREADS", 2)
}

/// A place for data directories, and the binary.
#[derive(Debug)]
pub(crate) struct Desk {
    directory: TempDir,
    pub(crate) binary: Binary,
    pub(crate) data: PathBuf,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let data = directory.path().join("venue");
        Self { directory, binary: binary(), data }
    }

    /// The same with a setting.
    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.binary = self.binary.with(name, value);
        self
    }

    /// The same with its data elsewhere.
    pub(crate) fn at(self, data: PathBuf) -> Self {
        Self { data, ..self }
    }

    /// Another with the same settings, whose data is elsewhere.
    pub(crate) fn copied_to(&self, data: PathBuf) -> Self {
        Self { directory: TempDir::new().unwrap(), binary: self.binary.clone(), data }
    }

    /// A path beside the data directory.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A started venue.
    pub(crate) fn serve(&self) -> Running {
        let mut venue = Running::serve(&self.binary, &self.data).unwrap();
        venue.address().unwrap();
        venue
    }

    /// What a start says that must fail.
    pub(crate) fn refused_start(&self) -> String {
        let mut venue = Running::serve(&self.binary, &self.data).unwrap();
        format!("{:#}", venue.address().expect_err("it must not start"))
    }

    /// Trades so many commands inside the process and shuts down: two snapshots, rows, sealed logs.
    pub(crate) fn load(&self, commands: u64) {
        let commands = commands.to_string();
        let output = self.binary.run(&["load", "--seed", "7", "--users", "20", "--commands", &commands], &self.data);
        let output = output.unwrap();
        assert!(output.status.success(), "{}", said(&output));
    }

    /// Trades until neither log reaches back to the first command.
    pub(crate) fn load_until_purged(&self) {
        let first = segment_of_first_command(self);
        self.load(200_000);
        until("segments of both logs are purged", || {
            self.load(20_000);
            first.iter().all(|path| !path.exists())
        });
    }

    /// Proves the data directory clean.
    pub(crate) fn verify(&self) -> String {
        self.binary.verify(&self.data).unwrap()
    }

    /// What `verify` says that must not be clean.
    pub(crate) fn refused_verify(&self) -> String {
        refused(&self.binary, &["verify"], &self.data)
    }

    /// What the venue has logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.data.with_extension("log")).unwrap()
    }

    /// The last file of the journal.
    pub(crate) fn last_segment(&self) -> PathBuf {
        files(&self.data.join("journal"), "seg").pop().unwrap()
    }

    /// Snapshots, oldest first.
    pub(crate) fn snapshots(&self) -> Vec<PathBuf> {
        files(&self.data.join("snapshots"), "snap")
    }
}

fn segment_of_first_command(desk: &Desk) -> [PathBuf; 2] {
    ["journal", "events"].map(|log| desk.data.join(log).join("00000000000000000001.seg"))
}

/// What a call says that must fail, and not by a crash.
pub(crate) fn refused(binary: &Binary, arguments: &[&str], data: &Path) -> String {
    let output = binary.run(arguments, data).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", said(&output));
    said(&output)
}

/// Files with an ending, sorted by name.
pub(crate) fn files(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|found| found == ending)).collect();
    paths.sort();
    paths
}

/// Copies a directory with everything in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Changes one byte of a file.
pub(crate) fn flip(path: &Path, offset: u64) {
    let mut bytes = fs::read(path).unwrap();
    bytes[usize::try_from(offset).unwrap()] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

/// Where the zeros at the end of a file begin, rounded up to whole blocks.
pub(crate) fn written_to(path: &Path) -> usize {
    let bytes = fs::read(path).unwrap();
    let last = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    (last + 1).next_multiple_of(4096)
}

/// Waits until something is so.
pub(crate) fn until(what: &str, is_so: impl FnMut() -> bool) {
    until_within(PATIENCE, what, is_so);
}

/// The same, for what takes longer by itself.
pub(crate) fn until_within(patience: Duration, what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !is_so() {
        assert!(Instant::now() < deadline, "not within {patience:?}: {what}");
        // Who is waited for shares the cores with who asks.
        std::thread::sleep(GLANCE);
    }
}

/// A symbol, and clients with money to trade it.
#[derive(Debug)]
pub(crate) struct Market {
    pub(crate) traders: Vec<Key>,
}

impl Market {
    pub(crate) fn open(desk: &Desk, venue: &mut Running, traders: u32) -> Self {
        let admin = desk.binary.admin_key(&desk.data).unwrap();
        let mut client = venue.client(&admin).unwrap();
        let mut ask = |path: &str, body: Value| client.admin(path, &body).unwrap();
        for code in ["BTC", "USDT"] {
            ask("assets", json!({"requestId": code, "code": code, "scale": 8}));
        }
        ask(
            "symbols",
            json!({
                "requestId": "symbol", "code": "BTCUSDT", "base": "BTC", "quote": "USDT",
                "tickSize": "0.01", "lotSize": "0.0001",
            }),
        );
        let mut keys = Vec::new();
        for number in 0..traders {
            let user = ask("users", json!({"requestId": format!("user-{number}")}))["userId"].as_u64().unwrap();
            for asset in ["BTC", "USDT"] {
                let id = format!("{asset}-{number}");
                ask("deposits", json!({"requestId": id, "userId": user, "asset": asset, "amount": "1000000"}));
            }
            let id = format!("key-{number}");
            let key = ask("keys", json!({"requestId": id, "userId": user, "roles": ["read", "trade"]}));
            let text = |name: &str| key[name].as_str().unwrap().to_owned();
            keys.push(Key { api_key: text("apiKey"), secret: text("secretKey") });
        }
        Self { traders: keys }
    }

    /// A client of the first trader.
    pub(crate) fn trader(&self, venue: &mut Running) -> Client {
        venue.client(&self.traders[0]).unwrap()
    }
}

/// The query of a limit order for one lot.
pub(crate) fn limit(side: &str, price: u64, client_id: &str) -> String {
    format!(
        "symbol=BTCUSDT&side={side}&type=LIMIT&timeInForce=GTC&quantity=0.0001&price={price}\
         &newClientOrderId={client_id}&newOrderRespType=ACK"
    )
}

/// Places a limit order that must be taken; its id.
pub(crate) fn place(client: &mut Client, side: &str, price: u64, client_id: &str) -> u64 {
    let answer = client.ask("POST", "/api/v3/order", &limit(side, price, client_id)).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["orderId"].as_u64().unwrap()
}

/// Cancels by client order id.
pub(crate) fn cancel(client: &mut Client, client_id: &str) -> Answer {
    client.ask("DELETE", "/api/v3/order", &format!("symbol=BTCUSDT&origClientOrderId={client_id}")).unwrap()
}

/// Asks for an order by client order id.
pub(crate) fn find(client: &mut Client, client_id: &str) -> Answer {
    client.ask("GET", "/api/v3/order", &format!("symbol=BTCUSDT&origClientOrderId={client_id}")).unwrap()
}

/// Waits until every follower has everything.
pub(crate) fn until_stored(client: &mut Client) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = client.look("/v1/status").unwrap();
        let followers = status["followers"].as_array().unwrap();
        if followers.iter().all(|follower| follower["checkpoint"] == status["committed"]) {
            return;
        }
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: all followers are level: {status}");
        std::thread::sleep(GLANCE);
    }
}
