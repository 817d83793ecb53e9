//! The maintainer on a disk that fails.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::{Duration, Instant};

use domain::command::create_user::CreateUser;
use domain::command::{Action, Command, Envelope, Request, RequestContent};
use domain::event::{Moving, ShardAdded, ShardMapEvent};
use domain::ids::{Hash256, ShardId, UserId, VenueId};
use domain::shard_map::ShardMap;
use domain::shards::{Shard, ShardStatus, Subject};
use domain::text::{RequestId, ShardName};
use domain::units::{Epoch, Seq, UnixNanos, Weight};
use engine::Engine;
use journal::block::{BlockKind, BlockToWrite};
use journal::faulty::FaultyDisk;
use journal::faulty::fault::Fault;
use journal::segment::list_segments;
use journal::storage::Directory;
use sequencer::folder::Folder;
use sequencer::queue::queue;
use sequencer::recovery::{Places, RULES_VERSION, Recovered, Start, recover};
use sequencer::replayer::{ReplayPoint, Replayer};

use super::{EventLogLost, Maintainer, Nearing, Watch};
use crate::moves::Moves;
use crate::retention::{KeptLog, Retention};

const VENUE: VenueId = VenueId([7; 16]);
const START: Start = Start { new_venue: VENUE, cell: 1, segment_bytes: 128 << 10, followers_reached: Seq::ZERO };

fn places(disk: &FaultyDisk) -> Places {
    let directory = |name: &str| Directory::new(Arc::new(disk.clone()), name);
    let folder = |name: &str| Folder::new(Arc::new(disk.clone()), name);
    Places {
        journal: directory("journal"),
        event_log: directory("events"),
        event_index: folder("events-index"),
        snapshots: folder("snapshots"),
    }
}

/// Journals so many commands, each in a block of its own.
fn trade(places: &Places, commands: u64) {
    let Recovered { mut journal, epoch, .. } = recover(places, START, &mut |_| {}).unwrap();
    for number in 1..=commands {
        let id = RequestId::new(&format!("user-{number}")).unwrap();
        let action = Action::Request(Request { id, content: RequestContent::CreateUser(CreateUser) });
        let mut payload = Vec::new();
        codec::command::encode_command(&Command { envelope: Envelope::VENUE, action }, &mut payload);
        let (kind, time) = (BlockKind::Commands, UnixNanos(number));
        let (first_seq, count, rules_version) = (Seq(number), 1, RULES_VERSION);
        let block = BlockToWrite { kind, rules_version, epoch, first_seq, count, time, payload: &payload };
        journal.append_synced(&[block]).unwrap();
    }
}

/// A maintainer that has all of it before it, beside logs that nobody writes.
fn maintainer(places: &Places, snapshot_every: u64) -> Maintainer {
    let Recovered { journal, event_log, snapshots, .. } = recover(places, START, &mut |_| {}).unwrap();
    let point = ReplayPoint { epoch: Epoch(0), journal_hash: Hash256::default(), event_log_hash: Hash256::default() };
    let (journal, events) = (journal.source(), event_log.journal().source());
    let replayer = Replayer::new(VENUE, Engine::new(START.cell), point, &journal, &events);
    let kept = |identity, local: &Directory| KeptLog { identity, local: local.clone(), store: None };
    let retention = Retention {
        journal: kept(Places::journal_identity(VENUE), &places.journal),
        event_log: kept(Places::event_log_identity(VENUE), &places.event_log),
        retain_hours: 0,
    };
    let watch = Watch {
        written: Arc::clone(event_log.progress()),
        admission: Arc::clone(queue(1_000).0.admission()),
        followers: Arc::default(),
        follower_lag_max: 1_000,
        logs_complete_after: Seq::ZERO,
        executions: Arc::clone(event_log.index().unwrap()),
        moves: Arc::new(Moves::of(&ShardMap::default())),
        stop: Arc::new(AtomicBool::new(false)),
        replayed: Arc::new(AtomicU64::new(0)),
    };
    Maintainer::new(replayer, snapshots, snapshot_every, retention, watch)
}

/// Files in the snapshots' directory.
fn snapshot_files(disk: &FaultyDisk) -> Vec<PathBuf> {
    disk.files().into_iter().filter(|path| path.parent() == Some(Path::new("snapshots"))).collect()
}

#[test]
fn a_failed_sync_of_the_event_log_is_final() {
    let disk = FaultyDisk::new(1);
    let places = places(&disk);
    trade(&places, 20);
    let mut maintainer = maintainer(&places, 10);
    disk.inject(Fault::SyncError, 0);
    assert!(matches!(maintainer.run(), Err(EventLogLost)));
    assert!(maintainer.watch.written.lost().is_some());
    assert!(maintainer.watch.admission.is_closed());
    // The disk is well again, and says that everything is written: it is not believed.
    maintainer.finish().unwrap();
    assert_eq!(snapshot_files(&disk), Vec::<PathBuf>::new());
}

#[test]
fn after_a_failure_of_the_event_logs_writer_no_snapshot_is_written() {
    let disk = FaultyDisk::new(2);
    let places = places(&disk);
    trade(&places, 20);
    let mut maintainer = maintainer(&places, 10);
    maintainer.watch.written.lose("its writer saw a failed sync".into());
    maintainer.finish().unwrap();
    assert_eq!(snapshot_files(&disk), Vec::<PathBuf>::new());
}

#[test]
fn a_healthy_disk_gets_snapshots() {
    let disk = FaultyDisk::new(3);
    let places = places(&disk);
    trade(&places, 20);
    maintainer(&places, 10).finish().unwrap();
    assert_eq!(snapshot_files(&disk).len(), 1);
}

#[test]
fn a_snapshot_that_fails_is_not_tried_with_every_block() {
    let disk = FaultyDisk::new(4);
    let places = places(&disk);
    trade(&places, 150);
    let mut maintainer = maintainer(&places, 100);
    while maintainer.replayer.step(maintainer.watch.written.committed()).unwrap() {}
    disk.inject(Fault::NoSpace, 0);
    maintainer.snapshot_if_due().unwrap();
    // There would be room again; but this is the same block.
    maintainer.snapshot_if_due().unwrap();
    assert_eq!((maintainer.replayer.seq(), maintainer.due), (Seq(150), Seq(160)));
    assert_eq!(snapshot_files(&disk), Vec::<PathBuf>::new());
    // A stop asks once more.
    maintainer.finish().unwrap();
    assert_eq!(snapshot_files(&disk).len(), 1);
}

#[test]
fn the_logs_are_kept_from_where_an_open_move_began() {
    for is_open in [true, false] {
        let disk = FaultyDisk::new(5);
        let places = places(&disk);
        trade(&places, 150);
        let mut maintainer = maintainer(&places, 50);
        maintainer.watch.moves = Arc::new(Moves::of(&map_with_a_move(is_open)));
        for end in [50, 100, 150] {
            while maintainer.replayer.step(Seq(end)).unwrap() {}
            maintainer.snapshot_if_due().unwrap();
        }
        assert_eq!(snapshot_files(&disk).len(), 2, "the third is written and the first gone");
        let oldest = list_segments(&places.journal).unwrap()[0];
        assert!(if is_open { oldest <= MOVE_BEGAN } else { oldest > MOVE_BEGAN }, "{is_open}: {oldest:?}");
    }
}

const MOVE_BEGAN: Seq = Seq(5);

/// Two shards, and a user on its way from one to the other, or no longer.
fn map_with_a_move(is_open: bool) -> ShardMap {
    let shard = |id: u16, name: &str| ShardAdded {
        shard: Shard {
            id: ShardId(id),
            weight: Weight(1),
            status: ShardStatus::Active,
            name: ShardName::new(name).unwrap(),
        },
        symbols_placed: 0,
        users_placed: u32::from(id == 0),
    };
    let moving = Moving { subject: Subject::User(UserId(0)), from: ShardId(0), to: ShardId(1) };
    let mut map = ShardMap::default();
    assert!(map.apply(Seq(1), &ShardMapEvent::ShardAdded(shard(0, "one"))));
    assert!(map.apply(Seq(2), &ShardMapEvent::ShardAdded(shard(1, "two"))));
    assert!(map.apply(MOVE_BEGAN, &ShardMapEvent::MoveBegun(moving)));
    if !is_open {
        assert!(map.apply(MOVE_BEGAN.next(), &ShardMapEvent::MoveAborted(moving)));
    }
    map
}

#[test]
fn a_follower_that_joins_late_is_not_one_that_falls_behind() {
    let begun = Instant::now();
    let after = |seconds| begun + Duration::from_secs(seconds);
    let mut nearing = Nearing::default();
    // It has far to go, and comes nearer.
    for minute in 0..60 {
        assert!(!nearing.falls_behind("late", 1_000_000 - minute, 1_000, after(60 * minute)), "minute {minute}");
    }
    // It stands still.
    assert!(!nearing.falls_behind("late", 1_000_000, 1_000, after(60 * 60 - 1)));
    assert!(nearing.falls_behind("late", 1_000_000, 1_000, after(60 * 60 + 1)));
    // It comes near, and falls behind at once: then it is waited for until it is near again.
    assert!(!nearing.falls_behind("late", 900, 1_000, after(7_200)));
    assert!(!nearing.falls_behind("late", 1_000, 1_000, after(7_300)));
    assert!(nearing.falls_behind("late", 1_901, 1_000, after(7_201)));
    assert!(nearing.falls_behind("late", 1_001, 1_000, after(7_300)));
    assert!(!nearing.falls_behind("late", 999, 1_000, after(7_300)));
}
