//! A stream of a table that follows the journal.

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

use crate::config::DynamoConfig;
use crate::fault::Fault;
use crate::link::Link;
use crate::open_items::OpenItems;
use crate::session::Session;
use crate::stream::few;
use crate::{checkpoint, migrate, write};

/// Each commit writes the last item of each partition again, and the checkpoint: fewer and larger ones cost less.
const COMMIT_INTERVAL: Duration = Duration::from_secs(1);
/// Sums are written again as long as they change, each for a write unit.
const DERIVED_COMMIT_INTERVAL: Duration = Duration::from_secs(5);

/// Writes one stream. It connects when it is first asked: that the service is not there is an answer ([`Outcome::Retry`]), not an error
/// of opening.
#[derive(Debug)]
pub struct DynamoStore {
    config: DynamoConfig,
    stream: Stream,
    link: Option<Link>,
    /// The table was found to be ours, and as it should be.
    checked: bool,
    known: Known,
    trouble: Trouble,
}

/// What was read or written once.
#[derive(Debug, Default)]
struct Known {
    units: Units,
    open: OpenItems,
}

impl DynamoStore {
    /// A writer of one stream.
    pub fn open(config: DynamoConfig, stream: Stream) -> Result<Self, Fault> {
        if !is_archived(stream) {
            return Err(Fault::Misuse(format!("DynamoDB does not hold the stream {:?}", stream.word())));
        }
        Ok(Self { config, stream, link: None, checked: false, known: Known::default(), trouble: Trouble::default() })
    }

    /// Where it is.
    pub const fn config(&self) -> &DynamoConfig {
        &self.config
    }

    /// The stream it writes.
    pub const fn stream(&self) -> Stream {
        self.stream
    }

    /// What keeps it from writing at present, in words for an operator; nothing: the last attempt went well.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.reason()
    }

    /// Write units that the service has counted for this store.
    pub fn consumed(&self) -> f64 {
        self.link.as_ref().map_or(0.0, |link| link.session.consumed())
    }

    pub(crate) fn holds(&self, stream: Stream) -> Result<(), Fault> {
        if stream == self.stream {
            return Ok(());
        }
        Err(Fault::Misuse(format!("this store writes the stream {:?}, not {:?}", self.stream.word(), stream.word())))
    }

    /// The table, looked at anew where that is in doubt.
    pub(crate) fn link(&mut self) -> Result<&Link, Fault> {
        if self.link.is_none() {
            self.link = Some(Link::open(&self.config, self.stream.word())?);
        }
        let link = self.link.as_ref().ok_or_else(|| Fault::Misuse("no client".into()))?;
        if !self.checked {
            let migrates = self.config.migrates;
            link.run(async |session| migrate::check(session, migrates).await)?;
            self.checked = true;
        }
        Ok(link)
    }

    /// Ends an attempt: the operator hears of a reason once.
    pub(crate) fn conclude<T>(&mut self, result: Result<T, Fault>) -> Result<T, Fault> {
        let (stream, table) = (self.stream.word(), self.config.place());
        match &result {
            Ok(_) => {
                if self.trouble.end() {
                    tracing::info!(stream, table, "can be used again");
                }
            }
            Err(fault) => {
                // Somebody may have changed the tables. To look at all of them is no help to a service that has too much to do.
                self.checked &= fault.is_ordinary() || fault.is_of_load();
                // Some of it may have been done.
                self.known.open.forget();
                let reason = fault.to_string();
                if !fault.is_ordinary() && self.trouble.begin(&reason) {
                    tracing::warn!(stream, table, reason, "cannot be used");
                }
            }
        }
        result
    }

    fn write(&mut self, batch: &Batch) -> Result<Outcome, Fault> {
        self.holds(batch.stream())?;
        self.link()?;
        let Self { link, known, .. } = self;
        let link = link.as_ref().ok_or_else(|| Fault::Misuse("no client".into()))?;
        link.run(async |session| commit(session, known, batch).await)
    }

    fn read_checkpoint(&mut self) -> Result<Option<Checkpoint>, Fault> {
        let stream = self.stream;
        self.link()?.run(async |session| checkpoint::read(session, stream).await)
    }
}

impl Store for DynamoStore {
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
        if self.stream.is_derived() { DERIVED_COMMIT_INTERVAL } else { COMMIT_INTERVAL }
    }
}

/// The documents, then the checkpoint.
async fn commit(session: &Session, known: &mut Known, batch: &Batch) -> Result<Outcome, Fault> {
    let stream = batch.stream();
    let stored = checkpoint::read(session, stream).await?;
    if let Verdict::Answer(outcome) = judge(stored.as_ref(), batch) {
        // Somebody else went on, or took it back.
        known.open.forget();
        return Ok(outcome);
    }
    if !is_known(batch, &known.units) {
        read_units(session, &mut known.units).await?;
    }
    write::write(session, &known.units, &mut known.open, &writes(batch)).await?;
    checkpoint::set(session, stream, stored.as_ref(), &batch.to).await?;
    known.open.committed();
    Ok(Outcome::Committed)
}

/// Reads what amounts are in, as it is now.
pub(crate) async fn read_units(session: &Session, units: &mut Units) -> Result<(), Fault> {
    for collection in [Collection::Assets, Collection::Symbols] {
        for document in few(session, collection).await? {
            units.learn(collection, &document)?;
        }
    }
    Ok(())
}
