//! History out of a table.
//!
//! There are no snapshots: the checkpoint is read first, and of the documents only those that are not later. They are complete, because
//! the checkpoint was written after them, and stay as they are. Read again afterwards, the checkpoint tells whether somebody took them
//! away meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use documents::collection::Collection;
use documents::document::Document;
use documents::rows::row;
use documents::units::Units;
use domain::ids::{Checkpoint, SymbolId};
use domain::units::{Seq, UnixNanos};
use projector::batch::Stream;
use projector::candle::Candle;
use projector::history::{MinutesQuery, Page, ReadError, Selection, TimeRange, TradeHistory, TradesQuery};
use projector::lineage::Lineage;
use projector::minutes::Minutes;
use projector::rows::TradeRow;
use projector::store::StoredRow;

use crate::config::DynamoConfig;
use crate::fault::Fault;
use crate::item::Key;
use crate::pack::{Pack, PackPlace};
use crate::session::Session;
use crate::store::{Link, read_units};
use crate::stream::packs;
use crate::{checkpoint, migrate};

/// How long a request of a reader may take, and how long it is asked again where the service puts it off.
const READ_MAX: Duration = Duration::from_secs(5);
/// Packed items that are read at once.
const ITEMS_AT_ONCE: u64 = 16;

/// Readers of the trades of a table, for many threads.
#[derive(Debug)]
pub struct DynamoTrades {
    link: Link,
    units: Mutex<Units>,
    /// The items are of a version known here.
    checked: AtomicBool,
    /// Absent: whatever the table holds is read.
    lineage: Option<Arc<Lineage>>,
}

impl DynamoTrades {
    /// Readers of a table, which need not be there yet. With a lineage, only what is of it is answered.
    pub fn open(config: &DynamoConfig, lineage: Option<Arc<Lineage>>) -> Result<Self, Fault> {
        let mut config = config.clone();
        config.request_timeout = config.request_timeout.min(READ_MAX);
        config.patience = config.patience.min(READ_MAX);
        let link = Link::open(&config, "reads")?;
        Ok(Self { link, units: Mutex::default(), checked: AtomicBool::new(false), lineage })
    }

    /// Reads rows that are not later than the checkpoint, and the checkpoint.
    fn read<T>(&self, rows: impl AsyncFnOnce(&Reader<'_>) -> Result<Vec<T>, Fault>) -> Result<Page<T>, ReadError> {
        let stream = Stream::Trades;
        let (before, rows, after) = self.link.run(async |session| {
            if !self.checked.load(Ordering::Relaxed) {
                migrate::check_not_newer(session).await?;
                self.checked.store(true, Ordering::Relaxed);
            }
            let before = match checkpoint::read(session, stream).await {
                Err(fault) if fault.is_no_table() => None,
                before => before?,
            };
            let Some(through) = before.map(|checkpoint| checkpoint.seq) else {
                return Ok((None, Vec::new(), None));
            };
            let rows = rows(&Reader { session, units: &self.units, through }).await?;
            Ok((before, rows, checkpoint::read(session, stream).await?))
        })?;
        for found in [before, after] {
            if let Some(lineage) = &self.lineage {
                lineage.check(stream, found.as_ref())?;
            }
        }
        let through = |checkpoint: Option<Checkpoint>| checkpoint.map_or(Seq::ZERO, |found| found.seq);
        if through(after) < through(before) {
            return Err(ReadError::Failed("it was taken back to an earlier point meanwhile".into()));
        }
        Ok(Page { through: through(before), rows })
    }
}

/// Reads what a checkpoint covers.
#[derive(Debug)]
struct Reader<'a> {
    session: &'a Session,
    units: &'a Mutex<Units>,
    through: Seq,
}

impl Reader<'_> {
    /// Visits trades of a symbol, from a number or from the end on, until there are no more or the visitor has enough.
    async fn trades(
        &self,
        symbol: SymbolId,
        time: TimeRange,
        from: u64,
        newest_first: bool,
        visit: &mut dyn FnMut(TradeRow) -> bool,
    ) -> Result<(), Fault> {
        if newest_first { self.backward(symbol, time, from, visit).await } else { self.forward(symbol, time, from, visit).await }
    }

    async fn forward(
        &self,
        symbol: SymbolId,
        time: TimeRange,
        from: u64,
        visit: &mut dyn FnMut(TradeRow) -> bool,
    ) -> Result<(), Fault> {
        let mut place = PackPlace::of(Collection::CompletedTrades, symbol.0, from);
        if let Some(from) = time.from {
            place.item = place.item.max(self.item_at(symbol, from).await?);
        }
        loop {
            let places: Vec<_> = (0..ITEMS_AT_ONCE).map(|item| PackPlace { item: place.item + item, ..place }).collect();
            let found = packs(self.session, &places).await?;
            for pack in &found {
                for trade in self.rows(pack).await? {
                    if trade.id.seq > self.through || time.to.is_some_and(|to| trade.time > to) {
                        return Ok(());
                    }
                    let inside = trade.trade.0 >= from && time.contains(trade.time);
                    if inside && !visit(trade) {
                        return Ok(());
                    }
                }
            }
            if found.len() < places.len() {
                return Ok(());
            }
            place.item += ITEMS_AT_ONCE;
        }
    }

    async fn backward(
        &self,
        symbol: SymbolId,
        time: TimeRange,
        from: u64,
        visit: &mut dyn FnMut(TradeRow) -> bool,
    ) -> Result<(), Fault> {
        let first = PackPlace::of(Collection::CompletedTrades, symbol.0, from);
        let Some(last) = self.last_item(symbol).await? else { return Ok(()) };
        let last = match time.to {
            Some(to) => self.item_at(symbol, to.plus(1)).await?.min(last),
            None => last,
        };
        let mut end = last + 1;
        while end > first.item {
            let begin = end.saturating_sub(ITEMS_AT_ONCE).max(first.item);
            let places: Vec<_> = (begin..end).map(|item| PackPlace { item, ..first }).collect();
            for pack in packs(self.session, &places).await?.iter().rev() {
                for trade in self.rows(pack).await?.into_iter().rev() {
                    let covered = trade.id.seq <= self.through && trade.trade.0 >= from;
                    if covered && time.contains(trade.time) && !visit(trade) {
                        return Ok(());
                    }
                }
            }
            end = begin;
        }
        Ok(())
    }

    /// The item of the last trade of a symbol; absent: it has none.
    async fn last_item(&self, symbol: SymbolId) -> Result<Option<u64>, Fault> {
        let mut last = None;
        for shard in PackPlace::shards(Collection::CompletedTrades, symbol.0) {
            let (items, _) = self.session.query(&shard, None, false, Some(1)).await?;
            for item in &items {
                let key = Key::of_item(item)?;
                let number: u64 = key.sk.parse().map_err(|error| Fault::Answer(format!("{key}: {error}")))?;
                last = last.max(Some(number));
            }
        }
        Ok(last)
    }

    /// An item that has no trade before this time or is the last that has one: the time does not go back with the trade.
    async fn item_at(&self, symbol: SymbolId, time: UnixNanos) -> Result<u64, Fault> {
        let (mut low, mut high) = (0, self.last_item(symbol).await?.unwrap_or(0));
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            let place = PackPlace { collection: Collection::CompletedTrades, partition: symbol.0, item: middle };
            let found = packs(self.session, &[place]).await?;
            let rows = match found.first() {
                Some(pack) => self.rows(&pack.first(1)).await?,
                None => Vec::new(),
            };
            // Where its first trade is before the time, the time is in it or after it.
            if rows.first().is_some_and(|row| row.time < time) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        Ok(low)
    }

    async fn rows(&self, pack: &Pack) -> Result<Vec<TradeRow>, Fault> {
        let documents = pack.documents()?;
        let known = trades_of(&documents, &self.units.lock().unwrap_or_else(PoisonError::into_inner));
        match known {
            Err(Fault::Unknown(_)) => {
                // Listed since they were last read.
                let mut units = Units::default();
                read_units(self.session, &mut units).await?;
                let found = trades_of(&documents, &units);
                *self.units.lock().unwrap_or_else(PoisonError::into_inner) = units;
                found
            }
            known => known,
        }
    }
}

fn trades_of(documents: &[Document], units: &Units) -> Result<Vec<TradeRow>, Fault> {
    let trade = |document| {
        let found = row(Collection::CompletedTrades, document, units)?;
        let StoredRow::Trade(trade) = found else {
            return Err(Fault::Misuse(format!("{found:?} is not a trade")));
        };
        Ok(trade)
    };
    documents.iter().map(trade).collect()
}

/// Whether the newest of the matching rows are asked for.
const fn newest_first<Id>(selection: &Selection<Id>) -> bool {
    selection.first.is_none() && selection.time.from.is_none()
}

impl TradeHistory for DynamoTrades {
    fn trades(&self, query: &TradesQuery) -> Result<Page<TradeRow>, ReadError> {
        let selection = query.selection;
        let newest_first = newest_first(&selection);
        let from = selection.first.map_or(0, |first| first.0);
        let mut page = self.read(async |reader| {
            let mut rows = Vec::new();
            let mut keep = |trade| {
                rows.push(trade);
                rows.len() < selection.limit
            };
            reader.trades(query.symbol, selection.time, from, newest_first, &mut keep).await?;
            Ok(rows)
        })?;
        if newest_first {
            page.rows.reverse();
        }
        Ok(page)
    }

    fn minutes(&self, query: &MinutesQuery) -> Result<Page<Candle>, ReadError> {
        let mut minutes = Minutes::new(query);
        let Some(time) = minutes.times() else {
            return self.read(async |_| Ok(Vec::new()));
        };
        let newest_first = minutes.newest_first();
        self.read(async |reader| {
            reader.trades(query.symbol, time, 0, newest_first, &mut |trade| minutes.add(&trade)).await?;
            Ok(minutes.candles())
        })
    }
}
