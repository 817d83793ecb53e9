//! Files that are cut, flipped, missing: each start either mends it or says which file, where, and what can be done.

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};

use crate::desk::{Desk, Market, copy, flip, place, until, until_stored, written_to};

/// Commands of a venue with snapshots, fills and cancels.
const COMMANDS: u64 = 3_000;
/// Where the first block of a segment stands.
const FIRST_BLOCK: u64 = 4096;

/// A venue that traded, was served once, and was shut down.
fn traded() -> Desk {
    let desk = Desk::new().with("SNAPSHOT_EVERY", 1_000);
    desk.load(COMMANDS);
    desk.serve().stop().unwrap();
    desk
}

/// A venue whose stores have everything, killed: its logs are not sealed. The last block has a command in it.
fn killed() -> Desk {
    let desk = Desk::new();
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 1);
    let mut trader = market.trader(&mut venue);
    place(&mut trader, "BUY", 100, "last");
    until_stored(&mut trader);
    venue.kill().unwrap();
    desk
}

/// Where the last block of the journal begins.
fn last_block(desk: &Desk) -> u64 {
    let bytes = fs::read(desk.last_segment()).unwrap();
    let block = bytes.chunks(4096).rposition(|chunk| chunk.starts_with(b"BWBK")).unwrap();
    u64::try_from(block).unwrap() * 4096
}

fn starts_and_is_clean(desk: &Desk) {
    desk.serve().stop().unwrap();
    desk.verify();
}

#[test]
fn a_torn_tail_is_cut() {
    let desk = killed();
    let path = desk.last_segment();
    let end = u64::try_from(written_to(&path)).unwrap();
    // The beginning of a block, as a power cut leaves it.
    let mut file = fs::File::options().read(true).write(true).open(&path).unwrap();
    let mut torn = [0; 100];
    file.seek(SeekFrom::Start(last_block(&desk))).unwrap();
    file.read_exact(&mut torn).unwrap();
    file.seek(SeekFrom::Start(end)).unwrap();
    file.write_all(&torn).unwrap();
    drop(file);
    starts_and_is_clean(&desk);
    let log = desk.log();
    assert!(log.contains("a torn tail was cut") && log.contains(&format!("offset={end}")), "{log}");
}

#[test]
fn a_flip_in_the_middle_is_refused_with_file_and_offset() {
    let desk = traded();
    let path = desk.last_segment();
    flip(&path, FIRST_BLOCK + 40);
    for said in [desk.refused_start(), desk.refused_verify()] {
        assert!(said.contains(path.to_str().unwrap()), "{said}");
        assert!(said.contains(&format!("at offset {FIRST_BLOCK}")), "{said}");
    }
}

#[test]
fn a_flip_in_the_last_unsealed_block_is_refused_if_a_follower_has_it() {
    let desk = killed();
    let (path, offset) = (desk.last_segment(), last_block(&desk));
    flip(&path, offset + 150);
    let said = desk.refused_start();
    assert!(said.contains(path.to_str().unwrap()), "{said}");
    assert!(said.contains(&format!("at offset {offset}")), "{said}");
    assert!(said.contains("follower rewind"), "{said}");
}

/// The one case that nobody can tell from a torn tail: nothing was behind the block, and nobody had followed it.
#[test]
fn a_flip_in_the_last_unsealed_block_is_a_torn_tail_if_nobody_has_it() {
    let desk = killed();
    flip(&desk.last_segment(), last_block(&desk) + 150);
    fs::remove_dir_all(desk.data.join("events")).unwrap();
    fs::remove_dir_all(desk.data.join("store")).unwrap();
    starts_and_is_clean(&desk);
    assert!(desk.log().contains("a torn tail was cut"), "{}", desk.log());
}

#[test]
fn without_snapshots_everything_is_replayed() {
    let desk = traded();
    assert_eq!(desk.snapshots().len(), 2);
    for snapshot in desk.snapshots() {
        fs::remove_file(snapshot).unwrap();
    }
    starts_and_is_clean(&desk);
    assert!(desk.log().contains("snapshot=0"), "{}", desk.log());
}

#[test]
fn a_damaged_snapshot_is_passed_over() {
    let desk = traded();
    let snapshots = desk.snapshots();
    flip(&snapshots[1], 100);
    starts_and_is_clean_but_for_snapshots(&desk);
    let log = desk.log();
    let older = snapshots[0].file_stem().unwrap().to_str().unwrap().trim_start_matches('0').to_owned();
    assert!(log.contains("a snapshot could not be used"), "{log}");
    assert!(log.contains(snapshots[1].to_str().unwrap()), "{log}");
    assert!(log.contains(&format!("snapshot={older}")), "{log}");
}

/// The damaged one is of the same sequence as the one written at the end, or is pushed out by it.
fn starts_and_is_clean_but_for_snapshots(desk: &Desk) {
    desk.serve().stop().unwrap();
    let said = desk.binary.run(&["verify"], &desk.data).unwrap();
    let said = outside::process::said(&said);
    let wrong: Vec<_> = said.lines().filter(|line| line.starts_with("WRONG")).collect();
    assert!(wrong.iter().all(|line| line.starts_with("WRONG snapshot")), "{said}");
}

#[test]
fn a_missing_event_log_is_derived_again() {
    let desk = traded();
    let before = desk.verify();
    fs::remove_dir_all(desk.data.join("events")).unwrap();
    starts_and_is_clean(&desk);
    let log = desk.log();
    let up = log.lines().rfind(|line| line.contains("venue is up")).unwrap();
    assert!(up.contains("replayed=3") && up.contains("events_derived=3"), "{up}");
    let state = |said: &str| said.lines().find_map(|line| line.split_once("conserved, ")).unwrap().1.to_owned();
    assert_eq!(state(&desk.verify()), state(&before));
}

#[test]
fn a_missing_store_is_written_again() {
    let desk = traded();
    let rows = |said: &str| {
        let lines = said.lines().filter(|line| line.contains("rows equal one by one"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let before = rows(&desk.verify());
    fs::remove_dir_all(desk.data.join("store")).unwrap();
    starts_and_is_clean(&desk);
    assert_eq!(rows(&desk.verify()), before);
}

#[test]
fn a_data_directory_that_was_copied_is_the_same_venue() {
    let desk = traded();
    let other = Desk::new().at(desk.beside("copy"));
    copy(&desk.data, &other.data);
    starts_and_is_clean(&other);
    assert!(other.log().contains("replayed=0"), "{}", other.log());
}

/// Under another key no secret could be checked, and nobody would be told.
#[test]
fn a_missing_master_key_is_named_and_not_replaced() {
    let desk = Desk::new();
    desk.serve().stop().unwrap();
    let path = desk.data.join("master.key");
    let key = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let said = desk.refused_start();
    assert!(said.contains(path.to_str().unwrap()) && said.contains("is missing"), "{said}");
    assert!(!path.exists());
    fs::write(&path, key).unwrap();
    starts_and_is_clean(&desk);
}

/// The first segments of both logs are gone for good: nothing can write the store again.
#[test]
fn a_store_that_was_lost_after_a_purge_does_not_keep_the_venue_from_starting() {
    let desk = Desk::new().with("SNAPSHOT_EVERY", 10_000).with("RETAIN_HOURS", 0);
    desk.load_until_purged();
    desk.serve().stop().unwrap();
    let hot = desk.data.join("store/hot.db");
    for beside in ["hot.db-wal", "hot.db-shm"] {
        drop(fs::remove_file(hot.with_file_name(beside)));
    }
    fs::write(&hot, [7; 8192]).unwrap();
    let said = desk.refused_start();
    assert!(said.contains(hot.to_str().unwrap()) && said.contains("remove it"), "{said}");
    fs::remove_file(&hot).unwrap();

    let mut venue = desk.serve();
    let mut admin = venue.client(&desk.binary.admin_key(&desk.data).unwrap()).unwrap();
    admin.admin("assets", &serde_json::json!({"requestId": "after", "code": "AFTER", "scale": 8})).unwrap();
    let gap = admin.ask("GET", "/api/v3/allOrders", "symbol=C0USDT").unwrap();
    assert_eq!((gap.status, gap.code()), (503, Some(-5020)), "{}", gap.body);
    until("the follower says why it stopped", || {
        let status = admin.look("/v1/status").unwrap();
        let stopped = |follower: &serde_json::Value| {
            follower["name"].as_str().unwrap().starts_with("hot/")
                && follower["stopped"].as_str().is_some_and(|why| why.contains("bring back"))
        };
        status["followers"].as_array().unwrap().iter().filter(|follower| stopped(follower)).count() == 3
    });
    venue.stop().unwrap();
}

/// Whole, but not what this venue's commands lead to.
#[test]
fn a_snapshot_of_another_history_is_named() {
    let desks = [Desk::new(), Desk::new()].map(|desk| desk.with("SNAPSHOT_EVERY", 1_000));
    for desk in &desks {
        desk.load(3_000);
    }
    let said = desks[0].verify();
    assert!(said.contains("a replay comes to the same state and the same digest of events"), "{said}");
    let [own, other] = desks.each_ref().map(|desk| desk.snapshots().pop().unwrap());
    assert_eq!(own.file_name(), other.file_name(), "the same commands were loaded");
    fs::copy(other, own).unwrap();
    let said = desks[0].refused_verify();
    assert!(said.lines().any(|line| line.starts_with("WRONG snapshot at") && line.contains("another state")), "{said}");
}
