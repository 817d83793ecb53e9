//! A state as the rows a store would have: where it starts when the logs do not reach back to the first command.

use domain::ids::{Checkpoint, SymbolId, UserId};
use domain::shard_map::ShardMap;
use domain::shards::{Subject, Tenure};
use domain::state::State;
use domain::units::{Seq, UnixNanos};
use projector::batch::{AnalyticsRows, Batch, ReferenceRows, Rows, Stream, SymbolsRows, UsersRows};
use projector::rows::{
    AssetRow, BalanceRow, CreditLimitRow, KeyRow, OrderRow, PositionRow, SymbolRow, SymbolTenureRow, UserRow,
    UserTenureRow, VenueRow, WithdrawalRow, WithdrawalStatus,
};

/// The stream's rows of a state, as one batch from nothing to `to`, for a store that holds everything.
pub(crate) fn batch(stream: Stream, state: &State, to: Checkpoint) -> Batch {
    let rows = match stream {
        Stream::Reference => Rows::Reference(reference(state)),
        Stream::Symbols => Rows::Symbols(symbols(state)),
        Stream::Users => Rows::Users(users(state)),
        Stream::Trades => Rows::Trades(Vec::new()),
        Stream::Audit => Rows::Audit(Vec::new()),
        // Sums of what was before a state are in none.
        Stream::Klines => Rows::Klines(Vec::new()),
        Stream::HistoricalPositions => Rows::HistoricalPositions(Vec::new()),
        Stream::MarketSnapshots => Rows::MarketSnapshots(Vec::new()),
        Stream::Leaderboards => Rows::Leaderboards(Vec::new()),
        Stream::Analytics => Rows::Analytics(AnalyticsRows::default()),
    };
    let from = Checkpoint { seq: Seq::ZERO, hash: domain::ids::Hash256::default(), ..to };
    Batch { from, to, rows }
}

/// The same for a shard that owns nothing in the state, and never did: what all shards have.
pub(crate) fn empty_shard(stream: Stream, state: &State, map: &ShardMap, to: Checkpoint) -> Batch {
    let batch = batch(stream, state, to);
    let rows = match batch.rows {
        Rows::Symbols(_) => Rows::Symbols(SymbolsRows { tenures: symbol_tenures(map), ..SymbolsRows::default() }),
        Rows::Users(_) => Rows::Users(UsersRows { tenures: user_tenures(map), ..UsersRows::default() }),
        rows @ (Rows::Reference(_)
        | Rows::Trades(_)
        | Rows::Audit(_)
        | Rows::Klines(_)
        | Rows::HistoricalPositions(_)
        | Rows::MarketSnapshots(_)
        | Rows::Leaderboards(_)
        | Rows::Analytics(_)) => rows,
    };
    Batch { rows, ..batch }
}

/// Whose each symbol was since when.
pub(crate) fn symbol_tenures(map: &ShardMap) -> Vec<SymbolTenureRow> {
    let row = |symbol: SymbolId, tenure: Tenure| SymbolTenureRow { symbol, from: tenure.from, shard: tenure.shard };
    let of = |symbol| map.tenures(Subject::Symbol(symbol)).into_iter().map(move |tenure| row(symbol, tenure));
    (0..map.symbols_placed()).map(SymbolId).flat_map(of).collect()
}

/// Whose each user was since when.
pub(crate) fn user_tenures(map: &ShardMap) -> Vec<UserTenureRow> {
    let row = |user: UserId, tenure: Tenure| UserTenureRow { user, from: tenure.from, shard: tenure.shard };
    let of = |user| map.tenures(Subject::User(user)).into_iter().map(move |tenure| row(user, tenure));
    (0..map.users_placed()).map(UserId).flat_map(of).collect()
}

fn reference(state: &State) -> ReferenceRows {
    let last_seq = Seq::ZERO;
    let users = state.users.iter().zip(0..).map(|(user, id)| UserRow {
        user: UserId(id),
        fees: user.fees,
        killed: user.killed,
        created_time: None,
        last_seq,
    });
    let keys = state.keys.iter().cloned().map(|key| KeyRow {
        key: key.key,
        user: key.user,
        roles: key.roles,
        api_key: key.api_key,
        credential: key.credential,
        revoked: key.revoked,
        last_seq,
    });
    let symbols = state.symbols.iter().map(|symbol| SymbolRow {
        instrument: symbol.instrument,
        status: symbol.status,
        limits: symbol.limits,
        fees: symbol.fees,
        last_seq,
    });
    ReferenceRows {
        venue: Some(VenueRow { killed: state.killed, last_seq }),
        assets: state.assets.iter().map(|asset| AssetRow { asset: asset.asset, last_seq }).collect(),
        symbols: symbols.collect(),
        users: users.collect(),
        keys: keys.collect(),
        ..ReferenceRows::default()
    }
}

fn symbols(state: &State) -> SymbolsRows {
    let mut placed: Vec<_> = state.orders.iter().map(|order| OrderRow::open(order, Seq::ZERO, UnixNanos(0))).collect();
    placed.sort_unstable_by_key(|row| row.order);
    let positions = state.positions.iter().map(|position| PositionRow {
        user: position.user,
        symbol: position.symbol,
        quantity: position.quantity,
        cost: position.cost,
        realised: position.realised,
        last_seq: Seq::ZERO,
    });
    SymbolsRows { placed, positions: positions.collect(), ..SymbolsRows::default() }
}

fn users(state: &State) -> UsersRows {
    let last_seq = Seq::ZERO;
    let touched = state.balances.iter().filter(|balance| !balance.free.is_zero() || !balance.locked.is_zero());
    let balances = touched.map(|balance| BalanceRow {
        user: balance.user,
        asset: balance.asset,
        free: balance.free,
        locked: balance.locked,
        last_seq,
    });
    let credited = state.balances.iter().filter(|balance| !balance.credit_limit.is_zero());
    let credit_limits = credited.map(|balance| CreditLimitRow {
        user: balance.user,
        asset: balance.asset,
        limit: balance.credit_limit,
        last_seq,
    });
    let withdrawals = state.withdrawals.iter().map(|withdrawal| WithdrawalRow {
        withdrawal: withdrawal.withdrawal,
        user: withdrawal.user,
        asset: withdrawal.asset,
        amount: withdrawal.amount,
        status: WithdrawalStatus::Pending,
        last_seq,
        updated_time: UnixNanos(0),
    });
    UsersRows {
        balances: balances.collect(),
        credit_limits: credit_limits.collect(),
        withdrawals: withdrawals.collect(),
        ..UsersRows::default()
    }
}
