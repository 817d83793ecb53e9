//! One query over all shards: what it answers, and which part of it the shards do.

use std::sync::Arc;

use projector::block::CommittedBlock;
use sim::commands::Profile;
use sim::feed::feed;
use store_postgres::router::{Built, FETCH_ROWS_DEFAULT, RouterError, RouterOptions, RouterShard, build};

use crate::subject::{Databases, Stores};

const READER: &str = "reader";
const SHARDS: usize = 3;
const COMMANDS: usize = 1_500;

/// The same history in a database of its own, and spread over three with a router in front.
struct Spread {
    databases: Arc<Databases>,
    whole: String,
    shards: Vec<String>,
    router: String,
}

impl Spread {
    /// Symbols and users go round; `written` is how many blocks each shard has.
    fn new(blocks: &[CommittedBlock], written: [usize; SHARDS]) -> Self {
        let databases = Databases::quick();
        let whole = databases.make();
        Stores::open(&databases.config(&whole)).fill(blocks);
        let shards: Vec<String> = (0..SHARDS).map(|_| databases.make()).collect();
        for ((number, shard), written) in shards.iter().enumerate().zip(written) {
            Stores::open(&databases.config(shard)).fill(&blocks[..written]);
            let owned = format!(
                "INSERT INTO shard (shard_id) VALUES ({number});
                 INSERT INTO symbol_tenures SELECT symbol_id, 0, symbol_id % {SHARDS} FROM symbols;
                 INSERT INTO user_tenures SELECT user_id, 0, user_id % {SHARDS} FROM users"
            );
            databases.server.query(shard, &owned).unwrap();
        }
        let router = databases.make();
        Self { databases, whole, shards, router }
    }

    fn level(blocks: &[CommittedBlock]) -> Self {
        Self::new(blocks, [blocks.len(); SHARDS])
    }

    fn places(&self) -> Vec<RouterShard> {
        let place = |(number, database): (usize, &String)| RouterShard {
            name: format!("shard-{number}"),
            place: self.databases.config(database),
            through: None,
            ca_file: None,
        };
        self.shards.iter().enumerate().map(place).collect()
    }

    fn build(&self) -> Result<Built, RouterError> {
        self.build_of(&self.places(), FETCH_ROWS_DEFAULT)
    }

    fn build_of(&self, shards: &[RouterShard], fetch_rows: u32) -> Result<Built, RouterError> {
        let options = RouterOptions { role: READER.into(), fetch_rows };
        build(&self.databases.config(&self.router), shards, &options)
    }

    fn ask(&self, database: &str, sql: &str) -> String {
        self.databases.server.query(database, &format!("SET timezone = 'UTC'; {sql}")).unwrap()
    }

    fn routed(&self, sql: &str) -> String {
        self.ask(&self.router, sql)
    }

    /// The SQL each shard is sent for a query, as the plan tells, one a line; all shards are sent the same.
    fn remote(&self, sql: &str) -> Vec<String> {
        let plan = self.routed(&format!("EXPLAIN (VERBOSE, COSTS OFF) {sql}"));
        let sent = plan.lines().filter_map(|line| line.trim().strip_prefix("Remote SQL: ")).map(str::to_owned);
        let mut sent: Vec<_> = sent.collect();
        sent.sort();
        sent.dedup();
        sent
    }

    fn refused(&self, shards: &[RouterShard]) -> String {
        self.build_of(shards, FETCH_ROWS_DEFAULT).expect_err("it must be refused").to_string()
    }
}

/// What is asked of both; the second column is what the router is asked, where that is something else.
const QUESTIONS: [(&str, &str); 15] = [
    (
        "SELECT order_id, user_id, symbol_id, status, executed, executed_quote, last_seq FROM orders ORDER BY order_id",
        "",
    ),
    ("SELECT order_id, user_id, symbol_id FROM open_orders ORDER BY order_id", ""),
    ("SELECT order_id, trade_id, price, quantity, quote, fee FROM order_fills ORDER BY order_id, trade_id", ""),
    ("SELECT user_id, symbol_id, quantity, cost, realised FROM positions ORDER BY 1, 2", ""),
    ("SELECT user_id, asset_id, free, locked FROM balances ORDER BY 1, 2", ""),
    ("SELECT user_id, asset_id, credit_limit FROM credit_limits ORDER BY 1, 2", ""),
    ("SELECT seq, event_index, leg, user_id, asset_id, change FROM ledger ORDER BY 1, 2, 3", ""),
    ("SELECT withdrawal_id, user_id, status, amount FROM withdrawals ORDER BY 1", ""),
    ("SELECT * FROM v_orders ORDER BY order_id", "v_orders"),
    ("SELECT * FROM v_open_orders ORDER BY order_id", "v_open_orders"),
    ("SELECT * FROM v_order_fills ORDER BY order_id, trade_id", "v_order_fills"),
    ("SELECT * FROM v_positions ORDER BY user_id, symbol", "v_positions"),
    ("SELECT * FROM v_balances ORDER BY user_id, asset", "v_balances"),
    ("SELECT * FROM v_ledger ORDER BY seq, event_index, leg", "v_ledger"),
    ("SELECT * FROM v_turnover_by_symbol ORDER BY symbol, day", "v_turnover_by_symbol"),
];

#[test]
fn a_router_answers_what_one_database_would() {
    let (blocks, _) = feed(Profile::Flow, 11, COMMANDS);
    let spread = Spread::level(&blocks);
    let built = spread.build().unwrap();
    assert_eq!(built.shards.iter().map(|shard| shard.id).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(built.shards[1].symbols_through, blocks.last().unwrap().info().last);
    for (question, view) in QUESTIONS {
        // The shard is the router's own column.
        let columns = "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
            WHERE attnum > 0 AND attname <> 'shard_id' AND attrelid =";
        let columns = spread
            .ask(&spread.whole, &format!("{columns} '{}'::regclass", if view.is_empty() { "orders" } else { view }));
        let question = question.replace('*', columns.trim());
        let expected = spread.ask(&spread.whole, &question);
        assert!(!expected.is_empty(), "{question}: the history has none of it");
        assert_eq!(spread.routed(&question), expected, "{question}");
    }
    let pnl = "SELECT user_id, quote_asset, realised, round(unrealised, 12), round(total, 12), balance FROM v_pnl_by_user ORDER BY 1, 2";
    assert_eq!(spread.routed(pnl), spread.ask(&spread.whole, pnl));
    let turnover = "SELECT f.user_id, q.code, sum(f.quote) FROM order_fills AS f JOIN symbols AS s USING (symbol_id)
        JOIN assets AS q ON q.asset_id = s.quote_asset_id GROUP BY 1, 2 ORDER BY 3 DESC, 1";
    let by_user = "SELECT user_id, quote_asset, sum(quote) FROM v_turnover_by_user GROUP BY 1, 2 ORDER BY 3 DESC, 1";
    assert_eq!(spread.routed(by_user), spread.ask(&spread.whole, turnover));
    let end = blocks.last().unwrap().info().last.0;
    assert_eq!(
        spread.routed("SELECT * FROM v_shards ORDER BY shard_id"),
        format!("0|shard-0|{end}|{end}|{end}\n1|shard-1|{end}|{end}|{end}\n2|shard-2|{end}|{end}|{end}")
    );
    // Every order is on the shard that owns its symbol.
    assert_eq!(spread.routed("SELECT count(*) FROM orders WHERE shard_id <> symbol_id % 3"), "0");
    assert_eq!(spread.routed("SELECT count(DISTINCT shard_id) FROM orders"), "3");
}

#[test]
fn shards_do_what_they_can() {
    let (blocks, _) = feed(Profile::Flow, 12, 500);
    let spread = Spread::level(&blocks);
    spread.build().unwrap();
    let sent = |sql: &str| spread.remote(sql);

    // Filters, joins of what lies on the same shard, and sums by shard go there.
    assert_eq!(
        sent("SELECT symbol, status FROM v_orders WHERE order_id = 7"),
        ["SELECT symbol, status FROM routed.v_orders WHERE ((order_id = 7))"]
    );
    assert_eq!(
        sent(
            "SELECT user_id, sum(s) FROM (SELECT shard_id, user_id, sum(quote) AS s FROM order_fills GROUP BY 1, 2) AS p GROUP BY 1"
        ),
        ["SELECT shard_id, user_id, sum(quote) FROM routed.order_fills GROUP BY 1, 2"]
    );
    assert_eq!(
        sent("SELECT sum(n) FROM (SELECT shard_id, count(*) AS n FROM orders GROUP BY 1) AS p"),
        ["SELECT shard_id, count(*) FROM routed.orders GROUP BY 1"]
    );
    let joined =
        sent("SELECT f.price FROM orders AS o JOIN order_fills AS f USING (shard_id, order_id) WHERE o.user_id = 3");
    let is_joined = |sql: &String| sql.contains("routed.orders r") && sql.contains(" INNER JOIN routed.order_fills r");
    assert!(joined.len() == SHARDS && joined.iter().all(is_joined), "one join for each shard: {joined:?}");
    assert_eq!(
        sent("SELECT symbol, count(*), sum(quantity - executed) FROM v_open_orders GROUP BY shard_id, symbol"),
        ["SELECT symbol, count(*), sum((quantity - executed)), shard_id FROM routed.v_open_orders GROUP BY 4, 1"]
    );
    assert_eq!(
        sent("SELECT order_id FROM v_orders WHERE placed_at > (SELECT now() - interval '1 day')"),
        ["SELECT order_id FROM routed.v_orders WHERE ((placed_at > $1::timestamp with time zone))"]
    );
    let turnover = sent("SELECT quote FROM v_turnover_by_user WHERE user_id = 3 AND day >= '2026-01-01'");
    let filter = "WHERE ((day >= '2026-01-01 00:00:00+00')) AND ((user_id = 3))";
    assert!(turnover.len() == 1 && turnover[0].ends_with(filter), "{turnover:?}");

    // Nobody asked for balances.
    assert_eq!(
        sent("SELECT quote_asset, sum(total) FROM v_pnl_by_user GROUP BY quote_asset"),
        ["SELECT user_id, quote_asset, total FROM routed.pnl_by_user"]
    );

    // Sorted there, so that only the first rows of each come.
    assert_eq!(
        sent("SELECT order_id FROM v_orders ORDER BY order_id DESC LIMIT 5"),
        ["SELECT order_id FROM routed.v_orders ORDER BY order_id DESC NULLS FIRST"]
    );

    // Only the shard that is named is asked.
    let plan =
        spread.routed("EXPLAIN (VERBOSE, COSTS OFF) SELECT status FROM orders WHERE shard_id = 1 AND order_id = 7");
    assert_eq!(plan.matches("Remote SQL").count(), 1, "{plan}");
    let plan =
        spread.routed("EXPLAIN (ANALYZE) SELECT status FROM orders WHERE shard_id = (SELECT 1) AND order_id = 7");
    assert_eq!(plan.matches("never executed").count(), 2, "{plan}");

    // What PostgreSQL cannot send; where this fails it has learned to, and the page says something wrong.
    assert_eq!(
        sent("SELECT user_id, sum(quote) FROM order_fills GROUP BY 1"),
        ["SELECT user_id, quote FROM routed.order_fills"],
        "a sum over all shards in one step"
    );
    assert_eq!(
        sent("SELECT order_id FROM v_orders WHERE placed_at > now() - interval '1 day'"),
        ["SELECT order_id, placed_at FROM routed.v_orders"],
        "a function that depends on the session"
    );

    // All shards work at the same time.
    let plan = spread.routed("EXPLAIN SELECT shard_id, sum(quote) FROM order_fills GROUP BY 1");
    assert_eq!(plan.matches("Async Foreign Scan").count(), SHARDS, "{plan}");
}

#[test]
fn building_again_changes_only_what_differs() {
    let (blocks, _) = feed(Profile::Flow, 13, 200);
    let spread = Spread::level(&blocks);
    let first = spread.build().unwrap();
    assert_eq!((first.dropped, first.kept), (0, 0));
    let again = spread.build().unwrap();
    assert_eq!((again.made, again.dropped, again.kept), (0, 0, first.made));

    // A setting of the servers: everything on them is made anew, and a view of somebody's own stays.
    spread.routed("CREATE VIEW mine AS SELECT count(*) FROM orders");
    let changed = spread.build_of(&spread.places(), 77).unwrap();
    assert!(changed.made > 0 && changed.kept > 0 && changed.made + changed.kept == first.made, "{changed:?}");
    assert_eq!(spread.routed("SELECT * FROM mine"), spread.ask(&spread.whole, "SELECT count(*) FROM orders"));

    // A shard less is refused while something lives there, and taken out when it does not.
    let two = &spread.places()[..2];
    assert!(spread.refused(two).contains("knows of shard 2, which is not among those to route to"));
    for shard in &spread.shards[..2] {
        spread.ask(shard, "UPDATE symbol_tenures SET shard_id = 0 WHERE shard_id = 2; UPDATE user_tenures SET shard_id = 0 WHERE shard_id = 2");
    }
    spread.build_of(two, 77).unwrap();
    assert_eq!(spread.routed("SELECT shard_id, name FROM v_shards ORDER BY 1"), "0|shard-0\n1|shard-1");
    assert_eq!(spread.routed("SELECT * FROM mine"), spread.ask(&spread.whole, "SELECT count(*) FROM orders"));
}

#[test]
fn a_reader_reads_and_nobody_writes() {
    let (blocks, _) = feed(Profile::Flow, 14, 200);
    let spread = Spread::level(&blocks);
    spread.build().unwrap();
    spread.routed(&format!("CREATE ROLE person LOGIN PASSWORD 'p' IN ROLE {READER}"));
    let count = spread.ask(&spread.whole, "SELECT count(*) FROM orders");
    let says = |sql: &str| {
        let said = spread.databases.server.query(&spread.router, &format!("SET ROLE person; {sql}"));
        said.unwrap_or_else(|error| format!("{error:#}"))
    };
    assert_eq!(says("SELECT count(*) FROM orders"), count);
    assert_eq!(says("SELECT count(*) > 0 FROM v_pnl_by_user"), "t");
    assert!(says("DELETE FROM orders").contains("permission denied"));
    assert!(says("SELECT * FROM router_objects").contains("permission denied"));
    assert!(says("SELECT * FROM shards.orders_0").contains("permission denied"));
    assert_eq!(says("SELECT count(*) FROM pg_user_mappings WHERE umoptions IS NOT NULL"), "0", "passwords are hidden");
    // Not even the owner.
    let denied = spread.databases.server.query(&spread.router, "DELETE FROM orders").unwrap_err();
    assert!(format!("{denied:#}").contains("does not allow deletes"), "{denied:#}");
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let (blocks, _) = feed(Profile::Flow, 15, 200);
    let spread = Spread::level(&blocks);
    let places = spread.places();
    assert!(spread.refused(&[]).contains("no shard"));

    let mut twice = places.clone();
    twice[1].place = twice[0].place.clone();
    assert!(spread.refused(&twice).contains("shard-0 and shard-1 are both shard 0"));

    spread.ask(&spread.shards[2], "DELETE FROM shard");
    assert!(spread.refused(&places).contains("shard shard-2: the database does not say which shard it is"));
    spread.ask(&spread.shards[2], "INSERT INTO shard (shard_id) VALUES (2)");

    spread.ask(&spread.shards[2], "UPDATE checkpoints SET venue = '\\x00112233445566778899aabbccddeeff'");
    assert!(spread.refused(&places).contains("follow different venues"));
    spread.ask(&spread.shards[2], "UPDATE checkpoints SET venue = '\\x07070707070707070707070707070707'");

    let mut empty = places.clone();
    empty[1].place = spread.databases.config(&spread.databases.make());
    assert!(spread.refused(&empty).contains("shard shard-1: the database has schema version 0"));

    let mut elsewhere = spread.places();
    elsewhere[1].place = spread.databases.config("nowhere");
    assert!(spread.refused(&elsewhere).contains("shard shard-1: FATAL: database \"nowhere\" does not exist"));

    spread.routed("CREATE TABLE customers (name text)");
    assert!(spread.refused(&places).contains("the database is in use (customers)"));
    assert_eq!(spread.routed("SELECT count(*) FROM pg_foreign_server"), "0");
    spread.routed("DROP TABLE customers");

    spread
        .databases
        .server
        .query("postgres", "CREATE DATABASE foreign_text TEMPLATE template0 LOCALE 'C.UTF-8'")
        .unwrap();
    let options = RouterOptions { role: READER.into(), fetch_rows: 10 };
    let other = build(&spread.databases.config("foreign_text"), &places, &options).unwrap_err().to_string();
    assert!(other.contains("sorts text by C.UTF-8, shard-0 by C"), "{other}");
    spread.build().unwrap();
}

#[test]
fn a_move_that_one_shard_has_not_heard_of_is_shown() {
    let (blocks, _) = feed(Profile::Flow, 16, 400);
    let end = blocks.len();
    // The second shard is behind.
    let spread = Spread::new(&blocks, [end, end / 2, end]);
    spread.build().unwrap();
    let behind = blocks[end / 2 - 1].info().last.0;
    assert_eq!(spread.routed("SELECT * FROM v_moving"), "");
    assert_eq!(spread.routed("SELECT DISTINCT settled, symbols_through FROM v_pnl_by_user"), format!("t|{behind}"));
    let counted =
        |symbol: u32| spread.routed(&format!("SELECT count(DISTINCT shard_id) FROM orders WHERE symbol_id = {symbol}"));
    assert_eq!(counted(1), "1");

    // Symbol 1 moves from shard 1 to shard 2 after the point where shard 1 is: for a while both show it, and the router says so.
    let at = behind + 1;
    for shard in [0, 2] {
        spread.ask(&spread.shards[shard], &format!("INSERT INTO symbol_tenures VALUES (1, {at}, 2)"));
    }
    assert_eq!(counted(1), "2");
    assert_eq!(spread.routed("SELECT * FROM v_moving"), format!("symbol|1|2|{at}"));
    assert_eq!(spread.routed("SELECT DISTINCT settled FROM v_pnl_by_user"), "f");

    // It catches up.
    spread.ask(
        &spread.shards[1],
        &format!("UPDATE checkpoints SET seq = {at}; INSERT INTO symbol_tenures VALUES (1, {at}, 2)"),
    );
    assert_eq!(counted(1), "1");
    assert_eq!(spread.routed("SELECT * FROM v_moving"), "");
    assert_eq!(spread.routed("SELECT DISTINCT settled FROM v_pnl_by_user"), "t");

    // The same for a user.
    spread.ask(&spread.shards[2], "INSERT INTO user_tenures VALUES (4, 900000, 0)");
    assert_eq!(spread.routed("SELECT * FROM v_moving"), "user|4|0|900000");
    // A shard without a checkpoint has heard of nothing.
    spread.ask(&spread.shards[0], "DELETE FROM checkpoints WHERE stream = 'symbols'");
    assert!(spread.routed("SELECT * FROM v_moving").contains(&format!("symbol|1|2|{at}")));
}
