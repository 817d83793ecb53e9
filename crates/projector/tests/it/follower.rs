//! The loop, one answer of the store at a time.

use std::collections::VecDeque;
use std::time::Duration;

use domain::ids::{Checkpoint, Hash256, VenueId};
use domain::state::State;
use domain::units::{Epoch, Seq, UnixNanos};
use projector::batch::{Batch, Stream};
use projector::block::CommittedBlock;
use projector::conformance::{Blocks, SETTINGS, VENUE};
use projector::fold::BATCH_COMMANDS_MAX;
use projector::follower::{
    EMPTY_COMMIT_INTERVAL_NS, Follower, RETRY_MAX_NS, RETRY_MIN_NS, Source, SourceError, Step, Stop,
};
use projector::share::Share;
use projector::store::{COMMIT_INTERVAL, Divergence, Outcome, Store, StoreError};
use sim::commands::Profile;

use sim::feed::feed;

const WRITER: Epoch = Epoch(5);

/// Answers as it is told, then commits.
#[derive(Default)]
struct Scripted {
    stored: Option<Checkpoint>,
    answers: VecDeque<Outcome>,
    commits: Vec<(Seq, Seq)>,
}

impl Store for Scripted {
    fn checkpoint(&mut self, _stream: Stream) -> Result<Option<Checkpoint>, StoreError> {
        Ok(self.stored)
    }
    fn commit(&mut self, batch: &Batch) -> Outcome {
        self.commits.push((batch.from.seq, batch.to.seq));
        self.answers.pop_front().unwrap_or(Outcome::Committed)
    }
}

fn blocks() -> Vec<CommittedBlock> {
    feed(Profile::Flow, 1, 200).0
}

fn follower(stream: Stream) -> Follower {
    Follower::new(stream, VENUE, WRITER, Share::whole(), SETTINGS)
}

fn at(block: &CommittedBlock) -> Checkpoint {
    Checkpoint { epoch: WRITER, ..block.info().checkpoint() }
}

#[test]
fn an_idle_store_is_written_at_once_and_a_busy_one_gets_more_at_a_time() {
    let blocks = blocks();
    let (mut source, mut store, mut follower) = (Blocks::new(&blocks), Scripted::default(), follower(Stream::Audit));
    let start = UnixNanos(1_000_000_000);
    assert!(matches!(follower.step(start, &mut source, &mut store), Step::Resumed(Checkpoint { seq: Seq::ZERO, .. })));
    assert_eq!(follower.step(start, &mut source, &mut store), Step::Idle);
    source.arrive(1);
    assert_eq!(follower.step(start, &mut source, &mut store), Step::Committed(at(&blocks[0])));
    source.arrive(1);
    let due = start.plus(u64::try_from(COMMIT_INTERVAL.as_nanos()).unwrap());
    assert_eq!(follower.step(start.plus(1), &mut source, &mut store), Step::Wait(due), "it was just written");
    source.arrive(2);
    assert_eq!(follower.step(due, &mut source, &mut store), Step::Committed(at(&blocks[3])), "three at once");
    assert_eq!(follower.step(due, &mut source, &mut store), Step::Idle);
}

#[test]
fn a_checkpoint_without_rows_moves_seldom() {
    let blocks = blocks();
    let last = blocks.len();
    let (mut source, mut store) = (Blocks::new(&blocks), Scripted::default());
    store.stored = Some(at(&blocks[last - 4]));
    let mut follower = follower(Stream::Reference);
    source.arrive(u64::try_from(last - 2).unwrap());
    let start = UnixNanos(0);
    assert!(matches!(follower.step(start, &mut source, &mut store), Step::Resumed(_)));
    assert_eq!(follower.step(start, &mut source, &mut store), Step::Committed(at(&blocks[last - 3])));
    source.arrive(1);
    assert_eq!(follower.step(start, &mut source, &mut store), Step::Wait(start.plus(EMPTY_COMMIT_INTERVAL_NS)));
}

#[test]
fn a_full_batch_does_not_wait() {
    let (blocks, _) = feed(Profile::Flow, 2, 60);
    let large = repeated(&blocks, BATCH_COMMANDS_MAX + 100);
    let (mut source, mut store, mut follower) = (Blocks::new(&large), Scripted::default(), follower(Stream::Trades));
    source.arrive(u64::MAX);
    let now = UnixNanos(0);
    assert!(matches!(follower.step(now, &mut source, &mut store), Step::Resumed(_)));
    assert!(matches!(follower.step(now, &mut source, &mut store), Step::Committed(_)));
    let (from, to) = store.commits[0];
    assert!(to.0 - from.0 >= BATCH_COMMANDS_MAX as u64 && to.0 - from.0 < BATCH_COMMANDS_MAX as u64 + 10);
}

/// The same commands again and again, without their events but one.
fn repeated(blocks: &[CommittedBlock], count: usize) -> Vec<CommittedBlock> {
    let commands: Vec<_> = blocks.iter().flat_map(CommittedBlock::commands).collect();
    let mut made = Vec::new();
    let mut seq = Seq::ZERO;
    while seq.0 < count as u64 {
        let (first, last) = (seq.next(), Seq(seq.0 + 10));
        let mut block = CommittedBlock::new(projector::block::BlockInfo { first, last, ..*blocks[0].info() });
        while seq < last {
            let source = &commands[usize::try_from(seq.0).unwrap() % commands.len()];
            seq = seq.next();
            let mut command = source.command.clone();
            command.seq = seq;
            let refused = domain::event::Refused {
                part: domain::event::RefusedPart::Whole,
                reason: domain::reject::RejectReason::UnknownUser,
            };
            block.push(command, [domain::event::Event::Refused(refused)]);
        }
        made.push(block);
    }
    made
}

#[test]
fn a_store_that_puts_it_off_is_asked_again_later_and_later_with_the_same_batch() {
    let blocks = blocks();
    let (mut source, mut store, mut follower) = (Blocks::new(&blocks), Scripted::default(), follower(Stream::Audit));
    source.arrive(3);
    let mut now = UnixNanos(0);
    assert!(matches!(follower.step(now, &mut source, &mut store), Step::Resumed(_)));
    store.answers = std::iter::repeat_n(Outcome::Retry(Duration::ZERO), 15).collect();
    store.answers.push_back(Outcome::Retry(Duration::from_mins(1)));
    let mut pauses = Vec::new();
    loop {
        source.arrive(1);
        match follower.step(now, &mut source, &mut store) {
            Step::Wait(until) => {
                assert_eq!(follower.step(now, &mut source, &mut store), Step::Wait(until), "not before its time");
                pauses.push(until.since(now));
                now = until;
            }
            Step::Committed(checkpoint) => break assert_eq!(checkpoint, at(&blocks[3])),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(pauses[..3], [RETRY_MIN_NS, 2 * RETRY_MIN_NS, 4 * RETRY_MIN_NS]);
    assert_eq!(pauses[14], RETRY_MAX_NS);
    assert_eq!(pauses[15], 60_000_000_000, "as long as the store asked for");
    store.commits.dedup();
    assert_eq!(store.commits.len(), 1, "the batch stayed the same");
}

#[test]
fn a_store_that_is_elsewhere_is_followed_from_there() {
    let blocks = blocks();
    let (mut source, mut store, mut follower) = (Blocks::new(&blocks), Scripted::default(), follower(Stream::Users));
    source.arrive(4);
    let now = UnixNanos(0);
    store.stored = Some(at(&blocks[1]));
    assert_eq!(follower.step(now, &mut source, &mut store), Step::Resumed(at(&blocks[1])));
    store.answers.push_back(Outcome::Behind(at(&blocks[0])));
    assert_eq!(follower.step(now, &mut source, &mut store), Step::Resumed(at(&blocks[0])));
    assert_eq!(follower.step(now, &mut source, &mut store), Step::Committed(at(&blocks[3])));
    let (first, last) = (blocks[0].info().last, blocks[3].info().last);
    assert_eq!(store.commits[1], (first, last), "from where the store said it was");
}

#[test]
fn some_answers_are_final() {
    let blocks = blocks();
    let elsewhere = Divergence::Venue(VenueId([1; 16]));
    for (outcome, stop) in [
        (Outcome::Fenced(Epoch(9)), Stop::Fenced(Epoch(9))),
        (Outcome::Diverged(elsewhere.clone()), Stop::Diverged(elsewhere)),
        (Outcome::Fatal("broken".into()), Stop::Failed("broken".into())),
    ] {
        let (mut source, mut store, mut follower) =
            (Blocks::new(&blocks), Scripted::default(), follower(Stream::Users));
        source.arrive(1);
        store.answers.push_back(outcome);
        assert!(matches!(follower.step(UnixNanos(0), &mut source, &mut store), Step::Resumed(_)));
        assert_eq!(follower.step(UnixNanos(0), &mut source, &mut store), Step::Stopped);
        assert_eq!(follower.stopped(), Some(&stop));
        assert_eq!(follower.step(UnixNanos(u64::MAX), &mut source, &mut store), Step::Stopped);
        assert_eq!(store.commits.len(), 1, "it never tries again");
    }
}

#[test]
fn a_checkpoint_of_another_history_stops_before_anything_is_written() {
    let blocks = blocks();
    let good = at(&blocks[3]);
    let end = blocks[blocks.len() - 1].info().last;
    for (stored, stop) in [
        (Checkpoint { venue: VenueId([1; 16]), ..good }, Stop::Diverged(Divergence::Venue(VenueId([1; 16])))),
        (Checkpoint { epoch: Epoch(6), ..good }, Stop::Fenced(Epoch(6))),
        (
            Checkpoint { hash: Hash256([1; 32]), ..good },
            Stop::Diverged(Divergence::Hash { seq: good.seq, stored: Hash256([1; 32]) }),
        ),
        (Checkpoint { seq: end.next(), ..good }, Stop::Diverged(Divergence::Ahead(end.next()))),
    ] {
        let mut store = Scripted { stored: Some(stored), ..Scripted::default() };
        let (mut source, mut follower) = (Blocks::new(&blocks), follower(Stream::Users));
        source.arrive(u64::MAX);
        assert_eq!(follower.step(UnixNanos(0), &mut source, &mut store), Step::Stopped);
        assert_eq!(follower.stopped(), Some(&stop));
        assert!(store.commits.is_empty());
    }
}

/// Leaves out a block.
struct Gap<'a>(Blocks<'a>);

impl Source for Gap<'_> {
    fn seek(&mut self, checkpoint: &Checkpoint) -> Result<Option<UnixNanos>, SourceError> {
        self.0.seek(checkpoint)
    }
    fn state_before(&mut self, seq: Seq) -> Result<State, SourceError> {
        self.0.state_before(seq)
    }
    fn committed(&self) -> Seq {
        self.0.committed()
    }
    fn next(&mut self) -> Result<Option<&CommittedBlock>, SourceError> {
        self.0.next()?;
        self.0.next()
    }
}

#[test]
fn a_source_that_leaves_out_a_block_is_not_believed() {
    let blocks = blocks();
    let mut inner = Blocks::new(&blocks);
    inner.arrive(u64::MAX);
    let (mut source, mut store, mut follower) = (Gap(inner), Scripted::default(), follower(Stream::Users));
    assert!(matches!(follower.step(UnixNanos(0), &mut source, &mut store), Step::Resumed(_)));
    assert_eq!(follower.step(UnixNanos(0), &mut source, &mut store), Step::Stopped);
    assert!(matches!(follower.stopped(), Some(Stop::Failed(_))));
}
