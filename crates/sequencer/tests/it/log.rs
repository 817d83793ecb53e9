//! Blocks go into the journal once, in order, or the log says that it is lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::command::create_api_key::{CreateApiKey, Credential, Roles};
use domain::command::{NotTaken, RequestContent};
use domain::ids::UserId;
use domain::text::Text;
use domain::units::{Epoch, Seq, UnixNanos};
use journal::config::{Config, Insist};
use journal::faulty::FaultyDisk;
use journal::faulty::fault::Fault;
use journal::journal::Journal;
use journal::storage::Directory;
use sequencer::batch::ReplyTo;
use sequencer::log::{Block, InlineLog, JournalLog, Log};
use sequencer::queue::{Entrance, Exit, queue};
use sequencer::recovery::{Start, recover};
use sequencer::sequencer::{BLOCK_BYTES, Step};

use crate::fixture::{Line, START, VENUE, create_asset, create_user, deposit, open_accounts, places, request};

const SEGMENT_BYTES: u64 = 64 << 10;
const LONG: Duration = Duration::from_secs(20);

fn journal(disk: &FaultyDisk) -> Journal {
    let config = Config { segment_bytes: SEGMENT_BYTES, append_bytes_max: 16 << 10, ..Config::commands(VENUE) };
    let directory = Directory::new(Arc::new(disk.clone()), "journal");
    Journal::open(directory, config, Insist::default()).unwrap().0
}

/// Blocks of three records, `bytes` long; they do not look like commands to anybody.
fn block(index: u64, bytes: usize) -> Block {
    let payload = vec![u8::try_from(index).unwrap(); bytes];
    Block { epoch: Epoch(1), first_seq: Seq(index * 3 + 1), count: 3, time: UnixNanos(index), payload }
}

fn check(journal: &Journal, blocks: u64) {
    let mut reader = journal.source().reader(Seq::ZERO);
    for index in 0..blocks {
        let block = reader.next_block(journal.tip().seq).unwrap().expect("the block was committed");
        assert_eq!(block.header.first_seq, Seq(index * 3 + 1));
        assert!(block.payload.iter().all(|byte| u64::from(*byte) == index));
    }
    assert!(reader.next_block(journal.tip().seq).unwrap().is_none());
    assert_eq!(journal.tip().seq, Seq(blocks * 3));
}

fn doors() -> (Entrance, Exit) {
    queue(100)
}

#[test]
fn a_thread_writes_what_is_submitted_and_the_directory_is_free_when_the_log_is_dropped() {
    let disk = FaultyDisk::new(1);
    let mut log = JournalLog::start(journal(&disk), Arc::clone(doors().0.admission())).unwrap();
    for index in 0..40 {
        assert!(log.progress().wait_room(LONG));
        let mut payload = log.buffer();
        assert!(payload.is_empty());
        payload.extend(block(index, 5_000).payload);
        log.submit(Block { payload, ..block(index, 0) });
    }
    assert!(log.progress().wait_committed(Seq(120), LONG));
    drop(log);
    check(&journal(&disk), 40);
}

#[test]
fn blocks_that_are_too_large_together_go_one_by_one_and_once() {
    let disk = FaultyDisk::new(2);
    let mut log = InlineLog::new(journal(&disk), Arc::clone(doors().0.admission()));
    for index in 0..20 {
        log.submit(block(index * 2, 9_000));
        log.submit(block(index * 2 + 1, 9_000));
        assert!(!log.has_room());
        assert!(log.work());
        assert!(log.has_room());
        assert_eq!(log.committed(), Seq(index * 6 + 6));
    }
    check(&log.into_journal(), 40);
}

/// Fills the first segment until only one more block of `bytes` fits, and lets the disk have no room for a second segment.
fn fill(disk: &FaultyDisk, log: &mut InlineLog) -> u64 {
    disk.set_capacity_bytes(Some(SEGMENT_BYTES));
    let mut index = 0;
    while index < 4 {
        log.submit(block(index, 12_000));
        assert!(log.work());
        index += 1;
    }
    index
}

#[test]
fn what_fits_before_the_disk_is_full_is_committed_and_the_rest_once_there_is_space() {
    let disk = FaultyDisk::new(3);
    let (entrance, _exit) = doors();
    let mut log = InlineLog::new(journal(&disk), Arc::clone(entrance.admission()));
    let done = fill(&disk, &mut log);
    log.submit(block(done, 7_000));
    log.submit(block(done + 1, 7_000));
    assert!(!log.work());
    assert_eq!(log.committed(), Seq(done * 3 + 3), "the first of the two has found room");
    assert!(log.has_room());
    let refused = entrance.submit(deposit("d"), ReplyTo::Nobody);
    assert_eq!(refused, Err(NotTaken::NoSpace));
    assert!(!log.work());

    disk.set_capacity_bytes(None);
    assert!(log.work());
    assert_eq!(log.committed(), Seq(done * 3 + 6));
    assert_eq!(entrance.submit(deposit("d"), ReplyTo::Nobody), Ok(()));
    check(&log.into_journal(), done + 2);
}

#[test]
fn the_doors_open_again_without_a_block_once_a_full_disk_has_room() {
    let disk = FaultyDisk::new(4);
    let (entrance, _exit) = doors();
    let mut inline = InlineLog::new(journal(&disk), Arc::clone(entrance.admission()));
    let done = fill(&disk, &mut inline);
    let mut log = JournalLog::start(inline.into_journal(), Arc::clone(entrance.admission())).unwrap();
    log.submit(block(done, 7_000));
    assert!(log.progress().wait_committed(Seq(done * 3 + 3), LONG));
    log.submit(block(done + 1, 7_000));
    let until = |refused: bool| {
        let begun = Instant::now();
        while (entrance.submit(deposit("d"), ReplyTo::Nobody) == Err(NotTaken::NoSpace)) != refused {
            assert!(begun.elapsed() < LONG, "refused should have become {refused}");
            std::thread::yield_now();
        }
    };
    until(true);
    disk.set_capacity_bytes(None);
    assert!(log.progress().wait_committed(Seq(done * 3 + 6), LONG));
    until(false);
    check(&log.finish().unwrap(), done + 2);
}

#[test]
fn a_full_disk_does_not_keep_a_log_from_ending() {
    let disk = FaultyDisk::new(5);
    let mut inline = InlineLog::new(journal(&disk), Arc::clone(doors().0.admission()));
    let done = fill(&disk, &mut inline);
    let mut log = JournalLog::start(inline.into_journal(), Arc::clone(doors().0.admission())).unwrap();
    log.submit(block(done, 14_000));
    let progress = Arc::clone(log.progress());
    check(&log.finish().unwrap(), done);
    assert!(progress.lost().is_some());
    assert!(!progress.wait_committed(Seq(done * 3 + 1), LONG), "who waits hears of it at once");
}

#[test]
fn after_a_failed_sync_nothing_is_committed_or_taken() {
    let disk = FaultyDisk::new(6);
    let mut line = Line::open(&places(&disk));
    open_accounts(&mut line);
    let before = line.seq();
    let mut answer = line.submit(deposit("d1")).unwrap();
    assert_eq!(line.step(), Ok(Step::Block(1)));
    disk.inject(Fault::SyncError, 0);
    assert!(!line.sequencer.log_mut().work());
    assert_eq!(line.seq(), before);
    assert!(!line.committed.wait_committed(before.next(), LONG));
    assert!(answer.try_recv().is_err());
    line.submit(deposit("d2")).unwrap();
    assert!(line.step().is_err());
}

/// More than one append takes, if they were one block.
#[test]
fn large_commands_are_spread_over_blocks() {
    let disk = FaultyDisk::new(9);
    let start = Start { segment_bytes: 4 << 20, ..START };
    let mut line = Line::of(recover(&places(&disk), start, &mut |_| {}).unwrap(), 1_000);
    let answers: Vec<_> = (0..100)
        .map(|index| {
            let credential = Credential::HmacSha256 { sealed_secret: vec![1; 60_000].into() };
            let api_key = Text::new("key").unwrap();
            let create = CreateApiKey { user: UserId(0), roles: Roles::default(), api_key, credential };
            let command = request(&format!("k{index}"), RequestContent::CreateApiKey(Box::new(create)));
            line.submit(command).unwrap()
        })
        .collect();
    assert_eq!(line.step(), Ok(Step::Block(BLOCK_BYTES.div_ceil(60_080))));
    assert!(line.sequencer.log_mut().work());
    line.release();
    line.write_events();
    line.turn();
    assert_eq!(answers.into_iter().filter_map(|mut answer| answer.try_recv().ok()).count(), 100);
}

#[test]
fn two_blocks_are_in_flight_at_most() {
    let disk = FaultyDisk::new(7);
    let mut line = Line::open(&places(&disk));
    for (id, expected) in [("a", Step::Block(1)), ("b", Step::Block(1)), ("c", Step::LogBusy)] {
        drop(line.submit(create_user(id)));
        assert_eq!(line.step(), Ok(expected));
    }
    assert!(line.sequencer.log_mut().work());
    assert_eq!(line.step(), Ok(Step::Block(1)));
}

#[test]
fn a_clock_that_went_back_over_a_clean_restart_does_not_stop_the_journal() {
    let disk = FaultyDisk::new(8);
    let mut line = Line::open(&places(&disk));
    line.run(create_asset("USD"));
    let later = UnixNanos(line.now + 1_000_000_000);
    let (_, log) = line.sequencer.into_parts();
    log.into_journal().seal(1, later).unwrap();
    drop((line.event_log, line.release));

    let mut line = Line::open(&places(&disk));
    let answer = line.run(create_user("u1"));
    assert_eq!(answer.time, later, "block time stands still until the wall clock has come this far");
}
