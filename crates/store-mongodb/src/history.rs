//! History out of a database.
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
use domain::ids::SymbolId;
use domain::units::{Seq, UnixNanos};
use mongodb::bson::raw::{RawDocumentBuf, cstr};
use mongodb::bson::rawdoc;
use projector::batch::Stream;
use projector::candle::Candle;
use projector::history::{MinutesQuery, Page, ReadError, Selection, TimeRange, TradeHistory, TradesQuery};
use projector::lineage::Lineage;
use projector::minutes::Minutes;
use projector::rows::TradeRow;
use projector::store::StoredRow;

use crate::checkpoint;
use crate::config::MongoConfig;
use crate::encode::decode;
use crate::fault::Fault;
use crate::link::Link;
use crate::migrate;
use crate::session::{Find, Session};
use crate::store::read_units;

/// How long a command of a reader may take.
const READ_MAX: Duration = Duration::from_secs(10);

/// Readers of a database, for many threads: the trades here, everything else in [`crate::archive`].
#[derive(Debug)]
pub struct MongoTrades {
    link: Link,
    units: Mutex<Units>,
    /// The documents are of a version known here.
    checked: AtomicBool,
    /// Absent: whatever the database holds is read.
    lineage: Option<Arc<Lineage>>,
}

impl MongoTrades {
    /// Readers of a database, which need not be there yet. With a lineage, only what is of it is answered.
    pub fn open(config: &MongoConfig, lineage: Option<Arc<Lineage>>) -> Result<Self, Fault> {
        let mut config = config.clone();
        config.command_timeout = config.command_timeout.min(READ_MAX);
        Ok(Self {
            link: Link::open(&config, "reads")?,
            units: Mutex::default(),
            checked: AtomicBool::new(false),
            lineage,
        })
    }

    /// Reads rows that are not later than the checkpoint, and the checkpoint.
    pub(crate) fn read<T>(
        &self,
        stream: Stream,
        rows: impl AsyncFnOnce(&Reader<'_>) -> Result<Vec<T>, Fault>,
    ) -> Result<Page<T>, ReadError> {
        let (before, rows, after) = self.link.run(async |session| {
            if !self.checked.load(Ordering::Relaxed) {
                migrate::check_not_newer(session).await?;
                self.checked.store(true, Ordering::Relaxed);
            }
            let before = checkpoint::read(session, stream).await?;
            let Some(through) = before.map(|checkpoint| checkpoint.seq) else {
                // Before the first commit there may be nothing at all, not even collections.
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
        let through = |checkpoint: Option<domain::ids::Checkpoint>| checkpoint.map_or(Seq::ZERO, |found| found.seq);
        if through(after) < through(before) {
            return Err(ReadError::Failed("it was taken back to an earlier point meanwhile".into()));
        }
        Ok(Page { through: through(before), rows })
    }
}

/// Reads what a checkpoint covers.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    pub(crate) session: &'a Session,
    units: &'a Mutex<Units>,
    pub(crate) through: Seq,
}

/// Which trades of a symbol, and in which order.
#[derive(Debug, Clone, Copy)]
struct Span {
    symbol: SymbolId,
    /// Ids `from ..`, and below `to` where there is one.
    from: u64,
    to: Option<u64>,
    time: TimeRange,
    newest_first: bool,
}

impl Span {
    fn filter(&self, through: Seq) -> RawDocumentBuf {
        let mut ids = rawdoc! { "$gte": i64::try_from(self.from).unwrap_or(i64::MAX) };
        if let Some(to) = self.to {
            ids.append(cstr!("$lt"), to.cast_signed());
        }
        let mut filter = rawdoc! {
            "symbol_id": i64::from(self.symbol.0), "trade_id": ids, "seq": { "$lte": through.0.cast_signed() },
        };
        let times = range_of(&self.time);
        if !times.is_empty() {
            filter.append(cstr!("time"), times);
        }
        filter
    }

    /// By trade. Where times are asked for, by time first, which is the same order and has an index that begins there.
    fn sort(&self) -> RawDocumentBuf {
        let direction = if self.newest_first { -1 } else { 1 };
        if self.time == TimeRange::default() {
            rawdoc! { "symbol_id": direction, "trade_id": direction }
        } else {
            rawdoc! { "symbol_id": direction, "time": direction, "trade_id": direction }
        }
    }

    /// What follows this trade.
    fn after(&mut self, trade: &TradeRow) {
        if self.newest_first {
            self.to = Some(trade.trade.0);
        } else {
            self.from = trade.trade.0 + 1;
        }
    }
}

/// A time as it is stored.
pub(crate) const fn clamp(time: UnixNanos) -> i64 {
    if time.0 > i64::MAX.cast_unsigned() { i64::MAX } else { time.0.cast_signed() }
}

/// What a field with a time must be for these times; empty: anything.
pub(crate) fn range_of(time: &TimeRange) -> RawDocumentBuf {
    let mut times = RawDocumentBuf::new();
    if let Some(from) = time.from {
        times.append(cstr!("$gte"), clamp(from));
    }
    if let Some(to) = time.to {
        times.append(cstr!("$lte"), clamp(to));
    }
    times
}

impl Reader<'_> {
    /// Rows of a collection, with the ids of their documents.
    pub(crate) async fn rows(&self, collection: Collection, find: Find) -> Result<Vec<(String, StoredRow)>, Fault> {
        let mut rows = Vec::new();
        for found in self.session.find(collection.name(), find).await? {
            let document = decode(found)?;
            let row = self.row(collection, &document).await?;
            rows.push((document.id.into_owned(), row));
        }
        Ok(rows)
    }

    async fn row(&self, collection: Collection, document: &Document) -> Result<StoredRow, Fault> {
        let read = |units: &Units| row(collection, document, units).map_err(Fault::from);
        let known = read(&self.units.lock().unwrap_or_else(PoisonError::into_inner));
        match known {
            Err(Fault::Unknown(_)) => {
                // Listed since they were last read.
                let mut units = Units::default();
                read_units(self.session, &mut units).await?;
                let found = read(&units);
                *self.units.lock().unwrap_or_else(PoisonError::into_inner) = units;
                found
            }
            known => known,
        }
    }

    /// Visits the trades until there are no more, or the visitor has enough.
    async fn trades(&self, mut span: Span, mut visit: impl FnMut(TradeRow) -> bool, limit: usize) -> Result<(), Fault> {
        let mut left = limit;
        while left > 0 {
            let limit = left.min(self.session.documents_max);
            let find = Find { filter: span.filter(self.through), sort: span.sort(), limit };
            let found = self.session.find(Collection::CompletedTrades.name(), find).await?;
            if found.is_empty() {
                return Ok(());
            }
            left -= found.len().min(left);
            for document in found {
                let trade = self.trade(document).await?;
                span.after(&trade);
                if !visit(trade) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    async fn trade(&self, document: mongodb::bson::Document) -> Result<TradeRow, Fault> {
        let found = self.row(Collection::CompletedTrades, &decode(document)?).await?;
        let StoredRow::Trade(trade) = found else {
            return Err(Fault::Misuse(format!("{found:?} is not a trade")));
        };
        Ok(trade)
    }
}

/// Whether the newest of the matching rows are asked for.
pub(crate) const fn newest_first<Id>(selection: &Selection<Id>) -> bool {
    selection.first.is_none() && selection.time.from.is_none()
}

impl TradeHistory for MongoTrades {
    fn trades(&self, query: &TradesQuery) -> Result<Page<TradeRow>, ReadError> {
        let selection = &query.selection;
        let newest_first = newest_first(selection);
        let from = selection.first.map_or(0, |first| first.0);
        let span = Span { symbol: query.symbol, from, to: None, time: selection.time, newest_first };
        let mut page = self.read(Stream::Trades, async |reader| {
            let mut rows = Vec::new();
            let mut keep = |trade| {
                rows.push(trade);
                true
            };
            reader.trades(span, &mut keep, selection.limit).await?;
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
            return self.read(Stream::Trades, async |_| Ok(Vec::new()));
        };
        let span = Span { symbol: query.symbol, from: 0, to: None, time, newest_first: minutes.newest_first() };
        self.read(Stream::Trades, async |reader| {
            reader.trades(span, |trade| minutes.add(&trade), usize::MAX).await?;
            Ok(minutes.candles())
        })
    }
}
