//! The copy: one snapshot of the source, one transaction here.

use std::pin::pin;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use domain::ids::{SymbolId, VenueId};
use domain::shards::Subject;
use domain::units::Seq;
use futures_util::{SinkExt as _, TryStreamExt as _};
use projector::share::stream_of;
use projector::store::StoreError;
use tokio_postgres::Client;

use super::digest::Digest;
use super::table::Table;
use super::{Having, Key, Watch, having};
use crate::config::PostgresConfig;
use crate::fault::Fault;
use crate::link::Session;
use crate::migrate;
use crate::ranges::{RangeWidth, Ranges};
use crate::store::{PostgresStore, checkpoint, locked_checkpoint};
use crate::write::{int, small};

/// Rows are sent on in pieces of this size.
const PIECE_BYTES: usize = 64 << 10;
/// How often somebody looks whether the work should end.
const LOOK: Duration = Duration::from_millis(50);
/// A server that has given or taken no row for so long counts as gone: it may read a large table for a few rows.
const SILENCE_MAX: Duration = Duration::from_mins(10);

/// What came of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Copying {
    /// The rows are here, and durable: now, or since an earlier time.
    Held,
    /// The source is not as far as this database: events between the two would be missing.
    SourceBehind {
        /// How far the source is.
        source: Seq,
        /// How far this database is.
        here: Seq,
    },
    /// This database has nothing of the stream yet: its follower begins first.
    NotBegun,
    /// Rows of the subject from an earlier time are still here: they go first.
    LeftOver,
    /// The source gives no answer, or ended in the middle; why.
    SourceAway(String),
    /// The source does not have them; why.
    NotThere(&'static str),
    /// Somebody ended it.
    Stopped,
}

impl PostgresStore {
    /// Copies the rows of a subject, of this store's stream, from the database that has them. No batch may be on its way: where a
    /// follower has read on past the stored checkpoint, it has left the subject out, so it begins anew at the checkpoint afterwards.
    pub fn copy(&mut self, subject: Subject, source: &PostgresConfig, watch: &Watch) -> Result<Copying, StoreError> {
        let copied = self.holds(stream_of(subject)).and_then(|()| self.copy_watched(subject, source, watch));
        Ok(self.conclude(copied)?)
    }

    fn copy_watched(&mut self, subject: Subject, source: &PostgresConfig, watch: &Watch) -> Result<Copying, Fault> {
        watch.is_at(0);
        let width = self.config().range_width;
        let copied = self.link()?.run_long(async |session| {
            tokio::select! {
                copied = copy(session, subject, source, width, watch) => copied,
                ended = ended(watch) => ended,
            }
        });
        if !matches!(copied, Ok(Copying::Held)) {
            // Whatever was begun ends with its connection.
            self.disconnect();
        }
        copied
    }
}

/// Ends when somebody asks for it, or when nothing has come for too long.
async fn ended(watch: &Watch) -> Result<Copying, Fault> {
    let (mut rows, mut since) = (watch.rows(), Instant::now());
    loop {
        tokio::time::sleep(LOOK).await;
        if watch.is_stopped() {
            return Ok(Copying::Stopped);
        }
        if watch.rows() != rows {
            (rows, since) = (watch.rows(), Instant::now());
        }
        if since.elapsed() > SILENCE_MAX {
            return Err(Fault::Silent(SILENCE_MAX));
        }
    }
}

/// A snapshot of the source.
struct Source {
    client: Client,
    /// Through where its rows of the subject are complete.
    complete: Seq,
}

/// Why the source cannot be read.
enum NoSource {
    Away(Fault),
    NotThere(&'static str),
}

impl From<Fault> for NoSource {
    fn from(fault: Fault) -> Self {
        Self::Away(fault)
    }
}

impl From<tokio_postgres::Error> for NoSource {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Away(error.into())
    }
}

impl Source {
    /// Begins the snapshot. It ends with the connection.
    async fn begin(config: &PostgresConfig, subject: Subject, venue: VenueId) -> Result<Self, NoSource> {
        let client = Session::connect(config, "moves").await?.client;
        migrate::check_known(&client).await?;
        let settings = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0;
                        SET LOCAL idle_in_transaction_session_timeout = 0;
                        SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on; SET LOCAL enable_bitmapscan = on";
        client.batch_execute(settings).await?;
        // Before the snapshot: no range may go after it, for then neither its last price would be copied nor the fill that it is of.
        client.batch_execute("LOCK TABLE orders, order_fills, retired_prices IN ACCESS SHARE MODE").await?;
        let stored = checkpoint(&client, stream_of(subject)).await?;
        let Some(stored) = stored else { return Err(NoSource::NotThere("its stream has not begun there")) };
        if stored.venue != venue {
            return Err(NoSource::NotThere("that database follows another journal"));
        }
        let complete = match having(&client, subject).await? {
            Having::Complete => stored.seq,
            Having::Through(left) => left.min(stored.seq),
            Having::Incomplete(why) => return Err(NoSource::NotThere(why)),
        };
        Ok(Self { client, complete })
    }

    /// The ranges of order ids, so wide, that have orders of a symbol.
    async fn ranges(&self, symbol: SymbolId, width: RangeWidth) -> Result<Vec<u64>, Fault> {
        let sql = "SELECT DISTINCT order_id >> $2 FROM orders WHERE symbol_id = $1";
        let rows = self.client.query(sql, &[&small(symbol.0)?, &i32::from(width.bits())]).await?;
        Ok(rows.iter().map(|row| row.get::<_, i64>(0).cast_unsigned()).collect())
    }
}

async fn copy(
    session: &mut Session,
    subject: Subject,
    from: &PostgresConfig,
    width: RangeWidth,
    watch: &Watch,
) -> Result<Copying, Fault> {
    let stream = stream_of(subject);
    let Some(here) = checkpoint(&session.client, stream).await? else {
        return Ok(Copying::NotBegun);
    };
    let source = match Source::begin(from, subject, here.venue).await {
        Ok(source) => source,
        Err(NoSource::Away(fault)) => return Ok(Copying::SourceAway(fault.to_string())),
        Err(NoSource::NotThere(why)) => return Ok(Copying::NotThere(why)),
    };
    let (mut ranges, mut needed) = (Ranges::default(), Vec::new());
    if let Subject::Symbol(symbol) = subject {
        let width = ranges.width(session, width).await?;
        needed = match source.ranges(symbol, width).await {
            Ok(needed) => needed,
            Err(fault) => return Ok(Copying::SourceAway(fault.to_string())),
        };
    }
    let settings = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL statement_timeout = 0;
                    SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL synchronous_commit = on;
                    SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on; SET LOCAL enable_bitmapscan = on";
    session.client.batch_execute(settings).await?;
    // Taken under lock: from here to the end this stream stands still.
    let here = locked_checkpoint(&session.client, stream).await?.map_or(Seq::ZERO, |here| here.seq);
    match having(&session.client, subject).await? {
        Having::Complete => return Ok(Copying::Held),
        Having::Through(_) => return Ok(Copying::LeftOver),
        Having::Incomplete(_) if is_left_over(&session.client, subject).await? => return Ok(Copying::LeftOver),
        Having::Incomplete(_) => {}
    }
    if source.complete < here {
        return Ok(Copying::SourceBehind { source: source.complete, here });
    }
    // Under the lock, for what is empty may go at any other time.
    ranges.make(session, needed).await?;
    let copied = match take(&session.client, &source.client, subject, watch).await? {
        Ok(copied) => copied,
        Err(fault) => return Ok(Copying::SourceAway(fault.to_string())),
    };
    let Key { word, id } = Key::of(subject)?;
    let sql = "INSERT INTO incoming (subject, subject_id, copied_seq, rows, digest) VALUES ($1, $2, $3, $4, $5)";
    let (seq, rows, digest) = (int(source.complete.0), int(copied.rows), copied.bytes());
    session.client.execute(sql, &[&word, &id, &seq, &rows, &digest.as_slice()]).await?;
    session.client.batch_execute("COMMIT").await?;
    Ok(Copying::Held)
}

async fn is_left_over(client: &Client, subject: Subject) -> Result<bool, Fault> {
    let Key { word, id } = Key::of(subject)?;
    let left = "SELECT FROM leftovers WHERE subject = $1 AND subject_id = $2";
    Ok(client.query_opt(left, &[&word, &id]).await?.is_some())
}

/// Writes the rows of the source, and reads them back. The outer error is this database's, the inner one the source's.
async fn take(here: &Client, source: &Client, subject: Subject, watch: &Watch) -> Result<Result<Digest, Fault>, Fault> {
    let id = Key::of(subject)?.id;
    let (mut sent, mut stored) = (Digest::default(), Digest::default());
    for table in Table::of(subject) {
        let rows = match source.copy_out(&table.copy_out(id)).await {
            Ok(rows) => rows,
            Err(error) => return Ok(Err(error.into())),
        };
        let mut rows = pin!(rows);
        let mut sink = pin!(here.copy_in::<_, Bytes>(&table.copy_in()).await?);
        let mut piece = BytesMut::with_capacity(PIECE_BYTES);
        loop {
            let line = match rows.try_next().await {
                Ok(line) => line,
                Err(error) => return Ok(Err(error.into())),
            };
            if let Some(line) = &line {
                sent.add(line);
                piece.extend_from_slice(line);
            }
            if piece.len() >= PIECE_BYTES || (line.is_none() && !piece.is_empty()) {
                sink.send(piece.split().freeze()).await?;
                watch.is_at(sent.rows);
            }
            if line.is_none() {
                break;
            }
        }
        sink.finish().await?;
        let mut back = pin!(here.copy_out(&table.copy_out(id)).await?);
        while let Some(line) = back.try_next().await? {
            stored.add(&line);
        }
    }
    if sent != stored {
        let what = format!("{} rows were copied, and {} others are there", sent.rows, stored.rows);
        return Err(Fault::Content(what));
    }
    Ok(Ok(sent))
}
