//! What a batch does to the documents of an archive.

use projector::batch::{Batch, Rows};
use projector::buckets::Bucket;
use projector::changes::SymbolChange;
use projector::rows::derived::{
    ActiveUserRow, AnalyticsRow, KlineRow, LeaderboardRow, MarketSnapshotRow, PositionHistoryRow,
};
use projector::rows::{AssetRow, AuditRow, SymbolRow, TradeRow};

use crate::collection::Collection;
use crate::document::{Document, Malformed};
use crate::rows::{assets, audit, derived, symbols, trades};
use crate::units::{Units, Unknown};

/// Everything a batch writes, in this order.
#[derive(Debug, Default)]
pub struct Writes<'a> {
    /// Documents that are written whole.
    pub sets: Vec<Documents<'a>>,
    /// Documents of which a part changes.
    pub changed: Vec<Change<'a>>,
}

/// Documents of one collection. Each is made when it is asked for: a batch may have hundreds of thousands.
#[derive(Debug, Clone, Copy)]
pub struct Documents<'a>(RowsOf<'a>);

#[derive(Debug, Clone, Copy)]
enum RowsOf<'a> {
    Assets(&'a [AssetRow]),
    Symbols(&'a [SymbolRow]),
    Trades(&'a [TradeRow]),
    Audit(&'a [AuditRow]),
    Klines(&'a [KlineRow]),
    Positions(&'a [PositionHistoryRow]),
    Snapshots(&'a [MarketSnapshotRow]),
    Leaderboards(&'a [LeaderboardRow]),
    Analytics(&'a [AnalyticsRow]),
    ActiveUsers(&'a [ActiveUserRow]),
}

/// Where an added document is among those of its collection. They are numbered without gaps, so that many can share one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Which sequence of numbers: of trades the symbol; of commands there is one.
    pub partition: u32,
    /// From 1.
    pub number: u64,
}

impl Documents<'_> {
    /// Where they are written.
    pub const fn collection(&self) -> Collection {
        match self.0 {
            RowsOf::Assets(_) => Collection::Assets,
            RowsOf::Symbols(_) => Collection::Symbols,
            RowsOf::Trades(_) => Collection::CompletedTrades,
            RowsOf::Audit(_) => Collection::AuditLogs,
            RowsOf::Klines(_) => Collection::Klines,
            RowsOf::Positions(_) => Collection::HistoricalPositions,
            RowsOf::Snapshots(_) => Collection::MarketSnapshots,
            RowsOf::Leaderboards(_) => Collection::Leaderboards,
            RowsOf::Analytics(_) => Collection::Analytics,
            RowsOf::ActiveUsers(_) => Collection::ActiveUsers,
        }
    }

    /// How many.
    pub const fn count(&self) -> usize {
        match self.0 {
            RowsOf::Assets(rows) => rows.len(),
            RowsOf::Symbols(rows) => rows.len(),
            RowsOf::Trades(rows) => rows.len(),
            RowsOf::Audit(rows) => rows.len(),
            RowsOf::Klines(rows) => rows.len(),
            RowsOf::Positions(rows) => rows.len(),
            RowsOf::Snapshots(rows) => rows.len(),
            RowsOf::Leaderboards(rows) => rows.len(),
            RowsOf::Analytics(rows) => rows.len(),
            RowsOf::ActiveUsers(rows) => rows.len(),
        }
    }

    /// One of them.
    pub fn document(&self, index: usize, units: &Units) -> Result<Document, Unknown> {
        Ok(match self.0 {
            RowsOf::Assets(rows) => assets::document(&rows[index]),
            RowsOf::Symbols(rows) => symbols::document(&rows[index]),
            RowsOf::Trades(rows) => trades::document(&rows[index], units)?,
            RowsOf::Audit(rows) => audit::document(&rows[index]),
            RowsOf::Klines(rows) => derived::kline(&rows[index], units)?,
            RowsOf::Positions(rows) => derived::position(&rows[index], units)?,
            RowsOf::Snapshots(rows) => derived::snapshot(&rows[index], units)?,
            RowsOf::Leaderboards(rows) => derived::leaderboard(&rows[index], units)?,
            RowsOf::Analytics(rows) => derived::analytics(&rows[index], units)?,
            RowsOf::ActiveUsers(rows) => derived::active_user(&rows[index]),
        })
    }

    /// The buckets that they are of; none: they are of no bucket.
    pub fn buckets(&self) -> impl Iterator<Item = Bucket> {
        let rows = self.0;
        (0..self.count()).filter_map(move |index| match rows {
            RowsOf::Klines(rows) => Some(rows[index].bucket),
            RowsOf::Positions(rows) => Some(rows[index].bucket),
            RowsOf::Snapshots(rows) => Some(rows[index].bucket),
            RowsOf::Leaderboards(rows) => Some(rows[index].bucket),
            RowsOf::Analytics(rows) => Some(rows[index].bucket),
            RowsOf::ActiveUsers(rows) => Some(rows[index].bucket),
            RowsOf::Assets(_) | RowsOf::Symbols(_) | RowsOf::Trades(_) | RowsOf::Audit(_) => None,
        })
    }

    /// Where one of them is; absent: the collection is not numbered.
    pub fn place(&self, index: usize) -> Option<Place> {
        match self.0 {
            RowsOf::Trades(rows) => Some(Place { partition: rows[index].symbol.0, number: rows[index].trade.0 }),
            RowsOf::Audit(rows) => Some(Place { partition: 0, number: rows[index].seq.0 }),
            RowsOf::Assets(_)
            | RowsOf::Symbols(_)
            | RowsOf::Klines(_)
            | RowsOf::Positions(_)
            | RowsOf::Snapshots(_)
            | RowsOf::Leaderboards(_)
            | RowsOf::Analytics(_)
            | RowsOf::ActiveUsers(_) => None,
        }
    }
}

/// What changes of a document that was written by an earlier batch.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a>(&'a SymbolChange);

impl Change<'_> {
    /// Where it is.
    pub const fn collection(&self) -> Collection {
        Collection::Symbols
    }

    /// Which it is.
    pub fn id(&self) -> String {
        symbols::id(self.0.symbol)
    }

    /// The document after the change; absent where it is newer than the change already.
    pub fn apply(&self, stored: &Document) -> Result<Option<Document>, Malformed> {
        if stored.seq > self.0.last_seq {
            return Ok(None);
        }
        let mut row = symbols::row(stored)?;
        row.change(self.0);
        Ok(Some(symbols::document(&row)))
    }
}

/// What a batch writes into an archive; nothing of streams that no archive holds.
pub fn writes(batch: &Batch) -> Writes<'_> {
    let sets = match &batch.rows {
        Rows::Reference(rows) => vec![RowsOf::Assets(&rows.assets), RowsOf::Symbols(&rows.symbols)],
        Rows::Trades(rows) => vec![RowsOf::Trades(rows)],
        Rows::Audit(rows) => vec![RowsOf::Audit(rows)],
        Rows::Klines(rows) => vec![RowsOf::Klines(rows)],
        Rows::HistoricalPositions(rows) => vec![RowsOf::Positions(rows)],
        Rows::MarketSnapshots(rows) => vec![RowsOf::Snapshots(rows)],
        Rows::Leaderboards(rows) => vec![RowsOf::Leaderboards(rows)],
        Rows::Analytics(rows) => vec![RowsOf::Analytics(&rows.analytics), RowsOf::ActiveUsers(&rows.active_users)],
        Rows::Symbols(_) | Rows::Users(_) => Vec::new(),
    };
    let changed = match &batch.rows {
        Rows::Reference(rows) => rows.symbols_changed.iter().map(Change).collect(),
        Rows::Symbols(_)
        | Rows::Users(_)
        | Rows::Trades(_)
        | Rows::Audit(_)
        | Rows::Klines(_)
        | Rows::HistoricalPositions(_)
        | Rows::MarketSnapshots(_)
        | Rows::Leaderboards(_)
        | Rows::Analytics(_) => Vec::new(),
    };
    Writes { sets: sets.into_iter().map(Documents).collect(), changed }
}

/// Whether the amounts of everything a batch writes can be written.
pub fn is_known(batch: &Batch, units: &Units) -> bool {
    let asset_or_symbol = |scope| derived::scales(scope, units).is_ok();
    let symbol = |symbol| units.symbol(symbol).is_ok();
    match &batch.rows {
        Rows::Trades(rows) => rows.iter().all(|row| symbol(row.symbol)),
        Rows::Klines(rows) => rows.iter().all(|row| symbol(row.symbol)),
        Rows::HistoricalPositions(rows) => rows.iter().all(|row| symbol(row.symbol)),
        Rows::MarketSnapshots(rows) => rows.iter().all(|row| symbol(row.symbol)),
        Rows::Leaderboards(rows) => rows.iter().all(|row| asset_or_symbol(row.scope)),
        Rows::Analytics(rows) => rows.analytics.iter().all(|row| asset_or_symbol(row.scope)),
        Rows::Audit(_) | Rows::Reference(_) | Rows::Symbols(_) | Rows::Users(_) => true,
    }
}
