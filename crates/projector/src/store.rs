//! When a batch counts as written, and what a store answers otherwise.

use std::fmt;
use std::time::Duration;

use domain::ids::{Checkpoint, Hash256, OrderId, VenueId};
use domain::units::{Epoch, Seq};

use crate::batch::{Batch, Stream};
use crate::buckets::Bucket;
use crate::rows::derived::{
    ActiveUserRow, AnalyticsRow, KlineRow, LeaderboardRow, MarketSnapshotRow, PositionHistoryRow,
};
use crate::rows::{
    AssetRow, AuditRow, BalanceRow, CreditLimitRow, FillRow, KeyRow, LedgerRow, OrderRow, PositionRow, SymbolRow,
    SymbolTenureRow, TradeRow, UserRow, UserTenureRow, VenueRow, WithdrawalRow,
};
use crate::share::Incoming;
use crate::words::Word;

/// What a store waits between commits unless it says otherwise: short enough that a reader hardly sees it.
pub const COMMIT_INTERVAL: Duration = Duration::from_millis(50);

/// What holds the rows of one or more streams.
pub trait Store {
    /// How far the stream is; absent: nothing was ever written.
    fn checkpoint(&mut self, stream: Stream) -> Result<Option<Checkpoint>, StoreError>;

    /// Writes the batch and its checkpoint if the store is where the batch begins. Where it is interrupted, the same batch
    /// or any other that begins at the stored checkpoint completes it.
    fn commit(&mut self, batch: &Batch) -> Outcome;

    /// Visits the rows of a derived stream that are in one of these buckets, however new they are: what a fold goes on from. A store
    /// that holds such a stream must do this; rows that are removed late (expired ones) may be among them.
    fn recall(
        &mut self,
        stream: Stream,
        buckets: &[Bucket],
        visit: &mut dyn FnMut(StoredRow),
    ) -> Result<(), StoreError> {
        let _ = (buckets, visit);
        Err(StoreError::Fatal(format!("this store holds no rows of the stream {:?}", stream.word())))
    }

    /// What was copied to the store from others that share the stream with it. Asked for each time a follower begins to read, so it
    /// is of the same moment as the checkpoint: a store that lost its tail may have lost a copy with it.
    fn incoming(&mut self, _stream: Stream) -> Result<Incoming, StoreError> {
        Ok(Incoming::new())
    }

    /// Rows wait at most so long after the commit before them. A store that was idle is written at once; one that is not gets
    /// everything that was committed meanwhile, so batches grow with the load up to `BATCH_COMMANDS_MAX`.
    fn commit_interval(&self) -> Duration {
        COMMIT_INTERVAL
    }

    /// Makes everything committed so far survive a loss of power. Before the logs give up blocks for good, the checkpoints behind
    /// them must be durable. Nothing to do where every commit is.
    fn make_durable(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// What came of [`Store::commit`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// The rows and the checkpoint are written, now or by an earlier attempt.
    Committed,
    /// The store is elsewhere in the same history (it lost its tail, or another writer went on): read again from here.
    Behind(Checkpoint),
    /// A later writer, of this epoch, has taken over: stop.
    Fenced(Epoch),
    /// The store holds another history: stop, an operator must look.
    Diverged(Divergence),
    /// Not now; perhaps written all the same. Commit the same batch again after this long.
    Retry(Duration),
    /// It cannot be written; the reason.
    Fatal(String),
}

/// How a store shows that it holds another history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Divergence {
    /// It follows another journal.
    Venue(VenueId),
    /// It has another hash at a sequence that both have.
    Hash {
        /// The sequence.
        seq: Seq,
        /// What the store has.
        stored: Hash256,
    },
    /// It is past the end of the journal.
    Ahead(Seq),
    /// It has another row under the same key.
    Row(String),
}

/// Why a store could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// Not now; ask again after this long.
    Retry(Duration),
    /// It cannot be read; the reason.
    Fatal(String),
}

/// What a store has to do with a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// It begins where the store is: write it.
    Write,
    /// It does not: answer this.
    Answer(Outcome),
}

/// Compares a batch with the checkpoint of its stream: the one rule of all stores.
pub fn judge(stored: Option<&Checkpoint>, batch: &Batch) -> Verdict {
    let (from, to) = (&batch.from, &batch.to);
    assert_eq!(from.venue, to.venue, "a batch is of one journal");
    assert!(from.seq < to.seq, "a batch goes forward");
    let Some(stored) = stored else {
        return if from.seq == Seq::ZERO {
            Verdict::Write
        } else {
            Verdict::Answer(Outcome::Behind(Checkpoint { seq: Seq::ZERO, hash: Hash256::default(), ..*from }))
        };
    };
    if stored.venue != from.venue {
        return Verdict::Answer(Outcome::Diverged(Divergence::Venue(stored.venue)));
    }
    if stored.epoch > to.epoch {
        return Verdict::Answer(Outcome::Fenced(stored.epoch));
    }
    for known in [from, to] {
        // Before the first command there is only one history.
        if stored.seq == known.seq && stored.hash != known.hash && known.seq > Seq::ZERO {
            let divergence = Divergence::Hash { seq: stored.seq, stored: stored.hash };
            return Verdict::Answer(Outcome::Diverged(divergence));
        }
    }
    if stored.seq == from.seq {
        Verdict::Write
    } else if stored.seq == to.seq {
        Verdict::Answer(Outcome::Committed)
    } else {
        Verdict::Answer(Outcome::Behind(*stored))
    }
}

/// One stored row, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredRow {
    /// Table `venue`.
    Venue(VenueRow),
    /// Table `assets`.
    Asset(AssetRow),
    /// Table `symbols`.
    Symbol(SymbolRow),
    /// Table `users`.
    User(UserRow),
    /// Table `api_keys`.
    Key(KeyRow),
    /// Table `orders`.
    Order(OrderRow),
    /// Table `open_orders`.
    OpenOrder(OrderId),
    /// Table `order_fills`.
    Fill(FillRow),
    /// Table `positions`.
    Position(PositionRow),
    /// Table `symbol_tenures`.
    SymbolTenure(SymbolTenureRow),
    /// Table `balances`.
    Balance(BalanceRow),
    /// Table `credit_limits`.
    CreditLimit(CreditLimitRow),
    /// Table `ledger`.
    Ledger(LedgerRow),
    /// Table `withdrawals`.
    Withdrawal(WithdrawalRow),
    /// Table `user_tenures`.
    UserTenure(UserTenureRow),
    /// Collection `completed_trades`.
    Trade(TradeRow),
    /// Collection `audit_logs`.
    Audit(AuditRow),
    /// Collection `klines`.
    Kline(KlineRow),
    /// Collection `historical_positions`.
    PositionHistory(PositionHistoryRow),
    /// Collection `market_snapshots`.
    MarketSnapshot(MarketSnapshotRow),
    /// Collection `leaderboards`.
    Leaderboard(LeaderboardRow),
    /// Collection `analytics`.
    Analytics(AnalyticsRow),
    /// Collection `active_users`.
    ActiveUser(ActiveUserRow),
}

impl StoredRow {
    /// The last command that wrote the row; an order's mark in `open_orders` has none of its own.
    pub fn last_seq(&self) -> Option<Seq> {
        match self {
            Self::Venue(row) => Some(row.last_seq),
            Self::Asset(row) => Some(row.last_seq),
            Self::Symbol(row) => Some(row.last_seq),
            Self::User(row) => Some(row.last_seq),
            Self::Key(row) => Some(row.last_seq),
            Self::Order(row) => Some(row.last_seq),
            Self::OpenOrder(_) => None,
            Self::Fill(row) => Some(row.id.seq),
            Self::Position(row) => Some(row.last_seq),
            Self::Balance(row) => Some(row.last_seq),
            Self::CreditLimit(row) => Some(row.last_seq),
            Self::Ledger(row) => Some(row.id.seq),
            Self::Withdrawal(row) => Some(row.last_seq),
            Self::Trade(row) => Some(row.id.seq),
            Self::Audit(row) => Some(row.seq),
            Self::SymbolTenure(row) => Some(row.from),
            Self::UserTenure(row) => Some(row.from),
            Self::Kline(row) => Some(row.last_seq),
            Self::PositionHistory(row) => Some(row.last_seq),
            Self::MarketSnapshot(row) => Some(row.last_seq),
            Self::Leaderboard(row) => Some(row.last_seq),
            Self::Analytics(row) => Some(row.last_seq),
            Self::ActiveUser(row) => Some(row.first),
        }
    }
}

/// A store whose rows can be compared with what they should be.
pub trait ReadStream {
    /// Visits every row of a stream, table by table in the order of [`StoredRow`], in the order of their keys (fills and ledger: by
    /// event; trades: by event, or by symbol and trade); the stream's checkpoint.
    ///
    /// Both are from one snapshot where the store has such. Where it has none, the checkpoint is from before the rows, and rows that
    /// change may be later than it: they were written meanwhile, or by a commit that was interrupted. Rows that are only added are
    /// never later.
    fn read_stream(
        &mut self,
        stream: Stream,
        visit: &mut dyn FnMut(StoredRow),
    ) -> Result<Option<Checkpoint>, StoreError>;

    /// Whether a stream is read from one snapshot of the store.
    fn has_snapshots(&self) -> bool {
        true
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Venue(VenueId(id)) => {
                write!(f, "the store follows another journal, {:032x}", u128::from_be_bytes(*id))
            }
            Self::Hash { seq, .. } => write!(f, "the store has another history at sequence {}", seq.0),
            Self::Ahead(seq) => write!(f, "the store is at sequence {}, past the end of the journal", seq.0),
            Self::Row(key) => write!(f, "the store has another row under the same key: {key}"),
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retry(after) => write!(f, "the store is busy, again in {} ms", after.as_millis()),
            Self::Fatal(reason) => write!(f, "the store cannot be read: {reason}"),
        }
    }
}

impl std::error::Error for StoreError {}
