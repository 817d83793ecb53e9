//! Boards and analytics against SQL over `order_fills` at the same sequence, also once the archive was built again from nothing; and
//! what is read of all derived collections and the audit log.

use projector::batch::Stream;
use projector::buckets::{Interval, Scope};
use projector::conformance;
use projector::conformance::archive::{
    SlowArchive, an_empty_archive_has_nothing, audit_is_that_of_a_slow_reader, derived_are_those_of_a_slow_reader,
};
use projector::store::{Outcome, ReadStream as _, Store as _, StoredRow};
use rusqlite::Connection;
use sim::commands::Profile;
use sim::feed::feed;
use store_sqlite::history::SqliteTrades;
use store_sqlite::store::{Role, SqliteStore};

use crate::subject::fill;

/// Quote amounts of the fills in whole minor units: exact as long as they are below 2^53, which those of this profile are.
const FILLS: &str = "SELECT f.user_id, f.symbol_id, f.time / 86400000000000 AS day, f.trade_id, f.liquidity,
    CAST(round(f.quote * CAST(substr('1000000000000000000', 1, s.quote_scale + 1) AS INTEGER)) AS INTEGER) AS quote, s.quote_asset_id
    FROM order_fills AS f JOIN symbols AS s USING (symbol_id)";

type Board = Vec<(u32, u32, i64, i64)>;

#[test]
fn boards_and_analytics_equal_sql_over_the_fills() {
    for seed in [3, 4] {
        println!("seed {seed}");
        let (blocks, _) = feed(Profile::Flow, seed, 900);
        let directory = tempfile::tempdir().unwrap();
        let hot = directory.path().join("hot.db");
        fill(&mut SqliteStore::open(&hot, Role::Hot).unwrap(), &blocks);
        let sql = Connection::open(&hot).unwrap();
        let path = directory.path().join("archive.db");
        for round in ["followed", "built again"] {
            println!("{round}");
            let mut archive = SqliteStore::open(&path, Role::Archive).unwrap();
            if round == "followed" {
                fill(&mut archive, &blocks[..blocks.len() / 2]);
                for stream in Role::Archive.streams() {
                    let rest = conformance::batch(*stream, &blocks, blocks.len() / 2, blocks.len());
                    assert_eq!(archive.commit(&rest), Outcome::Committed);
                }
            } else {
                fill(&mut archive, &blocks);
            }
            check_boards(&mut archive, &sql);
            check_analytics(&mut archive, &sql);
            drop(archive);
            for file in ["archive.db", "archive.db-wal", "archive.db-shm"] {
                let _ = std::fs::remove_file(directory.path().join(file));
            }
        }
    }
}

fn rows(archive: &mut SqliteStore, stream: Stream) -> Vec<StoredRow> {
    let mut rows = Vec::new();
    archive.read_stream(stream, &mut |row| rows.push(row)).unwrap();
    rows
}

fn check_boards(archive: &mut SqliteStore, sql: &Connection) {
    let mut board = Board::new();
    for row in rows(archive, Stream::Leaderboards) {
        let StoredRow::Leaderboard(row) = row else { panic!("another row") };
        if let (Scope::Symbol(symbol), Interval::Ever) = (row.scope, row.bucket.interval) {
            let volume = i64::try_from(row.volume.0).unwrap();
            board.push((symbol.0, row.user.0, volume, row.fills.cast_signed()));
        }
    }
    let expected = query(
        sql,
        &format!("SELECT symbol_id, user_id, sum(quote), count(*) FROM ({FILLS}) GROUP BY 1, 2 ORDER BY 1, 2"),
    );
    assert!(expected.len() > 10);
    assert_eq!(board, expected);

    let mut realised: Vec<(u32, u32, i64, i64)> = Vec::new();
    for row in rows(archive, Stream::Leaderboards) {
        let StoredRow::Leaderboard(row) = row else { panic!("another row") };
        if let (Scope::Asset(asset), Interval::Ever) = (row.scope, row.bucket.interval) {
            realised.push((asset.0, row.user.0, i64::try_from(row.realised.0).unwrap(), 0));
        }
    }
    let expected = query(
        sql,
        "SELECT s.quote_asset_id, p.user_id,
        CAST(sum(round(p.realised * CAST(substr('1000000000000000000', 1, s.quote_scale + 1) AS INTEGER))) AS INTEGER), 0
        FROM positions AS p JOIN symbols AS s USING (symbol_id) GROUP BY 1, 2 ORDER BY 1, 2",
    );
    assert_eq!(realised, expected);
}

fn check_analytics(archive: &mut SqliteStore, sql: &Connection) {
    let mut days = Board::new();
    for row in rows(archive, Stream::Analytics) {
        let StoredRow::Analytics(row) = row else { continue };
        if let (Scope::Asset(asset), Interval::DAY) = (row.scope, row.bucket.interval)
            && row.trades > 0
        {
            let (users, trades) = (u32::try_from(row.active_users).unwrap(), row.trades.cast_signed());
            days.push((asset.0, users, i64::try_from(row.quote_volume.0).unwrap(), trades));
        }
    }
    let expected = query(
        sql,
        &format!(
            "SELECT quote_asset_id, count(DISTINCT user_id), sum(quote) FILTER (WHERE liquidity = 'taker'),
            count(*) FILTER (WHERE liquidity = 'taker')
         FROM ({FILLS}) GROUP BY quote_asset_id, day ORDER BY quote_asset_id, day"
        ),
    );
    assert!(!expected.is_empty());
    assert_eq!(days, expected);
}

fn query(sql: &Connection, text: &str) -> Board {
    let mut statement = sql.prepare(text).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[test]
fn every_question_is_answered_as_a_slow_reader_does() {
    for seed in [3, 5] {
        println!("seed {seed}");
        let (blocks, _) = feed(Profile::Flow, seed, 900);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("archive.db");
        let mut archive = SqliteStore::open(&path, Role::Archive).unwrap();
        let readers = SqliteTrades::open(&path, 1, None).unwrap();
        an_empty_archive_has_nothing(&readers);
        fill(&mut archive, &blocks);
        let all = Role::Archive.streams().iter().flat_map(|stream| rows(&mut archive, *stream));
        let slow = SlowArchive::of(all.collect::<Vec<_>>());
        let through = blocks[blocks.len() - 1].info().last;
        derived_are_those_of_a_slow_reader(&readers, &slow, |_| through, seed);
        audit_is_that_of_a_slow_reader(&readers, &slow, through);
    }
}
