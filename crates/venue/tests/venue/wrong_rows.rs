//! `verify` against stores that somebody has changed: each change is found and named.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use crate::desk::{Desk, copy};

/// What is changed, in which file, and what `verify` must say of it.
struct Case {
    file: &'static str,
    change: &'static str,
    names: &'static [&'static str],
}

const CASES: [Case; 21] = [
    Case {
        file: "hot.db",
        change: "UPDATE balances SET free = '1' WHERE user_id = 3 AND asset_id = 1",
        names: &["WRONG hot/users", "different: Balance"],
    },
    Case {
        file: "hot.db",
        change: "DELETE FROM balances WHERE user_id = 3 AND asset_id = 1",
        names: &["WRONG hot/users", "missing: Balance"],
    },
    Case {
        file: "hot.db",
        change: "DELETE FROM order_fills WHERE rowid = (SELECT max(rowid) FROM order_fills)",
        names: &["WRONG hot/symbols", "missing: Fill"],
    },
    Case {
        file: "hot.db",
        change: "INSERT INTO order_fills SELECT seq, event_index + 1000, time, order_id, user_id, execution, symbol_id, trade_id,
                 side, liquidity, price, quantity, quote, fee, fee_asset_id FROM order_fills LIMIT 1",
        names: &["WRONG hot/symbols", "orphan", "Fill"],
    },
    Case {
        file: "hot.db",
        change: "UPDATE order_states SET executed = executed + 1 WHERE order_id = (SELECT max(order_id) FROM orders)",
        names: &["WRONG hot/symbols", "different: Order"],
    },
    Case {
        file: "hot.db",
        change: "DELETE FROM open_orders WHERE order_id = (SELECT min(order_id) FROM open_orders)",
        names: &["WRONG hot/symbols", "missing: OpenOrder"],
    },
    Case {
        file: "hot.db",
        change: "UPDATE positions SET cost = '7' WHERE (user_id, symbol_id) IN
                 (SELECT user_id, symbol_id FROM positions LIMIT 1)",
        names: &["WRONG hot/symbols", "different: Position"],
    },
    Case {
        file: "hot.db",
        change: "UPDATE ledger SET change = '1' WHERE rowid = (SELECT max(rowid) FROM ledger)",
        names: &["WRONG hot/users", "different: Ledger"],
    },
    Case {
        file: "hot.db",
        change: "UPDATE checkpoints SET seq = seq - 1 WHERE stream = 'users'",
        names: &["WRONG hot/users"],
    },
    Case {
        file: "hot.db",
        change: "UPDATE checkpoints SET hash = zeroblob(32) WHERE stream = 'symbols'",
        names: &["WRONG hot/symbols", "another history"],
    },
    Case {
        file: "archive.db",
        change: "DELETE FROM audit_logs WHERE seq = 50",
        names: &["WRONG archive/audit", "1 differences, the first: record 50 is missing", "missing: Audit"],
    },
    Case {
        file: "archive.db",
        change: "UPDATE audit_logs SET user_id = user_id + 1 WHERE seq >= 50",
        names: &["WRONG archive/audit", "the first: record 50 is broken", "different: Audit"],
    },
    Case {
        file: "archive.db",
        change: "UPDATE audit_logs SET block = zeroblob(32) WHERE seq = 50",
        names: &["WRONG archive/audit", "1 differences, the first: record 50 is broken"],
    },
    Case {
        file: "archive.db",
        change: "UPDATE completed_trades SET quantity = quantity + 1 WHERE trade_id = 1 AND symbol_id = 0",
        names: &["WRONG archive/trades", "different: Trade"],
    },
    Case {
        file: "hot.db",
        change: "DELETE FROM users WHERE user_id = 5",
        names: &["WRONG hot/reference", "missing: User"],
    },
    Case {
        file: "archive.db",
        change: "UPDATE klines SET high = high + 1 WHERE symbol_id = 0 AND bucket_seconds = 86400",
        names: &["WRONG archive/klines", "different: Kline"],
    },
    Case {
        file: "archive.db",
        change: "DELETE FROM historical_positions WHERE user_id = (SELECT min(user_id) FROM historical_positions)",
        names: &["WRONG archive/historical_positions", "missing: PositionHistory"],
    },
    Case {
        file: "archive.db",
        change: "UPDATE market_snapshots SET trades = trades + 1 WHERE symbol_id = 0",
        names: &["WRONG archive/market_snapshots", "different: MarketSnapshot"],
    },
    Case {
        file: "archive.db",
        change: "UPDATE leaderboards SET fills = fills + 1 WHERE user_id = (SELECT min(user_id) FROM leaderboards)",
        names: &["WRONG archive/leaderboards", "different: Leaderboard"],
    },
    Case {
        file: "archive.db",
        change: "INSERT INTO analytics SELECT scope, scope_id, bucket_seconds, bucket_start - 86400000000000, trades, active_users,
                 volume, quote_volume, base_fees, fees, last_seq FROM analytics WHERE scope = 'venue' AND bucket_seconds = 86400",
        names: &["WRONG archive/analytics", "orphan", "Analytics"],
    },
    Case {
        file: "archive.db",
        change: "DELETE FROM active_users WHERE user_id = (SELECT min(user_id) FROM active_users)",
        names: &["WRONG archive/analytics", "missing: ActiveUser"],
    },
];

#[test]
fn every_change_to_a_store_is_found_and_named() {
    let desk = Desk::new();
    desk.load(3_000);
    desk.verify();
    let (store, clean) = (desk.data.join("store"), desk.beside("clean"));
    copy(&store, &clean);
    for case in CASES {
        assert!(change(&store.join(case.file), case.change) > 0, "nothing changed: {}", case.change);
        let said = desk.refused_verify();
        for name in case.names {
            assert!(said.contains(name), "{}: no {name:?} in\n{said}", case.change);
        }
        fs::remove_dir_all(&store).unwrap();
        copy(&clean, &store);
    }
    desk.verify();
}

/// Rows changed.
fn change(file: &Path, sql: &str) -> usize {
    Connection::open(file).unwrap().execute(sql, []).unwrap()
}
