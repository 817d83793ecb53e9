//! From what is on disk to a venue that can open its doors: newest snapshot, replay of the journal, comparison with the
//! event log, its missing tail derived again, a new epoch.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::ids::{Hash256, VenueId};
use domain::units::{Epoch, Seq, UnixNanos};
use engine::{Engine, RestoreError};
use journal::block::{BlockKind, BlockToWrite};
use journal::config::{Config, Insist};
use journal::error::{JournalError, OpenError, ReadError};
use journal::journal::{Claim, Journal};
use journal::read::SegmentSource;
use journal::recover::Cut;
use journal::segment::{Identity, LogName, SEGMENT_HEADER_BYTES, peek};
use journal::storage::Directory;
use journal::tip::Tip;

use crate::event_log::{EVENT_BLOCK_BYTES, EventLog};
use crate::execution_index::ExecutionIndex;
use crate::execution_index::read::ExecutionsError;
use crate::folder::Folder;
use crate::pipeline;
use crate::replayer::{EventCheck, ReplayError, ReplayPoint, Replayed, ReplayedBlock};
use crate::snapshots::Snapshots;

/// Version of the rules this binary implements; every block says under which it was made.
pub const RULES_VERSION: u32 = 1;

/// Segments smaller than this may be too small for a block of the event log: such a venue would stop at that block, and again at
/// every start. A block has at most `EVENT_BLOCK_BYTES` and one command's events, which are less than as much again.
pub const SEGMENT_BYTES_MIN: u64 = 8 << 20;

const _: () = assert!(SEGMENT_BYTES_MIN > 3 * EVENT_BLOCK_BYTES as u64, "a segment holds a block of the event log");

/// Replayed commands between two calls of a progress report.
const REPORT_EVERY: u64 = 1_000_000;

/// Where a venue keeps its journal, event log and snapshots.
#[derive(Debug, Clone)]
pub struct Places {
    /// The command journal.
    pub journal: Directory,
    /// The event log.
    pub event_log: Directory,
    /// The index of executions.
    pub event_index: Folder,
    /// Snapshots.
    pub snapshots: Folder,
}

impl Places {
    /// The usual places in a data directory.
    pub fn in_directory(data: &Path) -> Self {
        Self {
            journal: Directory::on_disk(data.join("journal")),
            event_log: Directory::on_disk(data.join("events")),
            event_index: Folder::on_disk(data.join("events-index")),
            snapshots: Folder::on_disk(data.join("snapshots")),
        }
    }

    /// The venue whose logs are here; absent before the first start. A first start that did not get as far as the journal
    /// has left an event log.
    pub fn venue(&self) -> Result<Option<VenueId>, ReadError> {
        let header = match peek(&self.journal)? {
            Some(header) => Some(header),
            None => peek(&self.event_log)?,
        };
        Ok(header.map(|header| header.identity.venue))
    }

    /// Locks the journal. Before anything here or in a store is changed: a venue may be running.
    pub fn claim(&self) -> Result<Claim, RecoveryError> {
        Ok(Claim::take(self.journal.clone())?)
    }

    /// What a reader of the journal needs.
    pub fn journal_identity(venue: VenueId) -> Identity {
        Identity { venue, name: LogName::COMMANDS }
    }

    /// What a reader of the event log needs.
    pub fn event_log_identity(venue: VenueId) -> Identity {
        Identity { venue, name: LogName::EVENTS }
    }
}

/// How a venue is started.
#[derive(Debug, Clone, Copy)]
pub struct Start {
    /// Identity of a new venue; an existing one keeps its own.
    pub new_venue: VenueId,
    /// Cell of a new venue's order ids.
    pub cell: u64,
    /// Size of a segment of either log; below `SEGMENT_BYTES_MIN` only for simulations.
    pub segment_bytes: u64,
    /// The highest checkpoint of any follower at hand.
    pub followers_reached: Seq,
}

/// A venue's state, ready to go on.
#[derive(Debug)]
pub struct Recovered {
    /// The venue.
    pub venue: VenueId,
    /// Epoch of this start; its block is durable.
    pub epoch: Epoch,
    /// The engine after the last command of the journal.
    pub engine: Engine,
    /// The journal.
    pub journal: Journal,
    /// The event log, level with the journal.
    pub event_log: EventLog,
    /// The snapshots.
    pub snapshots: Snapshots,
    /// The point the engine stands at.
    pub point: ReplayPoint,
    /// The last block time before this start; absent at the first start.
    pub earlier: Option<UnixNanos>,
    /// What happened.
    pub report: Report,
}

/// What a recovery did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whether this is the first start.
    pub created: bool,
    /// Sequence of the snapshot it began from; zero: from nothing.
    pub snapshot: Seq,
    /// Commands replayed.
    pub replayed: u64,
    /// Commands whose events were missing in the event log.
    pub events_derived: u64,
    /// Whether the last shutdown was clean.
    pub clean: bool,
    /// A torn tail that was cut off the journal.
    pub cut: Option<Cut>,
    /// Snapshots that could not be used.
    pub damaged_snapshots: Vec<(PathBuf, String)>,
}

/// Why a venue cannot start.
#[derive(Debug)]
pub enum RecoveryError {
    /// The journal or the event log does not open.
    Open(OpenError),
    /// A log cannot be written.
    Journal(JournalError),
    /// A log cannot be read.
    Read(ReadError),
    /// Replay stopped.
    Replay(ReplayError),
    /// A snapshot contradicts itself.
    Restore(RestoreError),
    /// The snapshots or the index of executions cannot be read.
    Io(io::Error),
    /// The journal begins after the newest usable snapshot.
    JournalBeginsLate {
        /// First sequence needed.
        needed: Seq,
        /// First sequence there is.
        oldest: Seq,
    },
    /// The snapshot is of another history than the journal.
    ForeignSnapshot {
        /// Its sequence.
        seq: Seq,
    },
}

impl fmt::Display for RecoveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(error) => write!(f, "{error}"),
            Self::Journal(error) => write!(f, "{error}"),
            Self::Read(error) => write!(f, "{error}"),
            Self::Replay(error) => write!(f, "{error}"),
            Self::Restore(error) => write!(f, "the newest snapshot cannot be used: {error}"),
            Self::Io(error) => write!(f, "a file beside the logs cannot be read: {error}"),
            Self::JournalBeginsLate { needed, oldest } => write!(
                f,
                "the journal begins at sequence {} but the newest usable snapshot needs {}; bring back older segments or snapshots",
                oldest.0, needed.0
            ),
            Self::ForeignSnapshot { seq } => write!(
                f,
                "the snapshot at sequence {} belongs to another history than the journal; move it away to start from an older one",
                seq.0
            ),
        }
    }
}

impl std::error::Error for RecoveryError {}

macro_rules! from {
    ($($variant:ident($error:ty)),*) => {
        $(impl From<$error> for RecoveryError {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        })*
    };
}
from!(
    Open(OpenError),
    Journal(JournalError),
    Read(ReadError),
    Replay(ReplayError),
    Restore(RestoreError),
    Io(io::Error)
);

impl From<ExecutionsError> for RecoveryError {
    fn from(error: ExecutionsError) -> Self {
        match error {
            ExecutionsError::Read(error) => Self::Read(error),
            ExecutionsError::Decode(error) => Self::Replay(ReplayError::Decode(error)),
            ExecutionsError::Index(error) => Self::Io(error),
            purged @ ExecutionsError::Purged { .. } => Self::Io(io::Error::other(purged)),
        }
    }
}

/// Brings a venue up. `on_progress` hears now and then how many commands have been replayed.
pub fn recover(places: &Places, start: Start, on_progress: &mut dyn FnMut(u64)) -> Result<Recovered, RecoveryError> {
    recover_claimed(places, places.claim()?, start, on_progress)
}

/// The same for whoever has taken [`Places::claim`] before.
pub fn recover_claimed(
    places: &Places,
    claim: Claim,
    start: Start,
    on_progress: &mut dyn FnMut(u64),
) -> Result<Recovered, RecoveryError> {
    let venue = places.venue()?.unwrap_or(start.new_venue);
    let snapshots = Snapshots::open(places.snapshots.clone())?;
    if peek(&places.journal)?.is_none()
        && let Some((seq, _)) = snapshots.list()?.first()
    {
        // The journal they belong to is gone: a new one would run into them sooner or later.
        return Err(RecoveryError::ForeignSnapshot { seq: *seq });
    }
    let config = |config: Config| sized(config, start.segment_bytes);
    let events_config = Config { start: event_log_start(places, &snapshots)?, ..config(Config::events(venue)) };
    let (event_journal, events_found) = Journal::open(places.event_log.clone(), events_config, Insist::default())?;
    let insist = Insist { must_reach: events_found.tip.seq.max(start.followers_reached), ..Insist::default() };
    let (journal, found) = Journal::open_claimed(claim, config(Config::commands(venue)), insist)?;

    let (snapshot, damaged) = snapshots.newest(events_found.tip.seq)?;
    let mut report = Report {
        created: found.created,
        snapshot: Seq::ZERO,
        replayed: 0,
        events_derived: 0,
        clean: found.sealed || found.created,
        cut: found.cut.clone(),
        damaged_snapshots: damaged.into_iter().map(|(path, error)| (path, error.to_string())).collect(),
    };
    let (events, written) = (event_journal.source(), event_journal.tip().seq);
    // What is replayed need not be read for the index: it is noted on the way.
    let replayed_after = snapshot.as_ref().map_or(Seq::ZERO, |(header, _)| header.seq);
    let index = ExecutionIndex::open(places.event_index.clone(), venue, &events, written, replayed_after)?;
    let mut event_log = EventLog::new(event_journal).with_index(Arc::new(index));
    let (mut engine, point) = match snapshot {
        Some((header, state)) => {
            report.snapshot = header.seq;
            let foreign = RecoveryError::ForeignSnapshot { seq: header.seq };
            let events = event_log.journal();
            let ours = header.venue_id == venue
                && has_block(&journal.source(), journal.tip(), header.seq, header.journal_hash)?
                && has_block(&events.source(), events.tip(), header.seq, header.event_log_hash)?;
            if !ours {
                return Err(foreign);
            }
            let (journal_hash, event_log_hash) = (header.journal_hash, header.event_log_hash);
            (Engine::from_state(&state)?, ReplayPoint { epoch: header.epoch, journal_hash, event_log_hash })
        }
        None => (
            Engine::new(start.cell),
            ReplayPoint { epoch: Epoch(0), journal_hash: Hash256::default(), event_log_hash: Hash256::default() },
        ),
    };
    let needed = engine.seq().next();
    if found.oldest > needed && found.tip.seq >= needed {
        return Err(RecoveryError::JournalBeginsLate { needed, oldest: found.oldest });
    }
    let point = replay(&mut engine, point, &journal, &mut event_log, &mut report, on_progress)?;
    let indexed = event_log.index().map(|index| index.published());
    assert!(indexed == Some(event_log.journal().tip().seq), "the index has what the event log has");
    let time = engine.time().max(event_log.journal().tip().time).max(journal.tip().time);
    let earlier = (!report.created).then_some(time);
    let (journal, epoch) = begin_epoch(journal, time)?;
    Ok(Recovered { venue, epoch, engine, journal, event_log, snapshots, point, earlier, report })
}

/// Small segments, as simulations use them, take smaller appends.
fn sized(config: Config, segment_bytes: u64) -> Config {
    if segment_bytes < SEGMENT_BYTES_MIN {
        tracing::warn!(segment_bytes, "segments are too small for anything but a simulation");
    }
    let append_bytes_max = config.append_bytes_max.min(segment_bytes.saturating_sub(SEGMENT_HEADER_BYTES));
    Config { segment_bytes, append_bytes_max, ..config }
}

/// Where a missing event log begins: at the very beginning if the journal can derive it from there, else at the oldest
/// snapshot. Followers that are not that far have to be seeded then.
fn event_log_start(places: &Places, snapshots: &Snapshots) -> Result<Tip, RecoveryError> {
    let begins_late = peek(&places.journal)?.is_some_and(|header| header.before.seq > Seq::ZERO);
    if !begins_late || peek(&places.event_log)?.is_some() {
        return Ok(Tip::default());
    }
    let found = snapshots.list()?.into_iter().find_map(|(seq, _)| snapshots.load(seq).ok());
    Ok(found.map_or(Tip::default(), |(header, _)| {
        let (seq, epoch, time) = (header.seq, header.epoch, header.time);
        tracing::warn!(
            from = seq.0,
            "the event log is missing and the journal does not reach back; it begins at a snapshot"
        );
        Tip { seq, hash: header.event_log_hash, epoch, time }
    }))
}

/// Whether the block of this hash is the one that ends at `seq`. Where that block is no longer kept it is believed: the
/// blocks behind it chain on, and are checked against each other.
fn has_block(log: &SegmentSource, tip: Tip, seq: Seq, hash: Hash256) -> Result<bool, ReadError> {
    if seq == Seq::ZERO || seq > tip.seq {
        return Ok(seq == Seq::ZERO);
    }
    match log.read(seq, seq, 0) {
        Ok(blocks) => Ok(blocks.first().is_some_and(|block| block.header.last_seq() == seq && block.hash == hash)),
        Err(ReadError::Missing(_)) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Replays everything behind the snapshot: compared with the event log as far as that goes, written to it from there on.
fn replay(
    engine: &mut Engine,
    mut point: ReplayPoint,
    journal: &Journal,
    event_log: &mut EventLog,
    report: &mut Report,
    on_progress: &mut dyn FnMut(u64),
) -> Result<ReplayPoint, RecoveryError> {
    let mut check = EventCheck::new(&event_log.journal().source(), engine.seq().next());
    let (mut replayed, mut derived) = (0, 0);
    let judge = |stretch: &Replayed| {
        for block in stretch.blocks() {
            derived += judge_block(&block, &mut check, event_log, &mut point)?;
        }
        Ok::<(), RecoveryError>(())
    };
    let mut on_applied = |commands| {
        let before = replayed;
        replayed += commands;
        if before / REPORT_EVERY != replayed / REPORT_EVERY {
            on_progress(replayed);
        }
    };
    pipeline::replay(engine, &journal.source(), journal.tip().seq, judge, &mut on_applied)?;
    (report.replayed, report.events_derived) = (replayed, derived);
    Ok(point)
}

/// Holds one replayed block against the event log, or writes it there; answers how many of its commands were missing.
fn judge_block(
    block: &ReplayedBlock<'_>,
    check: &mut EventCheck,
    event_log: &mut EventLog,
    point: &mut ReplayPoint,
) -> Result<u64, RecoveryError> {
    let header = block.header;
    let written = event_log.journal().tip().seq;
    let (mut event_log_hash, mut derived) = (check.compare(block, written)?, 0);
    if header.last_seq() > written {
        for (command, events) in block.iter() {
            if command.seq > written {
                event_log.add(header.epoch, command.seq, command.time, events)?;
                derived += 1;
            } else {
                event_log.confirm(command.seq, events);
            }
        }
        event_log.end_block(header.epoch, header.time)?;
        event_log_hash = event_log.journal().tip().hash;
    } else {
        for (command, events) in block.iter() {
            event_log.confirm(command.seq, events);
        }
        event_log.end_confirmed();
    }
    *point = ReplayPoint { epoch: header.epoch, journal_hash: block.hash, event_log_hash };
    Ok(derived)
}

/// Writes and syncs the block of a new epoch: from here on an older writer can be told.
fn begin_epoch(mut journal: Journal, time: UnixNanos) -> Result<(Journal, Epoch), RecoveryError> {
    let tip = journal.tip();
    let epoch = Epoch(tip.epoch.0 + 1);
    journal.append_synced(&[BlockToWrite {
        kind: BlockKind::Leader,
        rules_version: RULES_VERSION,
        epoch,
        first_seq: tip.seq.next(),
        count: 0,
        time,
        payload: &[],
    }])?;
    Ok((journal, epoch))
}
