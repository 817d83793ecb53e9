//! Rows and the documents they are.

pub(crate) mod assets;
pub(crate) mod symbols;
pub(crate) mod trades;
pub(crate) mod audit;
pub mod closed;
pub mod derived;

use std::fmt;

use domain::ids::EventId;
use domain::units::Seq;
use projector::store::StoredRow;

use crate::collection::Collection;
use crate::document::{Document, Malformed};
use crate::units::{Units, Unknown};

/// Why a document is not a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoRow {
    /// It was never written.
    Malformed(Malformed),
    /// What its amounts are in is not known.
    Unknown(Unknown),
}

impl NoRow {
    /// What is wrong with a document, once all units that there are were read: none is written before those that it is in.
    pub fn of(self, document: &Document) -> Malformed {
        match self {
            Self::Malformed(malformed) => malformed,
            Self::Unknown(unknown) => Malformed(format!("{}: {unknown}", document.id)),
        }
    }
}

/// The row that a document is.
pub fn row(collection: Collection, document: &Document, units: &Units) -> Result<StoredRow, NoRow> {
    Ok(match collection {
        Collection::Assets => StoredRow::Asset(assets::row(document)?),
        Collection::Symbols => StoredRow::Symbol(symbols::row(document)?),
        Collection::CompletedTrades => StoredRow::Trade(trades::row(document, units)?),
        Collection::AuditLogs => StoredRow::Audit(audit::row(document)?),
        Collection::Klines => StoredRow::Kline(derived::kline_row(document, units)?),
        Collection::HistoricalPositions => StoredRow::PositionHistory(derived::position_row(document, units)?),
        Collection::MarketSnapshots => StoredRow::MarketSnapshot(derived::snapshot_row(document, units)?),
        Collection::Leaderboards => StoredRow::Leaderboard(derived::leaderboard_row(document, units)?),
        Collection::Analytics => StoredRow::Analytics(derived::analytics_row(document, units)?),
        Collection::ActiveUsers => StoredRow::ActiveUser(derived::active_user_row(document)?),
        Collection::ClosedOrders => StoredRow::Order(closed::order(document, units)?),
        Collection::ClosedOrderFills => StoredRow::Fill(closed::fill(document, units)?),
    })
}

/// Whether streams write such rows into an archive.
pub const fn keeps(row: &StoredRow) -> bool {
    match row {
        StoredRow::Asset(_)
        | StoredRow::Symbol(_)
        | StoredRow::Trade(_)
        | StoredRow::Audit(_)
        | StoredRow::Kline(_)
        | StoredRow::PositionHistory(_)
        | StoredRow::MarketSnapshot(_)
        | StoredRow::Leaderboard(_)
        | StoredRow::Analytics(_)
        | StoredRow::ActiveUser(_) => true,
        StoredRow::Venue(_)
        | StoredRow::User(_)
        | StoredRow::Key(_)
        | StoredRow::Order(_)
        | StoredRow::SymbolTenure(_)
        | StoredRow::UserTenure(_)
        | StoredRow::OpenOrder(_)
        | StoredRow::Fill(_)
        | StoredRow::Position(_)
        | StoredRow::Balance(_)
        | StoredRow::CreditLimit(_)
        | StoredRow::Ledger(_)
        | StoredRow::Withdrawal(_) => false,
    }
}

/// The id of a document that is a command: sorted as text, ids are in the order of the commands.
pub fn id_of_command(seq: Seq) -> String {
    format!("{:020}", seq.0)
}

/// The id of a document that is an event: sorted as text, ids are in the order of the events.
fn id_of_event(id: EventId) -> String {
    format!("{:020}.{:06}", id.seq.0, id.index)
}

impl From<Malformed> for NoRow {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<Unknown> for NoRow {
    fn from(unknown: Unknown) -> Self {
        Self::Unknown(unknown)
    }
}

impl fmt::Display for NoRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(malformed) => malformed.fmt(f),
            Self::Unknown(unknown) => unknown.fmt(f),
        }
    }
}

impl std::error::Error for NoRow {}
