//! An existing system in PostgreSQL, brought along: whole, twice, changed, and full of bad data.

use std::fs;

use outside::process::said;
use pg_cluster::options::Options;
use pg_cluster::server::Server;

use crate::desk::{Desk, Market, place, until_stored};

const DATABASE: &str = "legacy";

const SCHEMA: &str = "
CREATE TABLE users (id uuid PRIMARY KEY, email text UNIQUE NOT NULL, deleted boolean NOT NULL DEFAULT false);
CREATE TABLE balances (user_id uuid, currency text, available numeric(36, 18), locked numeric(36, 18) DEFAULT 0);
CREATE TABLE positions (user_id uuid, pair text, amount numeric, avg_price numeric, realized_pnl numeric);
CREATE TABLE orders (id bigint PRIMARY KEY, user_id uuid, pair text, side text, price numeric, quantity numeric, filled numeric DEFAULT 0,
    status text, client_id text, created_at timestamptz);
CREATE TABLE order_fills (id bigint PRIMARY KEY, order_id bigint REFERENCES orders, price numeric, quantity numeric, fee numeric);
INSERT INTO users SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'user' || n || '@example.org', n = 9
    FROM generate_series(1, 9) AS n;
";

/// Users 1 to 3 have money, positions and open orders; user 1 sells, users 2 and 3 buy.
const GOOD: &str = "
INSERT INTO balances VALUES (u(1), 'btc', 7.5, 2.5), (u(1), 'usdt', 1000, 0), (u(2), 'usdt', 90000.25, 40000), (u(3), 'usdt', 5000, 100),
    (u(4), 'btc', 0, 0);
INSERT INTO positions VALUES (u(1), 'BTC-USDT', -2.5, 41000, 120.5), (u(2), 'BTC-USDT', 2.5, 41000.5, 0);
INSERT INTO orders VALUES
    (17, u(2), 'BTC-USDT', 'buy', 40000, 1.5, 0.5, 'PARTIAL', 'my-bid', '2024-05-02'),
    (12, u(3), 'BTC-USDT', 'buy', 40000, 0.0025, 0, 'OPEN', NULL, '2024-05-03'),
    (19, u(1), 'BTC-USDT', 'sell', 52000, 2.5, 0, 'OPEN', 'my-ask', '2024-05-01'),
    (20, u(1), 'BTC-USDT', 'sell', 50000, 1, 1, 'FILLED', 'gone', '2024-05-01');
";

const MAPPING: &str = r#"
source = "old exchange"

[assets.btc]
code = "BTC"
scale = 8
[assets.usdt]
code = "USDT"
scale = 8

[symbols."BTC-USDT"]
code = "BTCUSDT"
base = "btc"
quote = "usdt"
tick_size = "0.01"
lot_size = "0.0001"

[users]
from = "users"
where = "NOT deleted"
key = "id"

[balances]
from = "balances"
user = "user_id"
asset = "currency"
free = "available"
locked = "locked"

[positions]
from = "positions"
user = "user_id"
symbol = "pair"
quantity = "amount"
cost = "amount * avg_price"
realised = "realized_pnl"

[orders]
from = "orders"
where = "status IN ('OPEN', 'PARTIAL')"
key = "id"
user = "user_id"
symbol = "pair"
side = "side"
price = "price"
remaining = "quantity - filled"
time = "created_at"
client_order_id = "client_id"
"#;

struct Legacy {
    server: Server,
    desk: Desk,
}

impl Legacy {
    fn new(rows: &str) -> Self {
        let server = Server::temporary(&Options::default().without_fsync()).unwrap();
        server.create_database(DATABASE).unwrap();
        let legacy = Self { server, desk: Desk::new() };
        fs::write(legacy.desk.beside("mapping.toml"), MAPPING).unwrap();
        legacy.ask(SCHEMA);
        legacy.ask(rows);
        legacy
    }

    fn ask(&self, sql: &str) -> String {
        // u(7) is the seventh user.
        let user = "CREATE OR REPLACE FUNCTION pg_temp.u(n int) RETURNS uuid LANGUAGE sql
            AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;";
        self.server.query(DATABASE, &format!("{user} {}", sql.replace("u(", "pg_temp.u("))).unwrap()
    }

    /// Whether it came out clean, and what was said.
    fn import(&self, more: &[&str]) -> (bool, String) {
        let (url, mapping) = (self.server.url(DATABASE), self.desk.beside("mapping.toml"));
        let mapping = mapping.to_str().unwrap();
        let arguments: Vec<_> = ["import", "--from", &url, "--mapping", mapping].iter().chain(more).copied().collect();
        let output = self.desk.binary.run(&arguments, &self.desk.data).unwrap();
        (output.status.success(), said(&output))
    }
}

/// The count of a kind in the report: new, earlier, nothing, refused.
fn counts(said: &str, kind: &str) -> [u64; 4] {
    let line = said.lines().find(|line| line.starts_with(&format!("{kind:<10}"))).unwrap_or_else(|| panic!("{said}"));
    let numbers: Vec<u64> = line.split_whitespace().skip(1).map(|number| number.parse().unwrap()).collect();
    numbers.try_into().unwrap()
}

#[test]
fn an_existing_system_is_brought_along_once() {
    let legacy = Legacy::new(GOOD);
    let (clean, rehearsed) = legacy.import(&["--dry-run"]);
    assert!(clean, "{rehearsed}");
    assert!(!legacy.desk.data.join("journal").exists(), "a dry run writes nothing");

    let users = legacy.desk.beside("users.csv");
    let (clean, said) = legacy.import(&["--users", users.to_str().unwrap()]);
    assert!(clean, "{said}");
    for text in [&rehearsed, &said] {
        assert_eq!(counts(text, "asset"), [2, 0, 0, 0]);
        assert_eq!(counts(text, "symbol"), [1, 0, 0, 0]);
        assert_eq!(counts(text, "user"), [8, 0, 0, 0]);
        assert_eq!(counts(text, "balance"), [4, 0, 1, 0]);
        assert_eq!(counts(text, "position"), [2, 0, 0, 0]);
        assert_eq!(counts(text, "order"), [3, 0, 0, 0]);
        assert!(text.contains("all btc: source 10, brought along 10, equal"), "{text}");
        assert!(text.contains("all usdt: source 136100.25, brought along 136100.25, equal"), "{text}");
    }
    let listed = fs::read_to_string(users).unwrap();
    assert!(listed.starts_with("key,user_id\n00000000-0000-0000-0000-000000000001,1\n"), "{listed}");
    assert_eq!(listed.lines().count(), 9);
    legacy.desk.verify();

    // The same again: nothing new.
    let (clean, said) = legacy.import(&[]);
    assert!(clean, "{said}");
    assert_eq!(counts(&said, "user"), [0, 8, 0, 0]);
    assert_eq!(counts(&said, "balance"), [0, 4, 1, 0]);
    assert_eq!(counts(&said, "order"), [0, 3, 0, 0]);

    // The book is as it was: the older bid first. Its owner sells into it; asked for again, nothing comes back.
    let mut venue = legacy.desk.serve();
    let mut admin = venue.client(&legacy.desk.binary.admin_key(&legacy.desk.data).unwrap()).unwrap();
    let depth = admin.look("/api/v3/depth?symbol=BTCUSDT").unwrap();
    assert_eq!(depth["bids"], serde_json::json!([["40000.00000000", "1.00250000"]]));
    assert_eq!(depth["asks"], serde_json::json!([["52000.00000000", "2.50000000"]]));
    let of_user = |query: &str| format!("{query}&userId=1");
    let position = admin.get("/v1/positions", &of_user("symbol=BTCUSDT")).unwrap()["positions"][0].clone();
    assert_eq!(
        (position["quantity"].as_str(), position["cost"].as_str()),
        (Some("-2.50000000"), Some("-102500.00000000"))
    );
    assert_eq!(position["realisedPnl"], "120.50000000");
    let market = serde_json::json!({"requestId": "key", "userId": 1, "roles": ["read", "trade"]});
    let key = admin.admin("keys", &market).unwrap();
    let text = |name: &str| key[name].as_str().unwrap().to_owned();
    let mut seller =
        venue.client(&outside::client::Key { api_key: text("apiKey"), secret: text("secretKey") }).unwrap();
    let sold = "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=1&newClientOrderId=sold";
    assert_eq!(seller.ask("POST", "/api/v3/order", sold).unwrap().body["status"], "FILLED");
    let depth = admin.look("/api/v3/depth?symbol=BTCUSDT").unwrap();
    assert_eq!(depth["bids"], serde_json::json!([["40000.00000000", "0.00250000"]]), "the older bid is gone");
    until_stored(&mut admin);
    venue.stop().unwrap();
    let (clean, said) = legacy.import(&[]);
    assert!(clean && said.contains("note: the venue has traded since"), "{said}");
    assert_eq!(counts(&said, "order"), [0, 3, 0, 0], "what was filled is not placed again");
    legacy.desk.verify();
}

#[test]
fn what_has_changed_since_is_refused() {
    let legacy = Legacy::new(GOOD);
    assert!(legacy.import(&[]).0);
    legacy.ask(
        "UPDATE balances SET available = 8 WHERE user_id = u(1) AND currency = 'btc'; UPDATE orders SET price = 52001 WHERE id = 19;
         INSERT INTO balances VALUES (u(5), 'btc', 1, 0)",
    );
    let (clean, said) = legacy.import(&[]);
    assert!(!clean && said.contains("not clean: 2 rows refused"), "{said}");
    assert!(
        said.contains(
            "balance 00000000-0000-0000-0000-000000000001/btc: has changed since it was brought along: then Deposit"
        ),
        "{said}"
    );
    assert!(said.contains("Amount(1000000000)") && said.contains("Amount(1050000000)"), "{said}");
    assert!(said.contains("order 19: has changed since") && said.contains("Ticks(5200000)"), "{said}");
    assert!(said.contains("all btc together: the source has 11.5, brought along were 11"), "{said}");
    assert_eq!(counts(&said, "balance"), [1, 3, 1, 1], "what is new comes along");
    legacy.desk.verify();
}

#[test]
fn bad_data_is_told_and_the_rest_comes_along() {
    let legacy = Legacy::new(GOOD);
    legacy.ask(
        "INSERT INTO balances VALUES (u(4), 'usdt', -5, 0), (u(4), 'doge', 1, 0), (u(5), 'btc', 0.123456789, 0), (u(9), 'btc', 1, 0),
            (u(5), 'usdt', 50, 50), (u(6), 'usdt', NULL, 0), (u(6), 'btc', 1, 0), (u(6), 'btc', 2, 0);
         INSERT INTO positions VALUES (u(5), 'DOGE-USDT', 1, 1, 0), (u(5), 'BTC-USDT', 0.000000001, 1, 0);
         INSERT INTO orders VALUES
            (30, u(2), 'BTC-USDT', 'buy', 52000.5, 0.1, 0, 'OPEN', NULL, '2024-06-01'),
            (31, u(2), 'BTC-USDT', 'buy', 30000.005, 0.1, 0, 'OPEN', NULL, '2024-06-01'),
            (32, u(2), 'BTC-USDT', 'hold', 30000, 0.1, 0, 'OPEN', NULL, '2024-06-01'),
            (33, u(2), 'BTC-USDT', 'buy', 30000, 0.1, 0.1, 'OPEN', NULL, '2024-06-01'),
            (34, u(3), 'BTC-USDT', 'buy', 39000, 1, 0, 'OPEN', NULL, '2024-06-01'),
            (35, u(2), 'BTC-USDT', 'buy', 30000, 0.1, 0, 'OPEN', 'a name that is much too long for any venue', '2024-06-01'),
            (36, u(2), 'BTC-USDT', 'buy', 30000, 0.1, 0, 'OPEN', 'my-bid', '2024-06-01')",
    );
    let report = legacy.desk.beside("report.txt");
    let (clean, said) = legacy.import(&["--report", report.to_str().unwrap()]);
    assert!(!clean, "{said}");
    let report = fs::read_to_string(report).unwrap();
    let user = |number: u32| format!("00000000-0000-0000-0000-00000000000{number}");
    for line in [
        format!("refused: balance {}/usdt: negative balance: free -5.000000000000000000", user(4)),
        format!("refused: balance {}/doge: unknown asset \"doge\"", user(4)),
        format!("refused: balance {}/btc: free \"0.123456789000000000\" is no decimal of at most 8 decimals", user(5)),
        format!("refused: balance {}/btc: unknown user", user(9)),
        format!("refused: balance {}/usdt: free \"\" is no decimal", user(6)),
        format!("refused: balance {}/btc: comes twice in the source", user(6)),
        format!("refused: position {}/DOGE-USDT: unknown symbol", user(5)),
        format!("refused: position {}/BTC-USDT: quantity \"0.000000001\" is no decimal", user(5)),
        "refused: order 30: the venue refuses it: WouldTrade".into(),
        "refused: order 31: price \"30000.005\" is no positive multiple".into(),
        "refused: order 32: neither a buy nor a sell: \"hold\"".into(),
        "refused: order 33: remaining \"0.0\" is no positive multiple".into(),
        "refused: order 34: the venue refuses it: InsufficientFunds".into(),
        "refused: order 35: client order id".into(),
        "refused: order 36: the venue refuses it: ClientOrderIdInUse".into(),
        format!(
            "difference: user {} has usdt free 50 and locked 50 in the source, free 100 and locked 0 at the venue",
            user(5)
        ),
        "difference: all usdt together: the source has 136195.25, brought along were 136200.25".into(),
    ] {
        assert!(report.lines().any(|found| found.starts_with(&line)), "{line}\n{report}");
    }
    assert!(said.contains("not clean: 15 rows refused,"), "{said}");
    assert_eq!(counts(&report, "order"), [3, 0, 0, 7]);
    legacy.desk.verify();

    // Mended at the source, and asked for again: what was refused comes along now.
    legacy.ask("DELETE FROM orders WHERE id IN (31, 32, 33, 35, 36); UPDATE orders SET price = 51999 WHERE id = 30; UPDATE orders SET quantity = 0.05 WHERE id = 34");
    let (_, said) = legacy.import(&[]);
    assert_eq!(counts(&said, "order"), [2, 3, 0, 0], "{said}");
    legacy.desk.verify();
}

#[test]
fn what_cannot_begin_changes_nothing() {
    let legacy = Legacy::new(GOOD);
    let mapping = legacy.desk.beside("mapping.toml");
    let with = |text: &str| {
        fs::write(&mapping, text).unwrap();
        let (clean, said) = legacy.import(&[]);
        assert!(!clean, "{said}");
        assert!(!legacy.desk.data.join("journal").exists(), "{said}");
        said
    };
    assert!(with(&MAPPING.replace("available", "disposable")).contains("column \"disposable\" does not exist"));
    assert!(with(&MAPPING.replace("tick_size", "tick")).contains("tick"));
    assert!(with(&MAPPING.replace("\"quantity - filled\"", "\"1; DROP TABLE users\"")).contains("syntax error"));
    assert_eq!(legacy.ask("SELECT count(*) FROM users"), "9");
    // Not even a function that writes.
    legacy.ask("CREATE FUNCTION sly() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM users; RETURN 1; END $$");
    assert!(with(&MAPPING.replace("\"quantity - filled\"", "\"sly()\"")).contains("read-only transaction"));
    fs::write(&mapping, MAPPING).unwrap();

    // A venue that runs keeps its directory to itself; one with the same codes and other steps is not guessed at.
    let mut venue = legacy.desk.serve();
    let market = Market::open(&legacy.desk, &mut venue, 1);
    place(&mut market.trader(&mut venue), "BUY", 100, "resting");
    let (clean, said) = legacy.import(&[]);
    assert!(!clean && said.contains("another buttonwood uses this data directory"), "{said}");
    venue.stop().unwrap();
    fs::write(&mapping, MAPPING.replace("tick_size = \"0.01\"", "tick_size = \"0.1\"")).unwrap();
    let (clean, said) = legacy.import(&[]);
    assert!(!clean && said.contains("symbol BTCUSDT has other assets or steps at the venue"), "{said}");
    // With the same steps it comes along beside what is there.
    fs::write(&mapping, MAPPING).unwrap();
    let (clean, said) = legacy.import(&[]);
    assert!(clean, "{said}");
    assert_eq!((counts(&said, "asset"), counts(&said, "symbol")), ([0, 0, 2, 0], [0, 0, 1, 0]));
    legacy.desk.verify();
}
