//! The collections of an archive, and how each is kept.

use projector::batch::Stream;

/// Documents of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Collection {
    /// Assets: how many decimals an amount has.
    Assets,
    /// Symbols: what ticks and lots are.
    Symbols,
    /// Completed trades.
    CompletedTrades,
    /// Commands, and what became of them.
    AuditLogs,
    /// Candles of each symbol.
    Klines,
    /// Positions at the end of each stretch of time.
    HistoricalPositions,
    /// Markets at the end of each stretch of time; they expire.
    MarketSnapshots,
    /// What each user traded and earned.
    Leaderboards,
    /// What was traded, by how many.
    Analytics,
    /// Whom the analytics have counted.
    ActiveUsers,
    /// Orders that shards have given up.
    ClosedOrders,
    /// The fills of these.
    ClosedOrderFills,
}

/// What may happen to a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It is added once and never changes: another one under the same id is another history. Those of streams are numbered without gaps.
    Added,
    /// It is as it was last written; a later `seq` replaces an earlier one, never the other way round.
    State,
}

/// How documents are found other than by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    /// Fields, ascending.
    pub fields: &'static [&'static str],
    /// Whether no two documents agree in all of them.
    pub unique: bool,
}

impl Collection {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Assets,
        Self::Symbols,
        Self::CompletedTrades,
        Self::AuditLogs,
        Self::Klines,
        Self::HistoricalPositions,
        Self::MarketSnapshots,
        Self::Leaderboards,
        Self::Analytics,
        Self::ActiveUsers,
        Self::ClosedOrders,
        Self::ClosedOrderFills,
    ];

    /// Those that streams write.
    pub fn streamed() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|collection| !matches!(collection, Self::ClosedOrders | Self::ClosedOrderFills))
    }

    /// What a stream writes, in the order of [`projector::store::StoredRow`].
    ///
    /// Of the reference data an archive keeps what its numbers mean: no user, no credential.
    pub const fn of(stream: Stream) -> &'static [Self] {
        match stream {
            Stream::Reference => &[Self::Assets, Self::Symbols],
            Stream::Trades => &[Self::CompletedTrades],
            Stream::Audit => &[Self::AuditLogs],
            Stream::Klines => &[Self::Klines],
            Stream::HistoricalPositions => &[Self::HistoricalPositions],
            Stream::MarketSnapshots => &[Self::MarketSnapshots],
            Stream::Leaderboards => &[Self::Leaderboards],
            Stream::Analytics => &[Self::Analytics, Self::ActiveUsers],
            Stream::Symbols | Stream::Users => &[],
        }
    }

    /// Its name in every database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Assets => "assets",
            Self::Symbols => "symbols",
            Self::CompletedTrades => "completed_trades",
            Self::AuditLogs => "audit_logs",
            Self::Klines => "klines",
            Self::HistoricalPositions => "historical_positions",
            Self::MarketSnapshots => "market_snapshots",
            Self::Leaderboards => "leaderboards",
            Self::Analytics => "analytics",
            Self::ActiveUsers => "active_users",
            Self::ClosedOrders => "closed_orders",
            Self::ClosedOrderFills => "closed_order_fills",
        }
    }

    /// What may happen to its documents.
    pub const fn kind(self) -> Kind {
        match self {
            Self::CompletedTrades | Self::AuditLogs | Self::ClosedOrders | Self::ClosedOrderFills => Kind::Added,
            Self::Assets
            | Self::Symbols
            | Self::Klines
            | Self::HistoricalPositions
            | Self::MarketSnapshots
            | Self::Leaderboards
            | Self::Analytics
            | Self::ActiveUsers => Kind::State,
        }
    }

    /// How its documents are found other than by id. The ids of derived documents begin with their bucket, those of a board with the
    /// board; see [`crate::rows::derived::board_prefix`].
    pub const fn indexes(self) -> &'static [Index] {
        match self {
            // Time does not go back with the trade number, so both orders are the same.
            Self::CompletedTrades => &[
                Index { fields: &["symbol_id", "trade_id"], unique: true },
                Index { fields: &["symbol_id", "time", "trade_id"], unique: false },
            ],
            // In the order of commands, and so of time; what is not of one user is found by id.
            Self::AuditLogs => &[Index { fields: &["user_id", "seq"], unique: false }],
            Self::Klines | Self::MarketSnapshots => {
                &[Index { fields: &["symbol_id", "bucket_seconds", "bucket_start"], unique: false }]
            }
            Self::HistoricalPositions => {
                &[Index { fields: &["user_id", "symbol_id", "bucket_seconds", "bucket_start"], unique: false }]
            }
            Self::Analytics => {
                &[Index { fields: &["scope", "scope_id", "bucket_seconds", "bucket_start"], unique: false }]
            }
            // In the order of orders, and so of placement; and the one that had a name last is the last of the index.
            Self::ClosedOrders => &[
                Index { fields: &["user_id", "symbol_id", "order_id"], unique: false },
                Index { fields: &["user_id", "symbol_id", "placed_time", "order_id"], unique: false },
                Index { fields: &["user_id", "client_order_id", "seq", "order_id"], unique: false },
            ],
            // The fills of one order are found by id.
            Self::ClosedOrderFills => &[
                Index { fields: &["user_id", "symbol_id", "trade_id", "event_index"], unique: false },
                Index { fields: &["user_id", "symbol_id", "time", "trade_id", "event_index"], unique: false },
            ],
            Self::Assets | Self::Symbols | Self::Leaderboards | Self::ActiveUsers => &[],
        }
    }

    /// Whether the id of a document begins with the bucket of time that it is of; see [`crate::rows::derived::bucket_prefix`].
    pub const fn is_bucketed(self) -> bool {
        match self {
            Self::Assets
            | Self::Symbols
            | Self::CompletedTrades
            | Self::AuditLogs
            | Self::ClosedOrders
            | Self::ClosedOrderFills => false,
            Self::Klines
            | Self::HistoricalPositions
            | Self::MarketSnapshots
            | Self::Leaderboards
            | Self::Analytics
            | Self::ActiveUsers => true,
        }
    }

    /// Whether its documents are deleted once they have expired.
    pub const fn expires(self) -> bool {
        matches!(self, Self::MarketSnapshots)
    }
}

/// Whether an archive can hold a stream.
pub const fn is_archived(stream: Stream) -> bool {
    !Collection::of(stream).is_empty()
}
