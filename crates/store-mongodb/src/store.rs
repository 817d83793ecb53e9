//! A stream of a database that follows the journal. Each has a client of its own, so that streams commit side by side.

use std::time::Duration;

use documents::batch::{is_known, writes};
use documents::collection::{Collection, is_archived};
use documents::units::Units;
use domain::ids::Checkpoint;
use projector::batch::{Batch, Stream};
use projector::buckets::Bucket;
use projector::fault::Trouble;
use projector::store::{Outcome, Store, StoreError, StoredRow, Verdict, judge};
use projector::words::Word;

use crate::checkpoint;
use crate::config::MongoConfig;
use crate::fault::Fault;
use crate::link::Link;
use crate::migrate::{self, Patience};
use crate::session::Session;
use crate::stream::each;
use crate::write;

/// Each commit waits for a majority of journals, twice: fewer and larger ones cost the server less.
const COMMIT_INTERVAL: Duration = Duration::from_millis(100);

/// What writes to a database. It connects when it is first asked.
#[derive(Debug)]
pub(crate) struct Writer {
    config: MongoConfig,
    /// What it writes.
    name: &'static str,
    link: Option<Link>,
    /// The database was found to be ours, and as it should be.
    checked: bool,
    units: Units,
    trouble: Trouble,
}

impl Writer {
    pub(crate) fn new(config: MongoConfig, name: &'static str) -> Self {
        Self { config, name, link: None, checked: false, units: Units::default(), trouble: Trouble::default() }
    }

    /// The database, looked at anew where that is in doubt.
    pub(crate) fn link(&mut self) -> Result<(&Link, &mut Units), Fault> {
        if self.link.is_none() {
            self.link = Some(Link::open(&self.config, self.name)?);
        }
        let link = self.link.as_ref().ok_or_else(|| Fault::Misuse("no client".into()))?;
        if !self.checked {
            let migrates = self.config.migrates;
            link.run(async |session| migrate::check(session, migrates, Patience::OfACommand).await)?;
            self.checked = true;
        }
        Ok((link, &mut self.units))
    }

    /// Ends an attempt: the operator hears of a reason once.
    pub(crate) fn conclude<T>(&mut self, result: Result<T, Fault>) -> Result<T, Fault> {
        let (stream, database) = (self.name, self.config.place());
        match &result {
            Ok(_) => {
                if self.trouble.end() {
                    tracing::info!(stream, database, "can be used again");
                }
            }
            Err(fault) => {
                // Somebody may have restored it, or another server may have taken its place.
                self.checked &= !fault.is_in_doubt();
                let reason = fault.to_string();
                if !fault.is_ordinary() && self.trouble.begin(&reason) {
                    tracing::warn!(stream, database, reason, "cannot be used");
                }
            }
        }
        result
    }
}

/// Writes one stream. It connects when it is first asked: that the server is not there is an answer ([`Outcome::Retry`]), not an error
/// of opening.
#[derive(Debug)]
pub struct MongoStore {
    writer: Writer,
    stream: Stream,
}

impl MongoStore {
    /// A writer of one stream.
    pub fn open(config: MongoConfig, stream: Stream) -> Result<Self, Fault> {
        if !is_archived(stream) {
            return Err(Fault::Misuse(format!("MongoDB does not hold the stream {:?}", stream.word())));
        }
        Ok(Self { writer: Writer::new(config, stream.word()), stream })
    }

    /// Where it is.
    pub const fn config(&self) -> &MongoConfig {
        &self.writer.config
    }

    /// The stream it writes.
    pub const fn stream(&self) -> Stream {
        self.stream
    }

    /// What keeps it from writing at present, in words for an operator; nothing: the last attempt went well.
    pub fn trouble(&self) -> Option<&str> {
        self.writer.trouble.reason()
    }

    pub(crate) fn holds(&self, stream: Stream) -> Result<(), Fault> {
        if stream == self.stream {
            return Ok(());
        }
        Err(Fault::Misuse(format!("this store writes the stream {:?}, not {:?}", self.stream.word(), stream.word())))
    }

    pub(crate) fn link(&mut self) -> Result<(&Link, &mut Units), Fault> {
        self.writer.link()
    }

    pub(crate) fn conclude<T>(&mut self, result: Result<T, Fault>) -> Result<T, Fault> {
        self.writer.conclude(result)
    }

    fn write(&mut self, batch: &Batch) -> Result<Outcome, Fault> {
        self.holds(batch.stream())?;
        let (link, units) = self.link()?;
        link.run(async |session| commit(session, units, batch).await)
    }

    fn read_checkpoint(&mut self) -> Result<Option<Checkpoint>, Fault> {
        let stream = self.stream;
        self.link()?.0.run(async |session| checkpoint::read(session, stream).await)
    }

    fn sync(&mut self) -> Result<(), Fault> {
        let stream = self.stream;
        self.link()?.0.run(async |session| checkpoint::make_durable(session, stream).await)
    }
}

impl Store for MongoStore {
    fn checkpoint(&mut self, stream: Stream) -> Result<Option<Checkpoint>, StoreError> {
        self.holds(stream)?;
        let read = self.read_checkpoint();
        Ok(self.conclude(read)?)
    }

    fn commit(&mut self, batch: &Batch) -> Outcome {
        let written = self.write(batch);
        self.conclude(written).unwrap_or_else(Outcome::from)
    }

    fn recall(
        &mut self,
        stream: Stream,
        buckets: &[Bucket],
        visit: &mut dyn FnMut(StoredRow),
    ) -> Result<(), StoreError> {
        self.holds(stream)?;
        let recalled = self.recall_rows(stream, buckets, visit);
        Ok(self.conclude(recalled)?)
    }

    fn commit_interval(&self) -> Duration {
        COMMIT_INTERVAL
    }

    fn make_durable(&mut self) -> Result<(), StoreError> {
        let synced = self.sync();
        Ok(self.conclude(synced)?)
    }
}

/// The documents, then the checkpoint.
async fn commit(session: &Session, units: &mut Units, batch: &Batch) -> Result<Outcome, Fault> {
    let stream = batch.stream();
    let stored = checkpoint::read(session, stream).await?;
    if let Verdict::Answer(outcome) = judge(stored.as_ref(), batch) {
        return Ok(outcome);
    }
    if !is_known(batch, units) {
        read_units(session, units).await?;
    }
    write::write(session, units, &writes(batch)).await?;
    checkpoint::set(session, stream, stored.as_ref(), &batch.to).await?;
    Ok(Outcome::Committed)
}

/// Reads what amounts are in, as it is now.
pub(crate) async fn read_units(session: &Session, units: &mut Units) -> Result<(), Fault> {
    for collection in [Collection::Assets, Collection::Symbols] {
        each(session, collection, async |document| Ok(units.learn(collection, &document)?)).await?;
    }
    Ok(())
}
