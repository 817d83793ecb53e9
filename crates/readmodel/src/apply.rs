//! Taking up committed commands: first the users, each one's part at once; then the books.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use domain::command::{Command, Sequenced};
use domain::event::{Event, ReferenceEvent};
use prefetch::prefetch;

use crate::limits::USER_SHARDS;
use crate::market::Market;
use crate::model::{ReadModel, Stored, Stream};
use crate::part::Reduced;
use crate::run::Run;
use crate::shard::Room;
use crate::sorted::Sorted;
use crate::sync::{lock, read, write};

/// What the thread that applies keeps from one block to the next.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    sorted: Sorted,
    /// Amendments of the block, by sequence.
    reduced: Vec<Reduced>,
    /// The shard that is tidied after the next block, whether or not it has a part in it.
    tidied: usize,
}

impl ReadModel {
    /// Takes up a committed command. Commands come in order, from one thread.
    pub fn apply(&self, command: &Sequenced<Command>, events: &[Event]) {
        let end = u32::try_from(events.len()).expect("events are counted by u32");
        self.apply_block(std::slice::from_ref(command), events, &[end]);
    }

    /// Takes up committed commands, in order; the events of each end at its place in `ends`. What of this a reader sees before
    /// the call returns is not said, but of each user and of each symbol it sees whole commands, in their order.
    pub fn apply_block(&self, commands: &[Sequenced<Command>], events: &[Event], ends: &[u32]) {
        let Some(last) = commands.last() else { return };
        let mut writer = lock(&self.writer);
        let Writer { sorted, reduced, tidied } = &mut *writer;
        sorted.sort(commands, events, ends, self.seq());
        self.apply_to_directory(sorted, events);
        reduced.clear();
        self.apply_to_users(sorted, events, reduced);
        reduced.sort_unstable_by_key(|reduced| reduced.seq);
        self.apply_to_markets(sorted, events, reduced);
        self.time.store(last.time.0, Ordering::Relaxed);
        self.seq.store(last.seq.0, Ordering::Release);
        *tidied = (*tidied + 1) % USER_SHARDS;
        lock(&self.shards[*tidied]).drop_stored(&self.room());
    }

    /// Drops everything that the stores have. Otherwise it goes little by little, while commands are applied: for a time when
    /// there are none. By the thread that applies.
    pub fn drop_stored(&self) {
        for shard in &self.shards {
            while lock(shard).drop_stored(&self.room()) {}
        }
    }

    pub(crate) fn room(&self) -> Room<'_> {
        let stored = |stream| self.stored(stream);
        let stored =
            Stored { orders: stored(Stream::Orders), ledger: stored(Stream::Ledger), trades: stored(Stream::Trades) };
        Room { allow: &self.allow, stored }
    }

    fn apply_to_directory(&self, sorted: &Sorted, events: &[Event]) {
        for item in &sorted.directory {
            if let Event::ShardMap(event) = item.event(events) {
                self.directory.apply_to_map(sorted.at(*item).id.seq, event);
            }
            let Event::Reference(event) = item.event(events) else { continue };
            if let ReferenceEvent::SymbolCreated(_) = event {
                // Before the code can be found, so that whoever finds it finds the market.
                write(&self.markets).push(Arc::new(Mutex::new(Market::listed(sorted.at(*item).id.seq))));
            }
            self.directory.apply(event);
        }
    }

    fn apply_to_users(&self, sorted: &Sorted, events: &[Event], reduced: &mut Vec<Reduced>) {
        let room = self.room();
        for (index, (items, ledger)) in sorted.users.iter().zip(&sorted.ledger).enumerate() {
            if let Some(next) = self.shards.get(index + 1) {
                prefetch(next);
            }
            if items.is_empty() && ledger.is_empty() {
                continue;
            }
            let mut shard = lock(&self.shards[index]);
            let before = shard.ends();
            shard.apply(items, sorted, events, reduced);
            for row in ledger {
                shard.push_ledger(row);
            }
            shard.make_room(before, &room);
        }
    }

    fn apply_to_markets(&self, sorted: &Sorted, events: &[Event], reduced: &[Reduced]) {
        let (markets, stored) = (read(&self.markets), self.stored(Stream::Trades));
        for symbol in &sorted.symbols {
            let index = crate::sorted::index(symbol.0);
            let market = markets.get(index).expect("an event names a symbol that exists");
            let mut run = Run { market: lock(market), stored, allow: &self.allow.trades, reduced };
            run.apply(&sorted.markets[index], sorted, events);
        }
    }
}
