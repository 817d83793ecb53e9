use std::collections::BTreeMap;
use std::path::PathBuf;

use domain::event::Deposited;
use domain::ids::AssetId;
use domain::units::{Amount, Epoch, UnixNanos};
use journal::config::{Config, Insist};
use journal::faulty::FaultyDisk;
use journal::journal::Journal;
use journal::storage::Directory;

use super::*;
use crate::event_log::EventLog;

const VENUE: VenueId = VenueId([7; 16]);
const SEGMENT_BYTES: u64 = 16 << 10;
/// Entries of a chunk and of a file.
const SIZES: (usize, usize) = (8, 700);
const USERS: u64 = 5;

/// An event log with its index, and what is in it.
struct Venue {
    disk: FaultyDisk,
    events: EventLog,
    index: Arc<ExecutionIndex>,
    /// By user and number: the command.
    expected: BTreeMap<(u32, u64), u64>,
    numbers: [u64; 5],
    seq: u64,
}

fn events(disk: &FaultyDisk) -> Journal {
    let config = Config { segment_bytes: SEGMENT_BYTES, append_bytes_max: 4 << 10, ..Config::events(VENUE) };
    Journal::open(Directory::new(Arc::new(disk.clone()), "events"), config, Insist::default()).unwrap().0
}

fn index(disk: &FaultyDisk, events: &Journal) -> Arc<ExecutionIndex> {
    let folder = Folder::new(Arc::new(disk.clone()), "index");
    Arc::new(
        ExecutionIndex::open_sized(folder, VENUE, &events.source(), (events.tip().seq, events.tip().seq), SIZES)
            .unwrap(),
    )
}

impl Venue {
    fn new() -> Self {
        let disk = FaultyDisk::new(1);
        let journal = events(&disk);
        let index = index(&disk, &journal);
        let events = EventLog::new(journal).with_index(Arc::clone(&index));
        Self { disk, events, index, expected: BTreeMap::new(), numbers: [0; 5], seq: 0 }
    }

    /// Adds blocks of up to three commands, each with up to three events; some commands have none of a user.
    fn add(&mut self, blocks: u64) {
        for block in 0..blocks {
            for _ in 0..=self.seq % 3 {
                self.seq += 1;
                let events: Vec<Event> = (0..self.seq % 4).map(|place| self.deposit(block + place)).collect();
                self.events.add(Epoch(1), Seq(self.seq), UnixNanos(self.seq), &events).unwrap();
            }
            self.events.end_block(Epoch(1), UnixNanos(self.seq)).unwrap();
        }
    }

    fn deposit(&mut self, which: u64) -> Event {
        // The last user comes once in a while only.
        let user = if which.is_multiple_of(97) { USERS - 1 } else { (which * which + self.seq) % (USERS - 1) };
        let (user, place) = (u32::try_from(user).unwrap(), usize::try_from(user).unwrap());
        self.numbers[place] += 1;
        let number = self.numbers[place];
        self.expected.insert((user, number), self.seq);
        let (user, execution) = (UserId(user), ExecutionNumber(number));
        Event::Deposited(Deposited { user, execution, asset: AssetId(0), amount: Amount(number.into()) })
    }

    fn maintain(&self) {
        let oldest = self.events.journal().source().oldest().unwrap().unwrap();
        while self.index.maintain(oldest).unwrap() {}
    }

    fn restart(&mut self) {
        let old = events_of_nobody();
        drop(std::mem::replace(&mut self.events, EventLog::new(old)));
        let journal = events(&self.disk);
        self.index = index(&self.disk, &journal);
        self.events = EventLog::new(journal).with_index(Arc::clone(&self.index));
    }

    fn files(&self) -> Vec<PathBuf> {
        self.disk.files().into_iter().filter(|path| path.starts_with("index")).collect()
    }

    fn check(&self) {
        for ((user, number), seq) in &self.expected {
            let found = self.index.find(UserId(*user), ExecutionNumber(*number)).unwrap();
            assert_eq!(found, Some(Seq(*seq)), "user {user}, number {number}");
        }
        for (user, last) in (0..).zip(self.numbers) {
            assert_eq!(self.index.find(UserId(user), ExecutionNumber(last + 1)).unwrap(), None);
            assert_eq!(self.index.find(UserId(user), ExecutionNumber(0)).unwrap(), None);
        }
        assert_eq!(self.index.find(UserId(99), ExecutionNumber(1)).unwrap(), None);
    }

    fn read(&self, user: u32, from: u64, limit: usize) -> Result<Vec<u64>, ExecutionsError> {
        let source = self.events.journal().source();
        let read = self.index.read_executions(&source, UserId(user), ExecutionNumber(from), limit)?;
        for (seq, time, event) in &read {
            let (of, number) = numbered(event).unwrap();
            assert_eq!(of, UserId(user));
            assert_eq!((seq.0, time.0), (self.expected[&(user, number.0)], seq.0));
        }
        Ok(read.iter().filter_map(|(_, _, event)| numbered(event)).map(|(_, number)| number.0).collect())
    }
}

/// Stands in while a log is closed.
fn events_of_nobody() -> Journal {
    events(&FaultyDisk::new(9))
}

#[test]
fn what_was_written_is_found_wherever_it_is_by_now() {
    let mut venue = Venue::new();
    for round in 0..12 {
        venue.add(150);
        if round % 3 == 0 {
            venue.check();
        }
        venue.maintain();
        venue.check();
    }
    assert!(venue.files().len() >= 3, "{:?}", venue.files());
}

#[test]
fn a_restart_reads_what_no_file_has_and_makes_up_for_missing_files() {
    let mut venue = Venue::new();
    venue.add(1_200);
    venue.maintain();
    venue.add(100);
    venue.restart();
    venue.check();
    let files = venue.files();
    assert!(files.len() >= 2);
    for file in files.iter().rev() {
        let storage: &dyn journal::storage::Storage = &venue.disk;
        storage.remove(file).unwrap();
        venue.restart();
        venue.check();
        venue.add(10);
        venue.maintain();
        venue.check();
    }
}

#[test]
fn a_damaged_page_is_an_error_and_a_damaged_header_a_missing_file() {
    let mut venue = Venue::new();
    venue.add(1_200);
    venue.maintain();
    let last = venue.files().pop().unwrap();
    venue.disk.flip_bit(&last, 4096 + 100, 1);
    let broken = (1..=venue.numbers[0]).filter(|number| venue.index.find(UserId(0), ExecutionNumber(*number)).is_err());
    assert!(broken.count() > 0);
    venue.disk.flip_bit(&last, 33, 1);
    venue.restart();
    venue.check();
}

#[test]
fn a_user_s_events_are_read_without_a_gap() {
    let mut venue = Venue::new();
    venue.add(500);
    venue.maintain();
    venue.add(50);
    for user in 0..5 {
        let last = venue.numbers[user as usize];
        assert_eq!(venue.read(user, 1, usize::MAX).unwrap(), (1..=last).collect::<Vec<_>>());
        assert_eq!(venue.read(user, 0, 3).unwrap(), [1, 2, 3]);
        assert_eq!(venue.read(user, last - 1, 10).unwrap(), [last - 1, last]);
        assert_eq!(venue.read(user, last + 1, 10).unwrap(), []);
    }
    assert_eq!(venue.read(99, 1, 10).unwrap(), []);
}

#[test]
fn what_was_purged_is_said_to_be() {
    let mut venue = Venue::new();
    venue.add(1_500);
    venue.maintain();
    let files = venue.files().len();
    let oldest = Seq(venue.seq / 2);
    assert!(venue.events.journal_mut().purge_before(oldest).unwrap() > 0);
    for when in ["before the files are dropped", "after", "after a restart"] {
        let Err(ExecutionsError::Purged { oldest: Some(oldest) }) = venue.read(0, 1, 10) else { panic!("{when}") };
        assert_eq!(venue.read(0, oldest.0, 2).unwrap(), [oldest.0, oldest.0 + 1], "{when}");
        assert!(venue.read(0, oldest.0 - 1, 2).is_err(), "{when}");
        venue.maintain();
        if when == "after" {
            assert!(venue.files().len() < files);
            venue.restart();
        }
    }
}

#[test]
fn what_is_not_written_yet_is_not_found() {
    let mut venue = Venue::new();
    venue.add(10);
    let event = venue.deposit(1);
    let (user, number) = numbered(&event).unwrap();
    venue.events.add(Epoch(1), Seq(venue.seq + 1), UnixNanos(venue.seq + 1), &[event]).unwrap();
    assert_eq!(venue.index.find(user, number).unwrap(), None);
    venue.events.end_block(Epoch(1), UnixNanos(venue.seq + 1)).unwrap();
    assert_eq!(venue.index.find(user, number).unwrap(), Some(Seq(venue.seq + 1)));
}
