//! History out of tables: how it is read, and the trades. Everything else is in [`crate::archive`].
//!
//! There are no snapshots: the checkpoint is read first, and of documents that are only added only those that are not later. They are
//! complete, because the checkpoint was written after them, and stay as they are. Read again afterwards, the checkpoint tells whether
//! somebody took them away meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use documents::collection::Collection;
use documents::document::Document;
use documents::reading::{ANSWER_MAX, Absence};
use documents::rows::row;
use documents::units::Units;
use domain::ids::{Checkpoint, SymbolId};
use domain::units::{Seq, UnixNanos};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use projector::batch::Stream;
use projector::candle::Candle;
use projector::history::{MinutesQuery, Page, ReadError, TimeRange, TradeHistory, TradesQuery};
use projector::lineage::Lineage;
use projector::minutes::Minutes;
use projector::rows::TradeRow;
use projector::store::StoredRow;

use crate::config::DynamoConfig;
use crate::fault::Fault;
use crate::item::{Key, SPREAD};
use crate::link::Link;
use crate::pack::{Pack, PackPlace};
use crate::session::{Range, Session};
use crate::store::read_units;
use crate::stream::{last_number, packs};
use crate::{checkpoint, migrate};

/// How long a request of a reader may take, and how long it is asked again where the service puts it off.
const READ_MAX: Duration = Duration::from_secs(5);
/// How long a reader tries to connect: somebody waits for the answer.
const CONNECT_MAX: Duration = Duration::from_secs(1);
/// How long a question may take that has to look through much.
const SEARCH_MAX: Duration = Duration::from_secs(10);
/// Packed items that are read at once.
const ITEMS_AT_ONCE: u64 = 16;

/// Readers of tables, for many threads.
#[derive(Debug)]
pub struct DynamoHistory {
    link: Link,
    absence: Absence,
    units: Mutex<Units>,
    /// The items are of a version known here.
    checked: AtomicBool,
    /// Absent: whatever the tables hold is read.
    lineage: Option<Arc<Lineage>>,
}

impl DynamoHistory {
    /// Readers of tables, which need not be there yet. With a lineage, only what is of it is answered.
    pub fn open(config: &DynamoConfig, lineage: Option<Arc<Lineage>>) -> Result<Self, Fault> {
        let mut config = config.clone();
        config.connect_timeout = config.connect_timeout.min(CONNECT_MAX);
        config.request_timeout = config.request_timeout.min(READ_MAX);
        config.patience = config.patience.min(READ_MAX);
        Ok(Self {
            link: Link::open(&config, "reads")?,
            absence: Absence::default(),
            units: Mutex::default(),
            checked: AtomicBool::new(false),
            lineage,
        })
    }

    /// Reads rows, and the checkpoint from before them.
    pub(crate) fn read<T>(
        &self,
        stream: Stream,
        rows: &impl AsyncFn(&Reader<'_>) -> Result<Vec<T>, Fault>,
    ) -> Result<Page<T>, ReadError> {
        if let Some(why) = self.absence.why() {
            return Err(ReadError::Failed(why));
        }
        let read = match self.try_read(stream, rows) {
            // A connection to a service that was started again is found broken by whoever uses it first.
            Err(fault) if fault.is_broken() => self.try_read(stream, rows),
            read => read,
        };
        match &read {
            // Other questions may be answered.
            Err(fault) if fault.is_of_load() => {}
            read => self.absence.note(read.as_ref().err().filter(|fault| fault.is_away()).map(ToString::to_string)),
        }
        let (before, rows, after) = read?;
        for found in [before, after] {
            if let Some(lineage) = &self.lineage {
                lineage.check(stream, found.as_ref())?;
            }
        }
        Page::between(before.as_ref(), rows, after.as_ref())
    }

    /// The checkpoint before and after, and the rows.
    #[expect(clippy::type_complexity, reason = "it is taken apart at once")]
    fn try_read<T>(
        &self,
        stream: Stream,
        rows: &impl AsyncFn(&Reader<'_>) -> Result<Vec<T>, Fault>,
    ) -> Result<(Option<Checkpoint>, Vec<T>, Option<Checkpoint>), Fault> {
        self.link.run(async |session| {
            if !self.checked.load(Ordering::Relaxed) {
                smallest(migrate::check_not_newer(session)).await?;
                self.checked.store(true, Ordering::Relaxed);
            }
            let before = match smallest(checkpoint::read(session, stream)).await {
                // Before the first start there may be nothing at all.
                Err(fault) if fault.is_no_table() => None,
                before => before?,
            };
            let Some(through) = before.map(|checkpoint| checkpoint.seq) else { return Ok((None, Vec::new(), None)) };
            let reader = Reader { session, units: &self.units, through, until: Instant::now() + SEARCH_MAX };
            let rows = rows(&reader).await?;
            Ok((before, rows, checkpoint::read(session, stream).await?))
        })
    }
}

/// A service that has no answer to this has none to anything.
async fn smallest<T>(question: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    match tokio::time::timeout(ANSWER_MAX, question).await {
        Ok(Err(Fault::Silent(why))) => Err(Fault::Away(why)),
        Ok(answer) => answer,
        Err(_) => Err(Fault::Away(format!("it takes requests and says nothing for {} s", ANSWER_MAX.as_secs()))),
    }
}

/// Reads what a checkpoint covers.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    pub(crate) session: &'a Session,
    units: &'a Mutex<Units>,
    pub(crate) through: Seq,
    until: Instant,
}

/// Which packed documents of a sequence of numbers, and in which order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stretch {
    pub(crate) collection: Collection,
    pub(crate) partition: u32,
    /// From this number on.
    pub(crate) from: u64,
    pub(crate) time: TimeRange,
    pub(crate) newest_first: bool,
}

impl Stretch {
    const fn place(&self, item: u64) -> PackPlace {
        PackPlace { collection: self.collection, partition: self.partition, item }
    }

    const fn first(&self) -> PackPlace {
        PackPlace::of(self.collection, self.partition, self.from)
    }
}

/// What is found of a packed document before it is a row.
#[derive(Debug, Clone, Copy)]
struct Mark {
    number: u64,
    time: UnixNanos,
    seq: Seq,
}

fn mark(row: &StoredRow) -> Result<Mark, Fault> {
    if let StoredRow::Trade(row) = row {
        return Ok(Mark { number: row.trade.0, time: row.time, seq: row.id.seq });
    }
    if let StoredRow::Audit(row) = row {
        return Ok(Mark { number: row.seq.0, time: row.time, seq: row.seq });
    }
    Err(strange(row))
}

/// A row of another collection.
pub(crate) fn strange(row: &StoredRow) -> Fault {
    Fault::Misuse(format!("{row:?} is in another collection"))
}

impl Reader<'_> {
    /// Visits rows until there are no more or the visitor has enough.
    pub(crate) async fn each(
        &self,
        stretch: &Stretch,
        visit: &mut dyn FnMut(StoredRow) -> Result<bool, Fault>,
    ) -> Result<(), Fault> {
        if stretch.newest_first { self.backward(stretch, visit).await } else { self.forward(stretch, visit).await }
    }

    async fn forward(
        &self,
        stretch: &Stretch,
        visit: &mut dyn FnMut(StoredRow) -> Result<bool, Fault>,
    ) -> Result<(), Fault> {
        let mut begin = stretch.first().item;
        if let Some(from) = stretch.time.from {
            begin = begin.max(self.item_at(stretch, from).await?);
        }
        loop {
            let places: Vec<_> = (begin..begin.saturating_add(ITEMS_AT_ONCE)).map(|item| stretch.place(item)).collect();
            let found = self.packs(&places).await?;
            for pack in &found {
                for row in self.rows(stretch.collection, &pack.documents()?).await? {
                    let mark = mark(&row)?;
                    if mark.seq > self.through || stretch.time.to.is_some_and(|to| mark.time > to) {
                        return Ok(());
                    }
                    let inside = mark.number >= stretch.from && stretch.time.contains(mark.time);
                    if inside && !visit(row)? {
                        return Ok(());
                    }
                }
            }
            if found.len() < places.len() || places.is_empty() {
                return Ok(());
            }
            begin += ITEMS_AT_ONCE;
        }
    }

    async fn backward(
        &self,
        stretch: &Stretch,
        visit: &mut dyn FnMut(StoredRow) -> Result<bool, Fault>,
    ) -> Result<(), Fault> {
        let first = stretch.first().item;
        let Some(last) = self.last_item(stretch).await? else { return Ok(()) };
        let last = match stretch.time.to {
            Some(to) => self.item_at(stretch, to.plus(1)).await?.min(last),
            None => last,
        };
        let mut end = last + 1;
        while end > first {
            let begin = end.saturating_sub(ITEMS_AT_ONCE).max(first);
            let places: Vec<_> = (begin..end).map(|item| stretch.place(item)).collect();
            for pack in self.packs(&places).await?.iter().rev() {
                for row in self.rows(stretch.collection, &pack.documents()?).await?.into_iter().rev() {
                    let mark = mark(&row)?;
                    let covered = mark.seq <= self.through && mark.number >= stretch.from;
                    if covered && stretch.time.contains(mark.time) && !visit(row)? {
                        return Ok(());
                    }
                }
            }
            end = begin;
        }
        Ok(())
    }

    /// The last item of a sequence of numbers that has a document which the checkpoint covers, or a later one; absent: it has none.
    async fn last_item(&self, stretch: &Stretch) -> Result<Option<u64>, Fault> {
        let collection = stretch.collection;
        if let Some(last) = last_number(collection, self.through) {
            return Ok(Some(PackPlace::of(collection, stretch.partition, last).item));
        }
        let table = collection.name();
        let newest = Range { backward: true, limit: Some(1), ..Range::default() };
        let last = async |shard: String| {
            let found = self.session.query(table, &shard, &newest, None).await?.items.pop();
            let number = |item| Ok::<_, Fault>(PackPlace::of_key(collection, &Key::of_item(table, &item)?)?.item);
            found.map(number).transpose()
        };
        let shards = stream::iter(PackPlace::shards(stretch.partition)).map(last);
        let shards = shards.buffer_unordered(usize::try_from(SPREAD).unwrap_or(1));
        let found: Vec<Option<u64>> = shards.try_collect().await?;
        Ok(found.into_iter().max().flatten())
    }

    /// An item that has no document before this time or is the last that has one: the time does not go back with the number.
    async fn item_at(&self, stretch: &Stretch, time: UnixNanos) -> Result<u64, Fault> {
        let (mut low, mut high) = (0, self.last_item(stretch).await?.unwrap_or(0));
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            let first = match self.packs(&[stretch.place(middle)]).await?.first() {
                Some(pack) => self.rows(stretch.collection, &pack.first(1).documents()?).await?.pop(),
                None => None,
            };
            // Where its first document is before the time, the time is in it or after it.
            let is_before = first.as_ref().map(mark).transpose()?.is_some_and(|mark| mark.time < time);
            if is_before {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        Ok(low)
    }

    /// The items of these places up to the first that is not there; an error where that one was lost.
    async fn packs(&self, places: &[PackPlace]) -> Result<Vec<Pack>, Fault> {
        self.check_time()?;
        packs(self.session, places, self.through).await
    }

    /// Whoever asked does not wait for ever.
    pub(crate) fn check_time(&self) -> Result<(), Fault> {
        if Instant::now() < self.until { Ok(()) } else { Err(Fault::TooLong(SEARCH_MAX)) }
    }

    /// The rows that documents are.
    pub(crate) async fn rows(&self, collection: Collection, documents: &[Document]) -> Result<Vec<StoredRow>, Fault> {
        let of = |units: &Units| {
            let rows = documents.iter().map(|document| row(collection, document, units));
            rows.collect::<Result<Vec<_>, _>>().map_err(Fault::from)
        };
        let known = of(&self.units.lock().unwrap_or_else(PoisonError::into_inner));
        match known {
            Err(Fault::Unknown(_)) => {
                // Listed since they were last read.
                let mut units = Units::default();
                read_units(self.session, &mut units).await?;
                let found = of(&units);
                *self.units.lock().unwrap_or_else(PoisonError::into_inner) = units;
                found
            }
            known => known,
        }
    }
}

const fn trades_of(symbol: SymbolId, from: u64, time: TimeRange, newest_first: bool) -> Stretch {
    Stretch { collection: Collection::CompletedTrades, partition: symbol.0, from, time, newest_first }
}

fn trade(row: &StoredRow) -> Result<TradeRow, Fault> {
    if let StoredRow::Trade(row) = row { Ok(*row) } else { Err(strange(row)) }
}

impl TradeHistory for DynamoHistory {
    fn trades(&self, query: &TradesQuery) -> Result<Page<TradeRow>, ReadError> {
        let selection = query.selection;
        let newest_first = selection.newest_first();
        let stretch = trades_of(query.symbol, selection.first.map_or(0, |first| first.0), selection.time, newest_first);
        let mut page = self.read(Stream::Trades, &async |reader: &Reader<'_>| {
            let mut rows = Vec::new();
            let mut keep = |row| {
                rows.push(trade(&row)?);
                Ok(rows.len() < selection.limit)
            };
            reader.each(&stretch, &mut keep).await?;
            Ok(rows)
        })?;
        if newest_first {
            page.rows.reverse();
        }
        Ok(page)
    }

    fn minutes(&self, query: &MinutesQuery) -> Result<Page<Candle>, ReadError> {
        let Some(time) = Minutes::new(query).times() else {
            return self.read(Stream::Trades, &async |_: &Reader<'_>| Ok(Vec::new()));
        };
        self.read(Stream::Trades, &async |reader: &Reader<'_>| {
            let mut minutes = Minutes::new(query);
            let stretch = trades_of(query.symbol, 0, time, minutes.newest_first());
            reader.each(&stretch, &mut |row| Ok(minutes.add(&trade(&row)?))).await?;
            Ok(minutes.candles())
        })
    }
}
