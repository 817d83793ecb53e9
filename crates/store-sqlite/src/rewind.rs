//! Going back to a fork: the journal was restored to an earlier point, and rows from the abandoned branch must go.

use domain::ids::Checkpoint;
use domain::order::OrderKind;
use domain::state::{OrderState, State};
use domain::units::{Amount, Seq};
use projector::batch::Stream;
use projector::rows::{
    BalanceRow, CreditLimitRow, KeyRow, PositionRow, SymbolRow, UserRow, VenueRow, WithdrawalRow, WithdrawalStatus,
};
use projector::words::Word as _;
use rusqlite::{Connection, TransactionBehavior, params};

use crate::fault::Fault;
use crate::schema::Role;
use crate::store::{SqliteStore, checkpoint, set_checkpoint};
use crate::units::{Decimal, Units};
use crate::write::{self, client_hash, int};

impl SqliteStore {
    /// Takes every stream that is past `to` back to it, in one transaction: rows from later commands go, and state rows that later
    /// commands changed are written as they are in `state`, which is the engine's at that sequence. Rewritten rows say that
    /// they were last changed at the fork, for when before it they were is not known any more.
    ///
    /// Derived streams that are past it are emptied, and follow from the first command on. Streams that are not past the fork stay
    /// where they are. Gives back those that moved.
    pub fn rewind(&mut self, to: &Checkpoint, state: &State) -> Result<Vec<Stream>, Fault> {
        if state.seq != to.seq {
            let what = format!("the state is of sequence {}, the fork at {}", state.seq.0, to.seq.0);
            return Err(Fault::Misuse(what));
        }
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Assets and symbols of the abandoned branch may have meant something else.
        let mut fork = Fork { connection: &transaction, units: Units::default(), at: to.seq, state };
        let mut moved = Vec::new();
        for stream in self.role.streams() {
            let Some(stored) = checkpoint(&transaction, *stream)? else { continue };
            if stored.venue != to.venue {
                return Err(Fault::Misuse("the file follows another journal: remove it and begin again".into()));
            }
            if stored.seq <= to.seq {
                continue;
            }
            match stream {
                Stream::Reference => fork.reference(self.role)?,
                Stream::Symbols => fork.symbols()?,
                Stream::Users => fork.users()?,
                Stream::Trades => fork.delete("DELETE FROM completed_trades WHERE seq > ?1")?,
                Stream::Audit => fork.delete("DELETE FROM audit_logs WHERE seq > ?1")?,
                Stream::Klines
                | Stream::HistoricalPositions
                | Stream::MarketSnapshots
                | Stream::Leaderboards
                | Stream::Analytics => {
                    fork.drop_rows(*stream)?;
                    moved.push(*stream);
                    continue;
                }
            }
            set_checkpoint(&transaction, *stream, to)?;
            moved.push(*stream);
        }
        transaction.commit()?;
        self.units = Units::default();
        Ok(moved)
    }
}

/// The last sequence that both branches have, and what was true then.
#[derive(Debug)]
struct Fork<'a> {
    connection: &'a Connection,
    units: Units,
    at: Seq,
    state: &'a State,
}

impl Fork<'_> {
    /// Runs a statement that deletes what is past the fork.
    fn delete(&self, sql: &str) -> Result<(), Fault> {
        self.connection.execute(sql, [int(self.at.0)])?;
        Ok(())
    }

    /// Empties a derived stream: what its sums were at the fork is not in them. It is made again from the logs.
    fn drop_rows(&self, stream: Stream) -> Result<(), Fault> {
        let tables: &[&str] = match stream {
            Stream::Klines => &["klines"],
            Stream::HistoricalPositions => &["historical_positions"],
            Stream::MarketSnapshots => &["market_snapshots"],
            Stream::Leaderboards => &["leaderboards"],
            Stream::Analytics => &["analytics", "active_users"],
            Stream::Reference | Stream::Symbols | Stream::Users | Stream::Trades | Stream::Audit => &[],
        };
        for table in tables {
            self.connection.execute(&format!("DELETE FROM {table}"), [])?;
        }
        self.connection.execute("DELETE FROM checkpoints WHERE stream = ?1", [stream.word()])?;
        Ok(())
    }

    /// Keys of the rows that commands past the fork changed.
    fn changed(&self, sql: &str) -> Result<Vec<(u64, u64)>, Fault> {
        let mut statement = self.connection.prepare(&format!("{sql} ORDER BY 1, 2"))?;
        let keys = statement.query_map([int(self.at.0)], |row| {
            Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, i64>(1)?.cast_unsigned()))
        })?;
        Ok(keys.collect::<Result<_, _>>()?)
    }

    fn reference(&self, role: Role) -> Result<(), Fault> {
        let symbols = self.changed("SELECT symbol_id, 0 FROM symbols WHERE last_seq > ?1")?;
        self.delete("DELETE FROM symbols WHERE last_seq > ?1")?;
        self.delete("DELETE FROM assets WHERE last_seq > ?1")?;
        for symbol in self.state.symbols.iter().filter(|symbol| has(&symbols, symbol.instrument.id().0.into(), 0)) {
            let (instrument, status) = (symbol.instrument, symbol.status);
            let (limits, fees, last_seq) = (symbol.limits, symbol.fees, self.at);
            write::reference::put_symbol(self.connection, &SymbolRow { instrument, status, limits, fees, last_seq })?;
        }
        match role {
            Role::Hot => self.accounts(),
            Role::Archive => Ok(()),
        }
    }

    fn accounts(&self) -> Result<(), Fault> {
        let (killed, last_seq) = (self.state.killed, self.at);
        if !self.changed("SELECT venue_id, 0 FROM venue WHERE last_seq > ?1")?.is_empty() {
            write::reference::put_venue(self.connection, &VenueRow { killed, last_seq })?;
        }
        let keys = self.changed("SELECT key_id, 0 FROM api_keys WHERE last_seq > ?1")?;
        self.delete("DELETE FROM api_keys WHERE last_seq > ?1")?;
        for key in self.state.keys.iter().filter(|key| has(&keys, key.key.0.into(), 0)) {
            let (user, roles, api_key, revoked) = (key.user, key.roles, key.api_key, key.revoked);
            let row =
                KeyRow { key: key.key, user, roles, api_key, credential: key.credential.clone(), revoked, last_seq };
            write::reference::put_key(self.connection, &row)?;
        }
        for (id, created_time) in self.users_changed()? {
            let Some(user) = usize::try_from(id).ok().and_then(|index| self.state.users.get(index)) else {
                self.connection.execute("DELETE FROM users WHERE user_id = ?1", [id])?;
                continue;
            };
            let (fees, killed) = (user.fees, user.killed);
            let row = UserRow { user: domain::ids::UserId(id), fees, killed, created_time, last_seq };
            write::reference::put_user(self.connection, &row)?;
        }
        Ok(())
    }

    /// When a user was created is not in the state, but it does not change either.
    fn users_changed(&self) -> Result<Vec<(u32, Option<domain::units::UnixNanos>)>, Fault> {
        let mut statement = self.connection.prepare("SELECT user_id, created_time FROM users WHERE last_seq > ?1")?;
        let users = statement.query_map([int(self.at.0)], |row| {
            let time: Option<i64> = row.get(1)?;
            Ok((row.get(0)?, time.map(|time| domain::units::UnixNanos(time.cast_unsigned()))))
        })?;
        Ok(users.collect::<Result<_, _>>()?)
    }

    fn symbols(&mut self) -> Result<(), Fault> {
        self.delete("DELETE FROM order_fills WHERE seq > ?1")?;
        self.delete("DELETE FROM order_states WHERE order_id IN (SELECT order_id FROM orders WHERE placed_seq > ?1)")?;
        self.delete("DELETE FROM orders WHERE placed_seq > ?1")?;
        let changed = self.changed("SELECT order_id, 0 FROM order_states WHERE last_seq > ?1")?;
        let state = self.state;
        let mut rewritten = 0;
        for order in state.orders.iter().filter(|order| has(&changed, order.order.0, 0)) {
            self.order(order)?;
            rewritten += 1;
        }
        if rewritten != changed.len() {
            let what = format!("{} orders changed past the fork, of which {rewritten} were open at it", changed.len());
            return Err(Fault::Content(what));
        }
        self.open_orders()?;
        let positions = self.changed("SELECT user_id, symbol_id FROM positions WHERE last_seq > ?1")?;
        self.delete("DELETE FROM positions WHERE last_seq > ?1")?;
        let last_seq = self.at;
        let rows: Vec<_> = (state.positions.iter())
            .filter(|position| has(&positions, position.user.0.into(), position.symbol.0.into()))
            .map(|position| {
                let (user, symbol, quantity) = (position.user, position.symbol, position.quantity);
                PositionRow { user, symbol, quantity, cost: position.cost, realised: position.realised, last_seq }
            })
            .collect();
        write::symbols::put_positions(self.connection, &mut self.units, &rows)
    }

    /// An order that is open at the fork.
    fn order(&mut self, order: &OrderState) -> Result<(), Fault> {
        let scale = self.units.symbol(self.connection, order.symbol)?.quote;
        assert!(matches!(order.kind, OrderKind::Limit { .. }), "only limit orders rest");
        let status = if order.executed.is_zero() { "new" } else { "partially_filled" };
        self.connection
            .prepare_cached(
                "UPDATE order_states SET quantity = ?2, executed = ?3, executed_quote = ?4, status = ?5,
                    close_reason = NULL, last_seq = ?6, updated_time = ?7 WHERE order_id = ?1",
            )?
            .execute(params![
                int(order.order.0),
                int(order.quantity.0),
                int(order.executed.0),
                Decimal(order.executed_quote, scale),
                status,
                int(self.at.0),
                int(self.state.time.0),
            ])?;
        self.connection
            .prepare_cached("UPDATE orders SET client_order_id = ?2, client_hash = ?3 WHERE order_id = ?1")?
            .execute(params![
                int(order.order.0),
                order.client_order_id.as_str(),
                client_hash(order.user, &order.client_order_id)
            ])?;
        Ok(())
    }

    fn open_orders(&self) -> Result<(), Fault> {
        self.connection.execute("DELETE FROM open_orders", [])?;
        let sql = "INSERT INTO open_orders (order_id, user_id, symbol_id) VALUES (?1, ?2, ?3)";
        let mut insert = self.connection.prepare_cached(sql)?;
        for order in &self.state.orders {
            insert.execute(params![int(order.order.0), order.user.0, order.symbol.0])?;
        }
        Ok(())
    }

    fn users(&mut self) -> Result<(), Fault> {
        let last_seq = self.at;
        self.delete("DELETE FROM ledger WHERE seq > ?1")?;
        let balances = self.changed("SELECT user_id, asset_id FROM balances WHERE last_seq > ?1")?;
        let credit_limits = self.changed("SELECT user_id, asset_id FROM credit_limits WHERE last_seq > ?1")?;
        let withdrawals = self.changed("SELECT withdrawal_id, 0 FROM withdrawals WHERE last_seq > ?1")?;
        self.delete("DELETE FROM balances WHERE last_seq > ?1")?;
        self.delete("DELETE FROM credit_limits WHERE last_seq > ?1")?;
        self.delete("DELETE FROM withdrawals WHERE last_seq > ?1")?;
        for balance in &self.state.balances {
            let (user, asset) = (balance.user, balance.asset);
            if has(&balances, user.0.into(), asset.0.into()) {
                let row = BalanceRow { user, asset, free: balance.free, locked: balance.locked, last_seq };
                write::users::put_balances(self.connection, &mut self.units, &[row])?;
            }
            if has(&credit_limits, user.0.into(), asset.0.into()) && balance.credit_limit > Amount::ZERO {
                let row = CreditLimitRow { user, asset, limit: balance.credit_limit, last_seq };
                write::users::put_credit_limits(self.connection, &mut self.units, &[row])?;
            }
        }
        for pending in self.state.withdrawals.iter().filter(|one| has(&withdrawals, one.withdrawal.0, 0)) {
            let row = WithdrawalRow {
                withdrawal: pending.withdrawal,
                user: pending.user,
                asset: pending.asset,
                amount: pending.amount,
                status: WithdrawalStatus::Pending,
                last_seq,
                updated_time: self.state.time,
            };
            write::users::put_withdrawals(self.connection, &mut self.units, &[row])?;
        }
        Ok(())
    }
}

/// Whether a key is among sorted ones.
fn has(keys: &[(u64, u64)], first: u64, second: u64) -> bool {
    keys.binary_search(&(first, second)).is_ok()
}
