//! `verify` against stores that somebody has changed: each change is found and named.

use std::fs;
use std::path::Path;

use outside::process::said;
use rusqlite::Connection;

use crate::desk::{Desk, copy};

/// What is changed, in which file, and what `verify` must say of it.
struct Case {
    file: &'static str,
    change: &'static str,
    names: &'static [&'static str],
}

const CASES: [Case; 24] = [
    Case {
        file: "hot.db",
        change: "UPDATE balances SET free = '1' WHERE user_id = 3 AND asset_id = 1",
        names: &["WRONG hot/users", "different: balance: user 3, asset 1, free "],
    },
    Case {
        file: "hot.db",
        change: "DELETE FROM balances WHERE user_id = 3 AND asset_id = 1",
        names: &["WRONG hot/users", "missing: balance: user 3, asset 1"],
    },
    Case {
        file: "hot.db",
        change: "DELETE FROM order_fills WHERE rowid = (SELECT max(rowid) FROM order_fills)",
        names: &["WRONG hot/symbols", "missing: fill: id seq "],
    },
    Case {
        file: "hot.db",
        change: "INSERT INTO order_fills SELECT seq, event_index + 1000, time, order_id, user_id, execution, symbol_id, trade_id,
                 side, liquidity, price, quantity, quote, fee, fee_asset_id FROM order_fills LIMIT 1",
        names: &["WRONG hot/symbols", "orphan: fill: "],
    },
    Case {
        file: "hot.db",
        change: "UPDATE order_states SET executed = executed + 1 WHERE order_id = (SELECT max(order_id) FROM orders)",
        names: &["WRONG hot/symbols", "different: order: "],
    },
    Case {
        file: "hot.db",
        change: "DELETE FROM open_orders WHERE order_id = (SELECT min(order_id) FROM open_orders)",
        names: &["WRONG hot/symbols", "missing: open order: "],
    },
    Case {
        file: "hot.db",
        change: "UPDATE positions SET cost = '7' WHERE (user_id, symbol_id) IN
                 (SELECT user_id, symbol_id FROM positions LIMIT 1)",
        names: &["WRONG hot/symbols", "different: position: user "],
    },
    Case {
        file: "hot.db",
        change: "UPDATE ledger SET change = '1' WHERE rowid = (SELECT max(rowid) FROM ledger)",
        names: &["WRONG hot/users", "different: ledger: id seq "],
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
        names: &["WRONG archive/audit", "1 differences, the first: record 50 is missing", "missing: audit: seq 50, time "],
    },
    Case {
        file: "archive.db",
        change: "UPDATE audit_logs SET user_id = user_id + 1 WHERE seq >= 50",
        names: &["WRONG archive/audit", "the first: record 50 is broken", "different: audit: seq 50, time "],
    },
    Case {
        file: "archive.db",
        change: "UPDATE audit_logs SET block = zeroblob(32) WHERE seq = 50",
        names: &["WRONG archive/audit", "1 differences, the first: record 50 is broken"],
    },
    Case {
        file: "archive.db",
        change: "UPDATE completed_trades SET quantity = quantity + 1 WHERE trade_id = 1 AND symbol_id = 0",
        names: &["WRONG archive/trades", "different: trade: id seq "],
    },
    Case {
        file: "hot.db",
        change: "DELETE FROM users WHERE user_id = 5",
        names: &["WRONG hot/reference", "missing: user: user 5"],
    },
    Case {
        file: "archive.db",
        change: "UPDATE klines SET high = high + 1 WHERE symbol_id = 0 AND bucket_seconds = 86400",
        names: &["WRONG archive/klines", "different: kline: bucket "],
    },
    Case {
        file: "archive.db",
        change: "DELETE FROM historical_positions WHERE user_id = (SELECT min(user_id) FROM historical_positions)",
        names: &["WRONG archive/historical_positions", "missing: position history: "],
    },
    Case {
        file: "archive.db",
        change: "UPDATE market_snapshots SET trades = trades + 1 WHERE symbol_id = 0",
        names: &["WRONG archive/market_snapshots", "different: market snapshot: "],
    },
    Case {
        file: "archive.db",
        change: "UPDATE leaderboards SET fills = fills + 1 WHERE user_id = (SELECT min(user_id) FROM leaderboards)",
        names: &["WRONG archive/leaderboards", "different: leaderboard: "],
    },
    Case {
        file: "archive.db",
        change: "INSERT INTO analytics SELECT scope, scope_id, bucket_seconds, bucket_start - 86400000000000, trades, active_users,
                 volume, quote_volume, base_fees, fees, last_seq FROM analytics WHERE scope = 'venue' AND bucket_seconds = 86400",
        names: &["WRONG archive/analytics", "orphan: analytics: "],
    },
    Case {
        file: "archive.db",
        change: "DELETE FROM active_users WHERE user_id = (SELECT min(user_id) FROM active_users)",
        names: &["WRONG archive/analytics", "missing: active user: "],
    },
    // What cannot be read is one stream's affair.
    Case {
        file: "archive.db",
        change: "UPDATE audit_logs SET transport = 'pigeon' WHERE seq = 50",
        names: &["WRONG archive/audit is not checked: ", "\"pigeon\"", "ok    archive/trades at ", "ok    archive/klines at "],
    },
    Case {
        file: "archive.db",
        change: "UPDATE completed_trades SET symbol_id = 99 WHERE trade_id = 1 AND symbol_id = 0",
        names: &["WRONG archive/trades is not checked: ", "symbol 99", "ok    archive/audit at "],
    },
    Case {
        file: "hot.db",
        change: "UPDATE balances SET free = '1.x' WHERE user_id = 3 AND asset_id = 1",
        names: &["WRONG hot/users is not checked: ", "\"1.x\"", "ok    hot/symbols at "],
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
        assert!(!said.contains("Row {") && !said.contains("Some("), "{}: not for people: {said}", case.change);
        fs::remove_dir_all(&store).unwrap();
        copy(&clean, &store);
    }
    desk.verify();
    // Taken back to before the first command.
    let output = desk.binary.run(&["follower", "rewind", "--to", "0"], &desk.data).unwrap();
    assert!(output.status.success(), "{}", said(&output));
    desk.verify();
}

#[test]
fn a_file_that_is_no_store_is_a_finding_and_the_other_is_checked() {
    let desk = Desk::new();
    desk.load(1_000);
    for (damaged, other) in [("hot.db", "ok    archive/audit at "), ("archive.db", "ok    hot/users at ")] {
        let file = desk.data.join("store").join(damaged);
        // Everything in one file.
        let store = Connection::open(&file).unwrap();
        store.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        drop(store);
        let whole = fs::read(&file).unwrap();
        fs::write(&file, vec![7; whole.len()]).unwrap();
        let said = desk.refused_verify();
        let wrong = said.lines().find(|line| line.starts_with("WRONG cannot open the store "));
        assert!(wrong.is_some_and(|line| line.contains(damaged) && line.contains("damaged")), "{said}");
        assert!(said.contains(other) && said.contains("not clean: 1 findings"), "{said}");
        fs::write(&file, whole).unwrap();
    }
    desk.verify();
}

/// Rows changed.
fn change(file: &Path, sql: &str) -> usize {
    Connection::open(file).unwrap().execute(sql, []).unwrap()
}
