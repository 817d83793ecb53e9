//! The events of a block, sorted by whom they concern: so that each user's and each symbol's part is done under one lock, and
//! what one of them needs is fetched while another is at work.

use domain::command::{Command, Sequenced};
use domain::event::Event;
use domain::ids::{EventId, SymbolId, UserId};
use domain::units::{Seq, UnixNanos};
use projector::rows::LedgerRow;

use crate::limits::USER_SHARDS;
use crate::money::{At, add_rows_of};
use crate::shard::shard_of;

/// An event of the block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item {
    event: u32,
    pub(crate) command: u32,
}

#[derive(Debug, Clone, Copy)]
struct Moment {
    seq: Seq,
    time: UnixNanos,
    first_event: u32,
}

/// The memory is used again for each block.
#[derive(Debug)]
pub(crate) struct Sorted {
    moments: Vec<Moment>,
    /// Events that change the directory.
    pub(crate) directory: Vec<Item>,
    /// By shard: what changes its users and their orders.
    pub(crate) users: Box<[Vec<Item>]>,
    /// By shard: rows for its users.
    pub(crate) ledger: Box<[Vec<LedgerRow>]>,
    /// By symbol: what changes its book or its trades.
    pub(crate) markets: Vec<Vec<Item>>,
    /// Symbols with events, in the order of their first.
    pub(crate) symbols: Vec<SymbolId>,
    rows: Vec<LedgerRow>,
}

impl Default for Sorted {
    fn default() -> Self {
        Self {
            moments: Vec::new(),
            directory: Vec::new(),
            users: (0..USER_SHARDS).map(|_| Vec::new()).collect(),
            ledger: (0..USER_SHARDS).map(|_| Vec::new()).collect(),
            markets: Vec::new(),
            symbols: Vec::new(),
            rows: Vec::new(),
        }
    }
}

/// A place in a list that `u32` counts.
pub(crate) fn index(place: u32) -> usize {
    usize::try_from(place).expect("a pointer has at least 32 bits")
}

fn place(index: usize) -> u32 {
    u32::try_from(index).expect("a block has fewer events")
}

impl Item {
    pub(crate) fn event(self, events: &[Event]) -> &Event {
        &events[index(self.event)]
    }
}

impl Sorted {
    /// Sorts the events of commands that come after `seq`; those of each end at its place in `ends`.
    pub(crate) fn sort(&mut self, commands: &[Sequenced<Command>], events: &[Event], ends: &[u32], seq: Seq) {
        assert_eq!(commands.len(), ends.len(), "each command has its events");
        self.clear();
        let (mut expected, mut first_event) = (seq, 0);
        for (command, &end) in commands.iter().zip(ends) {
            expected = expected.next();
            assert_eq!(command.seq, expected, "commands are applied in order");
            let item = Item { event: 0, command: place(self.moments.len()) };
            self.moments.push(Moment { seq: command.seq, time: command.time, first_event });
            for event in first_event..end {
                self.add(Item { event, ..item }, events, index(end));
            }
            first_event = end;
        }
        assert_eq!(index(first_event), events.len(), "each event has its command");
    }

    pub(crate) fn at(&self, item: Item) -> At {
        let Moment { seq, time, first_event } = self.moments[index(item.command)];
        At { id: EventId { seq, index: item.event - first_event }, time }
    }

    fn clear(&mut self) {
        self.moments.clear();
        self.directory.clear();
        self.users.iter_mut().for_each(Vec::clear);
        self.ledger.iter_mut().for_each(Vec::clear);
        for symbol in self.symbols.drain(..) {
            self.markets[index(symbol.0)].clear();
        }
    }

    fn add(&mut self, item: Item, events: &[Event], end: usize) {
        match item.event(events) {
            Event::OrderPlaced(placed) => self.order(item, placed.user, placed.symbol),
            Event::OrderAmended(amended) => self.order(item, amended.user, amended.symbol),
            Event::OrderClosed(closed) => self.order(item, closed.user, closed.symbol),
            Event::OrderFilled(filled) => {
                self.order(item, filled.user, filled.symbol);
                self.money(item, events, end);
            }
            Event::Trade(trade) => {
                self.market(item, trade.symbol);
                self.money(item, events, end);
            }
            Event::BalanceChanged(changed) => self.user(item, changed.user),
            Event::PositionChanged(changed) => self.user(item, changed.user),
            Event::CreditLimitChanged(changed) => self.user(item, changed.user),
            Event::Deposited(_) | Event::WithdrawalSettled(_) => self.money(item, events, end),
            Event::Reference(_) | Event::ShardMap(_) => self.directory.push(item),
            Event::Refused(_)
            | Event::OrderRepeated(_)
            | Event::RequestRepeated(_)
            | Event::Noted(_)
            | Event::WithdrawalRequested(_)
            | Event::WithdrawalCanceled(_) => {}
        }
    }

    fn order(&mut self, item: Item, user: UserId, symbol: SymbolId) {
        self.user(item, user);
        self.market(item, symbol);
    }

    fn user(&mut self, item: Item, user: UserId) {
        self.users[shard_of(user)].push(item);
    }

    fn market(&mut self, item: Item, symbol: SymbolId) {
        let place = index(symbol.0);
        if place >= self.markets.len() {
            self.markets.resize_with(place + 1, Vec::new);
        }
        let market = &mut self.markets[place];
        if market.is_empty() {
            self.symbols.push(symbol);
        }
        market.push(item);
    }

    fn money(&mut self, item: Item, events: &[Event], end: usize) {
        let At { id, time } = self.at(item);
        add_rows_of(&events[index(item.event)..end], id, time, &mut self.rows);
        for row in self.rows.drain(..) {
            if let Some(user) = row.user {
                self.ledger[shard_of(user)].push(row);
            }
        }
    }
}
