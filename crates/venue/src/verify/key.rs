//! The key of a row, among all tables.

use domain::units::UnixNanos;
use projector::buckets::{Bucket, Interval, Scope};
use projector::store::StoredRow;

/// Table, then the parts of the key.
pub(crate) type RowKey = (Table, u64, u64, u64);

macro_rules! tables {
    ($($table:ident = $name:literal,)+) => {
        /// Where a row is, in the order in which prints are compared.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Table { $($table),+ }

        impl Table {
            /// In their order.
            pub(crate) const ALL: &[Self] = &[$(Self::$table),+];

            /// What one of its rows is called.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$table => $name),+ }
            }
        }
    };
}

tables! {
    Venue = "venue",
    Asset = "asset",
    Symbol = "symbol",
    User = "user",
    Key = "API key",
    Order = "order",
    OpenOrder = "open order",
    Fill = "fill",
    Position = "position",
    Balance = "balance",
    CreditLimit = "credit limit",
    Ledger = "ledger",
    Withdrawal = "withdrawal",
    Trade = "trade",
    Audit = "audit",
    SymbolTenure = "symbol tenure",
    UserTenure = "user tenure",
    Kline = "kline",
    PositionHistory = "position history",
    MarketSnapshot = "market snapshot",
    Leaderboard = "leaderboard",
    Analytics = "analytics",
    ActiveUser = "active user",
}

impl Table {
    /// Whether rows are only added.
    pub(crate) const fn never_changes(self) -> bool {
        matches!(self, Self::Fill | Self::Ledger | Self::Trade | Self::Audit)
    }

    /// Whether the state of a snapshot explains the table whole: it has no rows that are settled, and no sums of what was.
    pub(crate) const fn is_current(self) -> bool {
        !self.never_changes() && !self.is_derived() && !matches!(self, Self::Order | Self::Withdrawal)
    }

    const fn is_derived(self) -> bool {
        matches!(
            self,
            Self::Kline
                | Self::PositionHistory
                | Self::MarketSnapshot
                | Self::Leaderboard
                | Self::Analytics
                | Self::ActiveUser
        )
    }
}

/// The key of a row.
pub(crate) fn key_of(row: &StoredRow) -> RowKey {
    match row {
        StoredRow::Venue(_) => (Table::Venue, 0, 0, 0),
        StoredRow::Asset(row) => (Table::Asset, row.asset.id.0.into(), 0, 0),
        StoredRow::Symbol(row) => (Table::Symbol, row.instrument.id().0.into(), 0, 0),
        StoredRow::User(row) => (Table::User, row.user.0.into(), 0, 0),
        StoredRow::Key(row) => (Table::Key, row.key.0.into(), 0, 0),
        StoredRow::Order(row) => (Table::Order, row.order.0, 0, 0),
        StoredRow::OpenOrder(order) => (Table::OpenOrder, order.0, 0, 0),
        StoredRow::Fill(row) => (Table::Fill, row.id.seq.0, row.id.index.into(), 0),
        StoredRow::Position(row) => (Table::Position, row.user.0.into(), row.symbol.0.into(), 0),
        StoredRow::Balance(row) => (Table::Balance, row.user.0.into(), row.asset.0.into(), 0),
        StoredRow::CreditLimit(row) => (Table::CreditLimit, row.user.0.into(), row.asset.0.into(), 0),
        StoredRow::Ledger(row) => (Table::Ledger, row.id.seq.0, row.id.index.into(), row.leg.into()),
        StoredRow::Withdrawal(row) => (Table::Withdrawal, row.withdrawal.0, 0, 0),
        StoredRow::Trade(row) => (Table::Trade, row.id.seq.0, row.id.index.into(), 0),
        StoredRow::Audit(row) => (Table::Audit, row.seq.0, 0, 0),
        StoredRow::SymbolTenure(row) => (Table::SymbolTenure, row.symbol.0.into(), row.from.0, 0),
        StoredRow::UserTenure(row) => (Table::UserTenure, row.user.0.into(), row.from.0, 0),
        StoredRow::Kline(row) => (Table::Kline, row.symbol.0.into(), number(row.bucket), row.bucket.start.0),
        StoredRow::PositionHistory(row) => {
            (Table::PositionHistory, pair(row.user.0, row.symbol.0), number(row.bucket), row.bucket.start.0)
        }
        StoredRow::MarketSnapshot(row) => {
            (Table::MarketSnapshot, row.symbol.0.into(), number(row.bucket), row.bucket.start.0)
        }
        StoredRow::Leaderboard(row) => {
            (Table::Leaderboard, scope(row.scope), pair(row.user.0, row.bucket.interval.number()), row.bucket.start.0)
        }
        StoredRow::Analytics(row) => (Table::Analytics, scope(row.scope), number(row.bucket), row.bucket.start.0),
        StoredRow::ActiveUser(row) => {
            (Table::ActiveUser, scope(row.scope), pair(row.user.0, row.bucket.interval.number()), row.bucket.start.0)
        }
    }
}

/// `fill 17/3`: the row with this key, in words. That of a derived row ends with the seconds of its bucket and its start.
pub(crate) fn name((table, first, second, third): RowKey) -> String {
    let name = table.name();
    match table {
        Table::Venue => name.to_owned(),
        Table::Asset
        | Table::Symbol
        | Table::User
        | Table::Key
        | Table::Order
        | Table::OpenOrder
        | Table::Withdrawal
        | Table::Audit => format!("{name} {first}"),
        Table::Fill
        | Table::Position
        | Table::Balance
        | Table::CreditLimit
        | Table::Trade
        | Table::SymbolTenure
        | Table::UserTenure => format!("{name} {first}/{second}"),
        Table::Ledger | Table::Kline | Table::MarketSnapshot => format!("{name} {first}/{second}/{third}"),
        Table::PositionHistory => {
            let (user, symbol) = halves(first);
            format!("{name} {user}/{symbol}/{second}/{third}")
        }
        Table::Analytics => format!("{name} {}/{second}/{third}", scope_name(first)),
        Table::Leaderboard | Table::ActiveUser => {
            let (user, interval) = halves(second);
            format!("{name} {}/{user}/{interval}/{third}", scope_name(first))
        }
    }
}

/// The bucket in the key of a derived row: its interval is the low half of the third part, beside a user or alone.
pub(crate) fn bucket_of((table, _, interval, start): RowKey) -> Option<Bucket> {
    let number = u32::try_from(halves(interval).1).ok()?;
    let bucket = Bucket { interval: Interval::of_number(number), start: UnixNanos(start) };
    table.is_derived().then_some(bucket)
}

fn number(bucket: Bucket) -> u64 {
    bucket.interval.number().into()
}

fn pair(high: u32, low: u32) -> u64 {
    (u64::from(high) << 32) | u64::from(low)
}

/// What [`pair`] made one of.
fn halves(pair: u64) -> (u64, u64) {
    (pair >> 32, pair & u64::from(u32::MAX))
}

fn scope(scope: Scope) -> u64 {
    match scope {
        Scope::Venue => 0,
        Scope::Asset(asset) => pair(1, asset.0),
        Scope::Symbol(symbol) => pair(2, symbol.0),
    }
}

/// What [`scope`] made a number of.
fn scope_name(scope: u64) -> String {
    match halves(scope) {
        (0, _) => "venue".to_owned(),
        (1, asset) => format!("asset {asset}"),
        (_, symbol) => format!("symbol {symbol}"),
    }
}

#[cfg(test)]
mod tests {
    use domain::ids::{AssetId, EventId, SymbolId, UserId};
    use domain::units::{Amount, Seq};
    use projector::rows::derived::{ActiveUserRow, PositionHistoryRow};
    use projector::rows::{BalanceRow, LedgerRow, Movement, VenueRow};

    use super::*;

    #[test]
    fn a_key_in_words_has_each_of_its_parts() {
        let bucket = Bucket { interval: Interval::DAY, start: UnixNanos(7) };
        let (user, zero) = (UserId(3), Amount(0));
        let active = |scope| StoredRow::ActiveUser(ActiveUserRow { bucket, scope, user, first: Seq(9) });
        let position = PositionHistoryRow {
            bucket,
            user,
            symbol: SymbolId(0),
            quantity: zero,
            cost: zero,
            realised: zero,
            mark: None,
            unrealised: None,
            closed: false,
            last_seq: Seq(9),
        };
        let movement = LedgerRow {
            id: EventId { seq: Seq(17), index: 3 },
            leg: 0,
            time: UnixNanos(7),
            user: None,
            asset: AssetId(1),
            change: zero,
            movement: Movement::Deposit,
        };
        let balance = BalanceRow { user, asset: AssetId(0), free: zero, locked: zero, last_seq: Seq(9) };
        for (row, says) in [
            (StoredRow::Venue(VenueRow { killed: false, last_seq: Seq(9) }), "venue"),
            (StoredRow::Balance(balance), "balance 3/0"),
            (StoredRow::Ledger(movement), "ledger 17/3/0"),
            (StoredRow::PositionHistory(position), "position history 3/0/86400/7"),
            (active(Scope::Venue), "active user venue/3/86400/7"),
            (active(Scope::Asset(AssetId(0))), "active user asset 0/3/86400/7"),
            (active(Scope::Symbol(SymbolId(2))), "active user symbol 2/3/86400/7"),
        ] {
            assert_eq!(name(key_of(&row)), says);
        }
    }
}
