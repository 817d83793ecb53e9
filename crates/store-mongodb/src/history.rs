//! History out of a database: how it is read, and the trades. Everything else is in [`crate::archive`].
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
use domain::ids::SymbolId;
use domain::units::{Seq, UnixNanos};
use mongodb::bson::raw::{RawDocumentBuf, cstr};
use mongodb::bson::rawdoc;
use projector::batch::Stream;
use projector::candle::Candle;
use projector::history::{MinutesQuery, Page, ReadError, TimeRange, TradeHistory, TradesQuery};
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
/// How long a reader looks for a server: somebody waits for the answer.
const SELECTION_MAX: Duration = Duration::from_secs(1);

/// Readers of a database, for many threads.
#[derive(Debug)]
pub struct MongoHistory {
    link: Link,
    absence: Absence,
    units: Mutex<Units>,
    /// How long a question may take.
    patience: Duration,
    /// The documents are of a version known here.
    checked: AtomicBool,
    /// Absent: whatever the database holds is read.
    lineage: Option<Arc<Lineage>>,
}

impl MongoHistory {
    /// Readers of a database, which need not be there yet. With a lineage, only what is of it is answered.
    pub fn open(config: &MongoConfig, lineage: Option<Arc<Lineage>>) -> Result<Self, Fault> {
        let mut config = config.clone();
        config.command_timeout = config.command_timeout.min(READ_MAX);
        let selection = config.client.server_selection_timeout.map_or(SELECTION_MAX, |said| said.min(SELECTION_MAX));
        config.client.server_selection_timeout = Some(selection);
        Ok(Self {
            link: Link::open(&config, "reads")?,
            absence: Absence::default(),
            units: Mutex::default(),
            patience: config.question_timeout,
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
        let (before, rows, after) = self.attempt(&async |session: &Session| {
            let before = smallest(checkpoint::read(session, stream)).await?;
            let Some(through) = before.map(|checkpoint| checkpoint.seq) else {
                // Before the first commit there may be nothing at all, not even collections.
                return Ok((None, Vec::new(), None));
            };
            let rows = rows(&self.reader(session, through)).await?;
            Ok((before, rows, checkpoint::read(session, stream).await?))
        })?;
        for found in [before, after] {
            if let Some(lineage) = &self.lineage {
                lineage.check(stream, found.as_ref())?;
            }
        }
        Page::between(before.as_ref(), rows, after.as_ref())
    }

    /// Reads what is final, whatever any checkpoint says.
    pub(crate) fn ask<T>(&self, what: &impl AsyncFn(&Reader<'_>) -> Result<T, Fault>) -> Result<T, ReadError> {
        self.attempt(&async |session: &Session| what(&self.reader(session, Seq(u64::MAX))).await)
    }

    fn reader<'a>(&'a self, session: &'a Session, through: Seq) -> Reader<'a> {
        let until = Instant::now() + self.patience;
        Reader { session, units: &self.units, through, until, patience: self.patience }
    }

    fn attempt<T>(&self, what: &impl AsyncFn(&Session) -> Result<T, Fault>) -> Result<T, ReadError> {
        if let Some(why) = self.absence.why() {
            return Err(ReadError::Failed(why));
        }
        let answer = match self.attempt_once(what) {
            // A connection to a server that was started again is found broken by whoever uses it first.
            Err(fault) if fault.is_broken() => self.attempt_once(what),
            answer => answer,
        };
        if matches!(answer, Err(Fault::Silent(_))) {
            // Perhaps it says nothing any more: the next question begins with a small one, whatever it asks.
            self.checked.store(false, Ordering::Relaxed);
        }
        self.absence.note(answer.as_ref().err().filter(|fault| fault.is_away()).map(ToString::to_string));
        Ok(answer?)
    }

    fn attempt_once<T>(&self, what: &impl AsyncFn(&Session) -> Result<T, Fault>) -> Result<T, Fault> {
        self.link.run(async |session| {
            if !self.checked.load(Ordering::Relaxed) {
                smallest(migrate::check_not_newer(session)).await?;
                self.checked.store(true, Ordering::Relaxed);
            }
            what(session).await
        })
    }
}

/// What every server answers at once that answers anything.
async fn smallest<T>(question: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    tokio::time::timeout(ANSWER_MAX, question).await.unwrap_or(Err(Fault::Mute(ANSWER_MAX)))
}

/// Reads what a checkpoint covers.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    pub(crate) session: &'a Session,
    units: &'a Mutex<Units>,
    pub(crate) through: Seq,
    /// When whoever asked has waited long enough.
    until: Instant,
    patience: Duration,
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
        let times = times_of(&self.time);
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

    /// What follows this trade. Where times are asked for it begins at its time, too: an index that begins with the time would otherwise be
    /// read from the first one on for each page.
    fn after(&mut self, trade: &TradeRow) {
        if self.newest_first {
            self.to = Some(trade.trade.0);
        } else {
            self.from = trade.trade.0 + 1;
        }
        go_on(&mut self.time, trade.time, self.newest_first);
    }
}

impl Reader<'_> {
    /// Documents, as long as there is time.
    pub(crate) async fn find(&self, collection: Collection, find: Find) -> Result<Vec<mongodb::bson::Document>, Fault> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Fault::TooLong(self.patience));
        }
        match self.session.find_within(collection.name(), find, left).await {
            Err(fault) if fault.is_out_of_time() => Err(Fault::TooLong(self.patience)),
            found => found,
        }
    }

    /// Visits the trades until there are no more, or the visitor has enough.
    async fn trades(&self, mut span: Span, mut visit: impl FnMut(TradeRow) -> bool, limit: usize) -> Result<(), Fault> {
        let mut left = limit;
        while left > 0 {
            let limit = left.min(self.session.documents_max);
            let find = Find { filter: span.filter(self.through), sort: span.sort(), limit };
            let found = self.find(Collection::CompletedTrades, find).await?;
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
        let (_, found) = self.row(Collection::CompletedTrades, document).await?;
        if let StoredRow::Trade(trade) = found { Ok(trade) } else { Err(strange(&found)) }
    }

    /// The row that a document is, and its id.
    pub(crate) async fn row(
        &self,
        collection: Collection,
        document: mongodb::bson::Document,
    ) -> Result<(String, StoredRow), Fault> {
        let document = decode(document)?;
        let read = |document: &Document, units: &Units| row(collection, document, units).map_err(Fault::from);
        let known = read(&document, &self.units.lock().unwrap_or_else(PoisonError::into_inner));
        let found = match known {
            Err(Fault::Unknown(_)) => {
                // Listed since they were last read.
                let mut units = Units::default();
                read_units(self.session, &mut units).await?;
                let found = read(&document, &units);
                *self.units.lock().unwrap_or_else(PoisonError::into_inner) = units;
                found?
            }
            known => known?,
        };
        Ok((document.id.into_owned(), found))
    }
}

/// A row of another collection.
pub(crate) fn strange(row: &StoredRow) -> Fault {
    Fault::Misuse(format!("{row:?} is not what was asked for"))
}

/// What a field that is a time must be; empty: anything.
pub(crate) fn times_of(time: &TimeRange) -> RawDocumentBuf {
    let mut times = RawDocumentBuf::new();
    if let Some(from) = time.from {
        times.append(cstr!("$gte"), clamp(from));
    }
    if let Some(to) = time.to {
        times.append(cstr!("$lte"), clamp(to));
    }
    times
}

/// What follows a row of this time: nothing of what is asked for is before it. Where no times are asked for there are none still.
pub(crate) fn go_on(time: &mut TimeRange, last: UnixNanos, newest_first: bool) {
    if *time == TimeRange::default() {
        return;
    }
    if newest_first {
        time.to = Some(last);
    } else {
        time.from = Some(last);
    }
}

/// A time as it is stored.
pub(crate) fn clamp(time: UnixNanos) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

impl TradeHistory for MongoHistory {
    fn trades(&self, query: &TradesQuery) -> Result<Page<TradeRow>, ReadError> {
        let selection = &query.selection;
        let newest_first = selection.newest_first();
        let from = selection.first.map_or(0, |first| first.0);
        let span = Span { symbol: query.symbol, from, to: None, time: selection.time, newest_first };
        let mut page = self.read(Stream::Trades, &async |reader: &Reader<'_>| {
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
        let Some(time) = Minutes::new(query).times() else {
            return self.read(Stream::Trades, &async |_: &Reader<'_>| Ok(Vec::new()));
        };
        self.read(Stream::Trades, &async |reader: &Reader<'_>| {
            let mut minutes = Minutes::new(query);
            let newest_first = minutes.newest_first();
            let span = Span { symbol: query.symbol, from: 0, to: None, time, newest_first };
            reader.trades(span, |trade| minutes.add(&trade), usize::MAX).await?;
            Ok(minutes.candles())
        })
    }
}
