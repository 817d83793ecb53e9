//! What every store must do, whatever it is made of. Each function panics where a store does otherwise; all are called with a way to
//! make an empty store and a history to put into it. The history is of one journal and long enough to be cut into batches.

pub mod history;
pub mod archive;
pub mod rewind;
pub mod retired;
pub mod example;
pub mod absent;

use domain::command::{Command, Sequenced};
use domain::event::Event;
use domain::ids::{Checkpoint, Hash256, VenueId};
use domain::state::State;
use domain::units::{Epoch, Seq, UnixNanos};

use crate::batch::{Batch, Stream};
use crate::block::{BlockInfo, CommittedBlock};
use crate::buckets::Interval;
use crate::fold::Projector;
use crate::fold::resume::resume;
use crate::follower::{Follower, Source, SourceError, Step};
use crate::memory::MemoryStore;
use crate::settings::Settings;
use crate::share::Share;
use crate::store::{Divergence, Outcome, ReadStream, Store, StoredRow};

/// Epoch of the writer, later than that of any block.
const WRITER: Epoch = Epoch(1_000);
/// Most blocks in a batch.
const CUT_MAX: u64 = 7;
/// Most commands in a block.
const BLOCK_MAX: usize = 9;
/// How derived collections are cut here: finely, so that a short history has many buckets.
pub const SETTINGS: Settings = Settings {
    positions: Interval::Seconds(30),
    snapshots: Interval::Seconds(2),
    snapshot_levels: 3,
    snapshot_ttl_ns: 3_600_000_000_000,
};

/// A store under test.
pub trait Subject: Store + ReadStream {
    /// The streams it holds, in the order in which it should be fed.
    fn streams(&self) -> Vec<Stream>;

    /// Whether it keeps such rows at all.
    fn keeps(&self, row: &StoredRow) -> bool;

    /// From now on, each commit fails with [`Outcome::Retry`] after so many writes, or runs through.
    fn interrupt_after(&mut self, writes: Option<u64>);

    /// Forgets what is only in memory, as though its process had died.
    fn reopen(&mut self);
}

/// Makes an empty store.
pub type Fresh<'a> = &'a dyn Fn() -> Box<dyn Subject>;

/// However a history is cut into batches, and however often a batch is written, the rows are the same.
pub fn rows_do_not_depend_on_the_cut(fresh: Fresh<'_>, blocks: &[CommittedBlock], seed: u64) {
    let mut subject = fresh();
    let mut dice = Dice(seed);
    for stream in subject.streams() {
        let mut at = 0;
        while at < blocks.len() {
            let end = dice.cut(at, blocks.len());
            let batch = resumed_batch(subject.as_mut(), stream, blocks, at, end);
            for _ in 0..=dice.below(2) {
                assert_eq!(subject.commit(&batch), Outcome::Committed, "{stream:?} {:?}", batch.to);
            }
            assert_eq!(subject.checkpoint(stream), Ok(Some(batch.to)));
            at = end;
        }
        same_rows(subject.as_mut(), stream, blocks);
    }
}

/// A commit that is interrupted before any of its writes leaves the checkpoint where it was, and is completed by the next
/// batch, wherever that ends.
pub fn interruption_at_every_write_is_made_good(fresh: Fresh<'_>, blocks: &[CommittedBlock], seed: u64) {
    let mut subject = fresh();
    let mut dice = Dice(seed);
    for stream in subject.streams() {
        let mut at = 0;
        while at < blocks.len() {
            let before = subject.checkpoint(stream);
            let mut writes = 0;
            let end = loop {
                let end = dice.cut(at, blocks.len());
                let batch = resumed_batch(subject.as_mut(), stream, blocks, at, end);
                subject.interrupt_after(Some(writes));
                let outcome = subject.commit(&batch);
                if outcome == Outcome::Committed {
                    break end;
                }
                assert!(matches!(outcome, Outcome::Retry(_)), "{stream:?} after {writes} writes: {outcome:?}");
                subject.interrupt_after(None);
                subject.reopen();
                assert_eq!(subject.checkpoint(stream), before, "the checkpoint is written last");
                writes += 1;
            };
            subject.interrupt_after(None);
            at = end;
        }
        same_rows(subject.as_mut(), stream, blocks);
    }
}

/// What does not fit is not written.
pub fn what_does_not_fit_is_refused(fresh: Fresh<'_>, blocks: &[CommittedBlock]) {
    let (middle, end) = (blocks.len() / 2, blocks.len());
    let mut subject = fresh();
    for stream in subject.streams() {
        let (first, second) = (batch(stream, blocks, 0, middle), batch(stream, blocks, middle, end));
        let whole = batch(stream, blocks, 0, end);
        let origin = Checkpoint { seq: Seq::ZERO, hash: Hash256::default(), ..second.from };
        assert_eq!(subject.commit(&second), Outcome::Behind(origin), "an empty store is behind");
        assert_eq!(subject.commit(&first), Outcome::Committed);
        let stored = first.to;
        let before = rows(subject.as_mut(), stream);
        let hash = Outcome::Diverged(Divergence::Hash { seq: stored.seq, stored: stored.hash });
        let foreign = VenueId([0xff; 16]);
        let refused = [
            ("an older writer", with(&second, |batch| batch.to.epoch = Epoch(WRITER.0 - 1)), Outcome::Fenced(WRITER)),
            (
                "another journal",
                with(&second, |batch| (batch.from.venue, batch.to.venue) = (foreign, foreign)),
                Outcome::Diverged(Divergence::Venue(stored.venue)),
            ),
            ("another history", with(&second, |batch| batch.from.hash = Hash256([0xff; 32])), hash.clone()),
            ("another history of the same", with(&first, |batch| batch.to.hash = Hash256([0xff; 32])), hash),
            ("from before", whole, Outcome::Behind(stored)),
            ("from after", with(&second, |batch| batch.from.seq = stored.seq.next()), Outcome::Behind(stored)),
        ];
        for (what, batch, outcome) in refused {
            assert_eq!(subject.commit(&batch), outcome, "{stream:?}: {what}");
            assert_eq!(subject.checkpoint(stream), Ok(Some(stored)), "{stream:?}: {what}");
            assert_eq!(rows(subject.as_mut(), stream), before, "{stream:?}: {what}");
        }
        assert_eq!(subject.commit(&second), Outcome::Committed);
        same_rows(subject.as_mut(), stream, blocks);
    }
}

/// Followers that die and a store that fails at any write come to the same rows.
pub fn followers_survive_deaths(fresh: Fresh<'_>, blocks: &[CommittedBlock], seed: u64) {
    let mut subject = fresh();
    let mut dice = Dice(seed);
    let venue = blocks[0].info().venue;
    let end = blocks[blocks.len() - 1].info().last;
    for stream in subject.streams() {
        let mut source = Blocks::new(blocks);
        let mut follower = Follower::new(stream, venue, WRITER, Share::whole(), SETTINGS);
        let mut now = UnixNanos(0);
        loop {
            if dice.below(4) == 0 {
                source.arrive(1 + dice.below(CUT_MAX));
            }
            subject.interrupt_after((dice.below(3) == 0).then(|| dice.below(40)));
            match follower.step(now, &mut source, subject.as_mut()) {
                Step::Committed(checkpoint) if checkpoint.seq == end => break,
                Step::Committed(_) | Step::Resumed(_) | Step::Idle => now = now.plus(1_000_000),
                Step::Wait(until) => now = until,
                Step::Stopped => panic!("{stream:?}: {:?}", follower.stopped()),
            }
            if dice.below(10) == 0 {
                subject.interrupt_after(None);
                subject.reopen();
                follower = Follower::new(stream, venue, WRITER, Share::whole(), SETTINGS);
            }
        }
        subject.interrupt_after(None);
        same_rows(subject.as_mut(), stream, blocks);
    }
}

/// The venue of [`blocks`].
pub const VENUE: VenueId = VenueId([7; 16]);

/// Commands in blocks of 1 to 9, with the events that `apply` says come of each.
pub fn blocks(
    commands: &[Sequenced<Command>],
    mut apply: impl FnMut(&Sequenced<Command>, &mut Vec<Event>),
) -> Vec<CommittedBlock> {
    let mut blocks = Vec::new();
    let mut rest = commands;
    while let Some(first) = rest.first() {
        let below = first.seq.0.wrapping_mul(0x9e37_79b9) >> 7;
        let size = 1 + usize::try_from(below % BLOCK_MAX as u64).expect("below nine");
        let (block, later) = rest.split_at(size.min(rest.len()));
        blocks.push(committed(block, &mut apply));
        rest = later;
    }
    blocks
}

fn committed(
    commands: &[Sequenced<Command>],
    apply: &mut dyn FnMut(&Sequenced<Command>, &mut Vec<Event>),
) -> CommittedBlock {
    let (first, last) = (commands[0].seq, commands[commands.len() - 1].seq);
    let (journal, events) = (hash(1, last), hash(2, last));
    let mut block = CommittedBlock::new(BlockInfo { venue: VENUE, epoch: Epoch(1), first, last, journal, events });
    for command in commands {
        let mut events = Vec::new();
        apply(command, &mut events);
        block.push(command.clone(), events);
    }
    block
}

fn hash(kind: u8, seq: Seq) -> Hash256 {
    let mut bytes = [kind; 32];
    bytes[..8].copy_from_slice(&seq.0.to_le_bytes());
    Hash256(bytes)
}

/// The batch of the blocks `from .. to`.
pub fn batch(stream: Stream, blocks: &[CommittedBlock], from: usize, to: usize) -> Batch {
    part(stream, blocks, from, to, Share::whole())
}

/// What of that batch is in a share.
pub fn part(stream: Stream, blocks: &[CommittedBlock], from: usize, to: usize, mut share: Share) -> Batch {
    let before = from.checked_sub(1).map(|last| Checkpoint { epoch: WRITER, ..blocks[last].info().checkpoint() });
    let checkpoint = if stream.is_derived() { None } else { before }.unwrap_or(origin(blocks));
    let mut projector = Projector::new(stream, checkpoint, WRITER, &SETTINGS);
    if stream.is_derived() {
        // What a row says depends on everything before it.
        for block in &blocks[..from] {
            projector.push(block, &mut share).expect("the blocks follow each other");
        }
        projector.take();
    }
    push_all(&mut projector, &blocks[from..to], &mut share)
}

/// The same batch, of a projector that goes on from what the store has.
fn resumed_batch(
    subject: &mut dyn Subject,
    stream: Stream,
    blocks: &[CommittedBlock],
    from: usize,
    to: usize,
) -> Batch {
    let before = from.checked_sub(1).map(|last| Checkpoint { epoch: WRITER, ..blocks[last].info().checkpoint() });
    let checkpoint = before.unwrap_or(origin(blocks));
    let mut source = Blocks::new(blocks);
    source.arrive(u64::MAX);
    let projector = resume(stream, checkpoint, WRITER, &SETTINGS, &mut source, subject);
    push_all(&mut projector.expect("it can be gone on from there"), &blocks[from..to], &mut Share::whole())
}

fn origin(blocks: &[CommittedBlock]) -> Checkpoint {
    Checkpoint { venue: blocks[0].info().venue, epoch: WRITER, seq: Seq::ZERO, hash: Hash256::default() }
}

fn push_all(projector: &mut Projector, blocks: &[CommittedBlock], share: &mut Share) -> Batch {
    for block in blocks {
        projector.push(block, share).expect("the blocks follow each other");
    }
    projector.take().expect("at least one block")
}

/// The rows of a stream, in an order that does not depend on the store.
pub fn rows(store: &mut dyn Subject, stream: Stream) -> Vec<StoredRow> {
    let mut rows = Vec::new();
    store.read_stream(stream, &mut |row| rows.push(row)).expect("the store can be read");
    rows.sort_by_cached_key(|row| format!("{row:?}"));
    rows
}

/// Compares with rows that were written block by block, so that nothing was folded over more than one.
fn same_rows(subject: &mut dyn Subject, stream: Stream, blocks: &[CommittedBlock]) {
    let mut memory = MemoryStore::default();
    let mut projector = Projector::new(stream, origin(blocks), WRITER, &SETTINGS);
    for block in blocks {
        assert_eq!(
            memory.commit(&push_all(&mut projector, std::slice::from_ref(block), &mut Share::whole())),
            Outcome::Committed
        );
    }
    let mut expected = Vec::new();
    memory.read_stream(stream, &mut |row| expected.push(row)).expect("memory can be read");
    expected.retain(|row| subject.keeps(row));
    expected.sort_by_cached_key(|row| format!("{row:?}"));
    let found = rows(subject, stream);
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected, "{stream:?}");
    }
    assert_eq!(found.len(), expected.len(), "{stream:?}: missing or too many rows");
}

fn with(batch: &Batch, change: impl FnOnce(&mut Batch)) -> Batch {
    let mut changed = batch.clone();
    change(&mut changed);
    changed
}

/// Blocks that arrive one after the other.
#[derive(Debug)]
pub struct Blocks<'a> {
    all: &'a [CommittedBlock],
    arrived: usize,
    next: usize,
}

impl<'a> Blocks<'a> {
    /// None has arrived yet.
    pub const fn new(blocks: &'a [CommittedBlock]) -> Self {
        Self { all: blocks, arrived: 0, next: 0 }
    }

    /// The next block is the one after this sequence, at which one ends.
    pub fn start_after(&mut self, seq: Seq) {
        self.next = self.all.partition_point(|block| block.info().last <= seq);
    }

    /// So many more arrive.
    pub fn arrive(&mut self, count: u64) {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        self.arrived = self.arrived.saturating_add(count).min(self.all.len());
    }
}

impl Source for Blocks<'_> {
    fn seek(&mut self, checkpoint: &Checkpoint) -> Result<Option<UnixNanos>, SourceError> {
        self.next = self.all.partition_point(|block| block.info().last <= checkpoint.seq);
        match self.next.checked_sub(1).map(|last| self.all[last].info()) {
            Some(last) if last.last != checkpoint.seq => Err(SourceError::Diverged(Divergence::Ahead(checkpoint.seq))),
            Some(last) if last.events != checkpoint.hash => {
                Err(SourceError::Diverged(Divergence::Hash { seq: checkpoint.seq, stored: checkpoint.hash }))
            }
            Some(_) | None => Ok(self.next.checked_sub(1).and_then(|last| self.all[last].last_time())),
        }
    }

    /// Nothing but the logs: the state before the first command.
    fn state_before(&mut self, _seq: Seq) -> Result<State, SourceError> {
        self.next = 0;
        Ok(State::default())
    }

    fn committed(&self) -> Seq {
        self.arrived.checked_sub(1).and_then(|last| self.all.get(last)).map_or(Seq::ZERO, |block| block.info().last)
    }

    fn next(&mut self) -> Result<Option<&CommittedBlock>, SourceError> {
        if self.next >= self.arrived {
            return Ok(None);
        }
        self.next += 1;
        Ok(self.all.get(self.next - 1))
    }
}

/// Numbers from a seed (`SplitMix64`).
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn at(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(u64::try_from(bound).expect("a small number"))).expect("below a small number")
    }

    /// Where the batch that begins at a block ends.
    fn cut(&mut self, from: usize, end: usize) -> usize {
        let count = usize::try_from(1 + self.below(CUT_MAX)).expect("a small number");
        (from + count).min(end)
    }
}
