//! Which rows a shard should have at a checkpoint.

use std::collections::BTreeSet;

use domain::ids::ShardId;
use domain::shard_map::ShardMap;
use domain::shards::Subject;
use domain::units::Seq;
use projector::batch::Stream;
use projector::store::StoredRow;

use super::expect::Rows;
use super::key::{Table, key_of};
use crate::seed;

/// Whose a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// This shard's, or every shard's; or it was copied here and is followed.
    Own,
    /// Another shard's. What has left is here for a while, and what comes is here before it is this shard's.
    Others(Subject),
}

/// A shard at a checkpoint.
#[derive(Debug, Clone)]
pub(crate) struct Holdings {
    pub(crate) shard: ShardId,
    /// As of the checkpoint.
    pub(crate) map: ShardMap,
    pub(crate) at: Seq,
    /// What was copied here and is followed, whoever owns it.
    pub(crate) held: BTreeSet<Subject>,
}

impl Holdings {
    /// Whose a row of this is.
    pub(crate) fn whose(&self, subject: Option<Subject>) -> Whose {
        let Some(subject) = subject else { return Whose::Own };
        if self.held.contains(&subject) {
            return Whose::Own;
        }
        let before_shards = self.map.is_empty() && self.shard == ShardId(0);
        if before_shards || self.map.owner_at(subject, self.at.next()) == Some(self.shard) {
            return Whose::Own;
        }
        Whose::Others(subject)
    }

    /// Of the rows of everything, as a state has it, this shard's; and the tenures, which all shards have.
    pub(crate) fn of(&self, stream: Stream, all: &Rows) -> Rows {
        let subject = |row: &StoredRow| {
            let StoredRow::OpenOrder(order) = row else { return plain_subject(row) };
            all.get(&(Table::Order, order.0, 0, 0)).and_then(plain_subject)
        };
        let own = all.iter().filter(|(_, row)| self.whose(subject(row)) == Whose::Own);
        let mut rows: Rows = own.map(|(key, row)| (*key, row.clone())).collect();
        rows.extend(self.tenures(stream).into_iter().map(|row| (key_of(&row), row)));
        rows
    }

    /// The tenures, which all shards have.
    pub(crate) fn tenures(&self, stream: Stream) -> Vec<StoredRow> {
        match stream {
            Stream::Symbols => seed::symbol_tenures(&self.map).into_iter().map(StoredRow::SymbolTenure).collect(),
            Stream::Users => seed::user_tenures(&self.map).into_iter().map(StoredRow::UserTenure).collect(),
            Stream::Reference
            | Stream::Trades
            | Stream::Audit
            | Stream::Klines
            | Stream::HistoricalPositions
            | Stream::MarketSnapshots
            | Stream::Leaderboards
            | Stream::Analytics => Vec::new(),
        }
    }
}

/// What a row is of, as far as it says so itself.
pub(crate) fn plain_subject(row: &StoredRow) -> Option<Subject> {
    match row {
        StoredRow::Order(row) => Some(Subject::Symbol(row.symbol)),
        StoredRow::Fill(row) => Some(Subject::Symbol(row.symbol)),
        StoredRow::Position(row) => Some(Subject::Symbol(row.symbol)),
        StoredRow::Balance(row) => Some(Subject::User(row.user)),
        StoredRow::CreditLimit(row) => Some(Subject::User(row.user)),
        StoredRow::Withdrawal(row) => Some(Subject::User(row.user)),
        StoredRow::Ledger(row) => row.user.map(Subject::User),
        StoredRow::OpenOrder(_)
        | StoredRow::Venue(_)
        | StoredRow::Asset(_)
        | StoredRow::Symbol(_)
        | StoredRow::User(_)
        | StoredRow::Key(_)
        | StoredRow::Trade(_)
        | StoredRow::Audit(_)
        | StoredRow::Kline(_)
        | StoredRow::PositionHistory(_)
        | StoredRow::MarketSnapshot(_)
        | StoredRow::Leaderboard(_)
        | StoredRow::Analytics(_)
        | StoredRow::ActiveUser(_)
        | StoredRow::SymbolTenure(_)
        | StoredRow::UserTenure(_) => None,
    }
}
