//! A stream of a database that follows the journal. Each has a connection of its own, so that streams commit side by side.

use std::time::Duration;

use domain::ids::{Checkpoint, Hash256, ShardId, VenueId};
use domain::units::{Epoch, Seq};
use projector::batch::{Batch, Rows, Stream};
use projector::fault::Trouble;
use projector::share::Incoming;
use projector::store::{Outcome, Store, StoreError, Verdict, judge};
use projector::words::Word;
use tokio_postgres::{Client, Row};

use crate::config::PostgresConfig;
use crate::fault::Fault;
use crate::link::{Link, Session};
use crate::ranges::Ranges;
use crate::shard;
use crate::units::Units;
use crate::write::{self, int};

/// The streams a database holds, in the order in which it should be fed.
pub const STREAMS: [Stream; 3] = [Stream::Reference, Stream::Symbols, Stream::Users];

/// What [`checkpoint_of`] reads.
pub(crate) const SELECT_CHECKPOINT: &str = "SELECT venue, epoch, seq, hash FROM checkpoints WHERE stream = $1";
const LOCK_CHECKPOINT: &str = "SELECT venue, epoch, seq, hash FROM checkpoints WHERE stream = $1 FOR UPDATE";
const CLAIM_CHECKPOINT: &str = "INSERT INTO checkpoints (stream, venue, epoch, seq, hash) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (stream) DO NOTHING";
const MOVE_CHECKPOINT: &str = "UPDATE checkpoints SET venue = $2, epoch = $3, seq = $4, hash = $5 WHERE stream = $1";

/// Writes one stream. It connects when it is first asked, and again when the connection is lost: that the server is not there is an
/// answer ([`Outcome::Retry`]), not an error of opening.
#[derive(Debug)]
pub struct PostgresStore {
    config: PostgresConfig,
    stream: Stream,
    link: Option<Link>,
    known: Known,
    trouble: Trouble,
}

/// What was read or made once.
#[derive(Debug, Default)]
struct Known {
    units: Units,
    ranges: Ranges,
    /// The database says which shard it is.
    is_claimed: bool,
}

impl PostgresStore {
    /// A writer of one stream of [`STREAMS`].
    pub fn open(config: PostgresConfig, stream: Stream) -> Result<Self, Fault> {
        if !STREAMS.contains(&stream) {
            return Err(Fault::Misuse(format!("PostgreSQL does not hold the stream {:?}", stream.word())));
        }
        Ok(Self { config, stream, link: None, known: Known::default(), trouble: Trouble::default() })
    }

    /// From now on the database is that of this shard: it says so with the next batch, and where it already says otherwise nothing is
    /// written.
    pub fn set_shard(&mut self, shard: ShardId) {
        self.config = self.config.clone().of_shard(shard);
        self.link = None;
    }

    /// The shard that the database says it is, if it does.
    pub fn found_shard(&mut self) -> Result<Option<ShardId>, StoreError> {
        let read = self.link().and_then(|link| link.run(async |session| shard::found(&session.client).await));
        Ok(self.conclude(read)?)
    }

    /// Where it is.
    pub const fn config(&self) -> &PostgresConfig {
        &self.config
    }

    /// What keeps it from writing at present, in words for an operator; nothing: the last attempt went well.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.reason()
    }

    pub(crate) fn holds(&self, stream: Stream) -> Result<(), Fault> {
        if stream == self.stream {
            return Ok(());
        }
        Err(Fault::Misuse(format!("this store writes the stream {:?}, not {:?}", self.stream.word(), stream.word())))
    }

    /// The connection, made anew where there is none.
    pub(crate) fn link(&mut self) -> Result<&mut Link, Fault> {
        if self.link.as_ref().is_none_or(Link::is_closed) {
            self.link = None;
            // A server that lost its tail lost the ranges in it, or its name.
            (self.known.ranges, self.known.is_claimed) = (Ranges::default(), false);
            self.link = Some(Link::open_migrated(&self.config, self.stream.word())?);
        }
        self.link.as_mut().ok_or_else(|| Fault::Misuse("no connection".into()))
    }

    /// The next attempt makes a connection of its own; what this one had begun is undone.
    pub(crate) fn disconnect(&mut self) {
        self.link = None;
    }

    /// Ends an attempt: a connection that is in doubt goes, and the operator hears of a reason once.
    pub(crate) fn conclude<T>(&mut self, result: Result<T, Fault>) -> Result<T, Fault> {
        match &result {
            Ok(_) => {
                if self.trouble.end() {
                    tracing::info!(stream = self.stream.word(), database = self.config.place(), "can be used again");
                }
            }
            Err(fault) => {
                if fault.wants_another_connection() {
                    self.link = None;
                }
                let reason = fault.to_string();
                if !fault.is_ordinary() && self.trouble.begin(&reason) {
                    tracing::warn!(
                        stream = self.stream.word(),
                        database = self.config.place(),
                        reason,
                        "cannot be used"
                    );
                }
            }
        }
        result
    }

    fn write(&mut self, batch: &Batch) -> Result<Outcome, Fault> {
        self.holds(batch.stream())?;
        self.link()?;
        let Self { link, known, config, .. } = self;
        let link = link.as_mut().ok_or_else(|| Fault::Misuse("no connection".into()))?;
        link.run(async |session| {
            let written = transaction(session, known, config, batch).await;
            if written.is_err() && session.client.batch_execute("ROLLBACK").await.is_err() {
                tracing::debug!("the transaction ended with its connection");
            }
            written
        })
    }

    fn read_checkpoint(&mut self) -> Result<Option<Checkpoint>, Fault> {
        let stream = self.stream;
        self.link()?.run(async |session| checkpoint(&session.client, stream).await)
    }

    fn read_incoming(&mut self) -> Result<Incoming, Fault> {
        let stream = self.stream;
        self.link()?.run(async |session| shard::incoming(&session.client, stream).await)
    }

    fn sync(&mut self) -> Result<(), Fault> {
        let stream = self.stream.word();
        self.link()?.run(async |session| {
            // A commit that waits for the WAL takes along all that was written to it before, by any session; but it must write something.
            let transaction = session.client.transaction().await?;
            transaction.batch_execute("SET LOCAL synchronous_commit = on").await?;
            transaction.execute("UPDATE checkpoints SET seq = seq WHERE stream = $1", &[&stream]).await?;
            Ok(transaction.commit().await?)
        })
    }
}

impl Store for PostgresStore {
    fn checkpoint(&mut self, stream: Stream) -> Result<Option<Checkpoint>, StoreError> {
        self.holds(stream)?;
        let read = self.read_checkpoint();
        Ok(self.conclude(read)?)
    }

    fn commit(&mut self, batch: &Batch) -> Outcome {
        let written = self.write(batch);
        self.conclude(written).unwrap_or_else(Outcome::from)
    }

    fn incoming(&mut self, stream: Stream) -> Result<Incoming, StoreError> {
        self.holds(stream)?;
        let read = self.read_incoming();
        Ok(self.conclude(read)?)
    }

    fn commit_interval(&self) -> Duration {
        projector::store::COMMIT_INTERVAL
    }

    fn make_durable(&mut self) -> Result<(), StoreError> {
        let synced = self.sync();
        Ok(self.conclude(synced)?)
    }
}

/// The rows and the checkpoint. What comes back without an error is committed or was not begun.
async fn transaction(
    session: &mut Session,
    known: &mut Known,
    config: &PostgresConfig,
    batch: &Batch,
) -> Result<Outcome, Fault> {
    let mut width = config.range_width;
    match &batch.rows {
        Rows::Reference(rows) => known.units.know(&session.client, write::reference::subjects(rows)).await?,
        Rows::Symbols(rows) => {
            known.units.know(&session.client, write::symbols::subjects(rows)).await?;
            let placed = rows.placed.iter().map(|row| row.order);
            width = known.ranges.prepare(session, width, placed).await?;
        }
        Rows::Users(rows) => known.units.know(&session.client, write::users::subjects(rows)).await?,
        Rows::Trades(_)
        | Rows::Audit(_)
        | Rows::Klines(_)
        | Rows::HistoricalPositions(_)
        | Rows::MarketSnapshots(_)
        | Rows::Leaderboards(_)
        | Rows::Analytics(_) => {}
    }
    let lock = session.statement(LOCK_CHECKPOINT).await?;
    let stream = batch.stream().word();
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 1] = [&stream];
    let begin = session.client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
    // One way there and back: they are sent in this order.
    let ((), stored) = tokio::try_join!(begin, session.client.query_opt(&lock, &parameters))?;
    let stored = stored.as_ref().map(checkpoint_of).transpose()?;
    if let Verdict::Answer(outcome) = judge(stored.as_ref(), batch) {
        session.client.batch_execute("ROLLBACK").await?;
        return Ok(outcome);
    }
    // Where there is none yet, two writers see none: the second waits here, and finds that there is one now.
    let sql = if stored.is_some() { MOVE_CHECKPOINT } else { CLAIM_CHECKPOINT };
    set_checkpoint(session, sql, batch.stream(), &batch.to).await?;
    if let Some(shard) = config.shard.filter(|_| !known.is_claimed) {
        shard::claim(session, shard).await?;
    }
    match &batch.rows {
        Rows::Reference(rows) => write::reference::write(session, &known.units, rows).await?,
        Rows::Symbols(rows) => write::symbols::write(session, &known.units, width, rows).await?,
        Rows::Users(rows) => write::users::write(session, &known.units, rows).await?,
        Rows::Trades(_)
        | Rows::Audit(_)
        | Rows::Klines(_)
        | Rows::HistoricalPositions(_)
        | Rows::MarketSnapshots(_)
        | Rows::Leaderboards(_)
        | Rows::Analytics(_) => return Err(Fault::Misuse("PostgreSQL holds no archive".into())),
    }
    session.client.batch_execute("COMMIT").await?;
    known.is_claimed = config.shard.is_some();
    Ok(Outcome::Committed)
}

async fn set_checkpoint(
    session: &mut Session,
    sql: &'static str,
    stream: Stream,
    to: &Checkpoint,
) -> Result<(), Fault> {
    let set = session.statement(sql).await?;
    let (stream, venue, hash) = (stream.word(), to.venue.0.as_slice(), to.hash.0.as_slice());
    let set = session.client.execute(&set, &[&stream, &venue, &int(to.epoch.0), &int(to.seq.0), &hash]).await?;
    if set == 1 { Ok(()) } else { Err(Fault::Overtaken) }
}

/// Takes the checkpoint back to a fork.
pub(crate) async fn rewind_checkpoint(session: &mut Session, stream: Stream, to: &Checkpoint) -> Result<(), Fault> {
    set_checkpoint(session, MOVE_CHECKPOINT, stream, to).await
}

/// How far a stream is, in the snapshot of the session.
pub(crate) async fn checkpoint(client: &Client, stream: Stream) -> Result<Option<Checkpoint>, Fault> {
    client.query_opt(SELECT_CHECKPOINT, &[&stream.word()]).await?.as_ref().map(checkpoint_of).transpose()
}

/// The same, and no other writer moves it before the transaction ends.
pub(crate) async fn locked_checkpoint(client: &Client, stream: Stream) -> Result<Option<Checkpoint>, Fault> {
    client.query_opt(LOCK_CHECKPOINT, &[&stream.word()]).await?.as_ref().map(checkpoint_of).transpose()
}

pub(crate) fn checkpoint_of(row: &Row) -> Result<Checkpoint, Fault> {
    let wrong = |_length| Fault::Content("a checkpoint without venue or hash".into());
    Ok(Checkpoint {
        venue: VenueId(row.try_get::<_, &[u8]>(0)?.try_into().map_err(wrong)?),
        epoch: Epoch(row.try_get::<_, i64>(1)?.cast_unsigned()),
        seq: Seq(row.try_get::<_, i64>(2)?.cast_unsigned()),
        hash: Hash256(row.try_get::<_, &[u8]>(3)?.try_into().map_err(wrong)?),
    })
}
