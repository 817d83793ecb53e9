//! Boards and analytics against SQL over `order_fills` at the same sequence, also once the archive was built again from nothing.

use domain::ids::UserId;
use domain::units::{Seq, UnixNanos};
use projector::archive::{ArchiveHistory as _, AuditQuery, BucketsQuery};
use projector::batch::Stream;
use projector::buckets::{Interval, Scope};
use projector::conformance;
use projector::history::{Page, Selection, TimeRange};
use projector::rows::AuditRow;
use projector::rows::derived::MarketSnapshotRow;
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

fn pages<T>(mut read: impl FnMut(Option<UnixNanos>) -> Page<T>, start: impl Fn(&T) -> UnixNanos) -> Vec<T> {
    let mut rows = Vec::new();
    let mut from = Some(UnixNanos(0));
    while let Some(begin) = from {
        let page = read(Some(begin));
        from = page.rows.last().map(|row| start(row).plus(1));
        rows.extend(page.rows);
    }
    rows
}

/// Pages of one row each are all rows, and rows that are over are left out though the file still has them.
#[test]
fn pages_are_all_rows_and_expired_ones_are_left_out() {
    let (blocks, _) = feed(Profile::Flow, 3, 900);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("archive.db");
    let mut archive = SqliteStore::open(&path, Role::Archive).unwrap();
    fill(&mut archive, &blocks);
    let readers = SqliteTrades::open(&path, 1, None).unwrap();

    let all: Vec<MarketSnapshotRow> = rows(&mut archive, Stream::MarketSnapshots)
        .into_iter()
        .filter_map(|row| if let StoredRow::MarketSnapshot(row) = row { Some(row) } else { None })
        .collect();
    let symbol = all[0].symbol;
    let of_symbol: Vec<_> = all.iter().filter(|row| row.symbol == symbol).cloned().collect();
    assert!(of_symbol.len() > 5);
    let read = |from, limit, now| {
        let time = TimeRange { from, to: None };
        let query = BucketsQuery { key: symbol, interval: conformance::SETTINGS.snapshots, time, limit };
        readers.snapshots(&query, now).unwrap()
    };
    assert_eq!(pages(|from| read(from, 1, UnixNanos(0)), |row| row.bucket.start), of_symbol);
    // Without a beginning the newest, oldest of them first.
    assert_eq!(read(None, 3, UnixNanos(0)).rows, of_symbol[of_symbol.len() - 3..]);
    let middle = of_symbol[2].expires_at;
    assert_eq!(read(None, 1_000, middle).rows, of_symbol[3..], "what expires at this moment has expired");
    assert_eq!(read(None, 1_000, of_symbol[of_symbol.len() - 1].expires_at).rows, []);
    assert_eq!(read(Some(UnixNanos(u64::MAX)), 1_000, UnixNanos(0)).rows, [], "nothing begins so late");

    let klines: Vec<_> = rows(&mut archive, Stream::Klines)
        .into_iter()
        .filter_map(|row| if let StoredRow::Kline(row) = row { Some(row) } else { None })
        .filter(|row| row.symbol == symbol && row.bucket.interval == Interval::MINUTE)
        .collect();
    let read = |from| {
        let time = TimeRange { from, to: None };
        readers.klines(&BucketsQuery { key: symbol, interval: Interval::MINUTE, time, limit: 1 }).unwrap()
    };
    assert_eq!(pages(read, |row| row.bucket.start), klines);
}

/// Each way to ask, against all rows.
#[test]
fn audit_rows_are_found_by_user_action_sequence_and_time() {
    let (blocks, _) = feed(Profile::Flow, 5, 900);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("archive.db");
    let mut archive = SqliteStore::open(&path, Role::Archive).unwrap();
    fill(&mut archive, &blocks);
    let readers = SqliteTrades::open(&path, 1, None).unwrap();
    let all: Vec<AuditRow> = rows(&mut archive, Stream::Audit)
        .into_iter()
        .filter_map(|row| if let StoredRow::Audit(row) = row { Some(row) } else { None })
        .collect();
    let (one, other) = (&all[all.len() / 3], &all[2 * all.len() / 3]);
    let times = [
        TimeRange::default(),
        TimeRange { from: Some(one.time), to: None },
        TimeRange { from: None, to: Some(other.time) },
        TimeRange { from: Some(one.time), to: Some(other.time) },
    ];
    let mut found_some = 0;
    for user in [None, Some(one.envelope.user), Some(UserId(u32::MAX))] {
        for action in [None, Some(other.action.to_string()), Some("nothing".to_owned())] {
            for first in [None, Some(Seq(0)), Some(one.seq), Some(other.seq)] {
                for (time, limit) in times.iter().flat_map(|time| [(*time, 7), (*time, 1_000)]) {
                    let mut expected: Vec<&AuditRow> = all
                        .iter()
                        .filter(|row| user.is_none_or(|user| row.envelope.user == user))
                        .filter(|row| action.as_deref().is_none_or(|action| *row.action == *action))
                        .filter(|row| first.is_none_or(|first| row.seq >= first) && time.contains(row.time))
                        .collect();
                    if first.is_some() || time.from.is_some() {
                        expected.truncate(limit);
                    } else {
                        expected.drain(..expected.len().saturating_sub(limit));
                    }
                    let selection = Selection { first, time, limit };
                    let query = AuditQuery { user, action: action.clone(), selection };
                    let found = readers.audit(&query).unwrap().rows;
                    assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query:?}");
                    found_some += usize::from(!found.is_empty());
                }
            }
        }
    }
    assert!(found_some > 50, "{found_some}");
}
