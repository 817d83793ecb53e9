//! What a person sees who opens the database: decimals and words.

use projector::conformance::example::two_traders;
use sim::feed::feed_of;

use crate::subject::{Databases, Stores};

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

#[test]
fn views_show_exact_decimals_and_words() {
    let databases = Databases::quick();
    let database = databases.make();
    let (blocks, _) = feed_of(&two_traders());
    Stores::open(&databases.config(&database)).fill(&blocks);
    let query = |sql: &str| databases.server.query(&database, &format!("SET timezone = 'UTC'; {sql}")).unwrap();
    let orders = "SELECT user_id, symbol, side, kind, time_in_force, price, quantity, executed, executed_quote, trim_scale(average_price),
        status, placed_at, symbols_through FROM v_orders ORDER BY order_id";
    assert_eq!(
        lines(&query(orders)),
        [
            "1|BTCUSDT|sell|limit|good_til_canceled|65000.5|0.15|0.1|6500.05|65000.5|partially_filled|2023-11-14 22:13:20+00|9",
            "2|BTCUSDT|buy|limit|good_til_canceled|65000.5|0.1|0.1|6500.05|65000.5|filled|2023-11-14 22:13:20+00|9",
        ]
    );
    assert_eq!(query("SELECT user_id, status FROM v_open_orders"), "1|partially_filled");
    let fills = "SELECT user_id, order_quantity, trade_id, liquidity, price, quantity, fee, fee_asset FROM v_order_fills ORDER BY order_id";
    assert_eq!(
        lines(&query(fills)),
        ["1|0.15|1|maker|65000.5|0.1|6.50005|USDT", "2|0.1|1|taker|65000.5|0.1|0.0001|BTC"]
    );
    assert_eq!(
        lines(&query("SELECT user_id, asset, free, locked, credit_limit FROM v_balances ORDER BY user_id, asset")),
        [
            "0|BTC|0.0001|0|0",
            "0|USDT|6.50005|0|0",
            "1|BTC|12.35|0.05|0",
            "1|USDT|6493.54995|0|0",
            "2|BTC|0.0999|0|0",
            "2|USDT|993499.95|0|0"
        ]
    );
    assert_eq!(
        lines(&query("SELECT user_id, symbol, quantity, cost, realised FROM v_positions ORDER BY user_id")),
        ["1|BTCUSDT|-0.1|-6493.54995|0", "2|BTCUSDT|0.0999|6500.05|0"]
    );
    assert_eq!(
        lines(&query(
            "SELECT user_id, quote_asset, realised, unrealised, total, balance, symbols_through, users_through
                      FROM v_pnl_by_user ORDER BY user_id"
        )),
        ["1|USDT|0|-6.50005|-6.50005|6493.54995|9|9", "2|USDT|0|-6.50005|-6.50005|993499.95|9|9"]
    );
    let turnover = "SELECT symbol, day, trades, quantity, quote, symbols_through FROM v_turnover_by_symbol";
    assert_eq!(query(turnover), "BTCUSDT|2023-11-14 00:00:00+00|1|0.1|6500.05|9");
    assert_eq!(query("SELECT sum(change) FROM v_ledger GROUP BY asset"), "0.00000\n0.0000");
}

#[test]
fn owner_views_hide_what_another_shard_owns() {
    let databases = Databases::quick();
    let database = databases.make();
    let (blocks, _) = feed_of(&two_traders());
    Stores::open(&databases.config(&database)).fill(&blocks);
    let query = |sql: &str| databases.server.query(&database, sql).unwrap();
    let counts = "SELECT (SELECT count(*) FROM owned_orders), (SELECT count(*) FROM owned_open_orders),
        (SELECT count(*) FROM owned_order_fills), (SELECT count(*) FROM owned_positions), (SELECT count(*) FROM owned_balances),
        (SELECT count(*) FROM owned_ledger)";
    assert_eq!(query(counts), "2|1|2|2|6|12", "a venue without shards owns everything");
    query("INSERT INTO shard (shard_id) VALUES (1)");
    assert_eq!(query(counts), "0|0|0|0|0|0", "a shard owns what it was given");
    query("INSERT INTO symbol_tenures VALUES (0, 0, 1); INSERT INTO user_tenures VALUES (1, 0, 1)");
    // Of user 1: two balances; a deposit (with the world's side), two sides of the trade, a fee.
    assert_eq!(query(counts), "2|1|2|2|2|5");
    query("INSERT INTO symbol_tenures VALUES (0, 8, 2)");
    assert_eq!(query(counts), "0|0|0|0|2|5", "the latest tenure decides");
}
