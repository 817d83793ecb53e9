//! What a person sees who opens the files: decimals and words.

use domain::command::create_asset::CreateAsset;
use domain::command::create_symbol::CreateSymbol;
use domain::command::create_user::CreateUser;
use domain::command::deposit::Deposit;
use domain::command::place_order::PlaceOrder;
use domain::command::{Action, Command, Envelope, Request, RequestContent, Sequenced};
use domain::ids::{AssetId, SymbolId, UserId};
use domain::instrument::{Fees, Step, SymbolLimits};
use domain::order::{OrderKind, Side, TimeInForce};
use domain::text::Text;
use domain::units::{Amount, Lots, Ppm, Seq, Ticks, UnixNanos};
use rusqlite::{Connection, types::ValueRef};
use store_sqlite::store::{Role, SqliteStore};

use crate::feed::feed_of;
use crate::subject::fill;

/// 2023-11-14 22:13:20.000000001 UTC.
const TIME: UnixNanos = UnixNanos(1_700_000_000_000_000_001);

fn text<const N: usize>(text: &str) -> Text<N> {
    Text::new(text).unwrap()
}

#[derive(Default)]
struct Script(Vec<Sequenced<Command>>);

impl Script {
    fn push(&mut self, user: u32, action: Action) {
        let seq = Seq(self.0.len() as u64 + 1);
        let envelope = Envelope { user: UserId(user), ..Envelope::VENUE };
        self.0.push(Sequenced { seq, time: TIME, content: Command { envelope, action } });
    }

    fn request(&mut self, content: RequestContent) {
        let id = text(&format!("r{}", self.0.len()));
        self.push(0, Action::Request(Request { id, content }));
    }

    fn limit(&mut self, user: u32, side: Side, price: u64, quantity: u64) {
        let kind = OrderKind::Limit {
            price: Ticks(price),
            quantity: Lots(quantity),
            time_in_force: TimeInForce::GoodTilCanceled,
        };
        let client_order_id = text(&format!("c{}", self.0.len()));
        self.push(user, Action::PlaceOrder(PlaceOrder { symbol: SymbolId(0), side, kind, client_order_id }));
    }
}

/// Two users, 12.5 BTC and 1,000,000 USDT; an offer of 0.15 BTC at 65000.5, of which 0.1 is taken, with a fee of 0.1 %.
fn script() -> Vec<Sequenced<Command>> {
    let mut script = Script::default();
    for (code, scale) in [("BTC", 8), ("USDT", 6)] {
        script.request(RequestContent::CreateAsset(CreateAsset { code: text(code), scale }));
    }
    script.request(RequestContent::CreateSymbol(Box::new(CreateSymbol {
        code: text("BTCUSDT"),
        base: AssetId(0),
        quote: AssetId(1),
        tick_size: Step { mantissa: 5, scale: 1 },
        lot_size: Step { mantissa: 1, scale: 2 },
        limits: SymbolLimits::WIDEST,
        fees: Fees { maker: Ppm(1_000), taker: Ppm(1_000) },
    })));
    for (user, asset, amount) in [(1, 0, 1_250_000_000), (2, 1, 1_000_000_000_000)] {
        script.request(RequestContent::CreateUser(CreateUser));
        let deposit = Deposit { user: UserId(user), asset: AssetId(asset), amount: Amount(amount) };
        script.request(RequestContent::Deposit(deposit));
    }
    script.limit(1, Side::Sell, 130_001, 15);
    script.limit(2, Side::Buy, 130_001, 10);
    script.0
}

fn query(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    let columns = statement.column_count();
    let row = |row: &rusqlite::Row<'_>| {
        let value = |column| match row.get_ref(column).unwrap() {
            ValueRef::Null => "-".to_owned(),
            ValueRef::Integer(number) => number.to_string(),
            ValueRef::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
            ValueRef::Real(_) | ValueRef::Blob(_) => panic!("no float and no blob in a view"),
        };
        Ok((0..columns).map(value).collect::<Vec<_>>().join(" "))
    };
    statement.query_map([], row).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn views_show_exact_decimals_and_words() {
    let directory = tempfile::tempdir().unwrap();
    let (hot, archive) = (directory.path().join("hot.db"), directory.path().join("archive.db"));
    let (blocks, _) = feed_of(&script());
    fill(&mut SqliteStore::open(&hot, Role::Hot).unwrap(), &blocks);
    fill(&mut SqliteStore::open(&archive, Role::Archive).unwrap(), &blocks);
    let (hot, archive) = (Connection::open(&hot).unwrap(), Connection::open(&archive).unwrap());
    let orders = "SELECT user_id, symbol, side, kind, time_in_force, price, quantity, executed, executed_quote, status,
        placed_at FROM v_orders ORDER BY order_id";
    assert_eq!(
        query(&hot, orders),
        [
            "1 BTCUSDT sell limit good_til_canceled 65000.5 0.15 0.1 6500.05 partially_filled 2023-11-14T22:13:20.000000001Z",
            "2 BTCUSDT buy limit good_til_canceled 65000.5 0.1 0.1 6500.05 filled 2023-11-14T22:13:20.000000001Z",
        ]
    );
    assert_eq!(query(&hot, "SELECT user_id, status FROM v_open_orders"), ["1 partially_filled"]);
    assert_eq!(
        query(&hot, "SELECT user_id, asset, free, locked, credit_limit FROM v_balances ORDER BY user_id, asset"),
        [
            "0 BTC 0.0001 0 0",
            "0 USDT 6.50005 0 0",
            "1 BTC 12.35 0.05 0",
            "1 USDT 6493.54995 0 0",
            "2 BTC 0.0999 0 0",
            "2 USDT 993499.95 0 0"
        ]
    );
    assert_eq!(
        query(&hot, "SELECT user_id, symbol, quantity, cost, realised FROM v_positions ORDER BY user_id"),
        ["1 BTCUSDT -0.1 -6493.54995 0", "2 BTCUSDT 0.0999 6500.05 0"]
    );
    assert_eq!(
        query(&hot, "SELECT user_id, asset, change, movement FROM v_ledger ORDER BY seq, event_index, leg"),
        [
            "- BTC -12.5 deposit",
            "1 BTC 12.5 deposit",
            "- USDT -1000000 deposit",
            "2 USDT 1000000 deposit",
            "1 BTC -0.1 trade",
            "2 BTC 0.1 trade",
            "2 USDT -6500.05 trade",
            "1 USDT 6500.05 trade",
            "1 USDT -6.50005 fee",
            "0 USDT 6.50005 fee",
            "2 BTC -0.0001 fee",
            "0 BTC 0.0001 fee"
        ]
    );
    let trades = "SELECT symbol, trade_id, price, quantity, quote, taker_side, at FROM v_trades";
    assert_eq!(query(&archive, trades), ["BTCUSDT 1 65000.5 0.1 6500.05 buy 2023-11-14T22:13:20.000000001Z"]);
    let audit = query(&archive, "SELECT seq, user_id, action, outcome, content FROM v_audit WHERE seq >= 8");
    assert_eq!(audit[0].split(' ').take(4).collect::<Vec<_>>(), ["8", "1", "place_order", "accepted"]);
    assert!(audit[0].contains(r#""price_ticks":130001,"quantity_lots":15"#), "{}", audit[0]);
}

#[test]
fn a_number_that_a_view_cannot_show_exactly_is_absent() {
    let directory = tempfile::tempdir().unwrap();
    let hot = directory.path().join("hot.db");
    let (blocks, _) = feed_of(&script());
    fill(&mut SqliteStore::open(&hot, Role::Hot).unwrap(), &blocks);
    let hot = Connection::open(&hot).unwrap();
    hot.execute("UPDATE symbols SET tick_mantissa = 9223372036854775807, tick_scale = 18, lot_scale = 0", []).unwrap();
    assert_eq!(query(&hot, "SELECT price, quantity, executed FROM v_orders ORDER BY order_id"), ["- 15 10", "- 10 10"]);
}
