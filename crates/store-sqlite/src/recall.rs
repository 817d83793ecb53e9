//! What a fold goes on from: rows of open buckets.

use projector::batch::Stream;
use projector::buckets::Bucket;
use projector::store::StoredRow;
use rusqlite::{Connection, Params, params};

use crate::decode::{Scales, derived};
use crate::fault::Fault;
use crate::store::SqliteStore;
use crate::write::int;

/// Every scope a sum may be about, so that its rows are found by their key.
const SCOPES: &str = "(SELECT 'venue' AS scope, 0 AS scope_id UNION ALL SELECT 'asset', asset_id FROM assets
    UNION ALL SELECT 'symbol', symbol_id FROM symbols)";

impl SqliteStore {
    /// Visits the rows of a derived stream that are in one of the buckets.
    pub(crate) fn recall_rows(
        &mut self,
        stream: Stream,
        buckets: &[Bucket],
        visit: &mut dyn FnMut(StoredRow),
    ) -> Result<(), Fault> {
        self.holds(stream)?;
        let transaction = self.connection.transaction().map_err(Fault::from)?;
        let scales = &mut Scales { connection: &transaction, units: &mut self.units };
        for bucket in buckets {
            let of = params![bucket.interval.number(), int(bucket.start.0)];
            match stream {
                Stream::Klines => each(&transaction, &of_symbols(derived::KLINE), of, &mut |row| {
                    visit(StoredRow::Kline(derived::kline(row, scales)?));
                    Ok(())
                })?,
                Stream::MarketSnapshots => each(&transaction, &of_symbols(derived::SNAPSHOT), of, &mut |row| {
                    visit(StoredRow::MarketSnapshot(derived::snapshot(row, scales)?));
                    Ok(())
                })?,
                Stream::HistoricalPositions => {
                    let sql = format!("{} WHERE bucket_seconds = ?1 AND bucket_start = ?2", derived::POSITION);
                    each(&transaction, &sql, of, &mut |row| {
                        visit(StoredRow::PositionHistory(derived::position(row, scales)?));
                        Ok(())
                    })?;
                }
                Stream::Leaderboards => each(&transaction, &of_scopes(derived::LEADERBOARD), of, &mut |row| {
                    visit(StoredRow::Leaderboard(derived::leaderboard(row, scales)?));
                    Ok(())
                })?,
                Stream::Analytics => {
                    each(&transaction, &of_scopes(derived::ANALYTICS), of, &mut |row| {
                        visit(StoredRow::Analytics(derived::analytics(row, scales)?));
                        Ok(())
                    })?;
                    each(&transaction, &of_scopes(derived::ACTIVE_USER), of, &mut |row| {
                        visit(StoredRow::ActiveUser(derived::active_user(row)?));
                        Ok(())
                    })?;
                }
                Stream::Reference | Stream::Symbols | Stream::Users | Stream::Trades | Stream::Audit => {
                    return Err(Fault::Misuse("only derived rows are summed up".into()));
                }
            }
        }
        Ok(())
    }
}

fn of_symbols(select: &str) -> String {
    format!("{select} WHERE symbol_id IN (SELECT symbol_id FROM symbols) AND bucket_seconds = ?1 AND bucket_start = ?2")
}

fn of_scopes(select: &str) -> String {
    format!("{select} WHERE (scope, scope_id) IN {SCOPES} AND bucket_seconds = ?1 AND bucket_start = ?2")
}

fn each(
    connection: &Connection,
    sql: &str,
    of: impl Params,
    visit: &mut dyn FnMut(&rusqlite::Row<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query(of)?;
    while let Some(row) = rows.next()? {
        visit(row)?;
    }
    Ok(())
}
