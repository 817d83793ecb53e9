//! The writer.

use std::io::{self, IoSlice};
use std::sync::Arc;

use domain::units::{Seq, UnixNanos};

use crate::block::{BLOCK_HEADER_BYTES, BlockHeader, BlockKind, BlockToWrite, block_span};
use crate::config::{Config, Insist};
use crate::error::{IoFailure, JournalError, OpenError};
use crate::fields::{length, offset as to_offset};
use crate::prepare::{Headroom, PrepareStep, PreparerThread, SegmentPreparer};
use crate::read::SegmentSource;
use crate::recover::{Recovered, recover};
use crate::segment::{SEGMENT_HEADER_BYTES, Segment, SegmentHeader, segment_name};
use crate::storage::{Directory, DirectoryLock};
use crate::tip::Tip;
use crate::vote;

static ZEROS: [u8; 4096] = [0; 4096];

/// The directory of a log, locked: nobody else opens the log to write as long as this is held. Who changes other files because
/// the log is to be opened takes it first.
#[derive(Debug)]
pub struct Claim {
    directory: Directory,
    lock: Box<dyn DirectoryLock>,
}

impl Claim {
    /// Locks a directory, which is made where it is missing.
    pub fn take(directory: Directory) -> Result<Self, OpenError> {
        directory.create()?;
        let lock = directory.lock().map_err(|source| {
            let path = directory.path().to_path_buf();
            let is_held = source.kind() == io::ErrorKind::WouldBlock;
            if is_held { OpenError::Locked(path) } else { OpenError::Io(IoFailure { action: "lock", path, source }) }
        })?;
        Ok(Self { directory, lock })
    }
}

/// A log open for writing. There is at most one per directory.
#[derive(Debug)]
pub struct Journal {
    pub(crate) directory: Directory,
    pub(crate) config: Config,
    pub(crate) active: Active,
    pub(crate) tip: Tip,
    durable: Seq,
    preparer: Arc<SegmentPreparer>,
    thread: Option<PreparerThread>,
    poisoned: bool,
    headers: Vec<[u8; BLOCK_HEADER_BYTES]>,
    // Dropped last: the next owner must find nobody else at work.
    _lock: Box<dyn DirectoryLock>,
}

/// The segment being written.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) segment: Segment,
    /// Where the next block goes.
    pub(crate) end: u64,
    /// Everything below has been synced.
    pub(crate) synced_to: u64,
    /// Bytes that exist already; beyond, a write would have to take space.
    pub(crate) prepared: u64,
}

impl Journal {
    /// Opens a log, recovering it from a crash, or begins a new one where there is none.
    ///
    /// Everything up to the tip it reports is durable.
    pub fn open(directory: Directory, config: Config, insist: Insist) -> Result<(Self, Recovered), OpenError> {
        config.check()?;
        Self::open_claimed(Claim::take(directory)?, config, insist)
    }

    /// The same in a directory that nobody else can write any more.
    pub fn open_claimed(claim: Claim, config: Config, insist: Insist) -> Result<(Self, Recovered), OpenError> {
        config.check()?;
        let Claim { directory, lock } = claim;
        let found = recover(&directory, &config, insist)?;
        let preparer = Arc::new(SegmentPreparer::new(directory.clone(), config.segment_bytes));
        let (active, recovered) = if let Some((cursor, recovered)) = found {
            let prepared = cursor.segment.file.size()?;
            let (end, segment) = (cursor.offset, cursor.segment);
            (Active { segment, end, synced_to: end, prepared }, recovered)
        } else {
            let tip = config.start;
            let active = Active::from_spare(&directory, &config, preparer.take()?, tip)?;
            (active, Recovered { tip, oldest: tip.seq.next(), created: true, sealed: false, cut: None })
        };
        let tip = recovered.tip;
        let (durable, poisoned) = (tip.seq, false);
        let (thread, headers) = (None, Vec::new());
        let journal =
            Self { directory, config, active, tip, durable, preparer, thread, poisoned, headers, _lock: lock };
        Ok((journal, recovered))
    }

    /// Prepares segments in a thread from now on. Without it, [`Self::prepare_step`] has to be called, or the writer
    /// does the work when it needs a segment.
    pub fn prepare_in_background(&mut self) -> io::Result<()> {
        if self.thread.is_none() {
            self.thread = Some(PreparerThread::spawn(Arc::clone(&self.preparer))?);
        }
        Ok(())
    }

    /// Does one small piece of the work of preparing the next segment.
    pub fn prepare_step(&self) -> PrepareStep {
        self.preparer.prepare_step()
    }

    /// How much room there is. Ask before taking work in, not after.
    pub fn headroom(&self) -> Headroom {
        if !self.preparer.is_short() {
            Headroom::Ample
        } else if self.active.room() >= self.config.append_bytes_max {
            Headroom::ReserveOnly
        } else {
            Headroom::Exhausted
        }
    }

    /// The end of the log, durable or not.
    pub const fn tip(&self) -> Tip {
        self.tip
    }

    /// The last sequence known to be durable.
    pub const fn durable(&self) -> Seq {
        self.durable
    }

    /// Whether an earlier failure has ended this journal's life.
    pub const fn is_poisoned(&self) -> bool {
        self.poisoned
    }

    /// What the log was opened with.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// A source of this log's blocks, for readers in any thread.
    pub fn source(&self) -> SegmentSource {
        SegmentSource::new(self.directory.clone(), self.config.identity)
    }

    /// Writes blocks behind each other, by one system call where the kernel allows. Not durable before [`Self::sync`].
    ///
    /// Refused with nothing written: a block that does not continue the log, more than `append_bytes_max`, no space for
    /// the next segment. Any other error poisons the journal.
    pub fn append(&mut self, blocks: &[BlockToWrite<'_>]) -> Result<(), JournalError> {
        self.alive()?;
        let bytes = self.admit(blocks)?;
        if bytes > self.active.room() && self.tip.seq.next() > self.active.segment.header.first_seq() {
            self.roll()?;
        }
        let tip = self.encode(blocks);
        let written = self.write(blocks);
        self.note(written)?;
        self.active.end = self.active.end.saturating_add(bytes);
        self.tip = tip;
        if self.active.room() < self.active.prepared / 2 {
            self.preparer.hurry();
        }
        Ok(())
    }

    /// Makes everything appended durable.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        self.alive()?;
        if self.active.synced_to < self.active.end {
            let synced = self.active.segment.file.sync();
            self.note(synced)?;
            self.active.synced_to = self.active.end;
        }
        self.durable = self.tip.seq;
        Ok(())
    }

    /// Bytes of the active segment that were appended and not synced yet.
    pub fn unsynced_bytes(&self) -> u64 {
        self.active.end.saturating_sub(self.active.synced_to)
    }

    /// [`Self::append`], then [`Self::sync`].
    pub fn append_synced(&mut self, blocks: &[BlockToWrite<'_>]) -> Result<(), JournalError> {
        self.append(blocks)?;
        self.sync()
    }

    /// Ends the log cleanly: from here on, damage to what was written cannot look like a torn tail.
    pub fn seal(mut self, rules_version: u32, time: UnixNanos) -> Result<(), JournalError> {
        self.sync()?;
        let (epoch, first_seq) = (self.tip.epoch, self.tip.seq.next());
        let kind = BlockKind::Seal;
        self.append_synced(&[BlockToWrite { kind, rules_version, epoch, first_seq, count: 0, time, payload: &[] }])
    }

    /// Stores the vote record, durably, in place of the one before.
    pub fn save_vote(&mut self, record: &[u8]) -> Result<(), JournalError> {
        self.alive()?;
        if record.len() > vote::VOTE_BYTES_MAX {
            return Err(JournalError::VoteTooLong);
        }
        let saved = vote::save(&self.directory, self.config.identity.venue, record);
        self.note(saved)
    }

    /// The vote record; absent if none was ever stored.
    pub fn read_vote(&self) -> Result<Option<Vec<u8>>, JournalError> {
        self.alive()?;
        Ok(vote::read(&self.directory, self.config.identity.venue)?)
    }

    pub(crate) const fn alive(&self) -> Result<(), JournalError> {
        if self.poisoned { Err(JournalError::Poisoned) } else { Ok(()) }
    }

    /// Poisons the journal if the storage failed.
    pub(crate) fn note<T>(&mut self, result: Result<T, IoFailure>) -> Result<T, JournalError> {
        self.poisoned |= result.is_err();
        Ok(result?)
    }

    /// Ends this journal's life: every later call is refused.
    pub(crate) const fn poison(&mut self) {
        self.poisoned = true;
    }

    /// Replaces the active segment after a truncation; everything up to `tip` is durable.
    pub(crate) fn continue_at(&mut self, active: Active, tip: Tip) {
        self.active = active;
        self.tip = tip;
        self.durable = tip.seq;
    }

    /// Checks the order and size of the blocks: the bytes they will take.
    fn admit(&self, blocks: &[BlockToWrite<'_>]) -> Result<u64, JournalError> {
        let mut tip = self.tip;
        let mut bytes: u64 = 0;
        for block in blocks {
            bytes = bytes.saturating_add(block_span(to_offset(block.payload.len()), self.config.alignment_bytes));
            // The hash is filled in when the block is encoded; here it stands still.
            let header = self.header(block, &tip);
            header.check().map_err(JournalError::Refused)?;
            tip.admits(&header, self.config.identity.venue).map_err(JournalError::Refused)?;
            tip = Tip::after(&header, tip.hash);
        }
        let bytes_max = self.config.append_bytes_max;
        if bytes > bytes_max {
            return Err(JournalError::TooLarge { bytes, bytes_max });
        }
        Ok(bytes)
    }

    fn header(&self, block: &BlockToWrite<'_>, tip: &Tip) -> BlockHeader {
        BlockHeader {
            kind: block.kind,
            rules_version: block.rules_version,
            count: block.count,
            venue: self.config.identity.venue,
            epoch: block.epoch,
            first_seq: block.first_seq,
            time: block.time,
            length: u32::try_from(block.payload.len()).unwrap_or(u32::MAX), // `admit` refuses what does not fit
            payload_crc: 0,
            previous: tip.hash,
            synced_to: self.active.synced_to,
        }
    }

    /// Fills `headers`: the tip after the blocks.
    fn encode(&mut self, blocks: &[BlockToWrite<'_>]) -> Tip {
        self.headers.clear();
        let mut tip = self.tip;
        for block in blocks {
            let header = BlockHeader { payload_crc: crc32c::crc32c(block.payload), ..self.header(block, &tip) };
            let (bytes, hash) = header.encode(block.payload);
            self.headers.push(bytes);
            tip = Tip::after(&header, hash);
        }
        tip
    }

    fn write(&self, blocks: &[BlockToWrite<'_>]) -> Result<(), IoFailure> {
        let mut slices = Vec::with_capacity(blocks.len().saturating_mul(3));
        for (header, block) in self.headers.iter().zip(blocks) {
            let bytes = to_offset(BLOCK_HEADER_BYTES.saturating_add(block.payload.len()));
            let span = block_span(to_offset(block.payload.len()), self.config.alignment_bytes);
            let padding = length(span.saturating_sub(bytes));
            slices.push(IoSlice::new(header));
            slices.push(IoSlice::new(block.payload));
            slices.push(IoSlice::new(ZEROS.get(..padding).unwrap_or_default()));
        }
        self.active.segment.file.write_all(&mut slices, self.active.end)
    }

    /// Closes the active segment and goes on in the next one.
    fn roll(&mut self) -> Result<(), JournalError> {
        let spare = match self.preparer.take() {
            Err(failure) if failure.is_no_space() => return Err(JournalError::NoSpace),
            taken => self.note(taken)?,
        };
        // The old segment first: once the next one has a name, this one must be durable and complete.
        self.sync()?;
        let begun = Active::from_spare(&self.directory, &self.config, spare, self.tip);
        self.active = self.note(begun)?;
        Ok(())
    }
}

impl Active {
    /// Bytes that can be written without taking space.
    pub(crate) const fn room(&self) -> u64 {
        self.prepared.saturating_sub(self.end)
    }

    /// Header, sync, name, sync: a crash in between leaves either no segment or a valid one.
    fn from_spare(
        directory: &Directory,
        config: &Config,
        spare: crate::prepare::Spare,
        before: Tip,
    ) -> Result<Self, IoFailure> {
        let header = SegmentHeader {
            identity: config.identity,
            alignment_bytes: config.alignment_bytes,
            segment_bytes: config.segment_bytes,
            before,
        };
        let name = segment_name(header.first_seq());
        let mut file = spare.file;
        file.write_bytes(&header.encode(), 0)?;
        file.sync()?;
        directory.rename(&spare.name, &name)?;
        directory.sync()?;
        file.path = directory.path().join(name);
        let (end, synced_to) = (SEGMENT_HEADER_BYTES, SEGMENT_HEADER_BYTES);
        Ok(Self { segment: Segment { header, file }, end, synced_to, prepared: config.segment_bytes })
    }
}
