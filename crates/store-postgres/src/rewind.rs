//! Going back to a fork: the journal was restored to an earlier point, and rows from the abandoned branch must go.

mod returning;

use domain::ids::{Checkpoint, UserId};
use domain::order::OrderKind;
use domain::shard_map::ShardMap;
use domain::state::{OrderState, State};
use domain::units::{Amount, Seq, UnixNanos};
use projector::batch::Stream;
use projector::retired::RetiredHistory;
use projector::rows::{
    BalanceRow, CreditLimitRow, KeyRow, PositionRow, SymbolRow, UserRow, VenueRow, WithdrawalRow, WithdrawalStatus,
};

use crate::config::PostgresConfig;
use crate::fault::Fault;
use crate::link::{Link, Session};
use crate::moves;
use crate::rewind::returning::Returning;
use crate::store::{STREAMS, locked_checkpoint, rewind_checkpoint};
use crate::units::{Units, id, of_steps};
use crate::write::{self, Decimals, int};

const REWRITE_ORDER: &str =
    "UPDATE orders SET quantity = ($2::text[])[1]::numeric, executed = ($2::text[])[2]::numeric,
        executed_quote = ($2::text[])[3]::numeric, status = $3, close_reason = NULL, last_seq = $4, updated_time = $5,
        client_order_id = $6
    WHERE order_id = $1";

const RETIRED_AT: &str = "UPDATE retired_ranges SET last_seq = CASE WHEN last_seq <= $1 THEN last_seq END, retired_seq = $1 WHERE retired_seq > $1";

/// Takes every stream that is past `to` back to it, in one transaction: rows from later commands go, and state rows that later
/// commands changed are written as they are in `state`, which is the engine's at that sequence. Rewritten rows say that they were
/// last changed at the fork, for when before it they were is not known any more.
///
/// Orders that were open at the fork may have gone with their range since: they come back from where the rows of such ranges are.
///
/// Streams that are not past the fork stay where they are. Gives back those that moved. A store that is open meanwhile waits.
pub fn rewind(
    config: &PostgresConfig,
    to: &Checkpoint,
    state: &State,
    retired: Option<&dyn RetiredHistory>,
) -> Result<Vec<Stream>, Fault> {
    if state.seq != to.seq {
        let what = format!("the state is of sequence {}, the fork at {}", state.seq.0, to.seq.0);
        return Err(Fault::Misuse(what));
    }
    let map = ShardMap::from_state(&state.shards, state.seq).map_err(|what| Fault::Misuse(what.to_owned()))?;
    let mut link = Link::open_migrated(config, "rewind")?;
    // Asked outside of what drives the connection: whoever answers may drive one too.
    let returning = Returning::find(&mut link, to, state, &map, retired)?;
    // What fails leaves the transaction open; it ends with the connection.
    link.run_long(async |session| {
        let settings =
            "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on;
                        SET LOCAL synchronous_commit = on";
        session.client.batch_execute(settings).await?;
        let mut moved = Vec::new();
        for stream in STREAMS {
            let Some(stored) = locked_checkpoint(&session.client, stream).await? else { continue };
            if stored.venue != to.venue {
                return Err(Fault::Misuse("the database follows another journal: empty it and begin again".into()));
            }
            if stored.seq > to.seq {
                let units = Units::default();
                Fork { session, units, at: to.seq, state, returning: &returning }.stream(stream).await?;
                moves::rewind::rewind(session, stream, &map, to.seq).await?;
                rewind_checkpoint(session, stream, to).await?;
                moved.push(stream);
            }
        }
        if !moved.is_empty() {
            // What was added past the fork may be added again under another number.
            let shards = i32::try_from(state.shards.shards.len()).unwrap_or(i32::MAX);
            session.client.execute("DELETE FROM shard WHERE shard_id >= $1", &[&shards]).await?;
        }
        // The journal may be one that does not know of the last starts.
        session.client.batch_execute("DELETE FROM retirer; COMMIT").await?;
        Ok(moved)
    })
}

/// The last sequence that both branches have, and what was true then.
#[derive(Debug)]
struct Fork<'a> {
    session: &'a mut Session,
    /// Read for each stream: assets and symbols of the abandoned branch may have meant something else.
    units: Units,
    at: Seq,
    state: &'a State,
    returning: &'a Returning,
}

impl Fork<'_> {
    async fn stream(&mut self, stream: Stream) -> Result<(), Fault> {
        match stream {
            Stream::Reference => self.reference().await,
            Stream::Symbols => {
                self.units.read(&self.session.client).await?;
                self.symbols().await
            }
            Stream::Users => {
                self.units.read(&self.session.client).await?;
                self.users().await
            }
            Stream::Trades
            | Stream::Audit
            | Stream::Klines
            | Stream::HistoricalPositions
            | Stream::MarketSnapshots
            | Stream::Leaderboards
            | Stream::Analytics => Err(Fault::Misuse("PostgreSQL holds no archive".into())),
        }
    }

    /// Runs a statement that deletes what is past the fork.
    async fn delete(&self, sql: &'static str) -> Result<(), Fault> {
        self.session.client.execute(sql, &[&int(self.at.0)]).await?;
        Ok(())
    }

    /// Those that began past the fork, and the first ones, which are from the beginning, of what was placed past it.
    async fn delete_tenures(&self, sql: &'static str, placed: usize) -> Result<(), Fault> {
        let placed = i32::try_from(placed).map_err(|error| Fault::Misuse(format!("{placed}: {error}")))?;
        self.session.client.execute(sql, &[&int(self.at.0), &placed]).await?;
        Ok(())
    }

    /// Keys of the rows that commands past the fork changed, sorted.
    async fn changed(&self, sql: &'static str) -> Result<Vec<(u64, u64)>, Fault> {
        let rows = self.session.client.query(sql, &[&int(self.at.0)]).await?;
        let key =
            |row: &tokio_postgres::Row| (row.get::<_, i64>(0).cast_unsigned(), row.get::<_, i64>(1).cast_unsigned());
        let mut keys: Vec<_> = rows.iter().map(key).collect();
        keys.sort_unstable();
        Ok(keys)
    }

    async fn reference(&mut self) -> Result<(), Fault> {
        let last_seq = self.at;
        let changed = self.changed("SELECT symbol_id::bigint, 0::bigint FROM symbols WHERE last_seq > $1").await?;
        self.delete("DELETE FROM symbols WHERE last_seq > $1").await?;
        self.delete("DELETE FROM assets WHERE last_seq > $1").await?;
        let symbols = self.state.symbols.iter().filter(|symbol| has(&changed, symbol.instrument.id().0, 0));
        let symbols: Vec<_> = symbols
            .map(|symbol| {
                let (instrument, status, limits, fees) = (symbol.instrument, symbol.status, symbol.limits, symbol.fees);
                SymbolRow { instrument, status, limits, fees, last_seq }
            })
            .collect();
        write::reference::insert_symbols(self.session, &symbols).await?;
        if !self.changed("SELECT 0::bigint, 0::bigint FROM venue WHERE last_seq > $1").await?.is_empty() {
            self.delete("DELETE FROM venue WHERE last_seq > $1").await?;
            write::reference::put_venue(self.session, &VenueRow { killed: self.state.killed, last_seq }).await?;
        }
        self.keys().await?;
        self.accounts().await
    }

    async fn keys(&mut self) -> Result<(), Fault> {
        let last_seq = self.at;
        let changed = self.changed("SELECT key_id, 0::bigint FROM api_keys WHERE last_seq > $1").await?;
        self.delete("DELETE FROM api_keys WHERE last_seq > $1").await?;
        let keys = self.state.keys.iter().filter(|key| has(&changed, key.key.0, 0));
        let keys: Vec<_> = keys
            .map(|key| {
                let (user, roles, api_key, revoked) = (key.user, key.roles, key.api_key, key.revoked);
                KeyRow { key: key.key, user, roles, api_key, credential: key.credential.clone(), revoked, last_seq }
            })
            .collect();
        write::reference::insert_keys(self.session, &keys).await
    }

    async fn accounts(&mut self) -> Result<(), Fault> {
        let sql = "DELETE FROM users WHERE last_seq > $1 RETURNING user_id, created_time";
        let mut users = Vec::new();
        for row in self.session.client.query(sql, &[&int(self.at.0)]).await? {
            let user = id(row.get(0))?;
            // When a user was created is not in the state, but it does not change either.
            let created_time = row.get::<_, Option<i64>>(1).map(|time| UnixNanos(time.cast_unsigned()));
            if let Some(known) = usize::try_from(user).ok().and_then(|index| self.state.users.get(index)) {
                let (fees, killed, last_seq) = (known.fees, known.killed, self.at);
                users.push(UserRow { user: UserId(user), fees, killed, created_time, last_seq });
            }
        }
        write::reference::insert_users(self.session, &users).await
    }

    async fn symbols(&mut self) -> Result<(), Fault> {
        let (state, last_seq) = (self.state, self.at);
        let placed = state.shards.symbols.len();
        self.returning.put_back(self.session, &self.units).await?;
        self.delete(RETIRED_AT).await?;
        self.delete("DELETE FROM retired_prices WHERE seq > $1").await?;
        self.delete_tenures("DELETE FROM symbol_tenures WHERE from_seq > $1 OR symbol_id >= $2", placed).await?;
        self.delete("DELETE FROM order_fills WHERE seq > $1").await?;
        self.delete("DELETE FROM orders WHERE placed_seq > $1").await?;
        let changed = self.changed("SELECT order_id, 0::bigint FROM orders WHERE last_seq > $1").await?;
        let mut rewritten = 0;
        for order in state.orders.iter().filter(|order| changed.binary_search(&(order.order.0, 0)).is_ok()) {
            self.order(order).await?;
            rewritten += 1;
        }
        if rewritten != changed.len() {
            let what = format!("{} orders changed past the fork, of which {rewritten} were open at it", changed.len());
            return Err(Fault::Content(what));
        }
        self.open_orders().await?;
        let changed =
            self.changed("SELECT user_id::bigint, symbol_id::bigint FROM positions WHERE last_seq > $1").await?;
        self.delete("DELETE FROM positions WHERE last_seq > $1").await?;
        let positions = state.positions.iter().filter(|one| has(&changed, one.user.0, one.symbol.0));
        let positions: Vec<_> = positions
            .map(|one| {
                let (user, symbol, quantity, cost, realised) =
                    (one.user, one.symbol, one.quantity, one.cost, one.realised);
                PositionRow { user, symbol, quantity, cost, realised, last_seq }
            })
            .collect();
        write::symbols::put_positions(self.session, &self.units, &positions).await
    }

    /// An order that is open at the fork.
    async fn order(&mut self, order: &OrderState) -> Result<(), Fault> {
        let of = self.units.symbol(order.symbol)?;
        assert!(matches!(order.kind, OrderKind::Limit { .. }), "only limit orders rest");
        let mut numbers = Decimals::default();
        numbers.push(of_steps(order.quantity.0, of.lot)?, of.lot.scale);
        numbers.push(of_steps(order.executed.0, of.lot)?, of.lot.scale);
        numbers.push(order.executed_quote, of.quote);
        let status = if order.executed.is_zero() { "new" } else { "partially_filled" };
        let rewrite = self.session.statement(REWRITE_ORDER).await?;
        let (order_id, last_seq, updated_time) = (int(order.order.0), int(self.at.0), int(self.state.time.0));
        let (numbers, name) = (numbers.texts(), order.client_order_id.as_str());
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
            [&order_id, &numbers, &status, &last_seq, &updated_time, &name];
        self.session.client.execute(&rewrite, &parameters).await?;
        Ok(())
    }

    /// Those of the open orders that are of this shard: it has their rows.
    async fn open_orders(&self) -> Result<(), Fault> {
        let open: Vec<i64> = self.state.orders.iter().map(|order| int(order.order.0)).collect();
        self.session.client.execute("DELETE FROM open_orders", &[]).await?;
        let insert = "INSERT INTO open_orders (order_id, user_id, symbol_id)
                      SELECT o.order_id, o.user_id, o.symbol_id FROM orders AS o JOIN unnest($1::bigint[]) AS open (order_id) USING (order_id)";
        self.session.client.execute(insert, &[&open]).await?;
        Ok(())
    }

    async fn users(&mut self) -> Result<(), Fault> {
        let last_seq = self.at;
        let placed = self.state.shards.users.len();
        self.delete_tenures("DELETE FROM user_tenures WHERE from_seq > $1 OR user_id >= $2", placed).await?;
        self.delete("DELETE FROM ledger WHERE seq > $1").await?;
        let balances =
            self.changed("SELECT user_id::bigint, asset_id::bigint FROM balances WHERE last_seq > $1").await?;
        let limits =
            self.changed("SELECT user_id::bigint, asset_id::bigint FROM credit_limits WHERE last_seq > $1").await?;
        let withdrawals = self.changed("SELECT withdrawal_id, 0::bigint FROM withdrawals WHERE last_seq > $1").await?;
        self.delete("DELETE FROM balances WHERE last_seq > $1").await?;
        self.delete("DELETE FROM credit_limits WHERE last_seq > $1").await?;
        self.delete("DELETE FROM withdrawals WHERE last_seq > $1").await?;
        let (mut balance_rows, mut limit_rows) = (Vec::new(), Vec::new());
        for balance in &self.state.balances {
            let (user, asset) = (balance.user, balance.asset);
            if has(&balances, user.0, asset.0) {
                balance_rows.push(BalanceRow { user, asset, free: balance.free, locked: balance.locked, last_seq });
            }
            if has(&limits, user.0, asset.0) && balance.credit_limit > Amount::ZERO {
                limit_rows.push(CreditLimitRow { user, asset, limit: balance.credit_limit, last_seq });
            }
        }
        let pending =
            self.state.withdrawals.iter().filter(|one| withdrawals.binary_search(&(one.withdrawal.0, 0)).is_ok());
        let withdrawal_rows: Vec<_> = pending
            .map(|one| {
                let (status, updated_time) = (WithdrawalStatus::Pending, self.state.time);
                let (withdrawal, user, asset, amount) = (one.withdrawal, one.user, one.asset, one.amount);
                WithdrawalRow { withdrawal, user, asset, amount, status, last_seq, updated_time }
            })
            .collect();
        write::users::put_balances(self.session, &self.units, &balance_rows).await?;
        write::users::put_credit_limits(self.session, &self.units, &limit_rows).await?;
        write::users::put_withdrawals(self.session, &self.units, &withdrawal_rows).await
    }
}

/// Whether a key is among sorted ones.
fn has(keys: &[(u64, u64)], first: u32, second: u32) -> bool {
    keys.binary_search(&(first.into(), second.into())).is_ok()
}
