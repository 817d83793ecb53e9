//! What a person sees who opens the files: decimals and words.

use projector::conformance::example::two_traders;
use rusqlite::{Connection, types::ValueRef};
use sim::feed::feed_of;
use store_sqlite::store::{Role, SqliteStore};

use crate::subject::fill;

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
    let (blocks, _) = feed_of(&two_traders());
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
    let (blocks, _) = feed_of(&two_traders());
    fill(&mut SqliteStore::open(&hot, Role::Hot).unwrap(), &blocks);
    let hot = Connection::open(&hot).unwrap();
    hot.execute("UPDATE symbols SET tick_mantissa = 9223372036854775807, tick_scale = 18, lot_scale = 0", []).unwrap();
    assert_eq!(query(&hot, "SELECT price, quantity, executed FROM v_orders ORDER BY order_id"), ["- 15 10", "- 10 10"]);
}
