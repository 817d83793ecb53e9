//! The whole path of a command on a disk that fails: many lives of one venue, each ended by a crash, each begun by recovery.
//!
//! No threads and no clock: what happens next follows from the seed, so a failure happens again. The faults are those of
//! `journal::faulty`: power cuts that lose, reorder and tear what was not synced, errors of writes and syncs (also within a
//! recovery), a full disk, short writes.

mod life;
mod oracle;

use std::sync::Arc;

use domain::ids::VenueId;
use domain::units::Seq;
use journal::faulty::FaultyDisk;
use journal::faulty::fault::Fault;
use journal::storage::Directory;
use sequencer::folder::Folder;
use sequencer::queue::fits_a_record;
use sequencer::recovery::{Places, Recovered, RecoveryError, Start, recover};

use self::life::{End, Life};
use self::oracle::Oracle;
use crate::commands::{CELL, Profile, Timed, generate};
use crate::random::Random;

const VENUE: VenueId = VenueId([7; 16]);
/// Small, so that segments end often.
const SEGMENT_BYTES: u64 = 256 << 10;
/// For the seeds with a command whose events do not fit into a small segment.
const LARGE_SEGMENT_BYTES: u64 = 8 << 20;
/// Commands for one venue, over all its lives. The model is slow.
const COMMANDS: usize = 1_500;

/// What the lives of one venue came to; a test looks whether they were hard enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lives {
    /// Lives that ended in a crash.
    pub crashes: u64,
    /// Starts that a fault ended before the doors opened.
    pub failed_starts: u64,
    /// Lives that ended cleanly.
    pub clean_ends: u64,
    /// Commands that were answered.
    pub answered: u64,
    /// Commands that were in the journal and had not been answered when the venue crashed.
    pub unanswered_kept: u64,
    /// Commands that were taken and are not in the journal.
    pub lost: u64,
    /// Commands whose events recovery derived.
    pub events_derived: u64,
    /// Starts from a snapshot.
    pub from_snapshot: u64,
}

impl std::ops::AddAssign for Lives {
    fn add_assign(&mut self, other: Self) {
        self.crashes += other.crashes;
        self.failed_starts += other.failed_starts;
        self.clean_ends += other.clean_ends;
        self.answered += other.answered;
        self.unanswered_kept += other.unanswered_kept;
        self.lost += other.lost;
        self.events_derived += other.events_derived;
        self.from_snapshot += other.from_snapshot;
    }
}

/// Runs so many lives of one venue; an error says what broke.
pub fn run(seed: u64, profile: Profile, lives: usize) -> Result<Lives, String> {
    let mut commands = generate(profile, seed, COMMANDS);
    commands.retain(|timed| fits_a_record(&timed.command));
    match Story::new(seed, &commands, SEGMENT_BYTES).run(lives) {
        // A single command trades up to `FILLS_PER_COMMAND_MAX` times.
        Err(what) if what.contains("bytes in one append") => {
            Story::new(seed, &commands, LARGE_SEGMENT_BYTES).run(lives)
        }
        outcome => outcome,
    }
}

struct Story<'a> {
    random: Random,
    disk: FaultyDisk,
    places: Places,
    commands: &'a [Timed],
    segment_bytes: u64,
    oracle: Oracle,
    /// The wall clock, which may go back while the venue is down.
    wall: u64,
    counts: Lives,
}

impl<'a> Story<'a> {
    fn new(seed: u64, commands: &'a [Timed], segment_bytes: u64) -> Self {
        let mut random = Random::new(seed);
        let disk = FaultyDisk::new(random.draw());
        let directory = |name: &str| Directory::new(Arc::new(disk.clone()), name);
        let folder = |name: &str| Folder::new(Arc::new(disk.clone()), name);
        let places = Places {
            journal: directory("journal"),
            event_log: directory("events"),
            event_index: folder("events-index"),
            snapshots: folder("snapshots"),
        };
        let wall = commands.first().map_or(0, |first| first.time.0);
        Self { random, disk, places, commands, segment_bytes, oracle: Oracle::new(), wall, counts: Lives::default() }
    }

    fn run(mut self, lives: usize) -> Result<Lives, String> {
        let mut was_clean = true;
        for life in 0..lives {
            let recovered = self.start(life, &mut was_clean)?;
            if was_clean && !recovered.report.clean {
                return Err(format!("life {life}: the end before was clean, recovery says it was not"));
            }
            self.counts.events_derived += recovered.report.events_derived;
            self.counts.from_snapshot += u64::from(recovered.report.snapshot > Seq::ZERO);
            let outcome = self.oracle.recovered(&recovered).map_err(|what| format!("life {life}, recovery: {what}"))?;
            self.counts.unanswered_kept += outcome.unanswered_kept;
            self.counts.lost += outcome.lost;
            was_clean = self.live(recovered).map_err(|what| format!("life {life}: {what}"))?;
        }
        let recovered = self.start(lives, &mut was_clean)?;
        self.oracle.recovered(&recovered)?;
        self.counts.answered = self.oracle.answered();
        Ok(self.counts)
    }

    /// Starts the venue; some starts are ended by a fault, and then tried again.
    fn start(&mut self, life: usize, was_clean: &mut bool) -> Result<Recovered, String> {
        let start =
            Start { new_venue: VENUE, cell: CELL, segment_bytes: self.segment_bytes, followers_reached: Seq::ZERO };
        while self.random.chance(200) {
            *was_clean = false;
            let fault = self.random.pick(&[Fault::WriteError, Fault::SyncError, Fault::ShortWrite, Fault::NoSpace]);
            self.disk.inject(fault, u32::try_from(self.random.below(12)).expect("small"));
            match recover(&self.places, start, &mut |_| {}) {
                Ok(recovered) => {
                    drop(recovered);
                    self.counts.failed_starts += 1;
                }
                Err(error) if is_the_disks(&error) => self.counts.failed_starts += 1,
                Err(error) => return Err(format!("life {life}, a start under {fault:?}: {error}")),
            }
            self.crash();
        }
        recover(&self.places, start, &mut |_| {}).map_err(|error| format!("life {life}: it does not start: {error}"))
    }

    /// One life, from the open doors to its end; says whether that was clean.
    fn live(&mut self, recovered: Recovered) -> Result<bool, String> {
        // Behind by up to a second, or ahead by minutes.
        self.wall = self.wall + self.random.below(100_000_000_000) - self.random.below(1_000_000_000);
        let mut life = Life::begin(recovered, &self.disk, self.wall);
        self.plan_faults();
        let end = life.run(&mut self.random, self.commands, &mut self.oracle)?;
        self.wall = life.wall();
        let end = if end == End::Clean { life.seal() } else { end };
        self.disk.set_capacity_bytes(None);
        match end {
            End::Crash => {
                self.crash();
                self.counts.crashes += 1;
                Ok(false)
            }
            End::Clean => {
                self.disk.process_exit();
                self.disk.power_cut();
                self.counts.clean_ends += 1;
                Ok(true)
            }
        }
    }

    fn crash(&mut self) {
        if self.random.chance(300) {
            self.disk.process_exit();
        } else {
            self.disk.power_cut();
        }
    }

    fn plan_faults(&mut self) {
        for _ in 0..self.random.below(3) {
            let fault = self.random.pick(&[Fault::WriteError, Fault::SyncError, Fault::ShortWrite, Fault::NoSpace]);
            self.disk.inject(fault, u32::try_from(self.random.below(60)).expect("small"));
        }
        if self.random.chance(150) {
            let sizes =
                self.disk.files().into_iter().filter_map(|path| self.disk.contents(path)).map(|file| file.len());
            let used = u64::try_from(sizes.sum::<usize>()).expect("a size fits");
            self.disk.set_capacity_bytes(Some(used + self.random.below(self.segment_bytes * 2)));
        }
    }
}

/// Whether a start failed because the disk did, and not because of what is on it.
fn is_the_disks(error: &RecoveryError) -> bool {
    use journal::error::{JournalError, OpenError, ReadError};
    match error {
        RecoveryError::Open(error) => matches!(error, OpenError::Io(_) | OpenError::NoSpace(_)),
        RecoveryError::Journal(error) => matches!(error, JournalError::Io(_) | JournalError::NoSpace),
        RecoveryError::Read(error) => matches!(error, ReadError::Io(_)),
        RecoveryError::Io(_) => true,
        RecoveryError::Replay(_)
        | RecoveryError::Restore(_)
        | RecoveryError::JournalBeginsLate { .. }
        | RecoveryError::ForeignSnapshot { .. } => false,
    }
}
