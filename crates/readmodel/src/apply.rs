//! Taking up one committed command: first the users, each one's part at once; then the books.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard};

use domain::command::{Command, Sequenced};
use domain::event::{Event, OrderFilled, OrderPlaced, PositionChanged};
use domain::ids::{EventId, SymbolId, UserId};
use domain::order::{Liquidity, OrderKind, Side};
use domain::units::{Lots, Seq, Ticks};

use crate::account::Position;
use crate::limits::USER_SHARDS;
use crate::market::{Market, trade_row};
use crate::model::{ReadModel, Stream};
use crate::money::{At, rows_of};
use crate::shard::{Allowances, Shard, placed_row, shard_of};
use crate::sync::{lock, read, write};
use crate::tail::Allowance;

const _: () = assert!(USER_SHARDS <= 64, "a set of shards is 64 bits");

impl ReadModel {
    /// Takes up a committed command. Commands come in order, from one thread.
    pub fn apply(&self, command: &Sequenced<Command>, events: &[Event]) {
        assert_eq!(command.seq, self.seq().next(), "commands are applied in order");
        let touched = Touched::by(events);
        if touched.directory {
            self.apply_to_directory(events);
        }
        let ledger = if touched.money { rows_of(events, command.seq, command.time) } else { Vec::new() };
        let mut reduced = Lots::ZERO;
        for shard in touched.shards() {
            let shard = lock(&self.shards[shard]);
            let mut part = Part { shard, allow: &self.allow, reduced };
            for (index, event) in (0..).zip(events) {
                part.apply(event, At { id: EventId { seq: command.seq, index }, time: command.time });
            }
            for row in &ledger {
                part.shard.keep_ledger(row, &self.allow.ledger_rows);
            }
            reduced = part.reduced;
        }
        if touched.markets {
            self.apply_to_markets(command, events, reduced);
        }
        self.time.store(command.time.0, Ordering::Relaxed);
        self.seq.store(command.seq.0, Ordering::Release);
    }

    fn apply_to_directory(&self, events: &[Event]) {
        for event in events {
            if let Event::SymbolCreated(_) = event {
                // Before the code can be found, so that whoever finds it finds the market.
                write(&self.markets).push(Arc::new(Mutex::new(Market::listed())));
            }
            self.directory.apply(event);
        }
    }

    /// Runs of events of one symbol, each under one lock: a reader sees all of a run or nothing.
    fn apply_to_markets(&self, command: &Sequenced<Command>, events: &[Event], reduced: Lots) {
        let mut rest =
            (0..).zip(events).filter_map(|(index, event)| Some((market_of(event)?, index, event))).peekable();
        let (markets, stored) = (read(&self.markets), self.stored(Stream::Trades));
        while let Some((symbol, ..)) = rest.peek().copied() {
            let market = usize::try_from(symbol.0).ok().and_then(|index| markets.get(index));
            let market = market.expect("an event names a symbol that exists");
            let mut run = Run { market: lock(market), reduced, arriving: None };
            while let Some((_, index, event)) = rest.next_if(|(other, ..)| *other == symbol) {
                let at = At { id: EventId { seq: command.seq, index }, time: command.time };
                run.apply(event, at, stored, &self.allow.trades);
            }
            run.finish();
        }
    }
}

/// What a command concerns, so that nothing else is locked.
#[derive(Debug, Default)]
struct Touched {
    /// One bit each.
    shards: u64,
    directory: bool,
    markets: bool,
    money: bool,
}

impl Touched {
    fn by(events: &[Event]) -> Self {
        let mut touched = Self::default();
        for event in events {
            touched.add(event);
        }
        touched
    }

    fn add(&mut self, event: &Event) {
        match event {
            Event::OrderPlaced(placed) => self.order(placed.user),
            Event::OrderAmended(amended) => self.order(amended.user),
            Event::OrderClosed(closed) => self.order(closed.user),
            Event::OrderFilled(filled) => {
                self.order(filled.user);
                if !filled.fee.is_zero() {
                    self.user(UserId::VENUE);
                }
            }
            Event::Trade(trade) => {
                (self.money, self.markets) = (true, true);
                self.user(trade.maker_user);
                self.user(trade.taker_user);
            }
            Event::BalanceChanged(changed) => self.user(changed.user),
            Event::PositionChanged(changed) => self.user(changed.user),
            Event::CreditLimitChanged(changed) => self.user(changed.user),
            Event::Deposited(deposited) => {
                self.money = true;
                self.user(deposited.user);
            }
            Event::WithdrawalSettled(settled) => {
                self.money = true;
                self.user(settled.user);
            }
            Event::AssetCreated(_)
            | Event::SymbolCreated(_)
            | Event::SymbolStatusChanged(_)
            | Event::SymbolLimitsChanged(_)
            | Event::SymbolFeesChanged(_)
            | Event::UserFeesChanged(_)
            | Event::UserCreated(_)
            | Event::ApiKeyCreated(_)
            | Event::ApiKeyRevoked(_)
            | Event::VenueKillSwitchChanged(_)
            | Event::UserKillSwitchChanged(_)
            | Event::ShardAdded(_)
            | Event::ShardChanged(_)
            | Event::SymbolPlaced(_)
            | Event::UserPlaced(_)
            | Event::MoveBegun(_)
            | Event::MoveCommitted(_)
            | Event::MoveAborted(_) => self.directory = true,
            Event::Refused(_)
            | Event::OrderRepeated(_)
            | Event::RequestRepeated(_)
            | Event::WithdrawalRequested(_)
            | Event::WithdrawalCanceled(_) => {}
        }
    }

    fn order(&mut self, user: UserId) {
        self.markets = true;
        self.user(user);
    }

    fn user(&mut self, user: UserId) {
        self.shards |= 1 << shard_of(user);
    }

    fn shards(&self) -> impl Iterator<Item = usize> + use<> {
        let mut left = self.shards;
        std::iter::from_fn(move || {
            let shard = usize::try_from(left.trailing_zeros()).ok().filter(|shard| *shard < USER_SHARDS)?;
            left &= left - 1;
            Some(shard)
        })
    }
}

/// One shard's part of a command.
struct Part<'a> {
    shard: MutexGuard<'a, Shard>,
    allow: &'a Allowances,
    /// By how much the command reduced an order in the book.
    reduced: Lots,
}

impl Part<'_> {
    fn has(&self, user: UserId) -> bool {
        self.shard.has(user)
    }

    fn apply(&mut self, event: &Event, at: At) {
        let (seq, time) = (at.id.seq, at.time);
        match event {
            Event::OrderPlaced(placed) if self.has(placed.user) => self.shard.open(placed_row(placed, seq, time)),
            Event::OrderAmended(amended) if self.has(amended.user) => {
                self.reduced = self.shard.amend(amended, seq, time);
            }
            Event::OrderClosed(closed) if self.has(closed.user) => {
                self.shard.close(closed, seq, time, &self.allow.closed_orders);
            }
            Event::OrderFilled(filled) => {
                if self.has(filled.user) {
                    self.shard.fill(filled, seq, time, &self.allow.closed_orders);
                }
                self.shard.keep_fill(filled, at, &self.allow.fills);
            }
            Event::BalanceChanged(changed) if self.has(changed.user) => {
                self.shard.account_mut(changed.user).set_balance(changed.asset, changed.free, changed.locked);
            }
            Event::PositionChanged(changed) if self.has(changed.user) => {
                let &PositionChanged { user, symbol, quantity, cost, realised } = changed;
                self.shard.account_mut(user).set_position(Position { symbol, quantity, cost, realised });
            }
            Event::CreditLimitChanged(changed) if self.has(changed.user) => {
                self.shard.account_mut(changed.user).set_credit_limit(changed.asset, changed.limit);
            }
            Event::OrderPlaced(_)
            | Event::OrderAmended(_)
            | Event::OrderClosed(_)
            | Event::BalanceChanged(_)
            | Event::PositionChanged(_)
            | Event::CreditLimitChanged(_)
            | Event::Trade(_)
            | Event::Deposited(_)
            | Event::WithdrawalSettled(_)
            | Event::Refused(_)
            | Event::OrderRepeated(_)
            | Event::RequestRepeated(_)
            | Event::AssetCreated(_)
            | Event::SymbolCreated(_)
            | Event::SymbolStatusChanged(_)
            | Event::SymbolLimitsChanged(_)
            | Event::SymbolFeesChanged(_)
            | Event::UserFeesChanged(_)
            | Event::UserCreated(_)
            | Event::ApiKeyCreated(_)
            | Event::ApiKeyRevoked(_)
            | Event::WithdrawalRequested(_)
            | Event::WithdrawalCanceled(_)
            | Event::VenueKillSwitchChanged(_)
            | Event::UserKillSwitchChanged(_)
            | Event::ShardAdded(_)
            | Event::ShardChanged(_)
            | Event::SymbolPlaced(_)
            | Event::UserPlaced(_)
            | Event::MoveBegun(_)
            | Event::MoveCommitted(_)
            | Event::MoveAborted(_) => {}
        }
    }
}

/// One symbol's part of a command.
struct Run<'a> {
    market: MutexGuard<'a, Market>,
    reduced: Lots,
    arriving: Option<Arriving>,
}

/// The order a command placed, while it is not known whether it will rest.
#[derive(Debug, Clone, Copy)]
struct Arriving {
    side: Side,
    price: Ticks,
    left: Lots,
}

impl Run<'_> {
    fn apply(&mut self, event: &Event, at: At, stored: Seq, allow: &Allowance) {
        match event {
            Event::OrderPlaced(placed) => self.arriving = arriving(placed),
            Event::Trade(trade) => self.market.trade(trade_row(trade, at.id, at.time), stored, allow),
            Event::OrderFilled(filled) => self.fill(filled),
            Event::OrderAmended(amended) => self.market.book.remove(amended.side, amended.price, self.reduced),
            Event::OrderClosed(closed) => match closed.rested {
                Some(rested) => self.market.book.remove(closed.side, rested.price, rested.quantity),
                None => self.arriving = None,
            },
            Event::Refused(_)
            | Event::OrderRepeated(_)
            | Event::BalanceChanged(_)
            | Event::PositionChanged(_)
            | Event::RequestRepeated(_)
            | Event::AssetCreated(_)
            | Event::SymbolCreated(_)
            | Event::SymbolStatusChanged(_)
            | Event::SymbolLimitsChanged(_)
            | Event::SymbolFeesChanged(_)
            | Event::UserFeesChanged(_)
            | Event::UserCreated(_)
            | Event::ApiKeyCreated(_)
            | Event::ApiKeyRevoked(_)
            | Event::Deposited(_)
            | Event::WithdrawalRequested(_)
            | Event::WithdrawalSettled(_)
            | Event::WithdrawalCanceled(_)
            | Event::CreditLimitChanged(_)
            | Event::VenueKillSwitchChanged(_)
            | Event::UserKillSwitchChanged(_)
            | Event::ShardAdded(_)
            | Event::ShardChanged(_)
            | Event::SymbolPlaced(_)
            | Event::UserPlaced(_)
            | Event::MoveBegun(_)
            | Event::MoveCommitted(_)
            | Event::MoveAborted(_) => {}
        }
    }

    fn fill(&mut self, filled: &OrderFilled) {
        match filled.liquidity {
            Liquidity::Maker => self.market.book.remove(filled.side, filled.price, filled.quantity),
            Liquidity::Taker if filled.filled => self.arriving = None,
            Liquidity::Taker => {
                if let Some(order) = &mut self.arriving {
                    order.left = order.left.checked_sub(filled.quantity).expect("a fill is part of its order");
                }
            }
        }
    }

    /// What was placed and neither filled nor closed rests.
    fn finish(mut self) {
        if let Some(order) = self.arriving {
            self.market.book.add(order.side, order.price, order.left);
        }
    }
}

fn arriving(placed: &OrderPlaced) -> Option<Arriving> {
    match placed.kind {
        OrderKind::Limit { price, quantity, time_in_force: _ } => {
            Some(Arriving { side: placed.side, price, left: quantity })
        }
        OrderKind::Market { size: _ } => None,
    }
}

/// The symbol whose book or trades an event changes.
fn market_of(event: &Event) -> Option<SymbolId> {
    match event {
        Event::OrderPlaced(placed) => Some(placed.symbol),
        Event::OrderAmended(amended) => Some(amended.symbol),
        Event::Trade(trade) => Some(trade.symbol),
        Event::OrderFilled(filled) => Some(filled.symbol),
        Event::OrderClosed(closed) => Some(closed.symbol),
        Event::Refused(_)
        | Event::OrderRepeated(_)
        | Event::BalanceChanged(_)
        | Event::PositionChanged(_)
        | Event::RequestRepeated(_)
        | Event::AssetCreated(_)
        | Event::SymbolCreated(_)
        | Event::SymbolStatusChanged(_)
        | Event::SymbolLimitsChanged(_)
        | Event::SymbolFeesChanged(_)
        | Event::UserFeesChanged(_)
        | Event::UserCreated(_)
        | Event::ApiKeyCreated(_)
        | Event::ApiKeyRevoked(_)
        | Event::Deposited(_)
        | Event::WithdrawalRequested(_)
        | Event::WithdrawalSettled(_)
        | Event::WithdrawalCanceled(_)
        | Event::CreditLimitChanged(_)
        | Event::VenueKillSwitchChanged(_)
        | Event::UserKillSwitchChanged(_)
        | Event::ShardAdded(_)
        | Event::ShardChanged(_)
        | Event::SymbolPlaced(_)
        | Event::UserPlaced(_)
        | Event::MoveBegun(_)
        | Event::MoveCommitted(_)
        | Event::MoveAborted(_) => None,
    }
}
