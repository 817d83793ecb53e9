//! `verify` beside a running venue: whatever is just being written, and whatever is just being removed, is no finding.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use outside::client::{Client, Key};

use crate::desk::{Desk, Market, PATIENCE, copy, files, limit, until};

/// Clean passes that are enough, once the first segment has gone.
const CLEAN: usize = 6;
/// Three of hot.db, eight of archive.db.
const STREAMS: usize = 11;
/// Orders on the way at the same time.
const PIPELINED: usize = 8;

/// Places orders until told to stop; how many were taken.
fn orders(mut client: Client, side: &str, stop: &AtomicBool) -> u64 {
    let mut taken = 0;
    while !stop.load(Ordering::Acquire) {
        for number in 0..PIPELINED {
            client.send("POST", "/api/v3/order", &limit(side, 100, &format!("{side}-{taken}-{number}"))).unwrap();
        }
        for _ in 0..PIPELINED {
            let answer = client.hear().unwrap();
            // One open order more than an account may have, where the other side is slower.
            assert!(matches!((answer.status, answer.code()), (200, _) | (400, Some(-1013))), "{}", answer.body);
            taken += u64::from(answer.status == 200);
        }
    }
    taken
}

fn stays_clean(desk: &Desk) {
    let mut venue = desk.serve();
    let market = Market::open(desk, &mut venue, 2);
    let stop = Arc::new(AtomicBool::new(false));
    let mut load = |key: &Key, side: &'static str| {
        let (client, stop) = (venue.client(key).unwrap(), Arc::clone(&stop));
        std::thread::spawn(move || orders(client, side, &stop))
    };
    let threads = [load(&market.traders[0], "BUY"), load(&market.traders[1], "SELL")];
    let (begun, first) = (Instant::now(), files(&desk.data.join("journal"), "seg").remove(0));
    let (mut clean, mut again) = (0, 0);
    while clean < CLEAN || first.exists() {
        let said = desk.verify();
        clean += 1;
        again += said.lines().filter(|line| line.starts_with("again")).count();
        assert!(begun.elapsed() < PATIENCE, "{clean} clean, and {} is still there", first.display());
    }
    stop.store(true, Ordering::Release);
    let [bought, sold] = threads.map(|thread| thread.join().unwrap());
    println!("{clean} clean, {again} passes repeated, beside {bought} and {sold} orders in {:?}", begun.elapsed());
    assert!(bought > 0 && sold > 0);
    venue.stop().unwrap();
    desk.verify();
}

#[test]
fn verify_is_clean_beside_a_venue_that_removes_segments() {
    stays_clean(&Desk::new().with("SNAPSHOT_EVERY", 1_000).with("RETAIN_HOURS", 0));
}

#[test]
fn verify_is_clean_beside_a_venue_that_moves_segments_to_a_store() {
    let desk = Desk::new();
    let store = desk.beside("segments");
    stays_clean(&desk.with("SNAPSHOT_EVERY", 1_000).with("SEGMENT_STORE", store.display()));
}

/// Snapshots go on without the followers. Where the logs do not reach back to the first command, nothing is left to compute the
/// rows of a store from that is behind both snapshots; that is no finding, but other rows still are.
#[test]
fn a_store_behind_the_oldest_snapshot_is_no_finding() {
    let desk = Desk::new().with("SNAPSHOT_EVERY", 1_000).with("RETAIN_HOURS", 0);
    desk.load_until_purged();
    says_its_ranges(&desk.verify());
    let (store, kept) = (desk.data.join("store"), desk.beside("kept"));
    copy(&store, &kept);
    let newest = desk.snapshots().pop().unwrap();
    until("both snapshots are later than the store", || {
        desk.load(20_000);
        desk.snapshots()[0] > newest
    });
    fs::remove_dir_all(&store).unwrap();
    copy(&kept, &store);
    let said = desk.verify();
    assert_eq!(said.matches("behind the oldest snapshot").count(), STREAMS, "{said}");

    let archive = rusqlite::Connection::open(store.join("archive.db")).unwrap();
    archive.execute("UPDATE checkpoints SET hash = zeroblob(32) WHERE stream = 'trades'", []).unwrap();
    drop(archive);
    let said = desk.refused_verify();
    assert!(said.contains("archive/trades: the store has another history"), "{said}");
}

/// What the logs no longer have is compared by digest, the rest row by row.
fn says_its_ranges(said: &str) {
    let (_, ranges) = said.split_once("the logs begin at ").unwrap_or_else(|| panic!("no range in {said}"));
    let numbers =
        |text: &str| -> Vec<u64> { text.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect() };
    let (rows, digest) = ranges.split_once("compared row by row; ").expect("both ranges");
    let [begin, from, to] = numbers(rows)[..] else { panic!("{rows}") };
    let digest = numbers(digest.split_once(" by digest").expect("the range by digest").0);
    assert!(begin <= from && from <= to, "{said}");
    assert_eq!(digest, [1, from - 1], "no command is left out: {said}");
    assert!(said.contains(&format!("all that {from} to ")), "each stream says it too: {said}");
}

#[test]
fn where_the_segment_store_has_everything_every_row_is_compared() {
    let desk = Desk::new();
    let segments = desk.beside("segments");
    let desk = desk.with("SEGMENT_STORE", segments.display()).with("SNAPSHOT_EVERY", 10_000);
    desk.load_until_purged();
    let said = desk.verify();
    assert!(said.contains("the logs begin at 1: commands 1 to "), "{said}");
    assert!(!said.contains("by digest"), "{said}");
    let compared: Vec<&str> = said.lines().filter(|line| line.contains("rows equal one by one")).collect();
    assert_eq!(compared.len(), STREAMS, "each stream of each file: {said}");
    assert!(compared.iter().all(|line| line.contains(" 0 from before the logs")), "{said}");
}
